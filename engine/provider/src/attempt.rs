//! One attempt at a step: its token, the notes of earlier attempts, and messages to the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::{Error, IntendedChange};
use ha_value::Address;

/// Receives what a step reports while it runs. The executor implements it; tests have their own.
pub trait StepObserver: Send + Sync {
    /// Writes a note that survives a crash; returns once it is on disk.
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>>;
    /// Records an obligation, which the next run fulfils first if this one is killed; returns once
    /// it is on disk.
    fn begin_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (verb, target);
        Box::pin(async { Ok(()) })
    }
    /// Records that an obligation is fulfilled; returns once it is on disk.
    fn end_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (verb, target);
        Box::pin(async { Ok(()) })
    }
    /// Shows what the step is waiting for.
    fn progress(&self, message: &str);
    /// Shows a warning of the service, which stays on the terminal.
    fn warn(&self, message: &str) {
        self.progress(message);
    }
    /// Whether the operator has asked to stop.
    fn is_cancelled(&self) -> bool;
}

/// One attempt at a step.
pub struct Attempt {
    address: Address,
    state: Option<String>,
    token: String,
    resumed: bool,
    notes: BTreeMap<String, String>,
    observer: Arc<dyn StepObserver>,
    successor: Option<IntendedChange>,
    deadline: Option<Instant>,
    shown: Mutex<Option<String>>,
}

impl Attempt {
    /// Returns an attempt at a step on `address`. `notes` are those of an earlier attempt with the
    /// same token if `resumed`.
    #[must_use]
    pub fn new(
        address: Address,
        token: String,
        resumed: bool,
        notes: BTreeMap<String, String>,
        observer: Arc<dyn StepObserver>,
    ) -> Self {
        Self {
            address,
            state: None,
            token,
            resumed,
            notes,
            observer,
            successor: None,
            deadline: None,
            shown: Mutex::default(),
        }
    }

    /// Sets the lineage of the state.
    #[must_use]
    pub fn in_state(mut self, lineage: impl Into<String>) -> Self {
        self.state = Some(lineage.into()).filter(|it| !it.is_empty());
        self
    }

    /// Sets the change that replaces the object which this attempt deletes.
    #[must_use]
    pub fn before_making(mut self, successor: Option<IntendedChange>) -> Self {
        self.successor = successor;
        self
    }

    /// Returns the create that follows a deletion. A service that may refuse it is asked before
    /// the old object is deleted.
    #[must_use]
    pub fn successor(&self) -> Option<&IntendedChange> {
        self.successor.as_ref()
    }

    /// Sets the limit of the operation, counted from now.
    #[must_use]
    pub fn within(mut self, limit: Option<Duration>) -> Self {
        self.deadline = limit.and_then(|it| Instant::now().checked_add(it));
        self
    }

    /// Returns how long to wait: the rest of the configured limit, or else `usual`.
    #[must_use]
    pub fn patience(&self, usual: Duration) -> Duration {
        self.deadline.map_or(usual, |it| it.saturating_duration_since(Instant::now()))
    }

    /// Whether the configured limit has passed, and the operator has not asked to stop.
    #[must_use]
    pub fn is_late(&self) -> bool {
        // An operator who asks to stop gets the message about stopping, even if the limit has
        // passed as well.
        self.deadline.is_some_and(|it| it <= Instant::now()) && !self.observer.is_cancelled()
    }

    /// Returns the last progress message.
    #[must_use]
    pub fn last_shown(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the address of the instance.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the lineage of the state. Created objects are marked with it, so that they can be
    /// found if the state is lost.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// Returns the idempotency token: the same for each attempt at this step, unique among steps.
    /// 32 characters of lower-case hexadecimal.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether an earlier attempt may have done part of the step: look for its results before
    /// creating anything.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// Makes this attempt count as resumed, after one of its calls ended with an unknown outcome.
    pub fn resume(&mut self) {
        self.resumed = true;
    }

    /// Returns a note of this or an earlier attempt.
    #[must_use]
    pub fn noted(&self, key: &str) -> Option<&str> {
        self.notes.get(key).map(String::as_str)
    }

    /// Writes a note that survives a crash. It is synced to disk before this returns.
    ///
    /// # Errors
    /// The journal cannot be written; the step must stop.
    pub async fn note(&mut self, key: &str, value: &str) -> Result<(), Error> {
        // The note is on disk before it is visible here, so that nothing is built on a note that a
        // crash would lose.
        self.observer.note(key, value).await?;
        self.notes.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Records that something is about to be left unfinished, and how to finish it: `start`,
    /// `mongod on b:27017`. If this run is killed, the next one calls
    /// [`crate::Resource::finish_obligation`] before anything else. Synced to disk before this
    /// returns.
    ///
    /// # Errors
    /// The journal cannot be written; the step must stop.
    pub async fn begin_obligation(&self, verb: &str, target: &str) -> Result<(), Error> {
        self.observer.begin_obligation(verb, target).await
    }

    /// Records that an obligation of this or an earlier run is fulfilled. Writes nothing where
    /// there is none.
    ///
    /// # Errors
    /// The journal cannot be written; the step must stop.
    pub async fn end_obligation(&self, verb: &str, target: &str) -> Result<(), Error> {
        self.observer.end_obligation(verb, target).await
    }

    /// Shows what the step is waiting for, in a few words.
    pub fn progress(&self, message: &str) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.to_owned());
        self.observer.progress(message);
    }

    /// Shows a warning of the service about a successful call. It stays on the terminal.
    pub fn warn(&self, message: &str) {
        self.observer.warn(message);
    }

    /// Whether the operator has asked to stop or the configured limit has passed. Long waits check
    /// this between polls and return [`crate::CallOutcome::Interrupted`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        // A provider need not distinguish the two; the executor reports a missed limit by
        // `is_late`.
        self.observer.is_cancelled() || self.is_late()
    }
}
