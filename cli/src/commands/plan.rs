use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::{ArgAction, Args};
use ha_apply::Engine;
use ha_state_model::State;
use ha_state_store::new_lineage;

use super::planning::{PlanOptions, PlannedRun, document, engine, make_to_show, run, warn};
use super::reporter::Reporter;
use crate::arguments::{PlanningArgs, ReportingArgs, VariableArgs};
use crate::interrupt::listen;
use crate::invocation;
use crate::output::command_error::{CHANGES, CommandError, CommandResult, DONE, UNSEEN};
use crate::views::redaction::SecretVisibility;
use crate::workspace::plan_file;
use crate::workspace::project::{Project, VariableMode};
use crate::workspace::sealed_file;
use crate::workspace::session::Session;

/// Show what would change, and why
///
/// Looks at what is recorded, reads what the configuration asks for, and changes nothing. Takes no
/// lock.
#[derive(Args)]
#[command(after_help = "\
Examples:
  ha plan --out plan.ha               keep the plan, to apply exactly that later
  ha plan --replace 'a.b[\"key\"]'      make one instance again
  ha plan --target 'module.db' --exclude 'aws_s3_*.*'
  ha plan --refresh-only              what has changed outside
  ha plan --document - | jq '.resource_changes[].address'

Exit codes: 0 done, 1 error, 130 interrupted; with --detailed-exitcode also 2: there are changes,
and 3: there are none as far as could be seen, and something could not be looked at.")]
pub(crate) struct PlanArgs {
    /// Write the plan to this file, sealed under the state's key
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with 2 when there are changes, and with 3 when there are none and something could not
    /// be looked at
    #[arg(long)]
    detailed_exitcode: bool,
    /// Write the plan to this file as a JSON document, in the shape of `terraform show -json`; `-`
    /// prints it instead of the plan
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    document: Option<PathBuf>,
    /// Show secrets in the document
    #[arg(long, requires = "document", help_heading = "Output")]
    show_sensitive: bool,
    #[command(flatten)]
    reporting: ReportingArgs,
    #[command(flatten)]
    planning: PlanningArgs,
    #[command(flatten)]
    variables: VariableArgs,
    #[command(flatten)]
    habits: TerraformOptionArgs,
}

/// What Terraform's `plan` takes and this one has no need of: it takes no lock and asks nothing.
#[derive(Args)]
struct TerraformOptionArgs {
    #[arg(long, hide = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    lock: Option<bool>,
    #[arg(long, hide = true)]
    lock_timeout: Option<String>,
    #[arg(long, hide = true, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true")]
    input: Option<bool>,
}

impl PlanArgs {
    #[cfg(test)]
    pub(crate) fn variables(&self) -> &VariableArgs {
        &self.variables
    }
}

pub(crate) fn plan(arguments: &PlanArgs, session: &Session) -> CommandResult {
    let reporter = Arc::new(Reporter::new(session, &arguments.reporting)?);
    reporter.ended(planned(arguments, session, &reporter))
}

fn planned(arguments: &PlanArgs, session: &Session, reporter: &Arc<Reporter>) -> CommandResult {
    let cancel = listen(reporter.abandon_message())?;
    invocation::with_scope(&arguments.planning.scope.selection());
    let mut project =
        Project::read(session, arguments.variables.variable_options(), VariableMode::Values)?;
    let place = session.place_of(&project)?;
    project.snapshot.place = Some(place.identity());
    let mut state = place.state()?;
    if state.is_new() {
        // A plan for a state that does not exist yet names the one that it will make.
        state.lineage = new_lineage();
        project.warnings.extend(place.left_by_terraform());
    }
    let intention = PlanOptions {
        mode: arguments.planning.mode(),
        replace: &arguments.planning.replace,
        scope: &arguments.planning.scope,
        imports: &[],
    };
    let engine = engine(arguments.planning.scope.parallelism);
    let (made, wrong) = run(async {
        let _ticking = reporter.ticker();
        make_to_show(&engine, &project, &state, &intention, reporter, &cancel).await
    })?;
    show(arguments, session, reporter, &made, &project, &engine, &state)?;
    warn(reporter, &project, &made);
    if let Some(trouble) = wrong {
        return Err(trouble);
    }
    if let Some(path) = &arguments.out {
        place.seal(&made.plan.lineage, |key| plan_file::write(&made.plan, key, path))?;
        place.report_key_change(|it| reporter.report(it));
        let shown = path.display().to_string();
        let command = invocation::command(["apply", &shown]);
        reporter.report(&format!("Saved the plan in {shown}. Apply exactly this: {command}\n"));
    }
    Ok(match (made.plan.is_empty(), made.plan.unchecked.is_empty()) {
        _ if !arguments.detailed_exitcode => DONE,
        (false, _) => CHANGES,
        (true, false) => UNSEEN,
        (true, true) => DONE,
    })
}

fn show(
    arguments: &PlanArgs,
    session: &Session,
    reporter: &Reporter,
    made: &PlannedRun,
    project: &Project,
    engine: &Engine,
    state: &State,
) -> Result<(), CommandError> {
    let Some(path) = &arguments.document else {
        return Ok(reporter.plan(
            &made.plan,
            &made.report(session, SecretVisibility::Redacted),
            &project.configuration,
        )?);
    };
    let sight = if arguments.show_sensitive {
        SecretVisibility::Revealed
    } else {
        SecretVisibility::Redacted
    };
    let text = document(made, session, &project.configuration, &engine.schemas, state, sight);
    if path.as_os_str() == "-" {
        return Ok(reporter.print(&text)?);
    }
    reporter.plan(
        &made.plan,
        &made.report(session, SecretVisibility::Redacted),
        &project.configuration,
    )?;
    sealed_file::write(path, text.as_bytes())
        .with_context(|| format!("could not write `{}`", path.display()))?;
    Ok(())
}
