//! Drives the kinds as the engine does: with schemas on one side and drivers on the other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use ha_provider::{
    Attempt, DriverSet, Error, IntendedChange, ProviderClient, ProviderRegistry, ReadingValue,
    RecordedValue, SchemaSet, StepObserver,
};
use ha_value::{Action, Address, Object, ResourceMode, Value};

use crate::cluster::{Cluster, MASTER_PASSWORD, cluster};
use crate::object;

/// Keeps notes as the journal does, over kills.
#[derive(Default)]
pub(crate) struct Journal {
    notes: Mutex<BTreeMap<String, String>>,
    pub(crate) progress: Mutex<Vec<String>>,
    pub(crate) warnings: Mutex<Vec<String>>,
}

impl StepObserver for Journal {
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        self.notes.lock().unwrap().insert(key.into(), value.into());
        Box::pin(async { Ok(()) })
    }
    fn progress(&self, message: &str) {
        self.progress.lock().unwrap().push(message.into());
    }
    fn warn(&self, message: &str) {
        self.warnings.lock().unwrap().push(message.into());
    }
    fn is_cancelled(&self) -> bool {
        false
    }
}

pub(crate) struct Project {
    pub(crate) cluster: Arc<Cluster>,
    schemas: SchemaSet,
    drivers: DriverSet,
    client: ProviderClient,
}

/// A step of some plan: the same for every try at it.
#[derive(Clone, Default)]
pub(crate) struct Step {
    pub(crate) journal: Arc<Journal>,
    token: String,
}

impl Step {
    pub(crate) fn new(token: &str) -> Self {
        Self { token: token.into(), ..Self::default() }
    }

    fn attempt(&self, kind: &str, resumed: bool) -> Attempt {
        let address: Address = format!("{kind}.it").parse().unwrap();
        let notes = self.journal.notes.lock().unwrap().clone();
        Attempt::new(address, self.token.clone(), resumed, notes, self.journal.clone())
    }
}

/// The settings with which the master user reaches the server.
pub(crate) fn settings(cluster: &Cluster, changed: &[(&str, Value)]) -> Object {
    let mut settings = object(&[
        ("host", Value::from("127.0.0.1")),
        ("port", Value::from(i64::from(cluster.port))),
        ("username", Value::from("master")),
        ("password", Value::from(MASTER_PASSWORD)),
        ("sslmode", Value::from(if cluster.has_tls { "verify-full" } else { "disable" })),
        ("ca_certificate", Value::from(cluster.authority.as_str())),
    ]);
    settings.extend(object(changed));
    settings.into_iter().filter(|(_, it)| !it.is_null()).collect()
}

fn unmarked(values: Object) -> Object {
    values.into_iter().map(|(name, it)| (name, it.revealed())).collect()
}

impl Project {
    pub(crate) async fn new() -> Self {
        Self::with(&[]).await.unwrap()
    }

    pub(crate) async fn with(changed: &[(&str, Value)]) -> Result<Self, Error> {
        Self::on(cluster(), changed).await
    }

    /// With a server that is not everybody's.
    pub(crate) async fn on(
        cluster: Arc<Cluster>,
        changed: &[(&str, Value)],
    ) -> Result<Self, Error> {
        let (schemas, drivers) = ha_postgresql::register(ProviderRegistry::new()).split();
        let conformed = schemas
            .provider("postgresql")
            .unwrap()
            .schema
            .conform(&settings(&cluster, changed))
            .unwrap();
        let (client, _) = drivers.connector("postgresql").unwrap().connect(&conformed).await?;
        Ok(Self { cluster, schemas, drivers, client })
    }

    /// The arguments as the planner hands them over: checked, filled with defaults, in normal form.
    pub(crate) fn arguments(&self, kind: &str, given: &[(&str, Value)]) -> Object {
        let described = self.schemas.kind(ResourceMode::Managed, kind).unwrap();
        let conformed = described.schema().conform(&object(given)).unwrap();
        assert_eq!(described.hooks().problems(described.schema(), &conformed), []);
        unmarked(described.normal(&unmarked(conformed)).unwrap())
    }

    pub(crate) fn problems(&self, kind: &str, given: &[(&str, Value)]) -> Vec<String> {
        let described = self.schemas.kind(ResourceMode::Managed, kind).unwrap();
        let conformed = described.schema().conform(&object(given)).unwrap();
        described
            .hooks()
            .problems(described.schema(), &conformed)
            .into_iter()
            .map(|it| it.message)
            .collect()
    }

    pub(crate) async fn create(
        &self,
        kind: &str,
        given: &[(&str, Value)],
    ) -> Result<RecordedValue, Error> {
        self.create_in(&Step::new(&format!("{:032x}", rand::random::<u128>())), false, kind, given)
            .await
    }

    pub(crate) async fn create_in(
        &self,
        step: &Step,
        resumed: bool,
        kind: &str,
        given: &[(&str, Value)],
    ) -> Result<RecordedValue, Error> {
        let arguments = self.arguments(kind, given);
        let driver = self.drivers.resource(kind).unwrap();
        let (id, outputs) =
            driver.create(&self.client, &arguments, &mut step.attempt(kind, resumed)).await?;
        Ok(RecordedValue { id, arguments, outputs: unmarked(outputs) })
    }

