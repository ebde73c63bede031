//! What the author of a kind writes.

use std::future::Future;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::discovery::{DiscoveryTarget, OwnedResource};
use crate::{
    ArgumentProblem, Attempt, Error, IntendedChange, Permit, ResourceHooks, UnsupportedNames,
};
use ha_value::{Name, Object, Value};

/// What settings of a provider give to all its resources, by the names of the resources' arguments.
pub type SharedSettings = fn(&Object) -> Object;

/// A service or machine that kinds talk to, configured by a `provider` block.
pub trait Provider: Send + Sync + Sized + 'static {
    /// The block's label: `aws`.
    const NAME: &'static str;
    /// The block's arguments.
    type Settings: Serialize + DeserializeOwned + JsonSchema + Send + 'static;
    /// The arguments that its settings give to every resource that takes them. They are maps, in
    /// which what a block says goes before them.
    const SHARED: Option<SharedSettings> = None;
    /// Settings that others give this provider and that are not here.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];

    /// The checks of its settings: pure, made while planning, each on what is known by then.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// A client for these settings. May check them against the service, and changes nothing.
    fn connect(settings: Self::Settings) -> impl Future<Output = Result<Self, Error>> + Send;

    /// Whom the client talks to and as whom, for the plan's head: `("account", "123456789012")`.
    fn identity(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// What the client has met so far and asked again about, for the end of a run.
    fn incidents(&self) -> Vec<Incident> {
        Vec::new()
    }

    /// What the client asks before each call that changes something. None for one that makes no
    /// such calls, or none that take any time.
    fn permit(&self) -> Option<&Permit> {
        None
    }
}

/// Something that a service did to a client more than once, and that the client got over by asking
/// again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Incident {
    /// What, in a word: `throttled`.
    pub what: &'static str,
    /// The service: `ec2`.
    pub service: &'static str,
    /// How often.
    pub times: u64,
}

/// A kind that `ha` makes, changes and deletes: the struct's fields are its arguments.
pub trait Resource: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The block's first label: `aws_s3_bucket`.
    const KIND: &'static str;
    /// Kinds that this one lives inside of: when the same plan deletes that one too, this one goes
    /// with it unasked, and when that one is made again, so is this one. [`ResourceHooks::inside`]
    /// says which of several it is.
    const WITHIN: &'static [&'static str] = &[];
    /// Whether making it touches nothing outside the state (a random text, a certificate): needs no
    /// intent.
    const PURE: bool = false;
    /// Arguments and blocks that others give this kind and that are not here.
    const UNSUPPORTED: &'static [UnsupportedNames] = &[];
    /// Who is asked.
    type Provider: Provider;
    /// What the service adds. `id` is added to every kind's outputs.
    type Outputs: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static;

    /// The pure hooks: checks, predicted outputs, impact and group.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// Makes it. When the attempt is resumed an earlier try may have made some or all of it: what
    /// carries the attempt's token, or was noted, is taken over and finished, with arguments that
    /// are the same as then.
    fn create(
        &self,
        client: &Self::Provider,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<CreatedResource<Self>, Error>> + Send;

    /// Looks at many at once; answers in the order asked.
    fn read(
        client: &Self::Provider,
        known: &[RecordedResource<Self>],
    ) -> impl Future<Output = Result<Vec<ResourceReading<Self>>, Error>> + Send;

    /// Brings what is there to these arguments, in place; may be tried again after a kill in the
    /// middle. What is none here and some in `before` was taken out of the configuration; see
    /// [`crate::ArgumentChange`].
    fn update(
        &self,
        client: &Self::Provider,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<Self::Outputs, Error>> + Send;

    /// Deletes it and waits until it is gone. What is gone already is no error.
    fn delete(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Does what a run that was killed left half done here, as [`Attempt::begin_obligation`]
    /// recorded it: the verb of then. What is done already is no error.
    fn finish_obligation(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        verb: &str,
        attempt: &mut Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (client, recorded, attempt);
        let verb = verb.to_owned();
        async move { Err(cannot_meet(&verb)) }
    }

    /// Takes away what a change or deletion that was killed in the middle, with the attempt's
    /// token, may have left beside it, and changes nothing of it.
    fn clean_up(
        client: &Self::Provider,
        recorded: &RecordedResource<Self>,
        attempt: &Attempt,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let _ = (client, recorded, attempt);
        async { Ok(()) }
    }

    /// Whether `objections` may have any.
    const OBJECTS: bool = false;

    /// What the service would refuse of a plan, as things stand there now: asked last, once.
    /// `planned` is all that the plan does through this client, whatever its kind; an answer names
    /// a change of this kind by its place in it. Changes nothing. A service that cannot be asked
    /// objects to nothing, because a plan must come about while it is away.
    fn objections(
        client: &Self::Provider,
        planned: &[IntendedChange],
    ) -> impl Future<Output = Vec<(usize, ArgumentProblem)>> + Send {
        let _ = (client, planned);
        async { Vec::new() }
    }

    /// What the id that a person imports something by says of it. The rest is as the configuration
    /// has it until `read` has looked; a kind whose `read` asks no one must know all of it.
    ///
    /// # Errors
    /// How such an id is written, or why there are none, as a sentence.
    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let _ = id;
        Err("what is of this kind cannot be imported".into())
    }

    /// The arguments that a thing of another kind has once it counts as one of this kind, with the
    /// same id: what a `moved` block from the one to the other means. None where one cannot become
    /// the other.
    fn moved_from(kind: &str, arguments: &Object) -> Option<Object> {
        let _ = (kind, arguments);
        None
    }

    /// Whether `marked` can list what this kind has made.
    const LISTED: bool = false;

    /// The id that a person would import it by, where that follows from these arguments, of which
    /// some may be unknown. By it something is found of which no record is left.
    fn import_id(arguments: &Object) -> Option<String> {
        let _ = arguments;
        None
    }

    /// Lists what bears the traces that `create` leaves, whichever state it belongs to, in few
    /// calls. Where the service can only be asked about certain places, those of what is sought are
    /// looked at.
    fn list_owned(
        client: &Self::Provider,
        sought: &[DiscoveryTarget],
    ) -> impl Future<Output = Result<Vec<OwnedResource>, Error>> + Send {
        let _ = (client, sought);
        async { Ok(Vec::new()) }
    }
}

/// No one knows how to do what was left half done.
pub(crate) fn cannot_meet(verb: &str) -> Error {
    Error::new(
        format!("{verb} what an earlier run left half done"),
        "this version of `ha` does not know how",
    )
    .help("use the version of `ha` that began it, or a later one")
    .outcome(crate::CallOutcome::Refused)
}

/// Something that exists already, before anybody has looked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ExistingResource {
    /// The service's name for it.
    pub id: String,
    /// Arguments that follow from the id.
    pub arguments: Object,
    /// Outputs that follow from the id.
    pub outputs: Object,
}

