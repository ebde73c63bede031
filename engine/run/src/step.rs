//! One step: intent on disk, the call, result on disk.

use std::sync::Arc;

use futures::future::BoxFuture;
use ha_kind::{
    Action, Address, Attempt, Client, Described, Driver, Drivers, Error, Mode, Object, Outcome, ReadingValue, Schemas, Value,
    Witness,
};
use ha_plan::{FromConfiguration, revealed};
use ha_state::{Frame, Intent, ProviderName, ProviderRecord, Record, StepOutcome, Unfinished, Writer};

use crate::cancel::Cancel;
use crate::clients::Clients;
use crate::event::{Event, Observer, StepError};
use crate::look::Look;
use crate::refresh::recorded_value;

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
    /// An earlier try at the same thing.
    pub(crate) earlier: Option<Unfinished>,
}

/// What is to be done.
pub(crate) enum Work {
    /// Make it; what is recorded stays to be deleted later when `deposes`.
    Create { arguments: Object, from: FromConfiguration, deposes: bool },
    /// Change it in place.
    Update { arguments: Object, from: FromConfiguration, before: Box<Record> },
    /// Delete it, or an old object of it.
    Delete { record: Box<Record>, deposed: Option<String> },
    /// Write that it is gone.
    Forget,
    /// Read a data source.
    Read { arguments: Object },
}

/// What a step brought about.
pub(crate) enum Effect {
    /// It is there, like this.
    Made { id: String, arguments: Object, outputs: Object },
    /// The data source answered.
    Answered { arguments: Object, outputs: Object },
    /// It is gone.
    Gone,
}

impl Work {
    fn action(&self) -> Action {
        match self {
            Work::Create { deposes: true, .. } => Action::CreateThenDelete,
            Work::Create { .. } => Action::Create,
            Work::Update { .. } => Action::Update,
            Work::Delete { .. } | Work::Forget => Action::Delete,
            Work::Read { .. } => Action::Read,
        }
    }
}

