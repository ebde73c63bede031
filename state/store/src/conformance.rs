//! Conformance tests that every store must pass: a kill or failure loses nothing that was
//! acknowledged, there is one writer at a time, and a writer that lost its lock cannot write.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod failing;

use std::sync::atomic::{AtomicBool, Ordering};

use futures::executor::block_on;
use ha_value::Address;

use self::failing::{FailingStore, FailureTiming};
use crate::{
    JournalExtent, JournalSegment, KeyName, KeyProvider, LockInfo, LockedStore, OpenOptions,
    StateError, StateErrorReason, StateKey, Store, StoreContents, addresses, open_for_reading,
    open_for_writing,
};
use ha_state_model::samples::{intent, record};
use ha_state_model::{Frame, State, StepOutcome};

/// A type of store under test.
pub trait StoreUnderTest: Sync {
    /// The store with this name: empty at first, and the same one for each call.
    fn store(&self, name: &str) -> Box<dyn Store>;

    /// Whether its locks have leases and can be broken.
    fn has_leases(&self) -> bool;
}

/// Runs all conformance tests.
///
/// # Panics
/// When the store fails one.
pub fn check(subject: &dyn StoreUnderTest) {
    appended_bytes_are_loaded(subject);
    each_number_is_accepted_once(subject);
    resume_removes_what_is_not_kept(subject);
    one_holder_at_a_time(subject);
    a_writer_without_its_lock_is_refused(subject);
    readers_see_consistent_states(subject);
    a_kill_loses_no_acknowledged_frame(subject);
}

/// One key for every state.
struct OneKey(StateKey);

impl KeyProvider for OneKey {
    fn named(&self, _: &str, _: &KeyName) -> Result<StateKey, StateError> {
        Ok(self.0.clone())
    }

    fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
        let name =
            KeyName { id: self.0.id().to_owned(), method: "test".into(), parameters: [].into() };
        Ok((name, self.0.clone()))
    }
}

fn locked(store: &dyn Store) -> Box<dyn LockedStore> {
    store.lock(&LockInfo::here("a test")).unwrap()
}

/// The first number and all bytes of the journal, however it is divided into segments.
fn journal(store: &dyn Store) -> (Option<u64>, Vec<u8>) {
    let StoreContents { segments, .. } = store.load().unwrap();
    let first = segments.first().map(|it| it.number);
    let mut bytes: Vec<u8> =
        segments.into_iter().flat_map(|JournalSegment { bytes, .. }| bytes).collect();
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    (first, bytes)
}

/// Uses arbitrary bytes instead of frames: a store must not depend on the content.
fn appended_bytes_are_loaded(subject: &dyn StoreUnderTest) {
    let store = subject.store("appended");
    assert_eq!(store.load().unwrap(), StoreContents::default());
    assert_eq!(store.holder().unwrap(), None);
    let mut writer = locked(&*store);
    writer.resume(None).unwrap();
    writer.append(1, b"one").unwrap();
    writer.append(3, b"three").unwrap();
    assert_eq!(journal(&*store), (Some(1), b"onethree".to_vec()));
    writer.checkpoint(3, b"all three").unwrap();
    assert_eq!(journal(&*store), (None, Vec::new()), "a checkpoint takes the journal's place");
    assert_eq!(store.load().unwrap().checkpoint.as_deref(), Some(&b"all three"[..]));
    writer.append(4, b"four").unwrap();
    drop(writer);

    let again = subject.store("appended");
    assert_eq!(journal(&*again), (Some(4), b"four".to_vec()));
    for number in 5..14 {
        let mut writer = locked(&*again);
        again.load().unwrap();
        writer.resume(None).unwrap();
        writer.checkpoint(number, format!("all {number}").as_bytes()).unwrap();
    }
    let loaded = subject.store("appended").load().unwrap();
    assert_eq!(
        loaded,
        StoreContents { checkpoint: Some(b"all 13".to_vec()), segments: Vec::new() }
    );
}

fn each_number_is_accepted_once(subject: &dyn StoreUnderTest) {
    if !subject.has_leases() {
        return;
    }
    let store = subject.store("numbers");
    let mut writer = locked(&*store);
    writer.resume(None).unwrap();
    writer.append(1, b"one").unwrap();
    writer.append(2, b"two").unwrap();
    assert_eq!(writer.append(2, b"another").unwrap_err().reason(), &StateErrorReason::Taken);
    assert_eq!(journal(&*store), (Some(1), b"onetwo".to_vec()));
}

