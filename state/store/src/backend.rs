//! Ways to keep states, each chosen and configured by a `backend` block.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ha_provider::{CallOutcome, Error, NoSettings, Schema, UnsupportedNames};
use ha_value::{Name, Object};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Store;

/// A way to keep states, configured by a `backend` block.
pub trait Backend: 'static {
    /// The block's label: `s3`.
    const NAME: &'static str;
    /// The block's arguments.
    type Settings: Serialize + DeserializeOwned + JsonSchema;
    /// Settings that others give this place and that are not here.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];

    /// The store that these settings say. Contacts no one and writes nothing: a configuration is
    /// also checked where no store can be reached. Two that say the same [`Store::place`] keep the
    /// same state.
    ///
    /// # Errors
    /// What is wrong with the settings taken together.
    fn open(
        settings: Self::Settings,
        surroundings: &BackendContext,
    ) -> Result<Box<dyn Store>, Error>;
}

/// What a store is told besides its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendContext {
    /// The configuration's directory, from which paths in the settings go.
    pub directory: PathBuf,
    /// The directory on this machine that belongs to this one state, of this environment. It need
    /// not be there yet.
    pub local: PathBuf,
    /// The environment, where it has a name. Each has a state of its own in the same store.
    pub environment: Option<String>,
}

type OpenFunction = fn(&Schema, &Object, &BackendContext) -> Result<Box<dyn Store>, Error>;

/// A way to keep states without its struct.
pub struct BackendDescription {
    schema: Schema,
    open: OpenFunction,
}

impl BackendDescription {
    /// What its block may say.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// The store that these settings say, which must conform to the schema and be wholly known.
    ///
    /// # Errors
    /// What is wrong with the settings taken together.
    pub fn open(
        &self,
        settings: &Object,
        surroundings: &BackendContext,
    ) -> Result<Box<dyn Store>, Error> {
        (self.open)(&self.schema, settings, surroundings)
    }
}

/// All ways to keep states, by name.
#[derive(Default)]
pub struct BackendRegistry(BTreeMap<Name, BackendDescription>);

impl BackendRegistry {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With this one too.
    #[must_use]
    pub fn with<B: Backend>(mut self) -> Self {
        let schema = Schema::derive::<B::Settings, NoSettings>().with_unsupported(B::UNSUPPORTED);
        let described = BackendDescription { schema, open: open::<B> };
        self.0.insert(B::NAME.into(), described);
        self
    }

    /// The one of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&BackendDescription> {
        self.0.get(name)
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &BackendDescription)> {
        self.0.iter()
    }
}

fn open<B: Backend>(
    schema: &Schema,
    settings: &Object,
    surroundings: &BackendContext,
) -> Result<Box<dyn Store>, Error> {
    let typed = schema.typed(settings);
    let typed: B::Settings = typed.map_err(|it| {
        Error::new(format!("read the settings of backend `{}`", B::NAME), it)
            .outcome(CallOutcome::Refused)
    })?;
    B::open(typed, surroundings)
}
