use std::fs;
use std::time::Duration;

use clap::Args;
use ha_apply::CancelSignal;
use ha_state_store::KeyProvider;

use crate::arguments::time;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::session::Session;
use crate::workspace::state_location::StateLocation;

/// Seal the state with another key
///
/// With the key that the configuration or the environment names by now, the one before named in
/// `fallback`; else with a new one, made as the last was: a key file, a new salt for the
/// passphrase, a data key of AWS KMS. The state is written again in one piece: a kill leaves it
/// under the one key or the other. From then on the old key opens copies that were kept, and
/// nothing is written with it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state rekey                      a new key for the state
  ha state key                        which it has, to back it up
  HA_STATE_KEY_FILE=new.key HA_STATE_FALLBACK_KEY_FILE=old.key ha state rekey

Exit codes: 0 done, 1 error.")]
pub(crate) struct RekeyArgs {
    /// Print what would change and write nothing
    #[arg(long)]
    dry_run: bool,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
}

pub(crate) fn rekey(arguments: &RekeyArgs, session: &Session) -> CommandResult {
    let terminal = &session.terminal;
    let place = session.place()?;
    let nothing = "Nothing is recorded, so nothing is sealed yet: the first command that writes takes the key that is named.\n";
    if arguments.dry_run {
        let state = place.state()?;
        match place.used().filter(|_| !state.is_new()) {
            Some(used) => terminal.print(&format!("key {} would be replaced\n", used.id))?,
            None => terminal.report(nothing),
        }
        terminal.report("A dry run: nothing was written.\n");
        return Ok(DONE);
    }
    let writer =
        place.lock("ha state rekey", None, arguments.lock_timeout, &CancelSignal::new(), |it| {
            terminal.report(it)
        })?;
    let lineage = writer.lineage().to_owned();
    let Some(used) = writer.sealed_with().cloned() else {
        terminal.report(nothing);
        return Ok(DONE);
    };
    let (name, key) = place.keys().next(&lineage)?;
    if name.id == used.id {
        let notice = RenderedDiagnostic::error(format!(
            "the key that is named, {}, is the one that the state is sealed with",
            name.id
        ));
        return Err(notice
            .help("make another with `ha state key --new > FILE`, name it in the place of this one, and this one in `fallback`")
            .into());
    }
    writer.rekey(name.clone(), key)?;
    place.keys().taken(&lineage, &name)?;
    // What is told is what the next command will find.
    place.state()?;
    terminal.print(&format!("key {} -> {}\n", used.id, name.id))?;
    place.report_key_change(|it| terminal.report(it));
    let mut told = "Sealed the state again. The old key opens nothing of it any more".to_owned();
    told += &match copies(&place) {
        0 => ".\n".to_owned(),
        count => format!(
            " but what was kept before: {count} in {}. Keep that key as long as you keep those.\n",
            place.backups().display()
        ),
    };
    terminal.report(&told);
    Ok(DONE)
}

/// How many copies of the state are kept.
fn copies(place: &StateLocation) -> usize {
    fs::read_dir(place.backups())
        .map_or(0, |all| all.filter_map(Result::ok).filter(|it| it.path().is_file()).count())
}
