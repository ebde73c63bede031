//! One step: intent on disk, the call, result on disk.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use ha_kind::{Action, Address, Described, Drivers, Error, Mode, Object, Outcome, Schemas, Witness};
use ha_plan::{FromConfiguration, redacted, redacted_error, revealed};
use ha_state::{Frame, ProviderName, ProviderRecord, Record, StepOutcome, Unfinished, Writer};

use crate::bench::Bench;
use crate::cancel::Cancel;
use crate::clients::Clients;
use crate::event::{Event, Observer, StepError};

/// What one call to a service takes at most: it is given up after that.
const CALL: Duration = Duration::from_secs(125);

/// What steps share.
#[derive(Clone)]
pub(crate) struct Workshop {
    pub(crate) schemas: Arc<Schemas>,
    pub(crate) drivers: Drivers,
    pub(crate) clients: Arc<Clients>,
    pub(crate) writer: Arc<Writer>,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) cancel: Cancel,
}

/// One thing to do, with everything it takes.
pub(crate) struct Job {
    pub(crate) address: Address,
    pub(crate) provider: ProviderName,
    pub(crate) settings: ProviderRecord,
    pub(crate) what: Work,
}

/// What is to be done.
pub(crate) enum Work {
    /// Make it; what is recorded stays to be deleted later when `deposes`. An earlier try at it is taken up.
    Create { arguments: Object, from: FromConfiguration, deposes: bool, earlier: Option<Unfinished> },
    /// Change it in place.
    Update { arguments: Object, from: FromConfiguration, before: Box<Record>, earlier: Option<Unfinished> },
    /// Delete it, or an old object of it.
    Delete { record: Box<Record>, deposed: Option<String>, earlier: Option<Unfinished> },
    /// Delete what an interrupted try may have made.
    Abandon { begun: Unfinished },
    /// Write that it is as it was, but for what the configuration says of it.
    Keep { record: Box<Record> },
    /// Write that it is gone, or that an old object of it is.
    Forget { deposed: Option<String> },
    /// Read a data source.
    Read { arguments: Object },
}

/// What a step brought about.
pub(crate) enum Effect {
    /// It is there, like this, and its predecessor is still to be deleted under this key.
    Made { record: Box<Record>, deposed: Option<String> },
    /// The data source answered.
    Answered { arguments: Object, outputs: Object },
    /// It is gone.
    Gone,
}