    pub(crate) async fn update(
        &self,
        kind: &str,
        before: &RecordedValue,
        given: &[(&str, Value)],
    ) -> Result<RecordedValue, Error> {
        let arguments = self.arguments(kind, given);
        let driver = self.drivers.resource(kind).unwrap();
        let outputs = driver
            .update(&self.client, &arguments, before, &mut Step::new("u").attempt(kind, false))
            .await?;
        let id = outputs["id"].as_str().unwrap().to_owned();
        Ok(RecordedValue { id, arguments, outputs })
    }

    pub(crate) async fn delete(&self, kind: &str, known: &RecordedValue) -> Result<(), Error> {
        self.drivers
            .resource(kind)
            .unwrap()
            .delete(&self.client, known, &mut Step::new("d").attempt(kind, false))
            .await
    }

    /// Deletes something in whose place these arguments are made next.
    pub(crate) async fn replace(
        &self,
        step: &Step,
        kind: &str,
        known: &RecordedValue,
        given: &[(&str, Value)],
    ) -> Result<(), Error> {
        let described = self.schemas.kind(ResourceMode::Managed, kind).unwrap();
        let after = described.schema().conform(&object(given)).unwrap();
        let successor = IntendedChange::new(described, Action::Create, None, Some(&after));
        let mut attempt = step.attempt(kind, false).before_making(Some(successor));
        self.drivers.resource(kind).unwrap().delete(&self.client, known, &mut attempt).await
    }

    /// Takes away what a killed step may have left.
    pub(crate) async fn clean_up(&self, step: &Step, kind: &str, known: &RecordedValue) {
        self.drivers
            .resource(kind)
            .unwrap()
            .clean_up(&self.client, known, &step.attempt(kind, true))
            .await
            .unwrap();
    }

    /// A planned change, as the engine tells of it. What is there is empty before a create.
    pub(crate) fn intended(
        &self,
        kind: &str,
        before: &[(&str, Value)],
        after: &[(&str, Value)],
    ) -> IntendedChange {
        let action = match (before, after) {
            ([], _) => Action::Create,
            (_, []) => Action::Delete,
            _ => Action::Update,
        };
        self.intended_as(action, kind, before, after)
    }

    pub(crate) fn intended_as(
        &self,
        action: Action,
        kind: &str,
        before: &[(&str, Value)],
        after: &[(&str, Value)],
    ) -> IntendedChange {
        let described = self.schemas.kind(ResourceMode::Managed, kind).unwrap();
        let whole = |given: &[(&str, Value)]| described.schema().conform(&object(given)).unwrap();
        let (before, after) = [before, after].map(|it| (!it.is_empty()).then(|| whole(it))).into();
        IntendedChange::new(described, action, before.as_ref(), after.as_ref())
    }

    /// What the server has against planned changes: which one, which argument, and why.
    pub(crate) async fn objections(
        &self,
        planned: &[IntendedChange],
    ) -> Vec<(usize, String, String)> {
        let kinds: std::collections::BTreeSet<_> =
            planned.iter().map(|it| it.kind.clone()).collect();
        let mut all = Vec::new();
        for kind in kinds {
            let found =
                self.drivers.resource(&kind).unwrap().objections(&self.client, planned).await;
            all.extend(
                found.into_iter().map(|(place, it)| (place, it.path.to_string(), it.message)),
            );
        }
        all
    }

    /// What is there under an id that a person gives, for a block with these arguments.
    pub(crate) async fn import(
        &self,
        kind: &str,
        id: &str,
        given: &[(&str, Value)],
    ) -> Result<Option<RecordedValue>, Error> {
        let arguments = self.arguments(kind, given);
        let found =
            self.drivers.resource(kind).unwrap().import(&self.client, id, &arguments).await?;
        let plain = |it: RecordedValue| RecordedValue {
            arguments: unmarked(it.arguments),
            outputs: unmarked(it.outputs),
            ..it
        };
        Ok(found.map(|it| plain(it.recorded)))
    }

    pub(crate) async fn read(&self, kind: &str, known: &[&RecordedValue]) -> Vec<ReadingValue> {
        let known: Vec<RecordedValue> = known.iter().map(|it| (*it).clone()).collect();
        self.drivers.resource(kind).unwrap().read(&self.client, &known).await.unwrap()
    }

    /// The arguments as they are on the server, unmarked.
    pub(crate) async fn seen(&self, kind: &str, known: &RecordedValue) -> Object {
        match self.read(kind, &[known]).await.remove(0) {
            ReadingValue::Found { arguments, .. } => unmarked(arguments),
            other => panic!("{other:?}"),
        }
    }

    /// Fails unless every configured argument is on the server as it was applied: a plan would be
    /// empty.
    pub(crate) async fn assert_settled(&self, kind: &str, known: &RecordedValue) {
        let seen = self.seen(kind, known).await;
        for (name, wanted) in &known.arguments {
            assert_eq!(seen.get(name), Some(wanted), "{kind} `{}`: `{name}`", known.id);
        }
    }
}
