use clap::{ArgAction, Args};
use ha_kind::Address;

use crate::completing;

/// How planning goes about it.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlanningArgs {
    /// Plan to make this instance anew; may be given several times
    #[arg(long, value_name = "ADDRESS", help_heading = "Planning", add = completing::addresses())]
    pub(crate) replace: Vec<Address>,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

/// How much is looked at, and how much at a time.
#[derive(Args, Clone, Debug)]
pub(crate) struct PaceArgs {
    /// Whether to look at what is recorded first
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Planning")]
    pub(crate) refresh: bool,
    /// How many things to look at or work on at a time
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Planning")]
    pub(crate) parallelism: std::num::NonZeroUsize,
}
