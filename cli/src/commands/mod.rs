//! One file for each command: what it takes, and what it does.

pub(crate) mod apply;
pub(crate) mod audience;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod destroy;
pub(crate) mod explain;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod man;
pub(crate) mod output;
pub(crate) mod plan;
pub(crate) mod planning;
pub(crate) mod schema;
pub(crate) mod show;
pub(crate) mod state;
pub(crate) mod validate;
pub(crate) mod version;

use std::path::PathBuf;

use crate::environment::Environment;
use crate::place::Place;
use crate::terminal::Terminal;

/// Where a command runs.
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    /// The configuration's directory; the one worked in.
    pub(crate) directory: PathBuf,
    /// The environment worked on; none where it is the one without a name.
    pub(crate) environment: Option<Environment>,
}

impl Session {
    /// Where the state is kept.
    pub(crate) fn place(&self) -> Place {
        Place::of(&self.directory, self.environment.as_ref())
    }
}
