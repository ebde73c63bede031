//! Applies a plan: records what refresh saw, executes the steps, records the outputs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::SystemTime;

use ha_diagnostics::{Diagnostic, code};
use ha_plan::{
    ApplyEvaluation, Configuration, FileSource, Plan, PlanMode, RefreshUpdate, StepKind,
};
use ha_state_model::{Frame, ProviderName, StepOutcome};
use ha_state_store::StateWriter;

use crate::cancel::CancelSignal;
use crate::engine::Engine;
use crate::events::{ApplyResult, Event, EventObserver, StepError};
use crate::executor::PlanExecutor;
use crate::recover::close_superseded;
use crate::step::StepExecutor;

impl Engine {
    /// Applies a plan that was made from the writer's state. A plan without steps may still update
    /// the state; see [`Plan::has_work`].
    ///
    /// # Errors
    /// Before anything is done: mistakes in the configuration, or a plan that is stale. Later
    /// failures are in [`ApplyResult`].
    pub async fn apply(
        &self,
        plan: &Plan,
        configuration: &Arc<Configuration>,
        files: &Arc<dyn FileSource + Send + Sync>,
        writer: &Arc<StateWriter>,
        observer: &Arc<dyn EventObserver>,
        cancel: &CancelSignal,
    ) -> Result<ApplyResult, Vec<Diagnostic>> {
        if plan.errored {
            let diagnostic = Diagnostic::error("this plan is incomplete: planning failed");
            return Err(vec![diagnostic.help("fix that and make a new plan")]);
        }
        if plan.mode == PlanMode::Normal {
            // Other modes evaluate nothing, so they need no values for variables.
            let not_given = plan.snapshot.not_given(configuration);
            if !not_given.is_empty() {
                return Err(not_given);
            }
        }
        // Checked under the lock, and by the versions of the records that the plan uses: a change
        // elsewhere in the state does not make a plan stale.
        let outdated = writer.read(|state| plan.outdated(state));
        if !outdated.is_empty() {
            return Err(outdated.iter().map(stale).collect());
        }
        let step_executor = self.step_executor(writer, observer, cancel);
        // Attempts up to this number belong to earlier runs.
        let attempts = writer.read(|state| state.attempts);
        if let Err(error) = record_observations(&step_executor, plan).await {
            let mut result = PlanExecutor::new(plan, None, step_executor, self.parallelism)
                .into_unwritable_result();
            result.diagnostics.push(unwritable(&error));
            return Ok(result);
        }
        // A destroy must work with a configuration that can no longer be evaluated.
        let evaluation = match plan.mode {
            PlanMode::Destroy | PlanMode::RefreshOnly => None,
            PlanMode::Normal => Some(writer.read(|state| {
                ApplyEvaluation::begin(
                    plan,
                    configuration,
                    files,
                    self.schemas.clone(),
                    state,
                    SystemTime::now(),
                )
            })?),
        };
        let total = plan.steps.iter().filter(|it| it.what != StepKind::Junction).count();
        observer.observe(Event::ApplyStarted { total });
        let mut plan_executor =
            PlanExecutor::new(plan, evaluation, step_executor.clone(), self.parallelism);
        plan_executor.execute().await;
        let mut result = plan_executor.into_result();
        if plan.mode != PlanMode::Normal && result.outputs.is_some() {
            result.outputs = plan.known_outputs();
        }
        if let Err(error) = record_end(&step_executor, &mut result, attempts).await {
            result.diagnostics.push(unwritable(&error));
        }
        result.incidents = self.clients.incidents();
        Ok(result)
    }
}

fn stale(address: &ha_value::Address) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        "the plan is stale: what it touches or reads has changed since it was made",
    )
    .code(code::STALE);
    diagnostic.address(address).help("make a new plan, look at it, and apply that")
}

fn unwritable(error: &StepError) -> Diagnostic {
    let detail = match error {
        StepError::State(detail) => detail.clone(),
        StepError::Provider(error) => error.to_string(),
        StepError::Configuration(_) => String::new(),
    };
    Diagnostic::error("the state could not be written").code(code::STATE_NOT_WRITTEN).detail(detail)
}

/// Records the moves, what refresh saw, and changed provider settings, before the first step.
async fn record_observations(step_executor: &StepExecutor, plan: &Plan) -> Result<(), StepError> {
    let frame = |it: &RefreshUpdate| {
        let outcome = match it {
            RefreshUpdate::Seen(record) => StepOutcome::Recorded(record.clone()),
            RefreshUpdate::Gone(address) => StepOutcome::Deleted(address.clone()),
        };
        Frame::Result { attempt: None, outcome }
    };
    let moves =
        plan.moves.iter().map(|it| Frame::Moved { from: it.from.clone(), to: it.to.clone() });
    let changed = step_executor.writer.read(|state| {
        let changed = plan
            .providers
            .iter()
            .filter(|(name, it)| state.providers.get(*name).is_some_and(|was| was != *it));
        changed.map(|(name, it)| Frame::Provider(name.clone(), it.clone())).collect::<Vec<_>>()
    });
    // Moves come first: what follows names the new addresses.
    let frames = moves.chain(plan.settled.iter().map(frame)).chain(changed);
    // Appended together, so that the journal syncs them together. The writer keeps their order.
    let written = futures::future::join_all(frames.map(|it| step_executor.write(it))).await;
    written.into_iter().collect()
}

/// Records the outputs, closes the interrupted updates and deletes of earlier runs, and removes the
/// providers that no record uses any more.
async fn record_end(
    step_executor: &StepExecutor,
    result: &mut ApplyResult,
    attempts: u64,
) -> Result<(), StepError> {
    let is_broken = result.failed.iter().any(|(_, _, error)| matches!(error, StepError::State(_)));
    if let Some(outputs) = result.outputs.as_ref().filter(|_| !is_broken)
        && step_executor.writer.read(|state| state.outputs != *outputs)
    {
        step_executor.write(Frame::Outputs(outputs.clone())).await?;
    }
    close_superseded(step_executor, attempts).await?;
    // An unfinished step needs its provider to be recovered.
    let unused: Vec<ProviderName> = step_executor.writer.read(|state| {
        let records = state.records.values().chain(state.deposed.values()).map(|it| &it.provider);
        let used: BTreeSet<&ProviderName> =
            records.chain(state.unfinished.values().map(|it| &it.intent.provider)).collect();
        state.providers.keys().filter(|it| !used.contains(it)).cloned().collect()
    });
    for provider in unused {
        step_executor.write(Frame::ProviderGone(provider)).await?;
    }
    Ok(())
}
