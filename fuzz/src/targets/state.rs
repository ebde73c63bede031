//! States as bytes and as JSON.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use futures::executor::block_on;
use ha_state_model::{Frame, ProviderName, Record, State, StepOutcome};
use ha_state_store::{
    JournalSegment, KeyName, KeyProvider, LockInfo, MemoryStore, OpenOptions, StateError, StateKey,
    Store, StoreContents, addresses, from_json, open_for_reading, open_for_writing, to_json,
};
use ha_value::{Address, Object, Value};

use crate::target::{FuzzTarget, likeness};

pub(super) const TARGET: FuzzTarget = FuzzTarget { name: "state", words: WORDS, seeds, run };

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "0",
    "-1",
    "18446744073709551615",
    "\\u0000",
    "\"a.b\"",
    "\"a.b[0]\"",
    "\u{0}\u{0}\u{0}\u{0}",
    "\u{1}\u{0}\u{0}\u{0}",
    "\u{7f}",
    "\"groups\":",
    "\"records\":",
    "\"unfinished\":",
];

/// The first byte of an input with a checkpoint and a journal.
const BYTES: u8 = b'B';

/// One key for every state.
struct OneKey(StateKey);

impl KeyProvider for OneKey {
    fn named(&self, _: &str, _: &KeyName) -> Result<StateKey, StateError> {
        Ok(self.0.clone())
    }

    fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
        Ok((
            KeyName { id: self.0.id().to_owned(), method: "fuzz".into(), parameters: [].into() },
            self.0.clone(),
        ))
    }
}

static KEY: LazyLock<OneKey> = LazyLock::new(|| OneKey(StateKey::from_secret([7; 32].into())));

/// A state that must not be replaced by another: the content of its store, and the state after each
/// frame.
struct WrittenState {
    loaded: StoreContents,
    states: Vec<State>,
}

static WRITTEN: LazyLock<WrittenState> = LazyLock::new(|| {
    let store = MemoryStore::new();
    let mut states = vec![State::default()];
    let mut write = |ids: &[&str], finish: bool| {
        let writer = open_for_writing(&store, &*KEY, OpenOptions::by(LockInfo::here("fuzz")))
            .expect("no one else has it");
        let opened = State::clone(&writer.snapshot());
        // The head of a session goes to disk with the first frame. Torn off behind it, it says
        // nothing but its number.
        states.push(State { number: opened.number + 1, ..opened.clone() });
        states.push(opened);
        for id in ids {
            let outcome = StepOutcome::Recorded(record(id).into());
            block_on(writer.append(Frame::Result { attempt: None, outcome }))
                .expect("memory can be written");
            states.push(State::clone(&writer.snapshot()));
        }
        if finish { writer.finish().expect("memory can be written") } else { drop(writer) }
    };
    write(&["a", "b", "c"], true);
    write(&["d", "a", "e"], false);
    WrittenState { loaded: store.load().expect("memory can be read"), states }
});

/// Returns a record with a name.
pub(super) fn record(id: &str) -> Record {
    let address: Address = format!("fake_thing.{id}").parse().expect("it is an address");
    Record {
        address,
        provider: ProviderName::new("fake"),
        id: id.to_owned(),
        arguments: Object::from([
            ("name".into(), Value::from(id)),
            ("password".into(), Value::from("hush").sensitive()),
        ]),
        configured: ["name".into()].into(),
        outputs: Object::from([("arn".into(), Value::tuple([Value::from(1), Value::NULL]))]),
        dependencies: ["fake_thing.z".parse::<Address>().expect("it is an address").block]
            .into_iter()
            .collect(),
        tainted: false,
        create_before_destroy: false,
        prevent_destroy: false,
        timeouts: Default::default(),
        version: 0,
    }
}

/// Encodes a store's content as one input: each part after its length.
fn packed(loaded: &StoreContents) -> Vec<u8> {
    let parts = std::iter::once((0, loaded.checkpoint.as_deref().unwrap_or_default()));
    let parts = parts.chain(loaded.segments.iter().map(|it| (it.number, &it.bytes[..])));
    let mut bytes = vec![BYTES];
    for (number, part) in parts {
        bytes.push(u8::try_from(number).expect("few frames were written"));
        bytes.extend(u16::try_from(part.len()).expect("little was written").to_le_bytes());
        bytes.extend(part);
    }
    bytes
}

fn unpacked(mut bytes: &[u8]) -> StoreContents {
    let mut parts = Vec::new();
    while let [number, low, high, rest @ ..] = bytes {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(rest.len());
        parts.push(JournalSegment { number: (*number).into(), bytes: rest[..length].to_vec() });
        bytes = &rest[length..];
    }
    let checkpoint = (!parts.is_empty()).then(|| parts.remove(0).bytes).filter(|it| !it.is_empty());
    StoreContents { checkpoint, segments: parts }
}

fn seeds() -> Vec<Vec<u8>> {
    let WrittenState { loaded, states } = &*WRITTEN;
    let journal = StoreContents { checkpoint: None, segments: loaded.segments.clone() };
    let checkpoint = StoreContents { segments: Vec::new(), ..loaded.clone() };
    let mut torn = loaded.clone();
    torn.segments.truncate(1);
    for JournalSegment { bytes, .. } in &mut torn.segments {
        let head = bytes.first_chunk().map_or(0, |it| u32::from_le_bytes(*it));
        bytes.truncate(head as usize);
    }
    let last = states.last().map(|it| to_json(it).to_string().into_bytes());
    [packed(loaded), packed(&journal), packed(&checkpoint), packed(&torn)]
        .into_iter()
        .chain(last)
        .collect()
}

fn run(input: &[u8]) -> u64 {
    match input {
        [BYTES, bytes @ ..] => of_bytes(unpacked(bytes)),
        json => of_json(json),
    }
}

/// Asserts that the content is refused, or gives one of the states that existed.
fn of_bytes(loaded: StoreContents) -> u64 {
    let store = MemoryStore::from(loaded);
    let listed = addresses(&store, &*KEY);
    let state = match open_for_reading(&store, &*KEY) {
        Ok(state) => state,
        Err(problem) => return likeness(format!("{:?}", problem.reason())),
    };
    assert!(WRITTEN.states.contains(&state), "it is none of the states that were: {state:?}");
    let recorded: BTreeSet<Address> = state.records.keys().cloned().collect();
    assert_eq!(listed.expect("what can be read can be listed"), recorded);
    let writer = open_for_writing(&store, &*KEY, OpenOptions::by(LockInfo::here("fuzz")))
        .expect("what can be read can be written");
    let outcome = StepOutcome::Recorded(record("new").into());
    block_on(writer.append(Frame::Result { attempt: None, outcome }))
        .expect("memory can be written");
    let written = State::clone(&writer.snapshot());
    drop(writer);
    assert_eq!(open_for_reading(&store, &*KEY).expect("it was just written"), written);
    likeness(state.number)
}

fn of_json(json: &[u8]) -> u64 {
    let state = match from_json(json, "the input") {
        Ok(state) => state,
        Err(problem) => return likeness(format!("{:?}", problem.reason())),
    };
    let written = to_json(&state).to_string();
    let again =
        from_json(written.as_bytes(), "the input").expect("what was read can be written and read");
    assert_eq!(
        to_json(&again).to_string(),
        written,
        "a state is another once it was written and read"
    );
    likeness(state.records.len())
}
