//! A store that goes away while it is written to.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_state_store::conformance::{StoreUnderTest, check};
use ha_state_store::{
    JournalExtent, Lease, LockedStore, MemoryStore, OpenOptions, StateErrorReason, Store,
    StoreContents, UnsentJournalStore, open_for_reading, open_for_writing,
};

use crate::{
    Frame, LockInfo, OneKey, StateError, StepOutcome, block_on, open, recorded, samples, write,
};

/// A store that goes away after so many appends, and comes back.
#[derive(Clone, Default)]
struct Away {
    store: MemoryStore,
    left: Arc<AtomicUsize>,
    /// Whether the last append has an effect that no one hears of.
    loses_answer: Arc<AtomicBool>,
}

impl Away {
    fn pass(&self) -> Result<(), StateError> {
        let left =
            self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |it| it.checked_sub(1));
        left.map(drop).map_err(|_| {
            StateError::new(
                StateErrorReason::Store,
                ha_provider::Error::new("write the state", "no one answers"),
            )
        })
    }
}

impl Store for Away {
    fn place(&self) -> String {
        self.store.place()
    }
    fn load(&self) -> Result<StoreContents, StateError> {
        self.store.load()
    }
    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        self.store.holder()
    }
    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        Ok(Box::new(HeldAway(self.store.lock(holder)?, self.clone())))
    }
    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

struct HeldAway(Box<dyn LockedStore>, Away);

impl LockedStore for HeldAway {
    fn lease(&self) -> Lease {
        self.0.lease()
    }
    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.0.resume(kept)
    }
    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.1.pass().or_else(|error| {
            if self.1.loses_answer.load(Ordering::SeqCst) {
                self.0.append(number, bytes)?;
                self.1.loses_answer.store(false, Ordering::SeqCst);
            }
            Err(error)
        })?;
        self.0.append(number, bytes)
    }
    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.1.pass()?;
        self.0.checkpoint(number, bytes)
    }
}

/// A store that can go away, and a directory on this machine.
struct Place {
    away: Away,
    directory: tempfile::TempDir,
    keys: OneKey,
}

impl Place {
    fn new() -> Self {
        Self { away: Away::default(), directory: tempfile::tempdir().unwrap(), keys: OneKey::new() }
    }

    fn store(&self) -> UnsentJournalStore {
        UnsentJournalStore::new(Box::new(self.away.clone()), self.directory.path().join("local"))
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("local/ha.state.unsent")
    }

    /// Two are written, then the store goes away while a step is under way.
    fn interrupted(&self) {
        self.away.left.store(2, Ordering::SeqCst);
        let writer = open(&self.store(), &self.keys);
        write(&writer, vec![recorded("a.zero", "x"), Frame::Intent(samples::intent(1, "a.one"))]);
        assert!(writer.lease_guard().outlasts(Duration::from_secs(1)).is_ok());
        let result = Frame::Result {
            attempt: Some(1),
            outcome: StepOutcome::Recorded(samples::record("a.one", "x").into()),
        };
        write(&writer, vec![result, recorded("a.two", "x")]);
        assert!(
            writer.lease_guard().outlasts(Duration::from_secs(1)).is_err(),
            "no further call may begin"
        );
        let refused =
            block_on(writer.append(Frame::Intent(samples::intent(2, "a.three")))).unwrap_err();
        let (told, help) = (refused.to_string(), refused.error().help.join("; "));
        assert!(told.contains("a.three") && told.contains("no one answers"), "{told}");
        assert!(help.contains(self.file().to_str().unwrap()) && !help.contains("disk"), "{help}");
        let ended = writer.finish().unwrap_err();
        assert!(ended.error().help.join("; ").contains(self.file().to_str().unwrap()), "{ended:?}");
        assert_eq!(fs::metadata(self.file()).unwrap().permissions().mode() & 0o777, 0o600);
    }

    fn back(&self) {
        self.away.left.store(usize::MAX, Ordering::SeqCst);
    }

    fn addresses(&self, store: &dyn Store) -> Vec<String> {
        let state = open_for_reading(store, &self.keys).unwrap();
        state.records.keys().map(ToString::to_string).collect()
    }
}

#[test]
fn unsent_frames_are_saved_and_sent_by_the_next_run() {
    let place = Place::new();
    place.interrupted();
    assert_eq!(place.addresses(&place.away), ["a.zero"]);
    assert_eq!(
        place.addresses(&place.store()),
        ["a.one", "a.two", "a.zero"],
        "whoever reads here sees it already"
    );
    place.back();
    let writer = open(&place.store(), &place.keys);
    assert!(!place.file().exists());
    write(&writer, vec![recorded("a.four", "x")]);
    writer.finish().unwrap();
    assert_eq!(place.addresses(&place.away), ["a.four", "a.one", "a.two", "a.zero"]);
}

