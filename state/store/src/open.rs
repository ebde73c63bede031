//! From a store's bytes to a state.

use std::collections::BTreeSet;

use ha_value::Address;
use zeroize::Zeroize;

use crate::journal::{JournalPosition, JournalScan, lineage, replay, scan};
use crate::session::KeyCache;
use crate::store::{JournalSegment, Store, StoreContents};
use crate::{KeyName, KeyProvider, StateError, StateErrorReason, checkpoint};
use ha_state_model::{Frame, State, StepOutcome};

/// How often a reader looks again at what a writer may have been in the middle of.
const TRIES: u32 = 10;
const PAUSE: std::time::Duration = std::time::Duration::from_millis(5);

/// A state as read, and what its store looked like.
#[derive(Debug)]
pub(crate) struct OpenedState {
    pub(crate) state: State,
    /// What it is sealed with, the last last.
    pub(crate) keys: Vec<KeyName>,
    pub(crate) scan: JournalScan,
    /// The number that the checkpoint ends with; none where there is no checkpoint.
    pub(crate) checkpoint: Option<u64>,
    /// How many bytes it has.
    pub(crate) checkpoint_length: usize,
}

/// The state as it is, also while another process writes to it; that one is not held up. A new
/// state where nothing was ever written.
///
/// # Errors
/// When the store cannot be read, the key is missing or another, or what is there is not what was
/// written.
pub fn open_for_reading(store: &dyn Store, keys: &dyn KeyProvider) -> Result<State, StateError> {
    open_with_key(store, keys).map(|it| it.0)
}

/// The state as [`open_for_reading`] gives it, and what the last of it is sealed with.
///
/// # Errors
/// As [`open_for_reading`].
pub fn open_with_key(
    store: &dyn Store,
    keys: &dyn KeyProvider,
) -> Result<(State, Option<KeyName>), StateError> {
    let opened = patiently(|| load(store, keys))?;
    here(&opened.state, store)?;
    Ok((opened.state, opened.keys.into_iter().next_back()))
}

/// Where the state says that it is kept now, when it is no longer in this store. Needs no key, so
/// no one vouches for it.
///
/// # Errors
/// When the store cannot be read, or holds something else.
pub fn moved_to(store: &dyn Store) -> Result<Option<String>, StateError> {
    let place = store.place();
    patiently(|| store.load()?.checkpoint.map_or(Ok(None), |it| checkpoint::moved_to(&it, &place)))
}

/// The lineage of the state in a store; none where nothing was ever written. Needs no key, so no
/// one vouches for it.
///
/// # Errors
/// When the store cannot be read, or holds something else.
pub fn lineage_of(store: &dyn Store) -> Result<Option<String>, StateError> {
    let place = store.place();
    patiently(|| {
        let StoreContents { checkpoint, segments } = store.load()?;
        let of_checkpoint = checkpoint
            .map(|it| checkpoint::position(&it, &place))
            .transpose()?
            .map(|it| it.lineage);
        Ok(of_checkpoint.or_else(|| segments.iter().find_map(|it| lineage(&it.bytes, &place))))
    })
}

/// Refuses a state that is kept elsewhere now.
pub(crate) fn here(state: &State, store: &dyn Store) -> Result<(), StateError> {
    match &state.history.moved_to {
        Some(to) => Err(StateError::moved(&store.place(), to)),
        None => Ok(()),
    }
}

/// The addresses of all records, without reading the records of the checkpoint.
///
/// # Errors
/// As [`open_for_reading`].
pub fn addresses(
    store: &dyn Store,
    keys: &dyn KeyProvider,
) -> Result<BTreeSet<Address>, StateError> {
    patiently(|| {
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
        forget(segments);
        replayed.map(|()| all)
    })
}

/// Reads all that a store holds.
pub(crate) fn load(store: &dyn Store, keys: &dyn KeyProvider) -> Result<OpenedState, StateError> {
    let place = store.place();
    let mut keys = KeyCache::new(keys);
    let StoreContents { checkpoint, mut segments } = store.load()?;
    let checkpoint_length = checkpoint.as_ref().map_or(0, Vec::len);
    let decoded = checkpoint.map(|mut bytes| {
        let decoded = checkpoint::decode(&mut bytes, &mut keys, &place);
        bytes.zeroize();
        decoded
    });
    let decoded = decoded.transpose()?;
    let checkpoint = decoded.as_ref().map(|it| it.0.number);
    let (mut state, used) =
        decoded.map_or_else(Default::default, |(state, key)| (state, vec![key]));
    let scan = scan(&segments, &place)?;
    let mut position = JournalPosition {
        lineage: std::mem::take(&mut state.lineage),
        number: state.number,
        keys: used,
    };
    let replayed =
        replay(&mut position, &mut segments, &scan, &mut keys, &place, |number, frame| {
            state.apply(number, frame)
        });
    forget(segments);
    replayed?;
    (state.lineage, state.number) = (position.lineage, position.number);
    Ok(OpenedState { state, keys: position.keys, scan, checkpoint, checkpoint_length })
}

/// Opened segments hold secrets.
fn forget(segments: Vec<JournalSegment>) {
    for mut segment in segments {
        segment.bytes.zeroize();
    }
}

/// What a writer was in the middle of can look like damage to a reader: frames behind a page that
/// was read too early. Damage stays where it is; that does not.
fn patiently<T>(read: impl Fn() -> Result<T, StateError>) -> Result<T, StateError> {
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
    for _ in 0..TRIES {
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
