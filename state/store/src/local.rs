//! A state in a directory on this machine:
//!
//! - `ha.state`, the checkpoint, replaced atomically;
//! - `ha.state.journal`, the later frames; it exists only while there are some;
//! - `ha.state.lock`, locked by the writer;
//! - `ha.state.previous`, the previous checkpoint; `ha.state.previous.2` and so on, older ones.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ha_files::regular_file;

use crate::error::LARGEST_STATE;
use crate::file_header;
use crate::file_header::{FileHeader, HEADER_SIZE};
use crate::lock::LockFile;
use crate::store::{JournalExtent, JournalSegment, Lease, LockedStore, Store, StoreContents};
use crate::{CreatedDirectories, LockInfo, StateError, StateErrorReason};

/// A journal grows by at least so many bytes at a time. A sync after overwriting zeros is four
/// times as fast as one after growing the file, which writes metadata as well.
const MIN_GROWTH: u64 = 1 << 20;
/// The bytes that stay free for the results of steps that have begun: on a full disk, no intent is
/// accepted when less is left.
const RESULT_RESERVE: u64 = MIN_GROWTH / 4;
/// The number of previous checkpoints that are retained.
const PREVIOUS_CHECKPOINTS: usize = 5;
/// How often a load or lock is tried while another process replaces the files.
const MAX_TRIES: u32 = 100;

/// The store of a state in a directory on this machine.
#[derive(Clone, Debug)]
pub struct LocalStore {
    files: StateFiles,
}

#[derive(Clone, Debug)]
struct StateFiles {
    checkpoint: PathBuf,
}

impl LocalStore {
    /// The state of a directory: `ha.state` in it.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self::at(directory.into().join("ha.state"))
    }

    /// The state whose checkpoint is this file; its other files are in the same directory.
    #[must_use]
    pub fn at(checkpoint: impl Into<PathBuf>) -> Self {
        Self { files: StateFiles { checkpoint: checkpoint.into() } }
    }
}

impl StateFiles {
    fn with_suffix(&self, suffix: &str) -> PathBuf {
        let mut name = self.checkpoint.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    fn journal(&self) -> PathBuf {
        self.with_suffix(".journal")
    }

    fn lock(&self) -> PathBuf {
        self.with_suffix(".lock")
    }

    fn previous(&self) -> PathBuf {
        self.earlier(1)
    }

    /// The path of the checkpoint that was replaced so many checkpoints ago.
    fn earlier(&self, ago: usize) -> PathBuf {
        match ago {
            1 => self.with_suffix(".previous"),
            _ => self.with_suffix(&format!(".previous.{ago}")),
        }
    }

    fn place(&self) -> String {
        format!("`{}`", self.checkpoint.display())
    }

    fn directory(&self) -> &Path {
        match self.checkpoint.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }

    /// Syncs the directory: a rename or a removal is on disk only then, also when the file itself
    /// was synced.
    fn sync_directory(&self) -> Result<(), StateError> {
        let directory = self.directory();
        File::open(directory)
            .and_then(|it| it.sync_all())
            .map_err(|error| StateError::io("put on disk what was written in", directory, &error))
    }
}

impl Store for LocalStore {
    fn place(&self) -> String {
        self.files.place()
    }

