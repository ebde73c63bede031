//! The lock of a local state: a file that the kernel locks, and unlocks when the process ends, even
//! when it is killed. The content of the file is for messages only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_files::regular_file;

use crate::{LockInfo, StateError};

/// Reading who holds a lock acquires it for a moment, so acquiring one is tried several times.
const MAX_TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);
/// The largest content of a lock file that is read, in bytes.
const LARGEST_HOLDER: u64 = 1 << 16;

/// A locked lock file.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
    place: String,
}

impl LockFile {
    /// Locks the file at `path`, which is created where it is missing. `place` is for messages.
    pub(crate) fn lock(path: &Path, place: &str, holder: &LockInfo) -> Result<Self, StateError> {
        let failed =
            |error: &std::io::Error| StateError::io("lock the state by its lock file", path, error);
        let mut tries = 1;
        loop {
            let mut file = open(path).map_err(|error| failed(&error))?;
            match file.try_lock() {
                Ok(()) => {
                    let json = serde_json::to_string(holder).expect("a holder is plain text");
                    let written = file.set_len(0).and_then(|()| file.write_all(json.as_bytes()));
                    written.map_err(|error| failed(&error))?;
                    let lock = Self { file, path: path.to_owned(), place: place.to_owned() };
                    // The previous holder may have removed the file between open and lock. A lock
                    // on a removed file excludes no one.
                    if lock.is_held() {
                        return Ok(lock);
                    }
                }
                Err(TryLockError::WouldBlock) if tries >= MAX_TRIES => {
                    return Err(StateError::locked(place, read(&mut file)));
                }
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
                Err(TryLockError::Error(error)) => {
                    return Err(failed(&error).help(
                        "the file system must support locks; keep the state on a local disk",
                    ));
                }
            }
            tries += 1;
        }
    }

    /// The holder of the lock at `path`; none when it is free.
    pub(crate) fn holder(path: &Path) -> Result<Option<LockInfo>, StateError> {
        let failed = |error: &std::io::Error| StateError::io("read the lock file", path, error);
        let mut file = match regular_file::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(&error)),
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(read(&mut file)),
            Err(TryLockError::Error(error)) => Err(failed(&error)),
        }
    }

    /// Fails when the path names another file than the locked one: the lock then excludes no one.
    pub(crate) fn check(&self) -> Result<(), StateError> {
        if self.is_held() { Ok(()) } else { Err(StateError::lock_lost(&self.place)) }
    }

    fn is_held(&self) -> bool {
        let locked = self.file.metadata().map(|it| (it.dev(), it.ino()));
        let there = fs::metadata(&self.path).map(|it| (it.dev(), it.ino()));
        matches!((locked, there), (Ok(locked), Ok(there)) if locked == there)
    }
}

impl Drop for LockFile {
    fn drop(&mut self) {
        // Only for people who read the file: closing it releases the lock in any case.
        let _ = self.file.set_len(0);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    // Something else than a regular file under this name is an error; a missing file is created.
    match regular_file::open(path) {
        Err(error) if regular_file::is_refusal(&error) => Err(error),
        _ => OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path),
    }
}

fn read(file: &mut File) -> Option<LockInfo> {
    let mut json = String::new();
    file.take(LARGEST_HOLDER).read_to_string(&mut json).ok()?;
    serde_json::from_str(&json).ok()
}
