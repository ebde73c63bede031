//! Backends: kinds of places for states, each configured by a `backend` block.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ha_provider::{CallOutcome, Error, NoSettings, Schema, UnsupportedNames};
use ha_value::{Name, Object};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;

/// A kind of place for states, configured by a `backend` block.
pub trait Backend: 'static {
    /// The block's label: `s3`.
    const NAME: &'static str;
    /// The block's arguments.
    type Settings: Serialize + DeserializeOwned + JsonSchema;
    /// Settings that Terraform has for this backend and `ha` does not, with what to do instead.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];

    /// The store with these settings. Makes no call and writes nothing, because a configuration is
    /// also validated where no store can be reached. Stores with the same [`Store::place`] hold the
    /// same state.
    ///
    /// # Errors
    /// What is wrong with the settings taken together.
    fn open(settings: Self::Settings, context: &BackendContext) -> Result<Box<dyn Store>, Error>;
}

/// What a backend gets besides its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendContext {
    /// The configuration's directory, to which paths in the settings are relative.
    pub directory: PathBuf,
    /// The directory on this machine for this state and environment. It may not exist yet.
    pub local: PathBuf,
    /// The name of the environment; none for the default one. Each has its own state in the store.
    pub environment: Option<String>,
}

type OpenFunction = fn(&Schema, &Object, &BackendContext) -> Result<Box<dyn Store>, Error>;

/// A backend whose settings type is erased.
pub struct BackendDescription {
    schema: Schema,
    open: OpenFunction,
}

impl BackendDescription {
    /// The schema of its block.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The store with these settings, which must conform to the schema and be wholly known.
    ///
    /// # Errors
    /// What is wrong with the settings taken together.
    pub fn open(
        &self,
        settings: &Object,
        context: &BackendContext,
    ) -> Result<Box<dyn Store>, Error> {
        (self.open)(&self.schema, settings, context)
    }
}

/// All backends, by name.
#[derive(Default)]
pub struct BackendRegistry(BTreeMap<Name, BackendDescription>);

impl BackendRegistry {
    /// A registry without backends.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a backend.
    #[must_use]
    pub fn with<B: Backend>(mut self) -> Self {
        let schema = Schema::derive::<B::Settings, NoSettings>().with_unsupported(B::UNSUPPORTED);
        let described = BackendDescription { schema, open: open::<B> };
        self.0.insert(B::NAME.into(), described);
        self
    }

    /// The backend with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BackendDescription> {
        self.0.get(name)
    }

    /// All backends, ordered by name.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &BackendDescription)> {
        self.0.iter()
    }
}

fn open<B: Backend>(
    schema: &Schema,
    settings: &Object,
    context: &BackendContext,
) -> Result<Box<dyn Store>, Error> {
    let typed = schema.typed(settings);
    let typed: B::Settings = typed.map_err(|it| {
        Error::new(format!("read the settings of backend `{}`", B::NAME), it)
            .outcome(CallOutcome::Refused)
    })?;
    B::open(typed, context)
}
