//! One step: intent on disk, the call, result on disk.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ha_plan::{OperationTimeout, RecordSettings, redacted, redacted_error, revealed};
use ha_provider::{
    Attempt, CallOutcome, DriverSet, Error, ProviderClient, ResourceDescription, ResourceDriver,
    SchemaSet, StepObserver,
};
use ha_state_model::{
    Frame, Obligation, ProviderName, ProviderRecord, Record, StepOutcome, UnfinishedStep,
};
use ha_state_store::StateWriter;
use ha_value::{Action, Address, Object, ResourceMode};

use crate::cancel::CancelSignal;
use crate::clients::ProviderClients;
use crate::events::{Event, EventObserver, StepError};
use crate::instance::InstanceOperation;
use crate::refresh::recorded_value;

/// What one call to a service takes at most: it is given up after that.
pub(crate) const CALL: Duration = Duration::from_secs(125);

/// What steps share.
#[derive(Clone)]
pub(crate) struct StepExecutor {
    pub(crate) schemas: Arc<SchemaSet>,
    pub(crate) drivers: DriverSet,
    pub(crate) clients: Arc<ProviderClients>,
    pub(crate) writer: Arc<StateWriter>,
    pub(crate) observer: Arc<dyn EventObserver>,
    pub(crate) cancel: CancelSignal,
}

/// One thing to do, with everything it takes.
pub(crate) struct StepInput {
    pub(crate) address: Address,
    pub(crate) provider: ProviderName,
    pub(crate) settings: ProviderRecord,
    pub(crate) what: Operation,
}

/// What is to be done.
pub(crate) enum Operation {
    /// Make it; what is recorded stays to be deleted later when `deposes`. An earlier try at it is
    /// taken up.
    Create {
        arguments: Object,
        from: RecordSettings,
        deposes: bool,
        earlier: Option<UnfinishedStep>,
    },
    /// Change it in place.
    Update {
        arguments: Object,
        from: RecordSettings,
        before: Box<Record>,
        earlier: Option<UnfinishedStep>,
    },
    /// Delete it, or an old object of it; what is known of that which is then made in its place,
    /// where something is.
    Delete {
        record: Box<Record>,
        deposed: Option<String>,
        earlier: Option<UnfinishedStep>,
        successor: Option<Object>,
    },
    /// Delete what an interrupted try may have made.
    Abandon { begun: UnfinishedStep },
    /// Write that it is as it was, but for what the configuration says of it.
    Keep { record: Box<Record> },
    /// Write that it is gone, or that an old object of it is.
    Forget { deposed: Option<String> },
    /// Read a data source.
    Read { arguments: Object, limit: Option<OperationTimeout> },
}

/// What a step brought about.
pub(crate) enum StepResult {
    /// It is there, like this, and its predecessor is still to be deleted under this key.
    Made { record: Box<Record>, deposed: Option<String> },
    /// The data source answered.
    Answered { arguments: Object, outputs: Object },
    /// It is gone.
    Gone,
}

/// What acts on an instance outside of a plan, with the settings it was made with.
struct RecoveryTarget {
    client: ProviderClient,
    driver: Arc<dyn ResourceDriver>,
    attempt: Attempt,
    /// What may hold secrets that must not be shown.
    known: Vec<Object>,
}

