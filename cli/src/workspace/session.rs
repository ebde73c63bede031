//! Where a command runs.

use std::path::PathBuf;

use ha_diagnostics::code;
use ha_plan::Plan;

use crate::invocation;
use crate::output::terminal::Terminal;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::workspace::selected::{Workspace, workspace};

/// Where a command runs.
pub(crate) struct Session {
    pub(crate) terminal: Terminal,
    /// The configuration's directory; the one worked in.
    pub(crate) directory: PathBuf,
    /// The environment worked on; none where it is the one without a name.
    pub(crate) environment: Option<Workspace>,
    /// The name that was asked for, also where it is that of the default.
    pub(crate) asked: Option<String>,
}

impl Session {
    /// The same in the environment that a plan was made for.
    ///
    /// # Errors
    /// When another one is asked for.
    pub(crate) fn of_plan(&self, plan: &Plan) -> Result<Self, RenderedDiagnostic> {
        let made_for = workspace(plan.snapshot.environment.as_deref());
        if let Some(asked) = self.asked.as_deref().filter(|it| *it != made_for) {
            let title = format!(
                "the plan was made for the environment `{made_for}`, and `{asked}` is asked for"
            );
            return Err(RenderedDiagnostic::error(title).code(code::OTHER_STATE).help(
                "make a plan for that one with `ha plan --out FILE`, look at it, and apply it",
            ));
        }
        // A name that was asked for is that of the plan by now, and is in the invocation already.
        if let (None, Some(name)) = (&self.asked, &plan.snapshot.environment) {
            invocation::in_environment(name);
        }
        let environment = Workspace::of_plan(plan.snapshot.environment.as_deref());
        Ok(Self {
            terminal: self.terminal,
            directory: self.directory.clone(),
            environment,
            asked: self.asked.clone(),
        })
    }
}
