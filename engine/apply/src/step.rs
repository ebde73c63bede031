//! One step: intent on disk, the call, result on disk.

use std::sync::Arc;

use ha_plan::{OperationTimeout, RecordSettings};
use ha_provider::{DriverSet, SchemaSet};
use ha_state_model::{Frame, ProviderName, ProviderRecord, Record, UnfinishedStep};
use ha_state_store::StateWriter;
use ha_value::{Action, Address, Object};

use crate::cancel::CancelSignal;
use crate::clients::ProviderClients;
use crate::driver_call::CALL;
use crate::events::{EventObserver, StepError};

/// What steps share.
#[derive(Clone)]
pub(crate) struct StepExecutor {
    pub(crate) schemas: Arc<SchemaSet>,
    pub(crate) drivers: DriverSet,
    pub(crate) clients: Arc<ProviderClients>,
    pub(crate) writer: Arc<StateWriter>,
    pub(crate) observer: Arc<dyn EventObserver>,
    pub(crate) cancel: CancelSignal,
}

/// One thing to do, with everything it takes.
pub(crate) struct StepInput {
    pub(crate) address: Address,
    pub(crate) provider: ProviderName,
    pub(crate) settings: ProviderRecord,
    pub(crate) what: Operation,
}

/// What is to be done.
pub(crate) enum Operation {
    /// Make it; what is recorded stays to be deleted later when `deposes`. An earlier try at it is
    /// taken up.
    Create {
        arguments: Object,
        from: RecordSettings,
        deposes: bool,
        earlier: Option<UnfinishedStep>,
    },
    /// Change it in place.
    Update {
        arguments: Object,
        from: RecordSettings,
        before: Box<Record>,
        earlier: Option<UnfinishedStep>,
    },
    /// Delete it, or an old object of it; what is known of that which is then made in its place,
    /// where something is.
    Delete {
        record: Box<Record>,
        deposed: Option<String>,
        earlier: Option<UnfinishedStep>,
        successor: Option<Object>,
    },
    /// Delete what an interrupted try may have made.
    Abandon { begun: UnfinishedStep },
    /// Write that it is as it was, but for what the configuration says of it.
    Keep { record: Box<Record> },
    /// Write that it is gone, or that an old object of it is.
    Forget { deposed: Option<String> },
    /// Read a data source.
    Read { arguments: Object, limit: Option<OperationTimeout> },
}

/// What a step brought about.
pub(crate) enum StepResult {
    /// It is there, like this, and its predecessor is still to be deleted under this key.
    Made { record: Box<Record>, deposed: Option<String> },
    /// The data source answered.
    Answered { arguments: Object, outputs: Object },
    /// It is gone.
    Gone,
}

impl StepExecutor {
    /// Whether a call may begin that changes something.
    pub(crate) fn may_call(&self) -> Result<(), StepError> {
        self.writer.tenure().outlasts(CALL).map_err(|error| StepError::State(error.to_string()))
    }

    pub(crate) async fn write(&self, frame: Frame) -> Result<(), StepError> {
        self.writer
            .append(frame)
            .await
            .map(|_| ())
            .map_err(|error| StepError::State(error.to_string()))
    }
}

/// 32 characters of lower-case hexadecimal that never come again.
pub(crate) fn token() -> String {
    rand::random::<[u8; 16]>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The earlier try at making an instance that a step takes up.
pub(crate) fn begun_making<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
) -> Option<UnfinishedStep> {
    unfinished.filter(|it| it.intent.action.makes()).last().cloned()
}

/// The earlier try at changing an instance to the same arguments. A service may refuse the same
/// token with others.
pub(crate) fn begun_changing<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    arguments: &Object,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Update && it.intent.arguments == *arguments)
        .last()
        .cloned()
}

/// The earlier try at deleting an object.
pub(crate) fn begun_deleting<'a>(
    unfinished: impl Iterator<Item = &'a UnfinishedStep>,
    deposed: Option<&String>,
) -> Option<UnfinishedStep> {
    unfinished
        .filter(|it| it.intent.action == Action::Delete && it.intent.deposed.as_ref() == deposed)
        .last()
        .cloned()
}
