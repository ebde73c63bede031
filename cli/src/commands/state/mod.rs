//! What is recorded, looked at and rewritten by hand.

mod key;
mod list;
mod locks;
mod migrate;
mod moving;
mod mv;
mod pull;
mod push;
mod recover;
mod rekey;
mod rewrite;
mod rm;
mod show;
mod unlock;

use clap::Subcommand;
use ha_diagnostics::code;
use ha_value::{Address, closest};

use crate::output::command_error::{CommandError, CommandResult};
use crate::registry::backends::backends;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::sealed_file::SealedFileKind;
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;

/// A state in a file, sealed: what `pull --sealed` prints, and what is kept before the state is
/// rewritten.
const SEALED: SealedFileKind = SealedFileKind { what: "state", purpose: "state in a file" };

/// Look at what is recorded, rewrite it, and say where it is kept and how
///
/// What rewrites the state takes its lock, keeps a sealed copy in `.ha/backups` first, and replaces
/// it in one piece: a kill leaves the one or the other. With `--dry-run` it says what it would do,
/// and does not.
#[derive(Subcommand)]
pub(crate) enum StateCommand {
    List(list::ListArgs),
    Show(show::StateShowArgs),
    Mv(mv::MvArgs),
    Rm(rm::RmArgs),
    Pull(pull::PullArgs),
    Push(push::PushArgs),
    Recover(recover::RecoverArgs),
    Key(key::KeyArgs),
    Rekey(rekey::RekeyArgs),
    Migrate(migrate::MigrateArgs),
    Locks(locks::LocksArgs),
    Unlock(unlock::UnlockArgs),
}

pub(crate) fn state(command: &StateCommand, session: &Session) -> CommandResult {
    match command {
        StateCommand::List(arguments) => list::list(arguments, session),
        StateCommand::Show(arguments) => show::show(arguments, session),
        StateCommand::Mv(arguments) => mv::mv(arguments, session),
        StateCommand::Rm(arguments) => rm::rm(arguments, session),
        StateCommand::Pull(arguments) => pull::pull(arguments, session),
        StateCommand::Push(arguments) => push::push(arguments, session),
        StateCommand::Recover(arguments) => recover::recover(arguments, session),
        StateCommand::Key(arguments) => key::key(arguments, session),
        StateCommand::Rekey(arguments) => rekey::rekey(arguments, session),
        StateCommand::Migrate(arguments) => migrate::migrate(arguments, session),
        StateCommand::Locks(arguments) => locks::locks(arguments, session),
        StateCommand::Unlock(arguments) => unlock::unlock(arguments, session),
    }
}

/// The places whose locks may be in the way here: where the configuration says that the state is,
/// and where it was last written. A move between the two that was killed has locked both.
fn places(session: &Session) -> Result<Vec<StateLocation>, CommandError> {
    let place = session.place_whatever_is_remembered()?;
    let remembered = place.remembered()?.filter(|it| it.place != place.name());
    let old = remembered.map(|it| {
        let (directory, environment) = (&session.directory, session.environment.as_ref());
        StateLocation::find_unchecked(
            directory,
            environment,
            &it.backend_config(&backends())?,
            session.keys()?,
        )
    });
    Ok([Some(place), old.transpose()?].into_iter().flatten().collect())
}

/// Nothing is recorded where something was looked for.
fn nothing_at<'a>(
    what: &str,
    recorded: impl IntoIterator<Item = &'a Address>,
) -> RenderedDiagnostic {
    let known: Vec<String> = recorded.into_iter().map(ToString::to_string).collect();
    let notice = RenderedDiagnostic::error(format!("nothing is recorded of {what}"))
        .code(code::NOT_RECORDED);
    match closest(what, known.iter().map(String::as_str)) {
        Some(closest) => notice.help(format!("did you mean `{closest}`?")),
        None => notice.help("`ha state list` lists what is"),
    }
}
