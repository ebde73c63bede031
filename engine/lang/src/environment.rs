//! What evaluation is given from outside.

use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::{Diagnostic, code};
use ha_value::{Key, Value};

use crate::evaluate::Effort;
use crate::{BlockName, Target};

/// The values that references stand for.
pub trait Scope {
    /// The value of `target`: for a block a single object, a tuple (with `count`) or an object (with `for_each`) of
    /// its instances.
    ///
    /// # Errors
    /// What the reader of the configuration should know when there is no such value.
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>>;

    /// The value of `target` with [`crate::not_kept`] in the place of what is ephemeral in it. Expressions that it follows
    /// from are evaluated in `environment`, which sees everything so.
    ///
    /// # Errors
    /// As for the value.
    fn cleared(&self, target: &Target, _environment: &Environment<'_>) -> Result<Value, Box<Diagnostic>> {
        self.value(target)
    }

    /// One instance of `block`, so that a reference to one does not build them all.
    ///
    /// # Errors
    /// What the reader of the configuration should know when there is no such instance.
    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>>;

    /// Whether `target` is a block or module with `for_each`, whose value is an object of its instances.
    fn has_for_each(&self, _target: &Target) -> bool {
        false
    }
}

/// What a configuration may read of the machine and the moment that it is planned on. A plan that is kept keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact {
    /// Where the configuration is, from the root of the file system.
    Directory,
    /// Where the program was started.
    WorkingDirectory,
    /// The home directory of who plans.
    Home,
    /// When the plan was begun, as `2006-01-02T15:04:05Z`.
    PlanTime,
}

impl Fact {
    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Fact::Directory => "the configuration's directory",
            Fact::WorkingDirectory => "the working directory",
            Fact::Home => "the home directory",
            Fact::PlanTime => "the time of the plan",
        }
    }

    /// What it is here and now, for a configuration in the working directory.
    ///
    /// # Errors
    /// Why it cannot be told.
    pub fn here(self) -> Result<String, String> {
        match self {
            Fact::Directory | Fact::WorkingDirectory => match std::env::current_dir() {
                Ok(directory) => Ok(directory.to_string_lossy().into_owned()),
                Err(error) => Err(format!("{} cannot be told: {error}", self.name())),
            },
            Fact::Home => std::env::var("HOME").map_err(|_| format!("{} is not known: HOME is not set", self.name())),
            Fact::PlanTime => crate::functions::written_time(SystemTime::now()),
        }
    }
}

/// The files that functions read.
pub trait Files {
    /// The content of the file at `path`.
    ///
    /// # Errors
    /// Why it cannot be read, without its name.
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String>;

    /// The names of the files below `directory`, with `/` between the parts, in no particular order.
    ///
    /// # Errors
    /// Why they cannot be listed, without the directory's name.
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        Err(format!("`{directory}` cannot be listed here"))
    }

    /// What is asked of the machine.
    ///
    /// # Errors
    /// Why it cannot be told.
    fn machine(&self, fact: Fact) -> Result<Arc<str>, String> {
        Err(format!("{} cannot be told here", fact.name()))
    }

    /// Whether there is a file at `path`.
    ///
    /// # Errors
    /// Why that cannot be told, without its name.
    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.read(path).is_ok())
    }
}

/// What evaluation may look at.
#[derive(Clone, Copy)]
pub struct Environment<'a> {
    /// The values that references stand for.
    pub scope: &'a dyn Scope,
    /// The files that functions read.
    pub files: &'a dyn Files,
    /// The time it is; none while planning, when the time of apply is not known yet.
    pub(crate) now: Option<SystemTime>,
    /// How many templates are being rendered inside each other.
    pub(crate) depth: u32,
    /// Whether values that are not marked themselves come out of a secret, so that problems must not show them.
    pub(crate) secret: bool,
    /// Whether what is ephemeral is taken for unknown.
    pub(crate) clearing: bool,
    /// Whether what is wrong may not count, as in `try`.
    pub(crate) aside: bool,
    /// What is left to the evaluation that this is part of; none for one that begins.
    pub(crate) effort: Option<&'a Effort>,
}

impl<'a> Environment<'a> {
    /// Evaluation while planning: what depends on the time or on chance is unknown.
    #[must_use]
    pub fn new(scope: &'a dyn Scope, files: &'a dyn Files) -> Self {
        Self { scope, files, now: None, depth: 0, secret: false, clearing: false, aside: false, effort: None }
    }

    /// Evaluation at a time, as during apply.
    #[must_use]
    pub fn at(mut self, now: SystemTime) -> Self {
        self.now = Some(now);
        self
    }
}

/// A scope in which nothing has a value, and no files: for constants.
pub struct Nothing;

impl Scope for Nothing {
    fn value(&self, target: &Target) -> Result<Value, Box<Diagnostic>> {
        Err(Box::new(
            Diagnostic::error(format!("`{target}` cannot be used here")).code(code::NOT_HERE).help("only constants can be"),
        ))
    }

    fn instance(&self, block: &BlockName, _: &Key) -> Result<Value, Box<Diagnostic>> {
        self.value(&Target::Block(block.clone()))
    }
}

impl Files for Nothing {
    fn read(&self, _: &str) -> Result<Arc<[u8]>, String> {
        Err("files cannot be read here".into())
    }
}
