//! Everything that drives the pure parts: refresh and reads around planning.

use std::sync::Arc;

use futures::stream::StreamExt;
use ha_kind::{Address, Diagnostic, Drivers, Error, Object, Schemas};
use ha_plan::{Files, Input, Observed, Plan, PlanMode, Planned, Read, Selection, Snapshot, known_settings};
use ha_state::State;

use crate::clients::Clients;
use crate::event::{Event, Observer};
use crate::refresh::Refresh;

/// Rounds of reads before a plan is given up; the depth of the longest chain of data sources.
const ROUNDS: usize = 100;

/// What plans and applies.
#[derive(Clone)]
pub struct Engine {
    /// What is known of kinds.
    pub schemas: Arc<Schemas>,
    /// What can act.
    pub drivers: Drivers,
    /// How many steps or looks at a time.
    pub parallelism: usize,
    pub(crate) clients: Arc<Clients>,
}

/// A plan asked for.
pub struct Request {
    /// The configuration.
    pub configuration: Arc<ha_plan::Configuration>,
    /// Its sources and the values of its variables.
    pub snapshot: Snapshot,
    /// What its functions may read.
    pub files: Arc<dyn Files + Send + Sync>,
    /// What is wanted.
    pub mode: PlanMode,
    /// Instances to make anew.
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

/// Why there is no plan.
#[derive(Debug, Default)]
pub struct Failure {
    /// What is wrong with the configuration.
    pub diagnostics: Vec<Diagnostic>,
    /// What went wrong outside.
    pub errors: Vec<Error>,
}

impl Engine {
    /// An engine over these kinds.
    #[must_use]
    pub fn new(schemas: Schemas, drivers: Drivers, parallelism: usize) -> Self {
        let clients = Clients::new(drivers.clone());
        Self { schemas: Arc::new(schemas), drivers, parallelism: parallelism.max(1), clients }
    }

    /// What is wrong with a configuration, as far as that can be told without asking anybody.
    #[must_use]
    pub fn validate(&self, request: &Request) -> Vec<Diagnostic> {
        let (state, observed) = (State::default(), Observed::default());
        ha_plan::plan(&self.input(request, &state, &observed)).err().unwrap_or_default()
    }

    /// Plans: looks at what is recorded, reads what the configuration asks for, decides.
    ///
    /// # Errors
    /// What is wrong with the configuration, or went wrong outside; all of it.
    pub async fn plan(&self, request: &Request, state: &State, observer: &dyn Observer) -> Result<Plan, Failure> {
        let mut observed = Observed::default();
        if request.refresh == RefreshMode::All {
            let settings = known_settings(&self.input(request, state, &observed));
            let refresh = Refresh {
                state,
                schemas: &self.schemas,
                drivers: &self.drivers,
                clients: &self.clients,
                settings: &settings,
                mode: request.mode,
                parallelism: self.parallelism,
                observer,
            };
            observed.readings = refresh.readings().await.map_err(|errors| Failure { errors, ..Failure::default() })?;
        }
        for _ in 0..ROUNDS {
            let planned = ha_plan::plan(&self.input(request, state, &observed));
            match planned.map_err(|diagnostics| Failure { diagnostics, ..Failure::default() })? {
                Planned::Reads(reads) => self.answer(reads, &mut observed, observer).await?,
                Planned::Plan(mut plan) => {
                    self.connect_known(&plan).await?;
                    plan.identities = self.clients.identities();
                    return Ok(*plan);
                }
            }
        }
        let cause = format!("data sources still ask for more after {ROUNDS} rounds");
        Err(Failure {
            errors: vec![Error::new("plan", cause).help("look for data sources that read what they wait for")],
            ..Failure::default()
        })
    }

    fn input<'a>(&'a self, request: &'a Request, state: &'a State, observed: &'a Observed) -> Input<'a> {
        Input {
            configuration: &request.configuration,
            snapshot: &request.snapshot,
            files: &request.files,
            schemas: &self.schemas,
            state,
            observed,
            mode: request.mode,
            replace: &request.replace,
        }
    }

    async fn answer(&self, reads: Vec<Read>, observed: &mut Observed, observer: &dyn Observer) -> Result<(), Failure> {
        observer.observe(Event::Reading { addresses: reads.iter().map(|it| it.address.clone()).collect() });
        let asking: Vec<_> = reads.iter().map(|it| self.read(it)).collect();
        let answers: Vec<_> = futures::stream::iter(asking).buffered(self.parallelism).collect().await;
        let mut errors = Vec::new();
        for (read, answer) in reads.into_iter().zip(answers) {
            match answer {
                Ok(outputs) => {
                    observed.data.insert(read.address, (read.arguments, outputs));
                }
                Err(error) => errors.push(error),
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(Failure { errors, ..Failure::default() }) }
    }

    async fn read(&self, read: &Read) -> Result<Object, Error> {
        let kind = &read.address.block.kind;
        let reader =
            self.drivers.reader(kind).ok_or_else(|| Error::new(format!("read `{}`", read.address), "nobody reads this kind"))?;
        let client = self.clients.client(&read.provider, &read.settings).await?;
        let named = |error: Error| Error { attempted: format!("{} (`{}`)", error.attempted, read.address), ..error };
        reader.read(&client, &read.arguments).await.map_err(named)
    }

    /// Connects to every provider whose settings are known, so that the plan can say whom it would talk to. One that
    /// this or an earlier run has made may be away just now.
    async fn connect_known(&self, plan: &Plan) -> Result<(), Failure> {
        for (name, provider) in &plan.providers {
            match self.clients.client(name, &provider.settings).await {
                Err(error) if provider.dependencies.is_empty() => {
                    return Err(Failure { errors: vec![error], ..Failure::default() });
                }
                _ => {}
            }
        }
        Ok(())
    }
}
