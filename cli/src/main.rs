//! `ha`: plans and applies what a directory of HCL files says should exist.

mod arguments;
mod backends;
mod commands;
mod completing;
mod environment;
mod files;
mod habits;
mod hidden_line;
mod interrupt;
mod invocation;
mod keys;
mod logging;
mod memory;
mod place;
mod plan_file;
mod project;
mod providers;
mod scope;
mod sealed_file;
mod spelling;
mod terminal;
mod trouble;
mod variables;
mod views;
mod whereabouts;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser};
use clap_complete::CompleteEnv;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use tracing::{debug, info_span};

use crate::arguments::{Arguments, Command, may_be_value, with_bare_flags, with_environment, with_two_dashes};
use crate::commands::{
    Session, apply, completions, console, destroy, explain, fmt, graph, import, man, output, plan, schema, show, state, validate,
    version,
};
use crate::completing::ASKED;
use crate::environment::{Environment, name_asked_for};
use crate::terminal::{Colour, Terminal};
use crate::trouble::{DONE, Ended, FAILED, NO_COMMAND, Trouble};
use crate::views::notice::Notice;

/// Planning makes and drops many small values, for which the system's allocator takes a third more time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Secrets and keys are in this process's memory: nobody but root may look into it, and it leaves no core behind. What
    // it starts is not held to that. Where the system cannot do this, there is nothing to be done about it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    std::panic::set_hook(Box::new(|fault| {
        // Only words that are written in the program: others may hold a secret.
        let what = fault.payload().downcast_ref::<&str>().copied().unwrap_or("something that should not happen happened");
        let place = fault.location().map(|it| format!(" ({}:{})", it.file(), it.line())).unwrap_or_default();
        let text = format!(
            "error: this is a fault of `ha`: {what}{place}\n = help: what was recorded is on disk; please report this, then run the command again\n"
        );
        Terminal::new(Colour::Never).tell(&text);
    }));
    if std::env::var_os(ASKED).is_some() {
        let here = std::env::current_dir().ok();
        let asked = CompleteEnv::with_factory(Arguments::command).var(ASKED).try_complete(std::env::args_os(), here.as_deref());
        return ExitCode::from(if asked.is_ok() { DONE } else { FAILED });
    }
    let given: Vec<OsString> = std::env::args_os().collect();
    if given.len() <= 1 {
        let _ = Arguments::command().print_long_help();
        return ExitCode::from(NO_COMMAND);
    }
    let given = match with_environment(given) {
        Ok(given) => with_bare_flags(with_two_dashes(given.into_iter()), Arguments::command),
        Err(notice) => return ExitCode::from(Trouble::from(notice).tell(&Terminal::new(Colour::Auto))),
    };
    let arguments = match Arguments::try_parse_from(given) {
        Ok(arguments) => arguments,
        Err(error) => {
            if let Some(code) = not_here(&error).or_else(|| only_in_json(&error)).or_else(|| not_quoted(&error)) {
                return ExitCode::from(code);
            }
            // Help that nobody reads to its end is no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { FAILED } else { 0 });
        }
    };
    let everywhere = &arguments.everywhere;
    let terminal = Terminal::new(if everywhere.no_color { Colour::Never } else { everywhere.color });
    if let Err(notice) = logging::start() {
        return ExitCode::from(Trouble::from(notice).tell(&terminal));
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

/// Says what to do in the place of a command or an option that Terraform has.
fn not_here(error: &clap::Error) -> Option<u8> {
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && let Some(instead) = habits::option_instead(option)
    {
        let notice = Notice::error(format!("there is no option `{option}` here")).help(instead);
        return Some(Trouble::from(notice).tell(&Terminal::new(Colour::Auto)));
    }
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let given = std::env::args_os().map(|it| it.to_string_lossy().into_owned());
    let about_state = if command == "init" { habits::init_instead(given) } else { None };
    if let Some((instead, is_error)) = about_state {
        let notice = Notice::error(format!("`ha {command}` does nothing with the state"));
        let notice = if is_error { notice } else { notice.warning() };
        let code = Trouble::from(notice.help(instead)).tell(&Terminal::new(Colour::Auto));
        return Some(if is_error { code } else { DONE });
    }
    let instead = habits::instead(command)?;
    if habits::is_needless(command) {
        Terminal::new(Colour::Auto).tell(&format!("`ha {command}` does nothing: {instead}\n"));
        return Some(DONE);
    }
    let notice = Notice::error(format!("there is no command `{command}`")).help(instead);
    Some(Trouble::from(notice).tell(&Terminal::new(Colour::Auto)))
}

/// Says that secrets are shown in JSON alone.
fn only_in_json(error: &clap::Error) -> Option<u8> {
    let Some(ContextValue::Strings(missing)) = error.get(ContextKind::InvalidArg) else { return None };
    if error.kind() != ErrorKind::MissingRequiredArgument || *missing != ["--json"] {
        return None;
    }
    let notice = Notice::error("`--show-sensitive` shows secrets in JSON alone");
    let notice = notice.help("add `--json`; of one value of an output `ha output --raw NAME` prints the text itself");
    Some(Trouble::from(notice).tell(&Terminal::new(Colour::Auto)))
}

/// Says what is wrong with an argument that may be the value of a variable, without the value.
fn not_quoted(error: &clap::Error) -> Option<u8> {
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return None };
    let is_stray = error.kind() == ErrorKind::UnknownArgument && !argument.starts_with('-');
    let summary = match error.kind() {
        ErrorKind::ValueValidation if argument.starts_with("--var ") => "`--var` gives no name and value",
        _ if is_stray && may_be_value(argument) => "there is an argument that belongs to no option",
        _ => return None,
    };
    let notice = Notice::error(summary).help("a variable is set by `--var 'NAME=VALUE'`, with both in one argument");
    Some(Trouble::from(notice).tell(&Terminal::new(Colour::Auto)))
}

fn run(arguments: &Arguments, terminal: Terminal) -> Ended {
    if let Some(directory) = &arguments.everywhere.chdir {
        files::remember_start();
        let entered = std::env::set_current_dir(directory);
        entered.with_context(|| format!("could not work in `{}`", directory.display())).map_err(Trouble::from)?;
    }
    let directory = PathBuf::from(".");
    let asked = name_asked_for(arguments.everywhere.env.as_deref());
    invocation::begin(arguments.everywhere.chdir.as_deref(), asked.as_deref());
    let environment = Environment::asked(asked.as_deref(), &directory)?;
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
