//! A store that may go away, and a refuge on this machine for what could not be sent: the results
//! of steps that were under way. Nothing further is begun then, and the next run sends it first.

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

/// A store elsewhere, with a refuge in a directory of this machine.
pub struct UnsentJournalStore {
    store: Box<dyn Store>,
    file: UnsentFile,
}

/// How far a store has come, as far as can be known without a key.
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
            // A journal that the checkpoint has overtaken is not written on.
            kept: scan.kept.filter(|_| last > covered),
        })
    }
}

impl UnsentJournalStore {
    /// A store whose unsent journal is kept in this directory, which need not be there yet.
    #[must_use]
    pub fn new(store: Box<dyn Store>, directory: impl Into<PathBuf>) -> Self {
        let directory: PathBuf = directory.into();
        Self { store, file: UnsentFile::new(directory.join("ha.state.unsent")) }
    }

    /// What of the unsent is not there yet, where it goes on from what is.
    fn missing(
        &self,
        unsent: UnsentSegments,
        loaded: &StoreContents,
        there: &RemoteProgress,
    ) -> Result<Vec<JournalSegment>, StateError> {
        let (file, place) = (self.file.path(), self.place());
        match &there.lineage {
            Some(lineage) if *lineage != unsent.lineage => {
                return Err(StateError::unsent_elsewhere(file, &place, &unsent.lineage, lineage));
            }
            _ => {}
        }
        // The answer to the last one that was sent may have been lost.
        let missing: Vec<JournalSegment> =
            unsent.segments.into_iter().filter(|it| !loaded.segments.contains(it)).collect();
        match missing.first() {
            Some(first) if first.number != there.number + 1 => {
                Err(StateError::others_went_on(file, &place, first.number, there.number))
            }
            _ => Ok(missing),
        }
    }

    /// Sends what an earlier run could not, and forgets it here.
    fn send(&self, held: &mut dyn LockedStore, unsent: UnsentSegments) -> Result<(), StateError> {
        let loaded = self.store.load()?;
        let there = RemoteProgress::new(&loaded, &self.place())?;
        let missing = self.missing(unsent, &loaded, &there)?;
        if !missing.is_empty() {
            held.resume(there.kept)?;
        }
        for JournalSegment { number, bytes } in missing {
            held.append(number, &bytes)?;
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

    /// What is there, and what could not be sent yet where it goes on from that.
    fn load(&self) -> Result<StoreContents, StateError> {
        let mut loaded = self.store.load()?;
        if let Some(unsent) = self.file.read()? {
            let there = RemoteProgress::new(&loaded, &self.place())?;
            // Where others have gone on, what is there is what counts; who wants to write is told.
            loaded.segments.extend(self.missing(unsent, &loaded, &there).unwrap_or_default());
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
        let mut held = self.store.lock(holder)?;
        if let Some(unsent) = self.file.read()? {
            self.send(&mut *held, unsent)?;
        }
        let (place, file) = (self.place(), self.file.clone());
        Ok(Box::new(LockedUnsentStore {
            held,
            place,
            file,
            lineage: None,
            has_sent: false,
            away: None,
            gone: Arc::default(),
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
    held: Box<dyn LockedStore>,
    place: String,
    file: UnsentFile,
    /// Of what is written here.
    lineage: Option<String>,
    /// Whether something was written at all: where not, nothing was done that is worth a refuge.
    has_sent: bool,
    /// Why the store is not written to any more.
    away: Option<StateError>,
    gone: Arc<AtomicBool>,
}

impl LockedUnsentStore {
    fn take_refuge(
        &mut self,
        number: u64,
        bytes: &[u8],
        error: StateError,
    ) -> Result<(), StateError> {
        let Some(lineage) = self.lineage.clone().filter(|_| self.has_sent) else {
            return Err(error);
        };
        let kept = self.file.begin(&lineage, &self.place, number, bytes);
        kept.map_err(|refuge| StateError::no_refuge(&error, &refuge))?;
        self.away = Some(StateError::unsent(&error, self.path()));
        self.gone.store(true, Ordering::SeqCst);
        Ok(())
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

impl LockedStore for LockedUnsentStore {
    fn lease(&self) -> Lease {
        self.held.lease().unless(self.gone.clone())
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.held.resume(kept)
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        if self.away.is_some() {
            return self.file.append(number, bytes);
        }
        self.lineage = lineage(bytes, &self.place).or(self.lineage.take());
        match self.held.append(number, bytes) {
            Ok(()) => {
                self.has_sent = true;
                Ok(())
            }
            // Somebody else has gone on: it would never be taken.
            Err(error) if *error.reason() == StateErrorReason::Taken => Err(error),
            Err(error) => self.take_refuge(number, bytes, error),
        }
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.is_home()?;
        self.held.checkpoint(number, bytes)
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        self.is_home()?;
        self.held.discard()
    }

    fn has_room(&self) -> Result<(), StateError> {
        self.is_home()?;
        self.held.has_room()
    }

    fn is_home(&self) -> Result<(), StateError> {
        self.away.clone().map_or(Ok(()), Err)
    }
}
