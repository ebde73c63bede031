//! All kinds, each erased once: what planning may know of them on one side, what can act on the other.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use serde::Serialize;

use crate::finding::{self, Choice, Found, Search, Sought};
use crate::resource::{Created, Data, Document, Incident, Known, Nobody, Provider, Reading, Recorded, Resource, Shared};
use crate::schema::{blank, blanked, decode};
use crate::value::Name;
use crate::{Address, Attempt, Error, Hooks, Mode, Object, Outcome, Permit, Problem, Schema, Shape, Value, json};

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

type Normal = Box<dyn Fn(&Schema, &Object) -> Result<Object, String> + Send + Sync>;
type Render = Box<dyn Fn(&Schema, &Object) -> Rendered + Send + Sync>;

/// What planning may know of a kind.
pub struct Described {
    /// The kind's name.
    pub kind: Name,
    /// The provider's name.
    pub provider: Name,
    /// Kinds that it lives inside of.
    pub within: Vec<Name>,
    /// Whether making it touches nothing outside the state.
    pub pure: bool,
    /// The kind that this one is another name of; what is recorded of one may become the other.
    pub twin_of: Option<Name>,
    schema: OnceLock<Schema>,
    derive: Box<dyn Fn() -> Schema + Send + Sync>,
    hooks: OnceLock<Hooks>,
    derive_hooks: Box<dyn Fn() -> Hooks + Send + Sync>,
    normal: Normal,
    document: Option<Render>,
}

/// What a document renders to.
#[derive(Debug)]
pub enum Rendered {
    /// These outputs, of which parts may be unknown or secret.
    Outputs(Object),
    /// Not known yet.
    Unknown,
    /// The arguments are wrong.
    Problems(Vec<Problem>),
}

impl Described {
    /// A kind described at run time; tests bring such. Its normal form is what its schema makes of the arguments.
    #[must_use]
    pub fn new(kind: impl Into<Name>, provider: impl Into<Name>, schema: Schema, hooks: Hooks) -> Self {
        Self {
            kind: kind.into(),
            provider: provider.into(),
            within: Vec::new(),
            pure: false,
            twin_of: None,
            schema: OnceLock::new(),
            derive: Box::new(move || schema.clone()),
            hooks: OnceLock::new(),
            derive_hooks: Box::new(move || hooks.clone()),
            normal: Box::new(|_, arguments| Ok(arguments.clone())),
            document: None,
        }
    }

    /// Whether the other is the same kind, if by another name.
    #[must_use]
    pub fn is_twin_of(&self, other: &Self) -> bool {
        self.twin_of.as_ref().unwrap_or(&self.kind) == other.twin_of.as_ref().unwrap_or(&other.kind)
    }

    /// Its arguments and outputs; derived at first use.
    pub fn schema(&self) -> &Schema {
        self.schema.get_or_init(&self.derive)
    }

    /// Its hooks.
    pub fn hooks(&self) -> &Hooks {
        self.hooks.get_or_init(&self.derive_hooks)
    }

    /// The arguments in normal form: equal things compare equal afterwards. They must be wholly known and unmarked.
    ///
    /// # Errors
    /// What the kind's own types refuse, as a sentence.
    pub fn normal(&self, arguments: &Object) -> Result<Object, String> {
        (self.normal)(self.schema(), arguments)
    }

    /// Whether it is a document.
    #[must_use]
    pub fn is_document(&self) -> bool {
        self.document.is_some()
    }

    /// What a document renders to; none for what is no document.
    #[must_use]
    pub fn render(&self, arguments: &Object) -> Option<Rendered> {
        self.document.as_ref().map(|render| render(self.schema(), arguments))
    }
}

/// A provider, as planning may know it.
pub struct DescribedProvider {
    /// Its settings as arguments.
    pub schema: Schema,
    /// What they give to all its resources.
    pub shared: Option<Shared>,
}

/// What planning is given: descriptions, and nothing that can act.
#[derive(Default)]
pub struct Schemas {
    kinds: BTreeMap<Mode, BTreeMap<Name, Described>>,
    providers: BTreeMap<Name, DescribedProvider>,
}

