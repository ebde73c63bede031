use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use ha_apply::CancelSignal;
use ha_diagnostics::code;
use ha_state_model::State;
use ha_state_store::moved_to;

use crate::arguments::time;
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::registry::backends::backends;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::backend_config::{BackendBlock, BackendConfig};
use crate::workspace::last_backend::LastBackend;
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;
use crate::workspace::variable_options::VariableOptions;

/// Move the state to where the configuration says
///
/// From where it was last written, to what the block `backend` names by now. Both are locked, the
/// state is copied, read back and compared; only then the old place is marked as moved: no one
/// opens the state there any more, and whoever tries is told where it is. Killed at any moment, it
/// is run again and goes on.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state migrate --dry-run          what would be moved, from where to where
  ha state migrate
  ha state migrate --from old.hcl     from what the block `backend` in that file names

Exit codes: 0 done or nothing to do, 1 error.")]
pub(crate) struct MigrateArgs {
    /// A file whose block `backend` says where it is now, where that is not remembered here
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Print what would change and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
}

pub(crate) fn migrate(arguments: &MigrateArgs, session: &Session) -> CommandResult {
    let terminal = &session.terminal;
    let to = session.place_whatever_is_remembered()?;
    let nothing = |why: String| {
        terminal.report(&format!("{why}: there is nothing to move.\n"));
        Ok(DONE)
    };
    let already = |why: String| {
        if !arguments.dry_run {
            to.remember()?;
        }
        nothing(why)
    };
    let new = to.name();
    let remembered = to.remembered()?.filter(|_| arguments.from.is_none());
    if remembered.as_ref().is_some_and(|it| it.place == new) {
        return already(format!("The state is kept in {new} already"));
    }
    let missing = remembered.as_ref().and_then(LastBackend::missing);
    let unreachable = |it: CommandError| match &missing {
        Some(missing) => it.help(missing),
        None => it,
    };
    let Some(from) = from(arguments, session, remembered.as_ref()).map_err(unreachable)? else {
        return nothing(format!(
            "Nothing says that the state was ever kept elsewhere than in {new}"
        ));
    };
    let old = from.name();
    if old == new {
        return already(format!("The state is kept in {new} already"));
    }
    match moved_to(from.store()).map_err(|it| unreachable(it.into()))? {
        Some(there) if there == new => {
            return already(format!("The state was moved from {old} to {new} already"));
        }
        Some(there) => {
            let notice = RenderedDiagnostic::error(format!(
                "the state is not in {old} any more: it was moved to {there}"
            ));
            return Err(notice
                .code(code::OTHER_STATE)
                .help("name that place with `--from`")
                .into());
        }
        None => {}
    }
    if arguments.dry_run {
        let (state, there) = (from.state()?, to.state_even_if_moved()?);
        refuse(&state, &there, &new)?;
        terminal.print(&format!("{} from {old} to {new}\n", counted(&state)))?;
        terminal.report("A dry run: nothing was written.\n");
        return Ok(DONE);
    }
    let command = "ha state migrate";
    let cancel = CancelSignal::new();
    let leaving =
        from.lock(command, None, arguments.lock_timeout, &cancel, |it| terminal.report(it))?;
    let state = leaving.snapshot();
    if state.is_new() {
        drop(leaving);
        to.remember()?;
        return nothing(format!("Nothing is recorded in {old}"));
    }
    let arriving =
        to.lock_even_if_moved(command, &state.lineage, arguments.lock_timeout, &cancel, |it| {
            terminal.report(it)
        })?;
    let there = arriving.snapshot();
    refuse(&state, &there, &new)?;
    let is_there = is_same(&state, &there) && there.history.moved_to.is_none();
    drop(there);
    if is_there {
        // A move that was killed got so far.
        drop(arriving);
    } else {
        arriving.adopt((*state).clone())?;
    }
    if !is_same(&state, &to.state()?) {
        let notice = RenderedDiagnostic::error(format!(
            "what was read back from {new} is not what was written there"
        ));
        return Err(notice
            .code(code::STATE_NOT_WRITTEN)
            .help(format!("the state is still in {old}; nothing there was changed"))
            .into());
    }
    leaving.move_away(&new)?;
    to.remember()?;
    terminal.print(&format!("{} from {old} to {new}\n", counted(&state)))?;
    to.report_key_change(|it| terminal.report(it));
    terminal.report(&format!(
        "Moved. What was in {old} is still there, sealed, and no one opens it any more; remove it when you are sure.\n"
    ));
    Ok(DONE)
}

/// Where the state is now, where anything says so.
fn from(
    arguments: &MigrateArgs,
    session: &Session,
    remembered: Option<&LastBackend>,
) -> Result<Option<StateLocation>, CommandError> {
    let backend_config = match (&arguments.from, remembered) {
        (Some(file), _) => {
            let project = Project::read_file(
                session,
                file,
                &VariableOptions::default(),
                VariableMode::WhatThereIs,
            )?;
            let said = BackendConfig::said(&BackendBlock::new(&project), &backends())
                .map_err(|it| CommandError::from_diagnostics(&it));
            said.map_err(|it| it.within(&project.sources).keeping(&project.secrets))?
        }
        (None, Some(remembered)) => remembered.backend_config(&backends())?,
        (None, None) => return Ok(None),
    };
    StateLocation::find_unchecked(
        &session.directory,
        session.environment.as_ref(),
        &backend_config,
        session.keys()?,
    )
    .map(Some)
}

/// Whether two say the same, whatever their numbers are.
fn is_same(one: &State, other: &State) -> bool {
    let bare = |it: &State| State {
        number: 0,
        history: ha_state_model::StateHistory::default(),
        ..it.clone()
    };
    !other.is_new() && bare(one) == bare(other)
}

/// Refuses to put a state in the place of one that has gone on, or is another.
fn refuse(state: &State, there: &State, new: &str) -> Result<(), RenderedDiagnostic> {
    if there.is_new() || there.history.moved_to.is_some() || is_same(state, there) {
        return Ok(());
    }
    let notice = RenderedDiagnostic::error(format!("there is a state in {new} already"))
        .code(code::OTHER_STATE);
    let notice = notice
        .note(
            "here",
            format!("lineage {}, number {}, {}", state.lineage, state.number, counted(state)),
        )
        .note(
            "there",
            format!("lineage {}, number {}, {}", there.lineage, there.number, counted(there)),
        );
    match state.lineage == there.lineage {
        true if there.number <= state.number => Ok(()),
        true => Err(notice
            .help("it is the same state, and was written there since: one of the two must go")
            .help("look at both with `ha state list`, and move the files of the one that is wrong away")),
        false => Err(notice.help("name another place, or move that state away first")),
    }
}

fn counted(state: &State) -> String {
    match state.records.len() {
        1 => "1 record".to_owned(),
        count => format!("{count} records"),
    }
}
