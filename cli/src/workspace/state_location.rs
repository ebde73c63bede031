//! Where a configuration's state is kept, and its key.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ha_apply::CancelSignal;
use ha_diagnostics::Diagnostic;
use ha_state_model::State;
use ha_state_store::{
    BackendContext, KeyName, KeyProvider, LockInfo, NewKey, OpenOptions, StateErrorReason,
    StateKey, StateWriter, Store, UnsentJournalStore, addresses, moved_to, open_for_writing,
    open_with_key,
};
use ha_value::Address;

use crate::output::command_error::CommandError;
use crate::registry::backends::backends;
use crate::workspace::backend_config::BackendConfig;
use crate::workspace::encryption::StateKeys;
use crate::workspace::last_backend::{BackendMemory, LastBackend};
use crate::workspace::selected::Workspace;
use crate::workspace::terraform_compat::state_of_terraform;

/// The directory of local state, below the configuration's directory.
const STATE: &str = ".ha";
/// The directory of copies, below [`STATE`].
const BACKUPS: &str = "backups";

/// The store of a configuration's state, and the keys that it is sealed with.
pub(crate) struct StateLocation {
    store: Box<dyn Store>,
    backend_config: BackendConfig,
    surroundings: BackendContext,
    keys: StateKeys,
    /// The key that the state was sealed with when it was last read.
    used: Mutex<Option<KeyName>>,
}

impl StateLocation {
    /// The location that `backend_config` names for this directory and environment.
    ///
    /// # Errors
    /// When the backend is unknown, its settings are invalid, or the state was last written to
    /// another place and not migrated.
    pub(crate) fn find(
        directory: &Path,
        environment: Option<&Workspace>,
        backend_config: &BackendConfig,
        keys: StateKeys,
    ) -> Result<Self, CommandError> {
        let place = Self::find_unchecked(directory, environment, backend_config, keys)?;
        let Some(remembered) = place.remembered()?.filter(|it| it.place != place.name()) else {
            return Ok(place);
        };
        // Another user may have migrated the state; then the old store names the new place, and the
        // note in this directory is only out of date.
        let old = remembered
            .backend_config(&backends())
            .and_then(|it| it.open(&backends(), &place.surroundings))
            .ok();
        match old.and_then(|it| moved_to(&*it).ok().flatten()) {
            Some(to) if to == place.name() => Ok(place),
            _ => Err(remembered.elsewhere(&place.name(), &place.surroundings.local).into()),
        }
    }

    /// As [`StateLocation::find`], without the check where the state was last written.
    ///
    /// # Errors
    /// When the backend is unknown or its settings are invalid.
    pub(crate) fn find_unchecked(
        directory: &Path,
        environment: Option<&Workspace>,
        backend_config: &BackendConfig,
        keys: StateKeys,
    ) -> Result<Self, CommandError> {
        // Messages show this path, and `./.ha` would only be longer.
        let whole =
            if directory == Path::new(".") { PathBuf::from(STATE) } else { directory.join(STATE) };
        let local = environment.map_or(whole.clone(), |it| whole.join(it.state()));
        let surroundings = BackendContext {
            directory: directory.to_owned(),
            local,
            environment: environment.map(|it| it.name().to_owned()),
        };
        let store = backend_config.open(&backends(), &surroundings)?;
        let store: Box<dyn Store> = match backend_config.is_elsewhere() {
            true => Box::new(UnsentJournalStore::new(store, &surroundings.local)),
            false => store,
        };
        Ok(Self {
            store,
            backend_config: backend_config.clone(),
            surroundings,
            keys,
            used: Mutex::default(),
        })
    }

    /// The store.
    pub(crate) fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// The name of the place, for messages.
    pub(crate) fn name(&self) -> String {
        self.store.place()
    }

    /// Where the state was last written from this directory, as far as is known.
    pub(crate) fn remembered(&self) -> Result<Option<LastBackend>, CommandError> {
        let remembered = LastBackend::read(&self.surroundings.local)?;
        Ok(remembered.or_else(|| LastBackend::usual(&self.surroundings)))
    }

