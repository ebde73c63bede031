//! A store that stops working.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_kind::Error;
use ha_state::{Held, Holder, Kept, Lease, Loaded, MemoryStore, Reason, StateError, Store};

/// A state in memory that cannot be written any more after so many appends.
#[derive(Clone)]
pub(crate) struct FailingStore {
    store: MemoryStore,
    left: Arc<AtomicUsize>,
}

impl FailingStore {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { store: MemoryStore::new(), left: Arc::new(AtomicUsize::new(usize::MAX)) })
    }

    pub(crate) fn fail_after(&self, appends: usize) {
        self.left.store(appends, Ordering::SeqCst);
    }
}

impl Store for FailingStore {
    fn place(&self) -> String {
        self.store.place()
    }

    fn load(&self) -> Result<Loaded, StateError> {
        self.store.load()
    }

    fn holder(&self) -> Result<Option<Holder>, StateError> {
        self.store.holder()
    }

    fn lock(&self, holder: &Holder) -> Result<Box<dyn Held>, StateError> {
        Ok(Box::new(Failing { held: self.store.lock(holder)?, left: self.left.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

struct Failing {
    held: Box<dyn Held>,
    left: Arc<AtomicUsize>,
}

impl Held for Failing {
    fn lease(&self) -> Lease {
        self.held.lease()
    }

    fn resume(&mut self, kept: Option<Kept>) -> Result<(), StateError> {
        self.held.resume(kept)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(StateError::new(Reason::Store, Error::new("write the state", "the disk is gone")));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        self.held.append(number, bytes)
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        match self.left.load(Ordering::SeqCst) {
            0 => Err(StateError::new(Reason::Store, Error::new("write the state", "the disk is gone"))),
            _ => self.held.checkpoint(number, bytes),
        }
    }
}
