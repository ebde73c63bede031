//! A store that fails after a number of calls, like one whose connection is cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_provider::Error;

use crate::{
    JournalExtent, Lease, LockInfo, LockedStore, StateError, StateErrorReason, Store, StoreContents,
};

/// Whether the failing call has its effect.
#[derive(Clone, Copy, Debug)]
pub(super) enum FailureTiming {
    Before,
    Behind,
}

/// A store that accepts a limited number of calls.
pub(super) struct FailingStore {
    store: Box<dyn Store>,
    end: CallLimit,
}

#[derive(Clone)]
struct CallLimit {
    left: Arc<AtomicUsize>,
    when: FailureTiming,
}

impl FailingStore {
    pub(super) fn new(store: Box<dyn Store>, calls: usize, when: FailureTiming) -> Self {
        // With 1 left, the next call fails; with 0, one has failed.
        Self { store, end: CallLimit { left: Arc::new(AtomicUsize::new(calls + 1)), when } }
    }

    /// Whether a call was refused.
    pub(super) fn has_ended(&self) -> bool {
        self.end.left.load(Ordering::SeqCst) == 0
    }
}

impl CallLimit {
    fn pass<T>(&self, call: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
        let over = || {
            StateError::new(
                StateErrorReason::Store,
                Error::new("reach the store", "it has gone away"),
            )
        };
        let left = self.left.load(Ordering::SeqCst);
        if left <= 1 {
            if left == 1 && matches!(self.when, FailureTiming::Behind) {
                // The call has its effect, and its answer is lost.
                let _ = call();
            }
            self.left.store(0, Ordering::SeqCst);
            return Err(over());
        }
        self.left.store(left - 1, Ordering::SeqCst);
        call()
    }
}

impl Store for FailingStore {
    fn place(&self) -> String {
        self.store.place()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        self.end.pass(|| self.store.load())
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.store.holder()
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let held = self.end.pass(|| self.store.lock(holder))?;
        Ok(Box::new(LockedFailingStore { held, end: self.end.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

struct LockedFailingStore {
    held: Box<dyn LockedStore>,
    end: CallLimit,
}

impl LockedStore for LockedFailingStore {
    fn lease(&self) -> Lease {
        self.held.lease()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.end.pass(|| self.held.resume(kept))
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.end.pass(|| self.held.append(number, bytes))
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        self.end.pass(|| self.held.discard())
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.end.pass(|| self.held.checkpoint(number, bytes))
    }
}
