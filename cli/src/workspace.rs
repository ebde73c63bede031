//! The directory that a command works in: its project, variables, backend, state, keys and plan
//! files.

pub(crate) mod backend_config;
pub(crate) mod console_scope;
pub(crate) mod directory_files;
pub(crate) mod encryption;
pub(crate) mod files;
pub(crate) mod last_backend;
pub(crate) mod plan_file;
pub(crate) mod project;
pub(crate) mod sealed_file;
pub(crate) mod selected;
pub(crate) mod session;
mod session_state;
pub(crate) mod state_location;
pub(crate) mod terraform_compat;
pub(crate) mod variable_options;
mod variables;
