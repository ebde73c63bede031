//! What evaluation is given from outside.

use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::{Diagnostic, code};
use ha_value::{InstanceKey, Value};

use crate::evaluate::EvaluationBudget;
use crate::{BlockName, ReferenceTarget};

/// The values that references stand for.
pub trait ValueScope {
    /// The value of `target`: for a block a single object, a tuple (with `count`) or an object
    /// (with `for_each`) of its instances.
    ///
    /// # Errors
    /// What the reader of the configuration should know when there is no such value.
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>>;

    /// The value of `target` with [`crate::not_kept`] in the place of what is ephemeral in it.
    /// Expressions that it follows from are evaluated in `environment`, which sees everything so.
    ///
    /// # Errors
    /// As for the value.
    fn cleared(
        &self,
        target: &ReferenceTarget,
        _environment: &EvaluationContext<'_>,
    ) -> Result<Value, Box<Diagnostic>> {
        self.value(target)
    }

    /// One instance of `block`, so that a reference to one does not build them all.
    ///
    /// # Errors
    /// What the reader of the configuration should know when there is no such instance.
    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>>;

    /// Whether `target` is a block or module with `for_each`, whose value is an object of its
    /// instances.
    fn has_for_each(&self, _target: &ReferenceTarget) -> bool {
        false
    }
}

/// What a configuration may read of the machine and the moment that it is planned on. A plan that
/// is kept keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineFact {
    /// Where the configuration is, from the root of the file system.
    Directory,
    /// Where the program was started.
    WorkingDirectory,
    /// The home directory of who plans.
    Home,
    /// When the plan was begun, as `2006-01-02T15:04:05Z`.
    PlanTime,
}

impl MachineFact {
    /// What it is called.
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
    /// Why it cannot be read, without its name.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String>;

    /// The names of the files below `directory`, with `/` between the parts, in no particular
    /// order.
    ///
    /// # Errors
    /// Why they cannot be listed, without the directory's name.
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        Err(format!("`{directory}` cannot be listed here"))
    }

    /// What is asked of the machine.
    ///
    /// # Errors
    /// Why it cannot be known.
    fn machine(&self, fact: MachineFact) -> Result<Arc<str>, String> {
        Err(format!("{} cannot be known here", fact.name()))
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    /// Why that cannot be known, without its name.
    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.read(path).is_ok())
    }
}

/// What evaluation may look at.
#[derive(Clone, Copy)]
pub struct EvaluationContext<'a> {
    /// The values that references stand for.
    pub scope: &'a dyn ValueScope,
    /// The files that functions read.
    pub files: &'a dyn FileSource,
    /// The time it is; none while planning, when the time of apply is not known yet.
    pub(crate) now: Option<SystemTime>,
    /// How many templates are being rendered inside each other.
    pub(crate) depth: u32,
    /// Whether values that are not marked themselves come out of a secret, so that problems must
    /// not show them.
    pub(crate) secret: bool,
    /// Whether what is ephemeral is taken for unknown.
    pub(crate) clearing: bool,
    /// Whether what is wrong may not count, as in `try`.
    pub(crate) aside: bool,
    /// What is left to the evaluation that this is part of; none for one that begins.
    pub(crate) effort: Option<&'a EvaluationBudget>,
}

impl<'a> EvaluationContext<'a> {
    /// Evaluation while planning: what depends on the time or on chance is unknown.
    #[must_use]
    pub fn new(scope: &'a dyn ValueScope, files: &'a dyn FileSource) -> Self {
        Self {
            scope,
            files,
            now: None,
            depth: 0,
            secret: false,
            clearing: false,
            aside: false,
            effort: None,
        }
    }

    /// Evaluation at a time, as during apply.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }
}

/// A scope in which nothing has a value, and no files: for constants.
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
