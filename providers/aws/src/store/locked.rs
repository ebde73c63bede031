//! A locked state in S3.

use std::sync::{Arc, Mutex, PoisonError};

use ha_state_store::{
    JournalExtent, Lease, LeaseHeartbeat, LeaseRenewal, LockInfo, LockedStore, RenewFunction,
    StateError,
};

use super::entry::{EntryKind, JournalCut, LogEntry, LogIndex};
use super::lock::OwnLock;
use super::log_index::StateLog;
use super::{BlockingRuntime, BucketConnection};

/// Maximum number of tries to append the opening while an earlier holder still appends.
const TRIES: u32 = 100;

/// A locked state in S3.
pub(super) struct LockedS3Store {
    quarters: Arc<BlockingRuntime>,
    log: StateLog,
    heart: LeaseHeartbeat,
    mine: Arc<Mutex<Option<OwnLock>>>,
    /// Id of the lock.
    id: String,
    /// Place of the next object.
    next: u64,
    /// What the next segment says about the earlier journal.
    cut: Option<JournalCut>,
    /// Number of the last segment; the next one must be higher.
    last: u64,
    /// Place of this holder's opening.
    opening: u64,
    /// The retained objects, as last read.
    trail: Arc<Mutex<Option<LogIndex>>>,
}

impl LockedS3Store {
    /// Takes the lock and locks out an earlier holder.
    pub(super) fn take(rooms: BucketConnection, holder: &LockInfo) -> Result<Self, StateError> {
        let BucketConnection { quarters, log, lock, trail } = rooms;
        // The heartbeat starts before the opening is written, so that a slow service does not let
        // the lease expire meanwhile.
        let whole = lock.lease;
        let (mine, heart) = LeaseHeartbeat::start(whole, || {
            let holder = holder.clone();
            let taken = quarters.wait(async move { lock.take(&holder).await })?;
            let mine = Arc::new(Mutex::new(Some(taken)));
            Ok((mine.clone(), renewing(quarters.clone(), mine)))
        })?;
        let mut held = Self {
            quarters,
            log,
            heart,
            mine,
            id: holder.id.clone(),
            next: 0,
            cut: None,
            last: 0,
            opening: 0,
            trail,
        };
        held.open()?;
        Ok(held)
    }

    /// Writes an opening at the end of the log. From then on the next place of any other holder is
    /// taken, so its conditional write fails even if it believes that its lease still runs.
    fn open(&mut self) -> Result<(), StateError> {
        let opening = LogEntry::new(&self.id, EntryKind::Opening);
        for _ in 0..TRIES {
            let (log, opening) = (self.log.clone(), opening.clone());
            let mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let placed = self.quarters.wait(async move {
                let at = log.end().await?;
                // Before the first object of a state, the service is checked: it may be one that
                // ignores write conditions.
                if let Some(mine) = mine.filter(|_| at == 1) {
                    mine.prove_safe().await?;
                }
                Ok(log.put(at, &opening, &[]).await?.is_none().then_some(at))
            });
            if let Some(at) = placed? {
                (self.opening, self.next) = (at, at + 1);
                return self.still_held();
            }
        }
        Err(StateError::lock_taken(&self.log.place, None))
    }

    fn still_held(&self) -> Result<(), StateError> {
        match self.heart.beats()? {
            true => Ok(()),
            false => Err(StateError::lock_taken(&self.log.place, None)),
        }
    }

    /// Appends an object to the log. The lock is checked before and after: a holder that has lost
    /// it must not report success, because a new holder may already have pruned the place that this
    /// write took.
    fn put(&mut self, entry: LogEntry, content: &[u8]) -> Result<(), StateError> {
        self.still_held()?;
        let (entry, content) = (Arc::new(entry), Arc::new(content.to_vec()));
        loop {
            let (log, at, entry, content) =
                (self.log.clone(), self.next, entry.clone(), content.clone());
            let there = self.quarters.wait(async move { log.put(at, &entry, &content).await })?;
            let Some(there) = there else {
                self.next += 1;
                // The lease is checked again after a successful write. A write that took longer
                // than the lease is reported as failed, because another holder may have started in
                // between.
                return self.still_held();
            };
            // The object of an earlier write of this holder may be there although its response was
            // lost.
            match LogEntry::parse(&there.bytes, &self.log.place) {
                Ok((LogEntry { by, .. }, _)) if by == self.id => self.next += 1,
                _ => return Err(StateError::lock_taken(&self.log.place, None)),
            }
        }
    }

    /// The objects that the next checkpoint retains.
    fn trail(&self) -> Result<LogIndex, StateError> {
        let known = self.trail.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut trail = match known {
            Some(known) => known,
            None => {
                let log = self.log.clone();
                self.quarters.wait(async move { log.read().await })?.trail
            }
        };
        if !trail.openings.contains(&self.opening) {
            trail.openings.push(self.opening);
        }
        Ok(trail.shortened())
    }
}

/// The function that renews the lock until it is released.
fn renewing(quarters: Arc<BlockingRuntime>, mine: Arc<Mutex<Option<OwnLock>>>) -> RenewFunction {
    Box::new(move || {
        let held = mine.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(held) = held else { return Ok(LeaseRenewal::Lost) };
        let (held, beat) = quarters.wait(async move { held.renew().await })?;
        *mine.lock().unwrap_or_else(PoisonError::into_inner) = Some(held);
        Ok(beat)
    })
}

impl LockedStore for LockedS3Store {
    fn lease(&self) -> Lease {
        self.heart.lease()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.still_held()?;
        (self.cut, self.last) = match kept {
            Some(JournalExtent { segment, length }) => {
                (Some(JournalCut::Behind { segment, length }), segment)
            }
            None => (Some(JournalCut::Whole), 0),
        };
        Ok(())
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        // The journal's numbers only grow. A lower one would be a frame of a holder that has lost
        // its place.
        if number <= self.last {
            return Err(StateError::taken(&self.log.place, number));
        }
        self.put(LogEntry::new(&self.id, EntryKind::Segment { number, cut: self.cut }), bytes)?;
        (self.cut, self.last) = (None, number);
        Ok(())
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let trail = self.trail()?;
        self.put(
            LogEntry::new(&self.id, EntryKind::Checkpoint { number, trail: trail.clone() }),
            bytes,
        )?;
        (self.cut, self.last) = (None, number);
        let at = self.next - 1;
        let seen = LogIndex {
            checkpoints: [trail.checkpoints.clone(), vec![at]].concat(),
            ..trail.clone()
        };
        *self.trail.lock().unwrap_or_else(PoisonError::into_inner) = Some(seen);
        let log = self.log.clone();
        // A failure is ignored: objects that are not deleted now are deleted after the next
        // checkpoint.
        let _ = self.quarters.wait(async move { log.prune(at, &trail).await });
        Ok(())
    }
}

impl Drop for LockedS3Store {
    fn drop(&mut self) {
        // A failure to release the lock is ignored: the lease expires by itself, and only the next
        // command waits for it.
        // The heartbeat is stopped first: a renewal after the release would write the lock again.
        self.heart.stop();
        if let Some(mine) = self.mine.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.quarters.wait(async move { mine.give_back().await });
        }
    }
}
