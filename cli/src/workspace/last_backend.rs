//! The note of the store that a directory's state was last written to. With it, a configuration
//! whose `backend` block was changed is refused, instead of planned against an empty state.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::Context;
use ha_diagnostics::code;
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_provider::Schema;
use ha_state_store::{
    BackendContext, BackendRegistry, CompanionFile, CreatedDirectories, LocalStore, StateError,
    Store,
};
use ha_value::{Name, Object, Value};
use serde::{Deserialize, Serialize};

use crate::output::command_error::CommandError;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::backend_config::{BackendConfig, USUAL};
use crate::workspace::sealed_file;

/// The name of the note's file, in the local directory of the state.
const FILE: &str = "backend";
const FORMAT: u32 = 1;

/// A note that is to be written to a directory.
pub(crate) struct BackendMemory {
    directory: PathBuf,
    text: String,
    made: CreatedDirectories,
}

impl BackendMemory {
    pub(crate) fn new(
        directory: &Path,
        backend_config: &BackendConfig,
        schema: &Schema,
        place: String,
    ) -> Self {
        let text = serde_json::to_string_pretty(&LastBackend::new(backend_config, schema, place))
            .expect("it has text keys only");
        Self {
            directory: directory.to_owned(),
            text: text + "\n",
            made: CreatedDirectories::default(),
        }
    }

    /// Writes the note, unless the file has this content already.
    ///
    /// # Errors
    /// When that cannot be written.
    pub(crate) fn write(&self) -> anyhow::Result<()> {
        let path = self.directory.join(FILE);
        if regular_file::read(&path, LARGEST).is_ok_and(|there| there == self.text.as_bytes()) {
            return Ok(());
        }
        let made = fs::create_dir_all(&self.directory)
            .and_then(|()| sealed_file::write(&path, self.text.as_bytes()));
        made.with_context(|| format!("could not write `{}`", path.display()))
    }
}

impl CompanionFile for BackendMemory {
    fn make(&mut self) -> Result<(), StateError> {
        self.made = CreatedDirectories::new(&self.directory);
        // A failure is no error: the next command opens the store that the configuration names, and
        // only the check for a changed `backend` block is missing.
        let _ = self.write();
        Ok(())
    }

    fn remove(&mut self) {
        let _ = fs::remove_file(self.directory.join(FILE));
        self.made.remove();
    }
}

/// The store that a state was last written to.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LastBackend {
    format: u32,
    backend: Name,
    /// The store's own name for its place.
    pub(crate) place: String,
    /// The settings of the `backend` block that are not secret.
    settings: Value,
    /// The names of the secret settings, which are not stored.
    #[serde(default)]
    withheld: Vec<Name>,
}

impl LastBackend {
    /// The note in a directory; none if there is no file.
    ///
    /// # Errors
    /// When that cannot be read.
    pub(crate) fn read(directory: &Path) -> Result<Option<Self>, CommandError> {
        let path = directory.join(FILE);
        let bytes = match regular_file::read(&path, LARGEST) {
            Ok(bytes) => bytes,
            Err(error)
                if [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory]
                    .contains(&error.kind()) =>
            {
                return Ok(None);
            }
            Err(error) => {
                return Err(anyhow::Error::new(error)
                    .context(format!("could not read `{}`", path.display()))
                    .into());
            }
        };
        let read = serde_json::from_slice(&bytes).ok().filter(|it: &Self| it.format <= FORMAT);
        let odd = || {
            RenderedDiagnostic::error(format!(
                "`{}` does not say where the state is kept, as it should",
                path.display()
            ))
            .help("remove it once you know that the block `backend` names the right place")
        };
        read.map(Some).ok_or_else(|| odd().into())
    }

    /// The local store beside the configuration, if it contains a state.
    pub(crate) fn usual(surroundings: &BackendContext) -> Option<Self> {
        let there = ["ha.state", "ha.state.journal", "ha.state.previous"]
            .iter()
            .any(|it| surroundings.local.join(it).exists());
        let place = LocalStore::new(&surroundings.local).place();
        there.then(|| Self {
            format: FORMAT,
            backend: USUAL.into(),
            place,
            settings: Value::object([]),
            withheld: Vec::new(),
        })
    }

    /// The note for a store.
    fn new(backend_config: &BackendConfig, schema: &Schema, place: String) -> Self {
        let BackendConfig { backend, settings, .. } = backend_config;
        let is_secret = |name: &Name, value: &Value| {
            value.contains_sensitive()
                || schema.arguments.get(name).is_some_and(|it| it.secret || it.write_only)
        };
        let (secret, plain): (Vec<_>, Vec<_>) =
            settings.iter().partition(|(name, value)| is_secret(name, value));
        let settings =
            Value::object(plain.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        let withheld = secret.into_iter().map(|(name, _)| name.clone()).collect();
        Self { format: FORMAT, backend: backend.clone(), place, settings, withheld }
    }

    /// The store. Its secrets are not known: where it needs some that are not in the environment,
    /// it cannot be reached.
    pub(crate) fn backend_config(
        &self,
        backends: &BackendRegistry,
    ) -> Result<BackendConfig, CommandError> {
        let settings = match &self.settings {
            Value::Object(settings) => (**settings).clone(),
            _ => Object::new(),
        };
        let conformed =
            backends.get(&self.backend).and_then(|it| it.schema().conform(&settings).ok());
        let cannot = || {
            RenderedDiagnostic::error(format!(
                "the state was kept in {}, which cannot be opened by what is remembered of it",
                self.place
            ))
            .help("write its block `backend` into a file of its own and name that: `ha state migrate --from FILE`")
        };
        Ok(BackendConfig::plain(self.backend.clone(), conformed.ok_or_else(cannot)?))
    }

    /// What to say when it cannot be reached, where that may be so because its secrets are not
    /// known.
    pub(crate) fn missing(&self) -> Option<String> {
        let names: Vec<String> = self.withheld.iter().map(|it| format!("`{it}`")).collect();
        let of_it = "is secret and not remembered: write the block `backend` of that place into a file of its own and name that";
        (!names.is_empty())
            .then(|| format!("{} {of_it}: `ha state migrate --from FILE`", names.join(", ")))
    }

    /// What to say when the configuration names another place, to which nothing says that the state
    /// was moved.
    pub(crate) fn elsewhere(&self, said: &str, directory: &Path) -> RenderedDiagnostic {
        let memory: PathBuf = directory.join(FILE);
        let notice = RenderedDiagnostic::error(format!(
            "the state is kept in {}, and the configuration names {said}",
            self.place
        ));
        let notice = notice
            .code(code::OTHER_STATE)
            .help("`ha state migrate` moves it there; `ha state migrate --dry-run` says what that would do")
            .help(format!("or let the block `backend` name {} again", self.place));
        match memory.exists() {
            true => notice.help(format!(
                "if what is in {said} is right as it is, remove `{}`",
                memory.display()
            )),
            false => notice
                .help(format!("if what is in {said} is right as it is, move {} away", self.place)),
        }
    }
}
