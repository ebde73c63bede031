//! A whole state in one file: a session header, the entries sorted by address, an index of the
//! addresses, and a footer with the position of the index. A checkpoint appears atomically, so,
//! other than in a journal, no part of it may be missing.

use std::collections::BTreeMap;

use ha_value::{Address, Name};
use serde::{Deserialize, Serialize};

use crate::envelope::{self, FrameEnvelope, FrameLabel, FrameSealer, TooLarge, VERSION};
use crate::file_header::{FileHeader, HEADER_SIZE, StateFileKind};
use crate::journal::JournalPosition;
use crate::session::{KeyCache, SessionHeader, SessionPart};
use crate::{KeyName, StateError, StateKey};
use ha_state_model::Obligation;
use ha_state_model::frame::FrameKind;
use ha_state_model::{GroupRecord, OutputRecord, ProviderName, ProviderRecord, Record};
use ha_state_model::{LastRun, State, UnfinishedStep};

/// The size of the footer: index position u64, entries u64, checksum u32, and the end mark.
const FOOTER: usize = 24;
const END_MARK: &[u8; 4] = b"end\n";
/// With fewer entries for each, starting threads costs more than they save.
const MIN_ENTRIES_PER_THREAD: usize = 2_000;

/// One entry, which is laid out as one frame.
enum CheckpointEntry {
    Head(CheckpointHead),
    Provider(ProviderName, ProviderRecord),
    Outputs(BTreeMap<Name, OutputRecord>),
    Unfinished(Box<UnfinishedStep>),
    Obligation(Obligation),
    Record(Box<Record>),
    Deposed(String, Box<Record>),
    Group(GroupRecord),
}

/// The kind of an entry, which its header holds unencrypted. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum EntryKind {
    Head = 64,
    Provider = 65,
    Outputs = 66,
    Unfinished = 67,
    Obligation = 68,
    Record = 69,
    Deposed = 70,
    Group = 71,
    Index = 127,
}

/// The parts of a state that exist once.
#[derive(Serialize, Deserialize)]
struct CheckpointHead {
    attempts: u64,
    run: Option<LastRun>,
}

impl CheckpointEntry {
    /// Parses an entry of this kind; none for an unknown kind.
    fn read(kind: u8, body: &[u8]) -> serde_json::Result<Option<Self>> {
        const HEAD: u8 = EntryKind::Head as u8;
        const PROVIDER: u8 = EntryKind::Provider as u8;
        const OUTPUTS: u8 = EntryKind::Outputs as u8;
        const UNFINISHED: u8 = EntryKind::Unfinished as u8;
        const OBLIGATION: u8 = EntryKind::Obligation as u8;
        const RECORD: u8 = EntryKind::Record as u8;
        const DEPOSED: u8 = EntryKind::Deposed as u8;
        const GROUP: u8 = EntryKind::Group as u8;
        Ok(Some(match kind {
            HEAD => CheckpointEntry::Head(serde_json::from_slice(body)?),
            PROVIDER => {
                let (name, record) = serde_json::from_slice(body)?;
                CheckpointEntry::Provider(name, record)
            }
            OUTPUTS => CheckpointEntry::Outputs(serde_json::from_slice(body)?),
            UNFINISHED => CheckpointEntry::Unfinished(serde_json::from_slice(body)?),
            OBLIGATION => CheckpointEntry::Obligation(serde_json::from_slice(body)?),
            RECORD => CheckpointEntry::Record(serde_json::from_slice(body)?),
            DEPOSED => {
                let (key, record) = serde_json::from_slice(body)?;
                CheckpointEntry::Deposed(key, record)
            }
            GROUP => CheckpointEntry::Group(serde_json::from_slice(body)?),
            _ => return Ok(None),
        }))
    }
}

