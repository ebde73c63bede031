//! Loads a configuration: compiles the files of the root module and, recursively, of the modules that
//! it calls.

mod known;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, SourceSpan};
use ha_value::{Name, Value};

use crate::SourceFile;
use crate::compile::{self, CompiledDirectory, ModuleSource};
use crate::compiled_expression::Expression;
use crate::configuration::{Configuration, ModuleCall};
use crate::diagnostics;
use crate::diagnostics::module as mistakes;
use crate::environment::{EmptyScope, EvaluationContext};
use known::{ModuleSourceScope, VariableInputs};

/// The limit of the depth of nested module calls.
const DEEPEST: usize = 64;

/// The limit of module calls of a configuration. Twenty levels with two calls each make a million.
const MOST: usize = 20_000;

/// The source of the files of modules.
pub trait DirectorySource {
    /// The configuration files directly in a directory, sorted by name. The directory is relative to
    /// that of the root module, separated by `/` and without `.`; it begins with `..` if it is
    /// outside. The names of the files begin with that of the directory.
    ///
    /// # Errors
    /// The reason why they cannot be read, without the name of the directory.
    fn files(&self, directory: &str) -> Result<Vec<SourceFile>, String>;
}

impl DirectorySource for EmptyScope {
    fn files(&self, _: &str) -> Result<Vec<SourceFile>, String> {
        Err("modules cannot be read here".into())
    }
}

/// A configuration with all of its modules.
#[derive(Debug)]
pub struct LoadedConfiguration {
    /// The configuration. Blocks with errors are left out, so that it is complete only without errors.
    pub configuration: Configuration,
    /// The files of the called modules, without duplicates.
    pub modules: Vec<SourceFile>,
    /// The diagnostics of all files.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles the files of one directory without any source of modules.
#[must_use]
pub fn compile(files: &[SourceFile]) -> (Configuration, Vec<Diagnostic>) {
    let LoadedConfiguration { configuration, diagnostics, .. } =
        load(files, &EmptyScope, |_| BTreeMap::new());
    (configuration, diagnostics)
}

/// Loads the root module from its files, and the modules that it calls. `values` is called once with
/// the root module and gives the values of its variables, which sources of modules can depend on.
pub fn load(
    files: &[SourceFile],
    directories: &dyn DirectorySource,
    values: impl FnOnce(&Configuration) -> BTreeMap<Name, Value>,
) -> LoadedConfiguration {
    let mut problems = Vec::new();
    let root = compile::directory(files, &mut problems);
    let given = VariableInputs::Values(values(&root.configuration));
    let mut loader = ModuleLoader {
        directories,
        compiled: HashMap::new(),
        finished: HashMap::new(),
        within: vec!["".into()],
        modules: Vec::new(),
        problems,
        is_full: false,
    };
    // Sources of modules are evaluated before their modules are loaded, with variables and local
    // values alone: everything else can depend on the modules.
    let known = ModuleSourceScope::new(&root.configuration, given);
    let called = loader.load_called(&root.sources, &known);
    drop(known);
    let CompiledDirectory { mut configuration, .. } = root;
    loader.finish(&mut configuration, called);
    compile::root(&configuration, &mut loader.problems);
    LoadedConfiguration { configuration, modules: loader.modules, diagnostics: loader.problems }
}

struct ModuleLoader<'a> {
    directories: &'a dyn DirectorySource,
    /// Compiled directories without their modules. An entry is removed as soon as no other call can
    /// need it, so that its configuration can be moved instead of cloned.
    compiled: HashMap<Arc<str>, Rc<CompiledDirectory>>,
    /// The finished modules of each directory.
    finished: HashMap<Arc<str>, Vec<LoadedDirectory>>,
    /// The directories that are being loaded, outermost first.
    within: Vec<Arc<str>>,
    modules: Vec<SourceFile>,
    problems: Vec<Diagnostic>,
    /// Whether the limit of module calls was exceeded and reported.
    is_full: bool,
}

/// A module of a directory for certain values of the variables that its sources depend on. Other
/// calls with the same values share it.
struct LoadedDirectory {
    used: BTreeMap<Name, Option<Value>>,
    module: LoadedModule,
}

