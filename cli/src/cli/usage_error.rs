//! Messages for mistakes on the command line that `clap` alone would not explain.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use ha_value::Address;

use crate::invocation::may_be_value;
use crate::output::command_error::{CommandError, DONE};
use crate::output::terminal::{ColorChoice, Terminal};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::has_secret_id;
use crate::workspace::terraform_compat;

/// Prints a message of our own where there is one, and returns the exit code.
pub(super) fn explain(error: &clap::Error) -> Option<u8> {
    not_here(error)
        .or_else(|| only_in_json(error))
        .or_else(|| not_quoted(error))
        .or_else(|| stray_of_import(error))
}

/// Reports an argument too many of `ha import` without printing it where it may be a secret: the
/// ID of a password is the password, and one with a space or a dash at its front is easily given
/// without its quotes.
fn stray_of_import(error: &clap::Error) -> Option<u8> {
    if error.kind() != ErrorKind::UnknownArgument {
        return None;
    }
    let words: Vec<String> =
        std::env::args_os().map(|it| it.to_string_lossy().into_owned()).collect();
    let at = words.iter().position(|it| it == "import")?;
    let mut addresses =
        words[at + 1..].iter().filter_map(|it| it.parse::<Address>().ok()).peekable();
    let is_open = addresses.peek().is_some() && addresses.all(|it| !has_secret_id(&it.block.kind));
    if is_open {
        return None;
    }
    let notice = RenderedDiagnostic::error("`ha import` has an argument that belongs to no option")
        .help("write `ha import 'ADDRESS' 'ID'`; an ID that begins with a dash comes after `--`");
    Some(CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto)))
}

/// Says what to do in the place of a command or an option that Terraform has.
fn not_here(error: &clap::Error) -> Option<u8> {
    if let Some(ContextValue::String(option)) = error.get(ContextKind::InvalidArg)
        && error.kind() == ErrorKind::UnknownArgument
        && let Some(instead) = terraform_compat::option_instead(option)
    {
        let notice =
            RenderedDiagnostic::error(format!("there is no option `{option}` here")).help(instead);
        return Some(CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto)));
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
        let code =
            CommandError::from(notice.help(instead)).report(&Terminal::new(ColorChoice::Auto));
        return Some(if is_error { code } else { DONE });
    }
    let instead = terraform_compat::instead(command)?;
    if terraform_compat::is_needless(command) {
        Terminal::new(ColorChoice::Auto)
            .report(&format!("`ha {command}` does nothing: {instead}\n"));
        return Some(DONE);
    }
    let notice =
        RenderedDiagnostic::error(format!("there is no command `{command}`")).help(instead);
    Some(CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto)))
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
    Some(CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto)))
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
    Some(CommandError::from(notice).report(&Terminal::new(ColorChoice::Auto)))
}
