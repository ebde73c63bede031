//! What a configuration says of where its state is kept, worked out before anything is read of it:
//! from variables, locals and functions.

use std::collections::BTreeMap;

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{Body, Configuration, EvaluationContext, FileSource};
use ha_plan::{Plan, PlanSnapshot};
use ha_provider::{NoSettings, Schema, SchemaSet};
use ha_state_model::State;
use ha_state_store::{BackendContext, BackendRegistry, RedactingStore, Store};
use ha_value::{Name, Object, Value};

use crate::output::command_error::CommandError;
use crate::registry::encryption_settings::EncryptionSettings;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::{SecretTexts, mask_of};
use crate::workspace::console_scope::ConsoleScope;
use crate::workspace::encryption::StateKeys;
use crate::workspace::project::Project;
use crate::workspace::terraform_compat::backend_instead;

/// The kind of place where a state is kept that nothing is said of.
pub(crate) const USUAL: &str = "local";

/// A configuration with all that its `ha` block may be made of.
pub(crate) struct BackendBlock<'a> {
    pub(crate) configuration: &'a Configuration,
    pub(crate) variables: BTreeMap<Name, Value>,
    pub(crate) files: &'a dyn FileSource,
    pub(crate) environment: Option<&'a str>,
}

impl<'a> BackendBlock<'a> {
    /// What a project says.
    pub(crate) fn new(project: &'a Project) -> Self {
        Self {
            configuration: &project.configuration,
            variables: project.snapshot.variables.clone(),
            files: &*project.files,
            environment: project.snapshot.environment.as_deref(),
        }
    }

    /// What the configuration of a plan says, which was made for an environment.
    pub(crate) fn of_plan(
        plan: &'a Plan,
        configuration: &'a Configuration,
        files: &'a dyn FileSource,
    ) -> Self {
        let PlanSnapshot { variables, ephemeral, environment, .. } = &plan.snapshot;
        let all = variables.iter().chain(ephemeral);
        let variables = all.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self { configuration, variables, files, environment: environment.as_deref() }
    }

    /// Which key it says that the state is sealed with, as far as it is known; none where it says
    /// nothing.
    ///
    /// # Errors
    /// All that is wrong with what it says.
    fn key(&self) -> Result<Option<EncryptionBlock<'a>>, Vec<Diagnostic>> {
        let Some(block) =
            self.configuration.settings.as_ref().and_then(|it| it.encryption.as_ref())
        else {
            return Ok(None);
        };
        let settings =
            self.block(&block.body, &Schema::derive::<EncryptionSettings, NoSettings>())?;
        Ok(Some(EncryptionBlock { settings, body: &block.body }))
    }

    /// The keys of the state.
    ///
    /// # Errors
    /// What is wrong with what it says, or not known.
    pub(crate) fn keys(&self, directory: &std::path::Path) -> Result<StateKeys, CommandError> {
        let said = self.key().map_err(|it| CommandError::from_diagnostics(&it))?;
        let encryption = said.as_ref().map(|it| it.encryption(|_| true)).transpose()?.flatten();
        let keys = StateKeys::new(encryption, directory)?;
        Ok(match said {
            Some(said) => keys.keeping(mask_of(&said.settings)),
            None => keys,
        })
    }

    /// Checks which key it names, whatever the variables are.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check_key(&self) -> Result<(), CommandError> {
        let said = self.key().map_err(|it| CommandError::from_diagnostics(&it))?;
        said.map_or(Ok(()), |it| it.encryption(waits_for_more).map(drop))
    }

    /// What a block says in it, by what a schema says of it.
    fn block(&self, body: &Body, schema: &Schema) -> Result<Object, Vec<Diagnostic>> {
        let (state, schemas) = (State::default(), SchemaSet::default());
        let scope =
            ConsoleScope::new(self.configuration, &self.variables, &state, &schemas, self.files);
        let scope = scope.in_environment(self.environment);
        let given = body.evaluate(schema, &EvaluationContext::new(&scope, self.files))?;
        let problem = |it: ha_provider::ArgumentProblem| {
            let diagnostic = Diagnostic::error(it.message).code(code::MISPLACED);
            diagnostic.at(body.locate(&it.path)).within(body.span().clone())
        };
        schema.conform(&given).map_err(|problems| problems.into_iter().map(problem).collect())
    }
}

