//! `ha`: plans and applies what a directory of HCL files says should exist.

mod arguments;
mod cli;
mod commands;
mod interrupt;
mod logging;
mod output;
mod views;
mod workspace;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing::{debug, info_span};

use crate::arguments::completion::ASKED;
use crate::arguments::{
    CommandLine, may_be_value, with_bare_flags, with_environment, with_two_dashes,
};
use crate::cli::{not_here, run};
use crate::output::command_error::{CommandError, DONE, FAILED, NO_COMMAND};
use crate::output::terminal::{ColorChoice, Terminal};
use crate::views::diagnostic::RenderedDiagnostic;

/// Planning makes and drops many small values, for which the system's allocator takes a third more
/// time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Secrets and keys are in this process's memory: no one but root may look into it, and it
    // leaves no core behind. What it starts is not held to that. Where the system cannot do this,
    // there is nothing to be done about it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    std::panic::set_hook(Box::new(|fault| {
        // Only words that are written in the program: others may hold a secret.
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
        Terminal::new(ColorChoice::Never).tell(&text);
    }));
    if std::env::var_os(ASKED).is_some() {
        let here = std::env::current_dir().ok();
        let asked = CompleteEnv::with_factory(CommandLine::command)
            .var(ASKED)
            .try_complete(std::env::args_os(), here.as_deref());
        return ExitCode::from(if asked.is_ok() { DONE } else { FAILED });
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    if given.len() <= 1 {
        let _ = CommandLine::command().print_long_help();
        return ExitCode::from(NO_COMMAND);
    }
    let given = match with_environment(given) {
        Ok(given) => with_bare_flags(with_two_dashes(given.into_iter()), CommandLine::command),
        Err(notice) => {
            return ExitCode::from(
                CommandError::from(notice).tell(&Terminal::new(ColorChoice::Auto)),
            );
        }
    };
    let arguments = match CommandLine::try_parse_from(given) {
        Ok(arguments) => arguments,
        Err(error) => {
            if let Some(code) =
                not_here(&error).or_else(|| only_in_json(&error)).or_else(|| not_quoted(&error))
            {
                return ExitCode::from(code);
            }
            // Help that no one reads to its end is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { FAILED } else { 0 });
        }
    };
    let everywhere = &arguments.everywhere;
    let terminal =
        Terminal::new(if everywhere.no_color { ColorChoice::Never } else { everywhere.color });
    if let Err(notice) = logging::start() {
        return ExitCode::from(CommandError::from(notice).tell(&terminal));
    }
    let span = info_span!(target: "ha::command", "command", command = arguments.command.name());
    let _entered = span.enter();
    match run(&arguments, terminal) {
        Ok(code) => ended(code),
        Err(trouble) => ended(trouble.tell(&terminal)),
    }
}

fn ended(code: u8) -> ExitCode {
    debug!(target: "ha::command", code, "ended");
    ExitCode::from(code)
}

/// Says that secrets are shown in JSON alone.
fn only_in_json(error: &clap::Error) -> Option<u8> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::MissingRequiredArgument || *missing != ["--json"] {
        return None;
    }
    let notice = RenderedDiagnostic::error("`--show-sensitive` shows secrets in JSON alone");
    let notice = notice.help(
        "add `--json`; of one value of an output `ha output --raw NAME` prints the text itself",
    );
    Some(CommandError::from(notice).tell(&Terminal::new(ColorChoice::Auto)))
}

/// Says what is wrong with an argument that may be the value of a variable, without the value.
fn not_quoted(error: &clap::Error) -> Option<u8> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let is_stray = error.kind() == ErrorKind::UnknownArgument && !argument.starts_with('-');
    let summary = match error.kind() {
        ErrorKind::ValueValidation if argument.starts_with("--var ") => {
            "`--var` gives no name and value"
        }
        _ if is_stray && may_be_value(argument) => "there is an argument that belongs to no option",
        _ => return None,
    };
    let notice = RenderedDiagnostic::error(summary)
        .help("a variable is set by `--var 'NAME=VALUE'`, with both in one argument");
    Some(CommandError::from(notice).tell(&Terminal::new(ColorChoice::Auto)))
}
