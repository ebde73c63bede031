//! Everything that acts on the world.

use std::sync::Arc;

use futures::future::BoxFuture;
use ha_provider::{
    Attempt, CallOutcome, DataReader, DiscoveredResource, DiscoveryEvidence, DiscoveryResult,
    DiscoveryTarget, Error, ImportedValue, Incident, Permit, ProviderClient, ProviderConnector,
    ReadingValue, RecordedValue, ResourceDriver, Schema,
};
use ha_value::{Address, Name, Object, Value};

use super::world::{Fault, Thing, World, failed};

/// A client: the settings say which server of the world is talked to.
pub(crate) struct Connected {
    settings: Object,
    permit: Permit,
}

fn connected(client: &ProviderClient) -> &Connected {
    client.downcast_ref().expect("it is the world's client")
}

/// Connects to the world, or to a server in it.
pub(crate) struct ToWorld(pub(crate) World);

impl Connected {
    fn region(&self) -> Option<&str> {
        self.settings.get("region").and_then(Value::as_str)
    }
}

impl ProviderConnector for ToWorld {
    fn incidents(&self, _: &ProviderClient) -> Vec<Incident> {
        Vec::new()
    }

    fn permit(&self, client: &ProviderClient) -> Option<Permit> {
        Some(connected(client).permit.clone())
    }

    fn connect<'a>(
        &'a self,
        settings: &'a Object,
    ) -> BoxFuture<'a, Result<(ProviderClient, Vec<(&'static str, String)>), Error>> {
        Box::pin(async move {
            *self.0.look().calls.entry("connect".into()).or_default() += 1;
            let facts = match settings.get("region").and_then(Value::as_str) {
                Some(region) => vec![("region", region.to_owned())],
                None => Vec::new(),
            };
            let connected = Connected { settings: settings.clone(), permit: Permit::default() };
            Ok((Arc::new(connected) as ProviderClient, facts))
        })
    }
}

type Output = (Name, Arc<dyn Fn(&str, &Thing) -> Value + Send + Sync>);

/// Works on things of one kind.
pub(crate) struct Things {
    pub(crate) world: World,
    pub(crate) kind: &'static str,
    pub(crate) schema: Schema,
    pub(crate) outputs: Vec<Output>,
    /// The value that the service chooses where none is given.
    pub(crate) choices: Vec<(Name, Value)>,
    /// The argument that names the container.
    pub(crate) inside: Option<&'static str>,
    /// Whether the state is all there is of it.
    pub(crate) pure: bool,
}

impl Things {
    fn outputs(&self, id: &str, thing: &Thing) -> Object {
        let mut outputs: Object =
            self.outputs.iter().map(|(name, it)| (name.clone(), it(id, thing))).collect();
        outputs.insert("id".into(), Value::from(id));
        self.schema.conform_outputs(&outputs).expect("the outputs are as described")
    }

    fn chosen(&self, arguments: &Object) -> Object {
        let mut arguments: Object =
            arguments.iter().map(|(name, it)| (name.clone(), self.picked(name, it))).collect();
        for (name, value) in &self.choices {
            arguments.entry(name.clone()).or_insert_with(|| value.clone());
        }
        arguments
    }

    /// A block with service choices.
    fn picked(&self, name: &Name, value: &Value) -> Value {
        let Some(fields) = self.schema.arguments[name].shape.block() else { return value.clone() };
        let pick = |element: &Value| {
            let mut element = element.as_object().cloned().unwrap_or_default();
            for (name, _) in fields.iter().filter(|(_, it)| it.chosen) {
                if element.get(name).is_none_or(Value::is_null) {
                    element.insert(name.clone(), Value::from("picked"));
                }
            }
            Value::object(element)
        };
        match value {
            Value::List(items) => Value::list(items.iter().map(pick)),
            Value::Set(items) => Value::Set(Arc::new(items.iter().map(pick).collect())),
            other => other.clone(),
        }
    }

