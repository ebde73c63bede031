//! Where keys are kept.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::lineage::{is_lineage, random_hex};
use crate::{Key, StateError};

/// Gives a state its key. Key files are one way; a passphrase or a key service are others.
pub trait Keys: Send + Sync {
    /// The key that something of this lineage says it is sealed with.
    ///
    /// # Errors
    /// When it is not there, or what is there is another.
    fn named(&self, lineage: &str, name: &KeyName) -> Result<Key, StateError>;

    /// The key to seal with from now on, and how it is found again. Made where there is none and that is allowed.
    ///
    /// # Errors
    /// When there is none and none may be made.
    fn current(&self, lineage: &str) -> Result<(KeyName, Key), StateError>;
}

/// How a key is found again; stands in clear at the head of what it seals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyName {
    /// The key's id.
    pub id: String,
    /// Where the key comes from: `file`.
    pub method: String,
    /// What finding it takes, such as the salt of a passphrase.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub parameters: std::collections::BTreeMap<String, String>,
}

/// Whether a key may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPolicy {
    /// Somebody is there to be told to back it up.
    Interactive,
    /// A machine that is thrown away afterwards must not make keys.
    Automation,
}

/// A key, and where it lies if it was made just now: the operator must be told to back it up.
#[derive(Debug)]
pub struct FoundKey {
    /// The key.
    pub key: Key,
    /// The file made for it just now.
    pub made: Option<PathBuf>,
}

/// The key files of a user: `LINEAGE.key` in one directory, or one file named for all.
#[derive(Debug)]
pub struct KeyRing {
    directory: PathBuf,
    file: Option<PathBuf>,
    policy: KeyPolicy,
}

impl KeyRing {
    /// The key files in a directory.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>, policy: KeyPolicy) -> Self {
        Self { directory: directory.into(), file: None, policy }
    }

    /// The key files of who runs this: in `HA_STATE_KEY_FILE`, else below `XDG_CONFIG_HOME` or `~/.config`. None is
    /// made where `CI` or `HA_IN_AUTOMATION` is set.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from))
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".config");
        // The convention has it that a relative path here is to be passed over.
        let configuration = variable("XDG_CONFIG_HOME").filter(|it| it.is_absolute()).unwrap_or_else(home);
        let automation = ["CI", "HA_IN_AUTOMATION"].iter().any(|it| variable(it).is_some());
        let policy = if automation { KeyPolicy::Automation } else { KeyPolicy::Interactive };
        Self { file: variable("HA_STATE_KEY_FILE"), ..Self::new(configuration.join("ha/keys"), policy) }
    }

    /// With one file for whatever state is asked for.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// Where the key of a lineage lies, or would.
    #[must_use]
    pub fn path(&self, lineage: &str) -> PathBuf {
        self.file.clone().unwrap_or_else(|| self.directory.join(format!("{lineage}.key")))
    }

    /// The key of a lineage; none when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn find(&self, lineage: &str) -> Result<Option<Key>, StateError> {
        if !is_lineage(lineage) {
            return Err(StateError::no_lineage(lineage));
        }
        let path = self.path(lineage);
        let text = match fs::read_to_string(&path) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StateError::not_a_key(&path, "it holds no key of `ha`"));
            }
            Err(error) => return Err(StateError::io("read the key file", &path, &error)),
        };
        // A file that the operator named may be a mounted secret, whose mode is not theirs to choose.
        if self.file.is_none() {
            let metadata = fs::metadata(&path).map_err(|error| StateError::io("look at the key file", &path, &error))?;
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let why = format!("others may read it (its mode is {mode:04o})");
                let path = path.display();
                return Err(StateError::not_a_key(Path::new(&self.path(lineage)), &why).help(format!("run `chmod 600 '{path}'`")));
            }
        }
        Key::from_file(&text, &path).map(Some)
    }

    /// The key of a lineage, made where there is none and somebody is there to be told.
    ///
    /// # Errors
    /// When there is none and none may be made, or it cannot be read or written.
    pub fn find_or_make(&self, lineage: &str) -> Result<FoundKey, StateError> {
        if let Some(key) = self.find(lineage)? {
            return Ok(FoundKey { key, made: None });
        }
        let path = self.path(lineage);
        if self.policy == KeyPolicy::Automation || self.file.is_some() {
            return Err(StateError::missing_key(lineage, &path, None));
        }
        self.make(&path).map_err(|error| StateError::io("make the key file", &path, &error))?;
        // Another process may have been first; what lies there is the key.
        let key = self.find(lineage)?.ok_or_else(|| StateError::missing_key(lineage, &path, None))?;
        Ok(FoundKey { key, made: Some(path) })
    }

    /// Makes a key file that is there whole or not at all, and never in the place of another.
    fn make(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let draft = path.with_extension(random_hex(8));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = file.write_all(Key::random().to_file().as_bytes()).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| fs::hard_link(&draft, path));
        fs::remove_file(&draft)?;
        match placed {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(&self.directory)?.sync_all(),
        }
    }
}

impl Keys for KeyRing {
    fn named(&self, lineage: &str, name: &KeyName) -> Result<Key, StateError> {
        let path = self.path(lineage);
        let key = self.find(lineage)?.ok_or_else(|| StateError::missing_key(lineage, &path, Some(&name.id)))?;
        if key.id() == name.id { Ok(key) } else { Err(StateError::wrong_key(lineage, &name.id, key.id(), &path)) }
    }

    fn current(&self, lineage: &str) -> Result<(KeyName, Key), StateError> {
        let key = self.find_or_make(lineage)?.key;
        let name = KeyName { id: key.id().to_owned(), method: "file".into(), parameters: std::collections::BTreeMap::new() };
        Ok((name, key))
    }
}