    /// The absolute path without symbolic links, as far as it exists.
    fn identity(&self) -> String {
        let here = std::path::absolute(&self.files.checkpoint)
            .unwrap_or_else(|_| self.files.checkpoint.clone());
        let real = here.ancestors().find_map(|it| Some((it, fs::canonicalize(it).ok()?)));
        let full = real.and_then(|(there, real)| Some(real.join(here.strip_prefix(there).ok()?)));
        full.unwrap_or(here).display().to_string()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        let path = &self.files.checkpoint;
        let identity = || match fs::metadata(path) {
            Ok(it) => Ok(Some((it.dev(), it.ino(), it.ctime(), it.ctime_nsec(), it.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::io("look at", path, &error)),
        };
        // No lock is taken, so a writer may replace the checkpoint between the two reads, and an
        // old checkpoint with a new journal is no state. The writer renames the checkpoint first,
        // so an unchanged identity proves that both belong together.
        for _ in 0..MAX_TRIES {
            let before = identity()?;
            let checkpoint = read(path)?;
            let journal = read(&self.files.journal())?;
            if before == identity()? {
                return self.loaded(checkpoint, journal);
            }
        }
        let why = "its checkpoint was replaced each time it was read";
        Err(StateError::incomplete(&self.place(), why).help("run the command again"))
    }

    fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        LockFile::holder(&self.files.lock())
    }

    fn lock(&self, holder: &LockInfo) -> Result<Box<dyn LockedStore>, StateError> {
        let directory = self.files.directory();
        let created_directories = CreatedDirectories::new(directory);
        for _ in 0..MAX_TRIES {
            let is_there = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            is_there.map_err(|error| StateError::io("make the directory", directory, &error))?;
            match LockFile::lock(&self.files.lock(), &self.place(), holder) {
                // The previous holder wrote nothing, and removed the directory after it was created
                // here.
                Err(error)
                    if *error.reason() == StateErrorReason::System(io::ErrorKind::NotFound) => {}
                locked => {
                    let lock = locked?;
                    return Ok(Box::new(LockedLocalStore {
                        files: self.files.clone(),
                        lock,
                        created_directories,
                        journal: None,
                        no_room: None,
                    }));
                }
            }
        }
        Err(StateError::locked(&self.place(), None))
    }

    /// Always fails: the kernel releases the lock with its process, so a named holder is running.
    fn break_lock(&self, id: &str) -> Result<(), StateError> {
        match self.holder()? {
            Some(holder) if holder.id == id => {
                Err(StateError::goes_with_its_process(&self.place(), holder))
            }
            holder => Err(StateError::not_locked_by(&self.place(), id, holder)),
        }
    }
}

impl LocalStore {
    fn loaded(
        &self,
        checkpoint: Option<Vec<u8>>,
        journal: Option<Vec<u8>>,
    ) -> Result<StoreContents, StateError> {
        let previous = self.files.previous();
        // A missing checkpoint must not look like a new state: the next apply would create
        // everything a second time.
        if checkpoint.is_none() && journal.is_none() && previous.exists() {
            let why =
                format!("it is missing, but the one before it, `{}`, is there", previous.display());
            let help = "copy that over it to go back to it; or, to begin again and forget what was made, remove it too";
            return Err(StateError::incomplete(&self.place(), why).help(help));
        }
        let mut segments = Vec::new();
        if let Some(mut bytes) = journal {
            let place = format!("`{}`", self.files.journal().display());
            let FileHeader { number, length, .. } =
                FileHeader::parse(file_header::StateFileKind::Journal, &bytes, &place)?;
            // A journal that was cut off may have lost acknowledged frames, and no later frame
            // would reveal it: only the length in the header does. Earlier versions wrote no
            // length.
            if (bytes.len() as u64) < length {
                let why = format!(
                    "it is cut off: it has {} bytes, and was made with {length}",
                    bytes.len()
                );
                return Err(StateError::damaged(&place, why));
            }
            bytes.drain(..HEADER_SIZE);
            segments.push(JournalSegment { number, bytes });
        }
        Ok(StoreContents { checkpoint, segments })
    }
}

/// A local state under its lock.
struct LockedLocalStore {
    files: StateFiles,
    lock: LockFile,
    /// The directories that were created for the state.
    created_directories: CreatedDirectories,
    journal: Option<JournalFile>,
    /// Why the journal could not grow, while there is still some room.
    no_room: Option<StateError>,
}

/// An open journal.
struct JournalFile {
    file: File,
    path: PathBuf,
    /// The number of its first frame.
    number: u64,
    /// The offset behind the last frame.
    end: u64,
    /// The size of the file.
    length: u64,
}

impl LockedStore for LockedLocalStore {
    fn lease(&self) -> Lease {
        Lease::lasting()
    }

