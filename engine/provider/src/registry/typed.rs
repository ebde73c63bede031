//! Implementation of the untyped traits for typed resources.

use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use futures::future::BoxFuture;
use serde::Serialize;

use super::described::RenderResult;
use super::driver::{
    ConnectedClient, DataReader, ImportedValue, ProviderClient, ProviderConnector, ReadingValue,
    RecordedValue, ResourceDriver, cannot_import,
};
use crate::discovery;
use crate::discovery::{DiscoveredResource, DiscoveryMatch, DiscoveryResult, DiscoveryTarget};
use crate::resource::{
    CreatedResource, DataSource, Document, ExistingResource, Incident, Provider, RecordedResource,
    Resource, ResourceReading,
};
use crate::schema::{blank, blanked, decode};
use crate::{
    ArgumentProblem, Attempt, Error, FieldShape, IntendedChange, Permit, ResourceHooks, Schema,
};
use ha_value::Name;
use ha_value::{Address, Object, Value};

pub(super) fn with_id<R: Resource>() -> Schema {
    let mut schema = Schema::derive::<R, R::Outputs>().with_unsupported(R::UNSUPPORTED);
    schema.outputs.entry("id".into()).or_insert_with(|| crate::schema::SchemaField {
        doc: "The service's name for it.".into(),
        shape: FieldShape::String { one_of: Vec::new() },
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

/// Returns the fields of a struct that have a value.
pub(super) fn encode(it: &impl Serialize) -> Object {
    let json = serde_json::to_value(it).expect("a kind's struct has only text keys");
    match serde_json::from_value::<Value>(json).expect("what was just written is a value") {
        Value::Object(fields) => fields
            .iter()
            .filter(|(_, it)| !it.is_null() || it.is_typed_null())
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
        _ => Object::new(),
    }
}

pub(super) fn render<D: Document>(schema: &Schema, arguments: &Object) -> RenderResult {
    let (readable, tainted) = readable(
        &Value::Object(Arc::new(arguments.clone())),
        &FieldShape::Object(schema.arguments.clone()),
    );
    let known = readable.is_wholly_known();
    let typed = match D::deserialize(crate::typed_json::typed(
        &readable,
        &FieldShape::Object(schema.arguments.clone()),
    )) {
        Ok(typed) => typed,
        Err(_) if !known => return RenderResult::Unknown,
        Err(error) => {
            return RenderResult::Problems(vec![ArgumentProblem {
                path: ha_value::Path::root(),
                message: error.to_string(),
            }]);
        }
    };
    match typed.render() {
        Err(problems) => RenderResult::Problems(problems),
        Ok(outputs) => match schema.conform_outputs(&encode(&outputs)) {
            Err(problems) => RenderResult::Problems(problems),
            Ok(outputs) if tainted => RenderResult::Outputs(
                outputs.into_iter().map(|(k, v)| (k, v.sensitive())).collect(),
            ),
            Ok(outputs) => RenderResult::Outputs(outputs),
        },
    }
}

/// Removes marks except inside `Text`, and returns whether any was removed.
fn readable(value: &Value, shape: &FieldShape) -> (Value, bool) {
    let mut tainted = false;
    let mut inner = |value: &Value, shape: &FieldShape| {
        let (value, marked) = readable(value, shape);
        tainted |= marked;
        value
    };
    let plain = match (value, shape) {
        (_, FieldShape::Text) => value.clone(),
        (Value::Sensitive(of), _) => return (readable(of, shape).0, true),
        (Value::Composed(_), _) => return value.unmark(),
        (Value::List(items), FieldShape::List(of)) => {
            Value::list(items.iter().map(|it| inner(it, of)))
        }
        (Value::Set(items), FieldShape::Set(of)) => {
            Value::Set(Arc::new(items.iter().map(|it| inner(it, of)).collect()))
        }
        (Value::Map(items), FieldShape::Map(of)) => {
            Value::Map(Arc::new(items.iter().map(|(k, it)| (k.clone(), inner(it, of))).collect()))
        }
        (Value::Object(items), FieldShape::Object(fields)) => {
            Value::object(items.iter().map(|(name, it)| {
                let shape = fields.get(name).map_or(&FieldShape::Any, |field| &field.shape);
                (name.clone(), inner(it, shape))
            }))
        }
        _ => value.clone(),
    };
    (plain, tainted)
}

pub(super) struct TypedDriver<R: Resource>(
    OnceLock<Schema>,
    OnceLock<ResourceHooks>,
    PhantomData<fn() -> R>,
);

impl<R: Resource> TypedDriver<R> {
    pub(super) fn new() -> Self {
        Self(OnceLock::new(), OnceLock::new(), PhantomData)
    }

    fn schema(&self) -> &Schema {
        self.0.get_or_init(with_id::<R>)
    }

    fn arguments(&self, given: &Object) -> Result<R, Error> {
        decode(given, &self.schema().arguments)
            .map_err(|it| Error::new(format!("read the arguments of `{}`", R::KIND), it))
    }

    fn recorded(&self, record: &RecordedValue) -> Result<RecordedResource<R>, Error> {
        let outputs = decode(&record.outputs, &self.schema().outputs).map_err(|it| {
            Error::new(format!("read the recorded outputs of `{}` `{}`", R::KIND, record.id), it)
        })?;
        Ok(RecordedResource {
            id: record.id.clone(),
            arguments: self.arguments(&record.arguments)?,
            outputs,
        })
    }

    /// Returns an existing object before it is read, with configured values for those that are not
    /// known. Secrets are left out: the service may have another one, and a secret taken from the
    /// configuration would never be set.
    fn before_reading(&self, known: ExistingResource, configured: &Object) -> RecordedValue {
        let schema = self.schema();
        let told = configured.iter().filter(|(name, it)| {
            it.is_wholly_known()
                && schema
                    .arguments
                    .get(*name)
                    .is_some_and(|field| !field.secret && !field.write_only)
        });
        let told =
            told.map(|(name, it)| (name.clone(), it.clone())).chain(known.arguments).collect();
        RecordedValue {
            id: known.id,
            arguments: schema.with_blank_arguments(told),
            outputs: schema.with_blank_outputs(known.outputs),
        }
    }

    /// Returns the same where configured values may be unknown: each configured argument is
    /// present, with an empty value where it is unknown, so that `read` returns it.
    fn with_stand_ins(&self, known: ExistingResource, configured: &Object) -> RecordedValue {
        let fields = &self.schema().arguments;
        let stand_in = |(name, value): (&Name, &Value)| {
            let field = fields.get(name).filter(|it| !it.write_only)?;
            let value =
                if field.secret { blank(&field.shape) } else { blanked(&field.shape, value) };
            Some((name.clone(), value))
        };
        let all: Object =
            configured.iter().filter(|(_, it)| !it.is_null()).filter_map(stand_in).collect();
        let mut recorded = self.before_reading(known.clone(), &all);
        // An empty value is secret or unknown; `read` replaces it if the service returns the
        // argument.
        for (name, value) in all.iter().filter(|(name, _)| fields[*name].secret) {
            recorded.arguments.entry(name.clone()).or_insert_with(|| value.clone());
        }
        // The struct may refuse empty values.
        match self.arguments(&recorded.arguments) {
            Ok(_) => recorded,
            Err(_) => self.before_reading(known, configured),
        }
    }

    /// Removes secrets that are still empty, because the service did not return them.
    fn without_unreturned_secrets(&self, mut arguments: Object) -> Object {
        let fields = &self.schema().arguments;
        let is_unreturned = |name: &Name, value: &Value| {
            let field = fields.get(name).filter(|it| it.secret && !it.required);
            field.is_some_and(|it| *value == blank(&it.shape))
        };
        arguments.retain(|name, value| !is_unreturned(name, value));
        arguments
    }

    /// Returns the id of an object: the predicted one, which changes with the name, or else the
    /// previous one.
    fn id_with(&self, arguments: &Object, before: &str) -> String {
        let hooks = self.1.get_or_init(R::hooks);
        match hooks
            .predicts("id")
            .then(|| hooks.predicted(self.schema(), arguments).remove("id"))
            .flatten()
        {
            Some(id) => id.unmark().0.as_str().unwrap_or(before).to_owned(),
            None => before.to_owned(),
        }
    }

    fn outputs(&self, outputs: &R::Outputs, id: &str) -> Result<Object, Error> {
        let mut encoded = encode(outputs);
        encoded.insert("id".into(), Value::from(id));
        self.schema().conform_outputs(&encoded).map_err(|it| invalid_response(R::KIND, &it))
    }
}

fn invalid_response(kind: &str, problems: &[ArgumentProblem]) -> Error {
    let problems: Vec<String> =
        problems.iter().map(|it| format!("{}: {}", it.path, it.message)).collect();
    Error::new(format!("read what `{kind}` answered"), problems.join("; "))
        .help("this is a fault of the provider; please report it")
}

fn client<P: Provider>(client: &ProviderClient) -> &P {
    // Clients are keyed by provider, and each kind names its provider in its type, so the types
    // agree.
    client.downcast_ref().expect("a kind is given its own provider's client")
}

impl<R: Resource> ResourceDriver for TypedDriver<R> {
    fn create<'a>(
        &'a self,
        to: &'a ProviderClient,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>> {
        Box::pin(async move {
            let CreatedResource { id, outputs } =
                self.arguments(arguments)?.create(client(to), attempt).await?;
            let outputs = self.outputs(&outputs, &id)?;
            Ok((id, outputs))
        })
    }

    fn read<'a>(
        &'a self,
        to: &'a ProviderClient,
        known: &'a [RecordedValue],
    ) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>> {
        Box::pin(async move {
            let known: Vec<RecordedResource<R>> =
                known.iter().map(|it| self.recorded(it)).collect::<Result<_, _>>()?;
            let readings = R::read(client(to), &known).await?;
            let erase = |(reading, known): (ResourceReading<R>, &RecordedResource<R>)| {
                Ok(match reading {
                    ResourceReading::Gone => ReadingValue::Gone,
                    ResourceReading::Unchecked(reason) => ReadingValue::Unchecked(reason),
                    ResourceReading::Found { arguments, outputs, remarks } => {
                        let arguments = self
                            .schema()
                            .conform(&encode(&arguments))
                            .map_err(|it| invalid_response(R::KIND, &it))?;
                        let outputs =
                            self.outputs(&outputs, &self.id_with(&arguments, &known.id))?;
                        ReadingValue::Found { arguments, outputs, remarks }
                    }
                })
            };
            readings.into_iter().zip(&known).map(erase).collect()
        })
    }

    fn update<'a>(
        &'a self,
        to: &'a ProviderClient,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(async move {
            let recorded = self.recorded(before)?;
            let outputs = self.arguments(arguments)?.update(client(to), &recorded, attempt).await?;
            self.outputs(&outputs, &self.id_with(arguments, &before.id))
        })
    }

    fn delete<'a>(
        &'a self,
        to: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { R::delete(client(to), &self.recorded(recorded)?, attempt).await })
    }

    fn finish_obligation<'a>(
        &'a self,
        to: &'a ProviderClient,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            R::finish_obligation(client(to), &self.recorded(recorded)?, verb, attempt).await
        })
    }

    fn clean_up<'a>(
        &'a self,
        to: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { R::clean_up(client(to), &self.recorded(recorded)?, attempt).await })
    }

    fn objections<'a>(
        &'a self,
        to: &'a ProviderClient,
        planned: &'a [IntendedChange],
    ) -> BoxFuture<'a, Vec<(usize, ArgumentProblem)>> {
        Box::pin(async move { R::objections(client(to), planned).await })
    }

    fn import<'a>(
        &'a self,
        to: &'a ProviderClient,
        id: &'a str,
        configured: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        Box::pin(async move {
            // The import id of a generated value is the value itself, which may be secret.
            let shown = if R::PURE { R::KIND } else { id };
            let known = R::from_import_id(id).map_err(|why| cannot_import(shown, &why))?;
            let recorded = self.with_stand_ins(known, configured);
            // An import reads like a refresh, so that the two cannot disagree about what the
            // object looks like.
            let found = self.read(to, std::slice::from_ref(&recorded)).await?.pop();
            match found {
                Some(ReadingValue::Found { arguments, outputs, remarks }) => {
                    let arguments = self.without_unreturned_secrets(arguments);
                    let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                    Ok(Some(ImportedValue { recorded, remarks }))
                }
                Some(ReadingValue::Unchecked(reason)) => {
                    Err(Error::new(format!("import `{id}`"), reason))
                }
                Some(ReadingValue::Gone) | None => Ok(None),
            }
        })
    }

    fn find<'a>(
        &'a self,
        to: &'a ProviderClient,
        sought: &'a [DiscoveryTarget],
        state: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<DiscoveryResult>, Error>> {
        Box::pin(async move {
            // One list of all marked objects serves every instance; asking for each instance would
            // take a call each.
            let marked = R::list_owned(client(to), sought).await?;
            let choose = |it: &DiscoveryTarget| {
                let named = R::import_id(&it.arguments).and_then(|id| R::from_import_id(&id).ok());
                discovery::choose(&it.address, named, &marked, state, R::LISTED)
            };
            let mut searches = Vec::new();
            let (mut places, mut asked) = (Vec::new(), Vec::new());
            for (at, it) in sought.iter().enumerate() {
                searches.push(match choose(it) {
                    DiscoveryMatch::None(None) => DiscoveryResult::Nothing,
                    DiscoveryMatch::None(Some(why)) => DiscoveryResult::Unsearchable(why),
                    DiscoveryMatch::Several(all) => DiscoveryResult::Several(all),
                    // The place is filled with `Nothing` until the object has been read together
                    // with all others.
                    DiscoveryMatch::One(known, by, state) => {
                        asked.push(self.with_stand_ins(known, &it.arguments));
                        places.push((at, by, state));
                        DiscoveryResult::Nothing
                    }
                });
            }
            let readings =
                if asked.is_empty() { Vec::new() } else { self.read(to, &asked).await? };
            for (((at, by, state), recorded), reading) in
                places.into_iter().zip(asked).zip(readings)
            {
                searches[at] = match reading {
                    ReadingValue::Found { arguments, outputs, remarks } => {
                        let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                        DiscoveryResult::Found(Box::new(DiscoveredResource {
                            imported: ImportedValue { recorded, remarks },
                            by,
                            state,
                        }))
                    }
                    ReadingValue::Gone => DiscoveryResult::Nothing,
                    ReadingValue::Unchecked(why) => {
                        DiscoveryResult::Unasked(Box::new(recorded), why)
                    }
                };
            }
            Ok(searches)
        })
    }

    fn list_owned<'a>(
        &'a self,
        to: &'a ProviderClient,
        state: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(Address, DiscoveredResource)>, Error>> {
        Box::pin(async move {
            let all = R::list_owned(client(to), &[]).await?;
            let ours = all.into_iter().filter(|it| it.trace.state.as_deref() == Some(state));
            let ours =
                ours.filter_map(|it| Some((Address::from_plain_letters(&it.trace.address)?, it)));
            let (ours, asked): (Vec<_>, Vec<_>) = ours
                .map(|(address, it)| {
                    ((address, it.trace.state), self.before_reading(it.known, &Object::new()))
                })
                .unzip();
            let readings =
                if asked.is_empty() { Vec::new() } else { self.read(to, &asked).await? };
            let seen = ours.into_iter().zip(asked).zip(readings).filter_map(
                |(((address, state), recorded), reading)| {
                    let ReadingValue::Found { arguments, outputs, remarks } = reading else {
                        return None;
                    };
                    let recorded = RecordedValue { id: recorded.id, arguments, outputs };
                    let by = discovery::DiscoveryEvidence::Trace;
                    Some((
                        address,
                        DiscoveredResource {
                            imported: ImportedValue { recorded, remarks },
                            by,
                            state,
                        },
                    ))
                },
            );
            Ok(seen.collect())
        })
    }

    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        let known = R::from_import_id(&R::import_id(configured)?).ok()?;
        Some(self.with_stand_ins(known, configured))
    }
}

