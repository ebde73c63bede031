use std::time::Duration;

use clap::Args;
use ha_state_store::LockStatus;

use super::places;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::json::JsonValue;
use crate::workspace::session::Session;

/// Say who holds the state's lock
///
/// Who, since when, doing what, and how much is left of its lease: a lock in a store that is
/// elsewhere runs out unless its holder is heard of again, one on this machine ends with its
/// process. Takes no lock.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state locks
  ha state locks --json | jq -r '.[].id'

Exit codes: 0 done, 1 error.")]
pub(crate) struct LocksArgs {
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn locks(arguments: &LocksArgs, session: &Session) -> CommandResult {
    let mut locks = Vec::new();
    for place in places(session)? {
        locks.push((place.name(), place.store().holding()?));
    }
    let terminal = &session.terminal;
    if arguments.json {
        let held = locks
            .into_iter()
            .filter_map(|(place, it)| Some(in_json(place, it.filter(|it| !it.is_over())?)));
        terminal.print(&JsonValue::Array(held.collect()).pretty())?;
        return Ok(DONE);
    }
    for (place, holding) in locks {
        match holding {
            Some(it) if it.is_over() => terminal.report(&format!(
                "No one holds the lock of {place}. The lease of {} has run out: the next command that writes takes the lock over.\n",
                it.holder
            )),
            Some(LockStatus { holder, left }) => terminal.print(&format!("{holder}\n{}\n", lasting(left)))?,
            None => terminal.report(&format!("No one holds the lock of {place}.\n")),
        }
    }
    Ok(DONE)
}

fn lasting(left: Option<Duration>) -> String {
    match left {
        Some(left) => {
            format!(
                "{} seconds of its lease are left; it begins again whenever its holder is heard of",
                left.as_secs()
            )
        }
        None => "It ends with its process".to_owned(),
    }
}

fn in_json(place: String, holding: LockStatus) -> JsonValue {
    let LockStatus { holder, left } = holding;
    let since =
        jiff::Timestamp::from_second(holder.since).map(|it| it.to_string()).unwrap_or_default();
    JsonValue::object([
        ("id", holder.id.as_str().into()),
        ("place", place.as_str().into()),
        ("command", holder.command.as_str().into()),
        ("user", holder.user.as_str().into()),
        ("host", holder.host.as_str().into()),
        ("process", u64::from(holder.pid).into()),
        ("since", since.into()),
        ("seconds_left", left.map_or(JsonValue::Null, |it| it.as_secs().into())),
    ])
}
