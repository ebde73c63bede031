//! The lock: an object beside the state that exists while the lock is held. Its age is measured by
//! the service's clock, because the clocks of two holders may differ.

use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{LeaseRenewal, LockInfo, LockStatus, StateError, StateErrorReason};
use serde::{Deserialize, Serialize};

use super::bucket::{FoundObject, PutOutcome, StateBucket, WriteCondition};
use super::log_index::away;

/// Maximum number of tries to take a lock that others take and release in between.
const TRIES: u32 = 20;
/// Tolerance for the service's clock, which counts whole seconds.
const TOLERANCE: Duration = Duration::from_secs(2);
/// Time limit of one renewal; the next one follows soon.
const HASTE: Duration = Duration::from_secs(10);

/// An ETag that no object has.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

/// The content of the lock object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LockNote {
    holder: LockInfo,
    /// Length of the lease in seconds from the last write.
    lease: u64,
    /// A value that changes with each renewal, so that each has another ETag.
    beat: u64,
}

/// The lock of a state, held or not.
#[derive(Clone)]
pub(super) struct StateLock {
    pub(super) bucket: StateBucket,
    pub(super) name: String,
    /// Name of the state, for messages.
    pub(super) place: String,
    pub(super) lease: Duration,
}

/// The lock while this process holds it.
#[derive(Clone)]
pub(super) struct OwnLock {
    pub(super) lock: StateLock,
    note: LockNote,
    etag: String,
}

impl StateLock {
    fn parse(&self, found: &FoundObject) -> Result<LockNote, StateError> {
        let foreign = |_| {
            StateError::not_a_state(&format!("`s3://{}/{}`", self.bucket.name, self.name), "lock")
        };
        serde_json::from_slice(&found.bytes).map_err(foreign)
    }

    fn is_over(found: &FoundObject, note: &LockNote) -> bool {
        found.age.is_some_and(|it| it >= Duration::from_secs(note.lease) + TOLERANCE)
    }

    async fn found(&self) -> Result<Option<(FoundObject, LockNote)>, StateError> {
        match self.bucket.get(&self.name, None).await.map_err(away)? {
            Some(found) => self.parse(&found).map(|note| Some((found, note))),
            None => Ok(None),
        }
    }

    /// The holder and the rest of its lease, by the service's clock; `None` when the lock is free.
    pub(super) async fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        Ok(self.found().await?.map(|(found, note)| {
            let left =
                Duration::from_secs(note.lease).saturating_sub(found.age.unwrap_or_default());
            let left = if Self::is_over(&found, &note) {
                Duration::ZERO
            } else {
                // The service counts whole seconds, so a lease that is not over yet has at least
                // one left.
                left.max(Duration::from_secs(1))
            };
            LockStatus { holder: note.holder, left: Some(left) }
        }))
    }

    /// Takes the lock if it is free or its lease has expired.
    pub(super) async fn take(&self, holder: &LockInfo) -> Result<OwnLock, StateError> {
        let note = LockNote { holder: holder.clone(), lease: self.lease.as_secs(), beat: 0 };
        let mut over: Option<String> = None;
        for _ in 0..TRIES {
            // An expired lock is replaced on the condition that it is still the one that was read.
            // Of two commands that find it expired, one wins.
            let condition = over.as_deref().map_or(WriteCondition::Nothing, WriteCondition::This);
            over = match self
                .bucket
                .put(&self.name, condition, &note.to_bytes(), None)
                .await
                .map_err(away)?
            {
                PutOutcome::Done { etag } => return Ok(OwnLock { lock: self.clone(), note, etag }),
                // The lock was released between the write and the look at it.
                PutOutcome::Refused(None) => None,
                PutOutcome::Refused(Some(found)) => {
                    let theirs = self.parse(&found)?;
                    if !Self::is_over(&found, &theirs) {
                        return Err(StateError::leased(
                            &self.place,
                            Some(theirs.holder),
                            theirs.lease,
                        ));
                    }
                    Some(found.etag)
                }
            };
        }
        let error = Error::new(
            format!("lock {}", self.place),
            "other processes take and release its lock between tries",
        );
        Err(StateError::new(StateErrorReason::Locked(None), error.help("run the command again")))
    }

    /// Removes the lock of the holder with this id.
    pub(super) async fn take_away(&self, id: &str) -> Result<(), StateError> {
        match self.found().await? {
            Some((found, note)) if note.holder.id == id => {
                self.bucket.delete(&self.name, &found.etag).await.map_err(away)?;
                // The holder may have renewed the lock since it was read.
                match self.found().await? {
                    Some((_, note)) if note.holder.id == id => {
                        Err(StateError::leased(&self.place, Some(note.holder), note.lease)
                            .help("its holder is running: stop it first"))
                    }
                    _ => Ok(()),
                }
            }
            found => {
                Err(StateError::not_locked_by(&self.place, id, found.map(|(_, note)| note.holder)))
            }
        }
    }
}

impl OwnLock {
    /// Renews the lease, if this process still holds the lock.
    pub(super) async fn renew(mut self) -> Result<(Self, LeaseRenewal), StateError> {
        // Without a change the new object would have the same bytes, and on many services the same
        // ETag: a command that has found the lock expired could overwrite it although it was
        // renewed since.
        self.note.beat += 1;
        let lock = &self.lock;
        let note = self.note.to_bytes();
        match lock
            .bucket
            .put(&lock.name, WriteCondition::This(&self.etag), &note, Some(HASTE))
            .await
            .map_err(away)?
        {
            PutOutcome::Done { etag } => Ok((Self { etag, ..self }, LeaseRenewal::Renewed)),
            // An earlier renewal was written, and only its response was lost.
            PutOutcome::Refused(Some(found))
                if lock.parse(&found).is_ok_and(|it| it.holder.id == self.note.holder.id) =>
            {
                Ok((Self { etag: found.etag, ..self }, LeaseRenewal::Renewed))
            }
            PutOutcome::Refused(_) => Ok((self, LeaseRenewal::Lost)),
        }
    }

    /// Checks that the service refuses both kinds of conditional writes over the lock. A service
    /// that ignores conditions would let two holders write one state.
    pub(super) async fn prove_safe(self) -> Result<(), StateError> {
        let StateLock { bucket, name, .. } = &self.lock;
        let other = LockNote { beat: u64::MAX, ..self.note }.to_bytes();
        for over in [WriteCondition::Nothing, WriteCondition::This(NO_ETAG)] {
            if let PutOutcome::Done { .. } =
                bucket.put(name, over, &other, None).await.map_err(away)?
            {
                return Err(away(bucket.unconditional("it overwrote a lock that is held")));
            }
        }
        Ok(())
    }

    /// Releases the lock, if this process still holds it.
    pub(super) async fn give_back(self) -> Result<(), StateError> {
        match self.lock.found().await? {
            Some((found, note)) if note.holder.id == self.note.holder.id => {
                self.lock.bucket.delete(&self.lock.name, &found.etag).await.map_err(away)
            }
            _ => Ok(()),
        }
    }
}

impl LockNote {
    fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a lock note has only string fields")
    }
}