    /// Remembers that the state is here.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn remember(&self) -> anyhow::Result<()> {
        self.memory().write()
    }

    /// What is remembered of the state's place once it exists.
    fn memory(&self) -> BackendMemory {
        let backends = backends();
        let backend = backends.get(&self.backend_config.backend).expect("its store was opened");
        BackendMemory::new(
            &self.surroundings.local,
            &self.backend_config,
            backend.schema(),
            self.name(),
        )
    }

    /// The state as it is here, also when it is kept elsewhere now; takes no lock.
    pub(crate) fn state_even_if_moved(&self) -> Result<State, CommandError> {
        match open_with_key(&*self.store, &self.keys) {
            Err(error) if matches!(error.reason(), StateErrorReason::Moved(_)) => {
                Ok(State::default())
            }
            read => Ok(read?.0),
        }
    }

    /// The state as it is; takes no lock.
    pub(crate) fn state(&self) -> Result<State, CommandError> {
        let (state, used) = open_with_key(&*self.store, &self.keys)?;
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = used;
        Ok(state)
    }

    /// The addresses of all that is recorded; takes no lock.
    pub(crate) fn addresses(&self) -> Result<BTreeSet<Address>, CommandError> {
        Ok(addresses(&*self.store, &self.keys)?)
    }

    /// The key to seal with, and how it is found again.
    pub(crate) fn key(&self, lineage: &str) -> Result<(KeyName, StateKey), CommandError> {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(self.keys.current(lineage, used.as_ref())?)
    }

    /// Seals something that belongs to a state, also to one that does not exist yet. A key that is
    /// made for it is not left behind when that fails.
    pub(crate) fn seal(
        &self,
        lineage: &str,
        seal: impl FnOnce(&(KeyName, StateKey)) -> anyhow::Result<()>,
    ) -> Result<(), CommandError> {
        let is_new = self.used().is_none();
        let Some(NewKey { name, key, mut file }) =
            is_new.then(|| self.keys.first(lineage)).transpose()?.flatten()
        else {
            return Ok(seal(&self.key(lineage)?)?);
        };
        file.make()?;
        Ok(seal(&(name, key)).inspect_err(|_| file.remove())?)
    }

    /// A word about what Terraform keeps here, where there is no state of ours yet.
    pub(crate) fn left_by_terraform(&self) -> Option<Diagnostic> {
        self.store.state_of_terraform().map(|it| state_of_terraform(&it))
    }

    /// Which state it is, wherever that is asked from.
    pub(crate) fn identity(&self) -> String {
        self.store.identity()
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
        self.surroundings.local.join(BACKUPS)
    }

    /// Takes the lock, and waits for it at most for `timeout`.
    pub(crate) fn lock(
        &self,
        command: &str,
        lineage: Option<&str>,
        timeout: Duration,
        cancel: &CancelSignal,
        tell: impl Fn(&str),
    ) -> Result<StateWriter, CommandError> {
        let opening = || {
            let opening = OpenOptions::by(LockInfo::here(command)).beside(self.memory());
            if let Some(lineage) = lineage { opening.of_lineage(lineage) } else { opening }
        };
        let writer = self.open(opening, timeout, cancel, &tell)?;
        // A failure is no error: the note only protects from a changed `backend` block, and the next
        // command still opens the store that the configuration names.
        if !writer.state().is_new() && self.remember().is_err() {
            tell(&format!(
                "note: `{}` cannot be written, so it is not remembered there where the state is kept\n",
                self.surroundings.local.display()
            ));
        }
        Ok(writer)
    }

    /// Takes the lock of a state of this lineage, also when it is kept elsewhere now.
    pub(crate) fn lock_even_if_moved(
        &self,
        command: &str,
        lineage: &str,
        timeout: Duration,
        cancel: &CancelSignal,
        tell: impl Fn(&str),
    ) -> Result<StateWriter, CommandError> {
        let opening = || {
            OpenOptions::by(LockInfo::here(command))
                .beside(self.memory())
                .of_lineage(lineage)
                .also_moved()
        };
        self.open(opening, timeout, cancel, &tell)
    }

    fn open(
        &self,
        opening: impl Fn() -> OpenOptions,
        timeout: Duration,
        cancel: &CancelSignal,
        tell: &impl Fn(&str),
    ) -> Result<StateWriter, CommandError> {
        let started = Instant::now();
        let mut has_reported = false;
        loop {
            match open_for_writing(&*self.store, &self.keys, opening()) {
                Ok(writer) => {
                    if let Some(advice) = self.store.advice() {
                        tell(&format!("advice: {advice}\n"));
                    }
                    return Ok(writer);
                }
                Err(error)
                    if !matches!(error.reason(), StateErrorReason::Locked(_))
                        || started.elapsed() >= timeout =>
                {
                    return Err(error.into());
                }
                Err(_) if cancel.is_asked() => return Err(CommandError::interrupted()),
                Err(error) => {
                    if !has_reported {
                        tell(&format!("waiting: {}\n", error.error()));
                        has_reported = true;
                    }
                    std::thread::sleep(Duration::from_millis(100).min(timeout));
                }
            }
        }
    }

    /// Reports a key file that was created or removed since the last call.
    pub(crate) fn report_key_change(&self, tell: impl FnOnce(&str)) {
        if let Some(path) = self.keys.removed() {
            tell(&format!(
                "removed that key again: nothing is recorded that is sealed with it ({})\n",
                path.display()
            ));
        } else if let Some(path) = self.keys.made() {
            let path = path.display();
            let text = format!(
                "made the key of this state: {path}\nBack it up now, away from the state: without it the state cannot be read by anybody.\n"
            );
            tell(&text);
        }
    }
}
