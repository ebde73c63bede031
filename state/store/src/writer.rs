//! Writing a state: one thread owns the store, and what is appended at the same time goes to disk
//! together.

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
use crate::open::{OpenedState, here, load};
use crate::session::{SessionHeader, SessionPart};
use crate::store::{JournalExtent, LeaseGuard, LockedStore, Store};
use crate::{
    CompanionFile, KeyName, KeyProvider, LockInfo, NewKey, StateError, StateKey, checkpoint,
    new_lineage,
};
use ha_state_model::StateHistory;
use ha_state_model::frame::FrameKind;
use ha_state_model::{DependencyGroupId, Frame, State};

/// Together at most so many frames, so that the first of them does not wait for ever.
const GROUP: usize = 4_096;
/// A journal may grow to this, or to twice the checkpoint, before there is a new checkpoint in the
/// middle of a run.
const JOURNAL: usize = 8 << 20;
/// At the end of a run a checkpoint up to this size is written whatever the run did.
const SMALL: usize = 1 << 20;

/// A state that is being written. There is one at a time, whoever has the lock.
pub struct StateWriter {
    jobs: Sender<WriterJob>,
    thread: Option<JoinHandle<()>>,
    state: Arc<Mutex<Arc<State>>>,
    attempts: AtomicU64,
    lineage: String,
    name: KeyName,
    key: StateKey,
    /// What it was sealed with when it was opened, the last last.
    used: Vec<KeyName>,
    tenure: LeaseGuard,
    place: String,
}

/// How a state is opened for writing.
pub struct OpenOptions {
    holder: LockInfo,
    lineage: Option<String>,
    journal: usize,
    also_moved: bool,
    companions: Vec<Box<dyn CompanionFile>>,
}

impl OpenOptions {
    /// By this holder.
    #[must_use]
    pub fn by(holder: LockInfo) -> Self {
        Self { holder, lineage: None, journal: JOURNAL, also_moved: false, companions: Vec::new() }
    }

    /// With this lineage: a state that has another is refused, one that does not exist yet gets it.
    #[must_use]
    pub fn of_lineage(mut self, lineage: impl Into<String>) -> Self {
        self.lineage = Some(lineage.into());
        self
    }

    /// With something that lies beside it, where it does not exist yet.
    #[must_use]
    pub fn beside(mut self, companion: impl CompanionFile + 'static) -> Self {
        self.companions.push(Box::new(companion));
        self
    }

    /// Also when the state is kept elsewhere now: for moving it back.
    #[must_use]
    pub fn also_moved(mut self) -> Self {
        self.also_moved = true;
        self
    }

    /// With a checkpoint in the middle of a run whenever the journal is larger than this and than
    /// twice the checkpoint.
    #[must_use]
    pub fn with_journal(mut self, bytes: usize) -> Self {
        self.journal = bytes;
        self
    }
}

/// Takes a state's lock, reads it, and drops the torn tail that a kill may have left.
///
/// # Errors
/// When somebody else writes (the message says who), the store cannot be read or written, the key
/// is missing or another, the lineage is another, or what is there is not what was written. Nothing
/// is changed then.
pub fn open_for_writing(
    store: &dyn Store,
    keys: &dyn KeyProvider,
    opening: OpenOptions,
) -> Result<StateWriter, StateError> {
    let OpenOptions { holder, lineage: wanted, journal, also_moved, mut companions } = opening;
    let place = store.place();
    let mut held = store.lock(&holder)?;
    let OpenedState { mut state, keys: used, scan, checkpoint, checkpoint_length } =
        load(store, keys)?;
    if !also_moved {
        here(&state, store)?;
    }
    let is_new = state.is_new();
    match wanted {
        Some(wanted) if state.is_new() => state.lineage = wanted,
        Some(wanted) if wanted != state.lineage => {
            return Err(StateError::other_lineage(&place, &wanted, &state.lineage));
        }
        None if state.is_new() => state.lineage = new_lineage(),
        _ => {}
    }
    let (name, key) = match if is_new { keys.first(&state.lineage)? } else { None } {
        Some(NewKey { name, key, file }) => {
            companions.insert(0, file);
            (name, key)
        }
        None => keys.current(&state.lineage, used.last())?,
    };
    if state.history.retired_keys.contains(key.id()) {
        return Err(StateError::retired_key(&place, key.id()));
    }
    // A journal that the checkpoint has overtaken is not written on.
    let overtaken = |number: u64| checkpoint.is_some_and(|it| number <= it);
    let kept: Option<JournalExtent> = scan.kept.filter(|_| !overtaken(state.number));
    held.resume(kept)?;

    let tenure = LeaseGuard::new(place.clone(), held.lease());
    let (attempts, lineage) = (AtomicU64::new(state.attempts), state.lineage.clone());
    let (number, groups) = (state.number, state.groups.keys().copied().collect());
    let state = Arc::new(Mutex::new(Arc::new(state)));
    let (jobs, received) = mpsc::channel();
    let work = WriterThread {
        held,
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
        beginning: if is_new { StateCreation::with(companions) } else { StateCreation::default() },
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
        used,
        tenure,
        place,
    })
}

