//! Writes a state. One thread owns the store and writes all frames that were appended at the same
//! time in one batch: a sync costs milliseconds however much it writes.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use futures::channel::oneshot;
use ha_provider::milliseconds_since;
use tracing::debug;

use crate::companion::StateCreation;
use crate::envelope::{self, FrameLabel, FrameSealer, TooLarge};
use crate::open::{OpenedState, load, refuse_moved};
use crate::session::{SessionHeader, SessionPart};
use crate::store::{JournalExtent, LeaseGuard, LockedStore, Store};
use crate::{
    CompanionFile, KeyName, KeyProvider, LockInfo, NewKey, StateError, StateKey, checkpoint,
    new_lineage,
};
use ha_state_model::StateHistory;
use ha_state_model::frame::FrameKind;
use ha_state_model::{DependencyGroupId, Frame, State};

/// The largest number of frames in a batch, so that the first of them does not wait without end.
const MAX_BATCH_FRAMES: usize = 4_096;
/// A new checkpoint is written in the middle of a run when the journal is larger than this and than
/// twice the checkpoint. The factor keeps the cost of all checkpoints linear in what is written.
const MAX_JOURNAL_BYTES: usize = 8 << 20;
/// At the end of a run, a checkpoint of at most this size is always rewritten.
const SMALL_CHECKPOINT_BYTES: usize = 1 << 20;

/// Writes a state under its lock; there is one writer at a time.
pub struct StateWriter {
    jobs: Sender<WriterJob>,
    thread: Option<JoinHandle<()>>,
    state: Arc<Mutex<Arc<State>>>,
    attempts: AtomicU64,
    lineage: String,
    name: KeyName,
    key: StateKey,
    /// The keys that it was sealed with when it was opened, the latest last.
    keys_used: Vec<KeyName>,
    lease_guard: LeaseGuard,
    place: String,
}

/// Options for opening a state for writing.
pub struct OpenOptions {
    holder: LockInfo,
    lineage: Option<String>,
    journal: usize,
    also_moved: bool,
    companions: Vec<Box<dyn CompanionFile>>,
}

impl OpenOptions {
    /// Options with this holder of the lock.
    #[must_use]
    pub fn by(holder: LockInfo) -> Self {
        Self {
            holder,
            lineage: None,
            journal: MAX_JOURNAL_BYTES,
            also_moved: false,
            companions: Vec::new(),
        }
    }

    /// Requires this lineage: a state with another one is refused, a new state gets it.
    #[must_use]
    pub fn of_lineage(mut self, lineage: impl Into<String>) -> Self {
        self.lineage = Some(lineage.into());
        self
    }

    /// Adds a file that is created with the state, where the state does not exist yet.
    #[must_use]
    pub fn beside(mut self, companion: impl CompanionFile + 'static) -> Self {
        self.companions.push(Box::new(companion));
        self
    }

    /// Also opens a state that was moved to another place, in order to move it back.
    #[must_use]
    pub fn also_moved(mut self) -> Self {
        self.also_moved = true;
        self
    }

    /// Sets the size, in bytes, above which the journal is replaced by a checkpoint in the middle
    /// of a run; by default 8 MiB.
    #[must_use]
    pub fn with_journal(mut self, bytes: usize) -> Self {
        self.journal = bytes;
        self
    }
}

