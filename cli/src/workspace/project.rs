//! A directory with a configuration: its files, those of its modules, and its variables.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use ha_diagnostics::Diagnostic;
use ha_lang::{Configuration, FileFamily, FileSource, LoadedConfiguration, SourceFile, load};
use ha_plan::PlanSnapshot;
use ha_value::{Name, Value};

use crate::invocation;
use crate::logging;
use crate::output::command_error::CommandError;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;
use crate::workspace::directory_files::{family_of, file_names, source_file, source_files};
use crate::workspace::files::RecordingFiles;
use crate::workspace::selected::Workspace;
use crate::workspace::session::Session;
use crate::workspace::terraform_compat::{left_behind, unread_variables, workspace_of_terraform};
use crate::workspace::variable_options::{VariableOptions, VariableSource};
use crate::workspace::variables::{
    RequestedValue, ResolvedVariables, VariableValues, any_values, is_meant_as_variable, variables,
};

/// A configuration as read from its directory.
pub(crate) struct Project {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) snapshot: PlanSnapshot,
    pub(crate) files: Arc<RecordingFiles>,
    /// The source texts that diagnostics quote.
    pub(crate) sources: SourceTexts,
    /// Warnings found while reading, to be shown with the plan's.
    pub(crate) warnings: Vec<Diagnostic>,
    /// Values of sensitive variables, to be redacted.
    pub(crate) secrets: Arc<SecretTexts>,
}

/// Whether values of variables are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum VariableMode {
    /// Every variable needs a value; a missing one is an error.
    Values,
    /// All variables are unknown, as for `ha validate`.
    Anything,
    /// Variables without a value are unknown.
    WhatThereIs,
}

impl Project {
    /// Reads the configuration in a directory.
    ///
    /// # Errors
    /// All mistakes in the configuration and in the values of its variables.
    pub(crate) fn read(
        session: &Session,
        variable_options: &VariableOptions,
        need: VariableMode,
    ) -> Result<Self, CommandError> {
        Self::from_sources(source_files(&session.directory)?, session, variable_options, need)
    }

    /// Reads a file as if it were the whole configuration of the directory.
    ///
    /// # Errors
    /// As [`Project::read`].
    pub(crate) fn read_file(
        session: &Session,
        file: &Path,
        variable_options: &VariableOptions,
        need: VariableMode,
    ) -> Result<Self, CommandError> {
        Self::from_sources(vec![source_file(Path::new(""), file)?], session, variable_options, need)
    }

    fn from_sources(
        sources: Vec<SourceFile>,
        session: &Session,
        variable_options: &VariableOptions,
        need: VariableMode,
    ) -> Result<Self, CommandError> {
        let directory = &session.directory;
        let family = family_of(directory);
        let given = given(session, family, variable_options)?;
        let files = Arc::new(RecordingFiles::below(directory, &variable_options.allow_read));
        let mut found = ResolvedVariables::default();
        let loaded = load(&sources, &*files, |root| {
            found = variables(root, &given, &*files);
            found.values.clone()
        });
        let LoadedConfiguration { configuration, modules, mut diagnostics } = loaded;
        let all: Vec<&SourceFile> = sources.iter().chain(&modules).collect();
        let texts = all_texts(&all, &given);
        let ResolvedVariables { values, diagnostics: more, secrets } = found;
        let values = match need {
            VariableMode::Values => values,
            VariableMode::Anything => any_values(&configuration),
            VariableMode::WhatThereIs => {
                any_values(&configuration).into_iter().chain(values).collect()
            }
        };
        if need == VariableMode::Values {
            diagnostics.extend(more);
            let is_open = family == FileFamily::Terraform && session.asked.is_none();
            diagnostics.extend(
                is_open.then(|| workspace_of_terraform(|it| std::env::var(it).ok())).flatten(),
            );
        }
        let secrets = Arc::new(SecretTexts::within(&known_secrets(&configuration, secrets)));
        // From here on diagnostics may be logged, and they may quote values of variables.
        logging::keep_secret(&secrets);
        let is_secret = |name: &str| {
            configuration.variables.get(name).is_none_or(|it| it.sensitive || it.ephemeral)
        };
        let (values_again, withheld) = variable_options.repeatable(is_secret);
        invocation::with_values(values_again, withheld);
        if diagnostics.iter().any(Diagnostic::is_error) {
            return Err(CommandError::from_diagnostics(&diagnostics)
                .within(&texts)
                .keeping(&secrets));
        }
        let names = configuration.variables.keys().map(|it| &**it);
        diagnostics.extend(unread_variables(family, names, |it| std::env::var(it).ok()));
        let environment = session.environment.as_ref().map(|it| it.name().to_owned());
        diagnostics.extend(left_behind(
            directory,
            &file_names(directory).unwrap_or_default(),
            environment.as_deref(),
        ));
        let written = all.iter().map(|it| (it.name.to_string(), it.text.clone())).collect();
        Ok(Self {
            configuration: Arc::new(configuration),
            snapshot: PlanSnapshot {
                sources: written,
                variables: values,
                options: invocation::values(),
                environment,
                ..PlanSnapshot::default()
            },
            files,
            sources: texts,
            warnings: diagnostics,
            secrets,
        })
    }
}

