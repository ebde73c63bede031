//! The input of an evaluation: values of references, files, and facts of the machine.

use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::{Diagnostic, code};
use ha_value::{InstanceKey, Value};

use crate::evaluate::EvaluationBudget;
use crate::{BlockName, ReferenceTarget};

/// The values of references.
pub trait ValueScope {
    /// The value of `target`: for a block a single object, a tuple (with `count`) or an object
    /// (with `for_each`) of its instances.
    ///
    /// # Errors
    /// A diagnostic for the author of the configuration if there is no such value.
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>>;

    /// The value of `target` with [`crate::not_kept`] in place of all ephemeral parts. Expressions
    /// that it depends on are evaluated in `environment`, which replaces them as well.
    ///
    /// # Errors
    /// As [`Self::value`].
    fn cleared(
        &self,
        target: &ReferenceTarget,
        _environment: &EvaluationContext<'_>,
    ) -> Result<Value, Box<Diagnostic>> {
        self.value(target)
    }

    /// The value of one instance of `block`. A reference to one instance does not build the value of
    /// all of them, so that n references among n instances stay linear.
    ///
    /// # Errors
    /// A diagnostic for the author of the configuration if there is no such instance.
    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>>;

    /// Whether `target` is a block or module with `for_each`, whose value is an object of its
    /// instances.
    fn has_for_each(&self, _target: &ReferenceTarget) -> bool {
        false
    }
}

/// A fact about the machine and the time of a plan that a configuration can read. A saved plan
/// stores these facts, so that apply sees the same ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFact {
    /// The absolute path of the directory of the root module.
    Directory,
    /// The absolute path of the directory that the program was started in.
    WorkingDirectory,
    /// The home directory of the user.
    Home,
    /// The time at which planning began, as `2006-01-02T15:04:05Z`.
    PlanTime,
}

impl MachineFact {
    /// The name for diagnostics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            MachineFact::Directory => "the configuration's directory",
            MachineFact::WorkingDirectory => "the working directory",
            MachineFact::Home => "the home directory",
            MachineFact::PlanTime => "the time of the plan",
        }
    }
}

/// The files that functions read.
pub trait FileSource {
    /// The content of the file at `path`.
    ///
    /// # Errors
    /// The reason why it cannot be read, without the name of the file.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String>;

    /// The names of the files below `directory`, with `/` between the parts, in no particular
    /// order.
    ///
    /// # Errors
    /// The reason why they cannot be listed, without the name of the directory.
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        Err(format!("`{directory}` cannot be listed here"))
    }

    /// The value of a fact.
    ///
    /// # Errors
    /// The reason why it is not available.
    fn machine(&self, fact: MachineFact) -> Result<Arc<str>, String> {
        Err(format!("{} cannot be known here", fact.name()))
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    /// The reason why that is not known, without the name of the file.
    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.read(path).is_ok())
    }
}

/// Everything that an evaluation can read.
#[derive(Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// The values of references.
    pub scope: &'a dyn ValueScope,
    /// The files that functions read.
    pub files: &'a dyn FileSource,
    /// The current time; `None` while planning, as the time of the apply is unknown then.
    pub(crate) now: Option<SystemTime>,
    /// The number of templates that are being rendered inside each other.
    pub(crate) depth: u32,
    /// Whether unmarked values come from inside of a secret, so that diagnostics must not show them.
    pub(crate) secret: bool,
    /// Whether ephemeral values are replaced by unknowns.
    pub(crate) clearing: bool,
    /// Whether diagnostics may be dropped, as within `try`.
    pub(crate) drops_diagnostics: bool,
    /// The budget of the evaluation that this one is part of; `None` for an outermost one.
    pub(crate) budget: Option<&'a EvaluationBudget>,
}

impl<'a> EvaluationContext<'a> {
    /// A context for planning: values that depend on the time or on randomness are unknown.
    #[must_use]
    pub fn new(scope: &'a dyn ValueScope, files: &'a dyn FileSource) -> Self {
        Self {
            scope,
            files,
            now: None,
            depth: 0,
            secret: false,
            clearing: false,
            drops_diagnostics: false,
            budget: None,
        }
    }

    /// The same context at a time, as during apply.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }
}

/// A scope without values and files, for expressions that must be constant.
pub struct EmptyScope;

impl ValueScope for EmptyScope {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        Err(Box::new(
            Diagnostic::error(format!("`{target}` cannot be used here"))
                .code(code::NOT_HERE)
                .help("only constants can be"),
        ))
    }

    fn instance(&self, block: &BlockName, _: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        self.value(&ReferenceTarget::Block(block.clone()))
    }
}

impl FileSource for EmptyScope {
    fn read(&self, _: &str) -> Result<Arc<[u8]>, String> {
        Err("files cannot be read here".into())
    }
}
