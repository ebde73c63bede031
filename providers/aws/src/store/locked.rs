//! A state in S3 under its lock.

use std::sync::{Arc, Mutex, PoisonError};

use ha_state_store::{
    JournalExtent, Lease, LeaseHeartbeat, LeaseRenewal, LockInfo, LockedStore, RenewFunction,
    StateError,
};

use super::entry::{EntryKind, JournalCut, LogEntry, LogIndex};
use super::lock::OwnLock;
use super::log_index::StateLog;
use super::{BlockingRuntime, BucketConnection};

/// How often whoever is shut out may still be faster.
const TRIES: u32 = 100;

/// A state in S3 under its lock.
pub(super) struct LockedS3Store {
    quarters: Arc<BlockingRuntime>,
    log: StateLog,
    heart: LeaseHeartbeat,
    mine: Arc<Mutex<Option<OwnLock>>>,
    /// The lock's id.
    id: String,
    /// Where the next object goes.
    next: u64,
    /// What is to be said of the journal by the next segment.
    cut: Option<JournalCut>,
    /// No segment may have this number or a lower one.
    last: u64,
    /// Where our opening is.
    opening: u64,
    /// What the log was last seen to keep of what was before.
    trail: Arc<Mutex<Option<LogIndex>>>,
}

impl LockedS3Store {
    /// Takes the lock and shuts out whoever had it before.
    pub(super) fn take(rooms: BucketConnection, holder: &LockInfo) -> Result<Self, StateError> {
        let BucketConnection { quarters, log, lock, trail } = rooms;
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

    /// Writes an opening at the end of the log. From then on no one else's next place is free.
    fn open(&mut self) -> Result<(), StateError> {
        let opening = LogEntry::new(&self.id, EntryKind::Opening);
        for _ in 0..TRIES {
            let (log, opening) = (self.log.clone(), opening.clone());
            let mine = self.mine.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let placed = self.quarters.wait(async move {
                let at = log.end().await?;
                // Nothing was ever written here, perhaps to the service neither.
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

    /// Puts an object at the end of the log. Whoever has lost the lock must not believe that it is
    /// there: where others have gone on, what is written to a place that was taken and given up
    /// again counts for nothing.
    fn put(&mut self, entry: LogEntry, content: &[u8]) -> Result<(), StateError> {
        self.still_held()?;
        let (entry, content) = (Arc::new(entry), Arc::new(content.to_vec()));
        loop {
            let (log, at, entry, content) =
                (self.log.clone(), self.next, entry.clone(), content.clone());
            let there = self.quarters.wait(async move { log.put(at, &entry, &content).await })?;
            let Some(there) = there else {
                self.next += 1;
                return self.still_held();
            };
            // A checkpoint of ours that was given up for lost may have come through after all.
            match LogEntry::parse(&there.bytes, &self.log.place) {
                Ok((LogEntry { by, .. }, _)) if by == self.id => self.next += 1,
                _ => return Err(StateError::lock_taken(&self.log.place, None)),
            }
        }
    }

    /// What is kept of what was before.
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

/// What renews the lock, as long as it was not given back.
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
        // What is not deleted now is deleted after the next checkpoint.
        let _ = self.quarters.wait(async move { log.prune(at, &trail).await });
        Ok(())
    }
}

impl Drop for LockedS3Store {
    fn drop(&mut self) {
        // No one waits for a lock that runs out by itself, but the next one.
        self.heart.stop();
        if let Some(mine) = self.mine.lock().unwrap_or_else(PoisonError::into_inner).take() {
            let _ = self.quarters.wait(async move { mine.give_back().await });
        }
    }
}
