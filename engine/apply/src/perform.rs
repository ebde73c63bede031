//! Performs one operation: connects to the provider and calls the driver.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_plan::{redacted_error, revealed};
use ha_provider::{
    Attempt, CallOutcome, Error, ProviderClient, ResourceDescription, ResourceDriver,
};
use ha_state_model::{Frame, ProviderName, ProviderRecord, Record, StepOutcome};
use ha_value::{Address, Object, ResourceMode};

use crate::driver_call::{in_time, recorded_value};
use crate::events::StepError;
use crate::instance::InstanceOperation;
use crate::journaling_observer::JournalingObserver;
use crate::step::{Operation, StepExecutor, StepInput, StepResult, token};

/// What acts on an instance outside of a plan, with the settings it was made with.
struct RecoveryTarget {
    client: ProviderClient,
    driver: Arc<dyn ResourceDriver>,
    attempt: Attempt,
    /// What may hold secrets that must not be shown.
    known: Vec<Object>,
}

impl StepExecutor {
    /// Does it.
    pub(crate) async fn perform(&self, job: StepInput) -> Result<StepResult, StepError> {
        let StepInput { address, provider, settings, what } = job;
        match what {
            Operation::Forget { deposed } => {
                let outcome = match deposed {
                    Some(key) => StepOutcome::DeletedDeposed { address, key },
                    None => StepOutcome::Deleted(address),
                };
                self.write(Frame::Result { attempt: None, outcome }).await?;
                return Ok(StepResult::Gone);
            }
            Operation::Keep { record } => {
                self.write(Frame::Result {
                    attempt: None,
                    outcome: StepOutcome::Recorded(record.clone()),
                })
                .await?;
                return Ok(StepResult::Made { record, deposed: None });
            }
            _ => {}
        }
        let client = self
            .clients
            .client(&provider, &settings.settings)
            .await
            .map_err(StepError::Provider)?;
        if let Operation::Read { arguments, limit } = what {
            let reader =
                self.drivers.reader(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
            let asked = revealed(&arguments);
            let outputs = in_time(reader.read(&client, &asked), limit.as_ref()).await;
            let outputs = outputs.map_err(|it| {
                StepError::Provider(redacted_error(it, [&arguments, &settings.settings]))
            })?;
            return Ok(StepResult::Answered { arguments, outputs });
        }
        let described = self.described(&address)?;
        let driver =
            self.drivers.resource(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        self.remember_provider(&provider, &settings).await?;
        let bench = InstanceOperation {
            workshop: self,
            address: &address,
            provider: &provider,
            settings: &settings.settings,
            described,
            driver: &**driver,
            client,
        };
        match what {
            Operation::Create { arguments, from, deposes, earlier } => {
                bench.create(arguments, from, deposes, earlier).await
            }
            Operation::Update { arguments, from, before, earlier } => {
                bench.update(arguments, from, &before, earlier).await
            }
            Operation::Delete { record, deposed, earlier, successor } => {
                bench.delete(&record, deposed, earlier, successor.as_ref()).await
            }
            Operation::Abandon { begun } => bench.abandon(begun).await,
            Operation::Keep { .. } | Operation::Forget { .. } | Operation::Read { .. } => {
                unreachable!("all three were done above")
            }
        }
    }

    /// Has what a run that was killed left half done on an instance done.
    pub(crate) async fn finish_obligation(
        &self,
        record: Record,
        verb: &str,
    ) -> Result<(), StepError> {
        let RecoveryTarget { client, driver, mut attempt, known } =
            self.at_hand(&record, token()).await?;
        let met =
            driver.finish_obligation(&client, &recorded_value(&record), verb, &mut attempt).await;
        met.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    /// Has what a change with this token may have left beside an instance taken away. Where no one
    /// can be reached, the look that comes next says so.
    pub(crate) async fn clean_up(&self, record: Record, token: String) -> Result<(), StepError> {
        let Ok(RecoveryTarget { client, driver, attempt, known }) =
            self.at_hand(&record, token).await
        else {
            return Ok(());
        };
        let tidied = driver.clean_up(&client, &recorded_value(&record), &attempt).await;
        tidied.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    async fn at_hand(&self, record: &Record, token: String) -> Result<RecoveryTarget, StepError> {
        self.may_call()?;
        let settings = self
            .writer
            .read(|state| state.providers.get(&record.provider).cloned())
            .unwrap_or_default()
            .settings;
        let client =
            self.clients.client(&record.provider, &settings).await.map_err(StepError::Provider)?;
        let driver = self
            .drivers
            .resource(&record.address.block.kind)
            .ok_or_else(|| unknown_kind(&record.address))?
            .clone();
        let (address, known) = (
            record.address.clone(),
            vec![record.arguments.clone(), record.outputs.clone(), settings],
        );
        let witness = JournalingObserver {
            workshop: self.clone(),
            address: address.clone(),
            attempt: None,
            known: known.clone(),
        };
        let attempt = Attempt::new(address, token, true, BTreeMap::new(), Arc::new(witness));
        Ok(RecoveryTarget { client, driver, attempt, known })
    }

    fn described(&self, address: &Address) -> Result<&ResourceDescription, StepError> {
        self.schemas
            .kind(ResourceMode::Managed, &address.block.kind)
            .ok_or_else(|| unknown_kind(address))
    }

    /// Records the settings that a provider is connected with, when they are not recorded so yet.
    async fn remember_provider(
        &self,
        name: &ProviderName,
        settings: &ProviderRecord,
    ) -> Result<(), StepError> {
        match self.writer.read(|state| state.providers.get(name) == Some(settings)) {
            true => Ok(()),
            false => self.write(Frame::Provider(name.clone(), settings.clone())).await,
        }
    }
}

fn unknown_kind(address: &Address) -> StepError {
    let error = Error::new(format!("work on `{address}`"), "this `ha` has no such kind");
    StepError::Provider(
        error
            .help("the plan or the state may come from another version of `ha`")
            .outcome(CallOutcome::Refused),
    )
}
