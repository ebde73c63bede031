use clap::Args;
use ha_plan::AddressPattern;
use ha_state_model::State;

use super::nothing_at;
use super::rewrite::{RewriteArgs, StateRewrite, rewrite, unfinished};
use crate::arguments::completion;
use crate::output::command_error::{CommandError, CommandResult};
use crate::workspace::session::Session;

/// Forget things without destroying them
///
/// What is forgotten goes on existing; `ha` no longer knows that it made it. A configuration that
/// still has it makes it again. Where that is written down and reviewed, a `removed` block does the
/// same.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state rm 'mongodb_host.db[\"c\"]'            one instance
  ha state rm aws_s3_bucket.old module.legacy   a block and a module, all that is in them
  ha state rm --dry-run 'module.*.random_password.*'

Exit codes: 0 done, 1 error.")]
pub(crate) struct RmArgs {
    /// What to forget: instances, blocks, modules, kinds; `*` stands for anything
    #[arg(value_name = "ADDRESS", required = true, add = completion::places())]
    patterns: Vec<String>,
    #[command(flatten)]
    rewrite: RewriteArgs,
}

pub(crate) fn rm(arguments: &RmArgs, session: &Session) -> CommandResult {
    let without = |state: &State| without(&arguments.patterns, state);
    rewrite(&arguments.rewrite, ("rm", None), session, without, |count| {
        format!("Forgot {count}. What they stand for was not touched.")
    })
}

fn without(texts: &[String], before: &State) -> Result<StateRewrite, CommandError> {
    let mut state = before.clone();
    let mut changes = Vec::new();
    let mut wrong = Vec::new();
    for text in texts {
        let pattern: AddressPattern = match text.parse() {
            Ok(pattern) => pattern,
            Err(error) => {
                wrong.push(
                    crate::views::diagnostic::RenderedDiagnostic::error(format!(
                        "`{text}` is no address"
                    ))
                    .help(error.to_string()),
                );
                continue;
            }
        };
        let is_meant = |it: &ha_value::Address| pattern.matches(it);
        wrong.extend(unfinished(before, is_meant));
        let deposed = state.deposed.extract_if(.., |(address, _), _| is_meant(address));
        let mut gone: Vec<String> =
            deposed.map(|((address, key), _)| format!("{address} (deposed {key})")).collect();
        gone.extend(
            state
                .records
                .extract_if(.., |address, _| is_meant(address))
                .map(|(address, _)| address.to_string()),
        );
        let is_known =
            || before.records.keys().chain(before.deposed.keys().map(|it| &it.0)).any(is_meant);
        if gone.is_empty() && !is_known() {
            wrong.push(nothing_at(text, before.records.keys()));
        }
        changes.extend(gone);
    }
    if wrong.is_empty() {
        Ok(StateRewrite { state, changes })
    } else {
        Err(CommandError::new(wrong))
    }
}
