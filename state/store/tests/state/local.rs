//! The state in files.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use ha_state_store::{
    KeyPolicy, KeyRing, LocalStore, OpenOptions, StateErrorReason, Store, addresses,
    open_for_reading, open_for_writing,
};

use crate::{LockInfo, State, StateError, block_on, frames, open, recorded, write};

/// A directory with a state, and one with keys.
struct Place {
    directory: tempfile::TempDir,
    home: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() }
    }

    fn store(&self) -> LocalStore {
        LocalStore::new(self.directory.path())
    }

    fn keys(&self) -> KeyRing {
        KeyRing::new(self.home.path().join("keys"), KeyPolicy::Interactive)
    }

    fn write(&self) -> State {
        write(&open(&self.store(), &self.keys()), frames()).pop().unwrap()
    }

    fn read(&self) -> Result<State, StateError> {
        open_for_reading(&self.store(), &self.keys())
    }

    fn finish(&self) {
        open(&self.store(), &self.keys()).finish().unwrap();
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn contents(&self) -> BTreeMap<String, Vec<u8>> {
        let file = |it: fs::DirEntry| {
            (it.file_name().into_string().unwrap(), fs::read(it.path()).unwrap())
        };
        fs::read_dir(self.directory.path()).unwrap().map(|it| file(it.unwrap())).collect()
    }

    /// Why neither a reader nor a writer can open it. Nothing is changed by trying.
    fn refusal(&self) -> StateError {
        let before = self.contents();
        let error = self.read().unwrap_err();
        let opening = OpenOptions::by(LockInfo::here("a test"));
        assert_eq!(open_for_writing(&self.store(), &self.keys(), opening).unwrap_err(), error);
        let mut after = self.contents();
        after.retain(|name, _| before.contains_key(name) || name != "ha.state.lock");
        assert!(after == before, "the files are as they were");
        assert!(!error.error().help.is_empty(), "it says what to do: {error}");
        error
    }
}

#[test]
fn a_new_directory_has_no_state() {
    let place = Place::new();
    assert!(place.read().unwrap().is_new());
    assert!(place.contents().is_empty(), "reading leaves no trace");
    assert_eq!(place.store().holder().unwrap(), None);
}

#[test]
fn a_state_survives_its_writer() {
    let place = Place::new();
    let state = place.write();
    assert_eq!(place.read().unwrap(), state, "from the journal");
    assert!(!place.path("ha.state").exists());
    place.finish();
    assert_eq!(place.read().unwrap(), state, "from the checkpoint");
    assert!(place.path("ha.state").exists() && !place.path("ha.state.journal").exists());
    let second = place.write();
    assert_eq!(place.read().unwrap(), second, "from both");
    place.finish();
    assert_eq!(place.read().unwrap(), second);
    assert!(addresses(&place.store(), &place.keys()).unwrap().iter().eq(second.records.keys()));
}

#[test]
fn previous_checkpoints_are_retained() {
    let place = Place::new();
    let mut before = Vec::new();
    for round in 0..8 {
        let state = write(
            &open(&place.store(), &place.keys()),
            vec![recorded(&format!("a.b[{round}]"), "x")],
        )
        .remove(0);
        place.finish();
        before.push((fs::read(place.path("ha.state")).unwrap(), state));
    }
    before.pop();
    let names = [
        "ha.state.previous",
        "ha.state.previous.2",
        "ha.state.previous.3",
        "ha.state.previous.4",
        "ha.state.previous.5",
    ];
    for (name, (checkpoint, state)) in names.iter().zip(before.iter().rev()) {
        assert_eq!(fs::read(place.path(name)).unwrap(), *checkpoint, "{name}");
        fs::copy(place.path(name), place.path("ha.state")).unwrap();
        assert_eq!(place.read().unwrap(), *state, "{name}");
    }
    assert_eq!(place.contents().keys().filter(|it| it.contains("previous")).count(), names.len());
}

