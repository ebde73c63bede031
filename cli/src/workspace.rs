//! The directory that a command works in: its project, variables, backend, state, keys and plan
//! files.

pub(crate) mod backend_config;
pub(crate) mod backends;
pub(crate) mod console_scope;
pub(crate) mod encryption;
mod file_family;
pub(crate) mod files;
pub(crate) mod last_backend;
pub(crate) mod plan_file;
pub(crate) mod project;
pub(crate) mod providers;
pub(crate) mod sealed_file;
pub(crate) mod selected;
pub(crate) mod state_location;
pub(crate) mod terraform_compat;
mod variables;
