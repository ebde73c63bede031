//! Recovery of what a killed run left: first its obligations, then the instances that it was
//! creating. Runs before refresh and planning, so that both see complete objects.

use std::sync::Arc;

use ha_plan::{Configuration, RecordSettings, told_id};
use ha_state_model::{Frame, Obligation, StepOutcome, UnfinishedStep};
use ha_state_store::StateWriter;
use ha_value::{Action, Address, Object};

use crate::cancel::CancelSignal;
use crate::engine::Engine;
use crate::events::{Event, EventObserver, StepError, UnfinishedWork};
use crate::step::{Operation, StepExecutor, StepInput, StepResult};

/// The result of recovery.
#[derive(Debug, Default)]
pub struct RecoveryResult {
    /// What was finished, and is recorded.
    pub finished: Vec<(Address, UnfinishedWork)>,
    /// What could not be finished, and why.
    pub unfinished: Vec<(Address, UnfinishedWork, StepError)>,
}

/// The detail of an obligation that holds why it could not be finished.
const FAILED: &str = "failed";

impl Engine {
    /// Finishes the obligations of a killed run, then the creations that it began, each with the
    /// arguments and the token it began with. Creations that are known to have failed are left to
    /// the plan, which tries again with the arguments of now, or deletes what exists; so is what
    /// cannot be finished. The result of an interrupted update or delete is seen by the next
    /// refresh; only what it left beside the instance is removed.
    pub async fn recover(
        &self,
        _configuration: &Configuration,
        writer: &Arc<StateWriter>,
        observer: &Arc<dyn EventObserver>,
        cancel: &CancelSignal,
    ) -> RecoveryResult {
        let step_executor = self.step_executor(writer, observer, cancel);
        let mut recovery = RecoveryResult::default();
        for (address, left, operation) in interrupted_work(&step_executor) {
            if cancel.is_asked() {
                break;
            }
            observer.observe(Event::Recovering { address: address.clone(), left: left.clone() });
            // One after another and in this order; a run has few of them, and later ones may need
            // earlier ones.
            let done = match operation {
                InterruptedStep::Obligation(obligation) => {
                    reporting_stop(
                        finish_obligation(&step_executor, &address, obligation),
                        observer,
                        cancel,
                    )
                    .await
                }
                InterruptedStep::Creation(unfinished) => {
                    reporting_stop(finish_creation(&step_executor, *unfinished), observer, cancel)
                        .await
                        .map(Some)
                }
                InterruptedStep::Change(token) => {
                    clean_up(&step_executor, &address, token).await.map(|()| None)
                }
            };
            match done {
                Ok(None) => {}
                Ok(Some(id)) => {
                    observer.observe(Event::Recovered {
                        address: address.clone(),
                        left: left.clone(),
                        id,
                    });
                    recovery.finished.push((address, left));
                }
                Err(error) => recovery.unfinished.push((address, left, error)),
            }
        }
        recovery
    }
}

/// Waits for a step, and reports a stop that the operator requests meanwhile. The step is not
/// dropped: its call may already have had an effect.
async fn reporting_stop<T>(
    step: impl Future<Output = T>,
    observer: &Arc<dyn EventObserver>,
    cancel: &CancelSignal,
) -> T {
    tokio::pin!(step);
    tokio::select! {
        done = &mut step => return done,
        () = cancel.asked() => observer.observe(Event::Stopping { running: 1 }),
    }
    step.await
}

enum InterruptedStep {
    Obligation(Obligation),
    Creation(Box<UnfinishedStep>),
    /// An update or delete with this token.
    Change(String),
}

/// What an earlier run left, in the order in which it is taken up: obligations first, because a
/// member that is down may keep the creations from succeeding. Without the creations that are known
/// to have failed.
fn interrupted_work(
    step_executor: &StepExecutor,
) -> Vec<(Address, UnfinishedWork, InterruptedStep)> {
    step_executor.writer.read(|state| {
        let obligations = state.obligations.values().filter_map(|it| {
            let left = UnfinishedWork::Owing { verb: it.verb.clone(), target: it.target.clone() };
            Some((it.address.clone()?, left, InterruptedStep::Obligation(it.clone())))
        });
        let unfinished_steps =
            state.unfinished.values().filter(|it| it.failure.is_none()).map(|it| {
                let (address, action) = (it.intent.address.clone(), it.intent.action);
                match action.makes() {
                    true => (
                        address,
                        UnfinishedWork::Making,
                        InterruptedStep::Creation(Box::new(it.clone())),
                    ),
                    false => (
                        address,
                        UnfinishedWork::Changing(action),
                        InterruptedStep::Change(it.intent.token.clone()),
                    ),
                }
            });
        obligations.chain(unfinished_steps).collect()
    })
}