/// Locks a state, reads it, and removes the torn tail that a kill may have left.
///
/// # Errors
/// When another process holds the lock, the store cannot be read or written, the key is missing or
/// wrong, the lineage differs, or the content is damaged. Nothing is changed then.
pub fn open_for_writing(
    store: &dyn Store,
    keys: &dyn KeyProvider,
    opening: OpenOptions,
) -> Result<StateWriter, StateError> {
    let OpenOptions { holder, lineage: expected, journal, also_moved, mut companions } = opening;
    let place = store.place();
    // Locked before it is read: what is read before could be outdated by the first append.
    let mut locked_store = store.lock(&holder)?;
    let OpenedState { mut state, keys: keys_used, scan, checkpoint, checkpoint_length } =
        load(store, keys)?;
    if !also_moved {
        refuse_moved(&state, store)?;
    }
    let is_new = state.is_new();
    match expected {
        Some(expected) if state.is_new() => state.lineage = expected,
        Some(expected) if expected != state.lineage => {
            return Err(StateError::other_lineage(&place, &expected, &state.lineage));
        }
        None if state.is_new() => state.lineage = new_lineage(),
        _ => {}
    }
    // Only a new state gets a new key. Of an existing one, `load` has failed already when its key
    // is missing: a second key would make the state unreadable for everyone else.
    let (name, key) = match if is_new { keys.first(&state.lineage)? } else { None } {
        Some(NewKey { name, key, file }) => {
            companions.insert(0, file);
            (name, key)
        }
        None => keys.current(&state.lineage, keys_used.last())?,
    };
    // A key is retired because others may know it, so nothing new may be sealed with it.
    if state.history.retired_keys.contains(key.id()) {
        return Err(StateError::retired_key(&place, key.id()));
    }
    // A checkpoint that was written before its journal could be removed holds all its frames. Such
    // a journal is removed: frames behind the checkpoint's number would not follow its own.
    let is_folded = |number: u64| checkpoint.is_some_and(|it| number <= it);
    let kept: Option<JournalExtent> = scan.kept.filter(|_| !is_folded(state.number));
    locked_store.resume(kept)?;

    let lease_guard = LeaseGuard::new(place.clone(), locked_store.lease());
    let (attempts, lineage) = (AtomicU64::new(state.attempts), state.lineage.clone());
    let (number, groups) = (state.number, state.groups.keys().copied().collect());
    let state = Arc::new(Mutex::new(Arc::new(state)));
    let (jobs, received) = mpsc::channel();
    let work = WriterThread {
        locked_store,
        name: name.clone(),
        key: key.clone(),
        lineage: lineage.clone(),
        sealer: None,
        number,
        synced: number,
        state: state.clone(),
        journal_length: kept.map_or(0, |_| scan.length),
        checkpoint_length,
        has_checkpoint: checkpoint.is_some(),
        limit: journal,
        failed: None,
        groups,
        creation: if is_new { StateCreation::with(companions) } else { StateCreation::default() },
    };
    let thread =
        std::thread::Builder::new().name("state".into()).spawn(move || work.run(&received));
    let thread = thread.map_err(|error| {
        StateError::io("start the thread that writes", Path::new("ha.state"), &error)
    })?;
    Ok(StateWriter {
        jobs,
        thread: Some(thread),
        state,
        attempts,
        lineage,
        name,
        key,
        keys_used,
        lease_guard,
        place,
    })
}

impl StateWriter {
    /// Appends a frame. The call queues it, in the order of the calls. When the future returns its
    /// number, it is on disk and in [`StateWriter::state`]. A dropped future takes nothing back.
    ///
    /// # Errors
    /// When it cannot be written; every later call then fails in the same way. An intent alone is
    /// refused when there would be no room for its result.
    pub fn append(
        &self,
        frame: Frame,
    ) -> impl Future<Output = Result<u64, StateError>> + Send + use<> {
        let (answer, answered) = oneshot::channel();
        let refused = match frame.unknown() {
            Some(what) => Some(StateError::not_known(&what)),
            None => self
                .jobs
                .send(WriterJob::Append { frame: frame.into(), answer })
                .err()
                .map(|_| StateError::stopped(&self.place)),
        };
        let place = self.place.clone();
        async move {
            match refused {
                Some(error) => Err(error),
                None => answered.await.unwrap_or_else(|_| Err(StateError::stopped(&place))),
            }
        }
    }