impl StateWriter {
    /// Appends a frame. It is queued by the call, and on disk and in [`StateWriter::state`] when
    /// the future answers with its number; also when the future is dropped. Frames are written in
    /// the order of the calls.
    ///
    /// # Errors
    /// When it cannot be written; then nothing more can be, and every later call fails in the same
    /// way. An intent is refused by itself when there would be no room for its result.
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

    /// The state with every frame that is on disk. The writer is held up while somebody looks:
    /// look, do not wait, and not twice in one expression.
    pub fn state(&self) -> MutexGuard<'_, Arc<State>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `look` makes of the state with every frame that is on disk. Cannot last across a wait,
    /// as a guard could.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }

    /// The state as it is now. Costs nothing as long as nothing is written; what is written while
    /// there is still somebody who has this costs a copy.
    #[must_use]
    pub fn snapshot(&self) -> Arc<State> {
        self.state().clone()
    }

    /// A number no attempt had before.
    pub fn next_attempt(&self) -> u64 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The state's lineage.
    #[must_use]
    pub fn lineage(&self) -> &str {
        &self.lineage
    }

    /// The state's key.
    #[must_use]
    pub fn key(&self) -> &StateKey {
        &self.key
    }

    /// How the state's key is found again.
    #[must_use]
    pub fn key_name(&self) -> &KeyName {
        &self.name
    }

    /// What the state was sealed with when it was opened; none when nothing was ever written.
    #[must_use]
    pub fn sealed_with(&self) -> Option<&KeyName> {
        self.used.last()
    }

    /// The lock, and how long it is sure to last.
    #[must_use]
    pub fn tenure(&self) -> &LeaseGuard {
        &self.tenure
    }

    /// Ends the writing: all that was appended is on disk, in a new checkpoint where that is worth
    /// its cost, and the lock is given back.
    ///
    /// # Errors
    /// When the checkpoint cannot be written. What was appended is in the journal all the same.
    pub fn finish(mut self) -> Result<(), StateError> {
        let (answer, answered) = mpsc::channel();
        let sent = self.jobs.send(WriterJob::Finish { answer });
        let done = sent.ok().and_then(|()| answered.recv().ok());
        self.join();
        done.unwrap_or_else(|| Err(StateError::stopped(&self.place)))
    }

    /// Puts a whole state in the place of this one, in one piece, and ends the writing: after a
    /// kill it is either the one or the other. The lineage stays; records that are not as they were
    /// count as written now. Answers the number of the new state.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is as it was.
    pub fn replace(self, state: State) -> Result<u64, StateError> {
        self.put(None, |before| succeeding(before, state))
    }

    /// As [`StateWriter::replace`], with what came from another store: it stays as it is, its
    /// number where that is not taken here.
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

