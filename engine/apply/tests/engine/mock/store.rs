//! A store that stops working.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{Held, Holder, Kept, Lease, Loaded, MemoryStore, Reason, StateError, Store};

/// A state in memory that cannot be written any more after so many appends.
#[derive(Clone)]
pub(crate) struct FailingStore {
    store: MemoryStore,
    left: Arc<AtomicUsize>,
    /// How many seconds the lock lasts, once that is said.
    lease: Arc<Mutex<Option<u64>>>,
}

impl FailingStore {
    pub(crate) fn new() -> Arc<Self> {
        let left = Arc::new(AtomicUsize::new(usize::MAX));
        Arc::new(Self { store: MemoryStore::new(), left, lease: Arc::default() })
    }

    /// The lock lasts for so many seconds more.
    pub(crate) fn lasts(&self, seconds: Option<u64>) {
        *self.lease.lock().unwrap() = seconds;
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
        Ok(Box::new(Failing { held: self.store.lock(holder)?, left: self.left.clone(), lease: self.lease.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

struct Failing {
    held: Box<dyn Held>,
    left: Arc<AtomicUsize>,
    lease: Arc<Mutex<Option<u64>>>,
}

impl Held for Failing {
    fn lease(&self) -> Lease {
        let lease = self.lease.clone();
        Lease::renewed(Duration::from_secs(300), move || Duration::from_secs(lease.lock().unwrap().unwrap_or(300)))
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
