//! Operations on one instance: create, update and delete, each with its intent before the first
//! call and its result after the last.
//!
//! What a kill leaves at each point: before the intent is on disk, nothing. Between the intent and
//! the result, an unfinished step with a token, which the next run takes up again. After the
//! result, a finished step.

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
use crate::step::{StepExecutor, StepResult, random_token};

/// One instance, with its driver and a connected client.
pub(crate) struct InstanceOperation<'a> {
    pub(crate) step_executor: &'a StepExecutor,
    pub(crate) address: &'a Address,
    pub(crate) provider: &'a ProviderName,
    pub(crate) provider_settings: &'a Object,
    pub(crate) description: &'a ResourceDescription,
    pub(crate) driver: &'a dyn ResourceDriver,
    pub(crate) client: ProviderClient,
}

/// An attempt whose intent is on disk, or that needs none.
struct StartedAttempt {
    /// The attempt's number in the journal; none for a resource type without an external effect.
    number: Option<u64>,
    token: String,
    resumed: bool,
    notes: BTreeMap<String, String>,
}

impl InstanceOperation<'_> {
    /// Creates the instance. An interrupted create is first finished with the arguments it began
    /// with, then brought to the arguments that are planned now.
    pub(crate) async fn create(
        &self,
        arguments: Object,
        record_settings: RecordSettings,
        deposes: bool,
        interrupted: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let Some(interrupted) = interrupted else {
            return self.create_once(arguments, record_settings, deposes, None).await;
        };
        if revealed(&interrupted.intent.arguments) == revealed(&arguments) {
            return self.create_once(arguments, record_settings, deposes, Some(interrupted)).await;
        }
        // A service that knows the token answers it with the first object, or refuses it with
        // other arguments: so the token is sent again only with the arguments it was made for.
        match self
            .create_once(
                interrupted.intent.arguments.clone(),
                record_settings.clone(),
                deposes,
                Some(interrupted.clone()),
            )
            .await
        {
            Ok(StepResult::Recorded { record, deposed }) => {
                self.bring_to(*record, arguments, record_settings, deposed).await
            }
            // The old arguments may be the very fault that the operator has corrected.
            Err(StepError::Provider(error)) if error.outcome == CallOutcome::Refused => {
                self.create_once(arguments, record_settings, deposes, Some(interrupted)).await
            }
            other => other,
        }
    }

    /// Brings the object that an interrupted create finished to the planned arguments.
    async fn bring_to(
        &self,
        created: Record,
        arguments: Object,
        record_settings: RecordSettings,
        deposed: Option<String>,
    ) -> Result<StepResult, StepError> {
        let replacement =
            replaces(self.description, &revealed(&arguments), &revealed(&created.arguments));
        let result = match replacement {
            None => StepResult::Recorded { record: Box::new(created), deposed: None },
            Some(false) => self.update(arguments, record_settings, &created, None).await?,
            Some(true) => {
                self.delete(&created, None, None, Some(&arguments)).await?;
                self.create_once(arguments, record_settings, false, None).await?
            }
        };
        // The first create deposed the predecessor, whatever was done after it.
        Ok(match result {
            StepResult::Recorded { record, .. } => StepResult::Recorded { record, deposed },
            other => other,
        })
    }

    async fn create_once(
        &self,
        arguments: Object,
        record_settings: RecordSettings,
        deposes: bool,
        interrupted: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let action = if deposes { Action::CreateThenDelete } else { Action::Create };
        let started =
            self.write_intent(action, &arguments, &record_settings, None, interrupted).await?;
        let known = [&arguments, self.provider_settings];
        let limit = OperationTimeout::from_timeouts(&record_settings.timeouts, action);
        let mut attempt = started.driver_attempt(self, &known, limit.as_ref());
        let created = self.driver.create(&self.client, &revealed(&arguments), &mut attempt).await;
        let (id, outputs) = match created {
            Ok(created) => created,
            Err(error) => {
                let error = redacted_error(timeout_error(error, &attempt, limit.as_ref()), known);
                // A refusal of a resumed attempt says nothing about what its first try left, so
                // the intent must stay.
                return self.record_failure(&started, error, !started.resumed).await;
            }
        };
        let (arguments, outputs) = self.with_service_choices(&id, arguments, outputs).await;
        let record = Box::new(self.record(id, arguments, outputs, record_settings));
        let key = random_token()[..8].to_owned();
        let has_predecessor = deposes
            && self.step_executor.writer.read(|state| state.records.contains_key(self.address));
        // One frame records the new object and deposes the old one: with two, a kill between them
        // would lose the record of one of both.
        let (outcome, deposed) = match has_predecessor {
            true => (StepOutcome::Deposed { record: record.clone(), key: key.clone() }, Some(key)),
            false => (StepOutcome::Recorded(record.clone()), None),
        };
        self.step_executor.write(Frame::Result { attempt: started.number, outcome }).await?;
        Ok(StepResult::Recorded { record, deposed })
    }

    /// Updates the instance in place.
    pub(crate) async fn update(
        &self,
        arguments: Object,
        record_settings: RecordSettings,
        before: &Record,
        interrupted: Option<UnfinishedStep>,
    ) -> Result<StepResult, StepError> {
        let started = self
            .write_intent(Action::Update, &arguments, &record_settings, None, interrupted)
            .await?;
        let known = [&arguments, &before.arguments, &before.outputs, self.provider_settings];
        let limit = OperationTimeout::from_timeouts(&record_settings.timeouts, Action::Update);
        let mut attempt = started.driver_attempt(self, &known, limit.as_ref());
        let updated = self
            .driver
            .update(&self.client, &revealed(&arguments), &recorded_value(before), &mut attempt)
            .await;
        let outputs = match updated {
            Ok(outputs) => outputs,
            Err(error) => {
                // Unlike a create, an update leaves nothing that has no record: the refresh of the
                // next run sees what it changed.
                let error = redacted_error(timeout_error(error, &attempt, limit.as_ref()), known);
                return self.record_failure(&started, error, true).await;
            }
        };
        // Some services name an object by an argument, and an update renames it.
        let id = id_in(&outputs).unwrap_or_else(|| before.id.clone());
        let (arguments, outputs) = self.with_service_choices(&id, arguments, outputs).await;
        let record = Box::new(self.record(id, arguments, outputs, record_settings));
        let outcome = StepOutcome::Recorded(record.clone());
        self.step_executor.write(Frame::Result { attempt: started.number, outcome }).await?;
        Ok(StepResult::Recorded { record, deposed: None })
    }

    /// Deletes the instance, or a deposed object of it. The driver is given the arguments of the
    /// successor that is created next, where there is one.
    pub(crate) async fn delete(
        &self,
        record: &Record,
        deposed: Option<String>,
        interrupted: Option<UnfinishedStep>,
        successor: Option<&Object>,
    ) -> Result<StepResult, StepError> {
        let started = self
            .write_intent(
                Action::Delete,
                &record.arguments,
                &RecordSettings::default(),
                deposed.clone(),
                interrupted,
            )
            .await?;
        let known: Vec<&Object> = [&record.arguments, &record.outputs, self.provider_settings]
            .into_iter()
            .chain(successor)
            .collect();
        let limit = OperationTimeout::from_timeouts(&record.timeouts, Action::Delete);
        let successor = successor
            .map(|it| IntendedChange::new(self.description, Action::Create, None, Some(it)));
        let mut attempt =
            started.driver_attempt(self, &known, limit.as_ref()).before_making(successor);
        let deleted = self.driver.delete(&self.client, &recorded_value(record), &mut attempt).await;
        if let Err(error) = deleted {
            let error = redacted_error(timeout_error(error, &attempt, limit.as_ref()), known);
            return self.record_failure(&started, error, true).await;
        }
        let address = self.address.clone();
        let outcome = match deposed {
            Some(key) => StepOutcome::DeletedDeposed { address, key },
            None => StepOutcome::Deleted(address),
        };
        self.step_executor.write(Frame::Result { attempt: started.number, outcome }).await?;
        Ok(StepResult::Deleted)
    }

    /// Deletes what an interrupted create may have left and no record names. The recorded object of
    /// the same instance stays.
    pub(crate) async fn abandon(
        &self,
        interrupted: UnfinishedStep,
    ) -> Result<StepResult, StepError> {
        let UnfinishedStep { intent, notes, .. } = interrupted;
        self.step_executor.may_call()?;
        let started = StartedAttempt {
            number: Some(intent.attempt),
            token: intent.token.clone(),
            resumed: true,
            notes,
        };
        let arguments = revealed(&intent.arguments);
        let known = [&intent.arguments, self.provider_settings];
        let mut attempt = started.driver_attempt(self, &known, None);
        // Only the service knows the object, by its token. Finishing the create is the one way to
        // learn the id that a delete needs.
        let created = self.driver.create(&self.client, &arguments, &mut attempt).await;
        let (id, outputs) = match created {
            Ok(created) => created,
            Err(error) => {
                let help = format!(
                    "`ha` now forgets that it began creating it; if the service has something with the token {}, delete it there",
                    intent.token
                );
                let error =
                    if error.outcome == CallOutcome::Refused { error.help(help) } else { error };
                return self.record_failure(&started, redacted_error(error, known), true).await;
            }
        };
        let created = RecordedValue { id, arguments, outputs: revealed(&outputs) };
        if let Err(error) = self.driver.delete(&self.client, &created, &mut attempt).await {
            // The object exists: without its intent, nothing would name it any more.
            return self.record_failure(&started, redacted_error(error, known), false).await;
        }
        // A deletion would be recorded for the address, whose recorded object is another one.
        let outcome = StepOutcome::Failed(
            "it was begun by an interrupted run, no longer wanted, and deleted".into(),
        );
        self.step_executor.write(Frame::Result { attempt: started.number, outcome }).await?;
        Ok(StepResult::Deleted)
    }

    /// Puts the intent on disk before the first call, so that a kill during the call leaves the
    /// token by which the object can be found. A resumed attempt keeps its number, token and notes.
    async fn write_intent(
        &self,
        action: Action,
        arguments: &Object,
        record_settings: &RecordSettings,
        deposed: Option<String>,
        interrupted: Option<UnfinishedStep>,
    ) -> Result<StartedAttempt, StepError> {
        let resumed = interrupted.is_some();
        let (number, token, notes) = match interrupted {
            Some(UnfinishedStep { intent, notes, .. }) => (intent.attempt, intent.token, notes),
            // Without an external effect, a kill leaves nothing to find: the value is computed
            // again.
            None if self.description.pure => {
                return Ok(StartedAttempt {
                    number: None,
                    token: random_token(),
                    resumed,
                    notes: BTreeMap::new(),
                });
            }
            None => (self.step_executor.writer.next_attempt(), random_token(), BTreeMap::new()),
        };
        self.step_executor.may_call()?;
        // A resumed attempt writes its intent again: the arguments may differ from the first try.
        let intent = Intent {
            attempt: number,
            address: self.address.clone(),
            action,
            token: token.clone(),
            provider: self.provider.clone(),
            arguments: arguments.clone(),
            configured: record_settings.configured.clone(),
            dependencies: record_settings.dependencies.clone(),
            create_before_destroy: record_settings.create_before_destroy,
            prevent_destroy: record_settings.prevent_destroy,
            deposed,
        };
        self.step_executor.write(Frame::Intent(intent)).await?;
        // Checked once more: writing the intent may have taken most of the remaining lease.
        self.step_executor.may_call()?;
        Ok(StartedAttempt { number: Some(number), token, resumed, notes })
    }

    /// Records that the attempt failed. Its intent is closed only when nothing was done: the
    /// service refused, and `left_nothing` says that no earlier try may have left something either.
    /// In any other case it stays for the next run.
    async fn record_failure(
        &self,
        started: &StartedAttempt,
        error: Error,
        left_nothing: bool,
    ) -> Result<StepResult, StepError> {
        if started.number.is_some() {
            let outcome = match error.outcome {
                CallOutcome::Refused if left_nothing => StepOutcome::Failed(error.to_string()),
                _ => StepOutcome::Unsettled(error.to_string()),
            };
            self.step_executor.write(Frame::Result { attempt: started.number, outcome }).await?;
        }
        Err(StepError::Provider(error))
    }

    /// Adds the arguments that the service chose where the configuration sets none.
    async fn with_service_choices(
        &self,
        id: &str,
        arguments: Object,
        outputs: Object,
    ) -> (Object, Object) {
        let schema = self.description.schema();
        let outputs = with_marks_of(self.description, &arguments, outputs);
        if !leaves_choices(schema, &arguments) {
            return (arguments, outputs);
        }
        let known = RecordedValue {
            id: id.to_owned(),
            arguments: revealed(&arguments),
            outputs: revealed(&outputs),
        };
        let read = self.driver.read(&self.client, std::slice::from_ref(&known)).await;
        match read.map(|mut it| it.pop()) {
            Ok(Some(ReadingValue::Found { arguments: observed, .. })) => {
                (with_choices(schema, &arguments, &observed), outputs)
            }
            // A read that fails must not fail a step that has had its effect; the next refresh
            // sees the choices as well.
            _ => (arguments, outputs),
        }
    }

    fn record(
        &self,
        id: String,
        arguments: Object,
        outputs: Object,
        record_settings: RecordSettings,
    ) -> Record {
        Record {
            address: self.address.clone(),
            provider: self.provider.clone(),
            id,
            arguments,
            configured: record_settings.configured,
            outputs,
            dependencies: record_settings.dependencies,
            tainted: false,
            create_before_destroy: record_settings.create_before_destroy,
            prevent_destroy: record_settings.prevent_destroy,
            timeouts: record_settings.timeouts,
            version: 0,
        }
    }
}

impl StartedAttempt {
    /// The attempt as the driver gets it. `known` holds the secrets that its messages must not
    /// quote.
    fn driver_attempt(
        &self,
        operation: &InstanceOperation<'_>,
        known: &[&Object],
        limit: Option<&OperationTimeout>,
    ) -> Attempt {
        let observer = JournalingObserver {
            step_executor: operation.step_executor.clone(),
            address: operation.address.clone(),
            attempt: self.number,
            known: known.iter().map(|it| (*it).clone()).collect(),
        };
        let attempt = Attempt::new(
            operation.address.clone(),
            self.token.clone(),
            self.resumed,
            self.notes.clone(),
            std::sync::Arc::new(observer),
        );
        let lineage = operation.step_executor.writer.lineage();
        attempt.in_state(lineage).within(limit.map(|it| it.duration))
    }
}

/// The error with which a driver stopped, named as a timeout where the time limit stopped it and
/// not the operator.
fn timeout_error(error: Error, attempt: &Attempt, limit: Option<&OperationTimeout>) -> Error {
    match limit {
        Some(limit) if error.outcome == CallOutcome::Interrupted && attempt.is_late() => {
            limit.given_up(error, attempt.last_shown())
        }
        _ => error,
    }
}
