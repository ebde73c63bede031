//! The engine's use of a resource type, step by step, with the contract that every type must keep.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use ha_provider::{
    ArgumentProblem, Attempt, DriverSet, Error, IntendedChange, ProviderClient, ProviderRegistry,
    ReadingValue, RecordedValue, RenderResult, SchemaSet, StepObserver,
};
use ha_value::{Action, Object, ResourceMode, Value};
use serde_json::{Value as Json, json};

use crate::emulator::{Emulator, emulator};

/// A client, and all resource types.
pub(crate) struct World {
    pub(crate) schemas: SchemaSet,
    pub(crate) drivers: DriverSet,
    pub(crate) client: ProviderClient,
    // The emulator stops with its last user.
    _emulator: Arc<Emulator>,
}

/// Settings for an emulator at `endpoint`.
pub(crate) fn settings(endpoint: &str) -> Json {
    json!({"region": "eu-west-1", "access_key": "test", "secret_key": "test", "endpoint": endpoint})
}

/// The object with these values.
pub(crate) fn object(json: &Json) -> Object {
    match serde_json::from_value::<Value>(json.clone()).expect("these are values") {
        Value::Object(fields) => (*fields).clone(),
        other => panic!("not an object: {other:?}"),
    }
}

impl World {
    /// A client of the emulator.
    pub(crate) async fn new() -> Self {
        let emulator = emulator();
        let endpoint = emulator.endpoint.clone();
        Self::at(emulator, &endpoint).await.expect("the emulator answers")
    }

    /// A client of the service at `endpoint`.
    pub(crate) async fn at(emulator: Arc<Emulator>, endpoint: &str) -> Result<Self, Error> {
        let (schemas, drivers) = ha_aws::register(ProviderRegistry::new()).split();
        let given = schemas
            .provider("aws")
            .expect("there is one")
            .schema
            .conform(&object(&settings(endpoint)));
        let connector = drivers.connector("aws").expect("there is one").clone();
        let (client, _) = connector.connect(&given.expect("the settings are right")).await?;
        Ok(Self { schemas, drivers, client, _emulator: emulator })
    }

    /// The arguments as the planner has them: converted, checked, in normal form.
    pub(crate) fn normal(&self, kind: &str, arguments: &Json) -> Object {
        let described =
            self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
        let conformed = described
            .schema()
            .conform(&object(arguments))
            .unwrap_or_else(|it| panic!("{kind}: {it:?}"));
        let problems = described.hooks().problems(described.schema(), &conformed);
        assert!(problems.is_empty(), "{kind}: {problems:?}");
        described.normal(&conformed).unwrap_or_else(|it| panic!("{kind}: {it}"))
    }

    /// The problems that the checks find in arguments.
    pub(crate) fn problems(&self, kind: &str, arguments: &Json) -> Vec<ArgumentProblem> {
        let described =
            self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
        let conformed = described
            .schema()
            .conform(&object(arguments))
            .unwrap_or_else(|it| panic!("{kind}: {it:?}"));
        described.hooks().problems(described.schema(), &conformed)
    }

    /// Creates a resource and checks that it is as requested.
    pub(crate) async fn create(&self, kind: &str, arguments: Json) -> RecordedValue {
        let made = self.try_create(kind, &arguments, &mut attempt(kind)).await;
        let made = made.unwrap_or_else(|it| panic!("{kind}: {it}"));
        self.expect_no_difference(kind, &arguments, &made).await
    }

    /// Creates a resource.
    pub(crate) async fn try_create(
        &self,
        kind: &str,
        arguments: &Json,
        attempt: &mut Attempt,
    ) -> Result<RecordedValue, Error> {
        let normal = self.normal(kind, arguments);
        let described =
            self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
        let predicted = described.hooks().predicted(described.schema(), &normal);
        let (id, outputs) = self.driver(kind).create(&self.client, &normal, attempt).await?;
        for (name, value) in predicted {
            assert_eq!(
                value.revealed(),
                outputs[&name].revealed(),
                "{kind}: `{name}` was predicted otherwise"
            );
        }
        Ok(unmarked(id, normal, outputs))
    }

    /// Updates a resource and checks that it is as requested.
    pub(crate) async fn update(
        &self,
        kind: &str,
        before: &RecordedValue,
        arguments: Json,
    ) -> RecordedValue {
        let changed = self.try_update(kind, before, &arguments, &mut attempt(kind)).await;
        let changed = changed.unwrap_or_else(|it| panic!("{kind}: {it}"));
        self.expect_no_difference(kind, &arguments, &changed).await
    }

    /// Updates a resource.
    pub(crate) async fn try_update(
        &self,
        kind: &str,
        before: &RecordedValue,
        arguments: &Json,
        attempt: &mut Attempt,
    ) -> Result<RecordedValue, Error> {
        let normal = self.normal(kind, arguments);
        let outputs = self.driver(kind).update(&self.client, &normal, before, attempt).await?;
        Ok(unmarked(before.id.clone(), normal, outputs))
    }

