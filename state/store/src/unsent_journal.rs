//! Saves frames on this machine that a remote store could not take: the results of steps that were
//! running when it became unreachable. No further step begins then, and the next run sends them
//! first.

mod file;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use self::file::{UnsentFile, UnsentSegments};
use crate::journal::{lineage, scan};
use crate::store::{
    JournalExtent, JournalSegment, Lease, LockStatus, LockedStore, Store, StoreContents,
};
use crate::{LockInfo, StateError, StateErrorReason, checkpoint};

/// A remote store, with an unsent journal in a directory on this machine.
pub struct UnsentJournalStore {
    store: Box<dyn Store>,
    file: UnsentFile,
}

/// The last frame of a remote store, as far as it can be known without a key.
struct RemoteProgress {
    lineage: Option<String>,
    number: u64,
    kept: Option<JournalExtent>,
}

impl RemoteProgress {
    fn new(loaded: &StoreContents, place: &str) -> Result<Self, StateError> {
        let position =
            loaded.checkpoint.as_ref().map(|it| checkpoint::position(it, place)).transpose()?;
        let scan = scan(&loaded.segments, place)?;
        let covered = position.as_ref().map_or(0, |it| it.number);
        let last = scan.last().unwrap_or(0);
        let of_journal = || loaded.segments.iter().find_map(|it| lineage(&it.bytes, place));
        Ok(Self {
            lineage: position.map(|it| it.lineage).or_else(of_journal),
            number: covered.max(last),
            // A journal whose frames are all in the checkpoint is not continued.
            kept: scan.kept.filter(|_| last > covered),
        })
    }
}

impl UnsentJournalStore {
    /// A store whose unsent journal is in this directory, which may not exist yet.
    #[must_use]
    pub fn new(store: Box<dyn Store>, directory: impl Into<PathBuf>) -> Self {
        let directory: PathBuf = directory.into();
        Self { store, file: UnsentFile::new(directory.join("ha.state.unsent")) }
    }

    /// The unsent segments that the store does not have. Fails where they do not follow its last
    /// frame: another run has continued from there, and both histories cannot be true.
    fn missing(
        &self,
        unsent: UnsentSegments,
        loaded: &StoreContents,
        remote: &RemoteProgress,
    ) -> Result<Vec<JournalSegment>, StateError> {
        let (file, place) = (self.file.path(), self.place());
        match &remote.lineage {
            Some(lineage) if *lineage != unsent.lineage => {
                return Err(StateError::unsent_elsewhere(file, &place, &unsent.lineage, lineage));
            }
            _ => {}
        }
        // The store may have taken a segment whose acknowledgement was lost.
        let missing: Vec<JournalSegment> =
            unsent.segments.into_iter().filter(|it| !loaded.segments.contains(it)).collect();
        match missing.first() {
            Some(first) if first.number != remote.number + 1 => {
                Err(StateError::others_went_on(file, &place, first.number, remote.number))
            }
            _ => Ok(missing),
        }
    }

    /// Sends what an earlier run could not. The file is removed only after all of it is sent: a
    /// kill before leaves segments that the next run recognises as sent.
    fn send(
        &self,
        locked_store: &mut dyn LockedStore,
        unsent: UnsentSegments,
    ) -> Result<(), StateError> {
        let loaded = self.store.load()?;
        let remote = RemoteProgress::new(&loaded, &self.place())?;
        let missing = self.missing(unsent, &loaded, &remote)?;
        if !missing.is_empty() {
            locked_store.resume(remote.kept)?;
        }
        for JournalSegment { number, bytes } in missing {
            locked_store.append(number, &bytes)?;
        }
        self.file.remove()
    }
}

impl Store for UnsentJournalStore {
    fn place(&self) -> String {
        self.store.place()
    }

    fn identity(&self) -> String {
        self.store.identity()
    }

    /// The content of the store, followed by the unsent segments where they continue it.
    fn load(&self) -> Result<StoreContents, StateError> {
        let mut loaded = self.store.load()?;
        if let Some(unsent) = self.file.read()? {
            let remote = RemoteProgress::new(&loaded, &self.place())?;
            // Where another run has continued, a reader gets what the store has. A writer gets the
            // error when it locks.
            loaded.segments.extend(self.missing(unsent, &loaded, &remote).unwrap_or_default());
        }
        Ok(loaded)
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.store.holder()
    }

    fn holding(&self) -> Result<Option<LockStatus>, StateError> {
        self.store.holding()
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let mut locked_store = self.store.lock(holder)?;
        // Sent under the lock and before any other write, because the frames of this run follow
        // them.
        if let Some(unsent) = self.file.read()? {
            self.send(&mut *locked_store, unsent)?;
        }
        let (place, file) = (self.place(), self.file.clone());
        Ok(Box::new(LockedUnsentStore {
            locked_store,
            place,
            file,
            lineage: None,
            has_written: false,
            unreachable: None,
            lease_lost: Arc::default(),
        }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }

    fn state_of_terraform(&self) -> Option<String> {
        self.store.state_of_terraform()
    }

    fn advice(&self) -> Option<String> {
        self.store.advice()
    }
}

struct LockedUnsentStore {
    locked_store: Box<dyn LockedStore>,
    place: String,
    file: UnsentFile,
    /// The lineage of what is written.
    lineage: Option<String>,
    /// Whether the store took anything in this run. Where not, no step has begun, and there is
    /// nothing to save.
    has_written: bool,
    /// Why the store is no longer written to; none while it is.
    unreachable: Option<StateError>,
    lease_lost: Arc<AtomicBool>,
}

impl LockedUnsentStore {
    fn save_unsent(
        &mut self,
        number: u64,
        bytes: &[u8],
        error: StateError,
    ) -> Result<(), StateError> {
        let Some(lineage) = self.lineage.clone().filter(|_| self.has_written) else {
            return Err(error);
        };
        let kept = self.file.begin(&lineage, &self.place, number, bytes);
        kept.map_err(|save_error| StateError::not_saved(&error, &save_error))?;
        self.unreachable = Some(StateError::unsent(&error, self.path()));
        // Ends the lease as well, so that drivers begin no further call.
        self.lease_lost.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

impl LockedStore for LockedUnsentStore {
    fn lease(&self) -> Lease {
        self.locked_store.lease().unless(self.lease_lost.clone())
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.locked_store.resume(kept)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        // Once unreachable, always unreachable: a store that recovers would get later frames
        // without the earlier ones.
        if self.unreachable.is_some() {
            return self.file.append(number, bytes);
        }
        self.lineage = lineage(bytes, &self.place).or(self.lineage.take());
        match self.locked_store.append(number, bytes) {
            Ok(()) => {
                self.has_written = true;
                Ok(())
            }
            // Another run has continued: the store would never take the frames.
            Err(error) if *error.reason() == StateErrorReason::Taken => Err(error),
            Err(error) => self.save_unsent(number, bytes, error),
        }
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.is_home()?;
        self.locked_store.checkpoint(number, bytes)
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        self.is_home()?;
        self.locked_store.discard()
    }

    fn has_room(&self) -> Result<(), StateError> {
        self.is_home()?;
        self.locked_store.has_room()
    }

    fn is_home(&self) -> Result<(), StateError> {
        self.unreachable.clone().map_or(Ok(()), Err)
    }
}
