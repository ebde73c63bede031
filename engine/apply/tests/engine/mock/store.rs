//! A store that stops working.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{
    JournalExtent, Lease, LockInfo, LockedStore, MemoryStore, StateError, StateErrorReason, Store,
    StoreContents,
};

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

    fn load(&self) -> Result<StoreContents, StateError> {
        self.store.load()
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.store.holder()
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        Ok(Box::new(Failing {
            held: self.store.lock(holder)?,
            left: self.left.clone(),
            lease: self.lease.clone(),
        }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

struct Failing {
    held: Box<dyn LockedStore>,
    left: Arc<AtomicUsize>,
    lease: Arc<Mutex<Option<u64>>>,
}

impl LockedStore for Failing {
    fn lease(&self) -> Lease {
        let lease = self.lease.clone();
        Lease::renewed(Duration::from_secs(300), move || {
            Duration::from_secs(lease.lock().unwrap().unwrap_or(300))
        })
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.held.resume(kept)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let left = self.left.load(Ordering::SeqCst);
        if left == 0 {
            return Err(StateError::new(
                StateErrorReason::Store,
                Error::new("write the state", "the disk is gone"),
            ));
        }
        self.left.store(left - 1, Ordering::SeqCst);
        self.held.append(number, bytes)
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        match self.left.load(Ordering::SeqCst) {
            0 => Err(StateError::new(
                StateErrorReason::Store,
                Error::new("write the state", "the disk is gone"),
            )),
            _ => self.held.checkpoint(number, bytes),
        }
    }
}
