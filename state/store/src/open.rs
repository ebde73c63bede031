//! Opens a state: reads a store and folds what it holds.

use std::collections::BTreeSet;

use ha_value::Address;
use zeroize::Zeroize;

use crate::journal::{JournalPosition, JournalScan, lineage, replay, scan};
use crate::session::KeyCache;
use crate::store::{JournalSegment, Store, StoreContents};
use crate::{KeyName, KeyProvider, StateError, StateErrorReason, checkpoint};
use ha_state_model::{Frame, State, StepOutcome};

/// How often a reader reads again what a writer may have been changing.
const MAX_TRIES: u32 = 10;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// A state, and the layout of its store.
#[derive(Debug)]
pub(crate) struct OpenedState {
    pub(crate) state: State,
    /// The keys that it is sealed with, the latest last.
    pub(crate) keys: Vec<KeyName>,
    pub(crate) scan: JournalScan,
    /// The number of the last frame in the checkpoint; none without a checkpoint.
    pub(crate) checkpoint: Option<u64>,
    /// The size of the checkpoint in bytes.
    pub(crate) checkpoint_length: usize,
}

/// The current state. Takes no lock, so another process may write meanwhile. A new state where
/// nothing was ever written.
///
/// # Errors
/// When the store cannot be read, the key is missing or wrong, or the content is damaged.
pub fn open_for_reading(store: &dyn Store, keys: &dyn KeyProvider) -> Result<State, StateError> {
    open_with_key(store, keys).map(|it| it.0)
}

/// The state as [`open_for_reading`] returns it, and the key that its latest part is sealed with.
///
/// # Errors
/// As [`open_for_reading`].
pub fn open_with_key(
    store: &dyn Store,
    keys: &dyn KeyProvider,
) -> Result<(State, Option<KeyName>), StateError> {
    let opened = with_retries(|| load(store, keys))?;
    refuse_moved(&opened.state, store)?;
    Ok((opened.state, opened.keys.into_iter().next_back()))
}

/// The place that the state was moved to; none while it is in this store. Reads without a key, so
/// the answer is not authenticated.
///
/// # Errors
/// When the store cannot be read, or holds something else.
pub fn moved_to(store: &dyn Store) -> Result<Option<String>, StateError> {
    let place = store.place();
    with_retries(|| {
        store.load()?.checkpoint.map_or(Ok(None), |it| checkpoint::moved_to(&it, &place))
    })
}

/// The lineage of the state in a store; none where nothing was ever written. Reads without a key,
/// so the answer is not authenticated.
///
/// # Errors
/// When the store cannot be read, or holds something else.
pub fn lineage_of(store: &dyn Store) -> Result<Option<String>, StateError> {
    let place = store.place();
    with_retries(|| {
        let StoreContents { checkpoint, segments } = store.load()?;
        let of_checkpoint = checkpoint
            .map(|it| checkpoint::position(&it, &place))
            .transpose()?
            .map(|it| it.lineage);
        // A state without a checkpoint has its lineage in the journal alone.
        Ok(of_checkpoint.or_else(|| segments.iter().find_map(|it| lineage(&it.bytes, &place))))
    })
}

/// Refuses a state that was moved to another place.
pub(crate) fn refuse_moved(state: &State, store: &dyn Store) -> Result<(), StateError> {
    match &state.history.moved_to {
        Some(to) => Err(StateError::moved(&store.place(), to)),
        None => Ok(()),
    }
}

/// The addresses of all records, from the index of the checkpoint and the journal: shell completion
/// asks for them, and must not decrypt every record.
///
/// # Errors
/// As [`open_for_reading`].
pub fn addresses(
    store: &dyn Store,
    keys: &dyn KeyProvider,
) -> Result<BTreeSet<Address>, StateError> {
    with_retries(|| {
        let place = store.place();
        let mut keys = KeyCache::new(keys);
        let StoreContents { checkpoint, mut segments } = store.load()?;
        let indexed = checkpoint
            .map(|mut it| checkpoint::addresses(&mut it, &mut keys, &place))
            .transpose()?;
        let (mut position, listed) = indexed.unwrap_or_default();
        let mut all: BTreeSet<Address> = listed.into_iter().collect();
        let scan = scan(&segments, &place)?;
        let replayed = replay(
            &mut position,
            &mut segments,
            &scan,
            &mut keys,
            &place,
            |_, frame| match frame {
                Frame::Result {
                    outcome: StepOutcome::Recorded(record) | StepOutcome::Deposed { record, .. },
                    ..
                } => {
                    all.insert(record.address);
                }
                Frame::Result { outcome: StepOutcome::Deleted(address), .. } => {
                    all.remove(&address);
                }
                Frame::Moved { from, to } if all.remove(&from) => {
                    all.insert(to);
                }
                _ => {}
            },
        );
        zeroize_segments(segments);
        replayed.map(|()| all)
    })
}

/// Reads everything in a store.
pub(crate) fn load(store: &dyn Store, keys: &dyn KeyProvider) -> Result<OpenedState, StateError> {
    let place = store.place();
    let mut keys = KeyCache::new(keys);
    let StoreContents { checkpoint, mut segments } = store.load()?;
    let checkpoint_length = checkpoint.as_ref().map_or(0, Vec::len);
    let decoded = checkpoint.map(|mut bytes| {
        let decoded = checkpoint::decode(&mut bytes, &mut keys, &place);
        // Decrypted in place, so the bytes hold secrets by now.
        bytes.zeroize();
        decoded
    });
    let decoded = decoded.transpose()?;
    let checkpoint = decoded.as_ref().map(|it| it.0.number);
    let (mut state, keys_used) =
        decoded.map_or_else(Default::default, |(state, key)| (state, vec![key]));
    // The journal may begin before the end of the checkpoint, when a kill came between writing
    // the one and removing the other. `replay` skips what is folded already.
    let scan = scan(&segments, &place)?;
    let mut position = JournalPosition {
        lineage: std::mem::take(&mut state.lineage),
        number: state.number,
        keys: keys_used,
    };
    let replayed =
        replay(&mut position, &mut segments, &scan, &mut keys, &place, |number, frame| {
            state.apply(number, frame)
        });
    zeroize_segments(segments);
    replayed?;
    (state.lineage, state.number) = (position.lineage, position.number);
    Ok(OpenedState { state, keys: position.keys, scan, checkpoint, checkpoint_length })
}

/// Overwrites segments, which hold secrets since they were decrypted in place.
fn zeroize_segments(segments: Vec<JournalSegment>) {
    for mut segment in segments {
        segment.bytes.zeroize();
    }
}

/// Repeats a read that found damage. A write during the read can look like damage, such as frames
/// behind a page that was read too early. Real damage gives the same error twice.
fn with_retries<T>(read: impl Fn() -> Result<T, StateError>) -> Result<T, StateError> {
    let mut last = match read() {
        Err(error)
            if matches!(
                error.reason(),
                StateErrorReason::Damaged | StateErrorReason::Incomplete
            ) =>
        {
            error
        }
        done => return done,
    };
    for _ in 0..MAX_TRIES {
        match read() {
            Err(error) if error == last => return Err(error),
            Err(error)
                if matches!(
                    error.reason(),
                    StateErrorReason::Damaged | StateErrorReason::Incomplete
                ) =>
            {
                last = error
            }
            done => return done,
        }
        std::thread::sleep(PAUSE);
    }
    Err(last)
}
