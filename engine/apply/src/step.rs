//! What a step is: its input, its operation and its result; and what all steps share.

use std::sync::Arc;

use ha_plan::{OperationTimeout, RecordSettings};
use ha_provider::{DriverSet, SchemaSet};
use ha_state_model::{Frame, ProviderName, ProviderRecord, Record, UnfinishedStep};
use ha_state_store::StateWriter;
use ha_value::{Action, Address, Object};

use crate::cancel::CancelSignal;
use crate::clients::ProviderClients;
use crate::driver_call::MAX_CALL_DURATION;
use crate::events::{EventObserver, StepError};

/// What all steps of a run share. Clones share the writer, the clients and the signal.
#[derive(Clone)]
pub(crate) struct StepExecutor {
    pub(crate) schemas: Arc<SchemaSet>,
    pub(crate) drivers: DriverSet,
    pub(crate) clients: Arc<ProviderClients>,
    pub(crate) writer: Arc<StateWriter>,
    pub(crate) observer: Arc<dyn EventObserver>,
    pub(crate) cancel: CancelSignal,
}

/// One step, with everything that performing it takes.
pub(crate) struct StepInput {
    pub(crate) address: Address,
    pub(crate) provider: ProviderName,
    pub(crate) settings: ProviderRecord,
    pub(crate) operation: Operation,
}

/// What a step does.
pub(crate) enum Operation {
    /// Create the instance; with `deposes`, the recorded object is deposed and deleted later. An
    /// interrupted create is resumed.
    Create {
        arguments: Object,
        record_settings: RecordSettings,
        deposes: bool,
        interrupted: Option<UnfinishedStep>,
    },
    /// Update the instance in place.
    Update {
        arguments: Object,
        record_settings: RecordSettings,
        before: Box<Record>,
        interrupted: Option<UnfinishedStep>,
    },
    /// Delete the instance, or a deposed object of it. `successor` holds the arguments of what is
    /// created in its place, as far as they are known.
    Delete {
        record: Box<Record>,
        deposed: Option<String>,
        interrupted: Option<UnfinishedStep>,
        successor: Option<Object>,
    },
    /// Delete what an interrupted create may have left.
    Abandon { interrupted: UnfinishedStep },
    /// Record the instance unchanged, with what the configuration says of it now.
    Keep { record: Box<Record> },
    /// Remove the record, or a deposed object, without a call.
    Forget { deposed: Option<String> },
    /// Read a data source.
    Read { arguments: Object, limit: Option<OperationTimeout> },
}

/// What a step did.
pub(crate) enum StepResult {
    /// The instance is recorded like this; its predecessor, if any, was deposed under the key.
    Recorded { record: Box<Record>, deposed: Option<String> },
    /// The data source was read.
    Read { arguments: Object, outputs: Object },
    /// The object no longer exists.
    Deleted,
}

impl StepExecutor {
    /// Whether a call that changes something may begin: the lease must last until it has ended, or
    /// another process could take the lock over and change the same objects meanwhile.
    pub(crate) fn may_call(&self) -> Result<(), StepError> {
        self.writer
            .lease_guard()
            .outlasts(MAX_CALL_DURATION)
            .map_err(|error| StepError::State(error.to_string()))
    }

    pub(crate) async fn write(&self, frame: Frame) -> Result<(), StepError> {
        self.writer
            .append(frame)
            .await
            .map(|_| ())
            .map_err(|error| StepError::State(error.to_string()))
    }
}

/// An idempotency token: 32 random lower-case hexadecimal digits.
pub(crate) fn random_token() -> String {
    rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The interrupted create that a step resumes: the last one.
pub(crate) fn interrupted_create<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
) -> Option<UnfinishedStep> {
    unfinished.filter(|it| it.intent.action.makes()).last().cloned()
}

/// The interrupted update to the same arguments that a step resumes. Other arguments need a new
/// token: a service may refuse one that it knows with other arguments.
pub(crate) fn interrupted_update<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    arguments: &Object,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Update && it.intent.arguments == *arguments)
        // Attempts are numbered, so the last one is the latest.
        .last()
        .cloned()
}

/// The interrupted delete of an object that a step resumes.
pub(crate) fn interrupted_delete<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    deposed: Option<&String>,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Delete && it.intent.deposed.as_ref() == deposed)
        .last()
        .cloned()
}
