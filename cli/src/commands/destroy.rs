use clap::Args;
use ha_plan::PlanMode;

use super::apply::ApplyOptions;
use crate::arguments::{ApprovalArgs, ReportingArgs, ScopeArgs, VariableArgs};
use crate::output::command_error::CommandResult;
use crate::workspace::session::Session;

/// Destroy everything that the configuration made
///
/// Plans to destroy all that is recorded, asks, and works. What is protected by `prevent_destroy`
/// or by the service itself stays, and the plan says so.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha plan --destroy                   look at it first
  ha destroy                          plan, ask, and destroy
  ha destroy --target module.test     only what is in there, and what depends on it

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted.")]
pub(crate) struct DestroyArgs {
    #[command(flatten)]
    approval: ApprovalArgs,
    #[command(flatten)]
    reporting: ReportingArgs,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn destroy(arguments: &DestroyArgs, session: &Session) -> CommandResult {
    let order = ApplyOptions {
        mode: PlanMode::Destroy,
        command: "ha destroy",
        approval: &arguments.approval,
        reporting: &arguments.reporting,
        scope: &arguments.scope,
        replace: &[],
        imports: &[],
        variable_options: arguments.variables.variable_options(),
    };
    order.execute(session, None)
}
