//! A directory with a configuration: its files and its variables.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ha_kind::{Diagnostic, Value};
use ha_lang::{Configuration, SourceFile, compile};
use ha_plan::Snapshot;

use crate::files::ReadFiles;
use crate::terminal::Terminal;
use crate::trouble::Trouble;
use crate::variables::{Asked, Given, Variables, any_values, variables};
use crate::views::notice::{Notice, notices_text};
use crate::views::secrets::Secrets;
use crate::views::sources::Sources;

/// The suffix of files of a configuration.
const SOURCE: &str = ".hcl";
/// The file of values that is always read.
const VALUES: &str = "ha.hclvars";
/// The suffix of other files of values that are read unasked.
const AUTOMATIC: &str = ".auto.hclvars";
/// What the names of variables begin with in the environment.
const IN_ENVIRONMENT: &str = "HA_VAR_";

/// A configuration as read from its directory.
pub(crate) struct Project {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) snapshot: Snapshot,
    pub(crate) files: Arc<ReadFiles>,
    /// Everything that diagnostics may point at.
    pub(crate) sources: Sources,
    /// What is worth a look.
    pub(crate) warnings: Vec<Diagnostic>,
    /// What was given for sensitive variables.
    pub(crate) secrets: Arc<Secrets>,
}

/// What the operator says about the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wishes {
    pub(crate) asked: Vec<AskedFor>,
    pub(crate) allow_read: Vec<PathBuf>,
}

/// A value, or a file of values yet to be read.
#[derive(Clone, Debug)]
pub(crate) enum AskedFor {
    Value(String, String),
    File(PathBuf),
}

/// Whether values of variables are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// Every variable has one.
    Values,
    /// They may be anything.
    Anything,
    /// Those that have one have it; the others may be anything.
    WhatThereIs,
}

impl Project {
    /// Reads the configuration in a directory.
    ///
    /// # Errors
    /// All that is wrong with it and with the values of its variables.
    pub(crate) fn read(directory: &Path, wishes: &Wishes, need: Need) -> Result<Self, Trouble> {
        let sources = source_files(directory)?;
        if sources.is_empty() {
            let place = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
            let notice = Notice::error(format!("there is no configuration in `{}`", place.display()))
                .help("write one in files that end in `.hcl`, or name another directory with `--chdir DIR`");
            return Err(notice.into());
        }
        let given = given(directory, wishes)?;
        let (configuration, mut diagnostics) = compile(&sources);
        let files = Arc::new(ReadFiles::below(directory, &wishes.allow_read));
        let texts = all_texts(&sources, &given);
        let found = match need {
            Need::Values => variables(&configuration, &given, &*files),
            Need::Anything => Variables { values: any_values(&configuration), ..Variables::default() },
            Need::WhatThereIs => {
                let found = variables(&configuration, &given, &*files);
                let mut values = any_values(&configuration);
                values.extend(found.values);
                Variables { values, secrets: found.secrets, ..Variables::default() }
            }
        };
        let defaults = configuration.variables.values().filter(|it| it.sensitive).filter_map(|it| it.default.clone());
        let known: Vec<Value> = found.secrets.iter().cloned().chain(defaults.map(Value::sensitive)).collect();
        let secrets = Arc::new(Secrets::within(&known));
        diagnostics.extend(found.diagnostics);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(Trouble::of(&diagnostics).within(&texts).keeping(&secrets));
        }
        let written = sources.iter().map(|it| (it.name.to_string(), it.text.to_string())).collect();
        Ok(Self {
            configuration: Arc::new(configuration),
            snapshot: Snapshot { sources: written, variables: found.values, files: std::collections::BTreeMap::new() },
            files,
            sources: texts,
            warnings: diagnostics,
            secrets,
        })
    }

    /// Tells what is worth a look.
    pub(crate) fn warn(&self, terminal: &Terminal, more: &[Diagnostic], secrets: &Secrets) {
        let notices: Vec<Notice> = self.warnings.iter().chain(more).map(Notice::from).collect();
        terminal.tell(&notices_text(&notices, &self.sources, secrets, terminal.err));
    }
}

/// Whether there is a configuration in a directory.
pub(crate) fn has_configuration(directory: &Path) -> bool {
    files_named(directory, |it| it.ends_with(SOURCE)).is_ok_and(|it| !it.is_empty())
}

/// The name under which a directory is known: its own.
pub(crate) fn stack(directory: &Path) -> String {
    let place = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
    place.file_name().and_then(OsStr::to_str).unwrap_or("/").to_owned()
}

fn source_files(directory: &Path) -> Result<Vec<SourceFile>, Trouble> {
    files_named(directory, |it| it.ends_with(SOURCE))?.iter().map(|it| source_file(directory, Path::new(it))).collect()
}

/// A text file; its name is said as it was given.
fn source_file(directory: &Path, name: &Path) -> Result<SourceFile, Trouble> {
    let shown = name.display().to_string();
    let bytes = fs::read(directory.join(name)).with_context(|| format!("could not read `{shown}`"))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let line = error.as_bytes()[..error.utf8_error().valid_up_to()].iter().filter(|it| **it == b'\n').count() + 1;
        Notice::error(format!("`{shown}` is not UTF-8 text")).note("line", line.to_string()).help("save it as UTF-8")
    })?;
    Ok(SourceFile::new(shown, text))
}

/// Names of files in a directory, in order, without hidden ones.
fn files_named(directory: &Path, is_meant: impl Fn(&str) -> bool) -> Result<Vec<String>, Trouble> {
    let failed = || format!("could not list the directory `{}`", directory.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(directory).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
        if is_meant(&name) && !name.starts_with('.') && entry.path().is_file() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn given(directory: &Path, wishes: &Wishes) -> Result<Given, Trouble> {
    let mut environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.to_str()?.strip_prefix(IN_ENVIRONMENT)?.to_owned(), value.into_string().ok()?)))
        .collect();
    environment.sort();
    let mut names = files_named(directory, |it| it == VALUES)?;
    names.extend(files_named(directory, |it| it.ends_with(AUTOMATIC))?);
    let found = names.iter().map(|it| source_file(directory, Path::new(it))).collect::<Result<_, _>>()?;
    let asked = wishes.asked.iter().map(|it| match it {
        AskedFor::Value(name, value) => Ok(Asked::Value(name.clone(), value.clone())),
        AskedFor::File(path) => source_file(Path::new(""), path).map(Asked::File),
    });
    Ok(Given { environment, found, asked: asked.collect::<Result<_, Trouble>>()? })
}

fn all_texts(sources: &[SourceFile], given: &Given) -> Sources {
    let asked = given.asked.iter().filter_map(|it| match it {
        Asked::File(file) => Some(file),
        Asked::Value(..) => None,
    });
    sources.iter().chain(&given.found).chain(asked).map(|it| (it.name.to_string(), it.text.to_string())).collect()
}