    /// The server that the client talks to, which must be there.
    fn server(&self, client: &ProviderClient) -> Result<Option<String>, Error> {
        let Some(address) = connected(client).settings.get("address").and_then(Value::as_str)
        else {
            return Ok(None);
        };
        let inner = self.world.look();
        let there = inner
            .things
            .iter()
            .find(|(id, it)| it.kind == "server" && address == format!("{id}.example"));
        match there {
            Some((id, _)) => Ok(Some(id.clone())),
            None => Err(failed("reach", &format!("no one is at {address}"), CallOutcome::Refused)),
        }
    }

    /// The container of an object with these arguments, which must exist.
    fn inside(&self, client: &ProviderClient, arguments: &Object) -> Result<Option<String>, Error> {
        let server = self.server(client)?;
        let Some(argument) = self.inside else { return Ok(server) };
        let id = arguments.get(argument).and_then(Value::as_str).unwrap_or_default();
        let inner = self.world.look();
        // By its id, or by the last of its name: the old one of two is on its way out.
        let named = || inner.things.iter().rfind(|(_, it)| it.kind == argument && it.name() == id);
        match inner.things.get_key_value(id).or_else(named) {
            Some((id, _)) => Ok(Some(id.clone())),
            None => Err(failed("find", &format!("there is no {id}"), CallOutcome::Refused)),
        }
    }

    async fn fault(
        &self,
        fault: Option<Fault>,
        call: &str,
        arguments: &Object,
        attempt: &Attempt,
    ) -> Result<bool, Error> {
        match fault {
            None => Ok(false),
            Some(Fault::AnswerLost) => Ok(true),
            Some(Fault::Refused) => Err(failed(call, "it was refused", CallOutcome::Refused)),
            Some(Fault::Quotes) => {
                attempt.progress(&format!("asking for {arguments:?}"));
                Err(failed(call, &format!("it was refused: {arguments:?}"), CallOutcome::Refused))
            }
            Some(Fault::RequestLost) => {
                Err(failed(call, "the request was lost", CallOutcome::Unknown))
            }
            Some(Fault::LeavesHalf) => {
                attempt.begin_obligation("mend", "what is half done").await?;
                Err(failed(call, "it is half done", CallOutcome::Unknown))
            }
            Some(Fault::Hangs) => {
                attempt.progress("it hangs");
                while !attempt.is_cancelled() {
                    tokio::task::yield_now().await;
                }
                Err(failed(call, "it was stopped", CallOutcome::Interrupted))
            }
        }
    }

    async fn make(
        &self,
        client: &ProviderClient,
        arguments: &Object,
        attempt: &mut Attempt,
    ) -> Result<(String, Object), Error> {
        let call = if attempt.is_resumed() { "resume" } else { "create" };
        let address = attempt.address().to_string();
        let fault = self.world.enter(call, &address).await;
        let result = self.make_or_fail(client, arguments, attempt, fault).await;
        self.world.leave(call, &address);
        result
    }

    async fn make_or_fail(
        &self,
        client: &ProviderClient,
        arguments: &Object,
        attempt: &mut Attempt,
        fault: Option<Fault>,
    ) -> Result<(String, Object), Error> {
        let lost = self.fault(fault, "create", arguments, attempt).await?;
        if let Some(looks_on) = &self.world.looks_on {
            looks_on(attempt);
        }
        let inside = self.inside(client, arguments)?;
        if self.pure {
            let id = attempt.token()[..8].to_owned();
            let thing = Thing {
                kind: self.kind.into(),
                token: String::new(),
                arguments: arguments.clone(),
                revision: 1,
                inside,
            };
            return Ok((id.clone(), self.outputs(&id, &thing)));
        }
        let wanted = self.chosen(arguments);
        let same = {
            let inner = self.world.look();
            let id = inner.tokens.get(attempt.token());
            id.and_then(|id| Some((id.clone(), inner.things.get(id)?.clone())))
        };
        let (id, thing) = match same {
            Some((_, thing)) if thing.arguments != wanted => {
                return Err(failed(
                    "create",
                    "the same token came with other arguments",
                    CallOutcome::Refused,
                ));
            }
            Some(same) => {
                assert_eq!(
                    attempt.noted("begun"),
                    Some("yes"),
                    "what was noted before it was made is there"
                );
                same
            }
            None => {
                attempt.note("begun", "yes").await?;
                connected(client).permit.ask()?;
                let thing = Thing {
                    kind: self.kind.into(),
                    token: attempt.token().to_owned(),
                    arguments: wanted,
                    revision: 1,
                    inside,
                };
                (self.world.put(None, thing.clone()), thing)
            }
        };
        if lost {
            return Err(failed("create", "the answer was lost", CallOutcome::Unknown));
        }
        Ok((id.clone(), self.outputs(&id, &thing)))
    }