impl Schemas {
    /// A kind by mode and name.
    #[must_use]
    pub fn kind(&self, mode: Mode, kind: &str) -> Option<&Described> {
        self.kinds.get(&mode)?.get(kind)
    }

    fn enter(&mut self, mode: Mode, kind: Name, described: Described) {
        self.kinds.entry(mode).or_default().insert(kind, described);
    }

    /// All kinds in order.
    pub fn kinds(&self) -> impl Iterator<Item = (Mode, &Described)> {
        self.kinds.iter().flat_map(|(mode, kinds)| kinds.values().map(|it| (*mode, it)))
    }

    /// A provider's settings.
    #[must_use]
    pub fn provider(&self, name: &str) -> Option<&DescribedProvider> {
        self.providers.get(name)
    }

    /// All providers in order.
    pub fn providers(&self) -> impl Iterator<Item = (&Name, &DescribedProvider)> {
        self.providers.iter()
    }
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
        Box::pin(async move { finding::unsearchable(sought) })
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

fn cannot_import(id: &str, why: &str) -> Error {
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
    resources: BTreeMap<Name, Arc<dyn Driver>>,
    readers: BTreeMap<Name, Arc<dyn Reader>>,
    connectors: BTreeMap<Name, Arc<dyn Connector>>,
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

/// Where providers enter their kinds.
#[derive(Default)]
pub struct Registry {
    schemas: Schemas,
    drivers: Drivers,
    /// What kinds that ask nobody go by just now, where that is not `ha`.
    nobody: Option<Name>,
}

impl Registry {
    /// An empty registry. The provider `ha`, which asks nobody, is always there.
    #[must_use]
    pub fn new() -> Self {
        Self::default().provider::<Nobody>()
    }

    /// Adds a provider.
    #[must_use]
    pub fn provider<P: Provider>(self) -> Self {
        self.provider_named::<P>(P::NAME.into())
    }

    /// Adds a provider that asks nobody, with the kinds and documents that `enter` enters: so that a configuration may
    /// name it, as it may any other.
    #[must_use]
    pub fn nobody(mut self, name: &str, enter: impl FnOnce(Self) -> Self) -> Self {
        self.nobody = Some(name.into());
        let mut entered = enter(self.provider_named::<Nobody>(name.into()));
        entered.nobody = None;
        entered
    }

    fn provider_named<P: Provider>(mut self, name: Name) -> Self {
        let schema = Schema::of::<P::Settings, crate::resource::NoSettings>();
        self.schemas.providers.insert(name.clone(), DescribedProvider { schema: schema.clone(), shared: P::SHARED });
        self.drivers.connectors.insert(name, Arc::new(TypedConnector::<P>(schema, PhantomData)));
        self
    }

    /// What the provider of a kind goes by.
    fn name_of<P: Provider>(&self) -> Name {
        self.nobody.clone().filter(|_| P::NAME == Nobody::NAME).unwrap_or_else(|| P::NAME.into())
    }

    /// Adds a kind of resource.
    #[must_use]
    pub fn resource<R: Resource>(self) -> Self {
        self.resource_named::<R>(R::KIND.into(), None)
    }

    /// Adds another name for a kind of resource. What has one name in a configuration has it in the state.
    #[must_use]
    pub fn twin<R: Resource>(self, name: &str) -> Self {
        self.resource_named::<R>(name.into(), Some(R::KIND.into()))
    }

    fn resource_named<R: Resource>(mut self, name: Name, twin_of: Option<Name>) -> Self {
        let described = Described {
            twin_of,
            within: R::WITHIN.iter().map(|it| Name::from(*it)).collect(),
            pure: R::PURE,
            derive: Box::new(with_id::<R>),
            derive_hooks: Box::new(R::hooks),
            normal: Box::new(|schema, arguments| {
                let typed: R = decode(arguments, &schema.arguments)?;
                schema
                    .conform(&encode(&typed))
                    .map_err(|problems| problems.into_iter().map(|it| it.message).collect::<Vec<_>>().join("; "))
            }),
            ..Described::new(name.clone(), self.name_of::<R::Provider>(), empty(), Hooks::new())
        };
        self.drivers.resources.insert(name.clone(), Arc::new(TypedDriver::<R>(OnceLock::new(), PhantomData)));
        self.schemas.enter(Mode::Managed, name, described);
        self
    }

    /// Adds a kind of data.
    #[must_use]
    pub fn data<D: Data>(mut self) -> Self {
        let described = Described {
            derive: Box::new(Schema::of::<D, D::Outputs>),
            derive_hooks: Box::new(D::hooks),
            ..Described::new(D::KIND, self.name_of::<D::Provider>(), empty(), Hooks::new())
        };
        self.drivers.readers.insert(D::KIND.into(), Arc::new(TypedReader::<D>(OnceLock::new(), PhantomData)));
        self.schemas.enter(Mode::Data, D::KIND.into(), described);
        self
    }

    /// Adds a document.
    #[must_use]
    pub fn document<D: Document>(mut self) -> Self {
        let described = Described {
            derive: Box::new(Schema::of::<D, D::Outputs>),
            document: Some(Box::new(render::<D>)),
            ..Described::new(D::KIND, self.name_of::<Nobody>(), empty(), Hooks::new())
        };
        self.schemas.enter(Mode::Data, D::KIND.into(), described);
        self
    }

    /// Adds a kind made at run time.
    #[must_use]
    pub fn dynamic(mut self, described: Described, driver: Arc<dyn Driver>) -> Self {
        self.drivers.resources.insert(described.kind.clone(), driver);
        self.schemas.enter(Mode::Managed, described.kind.clone(), described);
        self
    }

    /// Adds a kind of data made at run time.
    #[must_use]
    pub fn dynamic_data(mut self, described: Described, reader: Arc<dyn Reader>) -> Self {
        self.drivers.readers.insert(described.kind.clone(), reader);
        self.schemas.enter(Mode::Data, described.kind.clone(), described);
        self
    }

    /// Adds a provider made at run time.
    #[must_use]
    pub fn dynamic_provider(mut self, name: &str, schema: Schema, connector: Arc<dyn Connector>) -> Self {
        self.schemas.providers.insert(name.into(), DescribedProvider { schema, shared: None });
        self.drivers.connectors.insert(name.into(), connector);
        self
    }

    /// The two faces.
    #[must_use]
    pub fn split(self) -> (Schemas, Drivers) {
        (self.schemas, self.drivers)
    }
}

fn empty() -> Schema {
    Schema { doc: String::new(), arguments: BTreeMap::new(), outputs: BTreeMap::new() }
}

fn with_id<R: Resource>() -> Schema {
    let mut schema = Schema::of::<R, R::Outputs>();
    schema.outputs.entry("id".into()).or_insert_with(|| crate::schema::Field {
        doc: "The service's name for it.".into(),
        shape: Shape::String { one_of: Vec::new() },
        required: true,
        default: None,
        immutable: false,
        volatile: false,
        secret: false,
        write_only: false,
        chosen: false,
    });
    schema
}

/// The struct's fields that hold something.
fn encode(it: &impl Serialize) -> Object {
    let json = serde_json::to_value(it).expect("a kind's struct has only text keys");
    match serde_json::from_value::<Value>(json).expect("what was just written is a value") {
        Value::Object(fields) => fields.iter().filter(|(_, it)| !it.is_null()).map(|(k, v)| (k.clone(), v.clone())).collect(),
        _ => Object::new(),
    }
}

fn render<D: Document>(schema: &Schema, arguments: &Object) -> Rendered {
    let (readable, tainted) = readable(&Value::Object(Arc::new(arguments.clone())), &Shape::Object(schema.arguments.clone()));
    let known = readable.is_wholly_known();
    let typed = match D::deserialize(json::typed(&readable, &Shape::Object(schema.arguments.clone()))) {
        Ok(typed) => typed,
        Err(_) if !known => return Rendered::Unknown,
        Err(error) => return Rendered::Problems(vec![Problem { path: crate::Path::root(), message: error.to_string() }]),
    };
    match typed.render() {
        Err(problems) => Rendered::Problems(problems),
        Ok(outputs) => match schema.conform_outputs(&encode(&outputs)) {
            Err(problems) => Rendered::Problems(problems),
            Ok(outputs) if tainted => Rendered::Outputs(outputs.into_iter().map(|(k, v)| (k, v.sensitive())).collect()),
            Ok(outputs) => Rendered::Outputs(outputs),
        },
    }
}

/// The arguments with marks only where a text keeps them, and whether any other was taken off.
fn readable(value: &Value, shape: &Shape) -> (Value, bool) {
    let mut tainted = false;
    let mut inner = |value: &Value, shape: &Shape| {
        let (value, marked) = readable(value, shape);
        tainted |= marked;
        value
    };
    let plain = match (value, shape) {
        (_, Shape::Text) => value.clone(),
        (Value::Sensitive(of), _) => return (readable(of, shape).0, true),
        (Value::Composed(_), _) => return value.unmark(),
        (Value::List(items), Shape::List(of)) => Value::list(items.iter().map(|it| inner(it, of))),
        (Value::Set(items), Shape::Set(of)) => Value::Set(Arc::new(items.iter().map(|it| inner(it, of)).collect())),
        (Value::Map(items), Shape::Map(of)) => {
            Value::Map(Arc::new(items.iter().map(|(k, it)| (k.clone(), inner(it, of))).collect()))
        }
        (Value::Object(items), Shape::Object(fields)) => Value::object(items.iter().map(|(name, it)| {
            let shape = fields.get(name).map_or(&Shape::Any, |field| &field.shape);
            (name.clone(), inner(it, shape))
        })),
        _ => value.clone(),
    };
    (plain, tainted)
}

struct TypedDriver<R: Resource>(OnceLock<Schema>, PhantomData<fn() -> R>);

impl<R: Resource> TypedDriver<R> {
    fn schema(&self) -> &Schema {
        self.0.get_or_init(with_id::<R>)
    }

    fn arguments(&self, given: &Object) -> Result<R, Error> {
        decode(given, &self.schema().arguments).map_err(|it| Error::new(format!("read the arguments of `{}`", R::KIND), it))
    }

    fn recorded(&self, record: &RecordedValue) -> Result<Recorded<R>, Error> {
        let outputs = decode(&record.outputs, &self.schema().outputs)
            .map_err(|it| Error::new(format!("read the recorded outputs of `{}` `{}`", R::KIND, record.id), it))?;
        Ok(Recorded { id: record.id.clone(), arguments: self.arguments(&record.arguments)?, outputs })
    }

    /// Something that exists, before anybody has looked: what the configuration says stands for what is not known yet.
    /// A secret that the service does not tell may be another one there; taken as it is configured, it would never be
    /// set.
    fn unseen(&self, known: Known, configured: &Object) -> RecordedValue {
        let schema = self.schema();
        let told = configured.iter().filter(|(name, it)| {
            it.is_wholly_known() && schema.arguments.get(*name).is_some_and(|field| !field.secret && !field.write_only)
        });
        let told = told.map(|(name, it)| (name.clone(), it.clone())).chain(known.arguments).collect();
        RecordedValue {
            id: known.id,
            arguments: schema.with_blank_arguments(told),
            outputs: schema.with_blank_outputs(known.outputs),
        }
    }

    /// The same, where what the configuration says is not all known: what is there is told with the arguments that the
    /// configuration uses, also where it does not say with which value yet.
    fn sought(&self, known: Known, configured: &Object) -> RecordedValue {
        let fields = &self.schema().arguments;
        let stand_in = |(name, value): (&Name, &Value)| {
            let field = fields.get(name).filter(|it| !it.write_only)?;
            let value = if field.secret { blank(&field.shape) } else { blanked(&field.shape, value) };
            Some((name.clone(), value))
        };
        let all: Object = configured.iter().filter(|(_, it)| !it.is_null()).filter_map(stand_in).collect();
        let mut recorded = self.unseen(known.clone(), &all);
        // What is empty is secret or unknown, and may stand beside what is there.
        for (name, value) in all.iter().filter(|(name, _)| fields[*name].secret) {
            recorded.arguments.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // There may be no such thing as an empty one.
        match self.arguments(&recorded.arguments) {
            Ok(_) => recorded,
            Err(_) => self.unseen(known, configured),
        }
    }

    fn outputs(&self, outputs: &R::Outputs, id: &str) -> Result<Object, Error> {
        let mut encoded = encode(outputs);
        encoded.insert("id".into(), Value::from(id));
        self.schema().conform_outputs(&encoded).map_err(|it| odd(R::KIND, &it))
    }
}

fn odd(kind: &str, problems: &[Problem]) -> Error {
    let problems: Vec<String> = problems.iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
    Error::new(format!("read what `{kind}` answered"), problems.join("; "))
        .help("this is a fault of the provider; please report it")
}

fn client<P: Provider>(client: &Client) -> &P {
    client.downcast_ref().expect("a kind is given its own provider's client")
}

impl<R: Resource> Driver for TypedDriver<R> {
    fn create<'a>(
        &'a self,
        to: &'a Client,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>> {
        Box::pin(async move {
            let Created { id, outputs } = self.arguments(arguments)?.create(client(to), attempt).await?;
            let outputs = self.outputs(&outputs, &id)?;
            Ok((id, outputs))
        })
    }

    fn read<'a>(&'a self, to: &'a Client, known: &'a [RecordedValue]) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>> {
        Box::pin(async move {
            let known: Vec<Recorded<R>> = known.iter().map(|it| self.recorded(it)).collect::<Result<_, _>>()?;
            let readings = R::read(client(to), &known).await?;
            let erase = |(reading, known): (Reading<R>, &Recorded<R>)| {
                Ok(match reading {
                    Reading::Gone => ReadingValue::Gone,
                    Reading::Unchecked(reason) => ReadingValue::Unchecked(reason),
                    Reading::Found { arguments, outputs, remarks } => ReadingValue::Found {
                        arguments: self.schema().conform(&encode(&arguments)).map_err(|it| odd(R::KIND, &it))?,
                        outputs: self.outputs(&outputs, &known.id)?,
                        remarks,
                    },
                })
            };
            readings.into_iter().zip(&known).map(erase).collect()
        })
    }

    fn update<'a>(
        &'a self,
        to: &'a Client,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(async move {
            let recorded = self.recorded(before)?;
            let outputs = self.arguments(arguments)?.update(client(to), &recorded, attempt).await?;
            self.outputs(&outputs, &before.id)
        })
    }

    fn delete<'a>(
        &'a self,
        to: &'a Client,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { R::delete(client(to), &self.recorded(recorded)?, attempt).await })
    }

    fn meet<'a>(
        &'a self,
        to: &'a Client,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { R::meet(client(to), &self.recorded(recorded)?, verb, attempt).await })
    }

    fn tidy<'a>(&'a self, to: &'a Client, recorded: &'a RecordedValue, attempt: &'a Attempt) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { R::tidy(client(to), &self.recorded(recorded)?, attempt).await })
    }

    fn import<'a>(
        &'a self,
        to: &'a Client,
        id: &'a str,
        configured: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        Box::pin(async move {
            // What is drawn or made up is imported by itself, and may be secret.
            let shown = if R::PURE { R::KIND } else { id };
            let known = R::known_by(id).map_err(|why| cannot_import(shown, &why))?;
            let recorded = self.unseen(known, configured);
            let found = self.read(to, std::slice::from_ref(&recorded)).await?.pop();
            match found {
                Some(ReadingValue::Found { arguments, outputs, remarks }) => {
                    let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                    Ok(Some(ImportedValue { recorded, remarks }))
                }
                Some(ReadingValue::Unchecked(reason)) => Err(Error::new(format!("import `{id}`"), reason)),
                Some(ReadingValue::Gone) | None => Ok(None),
            }
        })
    }

    fn find<'a>(
        &'a self,
        to: &'a Client,
        sought: &'a [Sought],
        state: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<Search>, Error>> {
        Box::pin(async move {
            let marked = R::marked(client(to), sought).await?;
            let choose = |it: &Sought| {
                let named = R::named(&it.arguments).and_then(|id| R::known_by(&id).ok());
                finding::choose(&it.address, named, &marked, state, R::LISTED)
            };
            let mut searches = Vec::new();
            let (mut places, mut asked) = (Vec::new(), Vec::new());
            for (at, it) in sought.iter().enumerate() {
                searches.push(match choose(it) {
                    Choice::None(None) => Search::Nothing,
                    Choice::None(Some(why)) => Search::Unsearchable(why),
                    Choice::Several(all) => Search::Several(all),
                    Choice::One(known, by, state) => {
                        asked.push(self.sought(known, &it.arguments));
                        places.push((at, by, state));
                        Search::Nothing
                    }
                });
            }
            let readings = if asked.is_empty() { Vec::new() } else { self.read(to, &asked).await? };
            for (((at, by, state), recorded), reading) in places.into_iter().zip(asked).zip(readings) {
                searches[at] = match reading {
                    ReadingValue::Found { arguments, outputs, remarks } => {
                        let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                        Search::Found(Box::new(Found { imported: ImportedValue { recorded, remarks }, by, state }))
                    }
                    ReadingValue::Gone => Search::Nothing,
                    ReadingValue::Unchecked(why) => Search::Unasked(Box::new(recorded), why),
                };
            }
            Ok(searches)
        })
    }

    fn marked<'a>(&'a self, to: &'a Client, state: &'a str) -> BoxFuture<'a, Result<Vec<(Address, Found)>, Error>> {
        Box::pin(async move {
            let all = R::marked(client(to), &[]).await?;
            let ours = all.into_iter().filter(|it| it.trace.state.as_deref() == Some(state));
            let ours = ours.filter_map(|it| Some((Address::from_plain_letters(&it.trace.address)?, it)));
            let (ours, asked): (Vec<_>, Vec<_>) =
                ours.map(|(address, it)| ((address, it.trace.state), self.unseen(it.known, &Object::new()))).unzip();
            let readings = if asked.is_empty() { Vec::new() } else { self.read(to, &asked).await? };
            let seen = ours.into_iter().zip(asked).zip(readings).filter_map(|(((address, state), recorded), reading)| {
                let ReadingValue::Found { arguments, outputs, remarks } = reading else { return None };
                let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                let by = finding::Recognised::Trace;
                Some((address, Found { imported: ImportedValue { recorded, remarks }, by, state }))
            });
            Ok(seen.collect())
        })
    }

    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        let known = R::known_by(&R::named(configured)?).ok()?;
        Some(self.sought(known, configured))
    }
}

