//! Which store a directory's state was last written to: so that a configuration that names another
//! does not look like one of which nothing exists yet.

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

/// The file's name, in the directory that belongs to the state.
const FILE: &str = "backend";
const FORMAT: u32 = 1;

/// A store that is to be remembered in a directory.
pub(crate) struct BackendMemory {
    directory: PathBuf,
    text: String,
    made: CreatedDirectories,
}

impl BackendMemory {
    pub(crate) fn new(
        directory: &Path,
        whereabouts: &BackendConfig,
        schema: &Schema,
        place: String,
    ) -> Self {
        let text = serde_json::to_string_pretty(&LastBackend::new(whereabouts, schema, place))
            .expect("it has text keys only");
        Self {
            directory: directory.to_owned(),
            text: text + "\n",
            made: CreatedDirectories::default(),
        }
    }

    /// Remembers it.
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
        // Nothing is lost when it cannot be written: the next command asks the store that it is
        // told of.
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
    /// Where it says it is.
    pub(crate) place: String,
    /// What its block said, without secrets.
    settings: Value,
    /// What its block said besides that.
    #[serde(default)]
    withheld: Vec<Name>,
}

impl LastBackend {
    /// What is remembered in a directory.
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

    /// The state that is kept on this machine beside the configuration, where one is.
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

    /// What is to be remembered of a store.
    fn new(whereabouts: &BackendConfig, schema: &Schema, place: String) -> Self {
        let BackendConfig { backend, settings, .. } = whereabouts;
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
    pub(crate) fn whereabouts(
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
