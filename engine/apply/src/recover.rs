//! What a run that was killed left half done comes first: what it owed, then what it has begun
//! making.

use std::sync::Arc;

use ha_plan::{Configuration, RecordSettings, told_id};
use ha_state_model::{Frame, Obligation, StepOutcome, UnfinishedStep};
use ha_state_store::StateWriter;
use ha_value::{Action, Address, Object};

use crate::cancel::CancelSignal;
use crate::engine::Engine;
use crate::events::{Event, EventObserver, StepError, UnfinishedWork};
use crate::step::{Operation, StepExecutor, StepInput, StepResult};

/// What came of recovery.
#[derive(Debug, Default)]
pub struct RecoveryResult {
    /// Done, and on record.
    pub finished: Vec<(Address, UnfinishedWork)>,
    /// Not done, and why.
    pub unfinished: Vec<(Address, UnfinishedWork, StepError)>,
}

/// Under this name an obligation says why it could not be met.
const FAILED: &str = "failed";

impl Engine {
    /// Does what a run that was killed owed, then finishes what it has begun making, with the
    /// arguments and the token it began with. What is known to have failed is left to the plan,
    /// which tries again with the arguments of now, or deletes what is there. So is what cannot be
    /// finished. What it was changing or deleting is seen by the next look; only what that left
    /// beside it is taken away.
    pub async fn recover(
        &self,
        _configuration: &Configuration,
        writer: &Arc<StateWriter>,
        observer: &Arc<dyn EventObserver>,
        cancel: &CancelSignal,
    ) -> RecoveryResult {
        let workshop = self.step_executor(writer, observer, cancel);
        let mut recovery = RecoveryResult::default();
        for (address, left, what) in left_half_done(&workshop) {
            if cancel.is_asked() {
                break;
            }
            observer.observe(Event::Recovering { address: address.clone(), left: left.clone() });
            let done = match what {
                InterruptedStep::Owed(obligation) => {
                    attended(finish_obligation(&workshop, &address, obligation), observer, cancel)
                        .await
                }
                InterruptedStep::Begun(unfinished) => {
                    attended(finish(&workshop, *unfinished), observer, cancel).await.map(Some)
                }
                InterruptedStep::Changed(token) => {
                    clean_up(&workshop, &address, token).await.map(|()| None)
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

/// Waits for a step, and tells that it is brought to its end when the operator asks to stop
/// meanwhile.
async fn attended<T>(
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
    Owed(Obligation),
    Begun(Box<UnfinishedStep>),
    /// With this token.
    Changed(String),
}

/// All that an earlier run left, but for what it began and is known to have failed, in the order in
/// which it is taken up.
fn left_half_done(workshop: &StepExecutor) -> Vec<(Address, UnfinishedWork, InterruptedStep)> {
    workshop.writer.read(|state| {
        let owed = state.obligations.values().filter_map(|it| {
            let left = UnfinishedWork::Owing { verb: it.verb.clone(), target: it.target.clone() };
            Some((it.address.clone()?, left, InterruptedStep::Owed(it.clone())))
        });
        let begun = state.unfinished.values().filter(|it| it.failure.is_none()).map(|it| {
            let (address, action) = (it.intent.address.clone(), it.intent.action);
            match action.makes() {
                true => {
                    (address, UnfinishedWork::Making, InterruptedStep::Begun(Box::new(it.clone())))
                }
                false => (
                    address,
                    UnfinishedWork::Changing(action),
                    InterruptedStep::Changed(it.intent.token.clone()),
                ),
            }
        });
        owed.chain(begun).collect()
    })
}

/// Does what is owed. What could not be done before is tried again, and left to the plan when that
/// fails too: whoever has given the instance up can go on without it.
async fn finish_obligation(
    workshop: &StepExecutor,
    address: &Address,
    obligation: Obligation,
) -> Result<Option<String>, StepError> {
    let Some(record) = workshop.writer.read(|state| state.records.get(address).cloned()) else {
        // What is gone needs nothing done to it.
        workshop.write(Frame::Discharged { id: obligation.id }).await?;
        return Ok(None);
    };
    let id = told_id(&record);
    match workshop.finish_obligation(record, &obligation.verb).await {
        Ok(()) => workshop.write(Frame::Discharged { id: obligation.id }).await.map(|()| Some(id)),
        Err(StepError::Provider(_)) if obligation.details.contains_key(FAILED) => Ok(None),
        Err(StepError::Provider(error)) => {
            let mut failed = obligation;
            failed.details.insert(FAILED.to_owned(), error.to_string());
            workshop.write(Frame::Obligation(failed)).await?;
            let help = "fix the cause, then apply again; if it cannot be done then either, the plan goes on without it";
            Err(StepError::Provider(error.help(help)))
        }
        Err(other) => Err(other),
    }
}

/// Takes away what a change that was killed may have left beside what it changed.
async fn clean_up(
    workshop: &StepExecutor,
    address: &Address,
    token: String,
) -> Result<(), StepError> {
    match workshop.writer.read(|state| state.records.get(address).cloned()) {
        Some(record) => workshop.clean_up(record, token).await,
        None => Ok(()),
    }
}

async fn finish(workshop: &StepExecutor, unfinished: UnfinishedStep) -> Result<String, StepError> {
    let intent = unfinished.intent.clone();
    let settings = workshop.writer.read(|state| state.providers.get(&intent.provider).cloned());
    let from = RecordSettings {
        configured: intent.configured,
        dependencies: intent.dependencies,
        create_before_destroy: intent.create_before_destroy,
        prevent_destroy: intent.prevent_destroy,
        // What was begun with too little time must not be given up again; the plan that follows
        // records what is said now.
        timeouts: Object::new(),
    };
    let deposes = intent.action == Action::CreateThenDelete;
    let job = StepInput {
        address: intent.address,
        provider: intent.provider,
        settings: settings.unwrap_or_default(),
        what: Operation::Create {
            arguments: intent.arguments,
            from,
            deposes,
            earlier: Some(unfinished),
        },
    };
    Ok(match workshop.perform(job).await? {
        StepResult::Made { record, .. } => told_id(&record),
        StepResult::Answered { .. } | StepResult::Gone => String::new(),
    })
}

/// Closes what an earlier run left of changes and deletions: this run's refresh has seen what
/// became of them.
pub(crate) async fn close_superseded(
    workshop: &StepExecutor,
    before: u64,
) -> Result<(), StepError> {
    let left: Vec<u64> = workshop.writer.read(|state| {
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
        workshop.write(Frame::Result { attempt: Some(attempt), outcome }).await?;
    }
    Ok(())
}
