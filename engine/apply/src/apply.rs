//! Applying a plan: what refresh saw is written down, the steps are walked, the outputs are written
//! down.

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
    /// Applies a plan that was made from the state the writer has. An empty plan may have news for
    /// the state all the same; see [`Plan::has_work`].
    ///
    /// # Errors
    /// What is wrong with the configuration, or a plan that the state has outrun, before anything
    /// is done. What goes wrong later is in [`ApplyResult`].
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
            let diagnostic = Diagnostic::error(
                "this is a part of a plan: something went wrong while it was made",
            );
            return Err(vec![diagnostic.help("fix that and make a new plan")]);
        }
        if plan.mode == PlanMode::Normal {
            // Nothing else needs values from the configuration.
            let not_given = plan.snapshot.not_given(configuration);
            if !not_given.is_empty() {
                return Err(not_given);
            }
        }
        let outdated = writer.read(|state| plan.outdated(state));
        if !outdated.is_empty() {
            return Err(outdated.iter().map(stale).collect());
        }
        let executor = self.step_executor(writer, observer, cancel);
        let attempts = writer.read(|state| state.attempts);
        if let Err(error) = settle(&executor, plan).await {
            let mut applied = PlanExecutor::new(plan, None, executor, self.parallelism).broken();
            applied.diagnostics.push(unwritable(&error));
            return Ok(applied);
        }
        // Deleting everything needs no values from the configuration.
        let execution = match plan.mode {
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
        let mut walk = PlanExecutor::new(plan, execution, executor.clone(), self.parallelism);
        walk.walk().await;
        let mut applied = walk.into_applied();
        if plan.mode != PlanMode::Normal && applied.outputs.is_some() {
            applied.outputs = plan.known_outputs();
        }
        if let Err(error) = write_down(&executor, &mut applied, attempts).await {
            applied.diagnostics.push(unwritable(&error));
        }
        applied.incidents = self.clients.incidents();
        Ok(applied)
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
    let text = match error {
        StepError::State(text) => text.clone(),
        StepError::Provider(error) => error.to_string(),
        StepError::Configuration(_) => String::new(),
    };
    Diagnostic::error("the state could not be written").code(code::STATE_NOT_WRITTEN).detail(text)
}

/// Writes down what refresh saw, what the configuration says of things that do not change, and
/// settings of providers that have changed.
async fn settle(executor: &StepExecutor, plan: &Plan) -> Result<(), StepError> {
    let frame = |it: &RefreshUpdate| {
        let outcome = match it {
            RefreshUpdate::Seen(record) => StepOutcome::Recorded(record.clone()),
            RefreshUpdate::Gone(address) => StepOutcome::Deleted(address.clone()),
        };
        Frame::Result { attempt: None, outcome }
    };
    let moves =
        plan.moves.iter().map(|it| Frame::Moved { from: it.from.clone(), to: it.to.clone() });
    let changed = executor.writer.read(|state| {
        let changed = plan
            .providers
            .iter()
            .filter(|(name, it)| state.providers.get(*name).is_some_and(|was| was != *it));
        changed.map(|(name, it)| Frame::Provider(name.clone(), it.clone())).collect::<Vec<_>>()
    });
    let frames = moves.chain(plan.settled.iter().map(frame)).chain(changed);
    let written = futures::future::join_all(frames.map(|it| executor.write(it))).await;
    written.into_iter().collect()
}

/// Writes down the outputs, closes what an earlier run left of changes and deletions, and forgets
/// providers that nothing needs any more.
async fn write_down(
    executor: &StepExecutor,
    applied: &mut ApplyResult,
    attempts: u64,
) -> Result<(), StepError> {
    let is_broken = applied.failed.iter().any(|(_, _, error)| matches!(error, StepError::State(_)));
    if let Some(outputs) = applied.outputs.as_ref().filter(|_| !is_broken)
        && executor.writer.read(|state| state.outputs != *outputs)
    {
        executor.write(Frame::Outputs(outputs.clone())).await?;
    }
    close_superseded(executor, attempts).await?;
    let unused: Vec<ProviderName> = executor.writer.read(|state| {
        let records = state.records.values().chain(state.deposed.values()).map(|it| &it.provider);
        let used: BTreeSet<&ProviderName> =
            records.chain(state.unfinished.values().map(|it| &it.intent.provider)).collect();
        state.providers.keys().filter(|it| !used.contains(it)).cloned().collect()
    });
    for provider in unused {
        executor.write(Frame::ProviderGone(provider)).await?;
    }
    Ok(())
}
