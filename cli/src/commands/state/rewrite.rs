//! The way in which a state is rewritten by hand: under the lock, after a copy was kept, in one
//! piece.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use clap::Args;
use ha_apply::CancelSignal;
use ha_diagnostics::code;
use ha_state_model::State;
use ha_state_store::{KeyName, StateKey, to_json};
use ha_value::Address;
use zeroize::Zeroizing;

use super::SEALED;
use crate::arguments::time;
use crate::invocation;
use crate::output::command_error::{CommandError, CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::sealed_file;
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;

/// How a state is rewritten.
#[derive(Args, Clone, Debug)]
pub(super) struct RewriteArgs {
    /// Print what would change and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
}

/// What a state becomes.
pub(super) struct StateRewrite {
    pub(super) state: State,
    /// What that changes, a line for each thing; nothing is written when there are none.
    pub(super) changes: Vec<String>,
}

/// Rewrites the state of this lineage, of any where it is none. `done` says what was done to so
/// many things.
pub(super) fn rewrite(
    arguments: &RewriteArgs,
    (command, lineage): (&str, Option<&str>),
    session: &Session,
    become_what: impl FnOnce(&State) -> Result<StateRewrite, CommandError>,
    done: impl FnOnce(usize) -> String,
) -> CommandResult {
    let place = session.place()?;
    let terminal = &session.terminal;
    let lines = |changes: &[String]| changes.iter().map(|it| format!("{it}\n")).collect::<String>();
    if arguments.dry_run {
        let StateRewrite { changes, .. } = become_what(&place.state()?)?;
        terminal.print(&lines(&changes))?;
        terminal.report("A dry run: nothing was written.\n");
        return Ok(DONE);
    }
    let writer = place.lock(
        &format!("ha state {command}"),
        lineage,
        arguments.lock_timeout,
        &CancelSignal::new(),
        |it| terminal.report(it),
    )?;
    let before = writer.snapshot();
    let StateRewrite { state, changes } = become_what(&before)?;
    if changes.is_empty() {
        terminal.report("The state is so already: nothing was written.\n");
        return Ok(DONE);
    }
    let backup = if before.is_new() {
        None
    } else {
        Some(keep(&before, &(writer.key_name().clone(), writer.key().clone()), &place)?)
    };
    writer.replace(state)?;
    place.report_key_change(|it| terminal.report(it));
    terminal.print(&lines(&changes))?;
    let mut told = done(changes.len()) + "\n";
    if let Some(backup) = backup {
        let backup = backup.display().to_string();
        let command = invocation::command(["state", "push", "--force", &backup]);
        told += &format!("The state as it was is in {backup}; `{command}` puts it back.\n");
    }
    terminal.report(&told);
    Ok(DONE)
}

/// Keeps a sealed copy.
fn keep(
    state: &State,
    key: &(KeyName, StateKey),
    place: &StateLocation,
) -> anyhow::Result<PathBuf> {
    let directory = place.backups();
    let path = directory.join(format!("{}.state", state.number));
    let sealed =
        SEALED.sealed(&state.lineage, key, Zeroizing::new(to_json(state).to_string()).as_bytes());
    let kept = DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .and_then(|()| sealed_file::write(&path, &sealed));
    kept.with_context(|| {
        format!("could not keep a copy of the state in `{}`; nothing was written", path.display())
    })?;
    Ok(path)
}

/// A step that was begun at an address and of which nothing more is known: whoever moves or forgets
/// it loses what it left.
pub(super) fn unfinished(
    state: &State,
    is_meant: impl Fn(&Address) -> bool,
) -> Option<RenderedDiagnostic> {
    let begun = state.unfinished.values().find(|it| is_meant(&it.intent.address))?;
    let notice = RenderedDiagnostic::error(format!(
        "a step on {} was begun and is not finished",
        begun.intent.address
    ))
    .code(code::UNFINISHED);
    Some(notice.help("run `ha apply` first: it looks into what that step left, and records it"))
}
