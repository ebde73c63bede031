//! Where a state's bytes are kept. A store knows numbers and bytes, nothing of what they say.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::{LockInfo, StateError};

/// A place that keeps one state: a checkpoint, and the segments of journal behind it.
///
/// Calls may block. They are made from threads of their own, never from an asynchronous one.
pub trait Store: Send + Sync {
    /// Where it is, for messages: `` `./ha.state` ``.
    fn place(&self) -> String;

    /// Which state it is, wherever that is asked from: two that say the same keep the same.
    fn identity(&self) -> String {
        self.place()
    }

    /// Everything that is there, as it was at one moment. Takes no lock.
    ///
    /// # Errors
    /// When it cannot be read, or what is there is not a state's.
    fn load(&self) -> Result<StoreContents, StateError>;

    /// Who holds the lock, as far as can be known.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn holder(&self) -> Result<Option<LockInfo>, StateError>;

    /// The same, with what is left of the lock's lease, also where that has run out and no one has
    /// taken the lock over yet. A lock that has none goes with its process.
    ///
    /// # Errors
    /// When it cannot be found out.
    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        Ok(self.holder()?.map(|holder| LockStatus { holder, left: None }))
    }

    /// Takes the lock.
    ///
    /// # Errors
    /// When somebody else has it, or the store cannot be written.
    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError>;

    /// Takes the lock away from the holder of this id, who can write nothing any more.
    ///
    /// # Errors
    /// When no one or somebody else holds it, or it goes with its process and cannot be taken away.
    fn break_lock(&self, id: &str) -> Result<(), StateError>;

    /// The state that another program keeps in this very place, where it is one of Terraform's in
    /// which something is recorded: for a word about it as long as there is none of ours. Nothing,
    /// where that cannot be found out.
    fn state_of_terraform(&self) -> Option<String> {
        None
    }

    /// What would make it safer to keep a state there, in one sentence. Nothing, where that cannot
    /// be found out.
    fn advice(&self) -> Option<String> {
        None
    }
}

/// A lock that is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockStatus {
    /// By whom.
    pub holder: LockInfo,
    /// What is left of its lease, which begins again whenever its holder is heard of; none where
    /// the lock goes with its process.
    pub left: Option<Duration>,
}

impl LockStatus {
    /// Whether the lease has run out: whoever comes next takes the lock over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left.is_some_and(|it| it.is_zero())
    }
}

/// A store under its lock: what only one at a time may do. Dropping it gives the lock back.
pub trait LockedStore: Send {
    /// How long the lock is sure to last.
    fn lease(&self) -> Lease;

    /// Prepares for appending behind what was loaded: what is not kept is removed (none: the whole
    /// journal), and what is kept is on disk when this returns, even if whoever wrote it was killed
    /// before it was.
    ///
    /// # Errors
    /// When it cannot be written.
    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError>;

    /// Appends a segment of whole frames, the first of which has this number. It is on disk when
    /// this returns.
    ///
    /// # Errors
    /// [`crate::StateErrorReason::Taken`] when a segment of that number is there already or the
    /// lock is lost; otherwise when it cannot be written, and then never again through this lock.
    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError>;

    /// Replaces the checkpoint and the journal by a checkpoint of all frames up to this number.
    ///
    /// # Errors
    /// When it cannot be written; then what was there before is still there.
    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError>;

    /// Takes back all that was ever appended, as if nothing had been written; there was no
    /// checkpoint. Whether that could be done: some stores keep what they were told.
    ///
    /// # Errors
    /// When it cannot be written, or the lock is lost.
    fn discard(&mut self) -> Result<bool, StateError> {
        Ok(false)
    }

    /// Whether a further step may begin: nothing is known that would keep its result from being
    /// recorded.
    ///
    /// # Errors
    /// What would.
    fn has_room(&self) -> Result<(), StateError> {
        Ok(())
    }

    /// Whether all that was acknowledged is where it belongs; told at the end.
    ///
    /// # Errors
    /// What kept it elsewhere, and where it is.
    fn is_home(&self) -> Result<(), StateError> {
        Ok(())
    }
}

/// Everything a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoreContents {
    /// The checkpoint; none before the first.
    pub checkpoint: Option<Vec<u8>>,
    /// The journal's segments in order. They may begin before the checkpoint's number, and may end
    /// in a tail that was being written.
    pub segments: Vec<JournalSegment>,
}

/// One stretch of journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalSegment {
    /// The number of its first frame.
    pub number: u64,
    /// Its frames, and perhaps zeros behind them.
    pub bytes: Vec<u8>,
}

/// How much of a journal is to be kept: everything up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalExtent {
    /// The number of the last segment of which anything is kept.
    pub segment: u64,
    /// How many of its bytes.
    pub length: usize,
}

/// A lock that is held: where, and how long it is sure to last. Can be asked from any thread.
#[derive(Clone, Debug)]
pub struct LeaseGuard {
    place: String,
    lease: Lease,
}

impl LeaseGuard {
    pub(crate) fn new(place: String, lease: Lease) -> Self {
        Self { place, lease }
    }

    /// Whether a call may begin that changes something and takes so long at most: no one else may
    /// take the lock over before it ends.
    ///
    /// # Errors
    /// When the lock may not last as long.
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

/// How long a lock is sure to last; can be asked from any thread.
#[derive(Clone)]
pub struct Lease(Option<RenewedLease>);

#[derive(Clone)]
struct RenewedLease {
    whole: Duration,
    remaining: Arc<dyn Fn() -> Duration + Send + Sync>,
}

impl Lease {
    /// As long as the process.
    #[must_use]
    pub fn lasting() -> Self {
        Self(None)
    }

    /// So long after each time it is renewed, and now as long as this says.
    #[must_use]
    pub fn renewed(
        whole: Duration,
        remaining: impl Fn() -> Duration + Send + Sync + 'static,
    ) -> Self {
        Self(Some(RenewedLease { whole, remaining: Arc::new(remaining) }))
    }

    /// The same, and nothing once this is set.
    pub(crate) fn unless(self, gone: Arc<AtomicBool>) -> Self {
        let whole = self.0.as_ref().map_or(Duration::MAX, |it| it.whole);
        let remaining = move || match gone.load(Ordering::SeqCst) {
            true => Duration::ZERO,
            false => self.remaining().unwrap_or(Duration::MAX),
        };
        Self::renewed(whole, remaining)
    }

    /// What remains of it; none when it lasts as long as the process.
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        self.0.as_ref().map(|it| (it.remaining)())
    }

    /// Whether it outlasts a call that begins now and may take so long: no call that changes
    /// anything may start otherwise.
    #[must_use]
    pub fn outlasts(&self, call: Duration) -> bool {
        let call = self.shortened(call);
        self.remaining().is_none_or(|it| it >= call && !it.is_zero())
    }

    /// How long a call takes at most. Who sets a lease shorter than twice that says that none takes
    /// longer than half of it.
    pub(crate) fn shortened(&self, call: Duration) -> Duration {
        self.0.as_ref().map_or(call, |it| call.min(it.whole / 2))
    }
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Lease({:?})", self.remaining())
    }
}