    /// The state with every frame that is on disk. The guard blocks the writer: it must not be held
    /// across a wait, nor taken twice in one expression.
    pub fn state(&self) -> MutexGuard<'_, Arc<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` makes of the state with every frame that is on disk. Cannot last across a wait,
    /// as a guard could.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&self.state())
    }

    /// The state as it is now, shared. The next frame copies the whole state while a snapshot is
    /// alive.
    #[must_use]
    pub fn snapshot(&self) -> Arc<State> {
        self.state().clone()
    }

    /// A number that no attempt of this state had before.
    pub fn next_attempt(&self) -> u64 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The state's lineage.
    #[must_use]
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// The key that new frames are sealed with.
    #[must_use]
    pub fn key(&self) -> &StateKey {
        &self.key
    }

    /// How the key is found again.
    #[must_use]
    pub fn key_name(&self) -> &KeyName {
        &self.name
    }

    /// What the state was sealed with when it was opened; none when nothing was ever written.
    #[must_use]
    pub fn sealed_with(&self) -> Option<&KeyName> {
        self.keys_used.last()
    }

    /// The lease of the lock.
    #[must_use]
    pub fn lease_guard(&self) -> &LeaseGuard {
        &self.lease_guard
    }

    /// Ends the writing: waits for all frames, writes a checkpoint where that is worth its cost,
    /// and releases the lock.
    ///
    /// # Errors
    /// When the checkpoint cannot be written. The journal still holds all frames.
    pub fn finish(mut self) -> Result<(), StateError> {
        let (answer, answered) = mpsc::channel();
        let sent = self.jobs.send(WriterJob::Finish { answer });
        let done = sent.ok().and_then(|()| answered.recv().ok());
        self.join();
        done.unwrap_or_else(|| Err(StateError::stopped(&self.place)))
    }

    /// Replaces the whole state atomically, and ends the writing. The lineage stays; records that
    /// differ get the new version, so that plans which use them become stale. Returns the number of
    /// the new state.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is as it was.
    pub fn replace(self, state: State) -> Result<u64, StateError> {
        self.put(None, |before| succeeding(before, state))
    }

    /// As [`StateWriter::replace`], with a state from another store: it stays as it is, with its
    /// number where that is higher than the one here.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is as it was.
    pub fn adopt(self, mut state: State) -> Result<u64, StateError> {
        self.put(None, move |before| {
            state.number = state.number.max(before.number + 1);
            state.history.moved_to = None;
            state
        })
    }

    /// Seals the whole state with another key, atomically, and ends the writing. The previous keys
    /// are retired.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is unchanged, under its previous keys.
    pub fn rekey(self, name: KeyName, key: StateKey) -> Result<u64, StateError> {
        let retired: Vec<String> =
            self.keys_used.iter().map(|it| it.id.clone()).filter(|it| *it != name.id).collect();
        self.put(Some((name, key)), move |before| {
            let mut state = before.clone();
            state.number += 1;
            state.history.retired_keys.extend(retired);
            state
        })
    }

    /// Marks the state as moved to another place, and ends the writing. It cannot be opened here
    /// any more: two writers in two places would each continue it.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is as it was.
    pub fn move_away(self, to: &str) -> Result<u64, StateError> {
        let to = to.to_owned();
        self.put(None, move |before| {
            let mut state = before.clone();
            state.number += 1;
            state.history.moved_to = Some(to);
            state
        })
    }

    /// Replaces the state by what `make` returns, sealed with this key where one is given.
    fn put(
        self,
        key: Option<(KeyName, StateKey)>,
        make: impl FnOnce(&State) -> State + Send + 'static,
    ) -> Result<u64, StateError> {
        let (answer, answered) = mpsc::channel();
        let (job, place) =
            (WriterJob::Put { make: Box::new(make), key, answer }, self.place.clone());
        let sent = self.jobs.send(job);
        let done = sent.ok().and_then(|()| answered.recv().ok());
        drop(self);
        done.unwrap_or_else(|| Err(StateError::stopped(&place)))
    }

    // Waits for the thread, so that the lock is released when the writer is gone.
    fn join(&mut self) {
        // With no sender left, the thread ends when it has written all that was appended.
        self.jobs = mpsc::channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Writes what was appended and releases the lock, without a checkpoint.
impl Drop for StateWriter {
    fn drop(&mut self) {
        self.join();
    }
}

impl std::fmt::Debug for StateWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer")
            .field("place", &self.place)
            .field("lineage", &self.lineage)
            .finish_non_exhaustive()
    }
}

