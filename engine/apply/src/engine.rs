//! Everything that drives the pure parts: refresh and reads around planning.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use futures::stream::StreamExt;
use ha_diagnostics::Diagnostic;
use ha_plan::{
    FileSource, MovedState, Observations, Plan, PlanError, PlanInput, PlanMode, PlanOutcome,
    PlanSnapshot, ReadRequest, Selection, known_settings, redacted_error,
};
use ha_provider::{DriverSet, Error, ImportedValue, SchemaSet};
use ha_state_model::State;
use ha_state_store::StateWriter;
use ha_value::{Address, Name, Object};

use crate::cancel::CancelSignal;
use crate::clients::ProviderClients;
use crate::driver_call::in_time;
use crate::events::{Event, EventObserver};
use crate::refresh::Refresh;
use crate::step::StepExecutor;

/// Rounds of reads before a plan is given up; the depth of the longest chain of data sources.
pub(crate) const ROUNDS: usize = 100;

/// What plans and applies.
#[derive(Clone)]
pub struct Engine {
    /// What is known of kinds.
    pub schemas: Arc<SchemaSet>,
    /// What can act.
    pub drivers: DriverSet,
    /// How many steps or looks at a time.
    pub parallelism: usize,
    pub(crate) clients: Arc<ProviderClients>,
}

/// A plan asked for.
pub struct PlanRequest {
    /// The configuration.
    pub configuration: Arc<ha_plan::Configuration>,
    /// Its sources and the values of its variables.
    pub snapshot: PlanSnapshot,
    /// What its functions may read.
    pub files: Arc<dyn FileSource + Send + Sync>,
    /// What is wanted.
    pub mode: PlanMode,
    /// Instances to make again.
    pub replace: Vec<Address>,
    /// What of it is looked at first.
    pub refresh: RefreshMode,
    /// What the plan is to be about.
    pub selection: Selection,
    /// What is to be taken over besides what `import` blocks say: the instance, and the id it has.
    pub imports: Vec<(Address, String)>,
}

/// What of that which is recorded is looked at before planning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshMode {
    /// All of it.
    #[default]
    All,
    /// That which the configuration would change, and what depends on it.
    Changed,
    /// Nothing.
    None,
}

/// What came of a look.
enum ReadAnswer {
    Data(Object),
    Imported(Option<ImportedValue>),
}

/// Why there is no plan.
#[derive(Debug, Default)]
pub struct PlanFailure {
    /// What is wrong with the configuration.
    pub diagnostics: Vec<Diagnostic>,
    /// What went wrong outside.
    pub errors: Vec<Error>,
    /// What was planned all the same: to be shown, not to be applied.
    pub plan: Option<Box<Plan>>,
}

impl Engine {
    /// An engine over these kinds.
    #[must_use]
    pub fn new(schemas: SchemaSet, drivers: DriverSet, parallelism: usize) -> Self {
        let clients = ProviderClients::new(drivers.clone());
        Self { schemas: Arc::new(schemas), drivers, parallelism: parallelism.max(1), clients }
    }

    /// What is wrong with a configuration, as far as that can be known without asking anybody.
    #[must_use]
    pub fn validate(&self, request: &PlanRequest) -> Vec<Diagnostic> {
        let (state, observed) = (State::default(), Observations::default());
        ha_plan::check(&self.input(request, &MovedState::nothing(&state), &observed))
    }

