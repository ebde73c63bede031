use std::time::Duration;

use clap::Args;
use ha_apply::RefreshMode;
use ha_plan::PlanMode;
use ha_value::Address;

use super::Session;
use super::apply::ApplyOptions;
use crate::arguments::completion;
use crate::arguments::{ApprovalArgs, ReportingArgs, ScopeArgs, VariableArgs, time};
use crate::output::command_error::CommandResult;
use crate::views::diagnostic::RenderedDiagnostic;

/// Record what exists already
///
/// Looks for it by the id that the service knows it by, and records it as the instance of a block
/// that must be in the configuration. Nothing but the state is changed, so nothing is asked; what
/// differs from the configuration is in the next plan. To take over many, or to look at it first,
/// write `import` blocks and plan.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha import aws_s3_bucket.logs the-bucket-of-logs
  ha import 'postgresql_role.app[\"billing\"]' billing
  ha import aws_iam_role_policy.app app:read       the ids are those of Terraform's providers

Exit codes: 0 done, 1 error, 130 interrupted.")]
pub(crate) struct ImportArgs {
    /// The instance that it becomes
    #[arg(value_name = "ADDRESS", add = completion::addresses())]
    address: Address,
    /// What the service calls it
    #[arg(value_name = "ID")]
    id: String,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
    #[command(flatten)]
    telling: ReportingArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn import(arguments: &ImportArgs, session: &Session) -> CommandResult {
    let written = arguments.address.to_string();
    let target = written
        .parse()
        .map_err(|_| RenderedDiagnostic::error(format!("`{written}` cannot be imported into")))?;
    let scope = ScopeArgs {
        target: vec![target],
        exclude: Vec::new(),
        refresh: RefreshMode::None,
        parallelism: std::num::NonZeroUsize::MIN,
    };
    let order = ApplyOptions {
        mode: PlanMode::Normal,
        command: "ha import",
        approval: &ApprovalArgs { yes: true, input: false, lock_timeout: arguments.lock_timeout },
        telling: &arguments.telling,
        scope: &scope,
        replace: &[],
        imports: &[(arguments.address.clone(), arguments.id.clone())],
        wishes: arguments.variables.wishes(),
    };
    order.carry_out(session, None)
}
