//! From the command line to a command.

use std::path::PathBuf;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::arguments::invocation;
use crate::arguments::{Command, CommandLine};
use crate::commands::{
    Session, apply, completions, console, destroy, explain, fmt, graph, import, man, output, plan,
    schema, show, state, validate, version,
};
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::output::terminal::{ColorChoice, Terminal};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::selected::{Workspace, name_asked_for};
use crate::workspace::{files, terraform_compat};

/// Says what to do in the place of a command or an option that Terraform has.
pub(crate) fn not_here(error: &clap::Error) -> Option<u8> {
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && let Some(instead) = terraform_compat::option_instead(option)
    {
        let notice =
            RenderedDiagnostic::error(format!("there is no option `{option}` here")).help(instead);
        return Some(CommandError::from(notice).tell(&Terminal::new(ColorChoice::Auto)));
    }
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let given = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
    let about_state = if command == "init" { terraform_compat::init_instead(given) } else { None };
    if let Some((instead, is_error)) = about_state {
        let notice =
            RenderedDiagnostic::error(format!("`ha {command}` does nothing with the state"));
        let notice = if is_error { notice } else { notice.warning() };
        let code = CommandError::from(notice.help(instead)).tell(&Terminal::new(ColorChoice::Auto));
        return Some(if is_error { code } else { DONE });
    }
    let instead = terraform_compat::instead(command)?;
    if terraform_compat::is_needless(command) {
        Terminal::new(ColorChoice::Auto).tell(&format!("`ha {command}` does nothing: {instead}\n"));
        return Some(DONE);
    }
    let notice =
        RenderedDiagnostic::error(format!("there is no command `{command}`")).help(instead);
    Some(CommandError::from(notice).tell(&Terminal::new(ColorChoice::Auto)))
}

pub(crate) fn run(arguments: &CommandLine, terminal: Terminal) -> CommandResult {
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
        Command::Man(arguments) => man::man(arguments, &session),
    }
}