/// Encodes a checkpoint. `capacity` is its estimated size: a buffer that grows leaves copies
/// behind.
pub(crate) fn encode(
    state: &State,
    name: KeyName,
    key: &StateKey,
    capacity: usize,
) -> Result<Vec<u8>, StateError> {
    let State {
        lineage,
        number,
        records,
        deposed,
        providers,
        outputs,
        unfinished,
        obligations,
        run,
        attempts,
        history,
        groups: _,
    } = state;
    let (session, sealer) = SessionHeader::begin(
        SessionPart::Checkpoint,
        (lineage, *number),
        history.clone(),
        name,
        key,
    );
    let mut bytes = Vec::with_capacity(HEADER_SIZE + capacity);
    bytes.resize(HEADER_SIZE, 0);
    let mut draft = CheckpointDraft { bytes, sealer, entries: 0 };
    let head =
        FrameLabel { number: 0, synced_through: 0, kind: FrameKind::Session as u8, address: "" };
    let write_session = |body: &mut Vec<u8>| write(body, &session);
    envelope::append(&mut draft.bytes, head, None, write_session)
        .map_err(|TooLarge| StateError::too_large("the head"))?;

    // Groups come before the entries that name them, because `decode` resolves names as it reads.
    draft.add(EntryKind::Head, "", &CheckpointHead { attempts: *attempts, run: run.clone() })?;
    for group in state.groups_in_use() {
        draft.add(EntryKind::Group, "", &group.record())?;
    }
    for provider in providers {
        draft.add(EntryKind::Provider, "", &provider)?;
    }
    draft.add(EntryKind::Outputs, "", outputs)?;
    for it in unfinished.values() {
        draft.add(EntryKind::Unfinished, &it.intent.address.to_string(), it)?;
    }
    for it in obligations.values() {
        draft.add(EntryKind::Obligation, "", it)?;
    }
    let mut index = Vec::with_capacity(records.len());
    for (address, record) in records {
        let text = address.to_string();
        let at = draft.bytes.len();
        draft.add(EntryKind::Record, &text, record)?;
        // The index lists recorded instances only, which is what `addresses` returns.
        index.push((text, at));
    }
    for ((address, key), record) in deposed {
        draft.add(EntryKind::Deposed, &address.to_string(), &(key, record))?;
    }
    draft.finish(*number, &index)
}

struct CheckpointDraft {
    bytes: Vec<u8>,
    sealer: FrameSealer,
    entries: u64,
}

impl CheckpointDraft {
    fn add(
        &mut self,
        kind: EntryKind,
        address: &str,
        content: &impl Serialize,
    ) -> Result<(), StateError> {
        self.entries += 1;
        let label =
            FrameLabel { number: self.entries, synced_through: 0, kind: kind as u8, address };
        envelope::append(&mut self.bytes, label, Some(&self.sealer), |body| write(body, content))
            .map_err(|TooLarge| StateError::too_large(address))
    }

    fn finish(mut self, number: u64, index: &Vec<(String, usize)>) -> Result<Vec<u8>, StateError> {
        let at = self.bytes.len();
        self.add(EntryKind::Index, "", index)?;
        let mut foot = Vec::with_capacity(FOOTER);
        foot.extend((at as u64).to_le_bytes());
        foot.extend(self.entries.to_le_bytes());
        foot.extend(crc32fast::hash(&foot).to_le_bytes());
        foot.extend(END_MARK);
        self.bytes.extend(foot);
        let length = self.bytes.len() as u64;
        self.bytes[..HEADER_SIZE].copy_from_slice(
            &FileHeader { file: StateFileKind::Checkpoint, number, length }.to_bytes(),
        );
        Ok(self.bytes)
    }
}

fn write(body: &mut Vec<u8>, content: &impl Serialize) {
    serde_json::to_writer(body, content).expect("what a state holds has only text keys");
}

/// The parts of a complete checkpoint.
struct CheckpointParts {
    session: SessionHeader,
    /// All entries but the index.
    entries: Vec<FrameEnvelope>,
    index: FrameEnvelope,
}

/// The place that the state was moved to, as the unencrypted header holds it; not authenticated.
pub(crate) fn moved_to(bytes: &[u8], place: &str) -> Result<Option<String>, StateError> {
    Ok(parse(bytes, place)?.session.history.moved_to)
}