impl StepExecutor {
    /// Does it.
    pub(crate) async fn perform(&self, job: StepInput) -> Result<StepResult, StepError> {
        let StepInput { address, provider, settings, what } = job;
        match what {
            Operation::Forget { deposed } => {
                let outcome = match deposed {
                    Some(key) => StepOutcome::DeletedDeposed { address, key },
                    None => StepOutcome::Deleted(address),
                };
                self.write(Frame::Result { attempt: None, outcome }).await?;
                return Ok(StepResult::Gone);
            }
            Operation::Keep { record } => {
                self.write(Frame::Result {
                    attempt: None,
                    outcome: StepOutcome::Recorded(record.clone()),
                })
                .await?;
                return Ok(StepResult::Made { record, deposed: None });
            }
            _ => {}
        }
        let client = self
            .clients
            .client(&provider, &settings.settings)
            .await
            .map_err(StepError::Provider)?;
        if let Operation::Read { arguments, limit } = what {
            let reader =
                self.drivers.reader(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
            let asked = revealed(&arguments);
            let outputs = in_time(reader.read(&client, &asked), limit.as_ref()).await;
            let outputs = outputs.map_err(|it| {
                StepError::Provider(redacted_error(it, [&arguments, &settings.settings]))
            })?;
            return Ok(StepResult::Answered { arguments, outputs });
        }
        let described = self.described(&address)?;
        let driver =
            self.drivers.resource(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        self.remember_provider(&provider, &settings).await?;
        let bench = InstanceOperation {
            workshop: self,
            address: &address,
            provider: &provider,
            settings: &settings.settings,
            described,
            driver: &**driver,
            client,
        };
        match what {
            Operation::Create { arguments, from, deposes, earlier } => {
                bench.create(arguments, from, deposes, earlier).await
            }
            Operation::Update { arguments, from, before, earlier } => {
                bench.update(arguments, from, &before, earlier).await
            }
            Operation::Delete { record, deposed, earlier, successor } => {
                bench.delete(&record, deposed, earlier, successor.as_ref()).await
            }
            Operation::Abandon { begun } => bench.abandon(begun).await,
            Operation::Keep { .. } | Operation::Forget { .. } | Operation::Read { .. } => {
                unreachable!("all three were done above")
            }
        }
    }

    /// Has what a run that was killed left half done on an instance done.
    pub(crate) async fn finish_obligation(
        &self,
        record: Record,
        verb: &str,
    ) -> Result<(), StepError> {
        let RecoveryTarget { client, driver, mut attempt, known } =
            self.at_hand(&record, token()).await?;
        let met =
            driver.finish_obligation(&client, &recorded_value(&record), verb, &mut attempt).await;
        met.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    /// Has what a change with this token may have left beside an instance taken away. Where no one
    /// can be reached, the look that comes next says so.
    pub(crate) async fn clean_up(&self, record: Record, token: String) -> Result<(), StepError> {
        let Ok(RecoveryTarget { client, driver, attempt, known }) =
            self.at_hand(&record, token).await
        else {
            return Ok(());
        };
        let tidied = driver.clean_up(&client, &recorded_value(&record), &attempt).await;
        tidied.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    async fn at_hand(&self, record: &Record, token: String) -> Result<RecoveryTarget, StepError> {
        self.may_call()?;
        let settings = self
            .writer
            .read(|state| state.providers.get(&record.provider).cloned())
            .unwrap_or_default()
            .settings;
        let client =
            self.clients.client(&record.provider, &settings).await.map_err(StepError::Provider)?;
        let driver = self
            .drivers
            .resource(&record.address.block.kind)
            .ok_or_else(|| unknown_kind(&record.address))?
            .clone();
        let (address, known) = (
            record.address.clone(),
            vec![record.arguments.clone(), record.outputs.clone(), settings],
        );
        let witness = JournalingObserver {
            workshop: self.clone(),
            address: address.clone(),
            attempt: None,
            known: known.clone(),
        };
        let attempt = Attempt::new(address, token, true, BTreeMap::new(), Arc::new(witness));
        Ok(RecoveryTarget { client, driver, attempt, known })
    }

    fn described(&self, address: &Address) -> Result<&ResourceDescription, StepError> {
        self.schemas
            .kind(ResourceMode::Managed, &address.block.kind)
            .ok_or_else(|| unknown_kind(address))
    }

    /// Records the settings that a provider is connected with, when they are not recorded so yet.
    async fn remember_provider(
        &self,
        name: &ProviderName,
        settings: &ProviderRecord,
    ) -> Result<(), StepError> {
        match self.writer.read(|state| state.providers.get(name) == Some(settings)) {
            true => Ok(()),
            false => self.write(Frame::Provider(name.clone(), settings.clone())).await,
        }
    }

    /// Whether a call may begin that changes something.
    pub(crate) fn may_call(&self) -> Result<(), StepError> {
        self.writer.tenure().outlasts(CALL).map_err(|error| StepError::State(error.to_string()))
    }

    pub(crate) async fn write(&self, frame: Frame) -> Result<(), StepError> {
        self.writer
            .append(frame)
            .await
            .map(|_| ())
            .map_err(|error| StepError::State(error.to_string()))
    }
}

/// A look that is given up when it takes longer than it may.
pub(crate) async fn in_time<T>(
    looking: impl Future<Output = Result<T, Error>>,
    limit: Option<&OperationTimeout>,
) -> Result<T, Error> {
    let Some(limit) = limit else { return looking.await };
    let given_up = || limit.given_up(Error::new("look at what is there", ""), None);
    tokio::time::timeout(limit.duration, looking).await.unwrap_or_else(|_| Err(given_up()))
}

fn unknown_kind(address: &Address) -> StepError {
    let error = Error::new(format!("work on `{address}`"), "this `ha` has no such kind");
    StepError::Provider(
        error
            .help("the plan or the state may come from another version of `ha`")
            .outcome(CallOutcome::Refused),
    )
}

/// 32 characters of lower-case hexadecimal that never come again.
pub(crate) fn token() -> String {
    rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The way back from a driver to the operator and the journal.
pub(crate) struct JournalingObserver {
    pub(crate) workshop: StepExecutor,
    pub(crate) address: Address,
    /// None for what needs no intent.
    pub(crate) attempt: Option<u64>,
    /// What the step is done with, secrets marked.
    pub(crate) known: Vec<Object>,
}

impl StepObserver for JournalingObserver {
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // A kind without outside effect has no intent, and nothing to find again.
            let Some(attempt) = self.attempt else { return Ok(()) };
            self.put_down(Frame::Note { attempt, key: key.to_owned(), value: value.to_owned() })
                .await
        })
    }

    fn begin_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // What is being made is finished by its intent.
        let is_recorded =
            self.workshop.writer.read(|state| state.records.contains_key(&self.address));
        if !is_recorded {
            return Box::pin(async { Ok(()) });
        }
        let obligation = Obligation {
            id: self.owed(verb, target).unwrap_or_else(token),
            verb: verb.to_owned(),
            target: target.to_owned(),
            address: Some(self.address.clone()),
            details: BTreeMap::new(),
        };
        Box::pin(self.put_down(Frame::Obligation(obligation)))
    }

    fn end_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        match self.owed(verb, target) {
            Some(id) => Box::pin(self.put_down(Frame::Discharged { id })),
            None => Box::pin(async { Ok(()) }),
        }
    }

