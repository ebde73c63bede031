use std::path::PathBuf;

use clap::Args;

use crate::views::rows::DetailLevel;

/// How the command reports what happens.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReportingArgs {
    /// Tell everything as JSON lines, in the shape of Terraform's `-json`; secrets are left out
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Write those JSON lines to this file, besides what is on the screen
    #[arg(long, value_name = "FILE", conflicts_with = "json", help_heading = "Output")]
    pub(crate) json_into: Option<PathBuf>,
    /// The level of detail of the plan
    #[arg(long, value_name = "HOW", default_value = "changed", help_heading = "Output")]
    pub(crate) detail: DetailLevel,
    /// Print each warning in one line, without its explanation
    #[arg(long, help_heading = "Output")]
    pub(crate) compact_warnings: bool,
}
