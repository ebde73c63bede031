//! A checkpoint is whole or refused.

use ha_state_store::{
    KeyName, KeyProvider, MemoryStore, StateErrorReason, StateKey, Store, StoreContents, addresses,
    open_for_reading, to_json,
};

use crate::{OneKey, State, StateError, frames, open, write};

fn finished(keys: &OneKey) -> (MemoryStore, State) {
    let store = MemoryStore::new();
    let writer = open(&store, keys);
    let state = write(&writer, frames()).pop().unwrap();
    writer.finish().unwrap();
    (store, state)
}

fn only(checkpoint: Vec<u8>) -> MemoryStore {
    StoreContents { checkpoint: Some(checkpoint), segments: Vec::new() }.into()
}

#[test]
fn a_checkpoint_holds_the_folded_state() {
    let keys = OneKey::new();
    let (store, state) = finished(&keys);
    assert!(store.load().unwrap().segments.is_empty());
    assert_eq!(open_for_reading(&store, &keys).unwrap(), state);
    assert!(
        !state.unfinished.is_empty() && !state.deposed.is_empty() && !state.providers.is_empty()
    );
}

#[test]
fn every_altered_bit_is_detected() {
    let keys = OneKey::new();
    let bytes = finished(&keys).0.load().unwrap().checkpoint.unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let store = only(flipped);
        assert_eq!(
            open_for_reading(&store, &keys).unwrap_err().reason(),
            &StateErrorReason::Damaged,
            "bit {bit}"
        );
        assert_eq!(
            addresses(&store, &keys).unwrap_err().reason(),
            &StateErrorReason::Damaged,
            "bit {bit}"
        );
    }
}

#[test]
fn every_missing_byte_is_detected() {
    let keys = OneKey::new();
    let bytes = finished(&keys).0.load().unwrap().checkpoint.unwrap();
    for length in 0..bytes.len() {
        let error = open_for_reading(&only(bytes[..length].to_vec()), &keys).unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::Incomplete, "{length} bytes: {error}");
    }
    let longer = [&bytes[..], b"x"].concat();
    assert_eq!(
        open_for_reading(&only(longer), &keys).unwrap_err().reason(),
        &StateErrorReason::Incomplete
    );
}

#[test]
fn a_wrong_key_with_the_right_name_opens_nothing() {
    let (keys, others) = (OneKey::new(), OneKey::new());
    let (store, _) = finished(&keys);
    assert_eq!(open_for_reading(&store, &others).unwrap_err().reason(), &StateErrorReason::Damaged);
}

/// Finds the key it is asked for, and seals with the last.
struct Rotated(Vec<StateKey>);

impl KeyProvider for Rotated {
    fn named(&self, _: &str, name: &KeyName) -> Result<StateKey, StateError> {
        Ok(self.0.iter().find(|it| it.id() == name.id).unwrap().clone())
    }

    fn current(&self, _: &str, _: Option<&KeyName>) -> Result<(KeyName, StateKey), StateError> {
        let key = self.0.last().unwrap().clone();
        Ok((KeyName { id: key.id().to_owned(), method: "test".into(), parameters: [].into() }, key))
    }
}

#[test]
fn a_new_key_seals_later_frames_and_the_next_checkpoint() {
    let (old, new) = (StateKey::random(), StateKey::random());
    let store = MemoryStore::new();
    write(&open(&store, &Rotated(vec![old.clone()])), frames());
    let both = Rotated(vec![old, new.clone()]);
    let writer = open(&store, &both);
    let state = write(&writer, frames()).pop().unwrap();
    assert_eq!(open_for_reading(&store, &both).unwrap(), state);
    writer.finish().unwrap();
    assert_eq!(open_for_reading(&store, &Rotated(vec![new])).unwrap(), state);
}

#[test]
fn stores_receive_no_secret_unencrypted() {
    let keys = OneKey::new();
    let (store, state) = finished(&keys);
    write(&open(&store, &keys), frames());
    let StoreContents { checkpoint, segments } = store.load().unwrap();
    let bytes: Vec<u8> =
        checkpoint.into_iter().chain(segments.into_iter().map(|it| it.bytes)).flatten().collect();
    let shown = serde_json::to_string(&to_json(&state)).unwrap();
    for canary in ["canary-note", "canary-old", "arn:fake"] {
        assert!(!bytes.windows(canary.len()).any(|it| it == canary.as_bytes()), "{canary}");
        assert!(shown.contains(canary), "{canary} is in the state");
    }
}
