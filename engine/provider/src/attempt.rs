//! One try at one step: its token, what an earlier try noted, and the way back to the operator.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::BoxFuture;

use crate::{Error, IntendedChange};
use ha_value::Address;

/// What a step tells while it runs. The executor is behind it; tests put their own there.
pub trait StepObserver: Send + Sync {
    /// Writes a note that survives a kill; done when it is on disk.
    fn note<'a>(&'a self, key: &'a str, value: &'a str) -> BoxFuture<'a, Result<(), Error>>;
    /// Records what must be done before anything else, by the next run should this one be killed;
    /// done when it is on disk.
    fn begin_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (verb, target);
        Box::pin(async { Ok(()) })
    }
    /// Records that this is done; done when it is on disk.
    fn end_obligation<'a>(
        &'a self,
        verb: &'a str,
        target: &'a str,
    ) -> BoxFuture<'a, Result<(), Error>> {
        let _ = (verb, target);
        Box::pin(async { Ok(()) })
    }
    /// Shows what is being waited for.
    fn progress(&self, message: &str);
    /// Shows what the service warned of, to stay.
    fn warn(&self, message: &str) {
        self.progress(message);
    }
    /// Whether the operator has asked to stop.
    fn is_cancelled(&self) -> bool;
}

/// One try at one step.
pub struct Attempt {
    address: Address,
    state: Option<String>,
    token: String,
    resumed: bool,
    notes: BTreeMap<String, String>,
    witness: Arc<dyn StepObserver>,
    successor: Option<IntendedChange>,
    deadline: Option<Instant>,
    shown: Mutex<Option<String>>,
}

impl Attempt {
    /// A try at the step on `address`. `notes` are those of an earlier try with the same token,
    /// when `resumed`.
    #[must_use]
    pub fn new(
        address: Address,
        token: String,
        resumed: bool,
        notes: BTreeMap<String, String>,
        witness: Arc<dyn StepObserver>,
    ) -> Self {
        Self {
            address,
            state: None,
            token,
            resumed,
            notes,
            witness,
            successor: None,
            deadline: None,
            shown: Mutex::default(),
        }
    }

    /// In the state of this lineage.
    #[must_use]
    pub fn in_state(mut self, lineage: impl Into<String>) -> Self {
        self.state = Some(lineage.into()).filter(|it| !it.is_empty());
        self
    }

    /// Of a deletion after which this is made in the place of what is deleted.
    #[must_use]
    pub fn before_making(mut self, successor: Option<IntendedChange>) -> Self {
        self.successor = successor;
        self
    }

    /// What is made in the place of what is deleted. Where the service may refuse that, it is asked
    /// before anything is lost.
    #[must_use]
    pub fn successor(&self) -> Option<&IntendedChange> {
        self.successor.as_ref()
    }

    /// That may take this long from now on, where the configuration says so.
    #[must_use]
    pub fn within(mut self, limit: Option<Duration>) -> Self {
        self.deadline = limit.and_then(|it| Instant::now().checked_add(it));
        self
    }

    /// How long to wait for what usually takes `usual` at most: what is left of the time that the
    /// configuration gives the operation, where it gives one.
    #[must_use]
    pub fn patience(&self, usual: Duration) -> Duration {
        self.deadline.map_or(usual, |it| it.saturating_duration_since(Instant::now()))
    }

    /// Whether it stops because it has taken longer than the configuration allows, not because
    /// somebody asked.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.deadline.is_some_and(|it| it <= Instant::now()) && !self.witness.is_cancelled()
    }

    /// What was waited for last.
    #[must_use]
    pub fn last_shown(&self) -> Option<String> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the step is about.
    #[must_use]
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The lineage of the state that it will be recorded in; what is made says so, to be found when
    /// the state is lost.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The idempotency token: the same for every try at this step, different for every other step.
    /// 32 characters of lower-case hexadecimal.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether an earlier try may have done some of it: look before making anything.
    #[must_use]
    pub fn is_resumed(&self) -> bool {
        self.resumed
    }

    /// From now on counts as resumed: a call of this try was cut short, and what became of it is
    /// not known.
    pub fn resume(&mut self) {
        self.resumed = true;
    }

    /// What this or an earlier try noted.
    #[must_use]
    pub fn noted(&self, key: &str) -> Option<&str> {
        self.notes.get(key).map(String::as_str)
    }

    /// Writes a note that survives a kill. Synced before it returns.
    ///
    /// # Errors
    /// When the journal cannot be written; the step must stop.
    pub async fn note(&mut self, key: &str, value: &str) -> Result<(), Error> {
        self.witness.note(key, value).await?;
        self.notes.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Records that something is about to be left half done, and the way forward: `start`, `mongod
    /// on b:27017`. Should this run be killed, the next one has
    /// [`crate::Resource::finish_obligation`] do it before anything else. Synced before it returns.
    ///
    /// # Errors
    /// When the journal cannot be written; the step must stop.
    pub async fn begin_obligation(&self, verb: &str, target: &str) -> Result<(), Error> {
        self.witness.begin_obligation(verb, target).await
    }

    /// Records that what was left half done is done, by whichever run. Costs nothing where nothing
    /// was.
    ///
    /// # Errors
    /// When the journal cannot be written; the step must stop.
    pub async fn end_obligation(&self, verb: &str, target: &str) -> Result<(), Error> {
        self.witness.end_obligation(verb, target).await
    }

    /// Shows what is being waited for, in a few words.
    pub fn progress(&self, message: &str) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(message.to_owned());
        self.witness.progress(message);
    }

    /// Shows what the service warned of although it did what was asked. It stays on the terminal.
    pub fn warn(&self, message: &str) {
        self.witness.warn(message);
    }

    /// Whether the operator has asked to stop, or the time is up that the configuration gives; long
    /// waits ask this between polls and return [`crate::CallOutcome::Interrupted`].
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.witness.is_cancelled() || self.is_late()
    }
}
