//! Where a configuration's state is kept, and its key.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ha_kind::Address;
use ha_run::Cancel;
use ha_state::{
    Holder, Key, KeyName, Keys, Opening, Reason, State, Store, Surroundings, Writer, addresses, open_for_writing, open_with_key,
};

use crate::backends::backends;
use crate::environment::Environment;
use crate::keys::StateKeys;
use crate::trouble::Trouble;
use crate::whereabouts::Whereabouts;

/// Where the state of a local configuration is kept.
const STATE: &str = ".ha";
/// Where copies of it are kept, in there.
const BACKUPS: &str = "backups";

/// Where a configuration's state is kept, and its key.
pub(crate) struct Place {
    store: Box<dyn Store>,
    /// Where this machine keeps what belongs to it.
    directory: PathBuf,
    keys: StateKeys,
    /// What the state was sealed with when it was last read.
    used: Mutex<Option<KeyName>>,
}

impl Place {
    /// The place of the state of the configuration in a directory, in an environment, kept where that says.
    ///
    /// # Errors
    /// When what it says is not known, or makes no sense.
    pub(crate) fn of(
        directory: &Path,
        environment: Option<&Environment>,
        whereabouts: &Whereabouts,
        keys: StateKeys,
    ) -> Result<Self, Trouble> {
        // The directory worked in needs no name.
        let whole = if directory == Path::new(".") { PathBuf::from(STATE) } else { directory.join(STATE) };
        let local = environment.map_or(whole.clone(), |it| whole.join(it.state()));
        let surroundings = Surroundings {
            directory: directory.to_owned(),
            local: local.clone(),
            environment: environment.map(|it| it.name().to_owned()),
        };
        let store = whereabouts.open(&backends(), &surroundings)?;
        Ok(Self { store, directory: local, keys, used: Mutex::default() })
    }

    /// The state as it is; takes no lock.
    pub(crate) fn state(&self) -> Result<State, Trouble> {
        let (state, used) = open_with_key(&*self.store, &self.keys)?;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = used;
        Ok(state)
    }

    /// The addresses of all that is recorded; takes no lock.
    pub(crate) fn addresses(&self) -> Result<BTreeSet<Address>, Trouble> {
        Ok(addresses(&*self.store, &self.keys)?)
    }

    /// The key to seal with, and how it is found again.
    pub(crate) fn key(&self, lineage: &str) -> Result<(KeyName, Key), Trouble> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.keys.current(lineage, used.as_ref())?)
    }

    /// How the key is found again that the state was sealed with when it was last read.
    pub(crate) fn used(&self) -> Option<KeyName> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys of the state.
    pub(crate) fn keys(&self) -> &StateKeys {
        &self.keys
    }

    /// Where copies of the state are kept before it is rewritten.
    pub(crate) fn backups(&self) -> PathBuf {
        self.directory.join(BACKUPS)
    }

    /// Takes the lock, waiting for it at most so long.
    pub(crate) fn lock(
        &self,
        command: &str,
        lineage: Option<&str>,
        patience: Duration,
        cancel: &Cancel,
        tell: impl Fn(&str),
    ) -> Result<Writer, Trouble> {
        let started = Instant::now();
        let mut has_told = false;
        loop {
            let mut opening = Opening::by(Holder::here(command));
            if let Some(lineage) = lineage {
                opening = opening.of_lineage(lineage);
            }
            match open_for_writing(&*self.store, &self.keys, opening) {
                Ok(writer) => return Ok(writer),
                Err(error) if !matches!(error.reason(), Reason::Locked(_)) || started.elapsed() >= patience => {
                    return Err(error.into());
                }
                Err(_) if cancel.is_asked() => return Err(Trouble::interrupted()),
                Err(error) => {
                    if !has_told {
                        tell(&format!("waiting: {}\n", error.error()));
                        has_told = true;
                    }
                    std::thread::sleep(Duration::from_millis(100).min(patience));
                }
            }
        }
    }

    /// Says that a key was made, and that it is all there is.
    pub(crate) fn tell_of_key(&self, tell: impl FnOnce(&str)) {
        if let Some(path) = self.keys.made() {
            let path = path.display();
            let text = format!(
                "made the key of this state: {path}\nBack it up now, away from the state: without it the state cannot be read by anybody.\n"
            );
            tell(&text);
        }
    }
}
