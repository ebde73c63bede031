//! Work on one instance: making it, changing it, deleting it, each with its intent and its result.

use std::collections::BTreeMap;

use ha_plan::{
    OperationTimeout, RecordSettings, id_in, leaves_choices, redacted_error, replaces, revealed,
    with_choices, with_marks_of,
};
use ha_provider::{
    Attempt, CallOutcome, Error, IntendedChange, ProviderClient, ReadingValue, RecordedValue,
    ResourceDescription, ResourceDriver,
};
use ha_state_model::{Frame, Intent, ProviderName, Record, StepOutcome, UnfinishedStep};
use ha_value::{Action, Address, Object};

use crate::driver_call::recorded_value;
use crate::events::StepError;
use crate::journaling_observer::JournalingObserver;
use crate::step::{StepExecutor, StepResult, token};

/// One instance, and all it takes to work on it.
pub(crate) struct InstanceOperation<'a> {
    pub(crate) workshop: &'a StepExecutor,
    pub(crate) address: &'a Address,
    pub(crate) provider: &'a ProviderName,
    pub(crate) settings: &'a Object,
    pub(crate) described: &'a ResourceDescription,
    pub(crate) driver: &'a dyn ResourceDriver,
    pub(crate) client: ProviderClient,
}

/// A try that is on disk, or needs not to be.
struct StartedAttempt {
    attempt: Option<u64>,
    token: String,
    resumed: bool,
    notes: BTreeMap<String, String>,
}