#[test]
fn a_checkpoint_draft_left_by_a_kill_is_ignored() {
    let place = Place::new();
    place.write();
    place.finish();
    for leave in [
        &|it: &Place| fs::write(it.path("ha.state.new"), "half a checkpoint").unwrap(),
        &|it: &Place| fs::write(it.path("ha.state.journal.new"), "half a journal").unwrap(),
        &|it: &Place| {
            let _ = fs::remove_file(it.path("ha.state.previous"));
            fs::hard_link(it.path("ha.state"), it.path("ha.state.previous")).unwrap();
        },
        &|it: &Place| fs::hard_link(it.path("ha.state"), it.path("ha.state.previous.new")).unwrap(),
    ] as [&dyn Fn(&Place); 4]
    {
        leave(&place);
        let state = place.write();
        place.finish();
        assert_eq!(place.read().unwrap(), state);
        let contents = place.contents();
        let left = contents.keys().filter(|it| !it.starts_with("ha.state.previous."));
        assert!(
            left.eq(["ha.state", "ha.state.lock", "ha.state.previous"]),
            "{:?}",
            contents.keys()
        );
    }
}

#[test]
fn only_the_owner_can_read_the_files_and_no_secret_is_in_them() {
    let place = Place::new();
    place.write();
    place.finish();
    place.write();
    let writer = open(&place.store(), &place.keys());
    write(&writer, frames());
    let contents = place.contents();
    let names: Vec<&str> = contents.keys().map(String::as_str).collect();
    assert_eq!(names, ["ha.state", "ha.state.journal", "ha.state.lock"]);
    for (name, bytes) in contents {
        assert_eq!(
            fs::metadata(place.path(&name)).unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
        assert!(!bytes.windows(6).any(|it| it == b"canary"), "{name}");
    }
    writer.finish().unwrap();
    let mode = fs::metadata(place.path("ha.state.previous")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_second_writer_is_refused_with_the_holder() {
    let place = Place::new();
    let writer = open(&place.store(), &place.keys());
    let opening = || OpenOptions::by(LockInfo::here("ha apply"));
    let error = open_for_writing(&place.store(), &place.keys(), opening()).unwrap_err();
    let StateErrorReason::Locked(Some(holder)) = error.reason() else { panic!("{error}") };
    assert_eq!((holder.pid, holder.command.as_str()), (std::process::id(), "a test"));
    assert!(error.to_string().contains("`a test`, process"), "{error}");
    assert_eq!(place.store().holder().unwrap().as_ref(), Some(holder));
    drop(writer);
    assert_eq!(place.store().holder().unwrap(), None);
    open_for_writing(&place.store(), &place.keys(), opening()).unwrap();
}

#[test]
fn concurrent_writers_take_turns() {
    let place = Place::new();
    let (done, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (place, done, refused) = (&place, &done, &refused);
            scope.spawn(move || {
                for turn in 0..10 {
                    match open_for_writing(
                        &place.store(),
                        &place.keys(),
                        OpenOptions::by(LockInfo::here("a test")),
                    ) {
                        Ok(writer) => {
                            write(
                                &writer,
                                vec![recorded(&format!("a.b[\"{thread}-{turn}\"]"), "x")],
                            );
                            writer.finish().unwrap();
                            done.fetch_add(1, Ordering::Relaxed);
                        }
                        Err(error) => {
                            assert!(
                                matches!(error.reason(), StateErrorReason::Locked(_)),
                                "{error}"
                            );
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                }
            });
        }
    });
    let (done, refused) = (done.into_inner(), refused.into_inner());
    assert_eq!(done + refused, 40);
    assert_eq!(place.read().unwrap().records.len() as u64, done);
}

#[test]
fn a_removed_lock_file_stops_the_writer() {
    let place = Place::new();
    let first = open(&place.store(), &place.keys());
    write(&first, frames());
    fs::remove_file(place.path("ha.state.lock")).unwrap();
    let second = open(&place.store(), &place.keys());
    let state = write(&second, vec![recorded("a.second", "x")]).remove(0);
    let error = block_on(first.append(recorded("a.first", "x"))).unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::Taken);
    assert_eq!(first.finish().unwrap_err(), error);
    drop(second);
    assert_eq!(place.read().unwrap(), state);
}

#[test]
fn readers_see_consistent_states_during_writes() {
    let place = Place::new();
    let (acknowledged, done) = (AtomicU64::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for run in 0..6 {
                // A checkpoint after each group in some runs, after many in others.
                let opening =
                    OpenOptions::by(LockInfo::here("a test")).with_journal(run % 3 * 5_000);
                let writer = open_for_writing(&place.store(), &place.keys(), opening).unwrap();
                for index in 0..40 {
                    let together = [0, 1, 2].map(|it| {
                        writer.append(recorded(&format!("a.b[\"{run}-{index}-{it}\"]"), "x"))
                    });
                    for it in together {
                        acknowledged.store(block_on(it).unwrap(), Ordering::SeqCst);
                    }
                }
                if run % 2 == 0 { writer.finish().unwrap() } else { drop(writer) }
            }
            done.store(true, Ordering::SeqCst);
        });
        for _ in 0..2 {
            scope.spawn(|| {
                let mut seen = 0;
                while !done.load(Ordering::SeqCst) {
                    let known = acknowledged.load(Ordering::SeqCst);
                    let state = place.read().unwrap();
                    assert!(
                        state.number >= known.max(seen),
                        "{} after {known} was acknowledged and {seen} read",
                        state.number
                    );
                    seen = state.number;
                }
            });
        }
    });
    assert_eq!(place.read().unwrap().records.len(), 6 * 40 * 3);
}