/// Decodes a checkpoint, decrypting the bytes in place. Returns the key's name as well.
pub(crate) fn decode(
    bytes: &mut [u8],
    keys: &mut KeyCache<'_>,
    place: &str,
) -> Result<(State, KeyName), StateError> {
    let CheckpointParts { session, entries, index: _ } = parse(bytes, place)?;
    let sealer = session.sealer(SessionPart::Checkpoint, keys, place)?;
    let SessionHeader { lineage, number, history, key, .. } = session;
    let mut state = State { lineage, number, history, ..State::default() };
    let mut records = Vec::with_capacity(entries.len());
    for entry in open_all(bytes, &entries, &sealer, place)? {
        match entry {
            CheckpointEntry::Head(CheckpointHead { attempts, run }) => {
                (state.attempts, state.run) = (attempts, run)
            }
            CheckpointEntry::Group(group) => {
                let group = group.group(&state.groups);
                state.groups.insert(group.id(), group);
            }
            CheckpointEntry::Provider(name, mut record) => {
                record.dependencies.resolve(&state.groups);
                state.providers.insert(name, record);
            }
            CheckpointEntry::Outputs(outputs) => state.outputs = outputs,
            CheckpointEntry::Unfinished(mut it) => {
                it.intent.dependencies.resolve(&state.groups);
                state.unfinished.insert(it.intent.attempt, *it);
            }
            CheckpointEntry::Obligation(it) => {
                state.obligations.insert(it.id.clone(), it);
            }
            CheckpointEntry::Record(mut record) => {
                record.dependencies.resolve(&state.groups);
                records.push((record.address.clone(), *record));
            }
            CheckpointEntry::Deposed(key, mut record) => {
                record.dependencies.resolve(&state.groups);
                state.deposed.insert((record.address.clone(), key), *record);
            }
        }
    }
    // A map that is collected from a sorted list is built without a search for each entry.
    state.records = records.into_iter().collect();
    Ok((state, key))
}

/// The addresses of all records in a checkpoint, from the index alone.
pub(crate) fn addresses(
    bytes: &mut [u8],
    keys: &mut KeyCache<'_>,
    place: &str,
) -> Result<(JournalPosition, Vec<Address>), StateError> {
    let CheckpointParts { session, index, .. } = parse(bytes, place)?;
    let sealer = session.sealer(SessionPart::Checkpoint, keys, place)?;
    let damaged = || StateError::damaged(place, "its index of addresses was altered");
    let body = index.open(&mut bytes[index.start..index.end], &sealer).ok_or_else(damaged)?;
    let index: Vec<(Address, u64)> = serde_json::from_slice(body).map_err(|_| damaged())?;
    // Here the header was authenticated by the key, so the place can be believed.
    if let Some(to) = &session.history.moved_to {
        return Err(StateError::moved(place, to));
    }
    let position = JournalPosition {
        lineage: session.lineage,
        number: session.number,
        keys: vec![session.key],
    };
    Ok((position, index.into_iter().map(|(address, _)| address).collect()))
}

/// The lineage and the last number of a checkpoint, from its unencrypted header.
pub(crate) fn position(bytes: &[u8], place: &str) -> Result<JournalPosition, StateError> {
    let CheckpointParts { session, .. } = parse(bytes, place)?;
    Ok(JournalPosition {
        lineage: session.lineage,
        number: session.number,
        ..JournalPosition::default()
    })
}