    /// Seals the whole state again, in one piece, and ends the writing. The keys it was sealed with
    /// so far are not to be used again.
    ///
    /// # Errors
    /// When it cannot be written. Then the state is as it was, under the keys it was.
    pub fn rekey(self, name: KeyName, key: StateKey) -> Result<u64, StateError> {
        let retired: Vec<String> =
            self.used.iter().map(|it| it.id.clone()).filter(|it| *it != name.id).collect();
        self.put(Some((name, key)), move |before| {
            let mut state = before.clone();
            state.number += 1;
            state.history.retired_keys.extend(retired);
            state
        })
    }

    /// Leaves word that the state is kept elsewhere now, and ends the writing. No one opens it here
    /// any more.
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

    /// Puts what is made of the state in its place, sealed with this key where there is one.
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

    fn join(&mut self) {
        // With no sender left, the thread ends when it has written all that was appended.
        self.jobs = mpsc::channel().0;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What was appended is written, and the lock is given back; there is no checkpoint.
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

/// What comes after a state.
type NextState = Box<dyn FnOnce(&State) -> State + Send>;

/// What the thread owns.
struct WriterThread {
    held: Box<dyn LockedStore>,
    name: KeyName,
    key: StateKey,
    lineage: String,
    /// None until the session's head is written.
    sealer: Option<FrameSealer>,
    /// Of the last frame.
    number: u64,
    /// The highest number that is known to be on disk.
    synced: u64,
    state: Arc<Mutex<Arc<State>>>,
    journal_length: usize,
    checkpoint_length: usize,
    has_checkpoint: bool,
    limit: usize,
    failed: Option<StateError>,
    /// The groups of blocks that are on disk, or on their way before whatever comes next.
    groups: HashSet<DependencyGroupId>,
    beginning: StateCreation,
}

/// A group of frames on their way to disk.
#[derive(Default)]
struct FrameBatch {
    bytes: Vec<u8>,
    /// Each with who waits for it, where somebody does.
    frames: Vec<(u64, Frame, Option<WriteAnswer>)>,
}

impl WriterThread {
    fn run(mut self, jobs: &Receiver<WriterJob>) {
        while let Ok(first) = jobs.recv() {
            let (mut finish, mut put) = (None, None);
            let waiting = std::iter::once(first).chain(jobs.try_iter()).take(GROUP);
            let mut frames = Vec::new();
            for job in waiting {
                match job {
                    WriterJob::Append { frame, answer } => frames.push((*frame, answer)),
                    WriterJob::Finish { answer } => finish = Some(answer),
                    WriterJob::Put { make, key, answer } => put = Some((make, key, answer)),
                }
            }
            self.write(frames);
            if let Some((make, key, answer)) = put {
                let done = self.put(make, key);
                // The lock is given back before anybody hears that it is.
                drop(self);
                let _ = answer.send(done);
                return;
            }
            match finish {
                Some(answer) => {
                    let done = self.finish();
                    // The lock is given back before anybody hears that it is.
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

    /// Writes frames together, and answers each.
    fn write(&mut self, frames: Vec<(Frame, WriteAnswer)>) {
        let mut group = FrameBatch::default();
        let first = self.number + 1;
        for (frame, answer) in frames {
            let laid_out = self
                .lay_out_groups(&mut group, &frame)
                .and_then(|()| self.lay_out(&mut group.bytes, &frame));
            match laid_out {
                Ok(number) => group.frames.push((number, frame, Some(answer))),
                // Whoever asked may have gone.
                Err(error) => drop(answer.send(Err(error))),
            }
        }
        let written =
            if group.bytes.is_empty() { Ok(()) } else { self.append(first, &group.bytes) };
        if written.is_ok() {
            let mut held = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            let state = Arc::make_mut(&mut held);
            state.number = self.number;
            let mut answers = Vec::with_capacity(group.frames.len());
            for (number, frame, answer) in group.frames {
                state.apply(number, frame);
                answers.push((number, answer));
            }
            drop(held);
            for (number, answer) in answers {
                // Whoever asked may have gone.
                let _ = answer.map(|it| it.send(Ok(number)));
            }
        } else if let Err(error) = written {
            for (.., answer) in group.frames {
                let _ = answer.map(|it| it.send(Err(error.clone())));
            }
        }
    }

    /// Lays out the groups of blocks that a frame names and that are not on disk yet.
    fn lay_out_groups(&mut self, group: &mut FrameBatch, frame: &Frame) -> Result<(), StateError> {
        let to_write = frame.dependencies().map(|it| it.to_write(&self.groups)).unwrap_or_default();
        for named in to_write {
            let frame = Frame::Group(named.record());
            let number = self.lay_out(&mut group.bytes, &frame)?;
            group.frames.push((number, frame, None));
            self.groups.insert(named.id());
        }
        Ok(())
    }

    /// Lays a frame out behind those of its group, with the session's head before the first.
    fn lay_out(&mut self, bytes: &mut Vec<u8>, frame: &Frame) -> Result<u64, StateError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        if let Frame::Intent(intent) = frame {
            self.held
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

    /// Puts a group on disk. A failure is final: what a failed sync left on disk, no one knows.
    fn append(&mut self, first: u64, bytes: &[u8]) -> Result<(), StateError> {
        let started = Instant::now();
        if let Err(error) = self.beginning.make().and_then(|()| self.held.append(first, bytes)) {
            self.failed = Some(error.clone());
            return Err(error);
        }
        let duration_ms = milliseconds_since(started);
        debug!(target: "ha::state", first, last = self.number, bytes = bytes.len(), duration_ms, "frames written");
        self.synced = self.number;
        self.journal_length += bytes.len();
        Ok(())
    }

    /// Takes all back where a first run has come to nothing. Whether it did.
    fn discard(&mut self) -> Result<bool, StateError> {
        let is_in_vain = !self.has_checkpoint
            && self.state.lock().unwrap_or_else(PoisonError::into_inner).is_empty();
        if !self.beginning.is_of_new_state() || !is_in_vain || !self.held.discard()? {
            return Ok(false);
        }
        self.beginning.take_back();
        Ok(true)
    }

    fn checkpoint(&mut self) -> Result<(), StateError> {
        // No one is held up meanwhile.
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let room = self.checkpoint_length + self.journal_length;
        let bytes = checkpoint::encode(&state, self.name.clone(), &self.key, room)?;
        let number = state.number;
        let groups = state.groups_in_use();
        drop(state);
        self.held.checkpoint(number, &bytes)?;
        // A group that nothing names is not in it, and is written again when something does.
        self.groups = groups.iter().map(|it| it.id()).collect();
        // What comes now is a journal of its own, with a head of its own.
        self.sealer = None;
        self.journal_length = 0;
        self.checkpoint_length = bytes.len();
        self.has_checkpoint = true;
        Ok(())
    }

    /// Makes a checkpoint of what comes after this state.
    fn put(
        &mut self,
        make: NextState,
        key: Option<(KeyName, StateKey)>,
    ) -> Result<u64, StateError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.beginning.make()?;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let successor = make(&state);
        let (name, key) = key.as_ref().map_or((&self.name, &self.key), |(name, key)| (name, key));
        let bytes = checkpoint::encode(&successor, name.clone(), key, self.checkpoint_length)?;
        let number = successor.number;
        self.held.checkpoint(number, &bytes)?;
        *state = Arc::new(successor);
        Ok(number)
    }

    /// The run goes on when this fails: the journal has everything. It is tried again when that is
    /// twice as long.
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
        self.held.is_home()?;
        if self.discard()? {
            return Ok(());
        }
        let overdue = !self.has_checkpoint
            || self.checkpoint_length <= SMALL
            || self.journal_length >= self.checkpoint_length / 4;
        if self.journal_length > 0 && overdue {
            let recorded = "everything that was done is recorded in the journal beside it; the next run reads it from there";
            return self.checkpoint().map_err(|error| error.help(recorded));
        }
        if self.sealer.is_some() {
            // Until a later frame says that the last ones were on disk, damage to them would pass
            // for a torn tail.
            let (mut bytes, first) = (Vec::new(), self.number + 1);
            self.seal(&mut bytes, FrameKind::Closed, "", |_| {})?;
            self.append(first, &bytes)?;
        }
        self.held.is_home()
    }
}

/// A state that comes after another: records that are not as they were count as written now.
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