impl InstanceOperation<'_> {
    /// Makes it. A try that an earlier run began is finished as it was begun, then brought to what
    /// is wanted now.
    pub(crate) async fn create(
        &self,
        arguments: Object,
        from: RecordSettings,
        deposes: bool,
        earlier: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let Some(earlier) = earlier else { return self.make(arguments, from, deposes, None).await };
        if revealed(&earlier.intent.arguments) == revealed(&arguments) {
            return self.make(arguments, from, deposes, Some(earlier)).await;
        }
        match self
            .make(earlier.intent.arguments.clone(), from.clone(), deposes, Some(earlier.clone()))
            .await
        {
            Ok(StepResult::Made { record, deposed }) => {
                self.bring(*record, arguments, from, deposed).await
            }
            // What it was begun with may be what is wrong with it.
            Err(StepError::Provider(error)) if error.outcome == CallOutcome::Refused => {
                self.make(arguments, from, deposes, Some(earlier)).await
            }
            other => other,
        }
    }

    /// Brings what an earlier try made to what is wanted now.
    async fn bring(
        &self,
        made: Record,
        arguments: Object,
        from: RecordSettings,
        deposed: Option<String>,
    ) -> Result<StepResult, StepError> {
        let effect =
            match replaces(self.described, &revealed(&arguments), &revealed(&made.arguments)) {
                None => StepResult::Made { record: Box::new(made), deposed: None },
                Some(false) => self.update(arguments, from, &made, None).await?,
                Some(true) => {
                    self.delete(&made, None, None, Some(&arguments)).await?;
                    self.make(arguments, from, false, None).await?
                }
            };
        Ok(match effect {
            StepResult::Made { record, .. } => StepResult::Made { record, deposed },
            other => other,
        })
    }

    async fn make(
        &self,
        arguments: Object,
        from: RecordSettings,
        deposes: bool,
        earlier: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let action = if deposes { Action::CreateThenDelete } else { Action::Create };
        let begun = self.begin(action, &arguments, &from, None, earlier).await?;
        let known = [&arguments, self.settings];
        let limit = OperationTimeout::from_timeouts(&from.timeouts, action);
        let mut hand = begun.hand(self, &known, limit.as_ref());
        let (id, outputs) =
            match self.driver.create(&self.client, &revealed(&arguments), &mut hand).await {
                Ok(made) => made,
                // Of a try that is taken up again no one knows what the first one left.
                Err(error) => {
                    let error = redacted_error(in_time(error, &hand, limit.as_ref()), known);
                    return self.failed(&begun, error, !begun.resumed).await;
                }
            };
        let (arguments, outputs) = self.complete(&id, arguments, outputs).await;
        let record = Box::new(self.record(id, arguments, outputs, from));
        let key = token()[..8].to_owned();
        let is_there =
            deposes && self.workshop.writer.read(|state| state.records.contains_key(self.address));
        let (outcome, deposed) = match is_there {
            true => (StepOutcome::Deposed { record: record.clone(), key: key.clone() }, Some(key)),
            false => (StepOutcome::Recorded(record.clone()), None),
        };
        self.workshop.write(Frame::Result { attempt: begun.attempt, outcome }).await?;
        Ok(StepResult::Made { record, deposed })
    }

    /// Changes it in place.
    pub(crate) async fn update(
        &self,
        arguments: Object,
        from: RecordSettings,
        before: &Record,
        earlier: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let begun = self.begin(Action::Update, &arguments, &from, None, earlier).await?;
        let known = [&arguments, &before.arguments, &before.outputs, self.settings];
        let limit = OperationTimeout::from_timeouts(&from.timeouts, Action::Update);
        let mut hand = begun.hand(self, &known, limit.as_ref());
        let updated = self
            .driver
            .update(&self.client, &revealed(&arguments), &recorded_value(before), &mut hand)
            .await;
        let outputs = match updated {
            Ok(outputs) => outputs,
            Err(error) => {
                let error = redacted_error(in_time(error, &hand, limit.as_ref()), known);
                return self.failed(&begun, error, true).await;
            }
        };
        let id = id_in(&outputs).unwrap_or_else(|| before.id.clone());
        let (arguments, outputs) = self.complete(&id, arguments, outputs).await;
        let record = Box::new(self.record(id, arguments, outputs, from));
        let outcome = StepOutcome::Recorded(record.clone());
        self.workshop.write(Frame::Result { attempt: begun.attempt, outcome }).await?;
        Ok(StepResult::Made { record, deposed: None })
    }

    /// Deletes it, or an old object of it. The driver is told what is to be made in its place.
    pub(crate) async fn delete(
        &self,
        record: &Record,
        deposed: Option<String>,
        earlier: Option<UnfinishedStep>,
        successor: Option<&Object>,
    ) -> Result<StepResult, StepError> {
        let from = RecordSettings::default();
        let begun =
            self.begin(Action::Delete, &record.arguments, &from, deposed.clone(), earlier).await?;
        let known: Vec<&Object> = [&record.arguments, &record.outputs, self.settings]
            .into_iter()
            .chain(successor)
            .collect();
        let limit = OperationTimeout::from_timeouts(&record.timeouts, Action::Delete);
        let successor =
            successor.map(|it| IntendedChange::new(self.described, Action::Create, None, Some(it)));
        let mut hand = begun.hand(self, &known, limit.as_ref()).before_making(successor);
        if let Err(error) =
            self.driver.delete(&self.client, &recorded_value(record), &mut hand).await
        {
            let error = redacted_error(in_time(error, &hand, limit.as_ref()), known);
            return self.failed(&begun, error, true).await;
        }
        let address = self.address.clone();
        let outcome = match deposed {
            Some(key) => StepOutcome::DeletedDeposed { address, key },
            None => StepOutcome::Deleted(address),
        };
        self.workshop.write(Frame::Result { attempt: begun.attempt, outcome }).await?;
        Ok(StepResult::Gone)
    }

    /// Finishes what an interrupted try began, so that it has a name, and deletes it. What is
    /// recorded stays.
    pub(crate) async fn abandon(
        &self,
        unfinished: UnfinishedStep,
    ) -> Result<StepResult, StepError> {
        let UnfinishedStep { intent, notes, .. } = unfinished;
        self.workshop.may_call()?;
        let begun = StartedAttempt {
            attempt: Some(intent.attempt),
            token: intent.token.clone(),
            resumed: true,
            notes,
        };
        let arguments = revealed(&intent.arguments);
        let known = [&intent.arguments, self.settings];
        let mut hand = begun.hand(self, &known, None);
        let (id, outputs) = match self.driver.create(&self.client, &arguments, &mut hand).await {
            Ok(made) => made,
            Err(error) => {
                let help = format!(
                    "`ha` now forgets that it began making it; if the service has something with the token {}, delete it there",
                    intent.token
                );
                let error =
                    if error.outcome == CallOutcome::Refused { error.help(help) } else { error };
                return self.failed(&begun, redacted_error(error, known), true).await;
            }
        };
        let made = RecordedValue { id, arguments, outputs: revealed(&outputs) };
        if let Err(error) = self.driver.delete(&self.client, &made, &mut hand).await {
            return self.failed(&begun, redacted_error(error, known), false).await;
        }
        let outcome = StepOutcome::Failed(
            "it was begun by an interrupted run, no longer wanted, and deleted".into(),
        );
        self.workshop.write(Frame::Result { attempt: begun.attempt, outcome }).await?;
        Ok(StepResult::Gone)
    }

    /// Puts the intent on disk. A try that is taken up again keeps its number, token and notes.
    async fn begin(
        &self,
        action: Action,
        arguments: &Object,
        from: &RecordSettings,
        deposed: Option<String>,
        earlier: Option<UnfinishedStep>,
    ) -> Result<StartedAttempt, StepError> {
        let resumed = earlier.is_some();
        let (attempt, token, notes) = match earlier {
            Some(UnfinishedStep { intent, notes, .. }) => (intent.attempt, intent.token, notes),
            None if self.described.pure => {
                return Ok(StartedAttempt {
                    attempt: None,
                    token: token(),
                    resumed,
                    notes: BTreeMap::new(),
                });
            }
            None => (self.workshop.writer.next_attempt(), token(), BTreeMap::new()),
        };
        self.workshop.may_call()?;
        let intent = Intent {
            attempt,
            address: self.address.clone(),
            action,
            token: token.clone(),
            provider: self.provider.clone(),
            arguments: arguments.clone(),
            configured: from.configured.clone(),
            dependencies: from.dependencies.clone(),
            create_before_destroy: from.create_before_destroy,
            prevent_destroy: from.prevent_destroy,
            deposed,
        };
        self.workshop.write(Frame::Intent(intent)).await?;
        self.workshop.may_call()?;
        Ok(StartedAttempt { attempt: Some(attempt), token, resumed, notes })
    }

    /// Writes down that it failed. The intent stays, for the next run to look into, unless nothing
    /// was done: the service refused, and `settled` says that no earlier try may have left
    /// something.
    async fn failed(
        &self,
        begun: &StartedAttempt,
        error: Error,
        settled: bool,
    ) -> Result<StepResult, StepError> {
        if begun.attempt.is_some() {
            let outcome = match error.outcome {
                CallOutcome::Refused if settled => StepOutcome::Failed(error.to_string()),
                _ => StepOutcome::Unsettled(error.to_string()),
            };
            self.workshop.write(Frame::Result { attempt: begun.attempt, outcome }).await?;
        }
        Err(StepError::Provider(error))
    }

    /// Adds what the service chose where the configuration is silent.
    async fn complete(&self, id: &str, arguments: Object, outputs: Object) -> (Object, Object) {
        let schema = self.described.schema();
        let outputs = with_marks_of(self.described, &arguments, outputs);
        if !leaves_choices(schema, &arguments) {
            return (arguments, outputs);
        }
        let known = RecordedValue {
            id: id.to_owned(),
            arguments: revealed(&arguments),
            outputs: revealed(&outputs),
        };
        // It is made and will be on record; what the service chose can also be seen by the next
        // refresh.
        match self
            .driver
            .read(&self.client, std::slice::from_ref(&known))
            .await
            .map(|mut it| it.pop())
        {
            Ok(Some(ReadingValue::Found { arguments: seen, .. })) => {
                (with_choices(schema, &arguments, &seen), outputs)
            }
            _ => (arguments, outputs),
        }
    }

    fn record(
        &self,
        id: String,
        arguments: Object,
        outputs: Object,
        from: RecordSettings,
    ) -> Record {
        Record {
            address: self.address.clone(),
            provider: self.provider.clone(),
            id,
            arguments,
            configured: from.configured,
            outputs,
            dependencies: from.dependencies,
            tainted: false,
            create_before_destroy: from.create_before_destroy,
            prevent_destroy: from.prevent_destroy,
            timeouts: from.timeouts,
            version: 0,
        }
    }
}

impl StartedAttempt {
    /// What the driver is given. What it tells must not quote the secrets that it knows.
    fn hand(
        &self,
        bench: &InstanceOperation<'_>,
        known: &[&Object],
        limit: Option<&OperationTimeout>,
    ) -> Attempt {
        let witness = JournalingObserver {
            workshop: bench.workshop.clone(),
            address: bench.address.clone(),
            attempt: self.attempt,
            known: known.iter().map(|it| (*it).clone()).collect(),
        };
        let witness = std::sync::Arc::new(witness);
        let attempt = Attempt::new(
            bench.address.clone(),
            self.token.clone(),
            self.resumed,
            self.notes.clone(),
            witness,
        );
        attempt.in_state(bench.workshop.writer.lineage()).within(limit.map(|it| it.duration))
    }
}

/// What stopped because its time was up says so; no one asked it to stop.
fn in_time(error: Error, hand: &Attempt, limit: Option<&OperationTimeout>) -> Error {
    match limit {
        Some(limit) if error.outcome == CallOutcome::Interrupted && hand.is_late() => {
            limit.given_up(error, hand.last_shown())
        }
        _ => error,
    }
}