#[test]
fn a_torn_tail_is_cleared_before_the_next_append() {
    let place = Place::new();
    let state = place.write();
    let path = place.path("ha.state.journal");
    let mut bytes = fs::read(&path).unwrap();
    let end = bytes.iter().rposition(|it| *it != 0).unwrap() + 1;
    // A copy of whole frames behind garbage, as a torn write of a large batch may leave.
    let frames_before = bytes[48..end].to_vec();
    bytes[end..end + 9].fill(7);
    bytes[end + 9..end + 9 + frames_before.len()].copy_from_slice(&frames_before);
    fs::write(&path, &bytes).unwrap();
    assert_eq!(place.read().unwrap(), state);
    let writer = open(&place.store(), &place.keys());
    assert!(fs::read(&path).unwrap()[end..].iter().all(|it| *it == 0));
    let state = write(&writer, vec![recorded("a.new", "x")]).remove(0);
    drop(writer);
    assert_eq!(place.read().unwrap(), state);
}

#[test]
fn a_journal_older_than_its_checkpoint_is_ignored() {
    let place = Place::new();
    place.write();
    let older = fs::read(place.path("ha.state.journal")).unwrap();
    write(
        &open(&place.store(), &place.keys()),
        vec![recorded("a.one", "changed"), recorded("a.more", "x")],
    );
    let same_age = fs::read(place.path("ha.state.journal")).unwrap();
    place.finish();
    let state = place.read().unwrap();
    // As after a power cut between the new checkpoint and the removal of the journal.
    for journal in [same_age, older] {
        fs::write(place.path("ha.state.journal"), journal).unwrap();
        assert_eq!(place.read().unwrap(), state);
        assert!(addresses(&place.store(), &place.keys()).unwrap().iter().eq(state.records.keys()));
    }
    let writer = open(&place.store(), &place.keys());
    let state = write(&writer, vec![recorded("a.new", "x")]).remove(0);
    drop(writer);
    assert_eq!(place.read().unwrap(), state);
}

#[test]
fn a_state_is_replaced_atomically() {
    let place = Place::new();
    let before = place.write();
    let journal = fs::read(place.path("ha.state.journal")).unwrap();
    let mut successor = State { lineage: "another".into(), number: 3, ..before.clone() };
    successor.attempts = 1;
    successor.records.remove(&"a.one".parse().unwrap()).unwrap();
    let moved = successor.records.first_entry().unwrap().remove();
    let address: ha_value::Address = "a.moved".parse().unwrap();
    successor.records.insert(address.clone(), ha_state_model::Record { address, ..moved });
    let kept = ha_state_model::Record { version: 1, ..crate::samples::record("a.kept", "x") };
    successor.records.insert(kept.address.clone(), kept);
    let number = open(&place.store(), &place.keys()).replace(successor.clone()).unwrap();
    let after = place.read().unwrap();
    assert_eq!(
        (after.number, &after.lineage, after.attempts),
        (number, &before.lineage, before.attempts)
    );
    assert!(number > before.number);
    assert!(after.records.keys().eq(successor.records.keys()));
    assert!(
        after.records.values().all(|it| it.version == number),
        "all of them are other than they were"
    );
    // As after a kill between the new checkpoint and the removal of the journal.
    fs::write(place.path("ha.state.journal"), journal).unwrap();
    assert_eq!(place.read().unwrap(), after);
    // Unchanged records keep their version, so that plans that use them are not stale.
    let number = open(&place.store(), &place.keys()).replace(after.clone()).unwrap();
    let again = place.read().unwrap();
    assert_eq!((again.number, &again.records), (number, &after.records));
    let state = write(&open(&place.store(), &place.keys()), vec![recorded("a.new", "x")]).remove(0);
    assert_eq!(place.read().unwrap(), state);
}

