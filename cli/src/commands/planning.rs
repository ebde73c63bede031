//! What plan, apply and destroy share: the way from a directory to a plan.

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

/// What is planned.
pub(crate) struct PlanOptions<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) replace: &'a [Address],
    pub(crate) scope: &'a ScopeArgs,
    pub(crate) imports: &'a [(Address, String)],
}

/// A plan, and what must be kept out of everything that is told of it.
pub(crate) struct PlannedRun {
    pub(crate) plan: Plan,
    pub(crate) secrets: Arc<SecretTexts>,
}

impl PlannedRun {
    /// The plan as anybody may see it.
    pub(crate) fn report(&self, session: &Session, sight: SecretVisibility) -> PlanReport {
        let environment = Workspace::of_plan(self.plan.snapshot.environment.as_deref());
        PlanReport::new(&self.plan, &stack_in(session, environment.as_ref()), &self.secrets, sight)
    }
}

/// An engine over all kinds.
pub(crate) fn engine(parallelism: std::num::NonZeroUsize) -> Engine {
    let (schemas, drivers) = kinds();
    Engine::new(schemas, drivers, parallelism.get())
}

/// Runs what waits for external services.
///
/// # Errors
/// What it fails with, and when the system gives no threads.
pub(crate) fn run<T>(
    work: impl Future<Output = Result<T, CommandError>>,
) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("could not start the threads that work is done on")?;
    let result = runtime.block_on(work);
    // A thread may still wait for an answer that no one needs any more.
    runtime.shutdown_background();
    result
}

/// Makes a plan that can be applied.
///
/// # Errors
/// What is wrong with the configuration or went wrong outside.
pub(crate) async fn make(
    engine: &Engine,
    project: &Project,
    state: &State,
    intention: &PlanOptions<'_>,
    audience: &Reporter,
    cancel: &CancelSignal,
) -> Result<PlannedRun, CommandError> {
    match make_to_show(engine, project, state, intention, audience, cancel).await? {
        (made, None) => Ok(made),
        (_, Some(trouble)) => Err(trouble),
    }
}

/// Makes a plan; where something is wrong, what was planned all the same, and what is wrong.
/// Stopping it changes nothing, so it is stopped at once.
///
/// # Errors
/// What is wrong where there is nothing to show.
pub(crate) async fn make_to_show(
    engine: &Engine,
    project: &Project,
    state: &State,
    intention: &PlanOptions<'_>,
    audience: &Reporter,
    cancel: &CancelSignal,
) -> Result<(PlannedRun, Option<CommandError>), CommandError> {
    let given = project
        .snapshot
        .variables
        .values()
        .cloned()
        .chain(state_values(state))
        .chain(secret_ids(intention.imports))
        .chain(environment_secrets());
    let known = Arc::new(SecretTexts::within(&given.collect::<Vec<Value>>()));
    audience.keep_secret(&known);
    let files: Arc<dyn FileSource + Send + Sync> = project.files.clone();
    let request = PlanRequest {
        configuration: project.configuration.clone(),
        snapshot: project.snapshot.clone(),
        files,
        mode: intention.mode,
        replace: intention.replace.to_vec(),
        refresh: intention.scope.refresh,
        selection: intention.scope.selection(),
        imports: intention.imports.to_vec(),
    };
    let planned = tokio::select! {
        planned = engine.plan(&request, state, audience) => planned,
        () = cancel.asked() => return Err(CommandError::interrupted()),
    };
    audience.rest();
    let (mut plan, wrong) = match planned {
        Ok(plan) => (plan, None),
        Err(mut failure) => {
            // Of a mistake that leaves nothing to plan there is nothing to show.
            let so_far = failure.plan.take().filter(|it| !it.changes.is_empty());
            let known = so_far.as_ref().map_or(known, |it| {
                Arc::new(SecretTexts::within(&secret_values(it, state, intention.imports)))
            });
            let trouble = CommandError::from(failure).within(&project.sources).keeping(&known);
            match so_far {
                Some(plan) => (*plan, Some(trouble)),
                None => return Err(trouble),
            }
        }
    };
    plan.snapshot.files = project.files.kept();
    let secrets = Arc::new(SecretTexts::within(&secret_values(&plan, state, intention.imports)));
    audience.keep_secret(&secrets);
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

/// Tells what is worth a look, with what the plan knows kept out of it.
pub(crate) fn warn(audience: &Reporter, project: &Project, made: &PlannedRun) {
    let notices: Vec<RenderedDiagnostic> =
        project.warnings.iter().chain(&made.plan.warnings).map(RenderedDiagnostic::from).collect();
    audience.notices(&notices, &project.sources, &made.secrets);
}

/// The plan as a document for tools, with the state it was made for.
pub(crate) fn document(
    made: &PlannedRun,
    session: &Session,
    configuration: &Configuration,
    schemas: &SchemaSet,
    state: &State,
    sight: SecretVisibility,
) -> String {
    let secrets = known_secrets(&made.plan, state);
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let basis = PlanBasis { configuration, schemas, state, at: &at };
    let report = PlanReport::new(&made.plan, &stack(session), &secrets, sight);
    plan_json(&made.plan, &report, &basis, &mut Redactor::new(&secrets, sight))
}
