//! Drives planning, which is pure: refreshes before it, and performs the reads it asks for.

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
use crate::driver_call::with_time_limit;
use crate::events::{Event, EventObserver};
use crate::refresh::Refresh;
use crate::step::StepExecutor;

/// How often planning may ask for reads before it is given up. Each round reads every data source
/// whose arguments are known by then, so this bounds the depth of a chain of data sources.
pub(crate) const MAX_READ_ROUNDS: usize = 100;

/// Plans and applies configurations.
#[derive(Clone)]
pub struct Engine {
    /// The descriptions of all resource types, which is all that planning gets.
    pub schemas: Arc<SchemaSet>,
    /// What can call services.
    pub drivers: DriverSet,
    /// How many steps or reads run at a time; at least 1.
    pub parallelism: usize,
    pub(crate) clients: Arc<ProviderClients>,
}

/// A request for a plan.
pub struct PlanRequest {
    /// The configuration.
    pub configuration: Arc<ha_plan::Configuration>,
    /// The sources of the configuration and the values of its variables.
    pub snapshot: PlanSnapshot,
    /// The files that functions such as `file` may read.
    pub files: Arc<dyn FileSource + Send + Sync>,
    /// Whether to converge, destroy or refresh only.
    pub mode: PlanMode,
    /// Instances to replace although nothing differs.
    pub replace: Vec<Address>,
    /// Which recorded instances are read first.
    pub refresh: RefreshMode,
    /// The instances that the plan is limited to.
    pub selection: Selection,
    /// Imports besides those of `import` blocks: the instance, and the id of its object.
    pub imports: Vec<(Address, String)>,
}

/// Which recorded instances are read before planning.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshMode {
    /// All of them.
    #[default]
    All,
    /// Those that the configuration would change, and what depends on them.
    Changed,
    /// None.
    None,
}

/// The answer to one read.
enum ReadAnswer {
    Data(Object),
    Imported(Option<ImportedValue>),
}

/// Why there is no plan.
#[derive(Debug, Default)]
pub struct PlanFailure {
    /// The mistakes in the configuration.
    pub diagnostics: Vec<Diagnostic>,
    /// The failed calls to services.
    pub errors: Vec<Error>,
    /// The part that could be planned; to be shown, never to be applied.
    pub plan: Option<Box<Plan>>,
}

impl Engine {
    /// An engine with these resource types and drivers.
    #[must_use]
    pub fn new(schemas: SchemaSet, drivers: DriverSet, parallelism: usize) -> Self {
        let clients = ProviderClients::new(drivers.clone());
        Self { schemas: Arc::new(schemas), drivers, parallelism: parallelism.max(1), clients }
    }

    /// The mistakes in a configuration that can be found without calling a service.
    #[must_use]
    pub fn validate(&self, request: &PlanRequest) -> Vec<Diagnostic> {
        let (state, observed) = (State::default(), Observations::default());
        ha_plan::check(&self.input(request, &MovedState::nothing(&state), &observed))
    }