/// What a block `encryption` says.
struct EncryptionBlock<'a> {
    settings: Object,
    body: &'a Body,
}

impl EncryptionBlock<'_> {
    /// It as a struct; none where something in it is not known and `matters` does not say that this
    /// is wrong.
    fn encryption(
        &self,
        matters: impl Fn(&Value) -> bool,
    ) -> Result<Option<EncryptionSettings>, CommandError> {
        let unknown: Vec<(&Name, &Value)> =
            self.settings.iter().filter(|(_, it)| !it.is_wholly_known()).collect();
        let wrong = unknown.iter().filter(|(_, it)| matters(it));
        let wrong: Vec<Diagnostic> = wrong
            .map(|(name, it)| not_known("which key the state has", self.body, name, it))
            .collect();
        if !wrong.is_empty() {
            return Err(CommandError::from_diagnostics(&wrong));
        }
        if !unknown.is_empty() {
            return Ok(None);
        }
        let here = |notice: RenderedDiagnostic| {
            CommandError::from(notice.code(code::MISPLACED).of_block(Some(self.body.span())))
        };
        let typed = Schema::derive::<EncryptionSettings, NoSettings>()
            .typed::<EncryptionSettings>(&self.settings);
        let encryption = typed.map_err(|it| {
            let why = mask_of(&self.settings)(&it.to_string());
            here(RenderedDiagnostic::error(format!("the block `encryption` cannot be read: {why}")))
        })?;
        encryption.check().map_err(here)?;
        Ok(Some(encryption))
    }
}

/// Whether a value waits for more than a variable.
fn waits_for_more(value: &Value) -> bool {
    value.cause().is_some_and(|it| !it.starts_with("var."))
}

/// Something that a block says of the state is not known.
fn not_known(what: &str, body: &Body, name: &Name, value: &Value) -> Diagnostic {
    let path = ha_value::Path::root().name(name.clone());
    let diagnostic =
        Diagnostic::error(format!("{what} is not known: `{name}` is not")).code(code::NOT_HERE);
    let diagnostic = diagnostic.at(body.locate(&path)).within(body.span().clone());
    match value.cause().as_deref().map(|it| (it.strip_prefix("var."), it)) {
        Some((Some(variable), _)) => diagnostic
            .detail(format!("It waits for a value of `var.{variable}`."))
            .help("every command needs it: write it in a file of values that is always read, or set it in the environment"),
        Some((None, cause)) => diagnostic
            .detail(format!("It waits for `{cause}`, which is known only when the state has been read."))
            .help("make it of variables, locals that are made of them, and functions"),
        None => diagnostic.help("make it of variables, locals that are made of them, and functions"),
    }
}

/// Where a state is kept.
#[derive(Clone, Debug)]
pub(crate) struct BackendConfig {
    /// The kind of place.
    pub(crate) backend: Name,
    /// Its settings. They conform, and parts of them may be unknown where variables are.
    pub(crate) settings: Object,
    /// What says so.
    body: Option<Body>,
}

impl BackendConfig {
    /// On this machine, beside the configuration.
    pub(crate) fn usual() -> Self {
        Self::plain(USUAL.into(), Object::new())
    }

    /// Where these settings say, which conform.
    pub(crate) fn plain(backend: Name, settings: Object) -> Self {
        Self { backend, settings, body: None }
    }

    /// Whether that is a place that this machine may lose sight of.
    pub(crate) fn is_elsewhere(&self) -> bool {
        &*self.backend != USUAL
    }

