use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, NoProvider, RecordedResource,
    Resource, ResourceHooks, ResourceReading, Volatile,
};
use ha_value::{Object, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::uuid;

/// A value stored in the state: it gives an expression the life cycle of a resource, so that others
/// can depend on it, be replaced with it, or read the value of an earlier apply. Like Terraform's
/// `terraform_data`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct KeptValue {
    /// A value of any type; `output` is the same.
    input: Option<Value>,
    /// A value of any type; when it changes, this resource is replaced, and with it every resource
    /// that lists it in `replace_triggered_by`.
    triggers_replace: Option<Immutable<Value>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct KeptValueOutputs {
    /// The value of `input` at the last apply.
    output: Option<Volatile<Value>>,
}

#[derive(Deserialize)]
struct InputArguments {
    input: Option<Value>,
}

impl Resource for KeptValue {
    const KIND: &'static str = "ha_data";
    const PURE: bool = true;
    type Provider = NoProvider;
    type Outputs = KeptValueOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new().predict("output", |it: InputArguments| it.input)
    }

    async fn create(
        &self,
        _: &NoProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        Ok(CreatedResource { id: uuid::of_token(attempt.token()), outputs: self.outputs() })
    }

    fn moved_from(kind: &str, arguments: &Object) -> Option<Object> {
        // Terraform's `null_resource` moves to `terraform_data` the same way: `triggers` become
        // `triggers_replace`.
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

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    async fn read(
        _: &NoProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        Ok(known
            .iter()
            .map(|it| ResourceReading::found(it.arguments.clone(), it.arguments.outputs()))
            .collect())
    }

    async fn update(
        &self,
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<KeptValueOutputs, Error> {
        Ok(self.outputs())
    }

    async fn delete(
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        Ok(())
    }
}

impl KeptValue {
    fn outputs(&self) -> KeptValueOutputs {
        KeptValueOutputs { output: self.input.clone().map(Volatile) }
    }
}
