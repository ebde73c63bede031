use clap::Args;

use crate::commands::Session;
use crate::trouble::{DONE, Ended};
use crate::views::json::Json;

/// Say who holds the state's lock
///
/// Who, since when, doing what. Takes no lock.
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
    let holder = place.store().holder()?;
    let terminal = &session.terminal;
    if arguments.json {
        let since = |it: i64| jiff::Timestamp::from_second(it).map(|it| it.to_string()).unwrap_or_default();
        let each = holder.iter().map(|it| {
            Json::object([
                ("id", it.id.as_str().into()),
                ("place", place.name().into()),
                ("command", it.command.as_str().into()),
                ("user", it.user.as_str().into()),
                ("host", it.host.as_str().into()),
                ("process", u64::from(it.pid).into()),
                ("since", since(it.since).into()),
            ])
        });
        terminal.print(&Json::Array(each.collect()).pretty())?;
        return Ok(DONE);
    }
    match holder {
        Some(holder) => terminal.print(&format!("{holder}\n"))?,
        None => terminal.tell(&format!("Nobody holds the lock of {}.\n", place.name())),
    }
    Ok(DONE)
}
