use std::collections::BTreeMap;

use ha_provider::{Attempt, Created, Error, Hooks, Immutable, Known, Nobody, Reading, Recorded, Resource, UnsupportedNames};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::characters::{ARGUMENTS, Recipe, length, yes};

/// A text that is no secret, such as the end of a name; for secrets there is `random_password`. Any change of an argument
/// draws another.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RandomString {
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
    /// Any texts of yours: when one changes, another text is drawn.
    keepers: Option<Immutable<BTreeMap<String, String>>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The text.
    result: String,
}

fn immutably_yes() -> Immutable<bool> {
    Immutable(yes())
}

impl RandomString {
    fn recipe(&self) -> Recipe {
        Recipe {
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

impl Resource for RandomString {
    const KIND: &'static str = "random_string";
    const PURE: bool = true;
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(&["number"], "write `numeric = …`")];
    type Provider = Nobody;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new().check(|recipe: Recipe| recipe.problems()).made_of(&["id", "result"], ARGUMENTS)
    }

    async fn create(&self, _: &Nobody, _: &mut Attempt) -> Result<Created<Self>, Error> {
        let result = self.recipe().draw()?;
        Ok(Created { id: result.clone(), outputs: Outputs { result } })
    }

    fn known_by(text: &str) -> Result<Known, String> {
        Ok(Known::by(text).argument("length", length(text)).output("result", text))
    }

    async fn read(_: &Nobody, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        Ok(known.iter().map(|it| Reading::found(it.arguments.clone(), it.outputs.clone())).collect())
    }

    async fn update(&self, _: &Nobody, before: &Recorded<Self>, _: &mut Attempt) -> Result<Outputs, Error> {
        Ok(before.outputs.clone())
    }

    async fn delete(_: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        Ok(())
    }
}
