//! Sources of keys, and key files as one of them.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use ha_files::regular_file;
use ha_files::regular_file::LARGEST_KEY;
use ha_value::shell_word;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::lineage::{from_hex, is_lineage, random_hex};
use crate::{CompanionFile, CreatedDirectories, StateError, StateKey};

/// The method in the names of keys in files.
const METHOD: &str = "file";

/// A source of keys: key files, a passphrase, or a key service.
pub trait KeyProvider: Send + Sync {
    /// The key with which something of this lineage is sealed.
    ///
    /// # Errors
    /// When the key is missing, or the source has another one.
    fn named(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError>;

    /// The key to seal with from now on, and its name: the `used` one where it is of this source. A
    /// missing key is created where the policy allows that.
    ///
    /// # Errors
    /// When there is none and none may be made.
    fn current(
        &self,
        lineage: &str,
        used: Option<&KeyName>,
    ) -> Result<(KeyName, StateKey), StateError>;

    /// A new key for a new state, where it has none and the policy allows one. It is stored only
    /// when its companion file is created.
    ///
    /// # Errors
    /// When it cannot be determined whether the state has a key.
    fn first(&self, lineage: &str) -> Result<Option<NewKey>, StateError> {
        let _ = lineage;
        Ok(None)
    }

    /// The key that replaces the current one: a new one, where the source can create one.
    ///
    /// # Errors
    /// When there is none and none can be made.
    fn next(&self, lineage: &str) -> Result<(KeyName, StateKey), StateError> {
        self.current(lineage, None)
    }

    /// Makes the key of [`KeyProvider::next`] the current one: the state is sealed with it now.
    ///
    /// # Errors
    /// When that cannot be stored. The key is found by its id all the same.
    fn taken(&self, lineage: &str, name: &KeyName) -> Result<(), StateError> {
        let _ = (lineage, name);
        Ok(())
    }
}

/// A key that is not stored yet.
pub struct NewKey {
    /// How it will be found again.
    pub name: KeyName,
    /// The key.
    pub key: StateKey,
    /// The file that stores it when it is created.
    pub file: Box<dyn CompanionFile>,
}

/// How a key is found again; stored unencrypted in the header of what it seals.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeyName {
    /// The key's id.
    pub id: String,
    /// Where the key comes from: `file`, `passphrase`, `aws_kms`.
    pub method: String,
    /// What finding the key needs, such as the salt of a passphrase.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
}

/// Whether a key may be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyPolicy {
    /// A person is present, who is asked to back a new key up.
    Interactive,
    /// A machine that is discarded afterwards, with the only copy of a key, must not create one.
    Automation,
}

/// A key, and its file if it was just created, so that the operator can be asked to back it up.
#[derive(Debug)]
pub struct DiscoveredKey {
    /// The key.
    pub key: StateKey,
    /// The file that was just created for it.
    pub made: Option<PathBuf>,
}