/// The given values of sensitive variables, and their defaults.
fn known_secrets(configuration: &Configuration, given: Vec<Value>) -> Vec<Value> {
    let defaults = configuration
        .variables
        .values()
        .filter(|it| it.sensitive)
        .filter_map(|it| it.default.clone());
    given.into_iter().chain(defaults.map(Value::sensitive)).collect()
}

/// The configuration that is stored in a plan, with all its modules.
pub(crate) fn kept_configuration(snapshot: &PlanSnapshot) -> (Configuration, Vec<Diagnostic>) {
    let mut directories: BTreeMap<&str, Vec<SourceFile>> = BTreeMap::new();
    for (name, text) in &snapshot.sources {
        let directory = name.rsplit_once('/').map_or("", |(directory, _)| directory);
        directories.entry(directory).or_default().push(SourceFile::new(&**name, text.clone()));
    }
    let root = directories.remove("").unwrap_or_default();
    let values: BTreeMap<Name, Value> = snapshot.variables.clone();
    let LoadedConfiguration { configuration, diagnostics, .. } =
        load(&root, &SnapshotDirectories(directories), |_| values);
    (configuration, diagnostics)
}

/// The modules that are stored in a plan.
struct SnapshotDirectories<'a>(BTreeMap<&'a str, Vec<SourceFile>>);

impl ha_lang::DirectorySource for SnapshotDirectories<'_> {
    fn files(&self, directory: &str) -> Result<Vec<SourceFile>, String> {
        self.0
            .get(directory)
            .cloned()
            .ok_or_else(|| "the plan was made without it; plan again".into())
    }
}

/// The configuration's name in reports: its directory's name, and `/NAME` of its environment.
pub(crate) fn stack(session: &Session) -> String {
    stack_in(session, session.environment.as_ref())
}

/// As [`stack`], for another environment than the session's.
pub(crate) fn stack_in(session: &Session, environment: Option<&Workspace>) -> String {
    let place = session.directory.canonicalize().unwrap_or_else(|_| session.directory.clone());
    let name = place.file_name().and_then(OsStr::to_str).unwrap_or("/").to_owned();
    environment.map_or(name.clone(), |it| format!("{name}/{}", it.name()))
}

/// Values of ephemeral variables, which a plan file does not contain, from the same sources as all
/// values.
///
/// # Errors
/// When `--var` sets a variable that is not ephemeral: the plan contains its value.
pub(crate) fn given_again(
    session: &Session,
    variable_options: &VariableOptions,
    configuration: &Configuration,
    files: &dyn FileSource,
) -> Result<BTreeMap<Name, Value>, CommandError> {
    let is_ephemeral =
        |name: &str| configuration.variables.get(name).is_some_and(|it| it.ephemeral);
    let own = variable_options.asked.iter().find_map(|it| match it {
        VariableSource::Value(name, _) if !is_ephemeral(name) => Some(name),
        _ => None,
    });
    if let Some(name) = own {
        let told = if is_meant_as_variable(name, configuration) { name } else { "NAME" };
        let notice = RenderedDiagnostic::error(format!(
            "`--var {told}=…` would change the plan, which has its own values"
        ));
        return Err(notice
            .help("only ephemeral variables are given again; make a new plan for anything else")
            .into());
    }
    let given = given(session, family_of(&session.directory), variable_options)?;
    Ok(variables(configuration, &given, files).values)
}

fn given(
    session: &Session,
    family: FileFamily,
    variable_options: &VariableOptions,
) -> Result<VariableValues, CommandError> {
    let directory = &session.directory;
    let ours =
        |name: &OsStr| Some(name.to_str()?.strip_prefix(family.variable_prefix())?.to_owned());
    let mut environment: Vec<(String, String)> = std::env::vars_os()
        .filter_map(|(name, value)| Some((ours(&name)?, value.into_string().ok()?)))
        .collect();
    environment.sort();
    let names = file_names(directory)
        .with_context(|| format!("could not list the directory `{}`", directory.display()))?;
    let automatic = family.automatic_values_files(&names).into_iter().map(PathBuf::from);
    let own =
        session.environment.as_ref().map(|it| it.values(directory, family)).unwrap_or_default();
    let found =
        automatic.chain(own).map(|it| source_file(directory, &it)).collect::<Result<_, _>>()?;
    let asked = variable_options.asked.iter().map(|it| match it {
        VariableSource::Value(name, value) => {
            Ok(RequestedValue::Value(name.clone(), value.clone()))
        }
        VariableSource::File(path) => source_file(Path::new(""), path).map(RequestedValue::File),
    });
    let workspace = session.environment.as_ref().map(|it| it.name().to_owned());
    Ok(VariableValues {
        family,
        workspace,
        environment,
        found,
        asked: asked.collect::<Result<_, CommandError>>()?,
    })
}

fn all_texts(sources: &[&SourceFile], given: &VariableValues) -> SourceTexts {
    let asked = given.asked.iter().filter_map(|it| match it {
        RequestedValue::File(file) => Some(file),
        RequestedValue::Value(..) => None,
    });
    let all = sources.iter().copied().chain(&given.found).chain(asked);
    all.map(|it| (it.name.to_string(), it.text.clone())).collect()
}
