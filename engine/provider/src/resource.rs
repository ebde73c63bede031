//! Traits that authors of resource types implement.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::discovery::{DiscoveryTarget, OwnedResource};
use crate::{
    ArgumentProblem, Attempt, Error, IntendedChange, Permit, ResourceHooks, UnsupportedNames,
};
use ha_value::{Name, Object, Value};

/// Returns arguments for all resources of a provider from its settings, by argument name.
pub type SharedSettings = fn(&Object) -> Object;

/// A service or machine, configured by a `provider` block.
pub trait Provider: Send + Sync + Sized + 'static {
    /// The label of the block: `aws`.
    const NAME: &'static str;
    /// The arguments of the block.
    type Settings: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// Arguments that the settings give to each resource that takes them. They are maps; entries
    /// of the block take precedence.
    const SHARED: Option<SharedSettings> = None;
    /// Settings of other tools that are not supported.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];

    /// Returns the checks of the settings. They are pure and run while planning, on the values
    /// that are known then.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// Connects with these settings. It may check them with the service, and changes nothing.
    fn connect(settings: Self::Settings) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Returns what the client is connected to, for the head of the plan: `("account",
    /// "123456789012")`.
    fn identity(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// Returns what the client has retried so far, for the end of a run.
    fn incidents(&self) -> Vec<Incident> {
        Vec::new()
    }

    /// Returns the permit that the client asks before each call that changes something; none for a
    /// client without such calls.
    fn permit(&self) -> Option<&Permit> {
        None
    }
}

/// A repeated response of a service that the client handled by retrying.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Incident {
    /// A word for it: `throttled`.
    pub what: &'static str,
    /// The service: `ec2`.
    pub service: &'static str,
    /// The number of times.
    pub times: u64,
}

/// A resource type that `ha` creates, updates and deletes. The fields of the struct are its
/// arguments.
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The first label of the block: `aws_s3_bucket`.
    const KIND: &'static str;
    /// Container types: deleting the container in the same plan deletes this resource without a
    /// call, and replacing it replaces this resource. [`ResourceHooks::inside`] identifies the
    /// container among several.
    const WITHIN: &'static [&'static str] = &[];
    /// Whether a create changes nothing outside the state, as for a random string or a
    /// certificate. No intent is recorded then.
    const PURE: bool = false;
    /// Arguments and blocks of other tools that are not supported.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];
    /// The provider.
    type Provider: Provider;
    /// The outputs. `id` is added to those of every type.
    type Outputs: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// Returns the pure hooks: checks, predictions, impacts, group.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// Creates the object. If the attempt is resumed, an earlier one may have created it wholly or
    /// in part: an object that has the attempt's token or is in its notes must be completed. The
    /// arguments are the same as then.
    fn create(
        &self,
        client: &Self::Provider,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<CreatedResource<Self>, Error>> + Send;

    /// Reads many objects, and returns the readings in the same order.
    fn read(
        client: &Self::Provider,
        known: &[RecordedResource<Self>],
    ) -> impl Future<Output = Result<Vec<ResourceReading<Self>>, Error>> + Send;

    /// Updates the object to these arguments in place; called again after a crash. An argument
    /// that is none here and some in `before` was removed from the configuration; see
    /// [`crate::ArgumentChange`].
    fn update(
        &self,
        client: &Self::Provider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<Self::Outputs, Error>> + Send;

    /// Deletes the object and waits until it does not exist. An object that does not exist is no
    /// error.
    fn delete(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Fulfils an obligation of a run that was killed, recorded by [`Attempt::begin_obligation`]
    /// with this verb. One that is fulfilled already is no error.
    fn finish_obligation(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        verb: &str,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (client, recorded, attempt);
        let verb = verb.to_owned();
        async move { Err(unknown_obligation(&verb)) }
    }

    /// Removes temporary objects of an update or deletion that was killed, identified by the
    /// attempt's token, and changes nothing else.
    fn clean_up(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (client, recorded, attempt);
        async { Ok(()) }
    }

    /// Whether `objections` returns anything.
    const OBJECTS: bool = false;

    /// Returns what the service would refuse now, asked once after planning. `planned` holds all
    /// changes through this client, of any type; an answer names a change of this type by its
    /// index. Changes nothing. A service that cannot be reached has no objections, because a plan
    /// must be possible without it.
    fn objections(
        client: &Self::Provider,
        planned: &[IntendedChange],
    ) -> impl Future<Output = Vec<(usize, ArgumentProblem)>> + Send {
        let _ = (client, planned);
        async { Vec::new() }
    }

    /// Returns what follows from an import id. The other arguments are those of the configuration
    /// until `read` is called; a type whose `read` asks no service must derive everything here.
    ///
    /// # Errors
    /// The format of the id, or why imports are not possible, as a sentence.
    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let _ = id;
        Err("what is of this kind cannot be imported".into())
    }

    /// Returns the arguments of an object of another type that becomes one of this type with the
    /// same id, for a `moved` block between types. None where that is not possible.
    fn moved_from(kind: &str, arguments: &Object) -> Option<Object> {
        let _ = (kind, arguments);
        None
    }

    /// Whether `list_owned` can list the objects of this type.
    const LISTED: bool = false;

    /// Returns the import id that follows from arguments, some of which may be unknown. A search
    /// for lost records uses it.
    fn import_id(arguments: &Object) -> Option<String> {
        let _ = arguments;
        None
    }

    /// Lists the objects with ownership marks, of any state, in few calls. A service that can only
    /// be asked about certain places is asked about those of `sought`.
    fn list_owned(
        client: &Self::Provider,
        sought: &[DiscoveryTarget],
    ) -> impl Future<Output = Result<Vec<OwnedResource>, Error>> + Send {
        let _ = (client, sought);
        async { Ok(Vec::new()) }
    }
}

/// Returns the error for an obligation that this version does not know.
pub(crate) fn unknown_obligation(verb: &str) -> Error {
    Error::new(
        format!("{verb} what an earlier run left half done"),
        "this version of `ha` does not know how",
    )
    .help("use the version of `ha` that began it, or a later one")
    .outcome(crate::CallOutcome::Refused)
}

/// An existing object before it is read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExistingResource {
    /// The id.
    pub id: String,
    /// Arguments that follow from the id.
    pub arguments: Object,
    /// Outputs that follow from the id.
    pub outputs: Object,
}