#[test]
fn a_large_journal_grows() {
    let place = Place::new();
    let writer = open(&place.store(), &place.keys());
    let large = "x".repeat(100_000);
    for index in 0..12 {
        write(&writer, vec![recorded(&format!("a.b[{index}]"), &large)]);
    }
    let state = writer.snapshot();
    drop(writer);
    assert!(fs::metadata(place.path("ha.state.journal")).unwrap().len() > 3_600_000);
    assert_eq!(place.read().unwrap(), *state);
    place.write();
}

#[test]
fn a_truncated_journal_is_damaged() {
    let cut = |make: &dyn Fn(&Place), length: u64| {
        let place = Place::new();
        make(&place);
        fs::OpenOptions::new()
            .write(true)
            .open(place.path("ha.state.journal"))
            .unwrap()
            .set_len(length)
            .unwrap();
        place.refusal().reason().clone()
    };
    let small = |place: &Place| drop(place.write());
    // Also where only zeros are missing, because that cannot be determined.
    for length in [100, 4_096, 1 << 19, (1 << 20) - 1] {
        assert_eq!(cut(&small, length), StateErrorReason::Damaged, "{length}");
    }
    let large = |place: &Place| {
        let writer = open(&place.store(), &place.keys());
        for index in 0..4 {
            write(&writer, vec![recorded(&format!("a.b[{index}]"), &"x".repeat(300_000))]);
        }
    };
    let whole = Place::new();
    large(&whole);
    let length = fs::metadata(whole.path("ha.state.journal")).unwrap().len();
    for length in [1 << 20, length - 1] {
        assert_eq!(cut(&large, length), StateErrorReason::Damaged, "{length}");
    }
    // One that was killed while it grew is longer than it says.
    let path = whole.path("ha.state.journal");
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(length + 4_096).unwrap();
    assert_eq!(whole.read().unwrap().records.len(), 4);
    whole.write();
}

#[test]
fn a_first_run_without_results_leaves_no_files() {
    let keys = |place: &Place| fs::read_dir(place.home.path()).unwrap().count();
    let place = Place::new();
    drop(open(&place.store(), &place.keys()));
    assert!(place.contents().is_empty() && keys(&place) == 0, "nothing was written");
    let writer = open(&place.store(), &place.keys());
    let refused = ha_state_model::Frame::Result {
        attempt: Some(1),
        outcome: ha_state_model::StepOutcome::Failed("refused".into()),
    };
    write(&writer, vec![ha_state_model::Frame::Intent(crate::samples::intent(1, "a.one"))]);
    assert!(keys(&place) == 1 && !place.contents().is_empty(), "it may exist from now on");
    write(&writer, vec![refused]);
    writer.finish().unwrap();
    assert!(place.contents().is_empty() && keys(&place) == 0 && place.read().unwrap().is_new());
    // An object that may exist stays recorded.
    let writer = open(&place.store(), &place.keys());
    write(&writer, vec![ha_state_model::Frame::Intent(crate::samples::intent(1, "a.one"))]);
    writer.finish().unwrap();
    assert!(keys(&place) == 1 && place.read().unwrap().unfinished.len() == 1);
}