    /// Where a configuration says.
    ///
    /// # Errors
    /// All that is wrong with what it says.
    pub(crate) fn said(
        saying: &BackendBlock<'_>,
        backends: &BackendRegistry,
    ) -> Result<Self, Vec<Diagnostic>> {
        let Some(block) = saying.configuration.settings.as_ref().and_then(|it| it.backend.as_ref())
        else {
            return Ok(Self::usual());
        };
        let Some(backend) = backends.get(&block.kind) else {
            let known: Vec<&str> = backends.iter().map(|(name, _)| &**name).collect();
            let diagnostic = Diagnostic::error(format!("there is no backend `{}`", block.kind))
                .code(code::MISPLACED);
            let diagnostic = diagnostic.at(block.kind_span.clone());
            let diagnostic = match backend_instead(&block.kind) {
                Some(instead) => diagnostic.help(instead),
                None => diagnostic.closest(&block.kind, known.iter().copied()),
            };
            return Err(vec![
                diagnostic.help(format!("a state can be kept in: {}", known.join(", "))),
            ]);
        };
        let settings = saying.block(&block.body, backend.schema())?;
        Ok(Self { backend: block.kind.clone(), settings, body: Some(block.body.clone()) })
    }

    /// Checks what it says, whatever the variables are. Contacts no one.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn check(&self, backends: &BackendRegistry) -> Result<(), CommandError> {
        let unknown = self.not_known(waits_for_more);
        match () {
            () if !unknown.is_empty() => Err(CommandError::from_diagnostics(&unknown)),
            () if self.settings.values().all(Value::is_wholly_known) => {
                self.open(backends, &BackendContext::default()).map(drop)
            }
            () => Ok(()),
        }
    }

    /// The store that is there. Contacts no one.
    ///
    /// # Errors
    /// When something that it says is not known, or makes no sense.
    pub(crate) fn open(
        &self,
        backends: &BackendRegistry,
        surroundings: &BackendContext,
    ) -> Result<Box<dyn Store>, CommandError> {
        let unknown = self.not_known(|it| !it.is_wholly_known());
        if !unknown.is_empty() {
            return Err(CommandError::from_diagnostics(&unknown));
        }
        let backend = backends.get(&self.backend).expect("it is one of those that there are");
        let mask = mask_of(&self.settings);
        let store = backend.open(&self.settings, surroundings).map_err(|error| {
            let notice = RenderedDiagnostic::from(&error.reworded(&*mask));
            CommandError::from(notice.of_block(self.body.as_ref().map(Body::span)))
        })?;
        match self.told_by(&store.place(), backend.schema()) {
            Some(name) => Err(self.reporting(name).into()),
            None => Ok(Box::new(RedactingStore::new(store, mask))),
        }
    }

    /// The setting that is secret here, but not by its nature, and that the name of the place
    /// tells.
    fn told_by(&self, place: &str, schema: &Schema) -> Option<&Name> {
        let is_open = |name: &Name| schema.arguments.get(name).is_some_and(|it| !it.secret);
        let found = self.settings.iter().find(|(name, it)| {
            is_open(name) && !SecretTexts::within([*it]).places(place).is_empty()
        });
        found.map(|(name, _)| name)
    }

    fn reporting(&self, name: &Name) -> RenderedDiagnostic {
        let title = format!("`{name}` is secret, and where the state is kept is told to everybody");
        let mut notice = RenderedDiagnostic::error(title).code(code::MISPLACED);
        notice.span =
            self.body.as_ref().map(|it| it.locate(&ha_value::Path::root().name(name.clone())));
        notice.help(format!(
            "make `{name}` of what is not sensitive, or say that it may be shown: `nonsensitive(…)`"
        ))
    }

    fn not_known(&self, is_meant: impl Fn(&Value) -> bool) -> Vec<Diagnostic> {
        let Some(body) = &self.body else { return Vec::new() };
        let meant = self.settings.iter().filter(|(_, it)| is_meant(it));
        meant.map(|(name, it)| not_known("where the state is kept", body, name, it)).collect()
    }
}
