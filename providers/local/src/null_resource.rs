use std::collections::BTreeMap;

use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, NoProvider, RecordedResource,
    Resource, ResourceReading,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A resource without an object: it is replaced when `triggers` change, and with it every resource
/// that lists it in `replace_triggered_by`. Like Terraform's `null_resource`; `ha_data` stores a
/// value as well.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NullResource {
    /// Strings; when one of them changes, this resource is replaced.
    triggers: Option<Immutable<BTreeMap<String, Option<String>>>>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct NullResourceOutputs {}

impl Resource for NullResource {
    const KIND: &'static str = "null_resource";
    const PURE: bool = true;
    type Provider = NoProvider;
    type Outputs = NullResourceOutputs;

    async fn create(
        &self,
        _: &NoProvider,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        Ok(CreatedResource { id: attempt.token().to_owned(), outputs: NullResourceOutputs {} })
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
            .map(|it| ResourceReading::found(it.arguments.clone(), NullResourceOutputs {}))
            .collect())
    }

    async fn update(
        &self,
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<NullResourceOutputs, Error> {
        Ok(NullResourceOutputs {})
    }

    async fn delete(
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        Ok(())
    }
}
