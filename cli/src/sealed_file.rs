//! Files that are sealed under the state's key: what they are, whose they are, and the rest for nobody else.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ha_state::{Key, KeyName, Keys, seal, sealed_with};
use zeroize::Zeroizing;

use crate::trouble::Trouble;

/// A sort of sealed file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sort {
    /// The first line of such a file; the lineage follows on the next.
    pub(crate) magic: &'static str,
    /// What the key is used for.
    pub(crate) purpose: &'static str,
}

impl Sort {
    /// The bytes of a file that belongs to this lineage.
    pub(crate) fn sealed(self, lineage: &str, key: &Key, content: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{}\n{lineage}\n", self.magic).into_bytes();
        bytes.extend(seal(key, self.purpose, content));
        bytes
    }

    /// What such a file holds; none when it is no such file.
    ///
    /// # Errors
    /// When its key is not here, or it was altered.
    pub(crate) fn opened(self, bytes: &[u8], keys: &dyn Keys) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let Some((lineage, id, sealed)) = self.parts(bytes) else { return Ok(None) };
        let name = KeyName { id, method: "file".into(), parameters: BTreeMap::new() };
        let key = keys.named(lineage, &name)?;
        Ok(Some(ha_state::open(&key, self.purpose, sealed)?))
    }

    fn parts(self, bytes: &[u8]) -> Option<(&str, String, &[u8])> {
        let rest = bytes.strip_prefix(self.magic.as_bytes())?.strip_prefix(b"\n")?;
        let end = rest.iter().position(|it| *it == b'\n')?;
        let sealed = &rest[end + 1..];
        Some((std::str::from_utf8(&rest[..end]).ok()?, sealed_with(sealed)?, sealed))
    }
}

/// Writes a file that only its owner can read. It appears whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
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
