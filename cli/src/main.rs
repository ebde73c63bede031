//! `ha`: plans and applies what a directory of HCL files says should exist.

mod arguments;
mod cli;
mod commands;
mod interrupt;
mod invocation;
mod logging;
mod output;
mod registry;
mod views;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::arguments::completion::ASKED;
use crate::cli::command_line::CommandLine;
use crate::output::command_error::{DONE, FAILED, NO_COMMAND};
use crate::output::terminal::{ColorChoice, Terminal};

/// Planning makes and drops many small values, for which the system's allocator takes a third more
/// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // This process holds secrets and keys in memory: it must leave no core dump, and other
    // processes of the user must not attach to it. Child processes are not affected. A failure is
    // ignored, because the command works without this protection.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    std::panic::set_hook(Box::new(|fault| {
        // Only literal messages are printed: a formatted one may contain a secret.
        let what = fault
            .payload()
            .downcast_ref::<&str>()
            .copied()
            .unwrap_or("something that should not happen happened");
        let place = fault
            .location()
            .map(|it| format!(" ({}:{})", it.file(), it.line()))
            .unwrap_or_default();
        let text = format!(
            "error: this is a fault of `ha`: {what}{place}\n = help: what was recorded is on disk; please report this, then run the command again\n"
        );
        Terminal::new(ColorChoice::Never).report(&text);
    }));
    if std::env::var_os(ASKED).is_some() {
        let here = std::env::current_dir().ok();
        let asked = CompleteEnv::with_factory(CommandLine::command)
            .var(ASKED)
            .try_complete(std::env::args_os(), here.as_deref());
        return ExitCode::from(if asked.is_ok() { DONE } else { FAILED });
    }
    // This is checked before clap, which would report a missing subcommand as an error.
    let given: Vec<OsString> = std::env::args_os().collect();
    if given.len() <= 1 {
        let _ = CommandLine::command().print_long_help();
        return ExitCode::from(NO_COMMAND);
    }
    ExitCode::from(cli::main(given))
}