impl Workshop {
    /// Does it.
    pub(crate) async fn perform(&self, job: Job) -> Result<Effect, StepError> {
        let Job { address, provider, settings, what } = job;
        match what {
            Work::Forget { deposed } => {
                let outcome = match deposed {
                    Some(key) => StepOutcome::DeletedDeposed { address, key },
                    None => StepOutcome::Deleted(address),
                };
                self.write(Frame::Result { attempt: None, outcome }).await?;
                return Ok(Effect::Gone);
            }
            Work::Keep { record } => {
                self.write(Frame::Result { attempt: None, outcome: StepOutcome::Recorded(record.clone()) }).await?;
                return Ok(Effect::Made { record, deposed: None });
            }
            _ => {}
        }
        let client = self.clients.client(&provider, &settings.settings).await.map_err(StepError::Provider)?;
        if let Work::Read { arguments } = what {
            let reader = self.drivers.reader(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
            let outputs = reader.read(&client, &revealed(&arguments)).await;
            let outputs = outputs.map_err(|it| StepError::Provider(redacted_error(it, [&arguments, &settings.settings])))?;
            return Ok(Effect::Answered { arguments, outputs });
        }
        let described = self.described(&address)?;
        let driver = self.drivers.resource(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        self.remember_provider(&provider, &settings).await?;
        let bench = Bench {
            workshop: self,
            address: &address,
            provider: &provider,
            settings: &settings.settings,
            described,
            driver: &**driver,
            client,
        };
        match what {
            Work::Create { arguments, from, deposes, earlier } => bench.create(arguments, from, deposes, earlier).await,
            Work::Update { arguments, from, before, earlier } => bench.update(arguments, from, &before, earlier).await,
            Work::Delete { record, deposed, earlier } => bench.delete(&record, deposed, earlier).await,
            Work::Abandon { begun } => bench.abandon(begun).await,
            Work::Keep { .. } | Work::Forget { .. } | Work::Read { .. } => unreachable!("all three were done above"),
        }
    }

    fn described(&self, address: &Address) -> Result<&Described, StepError> {
        self.schemas.kind(Mode::Managed, &address.block.kind).ok_or_else(|| unknown_kind(address))
    }

    /// Records the settings that a provider is connected with, when they are not recorded so yet.
    async fn remember_provider(&self, name: &ProviderName, settings: &ProviderRecord) -> Result<(), StepError> {
        match self.writer.read(|state| state.providers.get(name) == Some(settings)) {
            true => Ok(()),
            false => self.write(Frame::Provider(name.clone(), settings.clone())).await,
        }
    }

    /// Whether a call may begin that changes something.
    pub(crate) fn may_call(&self) -> Result<(), StepError> {
        self.writer.outlasts(CALL).map_err(|error| StepError::State(error.to_string()))
    }

    pub(crate) async fn write(&self, frame: Frame) -> Result<(), StepError> {
        self.writer.append(frame).await.map(|_| ()).map_err(|error| StepError::State(error.to_string()))
    }
}

fn unknown_kind(address: &Address) -> StepError {
    let error = Error::new(format!("work on `{address}`"), "this `ha` has no such kind");
    StepError::Provider(error.help("the plan or the state may come from another version of `ha`").outcome(Outcome::Refused))
}

/// 32 characters of lower-case hexadecimal that never come again.
pub(crate) fn token() -> String {
    rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The way back from a driver to the operator and the journal.
pub(crate) struct StepWitness {
    pub(crate) workshop: Workshop,
    pub(crate) address: Address,
    /// None for what needs no intent.
    pub(crate) attempt: Option<u64>,
    /// What the step is done with, secrets marked.
    pub(crate) known: Vec<Object>,
}

impl Witness for StepWitness {
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // A kind without outside effect has no intent, and nothing to find again.
            let Some(attempt) = self.attempt else { return Ok(()) };
            let note = Frame::Note { attempt, key: key.to_owned(), value: value.to_owned() };
            let written = self.workshop.writer.append(note).await;
            written.map(|_| ()).map_err(|error| Error::new(format!("write a note on `{}`", self.address), error))
        })
    }

    fn progress(&self, message: &str) {
        let message = redacted(message, &self.known);
        self.workshop.observer.observe(Event::StepProgress { address: self.address.clone(), message });
    }

    fn is_cancelled(&self) -> bool {
        // Who waits between calls stops when no further one may be made.
        self.workshop.cancel.is_asked() || self.workshop.may_call().is_err()
    }
}

/// The earlier try at making an instance that a step takes up.
pub(crate) fn begun_making<'a>(unfinished: impl Iterator<Item = &'a Unfinished>) -> Option<Unfinished> {
    unfinished.filter(|it| it.intent.action.makes()).last().cloned()
}

/// The earlier try at changing an instance to the same arguments. A service may refuse the same token with others.
pub(crate) fn begun_changing<'a>(unfinished: impl Iterator<Item = &'a Unfinished>, arguments: &Object) -> Option<Unfinished> {
    unfinished.filter(|it| it.intent.action == Action::Update && it.intent.arguments == *arguments).last().cloned()
}

/// The earlier try at deleting an object.
pub(crate) fn begun_deleting<'a>(
    unfinished: impl Iterator<Item = &'a Unfinished>,
    deposed: Option<&String>,
) -> Option<Unfinished> {
    unfinished.filter(|it| it.intent.action == Action::Delete && it.intent.deposed.as_ref() == deposed).last().cloned()
}
