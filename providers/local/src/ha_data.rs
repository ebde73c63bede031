use ha_provider::{Attempt, Created, Error, Hooks, Immutable, Known, Nobody, Reading, Recorded, Resource, Volatile};
use ha_value::{Object, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::uuid;

/// A value kept in the state: gives expressions the life of a resource, so that others can depend on it, be replaced
/// with it, or see the value of an earlier apply. Like Terraform's `terraform_data`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct KeptValue {
    /// Anything; `output` is the same.
    input: Option<Value>,
    /// Anything; when it changes, this resource is replaced, and what lists it in `replace_triggered_by` with it.
    triggers_replace: Option<Immutable<Value>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {
    /// What `input` was at the last apply.
    output: Option<Volatile<Value>>,
}

#[derive(Deserialize)]
struct Input {
    input: Option<Value>,
}

impl Resource for KeptValue {
    const KIND: &'static str = "ha_data";
    const PURE: bool = true;
    type Provider = Nobody;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new().predict("output", |it: Input| it.input)
    }

    async fn create(&self, _: &Nobody, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        Ok(Created { id: uuid::of_token(attempt.token()), outputs: self.outputs() })
    }

    fn moved_from(kind: &str, arguments: &Object) -> Option<Object> {
        // As Terraform has it: what made the one new makes the other new.
        (kind == "null_resource").then(|| {
            let triggers = arguments.get("triggers").filter(|it| !it.is_null());
            let triggers = triggers.map(|it| match it.unmark() {
                (Value::Map(items), marked) => {
                    let object = Value::Object(items);
                    if marked { object.sensitive() } else { object }
                }
                _ => it.clone(),
            });
            triggers.map(|it| ("triggers_replace".into(), it)).into_iter().collect()
        })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        Ok(Known::by(id))
    }

    async fn read(_: &Nobody, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        Ok(known.iter().map(|it| Reading::found(it.arguments.clone(), it.arguments.outputs())).collect())
    }

    async fn update(&self, _: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<Outputs, Error> {
        Ok(self.outputs())
    }

    async fn delete(_: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        Ok(())
    }
}

impl KeptValue {
    fn outputs(&self) -> Outputs {
        Outputs { output: self.input.clone().map(Volatile) }
    }
}
