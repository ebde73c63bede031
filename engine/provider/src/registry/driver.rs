//! What can act, whatever struct a kind has.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::discovery;
use crate::discovery::{DiscoveredResource, DiscoveryResult, DiscoveryTarget};
use crate::resource::Incident;
use crate::{ArgumentProblem, Attempt, CallOutcome, Error, IntendedChange, Permit};
use ha_value::Name;
use ha_value::{Address, Object};

/// A client of some provider.
pub type ProviderClient = Arc<dyn Any + Send + Sync>;

/// A record without its struct.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedValue {
    /// The service's name for it.
    pub id: String,
    /// Its arguments, unmarked.
    pub arguments: Object,
    /// What the service added, unmarked.
    pub outputs: Object,
}

/// A reading without its struct.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadingValue {
    /// It is there.
    Found {
        /// Its arguments as they are.
        arguments: Object,
        /// What the service adds.
        outputs: Object,
        /// What an operator should know beyond the difference.
        remarks: Vec<String>,
    },
    /// It is not there.
    Gone,
    /// It could not be looked at, for this reason.
    Unchecked(String),
}

/// Something that exists already and was not made here, as it was found.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedValue {
    /// It, as it is recorded from now on.
    pub recorded: RecordedValue,
    /// What an operator should know beyond that.
    pub remarks: Vec<String>,
}

/// Acts on resources of one kind.
pub trait ResourceDriver: Send + Sync {
    /// Makes one; answers its id and outputs.
    fn create<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>>;
    /// Looks at many.
    fn read<'a>(
        &'a self,
        client: &'a ProviderClient,
        known: &'a [RecordedValue],
    ) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>>;
    /// Changes one; answers its outputs.
    fn update<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>>;
    /// Deletes one.
    fn delete<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// Does what a run that was killed left half done on one.
    fn finish_obligation<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async move { Err(crate::resource::cannot_meet(verb)) })
    }
    /// Takes away what a change that was killed in the middle may have left beside one.
    fn clean_up<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async { Ok(()) })
    }
    /// What the service would refuse of a plan; see [`crate::Resource::objections`].
    fn objections<'a>(
        &'a self,
        client: &'a ProviderClient,
        planned: &'a [IntendedChange],
    ) -> BoxFuture<'a, Vec<(usize, ArgumentProblem)>> {
        let _ = (client, planned);
        Box::pin(async { Vec::new() })
    }
    /// Looks for one that exists already, by the id that a person imports it by; none where there
    /// is none. What the configuration says of it, as far as that is known, stands for what the
    /// service does not tell, secrets apart.
    fn import<'a>(
        &'a self,
        client: &'a ProviderClient,
        id: &'a str,
        configured: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        let _ = (client, configured);
        Box::pin(async move { Err(cannot_import(id, "what is of this kind cannot be imported")) })
    }
    /// Looks for many that may be there and are not recorded; answers in the order asked. `state`
    /// is the lineage that they were recorded in, where that is known.
    fn find<'a>(
        &'a self,
        client: &'a ProviderClient,
        sought: &'a [DiscoveryTarget],
        state: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<DiscoveryResult>, Error>> {
        let _ = (client, state);
        Box::pin(async move { discovery::unsearchable(sought) })
    }
    /// Everything that says that it was made for the state of this lineage, with the instance it
    /// says it was made for.
    fn list_owned<'a>(
        &'a self,
        client: &'a ProviderClient,
        state: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(Address, DiscoveredResource)>, Error>> {
        let _ = (client, state);
        Box::pin(async move { Ok(Vec::new()) })
    }
    /// What would be recorded of something whose name follows from what is known, without asking
    /// anybody.
    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        let _ = configured;
        None
    }
}

pub(super) fn cannot_import(id: &str, why: &str) -> Error {
    Error::new(format!("import `{id}`"), why).outcome(CallOutcome::Refused)
}

/// Reads data of one kind.
pub trait DataReader: Send + Sync {
    /// Reads one; answers its outputs.
    fn read<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
    ) -> BoxFuture<'a, Result<Object, Error>>;
}

/// A client, and whom it talks to.
pub type ConnectedClient = (ProviderClient, Vec<(&'static str, String)>);

/// Makes clients of one provider.
pub trait ProviderConnector: Send + Sync {
    /// A client for these settings, and whom it talks to.
    fn connect<'a>(&'a self, settings: &'a Object)
    -> BoxFuture<'a, Result<ConnectedClient, Error>>;

    /// What such a client has met so far.
    fn incidents(&self, client: &ProviderClient) -> Vec<Incident>;

    /// What such a client asks before each call that changes something.
    fn permit(&self, client: &ProviderClient) -> Option<Permit>;
}

/// What can act. Never given to planning.
#[derive(Default, Clone)]
pub struct DriverSet {
    pub(super) resources: BTreeMap<Name, Arc<dyn ResourceDriver>>,
    pub(super) readers: BTreeMap<Name, Arc<dyn DataReader>>,
    pub(super) connectors: BTreeMap<Name, Arc<dyn ProviderConnector>>,
}

impl DriverSet {
    /// The driver of a kind of resource.
    #[must_use]
    pub fn resource(&self, kind: &str) -> Option<&Arc<dyn ResourceDriver>> {
        self.resources.get(kind)
    }

    /// The reader of a kind of data.
    #[must_use]
    pub fn reader(&self, kind: &str) -> Option<&Arc<dyn DataReader>> {
        self.readers.get(kind)
    }

    /// The maker of a provider's clients.
    #[must_use]
    pub fn connector(&self, provider: &str) -> Option<&Arc<dyn ProviderConnector>> {
        self.connectors.get(provider)
    }
}