impl Workshop {
    /// Does it.
    pub(crate) async fn perform(&self, job: Job) -> Result<Effect, StepError> {
        let Job { address, provider, settings, what, earlier } = job;
        if matches!(what, Work::Forget) {
            self.write(Frame::Result { attempt: None, outcome: StepOutcome::Deleted(address) }).await?;
            return Ok(Effect::Gone);
        }
        let client = self.clients.client(&provider, &settings.settings).await.map_err(StepError::Provider)?;
        if let Work::Read { arguments } = what {
            return self.read_data(&address, &client, arguments).await;
        }
        let described = self.schemas.kind(Mode::Managed, &address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        let driver = self.drivers.resource(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        self.remember_provider(&provider, &settings).await?;
        let attempt = match described.pure {
            true => None,
            false => Some(self.intend(&address, &provider, &what, earlier.as_ref()).await?),
        };
        let number = attempt.as_ref().map(|it| it.attempt);
        let mut hand = self.hand(&address, attempt, earlier);
        let result = match what {
            Work::Create { arguments, from, deposes } => {
                let made = self.create(described, &**driver, &client, arguments, &mut hand).await;
                made.map(|(id, arguments, outputs)| Done::Record {
                    record: record(&address, &provider, id, arguments, outputs, from),
                    deposes,
                })
            }
            Work::Update { arguments, from, before } => {
                let updated = driver.update(&client, &revealed(&arguments), &recorded_value(&before), &mut hand).await;
                match updated {
                    Ok(outputs) => {
                        let (arguments, outputs) =
                            self.complete(described, &**driver, &client, &before.id, arguments, outputs).await;
                        let record = record(&address, &provider, before.id.clone(), arguments, outputs, from);
                        Ok(Done::Record { record, deposes: false })
                    }
                    Err(error) => Err(error),
                }
            }
            Work::Delete { record, deposed } => {
                driver.delete(&client, &recorded_value(&record), &mut hand).await.map(|()| Done::Deleted { deposed })
            }
            Work::Forget | Work::Read { .. } => unreachable!("both were done above"),
        };
        self.settle(&address, number, result).await
    }

    async fn settle(&self, address: &Address, attempt: Option<u64>, result: Result<Done, Error>) -> Result<Effect, StepError> {
        let (outcome, effect) = match result {
            Ok(Done::Record { record, deposes }) => {
                let effect =
                    Effect::Made { id: record.id.clone(), arguments: record.arguments.clone(), outputs: record.outputs.clone() };
                let replaces = deposes && self.writer.read(|state| state.records.contains_key(address));
                let record = Box::new(record);
                match replaces {
                    true => (StepOutcome::Deposed { record, key: token()[..8].to_owned() }, Ok(effect)),
                    false => (StepOutcome::Recorded(record), Ok(effect)),
                }
            }
            Ok(Done::Deleted { deposed: Some(key) }) => {
                (StepOutcome::DeletedDeposed { address: address.clone(), key }, Ok(Effect::Gone))
            }
            Ok(Done::Deleted { deposed: None }) => (StepOutcome::Deleted(address.clone()), Ok(Effect::Gone)),
            Err(error) => {
                let reason = error.to_string();
                let outcome = match error.outcome {
                    Outcome::Refused => StepOutcome::Failed(reason),
                    Outcome::Unknown | Outcome::Interrupted => StepOutcome::Unsettled(reason),
                };
                (outcome, Err(StepError::Provider(error)))
            }
        };
        if attempt.is_some() || effect.is_ok() {
            self.write(Frame::Result { attempt, outcome }).await?;
        }
        effect
    }

    /// Makes it. A try that is taken up again may have been begun with other arguments: what it made is brought to
    /// these.
    async fn create(
        &self,
        described: &Described,
        driver: &dyn Driver,
        client: &Client,
        arguments: Object,
        hand: &mut Attempt,
    ) -> Result<(String, Object, Object), Error> {
        let plain = revealed(&arguments);
        let (id, outputs) = driver.create(client, &plain, hand).await?;
        if hand.is_resumed() {
            let known = ha_kind::RecordedValue { id: id.clone(), arguments: plain.clone(), outputs: revealed(&outputs) };
            if let Some(ReadingValue::Found { arguments: seen, outputs: seen_outputs, .. }) =
                driver.read(client, std::slice::from_ref(&known)).await?.pop()
            {
                let wanted = described.normal(&plain).unwrap_or_else(|_| plain.clone());
                if wanted.iter().any(|(name, it)| seen.get(name) != Some(it)) {
                    let before = ha_kind::RecordedValue { id: id.clone(), arguments: seen, outputs: seen_outputs };
                    let outputs = driver.update(client, &plain, &before, hand).await?;
                    let (arguments, outputs) = self.complete(described, driver, client, &id, arguments, outputs).await;
                    return Ok((id, arguments, outputs));
                }
            }
        }
        let (arguments, outputs) = self.complete(described, driver, client, &id, arguments, outputs).await;
        Ok((id, arguments, outputs))
    }

    /// Adds what the service chose where the configuration is silent, when the kind's answer does not hold it.
    async fn complete(
        &self,
        described: &Described,
        driver: &dyn Driver,
        client: &Client,
        id: &str,
        mut arguments: Object,
        outputs: Object,
    ) -> (Object, Object) {
        let schema = described.schema();
        let outputs = described.hooks().marked(schema, &arguments, outputs);
        let silent = |(name, _): &(&ha_kind::Name, &ha_kind::Field)| {
            !arguments.contains_key(*name) && outputs.get(*name).is_none_or(Value::is_null)
        };
        let chosen: Vec<_> =
            schema.arguments.iter().filter(|(_, it)| it.chosen).filter(silent).map(|(name, _)| name.clone()).collect();
        if !chosen.is_empty() {
            let known =
                ha_kind::RecordedValue { id: id.to_owned(), arguments: revealed(&arguments), outputs: revealed(&outputs) };
            // It is made and will be on record; what the service chose can also be seen by the next refresh.
            if let Ok(mut readings) = driver.read(client, std::slice::from_ref(&known)).await
                && let Some(ReadingValue::Found { arguments: seen, .. }) = readings.pop()
            {
                arguments.extend(chosen.into_iter().filter_map(|name| seen.get(&name).map(|it| (name.clone(), it.clone()))));
            }
        }
        (arguments, outputs)
    }

    async fn read_data(&self, address: &Address, client: &Client, arguments: Object) -> Result<Effect, StepError> {
        let reader = self.drivers.reader(&address.block.kind).ok_or_else(|| unknown_kind(address))?;
        let outputs = reader.read(client, &revealed(&arguments)).await.map_err(StepError::Provider)?;
        Ok(Effect::Answered { arguments, outputs })
    }

    async fn intend(
        &self,
        address: &Address,
        provider: &ProviderName,
        what: &Work,
        earlier: Option<&Unfinished>,
    ) -> Result<Intent, StepError> {
        let none = FromConfiguration::default();
        let (arguments, from) = match what {
            Work::Create { arguments, from, .. } | Work::Update { arguments, from, .. } => (arguments, from),
            Work::Delete { record, .. } => (&record.arguments, &none),
            Work::Forget | Work::Read { .. } => (&Object::new(), &none),
        };
        let intent = Intent {
            attempt: earlier.map_or_else(|| self.writer.next_attempt(), |it| it.intent.attempt),
            address: address.clone(),
            action: what.action(),
            token: earlier.map_or_else(token, |it| it.intent.token.clone()),
            provider: provider.clone(),
            arguments: arguments.clone(),
            configured: from.configured.clone(),
            dependencies: from.dependencies.clone(),
            create_before_destroy: from.create_before_destroy,
            prevent_destroy: from.prevent_destroy,
            absent_before: false,
            deposed: match what {
                Work::Delete { deposed, .. } => deposed.clone(),
                _ => None,
            },
        };
        self.write(Frame::Intent(intent.clone())).await?;
        Ok(intent)
    }

    fn hand(&self, address: &Address, intent: Option<Intent>, earlier: Option<Unfinished>) -> Attempt {
        let resumed = earlier.is_some();
        let notes = earlier.map(|it| it.notes).unwrap_or_default();
        let token = intent.as_ref().map_or_else(token, |it| it.token.clone());
        let witness = StepWitness { workshop: self.clone(), address: address.clone(), attempt: intent.map(|it| it.attempt) };
        Attempt::new(address.clone(), token, resumed, notes, Arc::new(witness))
    }

    /// Records the settings that a provider is connected with, when they are not recorded so yet.
    async fn remember_provider(&self, name: &ProviderName, settings: &ProviderRecord) -> Result<(), StepError> {
        match self.writer.read(|state| state.providers.get(name) == Some(settings)) {
            true => Ok(()),
            false => self.write(Frame::Provider(name.clone(), settings.clone())).await,
        }
    }

    pub(crate) async fn write(&self, frame: Frame) -> Result<(), StepError> {
        self.writer.append(frame).await.map(|_| ()).map_err(|error| StepError::State(error.to_string()))
    }
}

enum Done {
    Record { record: Record, deposes: bool },
    Deleted { deposed: Option<String> },
}

fn record(
    address: &Address,
    provider: &ProviderName,
    id: String,
    arguments: Object,
    outputs: Object,
    from: FromConfiguration,
) -> Record {
    Record {
        address: address.clone(),
        provider: provider.clone(),
        id,
        arguments,
        configured: from.configured,
        outputs,
        dependencies: from.dependencies,
        tainted: false,
        create_before_destroy: from.create_before_destroy,
        prevent_destroy: from.prevent_destroy,
        version: 0,
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

struct StepWitness {
    workshop: Workshop,
    address: Address,
    attempt: Option<u64>,
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
        self.workshop.observer.observe(Event::StepProgress { address: self.address.clone(), message: message.to_owned() });
    }

    fn is_cancelled(&self) -> bool {
        self.workshop.cancel.is_asked()
    }
}

/// The earlier try that a step takes up: of the same sort, on the same instance.
pub(crate) fn earlier<'a>(unfinished: impl Iterator<Item = &'a Unfinished>, what: &Work) -> Option<Unfinished> {
    let same = |it: &&Unfinished| match (what, it.intent.action) {
        (Work::Create { .. }, action) => is_making(action),
        // A service may refuse the same token with other arguments.
        (Work::Update { arguments, .. }, Action::Update) => it.intent.arguments == *arguments,
        (Work::Delete { deposed, .. }, Action::Delete) => it.intent.deposed == *deposed,
        _ => false,
    };
    unfinished.filter(same).last().cloned()
}

/// Whether an intent was to make something.
pub(crate) fn is_making(action: Action) -> bool {
    matches!(action, Action::Create | Action::CreateThenDelete | Action::DeleteThenCreate)
}