fn spoil(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn foreign_files_are_refused_and_unchanged() {
    let checkpointed = || {
        let place = Place::new();
        place.write();
        place.finish();
        place
    };
    let refused = |change: &dyn Fn(&Place)| {
        let place = checkpointed();
        change(&place);
        place.refusal()
    };
    let reason = |change: &dyn Fn(&Place)| refused(change).reason().clone();

    assert_eq!(
        reason(&|it| fs::write(it.path("ha.state"), "").unwrap()),
        StateErrorReason::Incomplete
    );
    assert_eq!(
        reason(&|it| spoil(&it.path("ha.state"), |it| it.truncate(it.len() - 1))),
        StateErrorReason::Incomplete
    );
    assert_eq!(
        reason(&|it| spoil(&it.path("ha.state"), |it| it[400] ^= 1)),
        StateErrorReason::Damaged
    );
    assert_eq!(
        reason(&|it| fs::write(it.path("ha.state"), "{\"version\": 4}").unwrap()),
        StateErrorReason::NotAState
    );
    assert_eq!(
        reason(&|it| fs::write(it.path("ha.state.journal"), "hello, this is no journal").unwrap()),
        StateErrorReason::NotAState
    );
    assert_eq!(
        reason(&|it| fs::write(it.path("ha.state.journal"), "").unwrap()),
        StateErrorReason::Incomplete
    );
    let missing = |it: &Place| {
        it.write();
        it.finish();
        fs::remove_file(it.path("ha.state")).unwrap();
    };
    assert!(refused(&missing).to_string().contains("ha.state.previous"));
    let without_checkpoint = |it: &Place| {
        it.write();
        fs::remove_file(it.path("ha.state")).unwrap();
    };
    let error = refused(&without_checkpoint);
    assert!(error.to_string().contains("the checkpoint before it is missing"), "{error}");
    let older = |it: &Place| {
        let old = fs::read(it.path("ha.state")).unwrap();
        it.write();
        it.finish();
        it.write();
        fs::write(it.path("ha.state"), old).unwrap();
    };
    assert_eq!(reason(&older), StateErrorReason::Incomplete);
    let other = |it: &Place| {
        let elsewhere =
            Place { directory: tempfile::tempdir().unwrap(), home: tempfile::tempdir().unwrap() };
        elsewhere.write();
        fs::copy(elsewhere.path("ha.state.journal"), it.path("ha.state.journal")).unwrap();
    };
    assert_eq!(reason(&other), StateErrorReason::OtherLineage);
}

#[test]
fn a_missing_key_is_named() {
    let place = Place::new();
    let state = place.write();
    place.finish();
    let path = place.keys().path(&state.lineage);
    let key = place.keys().find(&state.lineage).unwrap().unwrap();

    fs::remove_file(&path).unwrap();
    let error = place.refusal();
    assert_eq!(error.reason(), &StateErrorReason::MissingKey);
    assert!(
        error.to_string().contains(key.id()) && error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    assert!(!path.exists(), "no other key is made for it");

    let other = place.keys().find_or_make(&state.lineage).unwrap().key;
    let error = place.refusal();
    assert_eq!(error.reason(), &StateErrorReason::WrongKey);
    assert!(
        error.to_string().contains(key.id()) && error.to_string().contains(other.id()),
        "{error}"
    );

    let named = tempfile::NamedTempFile::new().unwrap();
    fs::write(named.path(), &*key.to_file()).unwrap();
    assert_eq!(
        open_for_reading(&place.store(), &place.keys().with_file(named.path())).unwrap(),
        state
    );
}

#[test]
fn directories_are_created_and_failures_named() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    let store = LocalStore::new(place.path("file/nowhere"));
    let error = open_for_writing(&store, &place.keys(), OpenOptions::by(LockInfo::here("a test")))
        .unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::System(std::io::ErrorKind::NotADirectory));
    assert!(error.to_string().contains("file/nowhere"), "{error}");
    assert!(!place.home.path().join("keys").exists(), "no key is made for a state that cannot be");

    let store = LocalStore::new(place.path("new/deep"));
    let writer =
        open_for_writing(&store, &place.keys(), OpenOptions::by(LockInfo::here("a test"))).unwrap();
    assert_eq!(fs::metadata(place.path("new")).unwrap().permissions().mode() & 0o777, 0o700);
    drop(writer);
    assert!(!place.path("new").exists(), "nothing was written");
}
