//! What a command prints and reads at the terminal, and how it ends.

pub(crate) mod command_error;
pub(crate) mod io_error;
pub(crate) mod password_prompt;
pub(crate) mod terminal;
