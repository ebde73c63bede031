use clap::Args;
use ha_apply::RefreshMode;
use ha_plan::{AddressPattern, PlanMode, Selection};
use ha_value::Address;

use crate::arguments::completion;

/// What is planned, and how planning goes about it.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlanningArgs {
    /// Plan to destroy everything that is recorded
    #[arg(long, help_heading = "Planning")]
    pub(crate) destroy: bool,
    /// Take what is there for what should be: change nothing but the state
    #[arg(long, conflicts_with_all = ["destroy", "replace"], help_heading = "Planning")]
    pub(crate) refresh_only: bool,
    /// Plan to replace this instance; may be given several times
    #[arg(long, value_name = "ADDRESS", help_heading = "Planning", add = completion::addresses())]
    pub(crate) replace: Vec<Address>,
    #[command(flatten)]
    pub(crate) scope: ScopeArgs,
}

impl PlanningArgs {
    /// What is asked for.
    pub(crate) fn mode(&self) -> PlanMode {
        match (self.destroy, self.refresh_only) {
            (true, _) => PlanMode::Destroy,
            (_, true) => PlanMode::RefreshOnly,
            _ => PlanMode::Normal,
        }
    }
}

/// What a plan is about, how much is looked at, and how much at a time.
#[derive(Args, Clone, Debug)]
pub(crate) struct ScopeArgs {
    /// Plan for these and what they depend on alone: `aws_s3_bucket.site`, `module.db`,
    /// `aws_s3_*.*`, a kind; may be given several times
    #[arg(long, value_name = "PATTERN", help_heading = "Planning", add = completion::addresses())]
    pub(crate) target: Vec<AddressPattern>,
    /// Leave these out, and what depends on them; may be given several times
    #[arg(long, value_name = "PATTERN", help_heading = "Planning", add = completion::addresses())]
    pub(crate) exclude: Vec<AddressPattern>,
    /// What is looked at first, of what is recorded: `all`, `changed` (what the configuration would
    /// change, and what depends on it) or `none`; `true` and `false` are `all` and `none`
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "all",
        value_parser = refresh,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "all",
        help_heading = "Planning"
    )]
    pub(crate) refresh: RefreshMode,
    /// The highest number of operations that run at the same time
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Planning")]
    pub(crate) parallelism: std::num::NonZeroUsize,
}

impl ScopeArgs {
    /// What a plan is to be about.
    pub(crate) fn selection(&self) -> Selection {
        Selection { targets: self.target.clone(), excludes: self.exclude.clone() }
    }
}

fn refresh(text: &str) -> Result<RefreshMode, String> {
    match text {
        "all" | "true" => Ok(RefreshMode::All),
        "changed" => Ok(RefreshMode::Changed),
        "none" | "false" => Ok(RefreshMode::None),
        _ => Err("write `all`, `changed` or `none`".into()),
    }
}
