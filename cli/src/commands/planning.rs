//! What plan, apply and destroy share: the way from a directory to a plan.

use std::future::Future;
use std::sync::Arc;

use anyhow::Context;
use ha_apply::{Cancel, Engine, Request};
use ha_lang::Configuration;
use ha_plan::{Files, Plan, PlanMode};
use ha_provider::Schemas;
use ha_state_model::State;
use ha_value::{Address, Value};

use super::Session;
use super::reporter::Audience;
use crate::arguments::ScopeArgs;
use crate::output::command_error::Trouble;
use crate::views::diagnostic::Notice;
use crate::views::plan_json::{Basis, plan_json};
use crate::views::redaction::{Redactor, Sight};
use crate::views::report::{Report, plan_values};
use crate::views::secrets::{Secrets, environment_secrets};
use crate::views::state_view::state_values;
use crate::workspace::project::{Project, stack, stack_in};
use crate::workspace::providers::kinds;
use crate::workspace::selected::Environment;

/// What is planned.
pub(crate) struct Intention<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) replace: &'a [Address],
    pub(crate) scope: &'a ScopeArgs,
    pub(crate) imports: &'a [(Address, String)],
}

/// A plan, and what must be kept out of everything that is told of it.
pub(crate) struct Made {
    pub(crate) plan: Plan,
    pub(crate) secrets: Arc<Secrets>,
}

impl Made {
    /// The plan as anybody may see it.
    pub(crate) fn report(&self, session: &Session, sight: Sight) -> Report {
        let environment = Environment::of_plan(self.plan.snapshot.environment.as_deref());
        Report::new(&self.plan, &stack_in(session, environment.as_ref()), &self.secrets, sight)
    }
}

/// An engine over all kinds.
pub(crate) fn engine(parallelism: std::num::NonZeroUsize) -> Engine {
    let (schemas, drivers) = kinds();
    Engine::new(schemas, drivers, parallelism.get())
}

/// Runs what waits for the world outside.
///
/// # Errors
/// What it fails with, and when the system gives no threads.
pub(crate) fn run<T>(work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.context("could not start the threads that work is done on")?;
    let result = runtime.block_on(work);
    // A thread may still wait for an answer that nobody needs any more.
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
    intention: &Intention<'_>,
    audience: &Audience,
    cancel: &Cancel,
) -> Result<Made, Trouble> {
    match make_to_show(engine, project, state, intention, audience, cancel).await? {
        (made, None) => Ok(made),
        (_, Some(trouble)) => Err(trouble),
    }
}

/// Makes a plan; where something is wrong, what was planned all the same, and what is wrong. Stopping it changes
/// nothing, so it is stopped at once.
///
/// # Errors
/// What is wrong where there is nothing to show.
pub(crate) async fn make_to_show(
    engine: &Engine,
    project: &Project,
    state: &State,
    intention: &Intention<'_>,
    audience: &Audience,
    cancel: &Cancel,
) -> Result<(Made, Option<Trouble>), Trouble> {
    let given = project.snapshot.variables.values().cloned().chain(state_values(state)).chain(environment_secrets());
    let known = Arc::new(Secrets::within(&given.collect::<Vec<Value>>()));
    audience.keep_secret(&known);
    let files: Arc<dyn Files + Send + Sync> = project.files.clone();
    let request = Request {
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
        () = cancel.asked() => return Err(Trouble::interrupted()),
    };
    audience.rest();
    let (mut plan, wrong) = match planned {
        Ok(plan) => (plan, None),
        Err(mut failure) => {
            // Of a mistake that leaves nothing to plan there is nothing to show.
            let so_far = failure.plan.take().filter(|it| !it.changes.is_empty());
            let known = so_far.as_ref().map_or(known, |it| Arc::new(known_secrets(it, state)));
            let trouble = Trouble::from(failure).within(&project.sources).keeping(&known);
            match so_far {
                Some(plan) => (*plan, Some(trouble)),
                None => return Err(trouble),
            }
        }
    };
    plan.snapshot.files = project.files.kept();
    let secrets = Arc::new(known_secrets(&plan, state));
    audience.keep_secret(&secrets);
    Ok((Made { plan, secrets }, wrong))
}

/// All secrets that a plan knows of, and those of what it leaves alone.
pub(crate) fn known_secrets(plan: &Plan, state: &State) -> Secrets {
    let known: Vec<Value> = plan_values(plan).into_iter().chain(state_values(state)).chain(environment_secrets()).collect();
    Secrets::within(&known)
}

/// Tells what is worth a look, with what the plan knows kept out of it.
pub(crate) fn warn(audience: &Audience, project: &Project, made: &Made) {
    let notices: Vec<Notice> = project.warnings.iter().chain(&made.plan.warnings).map(Notice::from).collect();
    audience.notices(&notices, &project.sources, &made.secrets);
}

/// The plan as a document for tools, with the state it was made for.
pub(crate) fn document(
    made: &Made,
    session: &Session,
    configuration: &Configuration,
    schemas: &Schemas,
    state: &State,
    sight: Sight,
) -> String {
    let secrets = known_secrets(&made.plan, state);
    let at = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let basis = Basis { configuration, schemas, state, at: &at };
    let report = Report::new(&made.plan, &stack(session), &secrets, sight);
    plan_json(&made.plan, &report, &basis, &mut Redactor::new(&secrets, sight))
}
