use clap::Args;
use ha_value::Address;

use super::nothing_at;
use crate::arguments::completion;
use crate::output::command_error::{CommandResult, DONE};
use crate::views::redaction::{Redactor, SecretVisibility};
use crate::views::state_view::{record_json, record_text, state_secrets};
use crate::workspace::session::Session;

/// Show what is recorded of one instance
///
/// Takes no lock and asks no one. Secrets are not shown.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state show 'mongodb_host.db[\"a\"]'
  ha state show --json aws_db_instance.pg | jq .values.endpoint

Exit codes: 0 done, 1 error.")]
pub(crate) struct StateShowArgs {
    /// The address of the instance, such as `mongodb_host.db["a"]`
    #[arg(add = completion::addresses())]
    address: Address,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Print secrets in the JSON in clear
    #[arg(long, requires = "json")]
    show_sensitive: bool,
}

pub(crate) fn show(arguments: &StateShowArgs, session: &Session) -> CommandResult {
    let state = session.place()?.state()?;
    let address = &arguments.address;
    let record = state
        .records
        .get(address)
        .ok_or_else(|| nothing_at(&address.to_string(), state.records.keys()))?;
    let secrets = state_secrets(&state);
    let sight = if arguments.show_sensitive {
        SecretVisibility::Revealed
    } else {
        SecretVisibility::Redacted
    };
    let text = match arguments.json {
        true => record_json(record, &mut Redactor::new(&secrets, sight)).pretty(),
        false => record_text(record, &secrets, session.terminal.out),
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}
