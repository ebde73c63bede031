//! What a driver reports while a step runs, on its way to the journal and to the operator.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use ha_plan::redacted;
use ha_provider::{Error, StepObserver};
use ha_state_model::{Frame, Obligation};
use ha_value::{Address, Object};

use crate::events::Event;
use crate::step::{StepExecutor, token};

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