    async fn change(
        &self,
        client: &ProviderClient,
        arguments: &Object,
        before: &RecordedValue,
        attempt: &mut Attempt,
    ) -> Result<Object, Error> {
        let address = attempt.address().to_string();
        let fault = self.world.enter("update", &address).await;
        let result = self.change_or_fail(client, arguments, before, attempt, fault).await;
        self.world.leave("update", &address);
        result
    }

    async fn change_or_fail(
        &self,
        client: &ProviderClient,
        arguments: &Object,
        before: &RecordedValue,
        attempt: &mut Attempt,
        fault: Option<Fault>,
    ) -> Result<Object, Error> {
        let lost = self.fault(fault, "update", arguments, attempt).await?;
        attempt.end_obligation("mend", "what is half done").await?;
        let inside = self.inside(client, arguments)?;
        if self.pure {
            let thing = Thing {
                kind: self.kind.into(),
                token: String::new(),
                arguments: arguments.clone(),
                revision: 1,
                inside,
            };
            return Ok(self.outputs(&before.id, &thing));
        }
        let Some(mut thing) = self.world.look().things.get(&before.id).cloned() else {
            return Err(failed("update", "it is not there", CallOutcome::Refused));
        };
        for (name, field) in self.schema.arguments.iter().filter(|(_, it)| it.immutable) {
            let (was, is) = (thing.arguments.get(name), arguments.get(name));
            let chosen = field.chosen && is.is_none();
            assert!(
                chosen || was == is,
                "{address}: {name} cannot change in place",
                address = attempt.address()
            );
        }
        let mut arguments: Object =
            arguments.iter().map(|(name, it)| (name.clone(), self.picked(name, it))).collect();
        for (name, _) in self.schema.arguments.iter().filter(|(_, it)| it.chosen) {
            if let (false, Some(value)) = (arguments.contains_key(name), thing.arguments.get(name))
            {
                arguments.insert(name.clone(), value.clone());
            }
        }
        thing.arguments = arguments;
        thing.revision += 1;
        connected(client).permit.ask()?;
        self.world.put(Some(&before.id), thing.clone());
        if lost {
            return Err(failed("update", "the answer was lost", CallOutcome::Unknown));
        }
        Ok(self.outputs(&before.id, &thing))
    }

    async fn take_away(
        &self,
        client: &ProviderClient,
        recorded: &RecordedValue,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let address = attempt.address().to_string();
        let fault = self.world.enter("delete", &address).await;
        let result = self.take_away_or_fail(client, recorded, attempt, fault).await;
        self.world.leave("delete", &address);
        result
    }

    async fn take_away_or_fail(
        &self,
        client: &ProviderClient,
        recorded: &RecordedValue,
        attempt: &mut Attempt,
        fault: Option<Fault>,
    ) -> Result<(), Error> {
        let lost = self.fault(fault, "delete", &recorded.arguments, attempt).await?;
        if !self.pure && self.world.look().things.contains_key(&recorded.id) {
            self.inside(client, &recorded.arguments)?;
            let keeps = recorded.arguments.get("keep") == Some(&Value::Bool(true));
            let full = self
                .world
                .look()
                .things
                .values()
                .any(|it| it.inside.as_deref() == Some(&recorded.id));
            if keeps && full {
                return Err(failed("delete", "there is something inside", CallOutcome::Refused));
            }
            let user = {
                let inner = self.world.look();
                inner
                    .things
                    .iter()
                    .find(|(_, it)| it.uses(&recorded.id, inner.strict))
                    .map(|(id, _)| id.clone())
            };
            if let Some(user) = user {
                return Err(failed("delete", &format!("{user} uses it"), CallOutcome::Refused));
            }
            connected(client).permit.ask()?;
            self.world.remove(&recorded.id);
        }
        if lost {
            Err(failed("delete", "the answer was lost", CallOutcome::Unknown))
        } else {
            Ok(())
        }
    }

