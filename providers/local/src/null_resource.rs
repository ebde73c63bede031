use std::collections::BTreeMap;

use ha_provider::{Attempt, Created, Error, Immutable, Known, Nobody, Reading, Recorded, Resource};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Nothing but a life of its own: it is replaced when `triggers` change, and what lists it in `replace_triggered_by` with
/// it. Like Terraform's `null_resource`; `ha_data` keeps values besides.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Null {
    /// Texts; when one of them changes, this resource is replaced.
    triggers: Option<Immutable<BTreeMap<String, Option<String>>>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

impl Resource for Null {
    const KIND: &'static str = "null_resource";
    const PURE: bool = true;
    type Provider = Nobody;
    type Outputs = Outputs;

    async fn create(&self, _: &Nobody, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        Ok(Created { id: attempt.token().to_owned(), outputs: Outputs {} })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        Ok(Known::by(id))
    }

    async fn read(_: &Nobody, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        Ok(known.iter().map(|it| Reading::found(it.arguments.clone(), Outputs {})).collect())
    }

    async fn update(&self, _: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<Outputs, Error> {
        Ok(Outputs {})
    }

    async fn delete(_: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        Ok(())
    }
}
