//! From the command line to a command.

pub(crate) mod command_line;
mod environment;
#[cfg(test)]
mod help;
mod terraform_syntax;
mod usage_error;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use clap::{CommandFactory, Parser};
use tracing::{debug, info_span};

use self::command_line::{Command, CommandLine};
use self::environment::with_environment;
use self::terraform_syntax::{with_bare_flags, with_two_dashes};
use crate::commands::{
    apply, completions, console, destroy, explain, fmt, graph, import, man, output, plan, schema,
    show, state, validate, version,
};
use crate::invocation;
use crate::logging;
use crate::output::command_error::{CommandError, CommandResult, DONE, FAILED};
use crate::output::terminal::{ColorChoice, Terminal};
use crate::workspace::files;
use crate::workspace::selected::{Workspace, name_asked_for};
use crate::workspace::session::Session;

/// Parses the command line, runs the command, and returns the exit code.
pub(crate) fn main(arguments: Vec<OsString>) -> u8 {
    let arguments = match with_environment(arguments) {
        Ok(arguments) => {
            let doubled = with_two_dashes(arguments.into_iter());
            with_bare_flags(doubled, CommandLine::command)
        }
        Err(notice) => {
            return CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto));
        }
    };
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            if let Some(code) = usage_error::explain(&error) {
                return code;
            }
            // A reader that closes the pipe before the end of the help is no failure.
            let _ = error.print();
            return if error.use_stderr() { FAILED } else { DONE };
        }
    };
    let everywhere = &arguments.everywhere;
    let terminal =
        Terminal::new(if everywhere.no_color { ColorChoice::Never } else { everywhere.color });
    if let Err(notice) = logging::start() {
        return CommandError::from(notice).report(&terminal);
    }
    let span = info_span!(target: "ha::command", "command", command = arguments.command.name());
    let _entered = span.enter();
    let code = match run(&arguments, terminal) {
        Ok(code) => code,
        Err(error) => error.report(&terminal),
    };
    debug!(target: "ha::command", code, "ended");
    code
}

fn run(arguments: &CommandLine, terminal: Terminal) -> CommandResult {
    if let Some(directory) = &arguments.everywhere.chdir {
        files::remember_start();
        let entered = std::env::set_current_dir(directory);
        entered
            .with_context(|| format!("could not work in `{}`", directory.display()))
            .map_err(CommandError::from)?;
    }
    let directory = PathBuf::from(".");
    let asked = name_asked_for(arguments.everywhere.env.as_deref());
    invocation::begin(arguments.everywhere.chdir.as_deref(), asked.as_deref());
    let environment = Workspace::asked(asked.as_deref(), &directory)?;
    let session = Session { terminal, directory, environment, asked };
    match &arguments.command {
        Command::Validate(arguments) => validate::validate(arguments, &session),
        Command::Plan(arguments) => plan::plan(arguments, &session),
        Command::Apply(arguments) => apply::apply(arguments, &session),
        Command::Destroy(arguments) => destroy::destroy(arguments, &session),
        Command::Import(arguments) => import::import(arguments, &session),
        Command::Show(arguments) => show::show(arguments, &session),
        Command::Output(arguments) => output::output(arguments, &session),
        Command::Graph(arguments) => graph::graph(arguments, &session),
        Command::State(command) => state::state(command, &session),
        Command::Fmt(arguments) => fmt::fmt(arguments, &session),
        Command::Console(arguments) => console::console(arguments, &session),
        Command::Schema(arguments) => schema::schema(arguments, &session),
        Command::Explain(arguments) => explain::explain(arguments, &session),
        Command::Version(arguments) => version::version(arguments, &session),
        Command::Completions(arguments) => completions::completions(arguments, &session),
        Command::Man(arguments) => man::man(arguments, CommandLine::command(), &session),
    }
}