    /// Reads a resource.
    pub(crate) async fn read(&self, kind: &str, known: &RecordedValue) -> ReadingValue {
        let readings = self.driver(kind).read(&self.client, std::slice::from_ref(known)).await;
        readings.unwrap_or_else(|it| panic!("{kind}: {it}")).remove(0)
    }

    /// Reads a resource that must exist.
    pub(crate) async fn found(
        &self,
        kind: &str,
        known: &RecordedValue,
    ) -> (RecordedValue, Vec<String>) {
        match self.read(kind, known).await {
            ReadingValue::Found { arguments, outputs, remarks } => {
                (unmarked(known.id.clone(), arguments, outputs), remarks)
            }
            other => panic!("{kind} `{}` is not there: {other:?}", known.id),
        }
    }

    /// Deletes a resource, twice, and checks that it no longer exists.
    pub(crate) async fn delete(&self, kind: &str, recorded: &RecordedValue) {
        for _ in 0..2 {
            let deleted =
                self.driver(kind).delete(&self.client, recorded, &mut attempt(kind)).await;
            deleted.unwrap_or_else(|it| panic!("{kind}: {it}"));
        }
        assert_eq!(self.read(kind, recorded).await, ReadingValue::Gone, "{kind} `{}`", recorded.id);
        let id = if kind == "aws_s3_object" {
            text(&recorded.outputs, "arn").replace("arn:aws:s3:::", "")
        } else {
            recorded.id.clone()
        };
        let imported = self.driver(kind).import(&self.client, &id, &recorded.arguments).await;
        assert_eq!(
            imported.unwrap_or_else(|it| panic!("{kind} `{id}`: {it}")),
            None,
            "{kind} `{id}` is gone"
        );
    }

    /// Deletes a resource.
    pub(crate) async fn remove(&self, kind: &str, recorded: &RecordedValue) {
        let deleted = self.driver(kind).delete(&self.client, recorded, &mut attempt(kind)).await;
        deleted.unwrap_or_else(|it| panic!("{kind}: {it}"));
    }

    /// What the service would refuse of a plan that deletes these resources, as messages.
    pub(crate) async fn objections_to_deletion(
        &self,
        deleted: &[(&str, &RecordedValue)],
    ) -> Vec<String> {
        let deleted: Vec<_> =
            deleted.iter().map(|(kind, it)| (*kind, Action::Delete, *it, None)).collect();
        self.objections(&deleted).await
    }

    /// What the service would refuse of a plan with these changes, as messages.
    pub(crate) async fn objections(
        &self,
        changes: &[(&str, Action, &RecordedValue, Option<Json>)],
    ) -> Vec<String> {
        let planned: Vec<IntendedChange> = changes
            .iter()
            .map(|(kind, action, recorded, after)| {
                let described =
                    self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
                let mut before = recorded.arguments.clone();
                before.extend(recorded.outputs.clone());
                let after = after.as_ref().map(|it| self.normal(kind, it));
                IntendedChange::new(described, *action, Some(&before), after.as_ref())
            })
            .collect();
        let kinds: BTreeSet<&str> = changes.iter().map(|it| it.0).collect();
        let mut messages = Vec::new();
        for kind in kinds {
            let found = self.driver(kind).objections(&self.client, &planned).await;
            messages.extend(found.into_iter().map(|(_, problem)| problem.message));
        }
        messages
    }

    /// Reads a data source.
    pub(crate) async fn data(&self, kind: &str, arguments: Json) -> Result<Object, Error> {
        let described =
            self.schemas.kind(ResourceMode::Data, kind).expect("the kind is registered");
        let conformed = described
            .schema()
            .conform(&object(&arguments))
            .unwrap_or_else(|it| panic!("{kind}: {it:?}"));
        self.drivers.reader(kind).expect("it is read").read(&self.client, &conformed).await
    }

    /// The default VPC of the region.
    pub(crate) async fn network(&self) -> String {
        let found = self.data("aws_vpc", json!({"default": true})).await;
        text(&found.expect("the emulator has one"), "id")
    }

    /// The subnets of the default VPC.
    pub(crate) async fn subnets(&self) -> Vec<String> {
        let filter = json!([{"name": "vpc-id", "values": [self.network().await]}]);
        let found = self.data("aws_subnets", json!({"filter": filter})).await;
        let ids = &found.expect("the emulator has some")["ids"];
        ids.children().map(|it| it.as_str().expect("names are strings").to_owned()).collect()
    }

    /// Renders a document.
    pub(crate) fn document(&self, kind: &str, arguments: &Json) -> Object {
        let described =
            self.schemas.kind(ResourceMode::Data, kind).expect("the kind is registered");
        let conformed = described
            .schema()
            .conform(&object(arguments))
            .unwrap_or_else(|it| panic!("{kind}: {it:?}"));
        match described.render(&conformed) {
            Some(RenderResult::Outputs(outputs)) => outputs,
            other => panic!("{kind}: {other:?}"),
        }
    }

