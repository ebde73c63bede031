//! A configuration, a state and a world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ha_apply::{
    ApplyResult, CancelSignal, Engine, Event, EventObserver, PlanFailure, PlanRequest,
    RecoveryResult, RefreshMode,
};
use ha_diagnostics::Diagnostic;
use ha_lang::{DirectorySource, EmptyScope, LoadedConfiguration, SourceFile, load};
use ha_plan::{FileSource, Plan, PlanMode, PlanSnapshot, Selection};
use ha_state_model::State;
use ha_state_store::{
    KeyName, KeyProvider, LockInfo, MemoryStore, OpenOptions, StateError, StateKey, StateWriter,
    Store, open_for_reading, open_for_writing,
};
use ha_value::{Address, Name, Value};

use crate::mock::{World, registry};
use crate::show;

/// A directory as a user has one, with everything behind it. Each command is a run of its own.
pub(crate) struct Project {
    pub(crate) world: World,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) key: OneKey,
    pub(crate) parallelism: usize,
    pub(crate) replace: Vec<Address>,
    pub(crate) variables: BTreeMap<Name, Value>,
    pub(crate) refresh: RefreshMode,
    pub(crate) selection: Selection,
    pub(crate) imports: Vec<(Address, String)>,
    pub(crate) cancel: CancelSignal,
    pub(crate) events: Arc<Events>,
    pub(crate) observer: Arc<dyn EventObserver>,
}

/// The events of a run.
#[derive(Default)]
pub(crate) struct Events(pub(crate) std::sync::Mutex<Vec<Event>>);

impl EventObserver for Events {
    fn observe(&self, event: Event) {
        self.0.lock().expect("no one panics with it").push(event);
    }
}

/// Always the same key.
#[derive(Clone)]
pub(crate) struct OneKey(StateKey);

impl OneKey {
    pub(crate) fn new() -> Self {
        Self(StateKey::from_secret([7; 32].into()))
    }
}

impl KeyProvider for OneKey {
    fn named(&self, _: &str, _: &KeyName) -> Result<StateKey, StateError> {
        Ok(self.0.clone())
    }

    fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
        Ok((
            KeyName {
                id: self.0.id().to_owned(),
                method: "test".into(),
                parameters: BTreeMap::new(),
            },
            self.0.clone(),
        ))
    }
}

impl Project {
    pub(crate) fn new() -> Self {
        Self::over(World::default(), Arc::new(MemoryStore::new()))
    }

    pub(crate) fn over(world: World, store: Arc<dyn Store>) -> Self {
        let events: Arc<Events> = Arc::default();
        Self {
            world,
            store,
            key: OneKey::new(),
            parallelism: 10,
            replace: Vec::new(),
            variables: BTreeMap::new(),
            refresh: RefreshMode::All,
            selection: Selection::default(),
            imports: Vec::new(),
            cancel: CancelSignal::new(),
            observer: events.clone(),
            events,
        }
    }

    pub(crate) fn engine(&self) -> Engine {
        let (schemas, drivers) = registry(&self.world).split();
        Engine::new(schemas, drivers, self.parallelism)
    }

    pub(crate) fn state(&self) -> State {
        open_for_reading(&*self.store, &self.key).expect("the state can be read")
    }

    pub(crate) fn request(
        &self,
        text: &str,
        mode: PlanMode,
    ) -> Result<PlanRequest, Vec<Diagnostic>> {
        let sections = Sections::of(text);
        let root = sections.files("").expect("every text has a root");
        let LoadedConfiguration { configuration, diagnostics, .. } =
            load(&root, &sections, |_| self.variables.clone());
        if !diagnostics.is_empty() {
            return Err(diagnostics);
        }
        let mut variables = self.variables.clone();
        for (name, variable) in &configuration.variables {
            let value =
                variables.remove(name).or_else(|| variable.default.clone()).unwrap_or(Value::NULL);
            variables
                .insert(name.clone(), if variable.sensitive { value.sensitive() } else { value });
        }
        let snapshot = PlanSnapshot {
            sources: vec![("main.hcl".into(), text.into())],
            variables,
            ..PlanSnapshot::default()
        };
        Ok(PlanRequest {
            configuration: Arc::new(configuration),
            snapshot,
            files: files(),
            mode,
            replace: self.replace.clone(),
            refresh: self.refresh,
            selection: self.selection.clone(),
            imports: self.imports.clone(),
        })
    }

