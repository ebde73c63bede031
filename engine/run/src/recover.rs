//! What a run that was killed has begun making is finished first.

use std::sync::Arc;

use ha_kind::{Action, Address};
use ha_plan::{Configuration, FromConfiguration};
use ha_state::{Frame, StepOutcome, Unfinished, Writer};

use crate::cancel::Cancel;
use crate::engine::Engine;
use crate::event::{Event, Observer, StepError};
use crate::step::{Job, Work, Workshop};

/// What came of recovery.
#[derive(Debug, Default)]
pub struct Recovery {
    /// Finished, and on record.
    pub finished: Vec<Address>,
    /// Still unfinished, and why.
    pub unfinished: Vec<(Address, StepError)>,
}

impl Engine {
    /// Finishes what a run that was killed has begun making, with the arguments and the token it began with. What is
    /// known to have failed is left to the plan, which tries again with the arguments of now, or deletes what is there.
    /// So is what cannot be finished.
    pub async fn recover(
        &self,
        _configuration: &Configuration,
        writer: &Arc<Writer>,
        observer: &Arc<dyn Observer>,
        cancel: &Cancel,
    ) -> Recovery {
        let workshop = self.workshop(writer, observer, cancel);
        let mut recovery = Recovery::default();
        let begun: Vec<Unfinished> = writer.read(|state| state.unfinished.values().cloned().collect());
        for unfinished in begun.into_iter().filter(|it| it.failure.is_none() && it.intent.action.makes()) {
            if cancel.is_asked() {
                break;
            }
            let address = unfinished.intent.address.clone();
            observer.observe(Event::Recovering { address: address.clone() });
            match attended(finish(&workshop, unfinished), observer, cancel).await {
                Ok(()) => {
                    observer.observe(Event::Recovered { address: address.clone() });
                    recovery.finished.push(address);
                }
                Err(error) => recovery.unfinished.push((address, error)),
            }
        }
        recovery
    }
}

/// Waits for a step, and tells that it is brought to its end when the operator asks to stop meanwhile.
async fn attended<T>(step: impl Future<Output = T>, observer: &Arc<dyn Observer>, cancel: &Cancel) -> T {
    tokio::pin!(step);
    tokio::select! {
        done = &mut step => return done,
        () = cancel.asked() => observer.observe(Event::Stopping { running: 1 }),
    }
    step.await
}

async fn finish(workshop: &Workshop, unfinished: Unfinished) -> Result<(), StepError> {
    let intent = unfinished.intent.clone();
    let settings = workshop.writer.read(|state| state.providers.get(&intent.provider).cloned());
    let from = FromConfiguration {
        configured: intent.configured,
        dependencies: intent.dependencies,
        create_before_destroy: intent.create_before_destroy,
        prevent_destroy: intent.prevent_destroy,
    };
    let deposes = intent.action == Action::CreateThenDelete;
    let job = Job {
        address: intent.address,
        provider: intent.provider,
        settings: settings.unwrap_or_default(),
        what: Work::Create { arguments: intent.arguments, from, deposes, earlier: Some(unfinished) },
    };
    workshop.perform(job).await.map(|_| ())
}

/// Closes what an earlier run left of changes and deletions: this run's refresh has seen what became of them.
pub(crate) async fn close_superseded(workshop: &Workshop, before: u64) -> Result<(), StepError> {
    let left: Vec<u64> = workshop.writer.read(|state| {
        let left = state.unfinished.iter().filter(|(attempt, it)| **attempt <= before && !it.intent.action.makes());
        left.map(|(attempt, _)| *attempt).collect()
    });
    for attempt in left {
        let outcome = StepOutcome::Failed("interrupted; what became of it was seen by a later refresh".into());
        workshop.write(Frame::Result { attempt: Some(attempt), outcome }).await?;
    }
    Ok(())
}
