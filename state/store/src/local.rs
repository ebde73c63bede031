//! A state in a directory of this machine:
//!
//! - `ha.state`, the checkpoint, replaced as a whole;
//! - `ha.state.journal`, what was done since, there only while there is something in it;
//! - `ha.state.lock`, locked by whoever writes;
//! - `ha.state.previous`, the checkpoint before; `ha.state.previous.2` and so on, some of those before that.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ha_files::regular_file;

use crate::error::LARGEST_STATE;
use crate::file_header;
use crate::file_header::{FileHeader, PREAMBLE};
use crate::lock::LockFile;
use crate::store::{JournalExtent, JournalSegment, Lease, LockedStore, Store, StoreContents};
use crate::{CreatedDirectories, LockInfo, StateError, StateErrorReason};

/// A journal grows by at least so much at a time: writing over zeros is four times as fast as
/// growing.
const CHUNK: u64 = 1 << 20;
/// Room that is kept free for the results of steps that have begun.
const RESERVE: u64 = CHUNK / 4;
/// So many checkpoints before the current one are kept.
const KEPT: usize = 5;
/// How often a load is tried again when a checkpoint is replaced meanwhile.
const TRIES: u32 = 100;

/// A state in a directory of this machine.
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

    /// The state whose checkpoint is this file; its other files lie beside it.
    #[must_use]
    pub fn at(checkpoint: impl Into<PathBuf>) -> Self {
        Self { files: StateFiles { checkpoint: checkpoint.into() } }
    }
}