type WriteAnswer = oneshot::Sender<Result<u64, StateError>>;

enum WriterJob {
    Append {
        frame: Box<Frame>,
        answer: WriteAnswer,
    },
    Finish {
        answer: Sender<Result<(), StateError>>,
    },
    Put {
        make: NextState,
        key: Option<(KeyName, StateKey)>,
        answer: Sender<Result<u64, StateError>>,
    },
}

/// Makes the state that replaces the current one.
type NextState = Box<dyn FnOnce(&State) -> State + Send>;

/// What the writing thread owns.
struct WriterThread {
    locked_store: Box<dyn LockedStore>,
    name: KeyName,
    key: StateKey,
    lineage: String,
    /// None until the session's header is written.
    sealer: Option<FrameSealer>,
    /// The number of the last frame.
    number: u64,
    /// The highest number that is known to be on disk. Each frame holds it, and so proves that an
    /// earlier frame which no longer reads was damaged and not torn.
    synced: u64,
    state: Arc<Mutex<Arc<State>>>,
    journal_length: usize,
    checkpoint_length: usize,
    has_checkpoint: bool,
    limit: usize,
    failed: Option<StateError>,
    /// The groups of dependencies that are on disk, or in the current batch.
    groups: HashSet<DependencyGroupId>,
    creation: StateCreation,
}

/// The frames of one append to the store.
#[derive(Default)]
struct FrameBatch {
    bytes: Vec<u8>,
    /// Each frame with its number and the caller that waits for it, if any.
    frames: Vec<(u64, Frame, Option<WriteAnswer>)>,
}

