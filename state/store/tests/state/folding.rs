//! The writer: acknowledgements, failures, checkpoints.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ha_state_store::{
    JournalExtent, JournalSegment, Lease, LockedStore, MemoryStore, StateErrorReason, Store,
    StoreContents, open_for_reading,
};
use ha_value::{Object, Type, Value};

use crate::{
    Frame, Intent, LockInfo, OneKey, Record, StateError, StepOutcome, block_on, frames, open,
    recorded, samples, write,
};

/// A store in memory whose appends fail once there are so many, and which may run out of room.
#[derive(Clone, Default)]
struct Failing {
    store: MemoryStore,
    left: Arc<Mutex<usize>>,
    full: Arc<Mutex<bool>>,
}

struct HeldFailing(Box<dyn LockedStore>, Failing);

fn failure(what: &str) -> StateError {
    StateError::new(StateErrorReason::Store, ha_provider::Error::new("write", what))
}

impl Store for Failing {
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
        Ok(Box::new(HeldFailing(self.store.lock(holder)?, self.clone())))
    }
    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        self.store.break_lock(id)
    }
}

impl LockedStore for HeldFailing {
    fn lease(&self) -> Lease {
        Lease::renewed(Duration::from_secs(20), || Duration::from_secs(7))
    }
    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.0.resume(kept)
    }
    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        let mut left = self.1.left.lock().unwrap();
        *left = left.checked_sub(1).ok_or_else(|| failure("the first failure"))?;
        self.0.append(number, bytes)
    }
    fn checkpoint(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.0.checkpoint(number, bytes)
    }
    fn has_room(&self) -> Result<(), StateError> {
        if *self.1.full.lock().unwrap() { Err(failure("full")) } else { Ok(()) }
    }
}

#[test]
fn a_failed_write_is_final() {
    let (keys, store) = (OneKey::new(), Failing::default());
    *store.left.lock().unwrap() = 2;
    let writer = open(&store, &keys);
    write(&writer, vec![recorded("a.one", "x"), recorded("a.two", "x")]);
    let first = block_on(writer.append(recorded("a.three", "x"))).unwrap_err();
    // The store would work again, but its content is unknown.
    *store.left.lock().unwrap() = 100;
    let second = block_on(writer.append(recorded("a.four", "x"))).unwrap_err();
    assert_eq!(first, second);
    assert_eq!(writer.state().records.len(), 2, "what was not acknowledged is not in the state");
    assert_eq!(writer.finish().unwrap_err(), first);
    assert_eq!(open_for_reading(&store, &keys).unwrap().records.len(), 2);
}

#[test]
fn without_room_for_a_result_no_step_begins() {
    let (keys, store) = (OneKey::new(), Failing::default());
    *store.left.lock().unwrap() = 100;
    let writer = open(&store, &keys);
    write(&writer, vec![Frame::Intent(samples::intent(1, "a.one"))]);
    *store.full.lock().unwrap() = true;
    let refused = block_on(writer.append(Frame::Intent(samples::intent(2, "a.two")))).unwrap_err();
    assert!(
        refused.to_string().contains("a.two") && refused.to_string().contains("full"),
        "{refused}"
    );
    let result = Frame::Result {
        attempt: Some(1),
        outcome: StepOutcome::Recorded(samples::record("a.one", "x").into()),
    };
    let state = write(&writer, vec![result]).remove(0);
    assert!(
        state.unfinished.is_empty() && state.records.len() == 1,
        "what has begun is still recorded"
    );
    writer.lease_guard().outlasts(Duration::from_secs(7)).unwrap();
    let refused = writer.lease_guard().outlasts(Duration::from_secs(8)).unwrap_err().to_string();
    assert!(refused.contains("lasts for 7 more seconds, and a call may take 8"), "{refused}");
}

/// A store that is read during writes: each load returns another content.
struct Changing(Mutex<Vec<StoreContents>>);