pub(super) struct TypedReader<D: DataSource>(OnceLock<Schema>, PhantomData<fn() -> D>);

impl<D: DataSource> TypedReader<D> {
    pub(super) fn new() -> Self {
        Self(OnceLock::new(), PhantomData)
    }
}

impl<D: DataSource> DataReader for TypedReader<D> {
    fn read<'a>(
        &'a self,
        to: &'a ProviderClient,
        arguments: &'a Object,
    ) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(async move {
            let schema = self.0.get_or_init(Schema::derive::<D, D::Outputs>);
            let typed: D = decode(arguments, &schema.arguments)
                .map_err(|it| Error::new(format!("read the arguments of `{}`", D::KIND), it))?;
            let outputs = typed.read(client(to)).await?;
            schema.conform_outputs(&encode(&outputs)).map_err(|it| invalid_response(D::KIND, &it))
        })
    }
}

pub(super) struct TypedConnector<P: Provider>(Schema, PhantomData<fn() -> P>);

impl<P: Provider> TypedConnector<P> {
    pub(super) fn new(settings: Schema) -> Self {
        Self(settings, PhantomData)
    }
}

impl<P: Provider> ProviderConnector for TypedConnector<P> {
    fn connect<'a>(
        &'a self,
        settings: &'a Object,
    ) -> BoxFuture<'a, Result<ConnectedClient, Error>> {
        Box::pin(async move {
            let typed: P::Settings = decode(settings, &self.0.arguments).map_err(|it| {
                Error::new(format!("read the settings of provider `{}`", P::NAME), it)
            })?;
            let client = P::connect(typed).await?;
            let identity = client.identity();
            Ok((Arc::new(client) as ProviderClient, identity))
        })
    }

    fn incidents(&self, to: &ProviderClient) -> Vec<Incident> {
        client::<P>(to).incidents()
    }

    fn permit(&self, to: &ProviderClient) -> Option<Permit> {
        client::<P>(to).permit().cloned()
    }
}
