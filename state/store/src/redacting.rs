//! Stores and keys that say nothing that must not be shown, whatever the words of a service are.

use std::sync::Arc;

use crate::store::{JournalExtent, Lease, LockStatus, LockedStore, Store, StoreContents};
use crate::{LockInfo, StateError};

/// Takes out of a string what must not be shown.
pub type RedactionMask = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// A store whose failures tell nothing that a mask takes out. Where it is has to be told.
pub struct RedactingStore {
    store: Box<dyn Store>,
    mask: RedactionMask,
}

impl RedactingStore {
    /// That store, with this mask.
    #[must_use]
    pub fn new(store: Box<dyn Store>, mask: RedactionMask) -> Self {
        Self { store, mask }
    }

    fn heard<T>(&self, answer: Result<T, StateError>) -> Result<T, StateError> {
        answer.map_err(|it| it.reworded(&*self.mask))
    }
}

impl Store for RedactingStore {
    fn place(&self) -> String {
        self.store.place()
    }

    fn identity(&self) -> String {
        self.store.identity()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        self.heard(self.store.load())
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.heard(self.store.holder())
    }

    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        self.heard(self.store.holding())
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let held = self.heard(self.store.lock(holder))?;
        Ok(Box::new(LockedRedactingStore { held, mask: self.mask.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.heard(self.store.break_lock(id))
    }

    fn state_of_terraform(&self) -> Option<String> {
        self.store.state_of_terraform()
    }

    fn advice(&self) -> Option<String> {
        self.store.advice().map(|it| (self.mask)(&it))
    }
}

struct LockedRedactingStore {
    held: Box<dyn LockedStore>,
    mask: RedactionMask,
}

impl LockedRedactingStore {
    fn heard(&self, answer: Result<(), StateError>) -> Result<(), StateError> {
        answer.map_err(|it| it.reworded(&*self.mask))
    }
}

impl LockedStore for LockedRedactingStore {
    fn lease(&self) -> Lease {
        self.held.lease()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        let answer = self.held.resume(kept);
        self.heard(answer)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let answer = self.held.append(number, bytes);
        self.heard(answer)
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let answer = self.held.checkpoint(number, bytes);
        self.heard(answer)
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        let answer = self.held.discard();
        answer.map_err(|it| it.reworded(&*self.mask))
    }

    fn has_room(&self) -> Result<(), StateError> {
        self.heard(self.held.has_room())
    }

    fn is_home(&self) -> Result<(), StateError> {
        self.heard(self.held.is_home())
    }
}
