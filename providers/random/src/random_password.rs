use std::collections::BTreeMap;

use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, NoProvider, RecordedResource,
    Resource, ResourceHooks, ResourceReading, Secret, UnsupportedNames,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::characters::{CharacterRecipe, length, yes};

/// A password, drawn once and kept sealed in the state. Any change of an argument draws another.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RandomPassword {
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
    /// The special characters to draw from, in the place of `!@#$%&*()-_=+[]{}<>:?`.
    override_special: Option<Immutable<String>>,
    /// Any strings of yours: when one changes, another password is drawn.
    keepers: Option<Immutable<BTreeMap<String, String>>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RandomPasswordOutputs {
    /// The password.
    result: Secret<String>,
}

fn immutably_yes() -> Immutable<bool> {
    Immutable(yes())
}

impl RandomPassword {
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

impl Resource for RandomPassword {
    const KIND: &'static str = "random_password";
    const PURE: bool = true;
    const UNSUPPORTED: &'static [UnsupportedNames] =
        &[UnsupportedNames::new(&["number"], "write `numeric = …`")];
    type Provider = NoProvider;
    type Outputs = RandomPasswordOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new().check(|recipe: CharacterRecipe| recipe.problems())
    }

    async fn create(
        &self,
        _: &NoProvider,
        _: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let result = Secret(self.recipe().draw()?);
        // The service's name for it is shown freely, so the password cannot be its own.
        Ok(CreatedResource { id: "none".into(), outputs: RandomPasswordOutputs { result } })
    }

    fn from_import_id(password: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by("none")
            .argument("length", length(password))
            .output("result", password))
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
    ) -> Result<RandomPasswordOutputs, Error> {
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