/// Finishes an obligation. One that fails is tried again by the next run, and left to the plan when
/// it fails for the second time: an operator who has given the instance up can go on without it.
async fn finish_obligation(
    step_executor: &StepExecutor,
    address: &Address,
    obligation: Obligation,
) -> Result<Option<String>, StepError> {
    let Some(record) = step_executor.writer.read(|state| state.records.get(address).cloned())
    else {
        // An instance that was deleted meanwhile has no obligations.
        step_executor.write(Frame::Discharged { id: obligation.id }).await?;
        return Ok(None);
    };
    let id = told_id(&record);
    match step_executor.finish_obligation(record, &obligation.verb).await {
        Ok(()) => {
            step_executor.write(Frame::Discharged { id: obligation.id }).await.map(|()| Some(id))
        }
        // The second failure. Blocking every further run on it would take the decision from the
        // operator.
        Err(StepError::Provider(_)) if obligation.details.contains_key(FAILED) => Ok(None),
        Err(StepError::Provider(error)) => {
            let mut failed = obligation;
            failed.details.insert(FAILED.to_owned(), error.to_string());
            step_executor.write(Frame::Obligation(failed)).await?;
            let help = "fix the cause, then apply again; if it cannot be done then either, the plan goes on without it";
            Err(StepError::Provider(error.help(help)))
        }
        Err(other) => Err(other),
    }
}

/// Removes what a killed change may have left beside the instance.
async fn clean_up(
    step_executor: &StepExecutor,
    address: &Address,
    token: String,
) -> Result<(), StepError> {
    match step_executor.writer.read(|state| state.records.get(address).cloned()) {
        Some(record) => step_executor.clean_up(record, token).await,
        None => Ok(()),
    }
}

async fn finish_creation(
    step_executor: &StepExecutor,
    unfinished: UnfinishedStep,
) -> Result<String, StepError> {
    let intent = unfinished.intent.clone();
    // The provider was recorded before the intent, with the settings that the object was created
    // with.
    let settings =
        step_executor.writer.read(|state| state.providers.get(&intent.provider).cloned());
    let record_settings = RecordSettings {
        configured: intent.configured,
        dependencies: intent.dependencies,
        create_before_destroy: intent.create_before_destroy,
        prevent_destroy: intent.prevent_destroy,
        // A creation that ran into its time limit must not run into it again. The plan that follows
        // records the configured limits.
        timeouts: Object::new(),
    };
    let deposes = intent.action == Action::CreateThenDelete;
    let input = StepInput {
        address: intent.address,
        provider: intent.provider,
        settings: settings.unwrap_or_default(),
        operation: Operation::Create {
            arguments: intent.arguments,
            record_settings,
            deposes,
            interrupted: Some(unfinished),
        },
    };
    Ok(match step_executor.perform(input).await? {
        StepResult::Recorded { record, .. } => told_id(&record),
        StepResult::Read { .. } | StepResult::Deleted => String::new(),
    })
}

/// Closes the interrupted updates and deletes of earlier runs: the refresh of this run has seen
/// what became of them. Creations stay open, because refresh reads recorded objects only.
pub(crate) async fn close_superseded(
    step_executor: &StepExecutor,
    before: u64,
) -> Result<(), StepError> {
    let left: Vec<u64> = step_executor.writer.read(|state| {
        let left = state
            .unfinished
            .iter()
            .filter(|(attempt, it)| **attempt <= before && !it.intent.action.makes());
        left.map(|(attempt, _)| *attempt).collect()
    });
    for attempt in left {
        let outcome = StepOutcome::Failed(
            "interrupted; what became of it was seen by a later refresh".into(),
        );
        step_executor.write(Frame::Result { attempt: Some(attempt), outcome }).await?;
    }
    Ok(())
}
