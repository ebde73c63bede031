use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;

use super::console::{is_reference, show_one};
use super::planning::{PlannedRun, document};
use crate::output::command_error::{CommandResult, DONE};
use crate::registry::providers::kinds;
use crate::views::plan_text::plan_text;
use crate::views::redaction::SecretVisibility;
use crate::views::report::plan_secrets;
use crate::views::rows::DetailLevel;
use crate::views::state_view::{state_json, state_text};
use crate::workspace::plan_file;
use crate::workspace::session::Session;

/// Show a saved plan, one thing, or all that is recorded
///
/// Of a document, which is recorded nowhere, what it renders to, as far as that follows from what
/// is recorded. Takes no lock and asks no one.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha show                             all that is recorded
  ha show plan.ha                     a plan that `ha plan --out plan.ha` kept
  ha show --json plan.ha | jq .resource_changes
  ha show data.userdata.app.content   what the document renders to; `ha console` knows all expressions

Exit codes: 0 done, 1 error.")]
pub(crate) struct ShowArgs {
    /// A plan that `ha plan --out FILE` kept; or a block, an instance, an attribute
    #[arg(value_name = "PLANFILE|ADDRESS")]
    what: Option<PathBuf>,
    /// Print JSON, in the shape of `terraform show -json`
    #[arg(long)]
    json: bool,
    /// Print secrets in the JSON in clear
    #[arg(long, requires = "json")]
    show_sensitive: bool,
    /// How much of a plan to show
    #[arg(long, value_name = "HOW", default_value = "changed")]
    detail: DetailLevel,
}

pub(crate) fn show(arguments: &ShowArgs, session: &Session) -> CommandResult {
    let sight = if arguments.show_sensitive {
        SecretVisibility::Revealed
    } else {
        SecretVisibility::Redacted
    };
    let reference = arguments
        .what
        .as_deref()
        .filter(|it| !it.exists())
        .and_then(Path::to_str)
        .filter(|it| is_reference(it));
    if let Some(reference) = reference {
        return show_one(reference, arguments.json, sight, session);
    }
    let text = match &arguments.what {
        Some(path) => {
            let keys = session.keys()?;
            let plan = plan_file::read(path, &keys)?;
            let secrets = Arc::new(plan_secrets(&plan));
            match arguments.json {
                true => {
                    let (configuration, kept) =
                        (plan_file::configuration(&plan)?, plan_file::files(&plan, path)?);
                    let state =
                        plan_file::place(&plan, &configuration, &kept, keys, session)?.state()?;
                    document(
                        &PlannedRun { plan, secrets },
                        session,
                        &configuration,
                        &kinds().0,
                        &state,
                        sight,
                    )
                }
                false => plan_text(
                    &PlannedRun { plan, secrets }.report(session, sight),
                    arguments.detail,
                    session.terminal.out,
                ),
            }
        }
        None => {
            let state = session.place()?.state()?;
            match arguments.json {
                true => state_json(&state, &kinds().0, sight),
                false => state_text(&state, session.terminal.out),
            }
        }
    };
    session.terminal.print(&text)?;
    Ok(DONE)
}