    /// The mistakes in a configuration, without a call.
    pub(crate) fn validate(&self, text: &str) -> String {
        match self.request(text, PlanMode::Normal) {
            Ok(request) => show::diagnostics(&self.engine().validate(&request)),
            Err(diagnostics) => show::diagnostics(&diagnostics),
        }
    }

    pub(crate) async fn try_plan(&self, text: &str) -> Result<Plan, PlanFailure> {
        let request = self
            .request(text, PlanMode::Normal)
            .map_err(|diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() })?;
        self.engine().plan(&request, &self.state(), &*self.events).await
    }

    /// The rendered plan, or its errors.
    pub(crate) async fn plan(&self, text: &str) -> String {
        match self.try_plan(text).await {
            Ok(plan) => show::plan(&plan),
            Err(failure) => show::failure(&failure),
        }
    }

    /// The whole of `ha apply`: recover, plan, apply.
    pub(crate) async fn run(
        &self,
        text: &str,
        mode: PlanMode,
    ) -> Result<(Plan, ApplyResult), PlanFailure> {
        self.run_and_recover(text, mode).await.map(|(plan, applied, _)| (plan, applied))
    }

    pub(crate) async fn run_and_recover(
        &self,
        text: &str,
        mode: PlanMode,
    ) -> Result<(Plan, ApplyResult, RecoveryResult), PlanFailure> {
        let wrong = |diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() };
        let request = self.request(text, mode).map_err(wrong)?;
        let engine = self.engine();
        let writer = Arc::new(self.open());
        let observer = self.observer.clone();
        let recovery =
            engine.recover(&request.configuration, &writer, &observer, &self.cancel).await;
        let state = writer.snapshot();
        let plan = engine.plan(&request, &state, &*observer).await?;
        // A plan is applied after it was serialised and parsed again.
        let written = serde_json::to_string(&plan).expect("a plan can be written");
        let mut read: Plan = serde_json::from_str(&written).expect("a plan can be read");
        read.snapshot.give(&request.configuration, plan.snapshot.ephemeral.clone());
        assert!(read == plan, "a plan reads back as it was written");
        let applied = engine
            .apply(&read, &request.configuration, &request.files, &writer, &observer, &self.cancel)
            .await;
        let applied = applied.map_err(wrong)?;
        Arc::try_unwrap(writer).expect("no one else has the writer").finish().ok();
        Ok((plan, applied, recovery))
    }

    /// Applies without checking that the next plan is empty. Returns the result.
    pub(crate) async fn run_once(&self, text: &str) -> String {
        match self.run(text, PlanMode::Normal).await {
            Ok((_, applied)) => show::applied(&applied),
            Err(failure) => panic!("there is no plan:\n{}", show::failure(&failure)),
        }
    }

    /// Applies an earlier plan.
    pub(crate) async fn apply_plan(&self, text: &str, plan: &Plan) -> ApplyResult {
        let request = self.request(text, plan.mode).expect("the plan was made from it");
        let writer = Arc::new(self.open());
        let (files, observer) = (&request.files, &self.observer);
        let applied = self
            .engine()
            .apply(plan, &request.configuration, files, &writer, observer, &self.cancel)
            .await;
        applied.unwrap_or_else(|it| panic!("the plan will not do:\n{}", show::diagnostics(&it)))
    }

    pub(crate) fn open(&self) -> StateWriter {
        open_for_writing(&*self.store, &self.key, OpenOptions::by(LockInfo::here("ha apply")))
            .expect("the state can be opened")
    }

    /// Applies, which must succeed; afterwards there must be nothing left to do. Answers with the
    /// plan.
    pub(crate) async fn apply(&self, text: &str) -> String {
        let (plan, applied) = match self.run(text, PlanMode::Normal).await {
            Ok(it) => it,
            Err(failure) => panic!("there is no plan:\n{}", show::failure(&failure)),
        };
        assert_eq!(show::applied(&applied), "complete\n", "of the plan:\n{}", show::plan(&plan));
        self.assert_settled(text).await;
        show::plan(&plan)
    }

    /// Applies, which may fail; answers with what came of it. When all was done there must be
    /// nothing left to do.
    pub(crate) async fn try_apply(&self, text: &str) -> String {
        match self.run(text, PlanMode::Normal).await {
            Err(failure) => format!("no plan:\n{}", show::failure(&failure)),
            Ok((_, applied)) => {
                if applied.is_complete() {
                    self.assert_settled(text).await;
                }
                show::applied(&applied)
            }
        }
    }

    /// Deletes everything, which must succeed and leave nothing. Answers with the plan.
    pub(crate) async fn destroy(&self, text: &str) -> String {
        let (plan, applied) = match self.run(text, PlanMode::Destroy).await {
            Ok(it) => it,
            Err(failure) => panic!("there is no plan:\n{}", show::failure(&failure)),
        };
        assert_eq!(show::applied(&applied), "complete\n", "of the plan:\n{}", show::plan(&plan));
        let state = self.state();
        assert!(
            state.records.is_empty() && state.deposed.is_empty() && state.unfinished.is_empty()
        );
        assert!(state.outputs.is_empty() && state.providers.is_empty(), "{:?}", state.providers);
        show::plan(&plan)
    }

    /// Asserts that the recorded objects exist once each, and no others.
    pub(crate) fn assert_one_of_each(&self) {
        let state = self.state();
        let outside = state.records.values().filter(|it| &*it.address.block.kind != "memo");
        let recorded: BTreeSet<String> = outside.map(|it| it.id.clone()).collect();
        let there: BTreeSet<String> = self.world.look().things.keys().cloned().collect();
        assert_eq!(recorded, there);
        assert!(state.deposed.is_empty() && state.unfinished.is_empty());
    }

    /// There is nothing to do, and nothing to write down.
    pub(crate) async fn assert_settled(&self, text: &str) {
        let replace = Vec::new();
        let again = Self {
            world: self.world.clone(),
            store: self.store.clone(),
            key: self.key.clone(),
            replace,
            variables: self.variables.clone(),
            cancel: CancelSignal::new(),
            events: Arc::default(),
            observer: Arc::new(Events::default()),
            selection: Selection::default(),
            imports: Vec::new(),
            ..*self
        };
        match again.try_plan(text).await {
            Ok(plan) => {
                assert!(
                    plan.is_empty(),
                    "after apply there is still something to do:\n{}",
                    show::plan(&plan)
                );
                assert!(
                    plan.settled.is_empty(),
                    "after apply there is news for the state: {:#?}",
                    plan.settled
                );
                assert!(
                    plan.unfinished.is_empty(),
                    "something is unfinished: {:?}",
                    plan.unfinished
                );
            }
            Err(failure) => panic!("after apply there is no plan:\n{}", show::failure(&failure)),
        }
    }
}

/// A string as several files: what follows a line `=== NAME` is the file of that name, what comes
/// first is `main.hcl`.
struct Sections(Vec<SourceFile>);

impl Sections {
    fn of(text: &str) -> Self {
        let file = |section: (usize, &str)| match section {
            (0, text) => SourceFile::new("main.hcl", text),
            (_, section) => {
                let (name, text) =
                    section.split_once('\n').expect("a name stands on a line of its own");
                SourceFile::new(name.trim(), text)
            }
        };
        Self(text.split("\n=== ").enumerate().map(file).collect())
    }
}

impl DirectorySource for Sections {
    fn files(&self, directory: &str) -> Result<Vec<SourceFile>, String> {
        let is_in = |it: &&SourceFile| {
            it.name.rsplit_once('/').map_or("", |(directory, _)| directory) == directory
        };
        let files: Vec<SourceFile> = self.0.iter().filter(is_in).cloned().collect();
        if files.is_empty() { Err("there is no such directory".into()) } else { Ok(files) }
    }
}

pub(crate) fn files() -> Arc<dyn FileSource + Send + Sync> {
    Arc::new(EmptyScope)
}