/// A module with all it calls.
#[derive(Clone)]
struct LoadedModule {
    configuration: Arc<Configuration>,
    /// Whether it has no errors.
    sound: bool,
    /// The place of a `provider` block in it or in the modules that it calls.
    provider: Option<SourceSpan>,
    /// The number of module calls in it and in the modules that it calls.
    calls: usize,
}

/// A module that a configuration calls.
struct CalledModule {
    source: Name,
    /// The module; `None` if it could not be read.
    module: Option<LoadedModule>,
}

impl ModuleLoader<'_> {
    /// Loads the modules that a configuration calls.
    fn load_called(
        &mut self,
        sources: &[ModuleSource],
        known: &ModuleSourceScope<'_>,
    ) -> Vec<(Name, CalledModule)> {
        let mut all = Vec::with_capacity(sources.len());
        for ModuleSource { module, expression } in sources {
            let source = self.source(expression, known);
            let inside =
                source.as_deref().and_then(|it| self.module(it, module, expression.span(), known));
            all.push((
                module.clone(),
                CalledModule { source: source.unwrap_or_else(|| "".into()), module: inside },
            ));
        }
        all
    }

    /// Evaluates the source of a module, which must be a known string.
    fn source(&mut self, expression: &Expression, known: &ModuleSourceScope<'_>) -> Option<Name> {
        let span = expression.span();
        let problem = match expression.evaluate(&EvaluationContext::new(known, &EmptyScope)) {
            Ok(Value::String(source)) => return Some(source),
            Ok(value) if value.contains_sensitive() => mistakes::source_is_secret(span.clone()),
            Ok(_) => mistakes::source_is_no_text(span.clone()),
            Err(problems) => {
                let explained =
                    problems.into_iter().map(|it| mistakes::source_is_not_known(it, span));
                self.problems.extend(explained);
                return None;
            }
        };
        self.problems.push(problem);
        None
    }

    /// Loads the module in a directory, or finds a loaded one that can be shared.
    fn module(
        &mut self,
        source: &str,
        name: &Name,
        span: &SourceSpan,
        outer: &ModuleSourceScope<'_>,
    ) -> Option<LoadedModule> {
        let within = self.within.last().cloned().unwrap_or_default();
        let Some(directory) = directory(&within, source) else {
            self.problems.push(mistakes::not_local(source, span.clone()));
            return None;
        };
        // Only modules around the call matter: the same module can be called in several places.
        if let Some(begin) = self.within.iter().position(|it| *it == directory) {
            let cycle: Vec<&str> =
                self.within[begin..].iter().chain([&directory]).map(|it| &**it).collect();
            self.problems.push(mistakes::circular(&cycle, span.clone()));
            return None;
        }
        if self.within.len() > DEEPEST {
            self.problems.push(mistakes::too_deep(span.clone()));
            return None;
        }
        // A module whose sources depend on no variable is the same for every call.
        if let Some(finished) =
            self.finished.get(&directory).and_then(|it| it.iter().find(|it| it.used.is_empty()))
        {
            return Some(finished.module.clone());
        }
        let compiled = self.compiled(&directory, span)?;
        let before = self.problems.len();
        let known = ModuleSourceScope::new(
            &compiled.configuration,
            VariableInputs::Arguments { call: outer.call(name)?, outer },
        );
        // A module whose sources depend on variables is shared by calls with equal values of these.
        let finished = self.finished.get(&directory).into_iter().flatten();
        if let Some(finished) = finished
            .into_iter()
            .find(|it| it.used.iter().all(|(name, value)| known.variable(name) == *value))
        {
            return Some(finished.module.clone());
        }
        self.within.push(directory.clone());
        let called = self.load_called(&compiled.sources, &known);
        self.within.pop();
        let used = known.into_used();
        // The finished module is found for every further call, so that the compiled files are not
        // needed again.
        if used.is_empty() {
            self.compiled.remove(&directory);
        }
        let own_sound = compiled.sound;
        // Most directories are loaded once, so that their configuration is moved.
        let mut configuration = match Rc::try_unwrap(compiled) {
            Ok(compiled) => compiled.configuration,
            Err(shared) => shared.configuration.clone(),
        };
        let (provider, calls) = self.finish(&mut configuration, called);
        let sound = own_sound && !self.problems[before..].iter().any(Diagnostic::is_error);
        let module =
            LoadedModule { configuration: Arc::new(configuration), sound, provider, calls };
        self.finished
            .entry(directory)
            .or_default()
            .push(LoadedDirectory { used, module: module.clone() });
        Some(module)
    }

    /// Compiles the files of a directory, without the modules that they call.
    fn compiled(
        &mut self,
        directory: &Arc<str>,
        span: &SourceSpan,
    ) -> Option<Rc<CompiledDirectory>> {
        if let Some(compiled) = self.compiled.get(directory) {
            return Some(compiled.clone());
        }
        let files = match self.directories.files(directory) {
            Ok(files) if files.is_empty() => {
                self.problems.push(mistakes::empty_directory(directory, span.clone()));
                return None;
            }
            Ok(files) => files,
            Err(why) => {
                self.problems.push(mistakes::no_directory(directory, &why, span.clone()));
                return None;
            }
        };
        let mut compiled = compile::directory(&files, &mut self.problems);
        compiled.configuration.directory = directory.clone();
        compile::aliases_from_empty_providers(&mut compiled.configuration);
        for import in &compiled.configuration.imports {
            self.problems.push(diagnostics::place::import_below_root(import.span.clone()));
        }
        self.modules.extend(files);
        let compiled = Rc::new(compiled);
        self.compiled.insert(directory.clone(), compiled.clone());
        Some(compiled)
    }

    /// Puts the called modules into a configuration and checks all references. Returns the place of a
    /// `provider` block in it or below, and the number of module calls.
    fn finish(
        &mut self,
        configuration: &mut Configuration,
        called: Vec<(Name, CalledModule)>,
    ) -> (Option<SourceSpan>, usize) {
        let mut unsound = HashSet::new();
        let mut calls = 0;
        let mut provider = configuration.providers.first().map(|it| it.span.clone());
        for (name, CalledModule { source, module }) in called {
            let Some(call) = configuration.modules.get_mut(&name) else { continue };
            call.source = source;
            if !module.as_ref().is_some_and(|it| it.sound) {
                unsound.insert(name.clone());
            }
            // A module that could not be loaded is reported; the call stays, without content.
            let Some(module) = module else { continue };
            if calls + 1 + module.calls > MOST {
                self.too_many(call);
                unsound.insert(name);
                continue;
            }
            calls += 1 + module.calls;
            call.configuration = module.configuration;
            if let Some(inside) = module.provider {
                self.problems.extend(provider_in_many(call, &inside));
                provider.get_or_insert(inside);
            }
        }
        // References are checked last: those to outputs of modules need the loaded modules.
        compile::references(configuration, &unsound, &mut self.problems);
        (provider, calls)
    }

    /// Reports once that there are too many module calls. Every outer module has too many as well.
    fn too_many(&mut self, call: &ModuleCall) {
        if !std::mem::replace(&mut self.is_full, true) {
            self.problems.push(mistakes::too_many(&call.name, MOST, call.head.clone()));
        }
    }
}