    fn progress(&self, message: &str) {
        let message = redacted(message, &self.known);
        self.workshop
            .observer
            .observe(Event::StepProgress { address: self.address.clone(), message });
    }

    fn warn(&self, message: &str) {
        let message = redacted(message, &self.known);
        self.workshop
            .observer
            .observe(Event::StepWarning { address: self.address.clone(), message });
    }

    fn is_cancelled(&self) -> bool {
        // Who waits between calls stops when no further one may be made.
        self.workshop.cancel.is_asked() || self.workshop.may_call().is_err()
    }
}

impl JournalingObserver {
    async fn put_down(&self, frame: Frame) -> Result<(), Error> {
        let written = self.workshop.writer.append(frame).await;
        written
            .map(|_| ())
            .map_err(|error| Error::new(format!("write a note on `{}`", self.address), error))
    }

    /// The id of what is owed on the instance, where it is.
    fn owed(&self, verb: &str, target: &str) -> Option<String> {
        let is_it = |it: &&Obligation| {
            it.address.as_ref() == Some(&self.address) && it.verb == verb && it.target == target
        };
        self.workshop
            .writer
            .read(|state| state.obligations.values().find(is_it).map(|it| it.id.clone()))
    }
}

/// The earlier try at making an instance that a step takes up.
pub(crate) fn begun_making<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
) -> Option<UnfinishedStep> {
    unfinished.filter(|it| it.intent.action.makes()).last().cloned()
}

/// The earlier try at changing an instance to the same arguments. A service may refuse the same
/// token with others.
pub(crate) fn begun_changing<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    arguments: &Object,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Update && it.intent.arguments == *arguments)
        .last()
        .cloned()
}

/// The earlier try at deleting an object.
pub(crate) fn begun_deleting<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    deposed: Option<&String>,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Delete && it.intent.deposed.as_ref() == deposed)
        .last()
        .cloned()
}