/// The key files of a user: `LINEAGE.key` in one directory, and `LINEAGE.ID.key` for previous keys;
/// or one named file for all states.
#[derive(Clone, Debug)]
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

    /// The key files of the current user: in `HA_STATE_KEY_FILE`, else below `XDG_CONFIG_HOME` or
    /// `~/.config`. No key is created where `CI` or `HA_IN_AUTOMATION` is set.
    #[must_use]
    pub fn from_environment() -> Self {
        Self::from_variables(|name| {
            std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from)
        })
    }

    fn from_variables(variable: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let home = || variable("HOME").unwrap_or_else(|| PathBuf::from("/")).join(".config");
        // The XDG base directory specification requires that a relative path is ignored.
        let configuration =
            variable("XDG_CONFIG_HOME").filter(|it| it.is_absolute()).unwrap_or_else(home);
        let automation = ["CI", "HA_IN_AUTOMATION"].iter().any(|it| variable(it).is_some());
        let policy = if automation { KeyPolicy::Automation } else { KeyPolicy::Interactive };
        Self {
            file: variable("HA_STATE_KEY_FILE"),
            ..Self::new(configuration.join("ha/keys"), policy)
        }
    }

    /// As [`KeyRing::from_environment`], but ignores `HA_STATE_KEY_FILE`.
    #[must_use]
    pub fn of_user() -> Self {
        Self { file: None, ..Self::from_environment() }
    }

    /// Whether keys can be created: not where one file is named.
    #[must_use]
    pub fn makes_keys(&self) -> bool {
        self.file.is_none()
    }

    /// Uses one file for all states.
    #[must_use]
    pub fn with_file(mut self, file: impl Into<PathBuf>) -> Self {
        self.file = Some(file.into());
        self
    }

    /// The path of the current key of a lineage, which may not exist.
    #[must_use]
    pub fn path(&self, lineage: &str) -> PathBuf {
        self.file.clone().unwrap_or_else(|| self.directory.join(format!("{lineage}.key")))
    }

    /// The key of a lineage; none when there is no file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no key.
    pub fn find(&self, lineage: &str) -> Result<Option<StateKey>, StateError> {
        if !is_lineage(lineage) {
            return Err(StateError::no_lineage(lineage));
        }
        self.read(&self.path(lineage))
    }

    /// The key of a lineage with this id; else its current key, if any.
    fn find_id(&self, lineage: &str, id: &str) -> Result<Option<StateKey>, StateError> {
        let found = self.find(lineage)?;
        if self.file.is_some()
            || found.as_ref().is_some_and(|it| it.id() == id)
            || from_hex(id).is_none()
        {
            return Ok(found);
        }
        let other = self.read(&self.path_of(lineage, id))?;
        Ok(other.filter(|it| it.id() == id).or(found))
    }

    /// The path of a key of a lineage that is no longer the current one, or not yet.
    fn path_of(&self, lineage: &str, id: &str) -> PathBuf {
        self.directory.join(format!("{lineage}.{id}.key"))
    }

    /// The file with the key of this id, if there is one.
    #[must_use]
    pub fn file_of(&self, lineage: &str, id: &str) -> Option<PathBuf> {
        let all = [self.path(lineage), self.path_of(lineage, id)];
        all.into_iter().find(|it| self.read(it).ok().flatten().is_some_and(|key| key.id() == id))
    }

    fn read(&self, path: &Path) -> Result<Option<StateKey>, StateError> {
        let text = match regular_file::read_to_string(path, LARGEST_KEY) {
            Ok(text) => Zeroizing::new(text),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                return Err(StateError::not_a_key(path, "it holds no key of `ha`"));
            }
            Err(error) if regular_file::is_refusal(&error) => {
                return Err(StateError::not_a_key(path, &error.to_string()));
            }
            Err(error) => return Err(StateError::io("read the key file", path, &error)),
        };
        // A file that the operator named may be a mounted secret, whose mode the operator cannot
        // choose.
        if self.file.is_none() {
            let metadata = fs::metadata(path)
                .map_err(|error| StateError::io("look at the key file", path, &error))?;
            let mode = metadata.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                let why = format!("others may read it (its mode is {mode:04o})");
                return Err(StateError::not_a_key(path, &why)
                    .help(format!("run `chmod 600 {}`", shell_word(&path.display().to_string()))));
            }
        }
        StateKey::from_file(&text, path).map(Some)
    }

    /// The key of a lineage; a missing one is created where the policy allows that.
    ///
    /// # Errors
    /// When there is none and none may be made, or it cannot be read or written.
    pub fn find_or_make(&self, lineage: &str) -> Result<DiscoveredKey, StateError> {
        if let Some(key) = self.find(lineage)? {
            return Ok(DiscoveredKey { key, made: None });
        }
        let path = self.path(lineage);
        if self.policy == KeyPolicy::Automation || self.file.is_some() {
            return Err(StateError::missing_key(lineage, &path, None));
        }
        self.put(&path, &StateKey::random())
            .map_err(|error| StateError::io("make the key file", &path, &error))?;
        // Read back, because another process may have created a key first, and that one counts.
        let key =
            self.find(lineage)?.ok_or_else(|| StateError::missing_key(lineage, &path, None))?;
        Ok(DiscoveredKey { key, made: Some(path) })
    }

    /// A new key for a lineage without one; none where it has a key, or the policy forbids one.
    fn new_key(&self, lineage: &str) -> Result<Option<NewKey>, StateError> {
        if self.policy == KeyPolicy::Automation
            || self.file.is_some()
            || self.find(lineage)?.is_some()
        {
            return Ok(None);
        }
        let (key, path) = (StateKey::random(), self.path(lineage));
        let file = Box::new(NewKeyFile {
            ring: self.clone(),
            path,
            key: key.clone(),
            directories: CreatedDirectories::default(),
        });
        Ok(Some(NewKey { name: name_of(&key), key, file }))
    }

    /// Creates a key file atomically, and never replaces one: a hard link fails where the name
    /// exists, which a rename does not.
    fn put(&self, path: &Path, key: &StateKey) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.directory)?;
        let draft = path.with_extension(random_hex(8));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        let written = file.write_all(key.to_file().as_bytes()).and_then(|()| file.sync_all());
        let placed = written.and_then(|()| fs::hard_link(&draft, path));
        fs::remove_file(&draft)?;
        match placed {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => fs::File::open(&self.directory)?.sync_all(),
        }
    }
}

