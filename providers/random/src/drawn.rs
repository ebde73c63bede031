//! A resource that is a string of drawn characters: what `random_string` and `random_password`
//! have in common.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, NoProvider, RecordedResource,
    Resource, ResourceHooks, ResourceReading, UnsupportedNames,
};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::characters::{CharacterRecipe, length, yes};

/// In what two kinds of drawn characters differ.
pub(crate) trait DrawnKind: Clone + Send + Sync + 'static {
    /// The resource type.
    const KIND: &'static str;
    /// The description of the resource type.
    const DOC: &'static str;
    /// The output: a plain string or a secret one.
    type Result: From<String> + Clone + Serialize + DeserializeOwned + JsonSchema + Send + Sync;

    /// The id of a resource with these characters. Ids are shown, so a secret is not its own.
    fn id(characters: &str) -> String;

    /// The hooks beside the check of the recipe.
    fn hooks(hooks: ResourceHooks) -> ResourceHooks {
        hooks
    }
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "K: DrawnKind", description = K::DOC)]
pub(crate) struct DrawnCharacters<K> {
    /// How many characters.
    length: Immutable<u32>,
    /// Whether to draw from `A` to `Z`.
    #[serde(default = "immutably_yes")]
    upper: Immutable<bool>,
    /// Whether to draw from `a` to `z`.
    #[serde(default = "immutably_yes")]
    lower: Immutable<bool>,
    /// Whether to draw from `0` to `9`.
    #[serde(default = "immutably_yes")]
    numeric: Immutable<bool>,
    /// Whether to draw from the special characters.
    #[serde(default = "immutably_yes")]
    special: Immutable<bool>,
    /// How many upper-case letters at least.
    #[serde(default)]
    min_upper: Immutable<u32>,
    /// How many lower-case letters at least.
    #[serde(default)]
    min_lower: Immutable<u32>,
    /// How many digits at least.
    #[serde(default)]
    min_numeric: Immutable<u32>,
    /// How many special characters at least.
    #[serde(default)]
    min_special: Immutable<u32>,
    /// The special characters to draw from, instead of `!@#$%&*()-_=+[]{}<>:?`.
    override_special: Option<Immutable<String>>,
    /// Any strings; when one of them changes, the characters are drawn again.
    keepers: Option<Immutable<BTreeMap<String, String>>>,
    #[serde(skip)]
    kind: PhantomData<K>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DrawnOutputs<R> {
    /// The characters that were drawn.
    result: R,
}

fn immutably_yes() -> Immutable<bool> {
    Immutable(yes())
}

impl<K> DrawnCharacters<K> {
    fn recipe(&self) -> CharacterRecipe {
        CharacterRecipe {
            length: *self.length,
            upper: *self.upper,
            lower: *self.lower,
            numeric: *self.numeric,
            special: *self.special,
            min_upper: *self.min_upper,
            min_lower: *self.min_lower,
            min_numeric: *self.min_numeric,
            min_special: *self.min_special,
            override_special: self.override_special.as_deref().cloned(),
        }
    }
}

impl<K: DrawnKind> Resource for DrawnCharacters<K> {
    const KIND: &'static str = K::KIND;
    const PURE: bool = true;
    const UNSUPPORTED: &'static [UnsupportedNames] =
        &[UnsupportedNames::new(&["number"], "write `numeric = …`")];
    type Provider = NoProvider;
    type Outputs = DrawnOutputs<K::Result>;

    fn hooks() -> ResourceHooks {
        K::hooks(ResourceHooks::new().check(|recipe: CharacterRecipe| recipe.problems()))
    }

    async fn create(
        &self,
        _: &NoProvider,
        _: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let characters = self.recipe().draw()?;
        let id = K::id(&characters);
        Ok(CreatedResource { id, outputs: DrawnOutputs { result: characters.into() } })
    }

    fn from_import_id(characters: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(K::id(characters))
            .argument("length", length(characters))
            .output("result", characters))
    }

    async fn read(
        _: &NoProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(known
            .iter()
            .map(|it| ResourceReading::found(it.arguments.clone(), it.outputs.clone()))
            .collect())
    }

    async fn update(
        &self,
        _: &NoProvider,
        before: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<DrawnOutputs<K::Result>, Error> {
        Ok(before.outputs.clone())
    }

    async fn delete(
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        Ok(())
    }
}