struct TypedReader<D: Data>(OnceLock<Schema>, PhantomData<fn() -> D>);

impl<D: Data> Reader for TypedReader<D> {
    fn read<'a>(&'a self, to: &'a Client, arguments: &'a Object) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(async move {
            let schema = self.0.get_or_init(Schema::of::<D, D::Outputs>);
            let typed: D = decode(arguments, &schema.arguments)
                .map_err(|it| Error::new(format!("read the arguments of `{}`", D::KIND), it))?;
            let outputs = typed.read(client(to)).await?;
            schema.conform_outputs(&encode(&outputs)).map_err(|it| odd(D::KIND, &it))
        })
    }
}

struct TypedConnector<P: Provider>(Schema, PhantomData<fn() -> P>);

impl<P: Provider> Connector for TypedConnector<P> {
    fn connect<'a>(&'a self, settings: &'a Object) -> BoxFuture<'a, Result<Connected, Error>> {
        Box::pin(async move {
            let typed: P::Settings = decode(settings, &self.0.arguments)
                .map_err(|it| Error::new(format!("read the settings of provider `{}`", P::NAME), it))?;
            let client = P::connect(typed).await?;
            let identity = client.identity();
            Ok((Arc::new(client) as Client, identity))
        })
    }

    fn incidents(&self, to: &Client) -> Vec<Incident> {
        client::<P>(to).incidents()
    }

    fn permit(&self, to: &Client) -> Option<Permit> {
        client::<P>(to).permit().cloned()
    }
}
