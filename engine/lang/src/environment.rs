//! What evaluation is given from outside.

use std::sync::Arc;
use std::time::SystemTime;

use ha_kind::{Diagnostic, Key, Value, code};

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

    /// One instance of `block`, so that a reference to one does not build them all.
    ///
    /// # Errors
    /// What the reader of the configuration should know when there is no such instance.
    fn instance(&self, block: &BlockName, key: &Key) -> Result<Value, Box<Diagnostic>>;
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
    /// What is left to the evaluation that this is part of; none for one that begins.
    pub(crate) effort: Option<&'a Effort>,
}

impl<'a> Environment<'a> {
    /// Evaluation while planning: what depends on the time or on chance is unknown.
    #[must_use]
    pub fn new(scope: &'a dyn Scope, files: &'a dyn Files) -> Self {
        Self { scope, files, now: None, depth: 0, secret: false, effort: None }
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
