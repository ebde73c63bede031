//! One file for each command: what it takes, and what it does.

pub(crate) mod apply;
pub(crate) mod audience;
pub(crate) mod completions;
pub(crate) mod console;
pub(crate) mod destroy;
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

use crate::terminal::Terminal;

/// Where a command runs.
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    /// The configuration's directory; the one worked in.
    pub(crate) directory: PathBuf,
}