    fn resume(&mut self, kept: Option<JournalExtent>) -> Result<(), StateError> {
        self.lock.check()?;
        let path = self.files.journal();
        let Some(JournalExtent { length, .. }) = kept else { return remove(&path) };
        let end = (HEADER_SIZE + length) as u64;
        self.journal = Some(JournalFile::resume(path, end)?);
        Ok(())
    }

    fn append(&mut self, number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.lock.check()?;
        let journal = match &mut self.journal {
            Some(journal) => journal,
            none => none.insert(JournalFile::create(&self.files, number, bytes.len() as u64)?),
        };
        journal.append(bytes)?;
        // Grown ahead of need: a disk that is full stops the next intent, and the results of steps
        // that have begun still fit.
        self.no_room = match journal.length - journal.end < RESULT_RESERVE {
            true => journal.grow(0).err(),
            false => None,
        };
        Ok(())
    }

    fn checkpoint(&mut self, _number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.lock.check()?;
        let path = &self.files.checkpoint;
        let draft = self.files.with_suffix(".new");
        write_new_file(&draft, bytes)
            .map_err(|error| StateError::io("write a checkpoint to", &draft, &error))?;
        // The rename is the moment of replacement: before it, a kill leaves the old checkpoint with
        // its journal; after it, the new one, which includes that journal.
        self.keep_previous()?;
        fs::rename(&draft, path).map_err(|error| StateError::io("replace", path, &error))?;
        self.files.sync_directory()?;
        // Only after the directory is synced: removed earlier, a power failure could undo the
        // rename and keep the removal. A removal that is lost does no harm, as the checkpoint has
        // all frames.
        self.journal = None;
        self.no_room = None;
        remove(&self.files.journal())
    }

    fn discard(&mut self) -> Result<bool, StateError> {
        self.lock.check()?;
        self.journal = None;
        remove(&self.files.journal()).map(|()| true)
    }

    fn has_room(&self) -> Result<(), StateError> {
        self.no_room.clone().map_or(Ok(()), Err)
    }
}

/// Removes the lock file and created directories where nothing was written.
impl Drop for LockedLocalStore {
    fn drop(&mut self) {
        let files = &self.files;
        let is_there = [files.checkpoint.clone(), files.journal(), files.previous()]
            .iter()
            .any(|it| it.exists());
        if is_there || self.lock.check().is_err() {
            return;
        }
        // A process that waits for the lock notices that the path names another file.
        let _ = fs::remove_file(files.lock());
        self.created_directories.remove();
    }
}

impl LockedLocalStore {
    /// Gives the checkpoint a second name by a hard link, because a rename would leave a moment
    /// without `ha.state`.
    fn keep_previous(&self) -> Result<(), StateError> {
        let (path, previous, draft) = (
            &self.files.checkpoint,
            self.files.previous(),
            self.files.with_suffix(".previous.new"),
        );
        // A draft that a kill left may be a link to an older checkpoint.
        remove(&draft)?;
        let same = |a: &Path, b: &Path| {
            let identity = |it: &Path| fs::metadata(it).map(|it| (it.dev(), it.ino())).ok();
            identity(a).is_some_and(|it| Some(it) == identity(b))
        };
        // A writer that was killed before the replacement has done this already; doing it again
        // would push an older checkpoint out.
        if same(path, &previous) {
            return Ok(());
        }
        let kept = match fs::hard_link(path, &draft) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Some file systems have no hard links.
            Err(_) => regular_file::read(path, LARGEST_STATE)
                .and_then(|bytes| write_new_file(&draft, &bytes)),
            Ok(()) => Ok(()),
        };
        let rotated = || {
            // From the oldest on, so that each rename finds its target free.
            for ago in (1..PREVIOUS_CHECKPOINTS).rev() {
                match fs::rename(self.files.earlier(ago), self.files.earlier(ago + 1)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            fs::rename(&draft, &previous)
        };
        kept.and_then(|()| rotated())
            .map_err(|error| StateError::io("keep the checkpoint so far as", &previous, &error))
    }
}

impl JournalFile {
    /// Creates a journal that begins with this frame. Written to a draft, synced and renamed, so
    /// that a kill never leaves a part of one.
    fn create(files: &StateFiles, number: u64, needed: u64) -> Result<Self, StateError> {
        let (path, draft) = (files.journal(), files.with_suffix(".journal.new"));
        let length = MIN_GROWTH.max(needed + RESULT_RESERVE);
        let mut bytes = vec![0; usize::try_from(length).expect("what is in memory fits in it")];
        bytes[..HEADER_SIZE].copy_from_slice(&head(number, length));
        write_new_file(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|error| StateError::io("make the journal", &path, &error))?;
        files.sync_directory()?;
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(|error| StateError::io("open", &path, &error))?;
        Ok(Self { file, path, number, end: HEADER_SIZE as u64, length })
    }

