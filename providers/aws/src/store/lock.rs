//! The lock: an object beside the state's, there while somebody holds it. How old it is says the
//! service's clock.

use std::time::Duration;

use ha_provider::Error;
use ha_state_store::{LeaseRenewal, LockInfo, LockStatus, StateError, StateErrorReason};
use serde::{Deserialize, Serialize};

use super::bucket::{FoundObject, PutOutcome, StateBucket, WriteCondition};
use super::log_index::away;

/// How often taking a lock is tried again that came and went meanwhile.
const TRIES: u32 = 20;
/// What the service's clock, which counts whole seconds, may be wrong by.
const TOLERANCE: Duration = Duration::from_secs(2);
/// How long a renewal may take. It comes again soon enough.
const HASTE: Duration = Duration::from_secs(10);

/// No object has this tag.
const NO_ETAG: &str = "\"00000000000000000000000000000000\"";

/// What the lock object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LockNote {
    holder: LockInfo,
    /// For how many seconds after it was last written it keeps others out.
    lease: u64,
    /// Each renewal writes something else.
    beat: u64,
}

/// A lock, whoever holds it.
#[derive(Clone)]
pub(super) struct StateLock {
    pub(super) bucket: StateBucket,
    pub(super) name: String,
    /// Of the state, for messages.
    pub(super) place: String,
    pub(super) lease: Duration,
}

/// A lock that is held.
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

    /// Who holds it and for how long, as far as the service's clock can tell.
    pub(super) async fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        Ok(self.found().await?.map(|(found, note)| {
            let left =
                Duration::from_secs(note.lease).saturating_sub(found.age.unwrap_or_default());
            let left = if Self::is_over(&found, &note) {
                Duration::ZERO
            } else {
                left.max(Duration::from_secs(1))
            };
            LockStatus { holder: note.holder, left: Some(left) }
        }))
    }

    /// Takes it, also from somebody who was not heard of for longer than their lease.
    pub(super) async fn take(&self, holder: &LockInfo) -> Result<OwnLock, StateError> {
        let note = LockNote { holder: holder.clone(), lease: self.lease.as_secs(), beat: 0 };
        let mut over: Option<String> = None;
        for _ in 0..TRIES {
            let condition = over.as_deref().map_or(WriteCondition::Nothing, WriteCondition::This);
            over = match self
                .bucket
                .put(&self.name, condition, &note.to_bytes(), None)
                .await
                .map_err(away)?
            {
                PutOutcome::Done { etag } => return Ok(OwnLock { lock: self.clone(), note, etag }),
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
            "others take its lock and give it back all the time",
        );
        Err(StateError::new(StateErrorReason::Locked(None), error.help("run the command again")))
    }

    /// Takes it away from the holder of this id.
    pub(super) async fn take_away(&self, id: &str) -> Result<(), StateError> {
        match self.found().await? {
            Some((found, note)) if note.holder.id == id => {
                self.bucket.delete(&self.name, &found.etag).await.map_err(away)?;
                // It may have been renewed at this very instant.
                match self.found().await? {
                    Some((_, note)) if note.holder.id == id => {
                        Err(StateError::leased(&self.place, Some(note.holder), note.lease)
                            .help("its holder is at work: stop it first"))
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
    /// Begins the lease again, if it is still mine.
    pub(super) async fn renew(mut self) -> Result<(Self, LeaseRenewal), StateError> {
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
            // An earlier renewal did come through, only its answer did not.
            PutOutcome::Refused(Some(found))
                if lock.parse(&found).is_ok_and(|it| it.holder.id == self.note.holder.id) =>
            {
                Ok((Self { etag: found.etag, ..self }, LeaseRenewal::Renewed))
            }
            PutOutcome::Refused(_) => Ok((self, LeaseRenewal::Lost)),
        }
    }

    /// Makes sure that no one else could have written over it: the service must refuse to, for
    /// either condition.
    pub(super) async fn prove_safe(self) -> Result<(), StateError> {
        let StateLock { bucket, name, .. } = &self.lock;
        let other = LockNote { beat: u64::MAX, ..self.note }.to_bytes();
        for over in [WriteCondition::Nothing, WriteCondition::This(NO_ETAG)] {
            if let PutOutcome::Done { .. } =
                bucket.put(name, over, &other, None).await.map_err(away)?
            {
                return Err(away(
                    bucket.unconditional("it let the lock be written over that is held"),
                ));
            }
        }
        Ok(())
    }

    /// Gives it back, if it is still mine.
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
        serde_json::to_vec(self).expect("a note is plain text")
    }
}
