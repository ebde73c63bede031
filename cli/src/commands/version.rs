use clap::Args;

use crate::output::command_error::{CommandResult, DONE};
use crate::views::json::JsonValue;
use crate::workspace::session::Session;

/// Print the version
#[derive(Args)]
#[command(after_help = "Exit codes: 0 done, 1 error.")]
pub(crate) struct VersionArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn version(arguments: &VersionArgs, session: &Session) -> CommandResult {
    let version = env!("CARGO_PKG_VERSION");
    let platform = format!("{}_{}", std::env::consts::OS, std::env::consts::ARCH);
    let text = match arguments.json {
        true => {
            JsonValue::object([("version", version.into()), ("platform", platform.into())]).pretty()
        }
        false => format!("ha {version} on {platform}\n"),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}