    /// The differences that the planner would find.
    pub(crate) fn differences(&self, kind: &str, wanted: &Json, there: &Object) -> Vec<String> {
        let described =
            self.schemas.kind(ResourceMode::Managed, kind).expect("the kind is registered");
        let normal = self.normal(kind, wanted);
        let there = described.normal(there).unwrap_or_else(|it| panic!("{kind}: {it}"));
        let differs = |name: &&std::sync::Arc<str>| {
            normal.get(&***name).map(Value::revealed) != there.get(&***name).map(Value::revealed)
        };
        let same =
            described.hooks().same_names(described.schema(), (&there, &Object::new()), &normal);
        let differs = |name: &&std::sync::Arc<str>| differs(name) && !same.contains(&***name);
        normal
            .keys()
            .filter(differs)
            .map(|name| format!("{name}: {:?} is {:?}", normal[name], there.get(name)))
            .collect()
    }

    async fn expect_no_difference(
        &self,
        kind: &str,
        wanted: &Json,
        known: &RecordedValue,
    ) -> RecordedValue {
        let (found, _) = self.found(kind, known).await;
        let differences = self.differences(kind, wanted, &found.arguments);
        assert!(differences.is_empty(), "{kind}: {differences:#?}");
        assert_eq!(found.outputs, known.outputs, "{kind}: a look gives other outputs");
        self.expect_import(kind, wanted, &found).await;
        found
    }

    /// Imports it by its id, with the arguments of the configuration and without any.
    async fn expect_import(&self, kind: &str, wanted: &Json, there: &RecordedValue) {
        let id = match kind {
            "aws_s3_object" => format!("{}/{}", text(&there.arguments, "bucket"), there.id),
            _ => there.id.clone(),
        };
        let schema = self
            .schemas
            .kind(ResourceMode::Managed, kind)
            .expect("the kind is registered")
            .schema();
        let without_secrets = |it: &Object| {
            let told = it.iter().filter(|(name, _)| !schema.arguments[&***name].secret);
            told.map(|(name, value)| (name.clone(), value.clone())).collect::<Object>()
        };
        for (configured, is_said) in [(self.normal(kind, wanted), true), (Object::new(), false)] {
            let imported = self.driver(kind).import(&self.client, &id, &configured).await;
            let imported = imported.unwrap_or_else(|it| panic!("{kind} `{id}`: {it}"));
            let imported =
                imported.unwrap_or_else(|| panic!("there is no {kind} `{id}` to import"));
            let imported = unmarked(
                imported.recorded.id,
                imported.recorded.arguments,
                imported.recorded.outputs,
            );
            assert_eq!(imported.id, there.id, "{kind}");
            assert_eq!(imported.outputs, there.outputs, "{kind}: an import gives other outputs");
            if is_said {
                assert_eq!(
                    without_secrets(&imported.arguments),
                    without_secrets(&there.arguments),
                    "{kind}: an import differs"
                );
            }
        }
    }

    fn driver(&self, kind: &str) -> &Arc<dyn ha_provider::ResourceDriver> {
        self.drivers.resource(kind).expect("the kind is registered")
    }
}

fn unmarked(id: String, arguments: Object, outputs: Object) -> RecordedValue {
    let plain = |it: Object| it.into_iter().map(|(name, value)| (name, value.revealed())).collect();
    RecordedValue { id, arguments: plain(arguments), outputs: plain(outputs) }
}

/// The notes of a step, which last over its tries.
#[derive(Default)]
pub(crate) struct Journal(Mutex<BTreeMap<String, String>>);

impl Journal {
    /// All notes so far.
    pub(crate) fn notes(&self) -> BTreeMap<String, String> {
        self.0.lock().expect("no one panics while noting").clone()
    }
}

impl StepObserver for Journal {
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.0.lock().expect("no one panics while noting").insert(key.to_owned(), value.to_owned());
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, _: &str) {}
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// The first try of a step.
pub(crate) fn attempt(kind: &str) -> Attempt {
    try_of(kind, &token(), false, &Arc::default())
}

/// A try of a step with this token.
pub(crate) fn try_of(kind: &str, token: &str, resumed: bool, journal: &Arc<Journal>) -> Attempt {
    let address = format!("{kind}.test").parse().expect("it is an address");
    Attempt::new(address, token.to_owned(), resumed, journal.notes(), journal.clone())
}

/// A token that no other step has.
pub(crate) fn token() -> String {
    use std::hash::{BuildHasher, Hasher as _};
    let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", random(), random())
}

/// A name that nothing else has.
pub(crate) fn name(what: &str) -> String {
    format!("{what}-{}", &token()[..12])
}

/// An output as a string.
pub(crate) fn text(outputs: &Object, name: &str) -> String {
    match &outputs[name] {
        Value::String(text) => text.to_string(),
        Value::Number(number) => number.to_string(),
        other => panic!("`{name}` is no string: {other:?}"),
    }
}
