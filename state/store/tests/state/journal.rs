//! Torn tails and altered bits.

use ha_state_model::State;
use ha_state_store::{
    JournalSegment, MemoryStore, OpenOptions, StateErrorReason, Store, StoreContents, addresses,
    open_for_reading, open_for_writing,
};

use crate::{Frame, LockInfo, OneKey, block_on, frames, open, recorded, write};

/// A journal of two sessions, with its length and state after each frame.
struct Written {
    keys: OneKey,
    bytes: Vec<u8>,
    after: Vec<(usize, State)>,
}

fn written() -> Written {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let mut after = vec![(0, State::default())];
    for part in [frames(), vec![recorded("a.four", "last"), recorded("a.five", "of all")]] {
        // Dropped and not finished: there is no checkpoint.
        let writer = open(&store, &keys);
        for frame in part {
            let state = write(&writer, vec![frame]).remove(0);
            after.push((joined(&store).len(), state));
        }
    }
    let bytes = joined(&store);
    Written { keys, bytes, after }
}

/// As a local journal has them: all segments in one.
fn joined(store: &MemoryStore) -> Vec<u8> {
    store.load().unwrap().segments.into_iter().flat_map(|it| it.bytes).collect()
}

fn journal(bytes: Vec<u8>) -> MemoryStore {
    StoreContents { checkpoint: None, segments: vec![JournalSegment { number: 1, bytes }] }.into()
}

impl Written {
    /// The journal when it is truncated to so many bytes.
    fn up_to(&self, length: usize) -> &State {
        &self.after.iter().rev().find(|(end, _)| *end <= length).unwrap().1
    }

    fn last_but_one(&self) -> usize {
        self.after[self.after.len() - 2].0
    }
}

/// The state without its number, which a session header alone changes.
fn same(found: &State, expected: &State) -> bool {
    let (number, lineage) = (found.number, found.lineage.clone());
    *found == State { number, lineage, ..expected.clone() } && number >= expected.number
}

#[test]
fn a_truncated_journal_keeps_acknowledged_frames() {
    let written = written();
    for length in 0..=written.bytes.len() {
        for zeros in [0, 100] {
            let bytes = [&written.bytes[..length], &vec![0; zeros]].concat();
            let state = open_for_reading(&journal(bytes), &written.keys).unwrap();
            // Only zeros may have been cut off.
            let cut = &written.bytes[length..];
            let restored = cut.iter().take(zeros).take_while(|it| **it == 0).count();
            assert!(same(&state, written.up_to(length + restored)), "cut at {length}");
        }
    }
}

#[test]
fn a_session_header_alone_changes_only_the_number() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    let before = write(&writer, frames()).pop().unwrap();
    writer.finish().unwrap();
    write(&open(&store, &keys), vec![recorded("a.new", "x")]);
    let mut loaded = store.load().unwrap();
    let bytes = &mut loaded.segments[0].bytes;
    let head = usize::try_from(u32::from_le_bytes(*bytes.first_chunk().unwrap())).unwrap();
    bytes.truncate(head + 1);
    let store = MemoryStore::from(loaded);
    let state = open_for_reading(&store, &keys).unwrap();
    assert_eq!(state, State { number: before.number + 1, ..before });
    let writer = open(&store, &keys);
    let expected = write(&writer, vec![recorded("a.new", "x")]).remove(0);
    drop(writer);
    assert_eq!(open_for_reading(&store, &keys).unwrap(), expected);
}

#[test]
fn a_truncated_journal_can_be_continued() {
    let written = written();
    for length in 0..=written.bytes.len() {
        let store = journal(written.bytes[..length].to_vec());
        let writer = open(&store, &written.keys);
        let expected = write(&writer, vec![recorded("a.new", "x")]).remove(0);
        drop(writer);
        let state = open_for_reading(&store, &written.keys).unwrap();
        assert_eq!(state, expected, "cut at {length}");
        assert_eq!(state.records.len(), written.up_to(length).records.len() + 1);
    }
}

#[test]
fn an_altered_bit_is_refused_or_in_the_unconfirmed_tail() {
    let written = written();
    let zeros = 40;
    let bytes = [&written.bytes[..], &vec![0; zeros]].concat();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let read = open_for_reading(&journal(flipped), &written.keys);
        if bit / 8 < written.last_but_one() {
            let error = read.unwrap_err();
            assert_eq!(error.reason(), &StateErrorReason::Damaged, "bit {bit}: {error}");
        } else {
            assert!(same(&read.unwrap(), written.up_to(bit / 8)), "bit {bit}");
        }
    }
}

#[test]
fn after_a_finish_no_acknowledged_frame_may_be_altered() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    // A checkpoint too large to be written again for one more frame.
    let large: Vec<Frame> =
        (0..10).map(|index| recorded(&format!("a.b[{index}]"), &"x".repeat(40_000))).collect();
    write(&writer, large);
    writer.finish().unwrap();
    let writer = open(&store, &keys);
    let expected = write(&writer, vec![recorded("a.c", "x")]).remove(0);
    writer.finish().unwrap();

    let StoreContents { checkpoint, segments } = store.load().unwrap();
    let [segment, closing] = segments.as_slice() else { panic!("{} segments", segments.len()) };
    let bytes = [&segment.bytes[..], &closing.bytes].concat();
    for byte in (0..segment.bytes.len()).step_by(211) {
        let mut flipped = bytes.clone();
        flipped[byte] ^= 4;
        let segments = vec![JournalSegment { number: segment.number, bytes: flipped }];
        let store = MemoryStore::from(StoreContents { checkpoint: checkpoint.clone(), segments });
        assert_eq!(
            open_for_reading(&store, &keys).unwrap_err().reason(),
            &StateErrorReason::Damaged,
            "byte {byte}"
        );
    }
    assert_eq!(open_for_reading(&store, &keys).unwrap().records, expected.records);
}

