//! The traits of stores. A store knows numbers and bytes, not their meaning.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{LockInfo, StateError};

/// A place for one state: a checkpoint, and the segments of the journal behind it.
///
/// Calls may block, so they are never made from an asynchronous thread.
pub trait Store: Send + Sync {
    /// The place, for messages: `` `./ha.state` ``.
    fn place(&self) -> String;

    /// The identity of the state, independent of the working directory: stores with the same
    /// identity hold the same state.
    fn identity(&self) -> String {
        self.place()
    }

    /// Everything in the store, as of one moment. Takes no lock.
    ///
    /// # Errors
    /// When it cannot be read, or holds no state.
    fn load(&self) -> Result<StoreContents, StateError>;

    /// The holder of the lock, as far as the store knows.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn holder(&self) -> Result<Option<LockInfo>, StateError>;

    /// The holder with the remaining lease, also after the lease has ended and before another
    /// process takes the lock over.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        Ok(self.holder()?.map(|holder| LockStatus { holder, left: None }))
    }

    /// Acquires the lock.
    ///
    /// # Errors
    /// When another process holds it, or the store cannot be written.
    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError>;

    /// Breaks the lock with this id. Its holder cannot write any more.
    ///
    /// # Errors
    /// When the lock has another id or is free, or is tied to its process and cannot be broken.
    fn break_lock(&self, id: &str) -> Result<(), StateError>;

    /// A description of Terraform's state in the same place, where it has resources: for a hint
    /// while `ha` has no state there. None where that cannot be found out.
    fn state_of_terraform(&self) -> Option<String> {
        None
    }

    /// One sentence about a setting of the store that would make it safer, such as versioning. None
    /// where there is nothing to advise, or that cannot be found out.
    fn advice(&self) -> Option<String> {
        None
    }
}

/// A lock that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockStatus {
    /// The holder.
    pub holder: LockInfo,
    /// The remaining lease, which each renewal extends; none for a lock that is tied to its
    /// process.
    pub left: Option<Duration>,
}

impl LockStatus {
    /// Whether the lease has ended, so that the next process takes the lock over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left.is_some_and(|it| it.is_zero())
    }
}

/// A locked store: the operations of the one writer. Dropping it releases the lock.
pub trait LockedStore: Send {
    /// The lease of the lock.
    fn lease(&self) -> Lease;

    /// Prepares for appending behind what was loaded. What is not kept is removed (with none, the
    /// whole journal). What is kept is synced, because its writer may have been killed between
    /// write and sync, and later frames will state that it is on disk.
    ///
    /// # Errors
    /// When it cannot be written.
    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError>;

    /// Appends a segment of whole frames, the first of which has this number. It is on disk when
    /// this returns. A number can be taken once: that fences off a writer that lost its lock.
    ///
    /// # Errors
    /// [`crate::StateErrorReason::Taken`] when a segment of that number exists or the lock is lost;
    /// otherwise when it cannot be written. Then no later append may succeed under this lock.
    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError>;

    /// Replaces the checkpoint and the journal atomically by a checkpoint of all frames up to this
    /// number.
    ///
    /// # Errors
    /// When it cannot be written; then the previous content is unchanged.
    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError>;

    /// Removes everything that was appended, as if nothing had been written; there was no
    /// checkpoint. Returns false where the store cannot do that.
    ///
    /// # Errors
    /// When it cannot be written, or the lock is lost.
    fn discard(&mut self) -> Result<bool, StateError> {
        Ok(false)
    }

    /// Whether another step may begin, because its result could be recorded.
    ///
    /// # Errors
    /// Why it could not be recorded, such as a full disk.
    fn has_room(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Whether all acknowledged frames are in the store itself and not in a fallback on this
    /// machine.
    ///
    /// # Errors
    /// Why frames are in the fallback, and where that is.
    fn is_home(&self) -> Result<(), StateError> {
        Ok(())
    }
}

/// The content of a store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// The checkpoint; none before the first.
    pub checkpoint: Option<Vec<u8>>,
    /// The segments of the journal in order. They may begin before the checkpoint's number, and end
    /// in a torn tail.
    pub segments: Vec<JournalSegment>,
}

/// A contiguous part of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSegment {
    /// The number of its first frame.
    pub number: u64,
    /// The frames, possibly followed by zeros.
    pub bytes: Vec<u8>,
}

/// The end of the part of a journal that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalExtent {
    /// The number of the last segment of which anything is kept.
    pub segment: u64,
    /// The number of bytes that are kept of that segment.
    pub length: usize,
}

/// The lease of a held lock, with its place for messages. Can be asked from any thread.
#[derive(Clone, Debug)]
pub struct LeaseGuard {
    place: String,
    lease: Lease,
}

impl LeaseGuard {
    pub(crate) fn new(place: String, lease: Lease) -> Self {
        Self { place, lease }
    }

    /// Whether a call that changes something and takes at most so long may begin. Another process
    /// may take the lock over when the lease ends, and must not find the call still under way.
    ///
    /// # Errors
    /// When the lease may end before.
    pub fn outlasts(&self, call: Duration) -> Result<(), StateError> {
        match self.lease.outlasts(call) {
            true => Ok(()),
            false => {
                let remaining = self.lease.remaining().unwrap_or_default();
                Err(StateError::lease_is_short(&self.place, remaining, self.lease.shortened(call)))
            }
        }
    }
}

/// How long a lock certainly lasts. Can be asked from any thread.
#[derive(Clone)]
pub struct Lease(Option<RenewedLease>);

#[derive(Clone)]
struct RenewedLease {
    duration: Duration,
    remaining: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Lease {
    /// A lease that lasts as long as the process.
    #[must_use]
    pub fn lasting() -> Self {
        Self(None)
    }

    /// A lease that each renewal sets to `duration`, and that now has what `remaining` returns.
    #[must_use]
    pub fn renewed(
        duration: Duration,
        remaining: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self(Some(RenewedLease { duration, remaining: Arc::new(remaining) }))
    }

    /// The same lease, which ends at once when the flag is set.
    pub(crate) fn unless(self, lost: Arc<AtomicBool>) -> Self {
        // A lease without an end gets one here, because the flag can end it.
        let duration = self.0.as_ref().map_or(Duration::MAX, |it| it.duration);
        let remaining = move || match lost.load(Ordering::SeqCst) {
            true => Duration::ZERO,
            false => self.remaining().unwrap_or(Duration::MAX),
        };
        Self::renewed(duration, remaining)
    }

    /// The remaining time; none for a lease that lasts as long as the process.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.as_ref().map(|it| (it.remaining)())
    }

    /// Whether the lease outlasts a call that begins now and takes at most so long.
    #[must_use]
    pub fn outlasts(&self, call: Duration) -> bool {
        let call = self.shortened(call);
        // A call that takes no time still needs a lease that has not ended.
        self.remaining().is_none_or(|it| it >= call && !it.is_zero())
    }

    /// The assumed duration of a call: at most half the lease. A lease that is shorter than two
    /// calls would otherwise forbid every call; who configures one states that calls are shorter.
    pub(crate) fn shortened(&self, call: Duration) -> Duration {
        self.0.as_ref().map_or(call, |it| call.min(it.duration / 2))
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({:?})", self.remaining())
    }
}
