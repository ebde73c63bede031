//! Planning, as `ha plan`, `ha apply`, `ha destroy` and `ha graph` use it.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use ha_apply::{CancelSignal, Engine, PlanRequest};
use ha_lang::Configuration;
use ha_plan::{FileSource, Plan, PlanMode};
use ha_provider::SchemaSet;
use ha_state_model::State;
use ha_value::{Address, Value};

use super::reporter::Reporter;
use crate::arguments::ScopeArgs;
use crate::output::command_error::CommandError;
use crate::registry::providers::kinds;
use crate::views::diagnostic::RenderedDiagnostic;
use crate::views::plan_json::{PlanBasis, plan_json};
use crate::views::redaction::{Redactor, SecretVisibility};
use crate::views::report::{PlanReport, plan_values};
use crate::views::secrets::{SecretTexts, environment_secrets, has_secret_id};
use crate::views::state_view::state_values;
use crate::workspace::project::{Project, stack, stack_in};
use crate::workspace::selected::Workspace;
use crate::workspace::session::Session;

/// The options of one planning.
pub(crate) struct PlanOptions<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) replace: &'a [Address],
    pub(crate) scope: &'a ScopeArgs,
    pub(crate) imports: &'a [(Address, String)],
}

/// A plan, and the secrets to redact from everything that is printed about it.
pub(crate) struct PlannedRun {
    pub(crate) plan: Plan,
    pub(crate) secrets: Arc<SecretTexts>,
}

impl PlannedRun {
    /// The plan as views render it, redacted as `visibility` says.
    pub(crate) fn report(&self, session: &Session, visibility: SecretVisibility) -> PlanReport {
        let environment = Workspace::of_plan(self.plan.snapshot.environment.as_deref());
        PlanReport::new(
            &self.plan,
            &stack_in(session, environment.as_ref()),
            &self.secrets,
            visibility,
        )
    }
}

/// An engine over all kinds.
pub(crate) fn engine(parallelism: std::num::NonZeroUsize) -> Engine {
    let (schemas, drivers) = kinds();
    Engine::new(schemas, drivers, parallelism.get())
}

/// Runs asynchronous work to its end on a runtime of its own.
///
/// # Errors
/// The error of the work, and when the runtime cannot be started.
pub(crate) fn run<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("could not start the threads that work is done on")?;
    let result = runtime.block_on(work);
    // Dropping the runtime would wait for blocking threads, such as one that reads an answer from
    // the terminal.
    runtime.shutdown_background();
    result
}

/// Creates a plan that can be applied.
///
/// # Errors
/// Mistakes in the configuration, and failures of external services.
pub(crate) async fn make(
    engine: &Engine,
    project: &Project,
    state: &State,
    options: &PlanOptions<'_>,
    reporter: &Reporter,
    cancel: &CancelSignal,
) -> Result<PlannedRun, CommandError> {
    match make_to_show(engine, project, state, options, reporter, cancel).await? {
        (made, None) => Ok(made),
        (_, Some(error)) => Err(error),
    }
}

/// Creates a plan to show. With errors, it returns the part that could be planned and the errors.
/// Cancelling takes effect at once, because planning changes nothing.
///
/// # Errors
/// The errors, if nothing could be planned.
pub(crate) async fn make_to_show(
    engine: &Engine,
    project: &Project,
    state: &State,
    options: &PlanOptions<'_>,
    reporter: &Reporter,
    cancel: &CancelSignal,
) -> Result<(PlannedRun, Option<CommandError>), CommandError> {
    let given = project
        .snapshot
        .variables
        .values()
        .cloned()
        .chain(state_values(state))
        .chain(secret_ids(options.imports))
        .chain(environment_secrets());
    let known = Arc::new(SecretTexts::within(&given.collect::<Vec<Value>>()));
    // The secrets must be known before planning starts: progress lines are printed during it.
    reporter.keep_secret(&known);
    let files: Arc<dyn FileSource + Send + Sync> = project.files.clone();
    let request = PlanRequest {
        configuration: project.configuration.clone(),
        snapshot: project.snapshot.clone(),
        files,
        mode: options.mode,
        replace: options.replace.to_vec(),
        refresh: options.scope.refresh,
        selection: options.scope.selection(),
        imports: options.imports.to_vec(),
    };
    let planned = tokio::select! {
        planned = engine.plan(&request, state, reporter) => planned,
        () = cancel.asked() => return Err(CommandError::interrupted()),
    };
    reporter.rest();
    let (mut plan, wrong) = match planned {
        Ok(plan) => (plan, None),
        Err(mut failure) => {
            // An empty partial plan would read as `nothing to do` above the error.
            let so_far = failure.plan.take().filter(|it| !it.changes.is_empty());
            let known = so_far.as_ref().map_or(known, |it| {
                Arc::new(SecretTexts::within(&secret_values(it, state, options.imports)))
            });
            let error = CommandError::from(failure).within(&project.sources).keeping(&known);
            match so_far {
                Some(plan) => (*plan, Some(error)),
                None => return Err(error),
            }
        }
    };
    plan.snapshot.files = project.files.kept();
    let secrets = Arc::new(SecretTexts::within(&secret_values(&plan, state, options.imports)));
    reporter.keep_secret(&secrets);
    Ok((PlannedRun { plan, secrets }, wrong))
}

/// The secrets of a plan and of the whole state, also of records that the plan does not change.
pub(crate) fn known_secrets(plan: &Plan, state: &State) -> SecretTexts {
    SecretTexts::within(&secret_values(plan, state, &[]))
}

fn secret_values(plan: &Plan, state: &State, imports: &[(Address, String)]) -> Vec<Value> {
    plan_values(plan)
        .into_iter()
        .chain(state_values(state))
        .chain(secret_ids(imports))
        .chain(environment_secrets())
        .collect()
}

/// The IDs to import by that are secrets themselves: that of a `random_password` is the password.
/// They come from the command line, so that no schema has marked them as sensitive.
fn secret_ids(imports: &[(Address, String)]) -> impl Iterator<Item = Value> {
    let secret = imports.iter().filter(|(address, _)| has_secret_id(&address.block.kind));
    secret.map(|(_, id)| Value::from(id.as_str()).sensitive())
}

/// Prints the warnings of the configuration and of the plan, with the plan's secrets redacted.
pub(crate) fn warn(reporter: &Reporter, project: &Project, made: &PlannedRun) {
    let notices: Vec<RenderedDiagnostic> =
        project.warnings.iter().chain(&made.plan.warnings).map(RenderedDiagnostic::from).collect();
    reporter.notices(&notices, &project.sources, &made.secrets);
}

/// The plan and the state it is for, in the shape of `terraform show -json`.
pub(crate) fn document(
    made: &PlannedRun,
    session: &Session,
    configuration: &Configuration,
    schemas: &SchemaSet,
    state: &State,
    visibility: SecretVisibility,
) -> String {
    let secrets = known_secrets(&made.plan, state);
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let basis = PlanBasis { configuration, schemas, state, at: &at };
    let report = PlanReport::new(&made.plan, &stack(session), &secrets, visibility);
    plan_json(&made.plan, &report, &basis, &mut Redactor::new(&secrets, visibility))
}