    /// Opens the existing journal up to `end`. Overwrites what is behind with zeros: it was never
    /// acknowledged, and behind new frames it could be read as valid ones.
    fn resume(path: PathBuf, end: u64) -> Result<Self, StateError> {
        let failed = |error: io::Error| StateError::io("open", &path, &error);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let (mut head, mut tail) = ([0; HEADER_SIZE], Vec::new());
        file.read_exact_at(&mut head, 0).map_err(failed)?;
        let number = FileHeader::parse(
            file_header::StateFileKind::Journal,
            &head,
            &format!("`{}`", path.display()),
        )?
        .number;
        let length = file.metadata().map_err(failed)?.len();
        tail.resize(
            usize::try_from(length.saturating_sub(end))
                .expect("it was in memory when it was loaded"),
            0,
        );
        file.read_exact_at(&mut tail, end).map_err(failed)?;
        let journal = Self { file, path, number, end, length: length.max(end) };
        let used = tail.iter().rposition(|it| *it != 0).map_or(0, |last| last + 1);
        let cleared = journal.file.write_all_at(&vec![0; used], end);
        // The writer of the existing frames may have been killed between write and sync, and the
        // frames from now on state that they are on disk.
        cleared.and_then(|()| journal.file.sync_all()).map_err(|error| {
            StateError::io("put on disk what was written to", &journal.path, &error)
        })?;
        Ok(journal)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), StateError> {
        let size = bytes.len() as u64;
        if self.length - self.end < size {
            self.grow(size)?;
        }
        // `sync_data` is enough: within the preallocated zeros the size of the file does not
        // change.
        let written = self.file.write_all_at(bytes, self.end).and_then(|()| self.file.sync_data());
        written.map_err(|error| StateError::io("write to", &self.path, &error))?;
        self.end += size;
        Ok(())
    }

    /// Grows the file by zeros. Shrinks it again when the disk has not enough room.
    fn grow(&mut self, needed: u64) -> Result<(), StateError> {
        let by = MIN_GROWTH.max(self.length / 4).max(needed + RESULT_RESERVE);
        let zeros = vec![0; usize::try_from(by).expect("what is in memory fits in it")];
        let grown =
            self.file.write_all_at(&zeros, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = grown {
            let shrunk = self.file.set_len(self.length);
            return Err(StateError::io("make room in", &self.path, &shrunk.err().unwrap_or(error)));
        }
        self.length += by;
        // The header follows the growth: a kill between the two leaves a journal that is longer
        // than its header states, which is valid, while a shorter one would count as cut off.
        let header_written = self
            .file
            .write_all_at(&head(self.number, self.length), 0)
            .and_then(|()| self.file.sync_data());
        header_written.map_err(|error| StateError::io("write to", &self.path, &error))
    }
}

/// The first bytes of a journal.
fn head(number: u64, length: u64) -> [u8; HEADER_SIZE] {
    FileHeader { file: file_header::StateFileKind::Journal, number, length }.to_bytes()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match regular_file::read(path, LARGEST_STATE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io("read", path, &error)),
    }
}

/// Writes and syncs a file that only its owner can read. Replaces what a kill left, and removes
/// what it cannot finish.
fn write_new_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // The disk may be full because of it. If it cannot be removed, the next write replaces it.
        let _ = fs::remove_file(path);
    })
}

fn remove(path: &Path) -> Result<(), StateError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(StateError::io("remove", path, &error))
        }
        _ => Ok(()),
    }
}
