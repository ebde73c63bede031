use clap::Args;

use super::places;
use crate::output::command_error::{CommandResult, DONE};
use crate::workspace::session::Session;

/// Take the state's lock away from a command that is not at work any more
///
/// The lock of a state on this machine goes with its process and need not be taken away. One in a
/// store that is elsewhere runs out by itself when no one renews it; this is for not waiting that
/// long. Whoever held it writes nothing any more, but may still be changing what it was about to
/// change: make sure that it is not running.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state locks                      who holds it, and the lock's ID
  ha state unlock 5b1f09c2a7d3e846

Exit codes: 0 done, 1 no one or somebody else holds it, or another error.")]
pub(crate) struct UnlockArgs {
    /// Which lock, as `ha state locks` and the message of whoever was kept out say
    #[arg(value_name = "ID")]
    id: String,
}

pub(crate) fn unlock(arguments: &UnlockArgs, session: &Session) -> CommandResult {
    let places = places(session)?;
    let mut held = None;
    for place in &places {
        if place.store().holding()?.is_some_and(|it| it.holder.id == arguments.id) {
            held = Some(place);
        }
    }
    let place = held.unwrap_or(&places[0]);
    place.store().break_lock(&arguments.id)?;
    session.terminal.report(&format!("Took lock {} of {} away.\n", arguments.id, place.name()));
    Ok(DONE)
}