    /// Plans: looks at what is recorded, reads what the configuration asks for, decides.
    ///
    /// # Errors
    /// What is wrong with the configuration, or went wrong outside; all of it.
    pub async fn plan(
        &self,
        request: &PlanRequest,
        state: &State,
        observer: &dyn EventObserver,
    ) -> Result<Plan, PlanFailure> {
        let wrong = |diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() };
        let moved = ha_plan::moved(state, &request.configuration, &self.schemas).map_err(wrong)?;
        let mut observed = Observations::default();
        let warnings = match request.refresh {
            RefreshMode::All => self.look(request, &moved, None, &mut observed, observer).await?,
            RefreshMode::Changed => {
                let first = self.rounds(request, &moved, &mut observed, observer).await?;
                let changed = first.changed_and_dependents(&moved.state);
                self.look(request, &moved, Some(&changed), &mut observed, observer).await?
            }
            RefreshMode::None => Vec::new(),
        };
        let mut plan = self.rounds(request, &moved, &mut observed, observer).await?;
        plan.warnings.extend(warnings);
        self.connect_known(&plan).await?;
        plan.identities = self.clients.identities();
        let diagnostics = match request.imports.is_empty() {
            true => self.objections(&self.input(request, &moved, &observed), &plan).await,
            // Only what is asked for is taken over, and nothing else is done.
            false => Vec::new(),
        };
        match diagnostics.is_empty() {
            true => Ok(plan),
            false => Err(PlanFailure {
                diagnostics,
                plan: Some(Box::new(Plan { errored: true, ..plan })),
                errors: Vec::new(),
            }),
        }
    }

    /// Looks at what is recorded: all of it that the request is about, or only these. Answers with
    /// what is worth a look.
    async fn look(
        &self,
        request: &PlanRequest,
        moved: &MovedState<'_>,
        only: Option<&BTreeSet<Address>>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<Vec<Diagnostic>, PlanFailure> {
        let input = self.input(request, moved, observed);
        let chosen = ha_plan::chosen(&input)
            .map_err(|diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() })?;
        let settings = known_settings(&input);
        let is_asked = |address: &Address| {
            only.is_none_or(|it| it.contains(address))
                && chosen.as_ref().is_none_or(|it| it.contains(address))
        };
        let refresh = Refresh {
            state: &moved.state,
            is_asked: &is_asked,
            schemas: &self.schemas,
            drivers: &self.drivers,
            clients: &self.clients,
            settings: &settings,
            mode: request.mode,
            parallelism: self.parallelism,
            elsewhere: Mutex::default(),
            observer,
        };
        observed.readings = refresh
            .readings()
            .await
            .map_err(|errors| PlanFailure { errors, ..PlanFailure::default() })?;
        Ok(refresh.warnings())
    }

    /// Plans, and answers what planning asks for, until there is a plan.
    async fn rounds(
        &self,
        request: &PlanRequest,
        moved: &MovedState<'_>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<Plan, PlanFailure> {
        for _ in 0..ROUNDS {
            let planned = ha_plan::plan(&self.input(request, moved, observed));
            let failure = |it: PlanError| PlanFailure {
                diagnostics: it.diagnostics,
                plan: it.so_far,
                ..PlanFailure::default()
            };
            match planned.map_err(failure)? {
                PlanOutcome::Reads(reads) => self.answer(reads, observed, observer).await?,
                PlanOutcome::Plan(plan) => return Ok(*plan),
            }
        }
        let cause = format!("data sources still ask for more after {ROUNDS} rounds");
        Err(PlanFailure {
            errors: vec![
                Error::new("plan", cause)
                    .help("look for data sources that read what they wait for"),
            ],
            ..PlanFailure::default()
        })
    }

    pub(crate) fn step_executor(
        &self,
        writer: &Arc<StateWriter>,
        observer: &Arc<dyn EventObserver>,
        cancel: &CancelSignal,
    ) -> StepExecutor {
        self.clients.work_under(writer.tenure());
        StepExecutor {
            schemas: self.schemas.clone(),
            drivers: self.drivers.clone(),
            clients: self.clients.clone(),
            writer: writer.clone(),
            observer: observer.clone(),
            cancel: cancel.clone(),
        }
    }

    pub(crate) fn input<'a>(
        &'a self,
        request: &'a PlanRequest,
        moved: &'a MovedState<'a>,
        observed: &'a Observations,
    ) -> PlanInput<'a> {
        PlanInput {
            configuration: &request.configuration,
            snapshot: &request.snapshot,
            files: &request.files,
            schemas: &self.schemas,
            state: &moved.state,
            moved,
            observed,
            mode: request.mode,
            replace: &request.replace,
            selection: &request.selection,
            imports: &request.imports,
            seek: false,
        }
    }

    pub(crate) async fn answer(
        &self,
        reads: Vec<ReadRequest>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<(), PlanFailure> {
        observer.observe(Event::Reading {
            addresses: reads.iter().map(|it| it.address.clone()).collect(),
        });
        let asking: Vec<_> = reads.iter().map(|it| self.read(it)).collect();
        let answers: Vec<_> =
            futures::stream::iter(asking).buffered(self.parallelism).collect().await;
        let mut errors = Vec::new();
        for (read, answer) in reads.into_iter().zip(answers) {
            match answer {
                Ok(ReadAnswer::Data(outputs)) => {
                    observed.data.insert(read.address, (read.arguments, outputs));
                }
                Ok(ReadAnswer::Imported(found)) => {
                    observed.imports.insert(read.address, (read.import.unwrap_or_default(), found));
                }
                Err(error) if read.for_check => {
                    observed.unread.insert(read.address, (read.arguments, error));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(PlanFailure { errors, ..PlanFailure::default() })
        }
    }

    async fn read(&self, read: &ReadRequest) -> Result<ReadAnswer, Error> {
        let kind = &read.address.block.kind;
        let named = |error: Error| {
            let error = redacted_error(error, [&read.settings]);
            Error { attempted: format!("{} (`{}`)", error.attempted, read.address), ..error }
        };
        if let Some(id) = &read.import {
            let nobody =
                || Error::new(format!("import `{}`", read.address), "no one looks after this kind");
            let driver = self.drivers.resource(kind).ok_or_else(nobody)?;
            let client = self.clients.client(&read.provider, &read.settings).await?;
            return driver
                .import(&client, id, &read.arguments)
                .await
                .map(ReadAnswer::Imported)
                .map_err(named);
        }
        let reader = self.drivers.reader(kind).ok_or_else(|| {
            Error::new(format!("read `{}`", read.address), "no one reads this kind")
        })?;
        let client = self.clients.client(&read.provider, &read.settings).await?;
        let reading = reader.read(&client, &read.arguments);
        in_time(reading, read.limit.as_ref()).await.map(ReadAnswer::Data).map_err(named)
    }

    /// What the services that can be asked now would refuse of a plan.
    async fn objections(&self, input: &PlanInput<'_>, plan: &Plan) -> Vec<Diagnostic> {
        if plan.mode != PlanMode::Normal {
            return Vec::new();
        }
        let mut objections = Vec::new();
        for (provider, (places, intended)) in ha_plan::intended(input, plan) {
            let Some(settings) = plan.providers.get(&provider).map(|it| &it.settings) else {
                continue;
            };
            let Ok(client) = self.clients.client(&provider, settings).await else { continue };
            let kinds: BTreeSet<&Name> = intended.iter().map(|it| &it.kind).collect();
            let asked = kinds
                .into_iter()
                .filter_map(|it| Some(self.drivers.resource(it)?.objections(&client, &intended)));
            // Of a service that is away all of them wait at once.
            let found = futures::future::join_all(asked).await.into_iter().flatten();
            objections.extend(found.map(|(place, problem)| (places[place], problem)));
        }
        objections.sort_by_key(|(place, _)| *place);
        if objections.is_empty() { Vec::new() } else { ha_plan::objected(input, plan, objections) }
    }

    /// Connects to every provider whose settings are known, so that the plan can say whom it would
    /// talk to. One that this or an earlier run has made may be away just now.
    async fn connect_known(&self, plan: &Plan) -> Result<(), PlanFailure> {
        for (name, provider) in &plan.providers {
            match self.clients.client(name, &provider.settings).await {
                Err(error) if provider.dependencies.is_empty() => {
                    return Err(PlanFailure { errors: vec![error], ..PlanFailure::default() });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