#[test]
fn a_torn_batch_is_dropped_as_a_whole() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    write(&writer, vec![recorded("a.first", "x")]);
    let acknowledged = joined(&store).len();
    let together: Vec<_> =
        (0..20).map(|index| writer.append(recorded(&format!("a.b[{index}]"), "x"))).collect();
    for it in together {
        block_on(it).unwrap();
    }
    drop(writer);
    let segments = store.load().unwrap().segments;
    assert!(segments.len() < 22, "some of them went to disk together");
    let group = segments.iter().max_by_key(|it| it.bytes.len()).unwrap();
    // A page of the group that never reached the disk, while later ones did.
    let mut bytes: Vec<u8> = segments
        .iter()
        .filter(|it| it.number <= group.number)
        .flat_map(|it| it.bytes.clone())
        .collect();
    let start = bytes.len() - group.bytes.len();
    assert!(start >= acknowledged);
    bytes[start..start + 64].fill(0);
    let state = open_for_reading(&journal(bytes), &keys).unwrap();
    assert_eq!(state.number, group.number - 1);
}

#[test]
fn missing_and_swapped_segments_are_refused() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let writer = open(&store, &keys);
    write(&writer, frames());
    drop(writer);
    let segments = store.load().unwrap().segments;
    let read = |segments: Vec<JournalSegment>| {
        open_for_reading(&MemoryStore::from(StoreContents { checkpoint: None, segments }), &keys)
    };
    read(segments.clone()).unwrap();

    let mut missing = segments.clone();
    missing.remove(2);
    assert_eq!(read(missing).unwrap_err().reason(), &StateErrorReason::Incomplete);
    assert_eq!(read(segments[1..].to_vec()).unwrap_err().reason(), &StateErrorReason::Incomplete);

    let mut exchanged = segments;
    let first = exchanged[2].bytes.clone();
    exchanged[2].bytes = std::mem::replace(&mut exchanged[3].bytes, first);
    assert_eq!(read(exchanged).unwrap_err().reason(), &StateErrorReason::Damaged);
}

#[test]
fn a_frame_of_another_state_is_refused() {
    let keys = OneKey::new();
    let stores = [MemoryStore::new(), MemoryStore::new()];
    let [one, other] = stores.each_ref().map(|store| {
        write(&open(store, &keys), frames());
        store.load().unwrap().segments
    });
    let mixed = [&one[..3], &other[3..]].concat();
    let error = open_for_reading(
        &MemoryStore::from(StoreContents { checkpoint: None, segments: mixed }),
        &keys,
    )
    .unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::Damaged);

    open(&stores[0], &keys).finish().unwrap();
    let checkpoint = stores[0].load().unwrap().checkpoint;
    let mixed = MemoryStore::from(StoreContents { checkpoint, segments: other });
    assert_eq!(
        open_for_reading(&mixed, &keys).unwrap_err().reason(),
        &StateErrorReason::OtherLineage
    );
}

#[test]
fn a_plan_sets_the_lineage_of_a_new_state() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    let (lineage, other) = (ha_state_store::new_lineage(), ha_state_store::new_lineage());
    let opening = |lineage: &str| OpenOptions::by(LockInfo::here("a test")).of_lineage(lineage);
    let writer = open_for_writing(&store, &keys, opening(&lineage)).unwrap();
    assert_eq!(writer.lineage(), lineage);
    write(&writer, frames());
    drop(writer);
    assert_eq!(open_for_reading(&store, &keys).unwrap().lineage, lineage);
    let error = open_for_writing(&store, &keys, opening(&other)).unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::OtherLineage);
    assert!(error.to_string().contains(&lineage) && error.to_string().contains(&other), "{error}");
    open_for_writing(&store, &keys, opening(&lineage)).unwrap();
}

#[test]
fn addresses_come_from_index_and_journal() {
    let (keys, store) = (OneKey::new(), MemoryStore::new());
    assert!(addresses(&store, &keys).unwrap().is_empty());
    let writer = open(&store, &keys);
    write(&writer, frames());
    writer.finish().unwrap();
    let writer = open(&store, &keys);
    let deleted = Frame::Result {
        attempt: None,
        outcome: crate::StepOutcome::Deleted("a.one".parse().unwrap()),
    };
    let moved =
        Frame::Moved { from: "a.two[\"x\"]".parse().unwrap(), to: "a.two[\"y\"]".parse().unwrap() };
    let state = write(&writer, vec![deleted, moved, recorded("a.six", "x")]).pop().unwrap();
    assert!(addresses(&store, &keys).unwrap().iter().eq(state.records.keys()));
}
