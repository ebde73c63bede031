//! Drivers of resource types, independent of their structs.

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

/// The client of a provider.
pub type ProviderClient = Arc<dyn Any + Send + Sync>;

/// A recorded object without its struct.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedValue {
    /// The id.
    pub id: String,
    /// The arguments, unmarked.
    pub arguments: Object,
    /// The outputs, unmarked.
    pub outputs: Object,
}

/// A reading without its struct.
#[derive(Clone, Debug, PartialEq)]
pub enum ReadingValue {
    /// The object exists.
    Found {
        /// The arguments as read.
        arguments: Object,
        /// The outputs.
        outputs: Object,
        /// Remarks for the operator.
        remarks: Vec<String>,
    },
    /// The object does not exist.
    Gone,
    /// The object could not be read, for this reason.
    Unchecked(String),
}

/// An existing object that was found for an import or a search.
#[derive(Clone, Debug, PartialEq)]
pub struct ImportedValue {
    /// The object as it will be recorded.
    pub recorded: RecordedValue,
    /// Remarks for the operator.
    pub remarks: Vec<String>,
}

/// Acts on resources of one type.
pub trait ResourceDriver: Send + Sync {
    /// Creates an object; returns its id and outputs.
    fn create<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>>;
    /// Reads objects.
    fn read<'a>(
        &'a self,
        client: &'a ProviderClient,
        known: &'a [RecordedValue],
    ) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>>;
    /// Updates an object; returns its outputs.
    fn update<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>>;
    /// Deletes an object.
    fn delete<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// Fulfils an obligation of a run that was killed.
    fn finish_obligation<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async move { Err(crate::resource::unknown_obligation(verb)) })
    }
    /// Removes temporary objects of a change that was killed.
    fn clean_up<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async { Ok(()) })
    }
    /// Returns what the service would refuse; see [`crate::Resource::objections`].
    fn objections<'a>(
        &'a self,
        client: &'a ProviderClient,
        planned: &'a [IntendedChange],
    ) -> BoxFuture<'a, Vec<(usize, ArgumentProblem)>> {
        let _ = (client, planned);
        Box::pin(async { Vec::new() })
    }
    /// Looks up an existing object by its import id; none where it does not exist. Configured
    /// values stand in for those the service does not return, secrets excepted.
    fn import<'a>(
        &'a self,
        client: &'a ProviderClient,
        id: &'a str,
        configured: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        let _ = (client, configured);
        Box::pin(async move { Err(cannot_import(id, "what is of this kind cannot be imported")) })
    }
    /// Searches for objects of instances without a record; returns the results in the same order.
    /// `state` is the lost lineage, where it is known.
    fn find<'a>(
        &'a self,
        client: &'a ProviderClient,
        sought: &'a [DiscoveryTarget],
        state: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<DiscoveryResult>, Error>> {
        let _ = (client, state);
        Box::pin(async move { discovery::unsearchable(sought) })
    }
    /// Returns all objects whose ownership mark holds this lineage, with the address in the mark.
    fn list_owned<'a>(
        &'a self,
        client: &'a ProviderClient,
        state: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(Address, DiscoveredResource)>, Error>> {
        let _ = (client, state);
        Box::pin(async move { Ok(Vec::new()) })
    }
    /// Returns the record of an object whose id follows from configured arguments, without asking
    /// the service.
    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        let _ = configured;
        None
    }
}

pub(super) fn cannot_import(id: &str, why: &str) -> Error {
    Error::new(format!("import `{id}`"), why).outcome(CallOutcome::Refused)
}

/// Reads data sources of one type.
pub trait DataReader: Send + Sync {
    /// Reads a data source; returns its outputs.
    fn read<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
    ) -> BoxFuture<'a, Result<Object, Error>>;
}

/// A client, and what it is connected to.
pub type ConnectedClient = (ProviderClient, Vec<(&'static str, String)>);

/// Connects clients of one provider.
pub trait ProviderConnector: Send + Sync {
    /// Connects with these settings.
    fn connect<'a>(&'a self, settings: &'a Object)
    -> BoxFuture<'a, Result<ConnectedClient, Error>>;

    /// Returns what a client has retried so far.
    fn incidents(&self, client: &ProviderClient) -> Vec<Incident>;

    /// Returns the permit that a client asks before each call that changes something.
    fn permit(&self, client: &ProviderClient) -> Option<Permit>;
}

/// Drivers of all types and connectors of all providers. Never given to planning.
#[derive(Default, Clone)]
pub struct DriverSet {
    pub(super) resources: BTreeMap<Name, Arc<dyn ResourceDriver>>,
    pub(super) readers: BTreeMap<Name, Arc<dyn DataReader>>,
    pub(super) connectors: BTreeMap<Name, Arc<dyn ProviderConnector>>,
}

impl DriverSet {
    /// Returns the driver of a resource type.
    #[must_use]
    pub fn resource(&self, kind: &str) -> Option<&Arc<dyn ResourceDriver>> {
        self.resources.get(kind)
    }

    /// Returns the reader of a data source type.
    #[must_use]
    pub fn reader(&self, kind: &str) -> Option<&Arc<dyn DataReader>> {
        self.readers.get(kind)
    }

    /// Returns the connector of a provider.
    #[must_use]
    pub fn connector(&self, provider: &str) -> Option<&Arc<dyn ProviderConnector>> {
        self.connectors.get(provider)
    }
}