/// Checks that a checkpoint is complete, and locates its parts. Needs no key.
fn parse(bytes: &[u8], place: &str) -> Result<CheckpointParts, StateError> {
    let header = FileHeader::parse(StateFileKind::Checkpoint, bytes, place)?;
    // From the outside inwards: the length, the footer, then each frame by its checksum.
    let length = bytes.len() as u64;
    if length != header.length {
        let why = format!("it has {length} bytes and should have {}", header.length);
        let help = "`ha` never leaves one like this; restore it from a backup, or from `ha.state.previous` beside it";
        return Err(StateError::incomplete(place, why).help(help));
    }
    let damaged = |at: usize| {
        StateError::damaged(place, format!("what is at byte {at} is not what was written there"))
    };
    let foot_at = bytes
        .len()
        .checked_sub(FOOTER)
        .filter(|at| *at >= HEADER_SIZE)
        .ok_or_else(|| damaged(0))?;
    let foot = &bytes[foot_at..];
    let count = foot.get(8..16).and_then(|it| it.try_into().ok()).map(u64::from_le_bytes);
    let index_at = foot.first_chunk().copied().map(u64::from_le_bytes);
    // The checksum of the footer is checked before its position of the index is used.
    if foot[16..20] != crc32fast::hash(&foot[..16]).to_le_bytes() || foot[20..] != *END_MARK {
        return Err(damaged(foot_at));
    }
    let frames = &bytes[..foot_at];
    let mut entries = Vec::new();
    let mut at = HEADER_SIZE;
    while at < foot_at {
        let entry = FrameEnvelope::at(frames, at).ok_or_else(|| damaged(at))?;
        if entry.version > VERSION {
            return Err(StateError::newer_format(place, entry.version.into(), VERSION.into()));
        }
        // Entries are counted, so that none can be left out or moved.
        if entry.number != entries.len() as u64 {
            return Err(damaged(at));
        }
        at = entry.end;
        entries.push(entry);
    }
    let index = entries
        .pop()
        .filter(|it| it.kind == EntryKind::Index as u8 && Some(it.start as u64) == index_at);
    let index = index.filter(|it| Some(it.number) == count).ok_or_else(|| damaged(foot_at))?;
    let head = entries
        .first()
        .filter(|it| it.kind == FrameKind::Session as u8)
        .ok_or_else(|| damaged(HEADER_SIZE))?;
    let session = SessionHeader::parse(&bytes[head.body..head.end], place)?;
    if session.number != header.number {
        return Err(damaged(HEADER_SIZE));
    }
    Ok(CheckpointParts { session, entries: entries.split_off(1), index })
}

/// Opens all entries, on several threads where there are many: decryption and parsing take most of
/// the time of opening a large state.
fn open_all(
    bytes: &mut [u8],
    entries: &[FrameEnvelope],
    sealer: &FrameSealer,
    place: &str,
) -> Result<Vec<CheckpointEntry>, StateError> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = entries.len().div_ceil(threads).max(MIN_ENTRIES_PER_THREAD);
    let mut rest = bytes;
    let mut offset = 0;
    let mut shares = Vec::new();
    for entries in entries.chunks(share) {
        let end = entries.last().map_or(offset, |it| it.end);
        let (mine, behind) = rest.split_at_mut(end - offset);
        shares.push((entries, offset, mine));
        (rest, offset) = (behind, end);
    }
    let opened: Vec<Result<Vec<CheckpointEntry>, StateError>> = std::thread::scope(|scope| {
        let work = |(entries, offset, bytes)| open_share(entries, offset, bytes, sealer, place);
        let mut shares = shares.into_iter();
        let first = shares.next();
        let others: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
        // This thread opens the first share while the others run.
        let first = first.map(work);
        first
            .into_iter()
            .chain(others.into_iter().map(|it| it.join().expect("opening does not panic")))
            .collect()
    });
    let mut all = Vec::with_capacity(entries.len());
    for share in opened {
        all.extend(share?);
    }
    Ok(all)
}

fn open_share(
    entries: &[FrameEnvelope],
    offset: usize,
    bytes: &mut [u8],
    sealer: &FrameSealer,
    place: &str,
) -> Result<Vec<CheckpointEntry>, StateError> {
    let mut open = |envelope: &FrameEnvelope| {
        let frame = &mut bytes[envelope.start - offset..envelope.end - offset];
        let altered = || {
            StateError::damaged(
                place,
                format!("the entry at byte {} does not open under the state's key", envelope.start),
            )
        };
        let body = envelope.open(frame, sealer).ok_or_else(altered)?;
        // The message of serde may quote the content, which may be secret.
        let unreadable = |it: serde_json::Error| {
            let why = format!(
                "the entry at byte {} is unreadable at column {} ({:?})",
                envelope.start,
                it.column(),
                it.classify()
            );
            StateError::damaged(place, why)
        };
        let entry = CheckpointEntry::read(envelope.kind, body).map_err(unreadable)?;
        entry.ok_or_else(|| StateError::newer_frame(place, envelope.number, envelope.kind))
    };
    let mut opened: Vec<CheckpointEntry> = Vec::with_capacity(entries.len());
    for envelope in entries {
        let mut entry = open(envelope)?;
        // Entries are sorted, so neighbours are mostly of one block and have equal names.
        if let (CheckpointEntry::Record(record), Some(CheckpointEntry::Record(before))) =
            (&mut entry, opened.last())
        {
            record.share(before);
        }
        opened.push(entry);
    }
    Ok(opened)
}