impl KeyProvider for KeyRing {
    fn named(&self, lineage: &str, name: &KeyName) -> Result<StateKey, StateError> {
        if name.method != METHOD {
            return Err(StateError::other_source(lineage, name, "a key file is what there is"));
        }
        let path = self.path(lineage);
        let key = self
            .find_id(lineage, &name.id)?
            .ok_or_else(|| StateError::missing_key(lineage, &path, Some(&name.id)))?;
        if key.id() == name.id {
            Ok(key)
        } else {
            Err(StateError::wrong_key(lineage, &name.id, key.id(), &path))
        }
    }

    fn current(
        &self,
        lineage: &str,
        used: Option<&KeyName>,
    ) -> Result<(KeyName, StateKey), StateError> {
        // A rotation that was killed between sealing the state and renaming the files leaves the
        // new key in its own file; the state names it.
        let used = used.filter(|it| it.method == METHOD && self.file.is_none());
        if let Some(key) = used.map(|it| self.find_id(lineage, &it.id)).transpose()?.flatten()
            && used.is_some_and(|it| it.id == key.id())
        {
            return Ok((name_of(&key), key));
        }
        let key = self.find_or_make(lineage)?.key;
        Ok((name_of(&key), key))
    }

    fn first(&self, lineage: &str) -> Result<Option<NewKey>, StateError> {
        self.new_key(lineage)
    }

    fn next(&self, lineage: &str) -> Result<(KeyName, StateKey), StateError> {
        if !is_lineage(lineage) {
            return Err(StateError::no_lineage(lineage));
        }
        if self.policy == KeyPolicy::Automation || self.file.is_some() {
            return self.current(lineage, None);
        }
        let key = StateKey::random();
        // The new key has a file of its own until the state is sealed with it, so that a kill
        // before that leaves the old key the current one.
        let path = self.path_of(lineage, key.id());
        self.put(&path, &key)
            .map_err(|error| StateError::io("make the key file", &path, &error))?;
        let there = self.read(&path)?.filter(|it| it.id() == key.id());
        let key = there
            .ok_or_else(|| StateError::not_a_key(&path, "it is not what was just written there"))?;
        Ok((name_of(&key), key))
    }

    fn taken(&self, lineage: &str, name: &KeyName) -> Result<(), StateError> {
        let (new, path) = (self.path_of(lineage, &name.id), self.path(lineage));
        if self.file.is_some() || !new.exists() {
            return Ok(());
        }
        let failed =
            |error: io::Error| StateError::io("put the new key in the place of", &path, &error);
        // The old key still opens backups and sealed plans, so it is retained under its id before
        // the new one takes its name.
        if let Some(old) = self.find(lineage)? {
            let kept = self.path_of(lineage, old.id());
            match fs::hard_link(&path, &kept) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    self.put(&kept, &old).map_err(failed)?
                }
                _ => {}
            }
        }
        fs::rename(&new, &path)
            .and_then(|()| fs::File::open(&self.directory)?.sync_all())
            .map_err(failed)
    }
}

/// The file of a key with which nothing is sealed yet.
struct NewKeyFile {
    ring: KeyRing,
    path: PathBuf,
    key: StateKey,
    directories: CreatedDirectories,
}

impl NewKeyFile {
    fn is_there(&self) -> Result<bool, StateError> {
        Ok(self.ring.read(&self.path)?.is_some_and(|it| it.id() == self.key.id()))
    }
}

impl CompanionFile for NewKeyFile {
    fn make(&mut self) -> Result<(), StateError> {
        self.directories = CreatedDirectories::new(&self.ring.directory);
        self.ring
            .put(&self.path, &self.key)
            .map_err(|error| StateError::io("make the key file", &self.path, &error))?;
        match self.is_there()? {
            true => Ok(()),
            false => Err(StateError::not_a_key(
                &self.path,
                "another process has just put another key there",
            )
            .help("run the command again: it takes that one")),
        }
    }

    fn remove(&mut self) {
        // An error is ignored: a superfluous key does no harm.
        if self.is_there().unwrap_or_default() {
            let _ = fs::remove_file(&self.path);
            self.directories.remove();
        }
    }
}