#[test]
fn a_segment_that_arrived_is_not_sent_twice() {
    let place = Place::new();
    place.away.loses_answer.store(true, Ordering::SeqCst);
    place.interrupted();
    assert_eq!(place.addresses(&place.away), ["a.one", "a.zero"]);
    assert_eq!(place.addresses(&place.store()), ["a.one", "a.two", "a.zero"]);
    place.back();
    open(&place.store(), &place.keys).finish().unwrap();
    assert!(!place.file().exists());
    assert_eq!(place.addresses(&place.away), ["a.one", "a.two", "a.zero"]);
}

#[test]
fn a_partly_sent_journal_is_completed_later() {
    let place = Place::new();
    place.interrupted();
    for left in 0..2 {
        place.away.left.store(left, Ordering::SeqCst);
        let kept = fs::read(place.file()).unwrap();
        let error = open_for_writing(
            &place.store(),
            &place.keys,
            OpenOptions::by(LockInfo::here("a test")),
        )
        .unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::Store);
        assert_eq!(fs::read(place.file()).unwrap(), kept);
        assert_eq!(place.addresses(&place.store()), ["a.one", "a.two", "a.zero"]);
    }
    place.back();
    open(&place.store(), &place.keys).finish().unwrap();
    assert_eq!(place.addresses(&place.away), ["a.one", "a.two", "a.zero"]);
}

fn refusal(place: &Place) -> StateError {
    let (kept, before) = (fs::read(place.file()).unwrap(), place.away.load().unwrap());
    let error =
        open_for_writing(&place.store(), &place.keys, OpenOptions::by(LockInfo::here("a test")))
            .unwrap_err();
    assert_eq!(
        (fs::read(place.file()).unwrap(), place.away.load().unwrap()),
        (kept, before),
        "nothing was changed"
    );
    assert!(
        error.error().help.join("; ").contains(&format!("move `{}`", place.file().display())),
        "{error:?}"
    );
    fs::rename(place.file(), place.directory.path().join("elsewhere")).unwrap();
    open(&place.store(), &place.keys).finish().unwrap();
    error
}

#[test]
fn an_outdated_unsent_journal_is_refused() {
    let place = Place::new();
    place.interrupted();
    place.back();
    write(&open(&place.away, &place.keys), vec![recorded("a.other", "x")]);
    assert_eq!(
        place.addresses(&place.store()),
        ["a.other", "a.zero"],
        "what is there is what counts"
    );
    let error = refusal(&place);
    assert_eq!(error.reason(), &StateErrorReason::Taken);
    assert!(error.to_string().contains("others have gone on"), "{error}");
}

#[test]
fn an_unsent_journal_of_another_lineage_is_refused() {
    let mut place = Place::new();
    place.interrupted();
    place.back();
    place.away.store = MemoryStore::new();
    write(&open(&place.away, &place.keys), vec![recorded("a.b", "x"), recorded("a.c", "x")]);
    assert_eq!(refusal(&place).reason(), &StateErrorReason::OtherLineage);
}

#[test]
fn an_invalid_unsent_file_is_refused() {
    let place = Place::new();
    place.interrupted();
    place.back();
    fs::write(place.file(), "something else").unwrap();
    assert_eq!(refusal(&place).reason(), &StateErrorReason::Damaged);
}

#[test]
fn nothing_is_saved_before_the_first_write() {
    let place = Place::new();
    place.away.left.store(0, Ordering::SeqCst);
    let writer = open(&place.store(), &place.keys);
    let error = block_on(writer.append(recorded("a.one", "x"))).unwrap_err();
    assert!(error.to_string().contains("no one answers") && !place.file().exists());
    assert_eq!(writer.finish().unwrap_err(), error);
}

#[test]
fn a_truncated_unsent_file_keeps_acknowledged_segments() {
    let place = Place::new();
    place.interrupted();
    place.back();
    let whole = fs::read(place.file()).unwrap();
    // Three segments: two results, and the end of the session was refused.
    let first = whole.iter().position(|it| *it == b'\n').unwrap() + 1;
    let mut seen = BTreeMap::new();
    for length in first..=whole.len() {
        fs::write(place.file(), &whole[..length]).unwrap();
        *seen.entry(place.addresses(&place.store()).len()).or_insert(0) += 1;
    }
    assert_eq!(seen.keys().copied().collect::<Vec<_>>(), [1, 2, 3], "{seen:?}");
}

struct InMemory(Mutex<BTreeMap<String, MemoryStore>>, tempfile::TempDir);

impl StoreUnderTest for InMemory {
    fn store(&self, name: &str) -> Box<dyn Store> {
        let store = self.0.lock().unwrap().entry(name.to_owned()).or_default().clone();
        Box::new(UnsentJournalStore::new(Box::new(store), self.1.path().join(name)))
    }

    fn has_leases(&self) -> bool {
        true
    }
}

#[test]
fn the_unsent_journal_store_conforms() {
    check(&InMemory(Mutex::default(), tempfile::tempdir().unwrap()));
}
