//! A state that exists as long as the process, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{JournalExtent, JournalSegment, Lease, LockedStore, Store, StoreContents};
use crate::{LockInfo, StateError};

/// A state in memory: a checkpoint and one segment for each append, like an object store. Clones
/// share the content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<MemoryContent>>);

#[derive(Debug, Default)]
struct MemoryContent {
    checkpoint: Option<Vec<u8>>,
    segments: BTreeMap<u64, Vec<u8>>,
    holder: Option<LockInfo>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn content(&self) -> MutexGuard<'_, MemoryContent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<StoreContents> for MemoryStore {
    fn from(StoreContents { checkpoint, segments }: StoreContents) -> Self {
        let segments =
            segments.into_iter().map(|JournalSegment { number, bytes }| (number, bytes)).collect();
        Self(Arc::new(Mutex::new(MemoryContent { checkpoint, segments, holder: None })))
    }
}

impl Store for MemoryStore {
    fn place(&self) -> String {
        "the state in memory".to_owned()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        let content = self.content();
        let segments = content
            .segments
            .iter()
            .map(|(number, bytes)| JournalSegment { number: *number, bytes: bytes.clone() });
        Ok(StoreContents { checkpoint: content.checkpoint.clone(), segments: segments.collect() })
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        Ok(self.content().holder.clone())
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let mut content = self.content();
        if content.holder.is_some() {
            return Err(StateError::locked(&self.place(), content.holder.clone()));
        }
        content.holder = Some(holder.clone());
        Ok(Box::new(LockedMemoryStore { store: self.clone(), id: holder.id.clone() }))
    }

    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        let mut content = self.content();
        match content.holder.take_if(|it| it.id == id) {
            Some(_) => Ok(()),
            None => Err(StateError::not_locked_by(&self.place(), id, content.holder.clone())),
        }
    }
}

struct LockedMemoryStore {
    store: MemoryStore,
    id: String,
}

impl LockedMemoryStore {
    /// The content, as long as the lock was not broken.
    fn content(&self) -> Result<MutexGuard<'_, MemoryContent>, StateError> {
        let content = self.store.content();
        match content.holder.as_ref().is_some_and(|it| it.id == self.id) {
            true => Ok(content),
            false => Err(StateError::lock_taken(&self.store.place(), content.holder.clone())),
        }
    }
}

impl LockedStore for LockedMemoryStore {
    fn lease(&self) -> Lease {
        Lease::lasting()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        let mut content = self.content()?;
        content.segments.retain(|number, _| kept.is_some_and(|it| *number <= it.segment));
        if let Some(JournalExtent { segment, length }) = kept
            && let Some(bytes) = content.segments.get_mut(&segment)
        {
            bytes.truncate(length);
        }
        content.segments.retain(|_, bytes| !bytes.is_empty());
        Ok(())
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        match self.content()?.segments.entry(number) {
            std::collections::btree_map::Entry::Occupied(_) => {
                Err(StateError::taken(&self.store.place(), number))
            }
            std::collections::btree_map::Entry::Vacant(free) => {
                free.insert(bytes.to_vec());
                Ok(())
            }
        }
    }

    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let mut content = self.content()?;
        content.checkpoint = Some(bytes.to_vec());
        content.segments.retain(|first, _| *first > number);
        Ok(())
    }
}

impl Drop for LockedMemoryStore {
    fn drop(&mut self) {
        self.store.content().holder.take_if(|it| it.id == self.id);
    }
}
