//! A store whose errors are redacted: a service may quote a secret in its message.

use std::sync::Arc;

use crate::store::{JournalExtent, Lease, LockStatus, LockedStore, Store, StoreContents};
use crate::{LockInfo, StateError};

/// Removes secrets from a string.
pub type RedactionMask = Arc<dyn Fn(&str) -> String + Send + Sync>;

/// Applies a mask to the errors of a store. Its place is shown unchanged.
pub struct RedactingStore {
    store: Box<dyn Store>,
    mask: RedactionMask,
}

impl RedactingStore {
    /// Wraps a store.
    #[must_use]
    pub fn new(store: Box<dyn Store>, mask: RedactionMask) -> Self {
        Self { store, mask }
    }

    fn redacted<T>(&self, result: Result<T, StateError>) -> Result<T, StateError> {
        result.map_err(|it| it.reworded(&*self.mask))
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
        self.redacted(self.store.load())
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.redacted(self.store.holder())
    }

    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        self.redacted(self.store.holding())
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let locked_store = self.redacted(self.store.lock(holder))?;
        Ok(Box::new(LockedRedactingStore { locked_store, mask: self.mask.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.redacted(self.store.break_lock(id))
    }

    fn state_of_terraform(&self) -> Option<String> {
        self.store.state_of_terraform()
    }

    fn advice(&self) -> Option<String> {
        self.store.advice().map(|it| (self.mask)(&it))
    }
}

struct LockedRedactingStore {
    locked_store: Box<dyn LockedStore>,
    mask: RedactionMask,
}

impl LockedRedactingStore {
    fn redacted(&self, result: Result<(), StateError>) -> Result<(), StateError> {
        result.map_err(|it| it.reworded(&*self.mask))
    }
}

impl LockedStore for LockedRedactingStore {
    fn lease(&self) -> Lease {
        self.locked_store.lease()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        let result = self.locked_store.resume(kept);
        self.redacted(result)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let result = self.locked_store.append(number, bytes);
        self.redacted(result)
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let result = self.locked_store.checkpoint(number, bytes);
        self.redacted(result)
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        let result = self.locked_store.discard();
        result.map_err(|it| it.reworded(&*self.mask))
    }

    fn has_room(&self) -> Result<(), StateError> {
        self.redacted(self.locked_store.has_room())
    }

    fn is_home(&self) -> Result<(), StateError> {
        self.redacted(self.locked_store.is_home())
    }
}
