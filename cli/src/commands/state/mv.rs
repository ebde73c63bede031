use clap::Args;
use ha_value::TargetAddress;

use super::moving::StateMove;
use super::rewrite::{RewriteArgs, rewrite};
use crate::arguments::completion;
use crate::output::command_error::{CommandError, CommandResult};
use crate::workspace::session::Session;

/// Record things under another address
///
/// Nothing is touched but the record; what refers to it follows. Where that is to be written down
/// and reviewed, a `moved` block in the configuration does the same.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha state mv aws_s3_bucket.a aws_s3_bucket.b           a block, all its instances
  ha state mv mongodb_host.db 'mongodb_host.db[\"a\"]'    the only instance becomes one of several
  ha state mv aws_s3_bucket.a module.store.aws_s3_bucket.a
  ha state mv module.a module.b                         a module, all that is in it

Exit codes: 0 done, 1 error.")]
pub(crate) struct MvArgs {
    /// The address of the recorded instance, block or module
    #[arg(value_name = "FROM", add = completion::places())]
    from: TargetAddress,
    /// The new address, of the same sort: an instance, a block or a module
    #[arg(value_name = "TO", add = completion::places())]
    to: TargetAddress,
    #[command(flatten)]
    rewrite: RewriteArgs,
}

pub(crate) fn mv(arguments: &MvArgs, session: &Session) -> CommandResult {
    let moving = StateMove::new(&arguments.from, &arguments.to).map_err(CommandError::from)?;
    rewrite(
        &arguments.rewrite,
        ("mv", None),
        session,
        |it| moving.done_to(it),
        |count| format!("Moved {count}."),
    )
}