impl StateFiles {
    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.checkpoint.clone().into_os_string();
        name.push(suffix);
        name.into()
    }

    fn journal(&self) -> PathBuf {
        self.beside(".journal")
    }

    fn lock(&self) -> PathBuf {
        self.beside(".lock")
    }

    fn previous(&self) -> PathBuf {
        self.earlier(1)
    }

    /// The checkpoint that was replaced so many checkpoints ago.
    fn earlier(&self, ago: usize) -> PathBuf {
        match ago {
            1 => self.beside(".previous"),
            _ => self.beside(&format!(".previous.{ago}")),
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

    /// Puts names that were just made or removed on disk.
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

    /// Its whole path. What does not exist yet of it is no link.
    fn identity(&self) -> String {
        let here = std::path::absolute(&self.files.checkpoint)
            .unwrap_or_else(|_| self.files.checkpoint.clone());
        let real = here.ancestors().find_map(|it| Some((it, fs::canonicalize(it).ok()?)));
        let whole = real.and_then(|(there, real)| Some(real.join(here.strip_prefix(there).ok()?)));
        whole.unwrap_or(here).display().to_string()
    }

    fn load(&self) -> Result<StoreContents, StateError> {
        let path = &self.files.checkpoint;
        let identity = || match fs::metadata(path) {
            Ok(it) => Ok(Some((it.dev(), it.ino(), it.ctime(), it.ctime_nsec(), it.len()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(StateError::io("look at", path, &error)),
        };
        // A checkpoint and a journal from before and after it was replaced are no state. Whoever
        // replaces it renames the checkpoint first.
        for _ in 0..TRIES {
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
        let made = CreatedDirectories::new(directory);
        for _ in 0..TRIES {
            let is_there = DirBuilder::new().recursive(true).mode(0o700).create(directory);
            is_there.map_err(|error| StateError::io("make the directory", directory, &error))?;
            match LockFile::lock(&self.files.lock(), &self.place(), holder) {
                // Somebody has just left without writing anything, and taken the directory along.
                Err(error)
                    if *error.reason() == StateErrorReason::System(io::ErrorKind::NotFound) => {}
                locked => {
                    let lock = locked?;
                    return Ok(Box::new(LockedLocalStore {
                        files: self.files.clone(),
                        lock,
                        made,
                        journal: None,
                        no_room: None,
                    }));
                }
            }
        }
        Err(StateError::locked(&self.place(), None))
    }

    /// The lock is the kernel's: whoever is named as its holder is at work.
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
            // What is missing at its end may have been frames, of which nothing else tells. Earlier
            // versions said no length.
            if (bytes.len() as u64) < length {
                let why = format!(
                    "it is cut off: it has {} bytes, and was made with {length}",
                    bytes.len()
                );
                return Err(StateError::damaged(&place, why));
            }
            bytes.drain(..PREAMBLE);
            segments.push(JournalSegment { number, bytes });
        }
        Ok(StoreContents { checkpoint, segments })
    }
}

/// A local state under its lock.
struct LockedLocalStore {
    files: StateFiles,
    lock: LockFile,
    /// The directories that were made for it.
    made: CreatedDirectories,
    journal: Option<JournalFile>,
    /// Why the journal could not be given more room, while there is still some left.
    no_room: Option<StateError>,
}

/// An open journal.
struct JournalFile {
    file: File,
    path: PathBuf,
    /// Of its first frame.
    number: u64,
    /// Behind the last frame.
    end: u64,
    /// How much room the file has.
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
        let end = (PREAMBLE + length) as u64;
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
        self.no_room = match journal.length - journal.end < RESERVE {
            true => journal.grow(0).err(),
            false => None,
        };
        Ok(())
    }

    fn checkpoint(&mut self, _number: u64, bytes: &[u8]) -> Result<(), StateError> {
        self.lock.check()?;
        let path = &self.files.checkpoint;
        let draft = self.files.beside(".new");
        write_whole(&draft, bytes)
            .map_err(|error| StateError::io("write a checkpoint to", &draft, &error))?;
        self.keep_previous()?;
        fs::rename(&draft, path).map_err(|error| StateError::io("replace", path, &error))?;
        self.files.sync_directory()?;
        // If this removal is lost with the power, the journal holds nothing that the checkpoint
        // does not.
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

/// Where nothing was written, nothing is left.
impl Drop for LockedLocalStore {
    fn drop(&mut self) {
        let files = &self.files;
        let is_there = [files.checkpoint.clone(), files.journal(), files.previous()]
            .iter()
            .any(|it| it.exists());
        if is_there || self.lock.check().is_err() {
            return;
        }
        // Whoever waits for the lock sees that its file is another one by then.
        let _ = fs::remove_file(files.lock());
        self.made.remove();
    }
}

impl LockedLocalStore {
    /// Gives the checkpoint a second name. There is no moment without `ha.state`.
    fn keep_previous(&self) -> Result<(), StateError> {
        let (path, previous, draft) =
            (&self.files.checkpoint, self.files.previous(), self.files.beside(".previous.new"));
        remove(&draft)?;
        let same = |a: &Path, b: &Path| {
            let identity = |it: &Path| fs::metadata(it).map(|it| (it.dev(), it.ino())).ok();
            identity(a).is_some_and(|it| Some(it) == identity(b))
        };
        // One that was killed before it replaced the checkpoint has done this already.
        if same(path, &previous) {
            return Ok(());
        }
        let kept = match fs::hard_link(path, &draft) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // Some file systems know no second names.
            Err(_) => regular_file::read(path, LARGEST_STATE)
                .and_then(|bytes| write_whole(&draft, &bytes)),
            Ok(()) => Ok(()),
        };
        let rotated = || {
            for ago in (1..KEPT).rev() {
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
    /// A journal that begins with this frame. It appears whole.
    fn create(files: &StateFiles, number: u64, needed: u64) -> Result<Self, StateError> {
        let (path, draft) = (files.journal(), files.beside(".journal.new"));
        let length = CHUNK.max(needed + RESERVE);
        let mut bytes = vec![0; usize::try_from(length).expect("what is in memory fits in it")];
        bytes[..PREAMBLE].copy_from_slice(&head(number, length));
        write_whole(&draft, &bytes)
            .and_then(|()| fs::rename(&draft, &path))
            .map_err(|error| StateError::io("make the journal", &path, &error))?;
        files.sync_directory()?;
        let file = OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(|error| StateError::io("open", &path, &error))?;
        Ok(Self { file, path, number, end: PREAMBLE as u64, length })
    }

    /// The journal that is there, up to `end`. What is behind was never acknowledged and is
    /// overwritten with zeros, lest it be taken for frames once others stand before it.
    fn resume(path: PathBuf, end: u64) -> Result<Self, StateError> {
        let failed = |error: io::Error| StateError::io("open", &path, &error);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let (mut head, mut tail) = ([0; PREAMBLE], Vec::new());
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
        // Who wrote the frames that are there may have been killed before they were on disk. From
        // now on frames say that they are.
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
        let written = self.file.write_all_at(bytes, self.end).and_then(|()| self.file.sync_data());
        written.map_err(|error| StateError::io("write to", &self.path, &error))?;
        self.end += size;
        Ok(())
    }

    /// Makes room, and gives up what was made of it when there is not enough.
    fn grow(&mut self, needed: u64) -> Result<(), StateError> {
        let by = CHUNK.max(self.length / 4).max(needed + RESERVE);
        let zeros = vec![0; usize::try_from(by).expect("what is in memory fits in it")];
        let grown =
            self.file.write_all_at(&zeros, self.length).and_then(|()| self.file.sync_data());
        if let Err(error) = grown {
            let shrunk = self.file.set_len(self.length);
            return Err(StateError::io("make room in", &self.path, &shrunk.err().unwrap_or(error)));
        }
        self.length += by;
        // Only now: one that is killed before leaves a journal that is longer than it says.
        let said = self
            .file
            .write_all_at(&head(self.number, self.length), 0)
            .and_then(|()| self.file.sync_data());
        said.map_err(|error| StateError::io("write to", &self.path, &error))
    }
}

/// What a journal begins with.
fn head(number: u64, length: u64) -> [u8; PREAMBLE] {
    FileHeader { file: file_header::StateFileKind::Journal, number, length }.to_bytes()
}

fn read(path: &Path) -> Result<Option<Vec<u8>>, StateError> {
    match regular_file::read(path, LARGEST_STATE) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(StateError::io("read", path, &error)),
    }
}

/// Writes a file that only its owner can read, and puts it on disk. One left over from a kill is
/// made again; one that cannot be finished is not left.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes).and_then(|()| file.sync_all()).inspect_err(|_| {
        // The room it took may be what is missing; if it stays, the next one replaces it.
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