/// The diagnostic for a repeated call of a module that has `provider` blocks. Its settings are still
/// needed to delete the objects of an instance that is no longer in the configuration.
fn provider_in_many(call: &ModuleCall, inside: &SourceSpan) -> Option<Diagnostic> {
    let repeated =
        [("count", &call.count), ("for_each", &call.for_each), ("enabled", &call.enabled)];
    let repeated = repeated.into_iter().find_map(|(name, it)| Some((name, it.as_ref()?.span())));
    let depends = || call.depends_on.first().map(|it| ("depends_on", &it.span));
    let (argument, span) = repeated.or_else(depends)?;
    Some(
        mistakes::provider_in_many(&call.name, argument, inside, span.clone())
            .within(call.head.clone()),
    )
}

/// The directory of a source that is relative to another directory, both relative to the root
/// module. `None` if the source is no local path.
fn directory(within: &str, source: &str) -> Option<Arc<str>> {
    let local =
        source.starts_with("./") || source.starts_with("../") || source == "." || source == "..";
    if !local {
        return None;
    }
    // The path is normalised by its text alone, without the file system, so that one directory has
    // one name in diagnostics and in the tables above.
    let mut parts: Vec<&str> = within.split('/').filter(|it| !it.is_empty()).collect();
    for part in source.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                None | Some(&"..") => parts.push(".."),
                Some(_) => drop(parts.pop()),
            },
            part => parts.push(part),
        }
    }
    Some(parts.join("/").into())
}
