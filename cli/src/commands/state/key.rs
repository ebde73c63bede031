use clap::Args;
use ha_state_store::StateKey;

use crate::invocation;
use crate::output::command_error::{CommandResult, DONE};
use crate::workspace::session::Session;

/// Say which key the state is sealed with, or make a new one
///
/// Never prints the key of a state. A new key belongs to nothing until HA_STATE_KEY_FILE names a
/// file that holds it.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state key                        where it is, to back it up
  (umask 077; ha state key --new > prod.key)

Exit codes: 0 done, 1 there is no key, or another error.")]
pub(crate) struct KeyArgs {
    /// Print a new key, which belongs to no state yet
    #[arg(long)]
    new: bool,
}

pub(crate) fn key(arguments: &KeyArgs, session: &Session) -> CommandResult {
    let terminal = &session.terminal;
    if arguments.new {
        terminal.print(&StateKey::random().to_file())?;
        terminal.report("Keep it like a password: whoever has it reads every secret of the state, and without it no one does.\n");
        return Ok(DONE);
    }
    let place = session.place()?;
    let state = place.state()?;
    if state.is_new() {
        terminal.report("Nothing is recorded, so nothing is sealed yet.\n");
        return Ok(DONE);
    }
    let Some(name) = place.used() else { return Ok(DONE) };
    let mut rows = vec![("lineage", state.lineage.clone()), ("key", name.id.clone())];
    let cost = |what: &str| name.parameters.get(what).cloned().unwrap_or_default();
    match name.method.as_str() {
        "file" => rows.extend(
            place.keys().file(&state.lineage, &name).map(|it| ("file", it.display().to_string())),
        ),
        "passphrase" => {
            let costs =
                format!("argon2id, {} KiB of memory, {} passes", cost("memory"), cost("passes"));
            rows.push(("made of", format!("a passphrase by {costs}")));
        }
        _ => rows.push(("wrapped by", cost("key"))),
    }
    let (current, _) = place.key(&state.lineage)?;
    if current.id != name.id {
        rows.push((
            "next",
            format!(
                "{}: what is written from now on; `{}` seals all again",
                current.id,
                invocation::command(["state", "rekey"])
            ),
        ));
    }
    let text: String = rows.iter().map(|(what, it)| format!("{what:<10} {it}\n")).collect();
    terminal.print(&text)?;
    Ok(DONE)
}