impl ExistingResource {
    /// Returns an object of which only the id is known.
    #[must_use]
    pub fn by(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }

    /// Adds an output.
    #[must_use]
    pub fn output(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.outputs.insert(name.into(), value.into());
        self
    }
}

/// A created object.
#[derive(Debug)]
pub struct CreatedResource<R: Resource> {
    /// The id.
    pub id: String,
    /// The outputs.
    pub outputs: R::Outputs,
}

/// A recorded object.
#[derive(Debug)]
pub struct RecordedResource<R: Resource> {
    /// The id.
    pub id: String,
    /// The arguments as last applied or read.
    pub arguments: R,
    /// The outputs.
    pub outputs: R::Outputs,
}

/// The result of reading an object.
#[derive(Debug)]
pub enum ResourceReading<R: Resource> {
    /// The object exists. Values that the service does not return must be the recorded ones.
    Found {
        /// The arguments as read.
        arguments: R,
        /// The outputs.
        outputs: R::Outputs,
        /// Remarks for the operator besides the differences: `mongod on 10.0.0.1:27017 is not
        /// running`.
        remarks: Vec<String>,
    },
    /// The object does not exist.
    Gone,
    /// The object could not be read, for this reason; its record stays as it is.
    Unchecked(String),
}

impl<R: Resource> ResourceReading<R> {
    /// Returns a reading without remarks.
    #[must_use]
    pub fn found(arguments: R, outputs: R::Outputs) -> Self {
        Self::Found { arguments, outputs, remarks: Vec::new() }
    }
}

/// A data source type.
pub trait DataSource: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The first label of the block: `aws_vpc`.
    const KIND: &'static str;
    /// The provider.
    type Provider: Provider;
    /// The outputs.
    type Outputs: Serialize + JsonSchema;

    /// Returns checks and predictions.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// Reads the outputs.
    fn read(
        &self,
        client: &Self::Provider,
    ) -> impl Future<Output = Result<Self::Outputs, Error>> + Send;
}

/// A data source that is a pure function of its arguments. [`ha_value::Text`] arguments may have
/// unknown and secret parts, which the outputs keep; if any other argument is unknown, so are all
/// outputs.
pub trait Document: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The first label of the block: `circleci_settings`.
    const KIND: &'static str;
    /// The outputs.
    type Outputs: Serialize + JsonSchema;

    /// Computes the outputs.
    ///
    /// # Errors
    /// All problems of the arguments.
    fn render(&self) -> Result<Self::Outputs, Vec<ArgumentProblem>>;
}

/// The provider of types that use no service.
#[derive(Debug)]
pub struct NoProvider;

/// The settings of a provider without settings.
#[derive(Debug, Serialize, serde::Deserialize, JsonSchema)]
pub struct NoSettings {}

impl Provider for NoProvider {
    const NAME: &'static str = "ha";
    type Settings = NoSettings;

    async fn connect(_: NoSettings) -> Result<Self, Error> {
        Ok(Self)
    }
}
