use clap::Args;
use ha_plan::AddressPattern;

use super::nothing_at;
use crate::arguments::completion;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::json::JsonValue;
use crate::workspace::session::Session;

/// List the addresses of what is recorded
///
/// Takes no lock and asks no one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state list                       everything
  ha state list mongodb_host.db       all instances of a block
  ha state list module.db             all in a module
  ha state list aws_s3_bucket         all of a kind
  ha state list 'aws_*.prod*'         what is called so
  ha state list --id vol-0a1b2c       what the service calls so

Exit codes: 0 done, 1 nothing is at an address that has no `*`, or another error.")]
pub(crate) struct ListArgs {
    /// Only those at these addresses: instances, blocks, modules, kinds; `*` stands for anything
    #[arg(value_name = "ADDRESS", add = completion::places())]
    patterns: Vec<AddressPattern>,
    /// Only what the service calls so
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn list(arguments: &ListArgs, session: &Session) -> CommandResult {
    let ListArgs { patterns, id, json } = arguments;
    let place = session.place()?;
    let all = match id {
        None => place.addresses()?.into_iter().collect(),
        Some(id) => {
            let records = place.state()?.records.into_values();
            records.filter(|it| it.id == *id).map(|it| it.address).collect::<Vec<_>>()
        }
    };
    let of_nothing = |it: &&AddressPattern| {
        !it.to_string().contains('*') && !all.iter().any(|address| it.matches(address))
    };
    if let Some(pattern) = patterns.iter().find(of_nothing).filter(|_| id.is_none()) {
        return Err(nothing_at(&pattern.to_string(), &all).into());
    }
    let meant = all
        .iter()
        .filter(|it| patterns.is_empty() || patterns.iter().any(|pattern| pattern.matches(it)));
    let meant: Vec<String> = meant.map(ToString::to_string).collect();
    let text = match json {
        true => JsonValue::array(meant).pretty(),
        false => meant.iter().map(|it| format!("{it}\n")).collect(),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}
