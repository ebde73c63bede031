//! What plan, apply and destroy share: the way from a directory to a plan.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_kind::{Address, Value};
use ha_plan::{Files, Plan, PlanMode};
use ha_run::{Cancel, Engine, RefreshMode, Request};
use ha_state::State;

use super::Session;
use crate::project::{Project, stack};
use crate::providers::kinds;
use crate::trouble::Trouble;
use crate::views::progress::Progress;
use crate::views::redact::Sight;
use crate::views::report::{Report, plan_secrets};
use crate::views::secrets::Secrets;
use crate::views::state_view::state_values;

/// How often rows are redrawn.
const REDRAWN: Duration = Duration::from_millis(100);

/// What is planned.
pub(crate) struct Intention<'a> {
    pub(crate) mode: PlanMode,
    pub(crate) replace: &'a [Address],
    pub(crate) refresh: bool,
}

/// A plan, and what must be kept out of everything that is told of it.
pub(crate) struct Made {
    pub(crate) plan: Plan,
    pub(crate) secrets: Arc<Secrets>,
}

impl Made {
    /// The plan as anybody may see it.
    pub(crate) fn report(&self, session: &Session, sight: Sight) -> Report {
        Report::new(&self.plan, &stack(&session.directory), &self.secrets, sight)
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
    let runtime =
        runtime.map_err(|error| anyhow::Error::new(error).context("could not start the threads that work is done on"))?;
    let result = runtime.block_on(work);
    // A thread may still wait for an answer that nobody needs any more.
    runtime.shutdown_background();
    result
}

/// Progress as it suits the terminal, ticking until the guard is dropped.
pub(crate) fn progress(session: &Session) -> Ticking {
    let terminal = session.terminal;
    let lines = Box::new(move |line: &str| terminal.tell(&format!("{line}\n")));
    let progress = Arc::new(match terminal.can_redraw() {
        true => Progress::live(terminal.err, lines),
        false => Progress::lines(terminal.err, lines),
    });
    let ticked = progress.clone();
    let task = tokio::spawn(async move {
        loop {
            tokio::time::sleep(REDRAWN).await;
            ticked.tick(Instant::now());
        }
    });
    Ticking { progress, task }
}

/// Progress that goes on by itself.
pub(crate) struct Ticking {
    pub(crate) progress: Arc<Progress>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Ticking {
    fn drop(&mut self) {
        self.task.abort();
        self.progress.rest();
    }
}

/// Makes a plan. Stopping it changes nothing, so it is stopped at once.
///
/// # Errors
/// What is wrong with the configuration or went wrong outside.
pub(crate) async fn make(
    engine: &Engine,
    project: &Project,
    state: &State,
    intention: &Intention<'_>,
    progress: &Progress,
    cancel: &Cancel,
) -> Result<Made, Trouble> {
    let given: Vec<Value> = project.snapshot.variables.values().cloned().chain(state_values(state)).collect();
    let known = Arc::new(Secrets::within(&given));
    progress.keep_secret(known.clone());
    let files: Arc<dyn Files + Send + Sync> = project.files.clone();
    let request = Request {
        configuration: project.configuration.clone(),
        snapshot: project.snapshot.clone(),
        files,
        mode: intention.mode,
        replace: intention.replace.to_vec(),
        refresh: if intention.refresh { RefreshMode::All } else { RefreshMode::None },
        selection: ha_plan::Selection::default(),
        imports: Vec::new(),
    };
    let planned = tokio::select! {
        planned = engine.plan(&request, state, progress) => planned,
        () = cancel.asked() => return Err(Trouble::interrupted()),
    };
    progress.rest();
    let mut plan = planned.map_err(|it| Trouble::from(it).within(&project.sources).keeping(&known))?;
    plan.snapshot.files = project.files.kept();
    let secrets = Arc::new(plan_secrets(&plan));
    progress.keep_secret(secrets.clone());
    Ok(Made { plan, secrets })
}

/// Tells what is worth a look, with what the plan knows kept out of it.
pub(crate) fn warn(session: &Session, project: &Project, made: &Made) {
    project.warn(&session.terminal, &made.plan.warnings, &made.secrets);
}