    /// Refreshes the recorded instances, then plans, with the reads that the configuration needs.
    ///
    /// # Errors
    /// All mistakes in the configuration, or all failed calls.
    pub async fn plan(
        &self,
        request: &PlanRequest,
        state: &State,
        observer: &dyn EventObserver,
    ) -> Result<Plan, PlanFailure> {
        let failure_of = |diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() };
        let moved =
            ha_plan::moved(state, &request.configuration, &self.schemas).map_err(failure_of)?;
        let mut observed = Observations::default();
        let warnings = match request.refresh {
            RefreshMode::All => {
                self.refresh_records(request, &moved, None, &mut observed, observer).await?
            }
            RefreshMode::Changed => {
                // Which instances change can only be known from a plan, so a first one is made from
                // the recorded values, and its changes are refreshed.
                let preview =
                    self.plan_with_reads(request, &moved, &mut observed, observer).await?;
                let changed = preview.changed_and_dependents(&moved.state);
                self.refresh_records(request, &moved, Some(&changed), &mut observed, observer)
                    .await?
            }
            RefreshMode::None => Vec::new(),
        };
        let mut plan = self.plan_with_reads(request, &moved, &mut observed, observer).await?;
        plan.warnings.extend(warnings);
        self.connect_known(&plan).await?;
        // Asked after connecting, which is what finds out the identities.
        plan.identities = self.clients.identities();
        // Services are asked last, when the plan is otherwise complete: their objections are
        // about the intended objects.
        let diagnostics = match request.imports.is_empty() {
            true => self.objections(&self.input(request, &moved, &observed), &plan).await,
            // An import changes no service, so no service can object to it.
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

    /// Reads the recorded instances that the request selects; with `subset`, only those of them.
    /// Returns warnings.
    async fn refresh_records(
        &self,
        request: &PlanRequest,
        moved: &MovedState<'_>,
        subset: Option<&BTreeSet<Address>>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<Vec<Diagnostic>, PlanFailure> {
        let input = self.input(request, moved, observed);
        let selected = ha_plan::chosen(&input)
            .map_err(|diagnostics| PlanFailure { diagnostics, ..PlanFailure::default() })?;
        let settings = known_settings(&input);
        let is_selected = |address: &Address| {
            subset.is_none_or(|it| it.contains(address))
                && selected.as_ref().is_none_or(|it| it.contains(address))
        };
        let refresh = Refresh {
            state: &moved.state,
            is_read: &is_selected,
            schemas: &self.schemas,
            drivers: &self.drivers,
            clients: &self.clients,
            settings: &settings,
            mode: request.mode,
            parallelism: self.parallelism,
            recorded_elsewhere: Mutex::default(),
            observer,
        };
        observed.readings = refresh
            .readings()
            .await
            .map_err(|errors| PlanFailure { errors, ..PlanFailure::default() })?;
        Ok(refresh.warnings())
    }

    /// Plans and performs the reads that planning asks for, until there is a plan.
    async fn plan_with_reads(
        &self,
        request: &PlanRequest,
        moved: &MovedState<'_>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<Plan, PlanFailure> {
        for _ in 0..MAX_READ_ROUNDS {
            let planned = ha_plan::plan(&self.input(request, moved, observed));
            let failure = |it: PlanError| PlanFailure {
                diagnostics: it.diagnostics,
                plan: it.so_far,
                ..PlanFailure::default()
            };
            match planned.map_err(failure)? {
                PlanOutcome::Reads(reads) => self.perform_reads(reads, observed, observer).await?,
                PlanOutcome::Plan(plan) => return Ok(*plan),
            }
        }
        let cause = format!("data sources still request reads after {MAX_READ_ROUNDS} rounds");
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
        self.clients.set_lease_guard(writer.lease_guard());
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

    pub(crate) async fn perform_reads(
        &self,
        reads: Vec<ReadRequest>,
        observed: &mut Observations,
        observer: &dyn EventObserver,
    ) -> Result<(), PlanFailure> {
        observer.observe(Event::Reading {
            addresses: reads.iter().map(|it| it.address.clone()).collect(),
        });
        let pending: Vec<_> = reads.iter().map(|it| self.perform_read(it)).collect();
        // `buffered` keeps the order of the requests, so that errors come in a stable order.
        let answers: Vec<_> =
            futures::stream::iter(pending).buffered(self.parallelism).collect().await;
        let mut errors = Vec::new();
        for (request, answer) in reads.into_iter().zip(answers) {
            match answer {
                Ok(ReadAnswer::Data(outputs)) => {
                    observed.data.insert(request.address, (request.arguments, outputs));
                }
                Ok(ReadAnswer::Imported(found)) => {
                    observed
                        .imports
                        .insert(request.address, (request.import.unwrap_or_default(), found));
                }
                // A `check` block must not fail a plan: planning turns the error into a warning.
                Err(error) if request.for_check => {
                    observed.unread.insert(request.address, (request.arguments, error));
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

    async fn perform_read(&self, request: &ReadRequest) -> Result<ReadAnswer, Error> {
        let kind = &request.address.block.kind;
        let with_address = |error: Error| {
            let error = redacted_error(error, [&request.settings]);
            Error { attempted: format!("{} (`{}`)", error.attempted, request.address), ..error }
        };
        if let Some(id) = &request.import {
            let no_driver = || {
                Error::new(
                    format!("import `{}`", request.address),
                    "this `ha` has no such resource type",
                )
            };
            let driver = self.drivers.resource(kind).ok_or_else(no_driver)?;
            let client = self.clients.client(&request.provider, &request.settings).await?;
            return driver
                .import(&client, id, &request.arguments)
                .await
                .map(ReadAnswer::Imported)
                .map_err(with_address);
        }
        let reader = self.drivers.reader(kind).ok_or_else(|| {
            Error::new(format!("read `{}`", request.address), "this `ha` has no such data source")
        })?;
        let client = self.clients.client(&request.provider, &request.settings).await?;
        let reading = reader.read(&client, &request.arguments);
        with_time_limit(reading, request.limit.as_ref())
            .await
            .map(ReadAnswer::Data)
            .map_err(with_address)
    }

    /// What services would refuse of a plan. Services that cannot be reached yet are not asked: the
    /// plan may create them.
    async fn objections(&self, input: &PlanInput<'_>, plan: &Plan) -> Vec<Diagnostic> {
        // A refresh changes nothing at a service; a destroy may be refused as a change may.
        if plan.mode == PlanMode::RefreshOnly {
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
            // At once, so that a service that does not answer costs one timeout and not one for
            // each resource type.
            let found = futures::future::join_all(asked).await.into_iter().flatten();
            objections.extend(found.map(|(place, problem)| (places[place], problem)));
        }
        objections.sort_by_key(|(place, _)| *place);
        if objections.is_empty() { Vec::new() } else { ha_plan::objected(input, plan, objections) }
    }

    /// Connects to every provider whose settings are known, so that the plan can show the accounts
    /// it would change.
    async fn connect_known(&self, plan: &Plan) -> Result<(), PlanFailure> {
        for (name, provider) in &plan.providers {
            match self.clients.client(name, &provider.settings).await {
                // A provider that depends on resources may be unreachable until they are applied.
                Err(error) if provider.dependencies.is_empty() => {
                    return Err(PlanFailure { errors: vec![error], ..PlanFailure::default() });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