impl Store for Changing {
    fn place(&self) -> String {
        "a changing state".into()
    }
    fn load(&self) -> Result<StoreContents, StateError> {
        Ok(self.0.lock().unwrap().remove(0))
    }
    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        Ok(None)
    }
    fn lock(&self, _: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        Err(failure("it is for reading"))
    }
    fn break_lock(&self, _: &str) -> Result<(), StateError> {
        Err(failure("it is for reading"))
    }
}

#[test]
fn a_concurrent_write_is_no_damage() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    let expected = write(&writer, frames()).pop().unwrap();
    let segments = store.load().unwrap().segments;
    let one = |bytes: Vec<u8>| StoreContents {
        checkpoint: None,
        segments: vec![JournalSegment { number: 1, bytes }],
    };
    let joined = |segments: &[JournalSegment]| {
        segments.iter().flat_map(|it| it.bytes.clone()).collect::<Vec<u8>>()
    };
    let whole = one(joined(&segments));
    // A page read before a frame was there, and a later one read after the next was.
    let early = |missed: usize| {
        let mut bytes = joined(&segments);
        let from = joined(&segments[..missed]).len();
        bytes[from..from + segments[missed].bytes.len()].fill(0);
        one(bytes)
    };
    let read = |looks: Vec<StoreContents>| open_for_reading(&Changing(Mutex::new(looks)), &keys);
    assert_eq!(read(vec![early(2), whole.clone()]).unwrap(), expected);
    assert_eq!(read(vec![early(2), early(4), whole.clone()]).unwrap(), expected);
    assert_eq!(
        read(vec![early(2), early(2), whole.clone()]).unwrap_err().reason(),
        &StateErrorReason::Damaged,
        "it stays where it is"
    );
}

#[test]
fn unknown_values_are_refused() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    let inside = Value::object([("deep".into(), Value::unknown(Type::String, None))]);
    let unknown = Object::from([("name".into(), inside)]);
    let sample = samples::record("a.b", "x");
    let record =
        |record| Frame::Result { attempt: None, outcome: StepOutcome::Recorded(Box::new(record)) };
    for frame in [
        record(Record { arguments: unknown.clone(), ..sample.clone() }),
        record(Record { outputs: unknown.clone(), ..sample }),
        Frame::Intent(Intent { arguments: unknown, ..samples::intent(1, "a.b") }),
    ] {
        let error = block_on(writer.append(frame)).unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::NotKnown);
        assert!(error.to_string().contains("`name` of a.b"), "{error}");
    }
    write(&writer, frames());
}

#[test]
fn an_append_is_written_when_its_future_is_dropped() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    drop(writer.append(recorded("a.b", "x")));
    drop(writer);
    assert_eq!(open_for_reading(&store, &keys).unwrap().records.len(), 1);
}

#[test]
fn checkpoints_during_a_run_lose_nothing() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let opening = ha_state_store::OpenOptions::by(LockInfo::here("a test")).with_journal(1_000);
    let writer = ha_state_store::open_for_writing(&store, &keys, opening).unwrap();
    let mut expected = write(&writer, frames()).pop().unwrap();
    for index in 0..50 {
        expected = write(&writer, vec![recorded(&format!("a.b[{index}]"), "x")]).remove(0);
        assert_eq!(open_for_reading(&store, &keys).unwrap(), expected);
    }
    assert!(store.load().unwrap().checkpoint.is_some());
    drop(writer);
    let writer = open(&store, &keys);
    assert_eq!(*writer.snapshot(), expected);
    assert_eq!(writer.next_attempt(), expected.attempts + 1);
    writer.finish().unwrap();
    assert_eq!(open_for_reading(&store, &keys).unwrap(), expected);
}

#[test]
fn attempt_numbers_continue_across_runs() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    write(&writer, frames());
    writer.finish().unwrap();
    let writer = open(&store, &keys);
    assert_eq!((writer.next_attempt(), writer.next_attempt()), (3, 4));
}
