//! The backend `local`.

use std::path::{Path, PathBuf};

use ha_provider::{CallOutcome, Error, UnsupportedNames};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Backend, BackendContext, LocalStore, Store};

/// The backend for states on this machine.
#[derive(Debug)]
pub struct LocalBackend;

/// A state in a file of this machine, with its journal and its lock beside it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub struct LocalBackendSettings {
    /// The file, from the configuration's directory. `.ha/ha.state` when left out.
    path: Option<PathBuf>,
}

impl Backend for LocalBackend {
    const NAME: &'static str = "local";
    type Settings = LocalBackendSettings;
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["workspace_dir"],
        "leave it out: the states of environments lie in `env/NAME` beside `path`",
    )];

    fn open(
        settings: LocalBackendSettings,
        context: &BackendContext,
    ) -> Result<Box<dyn Store>, Error> {
        let Some(path) = settings.path else {
            return Ok(Box::new(LocalStore::new(&context.local)));
        };
        let Some(name) =
            path.file_name().filter(|_| !path.as_os_str().as_encoded_bytes().ends_with(b"/"))
        else {
            let cause = format!("`path` is `{}`, which is no name of a file", path.display());
            let error =
                Error::new("find the file of the state", cause).outcome(CallOutcome::Refused);
            return Err(error.help("for example `path = \"state/ha.state\"`"));
        };
        let mut directory = match context.directory == Path::new(".") {
            true => path.with_file_name(""),
            false => context.directory.join(path.with_file_name("")),
        };
        directory.extend(context.environment.iter().flat_map(|it| ["env", it]));
        Ok(Box::new(LocalStore::at(directory.join(name))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(
        path: Option<&str>,
        directory: &str,
        environment: Option<&str>,
    ) -> Result<String, String> {
        let context = BackendContext {
            directory: directory.into(),
            local: environment.map_or(".ha".into(), |it| PathBuf::from(".ha/env").join(it)),
            environment: environment.map(str::to_owned),
        };
        let opened =
            LocalBackend::open(LocalBackendSettings { path: path.map(PathBuf::from) }, &context);
        opened.map(|it| it.place()).map_err(|it| it.to_string())
    }

    #[test]
    fn each_environment_has_its_own_file() {
        assert_eq!(place(None, ".", None).unwrap(), "`.ha/ha.state`");
        assert_eq!(place(None, ".", Some("prod")).unwrap(), "`.ha/env/prod/ha.state`");
        assert_eq!(place(Some("s/x.state"), ".", None).unwrap(), "`s/x.state`");
        assert_eq!(place(Some("s/x.state"), ".", Some("prod")).unwrap(), "`s/env/prod/x.state`");
        assert_eq!(place(Some("x.state"), "/c", Some("prod")).unwrap(), "`/c/env/prod/x.state`");
        assert_eq!(place(Some("/s/x.state"), "/c", None).unwrap(), "`/s/x.state`");
    }

    #[test]
    fn a_path_that_is_no_file_name_is_refused() {
        for path in ["", "..", "s/", "/"] {
            let error = place(Some(path), ".", None).unwrap_err();
            assert!(error.contains("no name of a file"), "{path}: {error}");
        }
    }
}