fn resume_removes_what_is_not_kept(subject: &dyn StoreUnderTest) {
    let store = subject.store("kept");
    let mut writer = locked(&*store);
    writer.resume(None).unwrap();
    writer.append(1, b"one").unwrap();
    writer.append(2, b"two-torn").unwrap();
    drop(writer);
    // A local store has one segment for both.
    let last = store.load().unwrap().segments.pop().unwrap();
    let length = if last.number == 1 { 6 } else { 3 };
    let mut writer = locked(&*store);
    writer.resume(Some(JournalExtent { segment: last.number, length })).unwrap();
    writer.append(3, b"three").unwrap();
    assert_eq!(journal(&*store), (Some(1), b"onetwothree".to_vec()));
    drop(writer);
    let mut writer = locked(&*store);
    writer.resume(None).unwrap();
    writer.append(1, b"again").unwrap();
    assert_eq!(journal(&*store), (Some(1), b"again".to_vec()));
}

fn one_holder_at_a_time(subject: &dyn StoreUnderTest) {
    let (store, other) = (subject.store("lock"), subject.store("lock"));
    for _ in 0..3 {
        let holder = LockInfo::here("ha apply");
        let writer = store.lock(&holder).unwrap();
        let error = other.lock(&LockInfo::here("ha destroy")).err().unwrap();
        assert_eq!(error.reason(), &StateErrorReason::Locked(Some(holder.clone())));
        assert!(error.to_string().contains(&holder.to_string()), "{error}");
        assert_eq!(other.holding().unwrap().map(|it| it.holder).as_ref(), Some(&holder));
        assert_eq!(other.holder().unwrap(), Some(holder));
        drop(writer);
        assert_eq!(other.holder().unwrap(), None);
    }
    let winners = std::thread::scope(|scope| {
        let lockers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| subject.store("lock").lock(&LockInfo::here("a race")).ok()))
            .collect();
        let won: Vec<_> = lockers.into_iter().filter_map(|it| it.join().unwrap()).collect();
        won.len()
    });
    assert_eq!(winners, 1, "of several at once");
}

fn a_writer_without_its_lock_is_refused(subject: &dyn StoreUnderTest) {
    let (store, other) = (subject.store("lost"), subject.store("lost"));
    let error = other.break_lock("nobody").unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::NotLocked);
    let holder = LockInfo::here("ha apply");
    let mut first = store.lock(&holder).unwrap();
    first.resume(None).unwrap();
    first.append(1, b"one").unwrap();
    let error = other.break_lock("somebody").unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::NotLocked);
    assert!(error.to_string().contains(&holder.to_string()), "{error}");
    if !subject.has_leases() {
        let error = other.break_lock(&holder.id).unwrap_err();
        assert_eq!(
            error.reason(),
            &StateErrorReason::Locked(Some(holder)),
            "it goes with its process"
        );
        first.append(2, b"two").unwrap();
        return;
    }
    other.break_lock(&holder.id).unwrap();
    assert_eq!(other.holder().unwrap(), None);
    let mut second = locked(&*other);
    other.load().unwrap();
    second.resume(Some(JournalExtent { segment: 1, length: 3 })).unwrap();
    assert_eq!(first.append(2, b"late").unwrap_err().reason(), &StateErrorReason::Taken);
    assert_eq!(first.checkpoint(2, b"late").unwrap_err().reason(), &StateErrorReason::Taken);
    second.append(2, b"two").unwrap();
    second.checkpoint(2, b"both").unwrap();
    second.append(3, b"three").unwrap();
    for number in 2..5 {
        assert_eq!(
            first.append(number, b"late").unwrap_err().reason(),
            &StateErrorReason::Taken,
            "also after a checkpoint removed the journal"
        );
        assert_eq!(
            first.checkpoint(number, b"late").unwrap_err().reason(),
            &StateErrorReason::Taken
        );
    }
    // A writer that lost its lock does not release the lock of another.
    drop(first);
    assert!(other.holder().unwrap().is_some());
    second.append(4, b"four").unwrap();
    assert_eq!(store.load().unwrap().checkpoint.as_deref(), Some(&b"both"[..]));
    assert_eq!(journal(&*store), (Some(3), b"threefour".to_vec()));
}

fn recorded(address: &str, id: &str) -> Frame {
    Frame::Result { attempt: None, outcome: StepOutcome::Recorded(record(address, id).into()) }
}