    fn reading(&self, known: &RecordedValue) -> ReadingValue {
        let inner = self.world.look();
        if self.pure {
            let (arguments, outputs) = (known.arguments.clone(), known.outputs.clone());
            return ReadingValue::Found { arguments, outputs, remarks: Vec::new() };
        }
        if let Some(why) = inner.unchecked.get(&known.id) {
            return ReadingValue::Unchecked(why.clone());
        }
        match inner.things.get(&known.id) {
            None => ReadingValue::Gone,
            Some(thing) => ReadingValue::Found {
                arguments: self
                    .schema
                    .conform(&thing.arguments)
                    .expect("the arguments are as described"),
                outputs: self.outputs(&known.id, thing),
                remarks: inner.remarks.get(&known.id).cloned().into_iter().collect(),
            },
        }
    }
}

impl Thing {
    fn uses(&self, id: &str, strictly: bool) -> bool {
        let uses = self.arguments.get("uses").filter(|it| mentions(it, id));
        uses.or_else(|| self.arguments.get("anything").filter(|it| strictly && mentions(it, id)))
            .is_some()
    }
}

fn mentions(value: &Value, id: &str) -> bool {
    value.as_str() == Some(id) || value.children().any(|it| mentions(it, id))
}

impl ResourceDriver for Things {
    fn create<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(String, Object), Error>> {
        Box::pin(self.make(client, arguments, attempt))
    }

    fn read<'a>(
        &'a self,
        client: &'a ProviderClient,
        known: &'a [RecordedValue],
    ) -> BoxFuture<'a, Result<Vec<ReadingValue>, Error>> {
        Box::pin(async move {
            *self.world.look().calls.entry("read".into()).or_default() += 1;
            self.server(client)?;
            if self
                .world
                .look()
                .nothing_in
                .as_deref()
                .is_some_and(|it| connected(client).region() == Some(it))
            {
                return Ok(known.iter().map(|_| ReadingValue::Gone).collect());
            }
            Ok(known.iter().map(|it| self.reading(it)).collect())
        })
    }

    fn update<'a>(
        &'a self,
        client: &'a ProviderClient,
        arguments: &'a Object,
        before: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(self.change(client, arguments, before, attempt))
    }

    fn delete<'a>(
        &'a self,
        client: &'a ProviderClient,
        recorded: &'a RecordedValue,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(self.take_away(client, recorded, attempt))
    }

    fn finish_obligation<'a>(
        &'a self,
        _: &'a ProviderClient,
        recorded: &'a RecordedValue,
        verb: &'a str,
        attempt: &'a mut Attempt,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            assert_eq!(verb, "mend");
            let address = attempt.address().to_string();
            let fault = self.world.enter("meet", &address).await;
            let met = self.fault(fault, "mend", &recorded.arguments, attempt).await;
            self.world.leave("meet", &address);
            met.map(drop)
        })
    }

    fn import<'a>(
        &'a self,
        _: &'a ProviderClient,
        id: &'a str,
        _: &'a Object,
    ) -> BoxFuture<'a, Result<Option<ImportedValue>, Error>> {
        Box::pin(async move {
            *self.world.look().calls.entry("import".into()).or_default() += 1;
            let nothing = RecordedValue {
                id: id.to_owned(),
                arguments: Object::new(),
                outputs: Object::new(),
            };
            Ok(match self.reading(&nothing) {
                ReadingValue::Found { arguments, outputs, remarks } => {
                    let recorded = RecordedValue { id: id.to_owned(), arguments, outputs };
                    Some(ImportedValue { recorded, remarks })
                }
                _ => None,
            })
        })
    }

    /// By their names.
    fn find<'a>(
        &'a self,
        _: &'a ProviderClient,
        sought: &'a [DiscoveryTarget],
        _: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Vec<DiscoveryResult>, Error>> {
        Box::pin(async move {
            *self.world.look().calls.entry("find".into()).or_default() += 1;
            Ok(sought.iter().map(|it| self.search(it)).collect())
        })
    }

    fn list_owned<'a>(
        &'a self,
        _: &'a ProviderClient,
        _: &'a str,
    ) -> BoxFuture<'a, Result<Vec<(Address, DiscoveredResource)>, Error>> {
        Box::pin(async move {
            let strays: Vec<(String, Address)> =
                self.world.look().strays.clone().into_iter().collect();
            let ours = strays.into_iter().filter(|(_, address)| &*address.block.kind == self.kind);
            Ok(ours.filter_map(|(id, address)| Some((address, *self.found(&id)?))).collect())
        })
    }

    fn supposed(&self, configured: &Object) -> Option<RecordedValue> {
        // As if the id followed from the name.
        let name = configured.get("name")?.as_str()?;
        let there = self.world.names().contains(&format!("{} {name}", self.kind));
        let id = if there { self.world.id(self.kind, name) } else { name.to_owned() };
        let outputs = self.schema.with_blank_outputs(Object::new());
        let known = configured.iter().filter(|(_, it)| it.is_wholly_known());
        Some(RecordedValue {
            id,
            arguments: known.map(|(name, it)| (name.clone(), it.clone())).collect(),
            outputs,
        })
    }
}

