use clap::{Args, Subcommand};
use ha_kind::{Address, closest};

use super::Session;
use crate::place::Place;
use crate::trouble::{DONE, Ended};
use crate::views::json::Json;
use crate::views::notice::Notice;
use crate::views::redact::{Redactor, Sight};
use crate::views::state_view::{record_json, record_text, state_secrets};

/// List what is recorded, or show one of it
#[derive(Subcommand)]
pub(crate) enum StateCommand {
    List(ListArgs),
    Show(ShowArgs),
}

/// List the addresses of what is recorded
///
/// Takes no lock and asks nobody.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state list                       everything
  ha state list mongodb_host.db       what begins so

Exit codes: 0 done, 1 error.")]
pub(crate) struct ListArgs {
    /// Only addresses that begin with one of these
    #[arg(value_name = "ADDRESS")]
    beginnings: Vec<String>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

/// Show what is recorded of one instance
///
/// Takes no lock and asks nobody. Secrets are not shown.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state show 'mongodb_host.db[\"a\"]'

Exit codes: 0 done, 1 error.")]
pub(crate) struct ShowArgs {
    /// Which
    address: Address,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn state(command: &StateCommand, session: &Session) -> Ended {
    match command {
        StateCommand::List(arguments) => list(arguments, session),
        StateCommand::Show(arguments) => show(arguments, session),
    }
}

fn list(arguments: &ListArgs, session: &Session) -> Ended {
    let all = Place::of(&session.directory).addresses()?;
    let is_meant =
        |it: &String| arguments.beginnings.is_empty() || arguments.beginnings.iter().any(|beginning| begins(it, beginning));
    let meant: Vec<String> = all.iter().map(ToString::to_string).filter(is_meant).collect();
    let text = match arguments.json {
        true => Json::array(meant).pretty(),
        false => meant.iter().map(|it| format!("{it}\n")).collect(),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

/// Whether an address is one of those that are named by its beginning, which ends where a name ends.
fn begins(address: &str, beginning: &str) -> bool {
    address
        .strip_prefix(beginning)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']) || beginning.ends_with(['.', '[']))
}

fn show(arguments: &ShowArgs, session: &Session) -> Ended {
    let state = Place::of(&session.directory).state()?;
    let address = &arguments.address;
    let record = state.records.get(address).ok_or_else(|| {
        let known: Vec<String> = state.records.keys().map(ToString::to_string).collect();
        let notice = Notice::error(format!("nothing is recorded of {address}"));
        match closest(&address.to_string(), known.iter().map(String::as_str)) {
            Some(closest) => notice.help(format!("did you mean `{closest}`?")),
            None => notice.help("`ha state list` lists what is"),
        }
    })?;
    let secrets = state_secrets(&state);
    let text = match arguments.json {
        true => record_json(record, &mut Redactor::new(&secrets, Sight::Redacted)).pretty(),
        false => record_text(record, &secrets, session.terminal.out),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_ends_where_a_name_ends() {
        assert!(begins("a.b[0]", "a.b") && begins("a.b[0]", "a.b[0]") && begins("module.m.a.b", "module.m"));
        assert!(begins("a.b", "a.") && !begins("a.bc", "a.b") && !begins("a.b", "b"));
    }
}
