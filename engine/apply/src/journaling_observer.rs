//! What a driver reports while a step runs, on its way to the journal and to the operator.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use ha_plan::redacted;
use ha_provider::{Error, StepObserver};
use ha_state_model::{Frame, Obligation};
use ha_value::{Address, Object};

use crate::events::Event;
use crate::step::{StepExecutor, random_token};

/// Records what a driver notes about its step, and passes on what the operator must see.
pub(crate) struct JournalingObserver {
    pub(crate) step_executor: StepExecutor,
    pub(crate) address: Address,
    /// The number of the attempt in the journal; none where there is no intent.
    pub(crate) attempt: Option<u64>,
    /// Values with secrets that no message must quote.
    pub(crate) known: Vec<Object>,
}

impl StepObserver for JournalingObserver {
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move {
            // Without an intent there is nothing that a note could help to find again.
            let Some(attempt) = self.attempt else { return Ok(()) };
            // The driver awaits this before its next call, so that a kill during that call finds
            // the note.
            self.append(Frame::Note { attempt, key: key.to_owned(), value: value.to_owned() }).await
        })
    }

    fn begin_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        // An instance without a record is being created: its intent is resumed, and with it the
        // obligation. An obligation needs a record, whose id the driver is given.
        let is_recorded =
            self.step_executor.writer.read(|state| state.records.contains_key(&self.address));
        if !is_recorded {
            return Box::pin(async { Ok(()) });
        }
        let obligation = Obligation {
            // The same obligation that begins again stays one obligation.
            id: self.obligation_id(verb, target).unwrap_or_else(random_token),
            verb: verb.to_owned(),
            target: target.to_owned(),
            address: Some(self.address.clone()),
            details: BTreeMap::new(),
        };
        Box::pin(self.append(Frame::Obligation(obligation)))
    }

    fn end_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        match self.obligation_id(verb, target) {
            Some(id) => Box::pin(self.append(Frame::Discharged { id })),
            None => Box::pin(async { Ok(()) }),
        }
    }

    fn progress(&self, message: &str) {
        let message = redacted(message, &self.known);
        self.step_executor
            .observer
            .observe(Event::StepProgress { address: self.address.clone(), message });
    }

    fn warn(&self, message: &str) {
        let message = redacted(message, &self.known);
        self.step_executor
            .observer
            .observe(Event::StepWarning { address: self.address.clone(), message });
    }

    fn is_cancelled(&self) -> bool {
        // A driver that waits between calls must not go on when the lease forbids the next one.
        self.step_executor.cancel.is_asked() || self.step_executor.may_call().is_err()
    }
}

impl JournalingObserver {
    async fn append(&self, frame: Frame) -> Result<(), Error> {
        let written = self.step_executor.writer.append(frame).await;
        written
            .map(|_| ())
            .map_err(|error| Error::new(format!("write a note on `{}`", self.address), error))
    }

    /// The id of this obligation on the instance; none where it is not open.
    fn obligation_id(&self, verb: &str, target: &str) -> Option<String> {
        let is_same = |it: &&Obligation| {
            it.address.as_ref() == Some(&self.address) && it.verb == verb && it.target == target
        };
        self.step_executor
            .writer
            .read(|state| state.obligations.values().find(is_same).map(|it| it.id.clone()))
    }
}