impl WriterThread {
    fn run(mut self, jobs: &Receiver<WriterJob>) {
        while let Ok(first) = jobs.recv() {
            let (mut finish, mut put) = (None, None);
            let waiting = std::iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH_FRAMES);
            let mut frames = Vec::new();
            for job in waiting {
                match job {
                    WriterJob::Append { frame, answer } => frames.push((*frame, answer)),
                    WriterJob::Finish { answer } => finish = Some(answer),
                    WriterJob::Put { make, key, answer } => put = Some((make, key, answer)),
                }
            }
            self.write(frames);
            // A replacement or an end consumes the writer, so no append can follow it in the queue.
            if let Some((make, key, answer)) = put {
                let done = self.put(make, key);
                // The lock is released before the caller continues, so that it can lock again.
                drop(self);
                let _ = answer.send(done);
                return;
            }
            match finish {
                Some(answer) => {
                    let done = self.finish();
                    // The lock is released before the caller continues, so that it can lock again.
                    drop(self);
                    let _ = answer.send(done);
                    return;
                }
                None if self.journal_length > self.limit.max(2 * self.checkpoint_length) => {
                    self.checkpoint_midway()
                }
                None => {}
            }
        }
    }

    /// Writes frames in one append, and answers each caller.
    fn write(&mut self, frames: Vec<(Frame, WriteAnswer)>) {
        let mut batch = FrameBatch::default();
        let first = self.number + 1;
        for (frame, answer) in frames {
            let sealed = self
                .seal_groups(&mut batch, &frame)
                .and_then(|()| self.seal_frame(&mut batch.bytes, &frame));
            match sealed {
                Ok(number) => batch.frames.push((number, frame, Some(answer))),
                // The caller may have dropped its future.
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let written =
            if batch.bytes.is_empty() { Ok(()) } else { self.append(first, &batch.bytes) };
        // Folded only now: a reader of the state must never see a frame that a kill could take
        // back.
        if written.is_ok() {
            let mut current = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let state = Arc::make_mut(&mut current);
            state.number = self.number;
            let mut answers = Vec::with_capacity(batch.frames.len());
            for (number, frame, answer) in batch.frames {
                state.apply(number, frame);
                answers.push((number, answer));
            }
            drop(current);
            for (number, answer) in answers {
                // The caller may have dropped its future.
                let _ = answer.map(|it| it.send(Ok(number)));
            }
        } else if let Err(error) = written {
            for (.., answer) in batch.frames {
                let _ = answer.map(|it| it.send(Err(error.clone())));
            }
        }
    }

    /// Seals the groups of dependencies that a frame names and that are not on disk yet.
    fn seal_groups(&mut self, batch: &mut FrameBatch, frame: &Frame) -> Result<(), StateError> {
        let to_write = frame.dependencies().map(|it| it.to_write(&self.groups)).unwrap_or_default();
        for group in to_write {
            let frame = Frame::Group(group.record());
            let number = self.seal_frame(&mut batch.bytes, &frame)?;
            batch.frames.push((number, frame, None));
            self.groups.insert(group.id());
        }
        Ok(())
    }

    /// Seals a frame behind those of its batch; before the first one, the header of the session.
    fn seal_frame(&mut self, bytes: &mut Vec<u8>, frame: &Frame) -> Result<u64, StateError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        // Asked for intents alone: the result of a call that was made must be tried in any case.
        if let Frame::Intent(intent) = frame {
            self.locked_store
                .has_room()
                .map_err(|error| StateError::no_room(&intent.address.to_string(), &error))?;
        }
        let address = frame.address().map(ToString::to_string).unwrap_or_default();
        let write_body = |body: &mut Vec<u8>| {
            serde_json::to_writer(body, frame).expect("a frame has only text keys")
        };
        self.seal(bytes, frame.kind(), &address, write_body)
    }

    fn seal(
        &mut self,
        bytes: &mut Vec<u8>,
        kind: FrameKind,
        address: &str,
        write_body: impl FnOnce(&mut Vec<u8>),
    ) -> Result<u64, StateError> {
        let too_large = |TooLarge| StateError::too_large(address);
        let (synced_through, mut number) = (self.synced, self.number);
        let sealer = match &self.sealer {
            Some(sealer) => sealer,
            None => {
                number += 1;
                let (session, sealer) = SessionHeader::begin(
                    SessionPart::Journal,
                    (&self.lineage, number),
                    StateHistory::default(),
                    self.name.clone(),
                    &self.key,
                );
                let label = FrameLabel {
                    number,
                    synced_through,
                    kind: FrameKind::Session as u8,
                    address: "",
                };
                let write_session = |body: &mut Vec<u8>| {
                    serde_json::to_writer(body, &session).expect("a session is plain text")
                };
                envelope::append(bytes, label, None, write_session).map_err(too_large)?;
                self.number = number;
                self.sealer.insert(sealer)
            }
        };
        number += 1;
        let label = FrameLabel { number, synced_through, kind: kind as u8, address };
        envelope::append(bytes, label, Some(sealer), write_body).map_err(too_large)?;
        self.number = number;
        Ok(number)
    }

    /// Puts a batch on disk. A failure is final: after a failed sync the kernel may have dropped
    /// the pages, so that a second sync would succeed without having written them.
    fn append(&mut self, first: u64, bytes: &[u8]) -> Result<(), StateError> {
        let started = Instant::now();
        // The key file exists before the first frame that is sealed with it.
        if let Err(error) =
            self.creation.make().and_then(|()| self.locked_store.append(first, bytes))
        {
            self.failed = Some(error.clone());
            return Err(error);
        }
        let duration_ms = milliseconds_since(started);
        debug!(target: "ha::state", first, last = self.number, bytes = bytes.len(), duration_ms, "frames written");
        self.synced = self.number;
        self.journal_length += bytes.len();
        Ok(())
    }

    /// Removes a state whose first run recorded nothing. Returns whether it did.
    fn discard(&mut self) -> Result<bool, StateError> {
        let came_to_nothing = !self.has_checkpoint
            && self.state.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !self.creation.is_of_new_state() || !came_to_nothing || !self.locked_store.discard()? {
            return Ok(false);
        }
        self.creation.take_back();
        Ok(true)
    }

    fn checkpoint(&mut self) -> Result<(), StateError> {
        // A shared snapshot, so that readers of the state are not blocked while it is encoded.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        // The new checkpoint is about as large as the old one and its journal together.
        let room = self.checkpoint_length + self.journal_length;
        let bytes = checkpoint::encode(&state, self.name.clone(), &self.key, room)?;
        let number = state.number;
        let groups = state.groups_in_use();
        drop(state);
        self.locked_store.checkpoint(number, &bytes)?;
        // Groups that nothing names are not in the checkpoint; they are written again when needed.
        self.groups = groups.iter().map(|it| it.id()).collect();
        // The next frame begins a new journal, which needs a header of its own.
        self.sealer = None;
        self.journal_length = 0;
        self.checkpoint_length = bytes.len();
        self.has_checkpoint = true;
        Ok(())
    }

    /// Writes a checkpoint of the state that replaces this one.
    fn put(
        &mut self,
        make: NextState,
        key: Option<(KeyName, StateKey)>,
    ) -> Result<u64, StateError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.creation.make()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let successor = make(&state);
        let (name, key) = key.as_ref().map_or((&self.name, &self.key), |(name, key)| (name, key));
        let bytes = checkpoint::encode(&successor, name.clone(), key, self.checkpoint_length)?;
        // The checkpoint is written before the state in memory changes, so that readers never see
        // a state that a failure takes back.
        let number = successor.number;
        self.locked_store.checkpoint(number, &bytes)?;
        *state = Arc::new(successor);
        Ok(number)
    }

    /// Writes a checkpoint in the middle of a run. A failure is ignored, because the journal holds
    /// everything; the next try is made when the journal is twice as long.
    fn checkpoint_midway(&mut self) {
        if self.checkpoint().is_err() {
            self.limit = self.journal_length * 2;
        }
    }

    fn finish(&mut self) -> Result<(), StateError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if self.number == 0 {
            return Ok(());
        }
        // Frames that are only on this machine are sent by the next run. Until then they must be
        // neither removed nor covered by a checkpoint.
        self.locked_store.is_home()?;
        if self.discard()? {
            return Ok(());
        }
        let overdue = !self.has_checkpoint
            || self.checkpoint_length <= SMALL_CHECKPOINT_BYTES
            || self.journal_length >= self.checkpoint_length / 4;
        if self.journal_length > 0 && overdue {
            let recorded = "everything that was done is recorded in the journal beside it; the next run reads it from there";
            return self.checkpoint().map_err(|error| error.help(recorded));
        }
        if self.sealer.is_some() {
            // Without a later frame that confirms the last ones, damage to them would look like a
            // torn tail, and be dropped.
            let (mut bytes, first) = (Vec::new(), self.number + 1);
            self.seal(&mut bytes, FrameKind::Closed, "", |_| {})?;
            self.append(first, &bytes)?;
        }
        self.locked_store.is_home()
    }
}

/// The state that replaces `before`: records that differ get the new version.
fn succeeding(before: &State, mut successor: State) -> State {
    let number = before.number.max(successor.number) + 1;
    successor.lineage.clone_from(&before.lineage);
    successor.number = number;
    successor.attempts = successor.attempts.max(before.attempts);
    successor.history.clone_from(&before.history);
    for (address, record) in &mut successor.records {
        let before = before.records.get(address);
        record.version = before.map_or(number, |it| it.version);
        if before.is_some_and(|it| it != record) {
            record.version = number;
        }
    }
    successor
}
