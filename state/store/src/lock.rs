//! The lock of a state on this machine: a file that the kernel locks, and lets go when its process
//! ends, however it ends. What is written in it is for the message only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ha_files::regular_file;

use crate::{LockInfo, StateError};

/// A look at who holds a lock takes it for a moment; one that wants it tries so often before it
/// gives up.
const TRIES: u32 = 6;
const PAUSE: Duration = Duration::from_millis(20);
/// What is written in a lock file is shorter.
const LARGEST_HOLDER: u64 = 1 << 16;

/// A lock file, locked.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
    path: PathBuf,
    place: String,
}

impl LockFile {
    /// Locks the file at `path`, made where there is none. `place` is what it guards.
    pub(crate) fn lock(path: &Path, place: &str, holder: &LockInfo) -> Result<Self, StateError> {
        let failed =
            |error: &std::io::Error| StateError::io("lock the state by its lock file", path, error);
        let mut tries = 1;
        loop {
            let mut file = open(path).map_err(|error| failed(&error))?;
            match file.try_lock() {
                Ok(()) => {
                    let text = serde_json::to_string(holder).expect("a holder is plain text");
                    let written = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
                    written.map_err(|error| failed(&error))?;
                    let lock = Self { file, path: path.to_owned(), place: place.to_owned() };
                    // Somebody may have removed the file between opening and locking it.
                    if lock.is_held() {
                        return Ok(lock);
                    }
                }
                Err(TryLockError::WouldBlock) if tries >= TRIES => {
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

    /// Who holds the lock at `path`.
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

    /// Says so when the lock file is no longer the one that was locked: then it keeps no one out.
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
        // Only a courtesy to whoever looks into the file: the kernel's lock goes when it is closed,
        // in any case.
        let _ = self.file.set_len(0);
    }
}

fn open(path: &Path) -> std::io::Result<File> {
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
    let mut text = String::new();
    file.take(LARGEST_HOLDER).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}