impl ExistingResource {
    /// Something of which only the service's name is known.
    #[must_use]
    pub fn by(id: impl Into<String>) -> Self {
        Self { id: id.into(), ..Self::default() }
    }

    /// With this argument.
    #[must_use]
    pub fn argument(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.arguments.insert(name.into(), value.into());
        self
    }

    /// With this output.
    #[must_use]
    pub fn output(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.outputs.insert(name.into(), value.into());
        self
    }
}

/// A resource just made.
#[derive(Debug)]
pub struct CreatedResource<R: Resource> {
    /// The service's name for it.
    pub id: String,
    /// What the service added.
    pub outputs: R::Outputs,
}

/// A resource as the state has it.
#[derive(Debug)]
pub struct RecordedResource<R: Resource> {
    /// The service's name for it.
    pub id: String,
    /// Its arguments, as last applied or seen.
    pub arguments: R,
    /// What the service added.
    pub outputs: R::Outputs,
}

/// What a look at a resource showed.
#[derive(Debug)]
pub enum ResourceReading<R: Resource> {
    /// It is there. What the service does not return stays as recorded.
    Found {
        /// Its arguments as they are.
        arguments: R,
        /// What the service adds.
        outputs: R::Outputs,
        /// What an operator should know beyond the difference: `mongod on 10.0.0.1:27017 is not
        /// running`.
        remarks: Vec<String>,
    },
    /// It is not there.
    Gone,
    /// It could not be looked at, for this reason; it counts as recorded.
    Unchecked(String),
}

impl<R: Resource> ResourceReading<R> {
    /// There, with nothing to remark.
    #[must_use]
    pub fn found(arguments: R, outputs: R::Outputs) -> Self {
        Self::Found { arguments, outputs, remarks: Vec::new() }
    }
}

/// A kind that `ha` only reads.
pub trait DataSource: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The block's first label: `aws_vpc`.
    const KIND: &'static str;
    /// Who is asked.
    type Provider: Provider;
    /// What it answers.
    type Outputs: Serialize + JsonSchema;

    /// Checks and predicted outputs.
    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
    }

    /// Reads it.
    fn read(
        &self,
        client: &Self::Provider,
    ) -> impl Future<Output = Result<Self::Outputs, Error>> + Send;
}

/// A `data` block whose answer is a pure function of its arguments. Arguments that are
/// [`ha_value::Text`] may hold unknown and secret parts, and so may the outputs made of them; when
/// any other argument is unknown, so is all.
pub trait Document: DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The block's first label: `circleci_settings`.
    const KIND: &'static str;
    /// What it renders.
    type Outputs: Serialize + JsonSchema;

    /// Renders it.
    ///
    /// # Errors
    /// Everything that is wrong with the arguments taken together.
    fn render(&self) -> Result<Self::Outputs, Vec<ArgumentProblem>>;
}

/// A kind or document that asks no one.
#[derive(Debug)]
pub struct NoProvider;

/// No settings.
#[derive(Debug, Serialize, serde::Deserialize, JsonSchema)]
pub struct NoSettings {}

impl Provider for NoProvider {
    const NAME: &'static str = "ha";
    type Settings = NoSettings;

    async fn connect(_: NoSettings) -> Result<Self, Error> {
        Ok(Self)
    }
}
