use std::path::PathBuf;

use clap::Args;
use ha_plan::PlanMode;
use ha_state::new_lineage;

use super::planning::{Intention, engine, make, progress, run, warn};
use super::{Session, planning};
use crate::arguments::{PlanningArgs, VariableArgs};
use crate::interrupt::listen;
use crate::place::Place;
use crate::plan_file;
use crate::project::{Need, Project};
use crate::trouble::{CHANGES, DONE, Ended, Trouble};
use crate::views::plan_json::plan_json;
use crate::views::plan_text::plan_text;
use crate::views::redact::Sight;
use crate::views::rows::Detail;

/// Show what would change, and why
///
/// Looks at what is recorded, reads what the configuration asks for, and changes nothing. Takes no lock.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha plan --out plan.ha               keep the plan, to apply exactly that later
  ha plan --replace 'a.b[\"key\"]'      make one instance anew
  ha plan --json | jq '.resource_changes[].address'

Exit codes: 0 done, 1 error, 130 interrupted; with --detailed-exitcode also 2: there are changes.")]
pub(crate) struct PlanArgs {
    /// Plan to destroy everything
    #[arg(long)]
    destroy: bool,
    /// Keep the plan in this file, sealed under the state's key
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    detailed_exitcode: bool,
    /// Print the plan as JSON, in the shape of `terraform show -json`
    #[arg(long)]
    json: bool,
    /// Show secrets in the JSON
    #[arg(long, requires = "json")]
    show_sensitive: bool,
    /// How much to show
    #[arg(long, value_name = "HOW", default_value = "changed")]
    detail: Detail,
    #[command(flatten)]
    planning: PlanningArgs,
    #[command(flatten)]
    variables: VariableArgs,
}

impl PlanArgs {
    #[cfg(test)]
    pub(crate) fn variables(&self) -> &VariableArgs {
        &self.variables
    }
}

pub(crate) fn plan(arguments: &PlanArgs, session: &Session) -> Ended {
    let project = Project::read(&session.directory, arguments.variables.wishes(), Need::Values)?;
    let place = Place::of(&session.directory);
    let mut state = place.state()?;
    if state.is_new() {
        // A plan for a state that does not exist yet names the one that it will make.
        state.lineage = new_lineage();
    }
    let intention = Intention {
        mode: if arguments.destroy { PlanMode::Destroy } else { PlanMode::Normal },
        replace: &arguments.planning.replace,
        refresh: arguments.planning.pace.refresh,
    };
    let made = run(async {
        let cancel = listen()?;
        let ticking = progress(session);
        make(&engine(arguments.planning.pace.parallelism), &project, &state, &intention, &ticking.progress, &cancel).await
    })?;
    show(arguments, session, &made)?;
    warn(session, &project, &made);
    if let Some(path) = &arguments.out {
        let key = place.key(&made.plan.lineage)?;
        plan_file::write(&made.plan, &key, path)?;
        place.tell_of_key(&session.terminal);
        let path = path.display();
        session.terminal.tell(&format!("Saved the plan in {path}. Apply exactly this: ha apply {path}\n"));
    }
    Ok(if arguments.detailed_exitcode && !made.plan.is_empty() { CHANGES } else { DONE })
}

fn show(arguments: &PlanArgs, session: &Session, made: &planning::Made) -> Result<(), Trouble> {
    let sight = if arguments.show_sensitive { Sight::Revealed } else { Sight::Redacted };
    let report = made.report(session, sight);
    let text = match arguments.json {
        true => plan_json(&report).line(),
        false => plan_text(&report, arguments.detail, session.terminal.out),
    };
    Ok(session.terminal.print(&text)?)
}
