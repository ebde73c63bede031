//! Files sealed under the state's key, such as plans and copies of a state: a line with the format,
//! a line with lineage and key name, then the sealed content.

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

/// The largest sealed file or pushed state in bytes; it is read into memory as one piece.
pub(crate) const LARGEST_SEALED: u64 = 1 << 30;

/// The format of a sealed file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SealedFileKind {
    /// The name of the format in the first line.
    pub(crate) what: &'static str,
    /// The purpose that the content is sealed for; a file of another purpose does not open.
    pub(crate) purpose: &'static str,
}

/// The second line of a sealed file: the state's lineage, and the name of the key.
#[derive(Serialize, Deserialize)]
struct SealedFileHeader {
    lineage: String,
    key: KeyName,
}

impl SealedFileKind {
    /// The bytes of a file; none if it does not begin with this format's mark.
    pub(crate) fn read(self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        if self.begins(path)? {
            regular_file::read(path, LARGEST_SEALED).map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether a file begins with this format's mark.
    pub(crate) fn begins(self, path: &Path) -> io::Result<bool> {
        let expected = format!("ha {} ", self.what);
        let mut mark = Vec::new();
        regular_file::open(path)?.take(expected.len() as u64).read_to_end(&mut mark)?;
        Ok(mark == expected.as_bytes())
    }

    /// The bytes of a sealed file for a state of this lineage.
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

    /// The opened content; none if the bytes are of another format.
    ///
    /// # Errors
    /// When its key is not available, or the content was altered.
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
            // Format 1 is from when key files were the only keys: its second line is the lineage
            // alone, and the key's id is part of the sealed bytes.
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

/// Writes a file with mode 0600, atomically. A device is written to directly, and a link is
/// followed.
///
/// # Errors
/// When it cannot be written, or the path names something else than a file or a character device.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // The rename below would replace `/dev/null` itself, for every process of the machine.
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
    // The draft is next to the target, because a rename is atomic within one file system only.
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
