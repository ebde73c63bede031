//! The language as its users see it: text in, values or diagnostics out.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read the number of their cases from the environment"
)]

mod blocks;
mod cases;
mod checks;
mod declarations;
mod declared;
mod directory;
mod ephemeral;
mod files;
mod flow;
mod format;
mod hostile;
mod laundering;
mod marks;
mod mistakes;
mod modules;
mod partly;
mod promises;
mod random;
mod refactoring;
mod settings;
mod templates;
mod world;
mod written;