/// The name of a key in a file.
fn name_of(key: &StateKey) -> KeyName {
    KeyName { id: key.id().to_owned(), method: METHOD.into(), parameters: BTreeMap::new() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{StateErrorReason, new_lineage};

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_key_is_created_once_and_readable_by_its_owner_only() {
        let home = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(home.path().join("ha/keys"), KeyPolicy::Interactive);
        let lineage = new_lineage();
        let first = ring.find_or_make(&lineage).unwrap();
        let path = home.path().join(format!("ha/keys/{lineage}.key"));
        assert_eq!(first.made.as_deref(), Some(&*path));
        assert_eq!((mode(&path), mode(&home.path().join("ha/keys"))), (0o600, 0o700));
        let again = ring.find_or_make(&lineage).unwrap();
        assert_eq!((again.key.id(), again.made), (first.key.id(), None));
        assert_ne!(ring.find_or_make(&new_lineage()).unwrap().key.id(), first.key.id());
        assert_eq!(
            fs::read_dir(home.path().join("ha/keys")).unwrap().count(),
            2,
            "no drafts are left"
        );
    }

    #[test]
    fn concurrent_creations_give_one_key() {
        let home = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(home.path(), KeyPolicy::Interactive);
        let lineage = new_lineage();
        let ids: std::collections::BTreeSet<String> = std::thread::scope(|scope| {
            let makers: Vec<_> =
                (0..8).map(|_| scope.spawn(|| ring.find_or_make(&lineage).unwrap())).collect();
            makers.into_iter().map(|it| it.join().unwrap().key.id().to_owned()).collect()
        });
        assert_eq!(ids.len(), 1);
    }

    #[test]
    fn automation_creates_no_key() {
        let home = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(home.path(), KeyPolicy::Automation);
        let error = ring.find_or_make(&new_lineage()).unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::MissingKey);
        assert!(
            error.error().help.iter().any(|it| it.contains("ha state key --new > FILE")),
            "{error:?}"
        );
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_named_file_is_used_and_never_created() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("mounted");
        let ring = KeyRing::new(home.path(), KeyPolicy::Interactive).with_file(&file);
        assert_eq!(
            ring.find_or_make(&new_lineage()).unwrap_err().reason(),
            &StateErrorReason::MissingKey
        );
        let key = StateKey::random();
        fs::write(&file, &*key.to_file()).unwrap();
        assert_eq!(ring.find_or_make(&new_lineage()).unwrap().key.id(), key.id());
    }

    #[test]
    fn the_environment_sets_the_directory_and_the_policy() {
        let ring = |set: &[(&str, &str)]| {
            KeyRing::from_variables(|name| {
                set.iter().find(|(it, _)| *it == name).map(|(_, value)| PathBuf::from(value))
            })
        };
        let at_home = ring(&[("HOME", "/home/ops")]);
        assert_eq!(at_home.path("l"), Path::new("/home/ops/.config/ha/keys/l.key"));
        assert_eq!(at_home.policy, KeyPolicy::Interactive);
        let elsewhere = ring(&[("HOME", "/home/ops"), ("XDG_CONFIG_HOME", "/c"), ("CI", "true")]);
        assert_eq!(elsewhere.path("l"), Path::new("/c/ha/keys/l.key"));
        assert_eq!(elsewhere.policy, KeyPolicy::Automation);
        assert_eq!(ring(&[("HA_IN_AUTOMATION", "1")]).policy, KeyPolicy::Automation);
        assert_eq!(ring(&[("HA_STATE_KEY_FILE", "/run/key")]).path("l"), Path::new("/run/key"));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(home.path(), KeyPolicy::Interactive);
        let lineage = new_lineage();
        let path = ring.find_or_make(&lineage).unwrap().made.unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = ring.find(&lineage).unwrap_err();
        assert!(
            error.to_string().contains("0644")
                && error.error().help.iter().any(|it| it.contains("chmod 600")),
            "{error:?}"
        );
    }

    #[test]
    fn a_lineage_cannot_name_another_directory() {
        let ring = KeyRing::new("/nowhere", KeyPolicy::Interactive);
        assert_eq!(ring.find("../../etc/shadow").unwrap_err().reason(), &StateErrorReason::Damaged);
    }

    #[test]
    fn an_interrupted_rotation_finds_both_keys() {
        let home = tempfile::tempdir().unwrap();
        let ring = KeyRing::new(home.path(), KeyPolicy::Interactive);
        let lineage = new_lineage();
        let (old, _) = ring.current(&lineage, None).unwrap();
        let (new, _) = ring.next(&lineage).unwrap();
        assert_ne!(new, old);
        // Before the state is sealed again, the old one is the one; after it, the new one.
        assert_eq!(ring.current(&lineage, Some(&old)).unwrap().0, old);
        assert_eq!(ring.current(&lineage, Some(&new)).unwrap().0, new);
        assert_eq!(ring.named(&lineage, &new).unwrap().id(), new.id);
        ring.taken(&lineage, &new).unwrap();
        ring.taken(&lineage, &new).unwrap();
        assert_eq!(ring.find(&lineage).unwrap().unwrap().id(), new.id);
        for name in [&old, &new] {
            assert_eq!(ring.named(&lineage, name).unwrap().id(), name.id);
        }
        let mut files: Vec<String> = fs::read_dir(home.path())
            .unwrap()
            .map(|it| it.unwrap().file_name().into_string().unwrap())
            .collect();
        files.sort();
        let mut expected = [format!("{lineage}.key"), format!("{lineage}.{}.key", old.id)];
        expected.sort();
        assert_eq!(files, expected);
    }
}
