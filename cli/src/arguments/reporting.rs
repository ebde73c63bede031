use std::path::PathBuf;

use clap::Args;

use crate::views::rows::DetailLevel;

/// How it is told what happens.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct ReportingArgs {
    /// Tell everything as JSON lines, in the shape of Terraform's `-json`; secrets are left out
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Write those JSON lines to this file, besides what is on the screen
    #[arg(long, value_name = "FILE", conflicts_with = "json", help_heading = "Output")]
    pub(crate) json_into: Option<PathBuf>,
    /// How much of the plan to show
    #[arg(long, value_name = "HOW", default_value = "changed", help_heading = "Output")]
    pub(crate) detail: DetailLevel,
    /// Show warnings as a line each
    #[arg(long, help_heading = "Output")]
    pub(crate) compact_warnings: bool,
}
