use clap::Args;
use ha_state::Holding;

use crate::commands::Session;
use crate::trouble::{DONE, Ended};
use crate::views::json::Json;

/// Say who holds the state's lock
///
/// Who, since when, doing what, and how much is left of its lease: a lock in a store that is elsewhere runs out unless its
/// holder is heard of again, one on this machine ends with its process. Takes no lock.
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

pub(crate) fn locks(arguments: &LocksArgs, session: &Session) -> Ended {
    let place = session.place()?;
    let holding = place.store().holding()?;
    let terminal = &session.terminal;
    if arguments.json {
        let since = |it: i64| jiff::Timestamp::from_second(it).map(|it| it.to_string()).unwrap_or_default();
        let each = holding.iter().map(|Holding { holder: it, left }| {
            Json::object([
                ("id", it.id.as_str().into()),
                ("place", place.name().into()),
                ("command", it.command.as_str().into()),
                ("user", it.user.as_str().into()),
                ("host", it.host.as_str().into()),
                ("process", u64::from(it.pid).into()),
                ("since", since(it.since).into()),
                ("seconds_left", left.map_or(Json::Null, |it| it.as_secs().into())),
            ])
        });
        terminal.print(&Json::Array(each.collect()).pretty())?;
        return Ok(DONE);
    }
    match holding {
        Some(Holding { holder, left: Some(left) }) => terminal.print(&format!(
            "{holder}\n{} seconds of its lease are left; it begins anew whenever its holder is heard of\n",
            left.as_secs()
        ))?,
        Some(Holding { holder, left: None }) => terminal.print(&format!("{holder}\nIt ends with its process\n"))?,
        None => terminal.tell(&format!("Nobody holds the lock of {}.\n", place.name())),
    }
    Ok(DONE)
}
