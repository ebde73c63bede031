use std::time::Duration;

use clap::Args;
use ha_apply::RefreshMode;
use ha_plan::{AddressPattern, PlanMode};
use ha_value::Address;

use super::apply::ApplyOptions;
use crate::arguments::completion;
use crate::arguments::{ApprovalArgs, ReportingArgs, ScopeArgs, VariableArgs, time};
use crate::output::command_error::CommandResult;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::secrets::{has_secret_id, is_kind};
use crate::workspace::session::Session;

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
    /// The instance to record the object as, such as `aws_s3_bucket.logs`; its block must be in the
    /// configuration
    // Parsed by the command: the parser of arguments would print what is no address, and that may
    // be a secret that was given first.
    #[arg(value_name = "ADDRESS", add = completion::addresses())]
    address: String,
    /// The ID of the object at its service, in the form of Terraform's provider; for a
    /// `random_password` the password itself
    #[arg(value_name = "ID")]
    id: String,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    lock_timeout: Duration,
    #[command(flatten)]
    reporting: ReportingArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

pub(crate) fn import(arguments: &ImportArgs, session: &Session) -> CommandResult {
    let address = address_of(&arguments.address, &arguments.id)?;
    let target = address
        .to_string()
        .parse::<AddressPattern>()
        .map_err(|_| RenderedDiagnostic::error(format!("`{address}` cannot be imported into")))?;
    let options = ApplyOptions {
        mode: PlanMode::Normal,
        command: "ha import",
        approval: &ApprovalArgs { yes: true, input: false, lock_timeout: arguments.lock_timeout },
        reporting: &arguments.reporting,
        scope: &ScopeArgs {
            target: vec![target],
            exclude: Vec::new(),
            refresh: RefreshMode::None,
            parallelism: std::num::NonZeroUsize::MIN,
        },
        replace: &[],
        imports: &[(address, arguments.id.clone())],
        variable_options: arguments.variables.variable_options(),
    };
    options.execute(session, None)
}

/// The address among the two arguments of an import.
///
/// # Errors
/// When it is not the first of them. The other one may be a secret, so neither is in the message.
fn address_of(first: &str, second: &str) -> Result<Address, RenderedDiagnostic> {
    let swapped = || {
        RenderedDiagnostic::error("`ha import` takes the address first, and the ID after it")
            .help("write `ha import ADDRESS ID`")
    };
    match (first.parse::<Address>(), second.parse::<Address>()) {
        // A password such as `Zx8.q` can be read as an address; the kind of the second argument
        // shows that it is none.
        (Ok(first), Ok(second))
            if has_secret_id(&second.block.kind) && !is_kind(&first.block.kind) =>
        {
            Err(swapped())
        }
        (Ok(address), _) => Ok(address),
        (Err(_), Ok(_)) => Err(swapped()),
        (Err(error), Err(_)) => {
            Err(RenderedDiagnostic::error("the first argument of `ha import` is not an address")
                .help(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_in_the_wrong_order_are_not_printed() {
        for (first, second) in [
            ("hunter2-secret", "random_password.db"),
            ("Zx8.secret", "random_password.db"),
            ("secret", "random_pasword.db"),
            ("secret", "secret"),
        ] {
            let notice = address_of(first, second).unwrap_err();
            assert!(!format!("{notice:?}").contains("secret"), "{notice:?}");
        }
    }

    #[test]
    fn an_id_may_look_like_an_address() {
        for (first, second) in
            [("aws_iam_role_policy.app", "app.read"), ("random_password.db", "secret")]
        {
            assert_eq!(address_of(first, second).unwrap().to_string(), first);
        }
    }
}