impl Things {
    fn search(&self, sought: &DiscoveryTarget) -> DiscoveryResult {
        let Some(name) = sought.text("name") else {
            return DiscoveryResult::Unsearchable("its name is not known".into());
        };
        let inner = self.world.look();
        let ids = inner.things.iter().filter(|(_, it)| it.kind == self.kind && it.name() == name);
        let ids: Vec<String> = ids.map(|(id, _)| id.clone()).collect();
        drop(inner);
        match ids.as_slice() {
            [] => DiscoveryResult::Nothing,
            [id] => self.found(id).map_or(DiscoveryResult::Nothing, DiscoveryResult::Found),
            several => DiscoveryResult::Several(
                several.iter().map(|id| (id.clone(), DiscoveryEvidence::Name)).collect(),
            ),
        }
    }

    fn found(&self, id: &str) -> Option<Box<DiscoveredResource>> {
        let nothing =
            RecordedValue { id: id.to_owned(), arguments: Object::new(), outputs: Object::new() };
        let ReadingValue::Found { arguments, outputs, remarks } = self.reading(&nothing) else {
            return None;
        };
        let recorded = RecordedValue { id: id.to_owned(), arguments, outputs };
        let state = self.world.look().belongs.clone();
        Some(Box::new(DiscoveredResource {
            imported: ImportedValue { recorded, remarks },
            by: DiscoveryEvidence::Name,
            state,
        }))
    }
}

/// Returns the recorded value of a key.
pub(crate) struct Facts(pub(crate) World);

impl DataReader for Facts {
    fn read<'a>(
        &'a self,
        _: &'a ProviderClient,
        arguments: &'a Object,
    ) -> BoxFuture<'a, Result<Object, Error>> {
        Box::pin(async move {
            let is_silent = self.0.look().silent;
            if is_silent {
                std::future::pending::<()>().await;
            }
            let key = arguments.get("key").and_then(Value::as_str).unwrap_or_default();
            let mut inner = self.0.look();
            *inner.calls.entry("fact".into()).or_default() += 1;
            let answer = inner.facts.get(key).cloned();
            let of_thing = || inner.things.get(key).map(|it| format!("{} {}", it.kind, it.name()));
            match answer.or_else(of_thing) {
                Some(value) => Ok(Object::from([("value".into(), Value::from(value))])),
                None => Err(failed(
                    "look up",
                    &format!("nothing is known of `{key}`"),
                    CallOutcome::Refused,
                )),
            }
        })
    }
}
