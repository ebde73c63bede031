//! Files that are sealed under the state's key: what they are, whose they are, and the rest for no
//! one else.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ha_files::regular_file;
use ha_state_store::{KeyName, KeyProvider, StateKey, seal, sealed_with};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::output::command_error::CommandError;

/// How large such a file may be, and what is pushed as a state: what is larger would fill the
/// memory.
pub(crate) const LARGEST_SEALED: u64 = 1 << 30;

/// A sort of sealed file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedFileKind {
    /// What the first line says that it is.
    pub(crate) what: &'static str,
    /// What the key is used for.
    pub(crate) purpose: &'static str,
}

/// The second line of such a file: whose it is, and how its key is found.
#[derive(Serialize, Deserialize)]
struct SealedFileHeader {
    lineage: String,
    key: KeyName,
}

impl SealedFileKind {
    /// What is in a file; none when it does not begin as such a file does.
    pub(crate) fn read(self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        if self.begins(path)? {
            regular_file::read(path, LARGEST_SEALED).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether a file begins as such a file does.
    pub(crate) fn begins(self, path: &Path) -> io::Result<bool> {
        let expected = format!("ha {} ", self.what);
        let mut mark = Vec::new();
        regular_file::open(path)?.take(expected.len() as u64).read_to_end(&mut mark)?;
        Ok(mark == expected.as_bytes())
    }

    /// The bytes of a file that belongs to this lineage.
    pub(crate) fn sealed(
        self,
        lineage: &str,
        (name, key): &(KeyName, StateKey),
        content: &[u8],
    ) -> Vec<u8> {
        let head = SealedFileHeader { lineage: lineage.to_owned(), key: name.clone() };
        let head = serde_json::to_string(&head).expect("a head is plain text");
        let mut bytes = format!("ha {} 2\n{head}\n", self.what).into_bytes();
        bytes.extend(seal(key, self.purpose, content));
        bytes
    }

    /// What such a file holds; none when it is no such file.
    ///
    /// # Errors
    /// When its key is not here, or it was altered.
    pub(crate) fn opened(
        self,
        bytes: &[u8],
        keys: &dyn KeyProvider,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, CommandError> {
        let Some((SealedFileHeader { lineage, key }, sealed)) = self.parts(bytes) else {
            return Ok(None);
        };
        let key = keys.named(&lineage, &key)?;
        Ok(Some(ha_state_store::open(&key, self.purpose, sealed)?))
    }

    fn parts(self, bytes: &[u8]) -> Option<(SealedFileHeader, &[u8])> {
        let rest = bytes.strip_prefix(b"ha ")?.strip_prefix(self.what.as_bytes())?;
        let (format, rest) = rest.strip_prefix(b" ")?.split_first_chunk::<2>()?;
        let end = rest.iter().position(|it| *it == b'\n')?;
        let (head, sealed) = (&rest[..end], &rest[end + 1..]);
        match format {
            b"2\n" => Some((serde_json::from_slice(head).ok()?, sealed)),
            // Only key files were known then, and the second line was the lineage alone.
            b"1\n" => {
                let key = KeyName {
                    id: sealed_with(sealed)?,
                    method: "file".into(),
                    parameters: BTreeMap::new(),
                };
                Some((
                    SealedFileHeader { lineage: std::str::from_utf8(head).ok()?.to_owned(), key },
                    sealed,
                ))
            }
            _ => None,
        }
    }
}

/// Writes a file that only its owner can read. It appears whole or not at all. A device is written
/// to, and stays one; so does a link.
///
/// # Errors
/// When it cannot be written, or when something else than a file or a device has its name.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // Renaming over it would take `/dev/null` away from the whole machine.
    match fs::metadata(path).map(|it| it.file_type()) {
        Ok(found) if found.is_char_device() => {
            return OpenOptions::new().write(true).open(path)?.write_all(bytes);
        }
        Ok(found) if !found.is_file() => {
            return Err(io::Error::other("there is something else than a file by this name"));
        }
        _ => {}
    }
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let draft = PathBuf::from(draft);
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        write(&path("plan"), b"first").unwrap();
        write(&path("plan"), b"second").unwrap();
        assert_eq!(fs::read(path("plan")).unwrap(), b"second");
        fs::create_dir(path("folder")).unwrap();
        assert!(write(&path("folder"), b"x").is_err() && path("folder").is_dir());
        let _socket = std::os::unix::net::UnixListener::bind(path("socket")).unwrap();
        assert!(write(&path("socket"), b"x").is_err());
        assert!(
            fs::symlink_metadata(path("socket")).unwrap().file_type().is_socket(),
            "it is still there"
        );
        std::os::unix::fs::symlink(path("plan"), path("link")).unwrap();
        write(&path("link"), b"third").unwrap();
        assert_eq!(fs::read(path("plan")).unwrap(), b"third");
        // By a name that may be replaced without harm, should it be.
        std::os::unix::fs::symlink("/dev/null", path("null")).unwrap();
        write(&path("null"), b"x").unwrap();
        assert!(
            fs::symlink_metadata(path("null")).unwrap().is_symlink(),
            "what is written to a device is gone"
        );
    }
}
