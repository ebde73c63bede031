//! What can act, whatever struct a kind has.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use crate::discovery;
use crate::discovery::{Found, Search, Sought};
use crate::resource::Incident;
use crate::{Attempt, Error, Intended, Outcome, Permit, Problem};
use ha_value::Name;
use ha_value::{Address, Object};

/// A client of some provider.
pub type Client = Arc<dyn Any + Send + Sync>;

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
pub trait Driver: Send + Sync {
    /// Makes one; answers its id and outputs.
    fn create<'a>(
        &'a self,
        client: &'a Client,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>>;
    /// Looks at many.
    fn read<'a>(&'a self, client: &'a Client, known: &'a [RecordedValue]) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>>;
    /// Changes one; answers its outputs.
    fn update<'a>(
        &'a self,
        client: &'a Client,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>>;
    /// Deletes one.
    fn delete<'a>(
        &'a self,
        client: &'a Client,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>>;
    /// Does what a run that was killed left half done on one.
    fn meet<'a>(
        &'a self,
        client: &'a Client,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async move { Err(crate::resource::cannot_meet(verb)) })
    }
    /// Takes away what a change that was killed in the middle may have left beside one.
    fn tidy<'a>(
        &'a self,
        client: &'a Client,
        recorded: &'a RecordedValue,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (client, recorded, attempt);
        Box::pin(async { Ok(()) })
    }
    /// What the service would refuse of a plan; see [`crate::Resource::objections`].
    fn objections<'a>(&'a self, client: &'a Client, planned: &'a [Intended]) -> BoxFuture<'a, Vec<(usize, Problem)>> {
        let _ = (client, planned);
        Box::pin(async { Vec::new() })
    }
    /// Looks for one that exists already, by the id that a person imports it by; none where there is none. What the
    /// configuration says of it, as far as that is known, stands for what the service does not tell, secrets apart.
    fn import<'a>(
        &'a self,
        client: &'a Client,
        id: &'a str,
        configured: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        let _ = (client, configured);
        Box::pin(async move { Err(cannot_import(id, "what is of this kind cannot be imported")) })
    }
    /// Looks for many that may be there and are not recorded; answers in the order asked. `state` is the lineage that
    /// they were recorded in, where that is known.
    fn find<'a>(
        &'a self,
        client: &'a Client,
        sought: &'a [Sought],
        state: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<Search>, Error>> {
        let _ = (client, state);
        Box::pin(async move { discovery::unsearchable(sought) })
    }
    /// Everything that says that it was made for the state of this lineage, with the instance it says it was made for.
    fn marked<'a>(&'a self, client: &'a Client, state: &'a str) -> BoxFuture<'a, Result<Vec<(Address, Found)>, Error>> {
        let _ = (client, state);
        Box::pin(async move { Ok(Vec::new()) })
    }
    /// What would be recorded of something whose name follows from what is known, without asking anybody.
    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        let _ = configured;
        None
    }
}

pub(super) fn cannot_import(id: &str, why: &str) -> Error {
    Error::new(format!("import `{id}`"), why).outcome(Outcome::Refused)
}

/// Reads data of one kind.
pub trait Reader: Send + Sync {
    /// Reads one; answers its outputs.
    fn read<'a>(&'a self, client: &'a Client, arguments: &'a Object) -> BoxFuture<'a, Result<Object, Error>>;
}

/// A client, and whom it talks to.
pub type Connected = (Client, Vec<(&'static str, String)>);

/// Makes clients of one provider.
pub trait Connector: Send + Sync {
    /// A client for these settings, and whom it talks to.
    fn connect<'a>(&'a self, settings: &'a Object) -> BoxFuture<'a, Result<Connected, Error>>;

    /// What such a client has met so far.
    fn incidents(&self, client: &Client) -> Vec<Incident>;

    /// What such a client asks before each call that changes something.
    fn permit(&self, client: &Client) -> Option<Permit>;
}

/// What can act. Never given to planning.
#[derive(Default, Clone)]
pub struct Drivers {
    pub(super) resources: BTreeMap<Name, Arc<dyn Driver>>,
    pub(super) readers: BTreeMap<Name, Arc<dyn Reader>>,
    pub(super) connectors: BTreeMap<Name, Arc<dyn Connector>>,
}

impl Drivers {
    /// The driver of a kind of resource.
    #[must_use]
    pub fn resource(&self, kind: &str) -> Option<&Arc<dyn Driver>> {
        self.resources.get(kind)
    }

    /// The reader of a kind of data.
    #[must_use]
    pub fn reader(&self, kind: &str) -> Option<&Arc<dyn Reader>> {
        self.readers.get(kind)
    }

    /// The maker of a provider's clients.
    #[must_use]
    pub fn connector(&self, provider: &str) -> Option<&Arc<dyn Connector>> {
        self.connectors.get(provider)
    }
}
