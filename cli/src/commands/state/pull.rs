use std::io::IsTerminal;

use clap::Args;
use ha_state_store::to_json;
use zeroize::Zeroizing;

use super::SEALED;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::pulled::pulled_json;
use crate::workspace::session::Session;

/// Print the whole state
///
/// As JSON without its secrets, which cannot be pushed back; with its secrets, which can; or sealed
/// under its key, which can too and is safe to keep. Takes no lock and asks no one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state pull | jq '.records[].address'
  ha state pull --sealed > prod.state       a copy that only the state's key opens
  ha state pull --show-sensitive > prod.json

Exit codes: 0 done, 1 error.")]
pub(crate) struct PullArgs {
    /// Print it with its secrets, in clear
    #[arg(long, conflicts_with = "sealed")]
    show_sensitive: bool,
    /// Print it sealed under its key
    #[arg(long)]
    sealed: bool,
}

pub(crate) fn pull(arguments: &PullArgs, session: &Session) -> CommandResult {
    let place = session.place()?;
    let state = place.state()?;
    if state.is_new() {
        session.terminal.report("Nothing is recorded.\n");
        return Ok(DONE);
    }
    if arguments.sealed {
        if std::io::stdout().is_terminal() {
            return Err(RenderedDiagnostic::error("a sealed state is not for a terminal")
                .help("write it to a file: `ha state pull --sealed > FILE`")
                .into());
        }
        let key = place.key(&state.lineage)?;
        let sealed = SEALED.sealed(
            &state.lineage,
            &key,
            Zeroizing::new(to_json(&state).to_string()).as_bytes(),
        );
        session.terminal.print_bytes(&sealed)?;
        return Ok(DONE);
    }
    let json = if arguments.show_sensitive { to_json(&state) } else { pulled_json(&state) };
    session.terminal.print(&format!("{json:#}\n"))?;
    Ok(DONE)
}
