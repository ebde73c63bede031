//! Performs one operation: connects to the provider and calls the driver.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_plan::{redacted_error, revealed};
use ha_provider::{
    Attempt, CallOutcome, Error, ProviderClient, ResourceDescription, ResourceDriver,
};
use ha_state_model::{Frame, ProviderName, ProviderRecord, Record, StepOutcome};
use ha_value::{Address, Object, ResourceMode};

use crate::driver_call::{recorded_value, with_time_limit};
use crate::events::StepError;
use crate::instance::InstanceOperation;
use crate::journaling_observer::JournalingObserver;
use crate::step::{Operation, StepExecutor, StepInput, StepResult, random_token};

/// What acts on a recorded instance outside of a plan, connected with the recorded settings.
struct RecoveryTarget {
    client: ProviderClient,
    driver: Arc<dyn ResourceDriver>,
    attempt: Attempt,
    /// Values with secrets that no message must quote.
    known: Vec<Object>,
}

impl StepExecutor {
    /// Performs one operation, and records its result.
    pub(crate) async fn perform(&self, input: StepInput) -> Result<StepResult, StepError> {
        let StepInput { address, provider, settings, operation } = input;
        // Handled before connecting: a record can be removed while its provider is unreachable.
        match operation {
            Operation::Forget { deposed } => {
                let outcome = match deposed {
                    Some(key) => StepOutcome::DeletedDeposed { address, key },
                    None => StepOutcome::Deleted(address),
                };
                self.write(Frame::Result { attempt: None, outcome }).await?;
                return Ok(StepResult::Deleted);
            }
            Operation::Keep { record } => {
                self.write(Frame::Result {
                    attempt: None,
                    outcome: StepOutcome::Recorded(record.clone()),
                })
                .await?;
                return Ok(StepResult::Recorded { record, deposed: None });
            }
            _ => {}
        }
        // A client is connected before the intent is written: a provider that cannot be reached
        // leaves nothing to recover.
        let client = self
            .clients
            .client(&provider, &settings.settings)
            .await
            .map_err(StepError::Provider)?;
        if let Operation::Read { arguments, limit } = operation {
            let reader =
                self.drivers.reader(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
            let asked = revealed(&arguments);
            let outputs = with_time_limit(reader.read(&client, &asked), limit.as_ref()).await;
            let outputs = outputs.map_err(|it| {
                StepError::Provider(redacted_error(it, [&arguments, &settings.settings]))
            })?;
            return Ok(StepResult::Read { arguments, outputs });
        }
        let description = self.description(&address)?;
        let driver =
            self.drivers.resource(&address.block.kind).ok_or_else(|| unknown_kind(&address))?;
        // On disk before the intent: whoever recovers the step connects with these settings.
        self.record_provider(&provider, &settings).await?;
        let instance = InstanceOperation {
            step_executor: self,
            address: &address,
            provider: &provider,
            provider_settings: &settings.settings,
            description,
            driver: &**driver,
            client,
        };
        match operation {
            Operation::Create { arguments, record_settings, deposes, interrupted } => {
                instance.create(arguments, record_settings, deposes, interrupted).await
            }
            Operation::Update { arguments, record_settings, before, interrupted } => {
                instance.update(arguments, record_settings, &before, interrupted).await
            }
            Operation::Delete { record, deposed, interrupted, successor } => {
                instance.delete(&record, deposed, interrupted, successor.as_ref()).await
            }
            Operation::Abandon { interrupted } => instance.abandon(interrupted).await,
            Operation::Keep { .. } | Operation::Forget { .. } | Operation::Read { .. } => {
                unreachable!("handled before the driver was looked up")
            }
        }
    }

    /// Finishes an obligation that a killed run left on an instance.
    pub(crate) async fn finish_obligation(
        &self,
        record: Record,
        verb: &str,
    ) -> Result<(), StepError> {
        let RecoveryTarget { client, driver, mut attempt, known } =
            self.recovery_target(&record, random_token()).await?;
        let finished =
            driver.finish_obligation(&client, &recorded_value(&record), verb, &mut attempt).await;
        finished.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    /// Removes what a killed change with this token may have left beside an instance.
    pub(crate) async fn clean_up(&self, record: Record, token: String) -> Result<(), StepError> {
        let Ok(RecoveryTarget { client, driver, attempt, known }) =
            self.recovery_target(&record, token).await
        else {
            // A service that cannot be reached is reported by the refresh that comes next.
            return Ok(());
        };
        let cleaned = driver.clean_up(&client, &recorded_value(&record), &attempt).await;
        cleaned.map_err(|it| StepError::Provider(redacted_error(it, &known)))
    }

    async fn recovery_target(
        &self,
        record: &Record,
        token: String,
    ) -> Result<RecoveryTarget, StepError> {
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
        let observer = JournalingObserver {
            step_executor: self.clone(),
            address: address.clone(),
            attempt: None,
            known: known.clone(),
        };
        let attempt = Attempt::new(address, token, true, BTreeMap::new(), Arc::new(observer));
        Ok(RecoveryTarget { client, driver, attempt, known })
    }

    fn description(&self, address: &Address) -> Result<&ResourceDescription, StepError> {
        self.schemas
            .kind(ResourceMode::Managed, &address.block.kind)
            .ok_or_else(|| unknown_kind(address))
    }

    /// Records the settings that a provider is connected with, where they differ from the recorded
    /// ones.
    async fn record_provider(
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