fn readers_see_consistent_states(subject: &dyn StoreUnderTest) {
    let (keys, done) = (OneKey(StateKey::random()), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let store = subject.store("read");
            for round in 0..4 {
                let opening = OpenOptions::by(LockInfo::here("a writer")).with_journal(2_000);
                let writer = open_for_writing(&*store, &keys, opening).unwrap();
                for index in 0..12 {
                    block_on(writer.append(recorded(&format!("a.b[{}]", round * 12 + index), "x")))
                        .unwrap();
                }
                writer.finish().unwrap();
            }
            done.store(true, Ordering::SeqCst);
        });
        let store = subject.store("read");
        let mut before = State::default();
        while !done.load(Ordering::SeqCst) {
            let state = open_for_reading(&*store, &keys).unwrap();
            assert!(
                state.number >= before.number
                    && before.records.keys().all(|it| state.records.contains_key(it))
            );
            before = state;
        }
    });
    let store = subject.store("read");
    assert_eq!(open_for_reading(&*store, &keys).unwrap().records.len(), 48);
    assert_eq!(addresses(&*store, &keys).unwrap().len(), 48);
}

/// A sequence of writes that is repeated, failing after another call each time.
fn story() -> Vec<Vec<Frame>> {
    let created = |attempt, address: &str| {
        let outcome = StepOutcome::Recorded(record(address, "made").into());
        [Frame::Intent(intent(attempt, address)), Frame::Result { attempt: Some(attempt), outcome }]
    };
    let deleted =
        Frame::Result { attempt: None, outcome: StepOutcome::Deleted("a.one".parse().unwrap()) };
    let large = (0..3).map(|it| recorded(&format!("a.large[{it}]"), &"x".repeat(2_000)));
    vec![
        created(1, "a.one").to_vec(),
        [created(2, "a.two").to_vec(), large.collect()].concat(),
        vec![deleted],
    ]
}

/// Fails after each number of calls in turn, before or after the effect of the last one: that is
/// what a kill or a lost connection at this point leaves.
fn a_kill_loses_no_acknowledged_frame(subject: &dyn StoreUnderTest) {
    let keys = OneKey(StateKey::random());
    for when in [FailureTiming::Before, FailureTiming::Behind] {
        for calls in 0.. {
            let name = format!("killed-{when:?}-{calls}").to_lowercase();
            let store = FailingStore::new(subject.store(&name), calls, when);
            let acknowledged = write_story(&store, &keys);
            let is_complete = !store.has_ended();
            drop(store);
            let store = subject.store(&name);
            let state = open_for_reading(&*store, &keys)
                .unwrap_or_else(|error| panic!("after {calls} calls ({when:?}): {error}"));
            check_acknowledged(&state, &acknowledged, &format!("after {calls} calls ({when:?})"));
            // The state can still be written.
            let writer =
                open_for_writing(&*store, &keys, OpenOptions::by(LockInfo::here("the next")));
            let writer =
                writer.unwrap_or_else(|error| panic!("after {calls} calls ({when:?}): {error}"));
            block_on(writer.append(recorded("a.next", "x"))).unwrap();
            writer.finish().unwrap();
            let next = open_for_reading(&*store, &keys).unwrap();
            check_acknowledged(
                &next,
                &acknowledged,
                &format!("later, after {calls} calls ({when:?})"),
            );
            assert_eq!(next.records.len(), state.records.len() + 1);
            if is_complete {
                assert!(calls > 10, "the story has many calls: {calls}");
                break;
            }
        }
    }
}

/// Performs the writes. Returns what was acknowledged.
fn write_story(store: &dyn Store, keys: &dyn KeyProvider) -> Vec<Frame> {
    let mut acknowledged = Vec::new();
    for frames in story() {
        let opening = OpenOptions::by(LockInfo::here("the story")).with_journal(4_000);
        let Ok(writer) = open_for_writing(store, keys, opening) else { return acknowledged };
        for frame in frames {
            match block_on(writer.append(frame.clone())) {
                Ok(_) => acknowledged.push(frame),
                Err(_) => return acknowledged,
            }
        }
        if writer.finish().is_err() {
            return acknowledged;
        }
    }
    acknowledged
}

fn check_acknowledged(state: &State, acknowledged: &[Frame], when: &str) {
    let mut expected = State::default();
    for (number, frame) in (1..).zip(acknowledged) {
        expected.apply(number, frame.clone());
    }
    // The last frame may have been written without an acknowledgement.
    let next = story().concat().into_iter().nth(acknowledged.len());
    let mut possible = expected.clone();
    next.into_iter().for_each(|it| possible.apply(0, it));
    let known = |it: &State| {
        (
            it.records.keys().cloned().collect::<Vec<Address>>(),
            it.unfinished.keys().copied().collect::<Vec<_>>(),
        )
    };
    let mut found = state.clone();
    found.records.remove(&"a.next".parse().unwrap());
    assert!(
        [known(&expected), known(&possible)].contains(&known(&found)),
        "{when}: {:?} of {:?}",
        known(&found),
        known(&expected)
    );
}
