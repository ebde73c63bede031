//! What a user of the state crates can see: nothing that was acknowledged is lost, nothing that was
//! altered is believed.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

mod checkpoint;
mod conformance;
mod folding;
mod journal;
mod local;
mod properties;
mod redacting;
mod unsent_journal;

use ha_state_model::samples;

use futures::executor::block_on;
use ha_state_model::{Frame, Intent, ProviderName, Record, State, StepOutcome};
use ha_state_store::{
    KeyName, KeyProvider, LockInfo, OpenOptions, StateError, StateKey, StateWriter, Store,
    open_for_writing,
};

/// One key for every state.
struct OneKey(StateKey);

impl OneKey {
    fn new() -> Self {
        Self(StateKey::random())
    }
}

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

fn open(store: &dyn Store, keys: &dyn KeyProvider) -> StateWriter {
    open_for_writing(store, keys, OpenOptions::by(LockInfo::here("a test"))).unwrap()
}

fn recorded(address: &str, id: &str) -> Frame {
    Frame::Result {
        attempt: None,
        outcome: StepOutcome::Recorded(samples::record(address, id).into()),
    }
}

/// Frames of every sort, on few addresses.
fn frames() -> Vec<Frame> {
    let intent = |attempt, address: &str| Frame::Intent(samples::intent(attempt, address));
    let record = |id: &str| Box::new(samples::record("a.two[\"x\"]", id));
    let note =
        |attempt, key: &str| Frame::Note { attempt, key: key.into(), value: "canary-note".into() };
    vec![
        intent(1, "a.one"),
        note(1, "volume"),
        Frame::Result {
            attempt: Some(1),
            outcome: StepOutcome::Recorded(samples::record("a.one", "first").into()),
        },
        Frame::Provider(
            ProviderName::aliased("aws", "west"),
            ha_state_model::ProviderRecord::default(),
        ),
        recorded("a.two[\"x\"]", "old"),
        Frame::Result {
            attempt: None,
            outcome: StepOutcome::Deposed { record: record("new"), key: "k1".into() },
        },
        intent(2, "a.three"),
        note(2, "left"),
    ]
}

/// Appends frames one by one, each in a group of its own; the state after each.
fn write(writer: &StateWriter, frames: Vec<Frame>) -> Vec<State> {
    let step = |frame| {
        let number = block_on(writer.append(frame)).unwrap();
        let state = writer.snapshot();
        assert_eq!(state.number, number);
        State::clone(&state)
    };
    frames.into_iter().map(step).collect()
}
