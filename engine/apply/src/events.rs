//! Events of a run as plain data, for a terminal, a log or a file of JSON lines.

use std::collections::BTreeMap;
use std::time::Duration;

use ha_diagnostics::Diagnostic;
use ha_provider::{Error, Incident};
use ha_state_model::OutputRecord;
use ha_value::{Action, Address, Name};

/// Something that happened during refresh or apply.
#[derive(Clone, Debug)]
pub enum Event {
    /// Refresh begins.
    RefreshStarted {
        /// The number of recorded instances that are going to be read.
        total: usize,
    },
    /// One call begins to read these instances.
    Looking {
        /// The instances.
        records: Vec<(Address, String)>,
    },
    /// The call has read them.
    Looked {
        /// The instances.
        records: Vec<(Address, String)>,
    },
    /// The number of instances that have been read changed.
    RefreshProgress {
        /// How many so far.
        done: usize,
    },
    /// Refresh ended.
    RefreshDone {
        /// How many.
        total: usize,
        /// How long it took.
        elapsed: Duration,
    },
    /// Data sources are being read while planning.
    Reading {
        /// The instances.
        addresses: Vec<Address>,
    },
    /// Unrecorded instances are being discovered.
    Seeking {
        /// The instances.
        addresses: Vec<Address>,
    },
    /// Recovery of something that an earlier run left begins.
    Recovering {
        /// The instance.
        address: Address,
        /// What it left.
        left: UnfinishedWork,
    },
    /// It is recovered.
    Recovered {
        /// The instance.
        address: Address,
        /// What was left.
        left: UnfinishedWork,
        /// The id that the service gave it.
        id: String,
    },
    /// Apply begins.
    ApplyStarted {
        /// The number of steps, without junctions.
        total: usize,
    },
    /// A step begins.
    StepStarted {
        /// The instance.
        address: Address,
        /// What is done; a replacement is a delete and a create.
        action: Action,
    },
    /// A step waits for something.
    StepProgress {
        /// The instance.
        address: Address,
        /// For what, in a few words.
        message: String,
    },
    /// The service did what a step asked, and warned.
    StepWarning {
        /// The instance.
        address: Address,
        /// Of what, in its own words.
        message: String,
    },
    /// A step is done and on record.
    StepDone {
        /// The instance.
        address: Address,
        /// What was done.
        action: Action,
        /// The id that the service gave it.
        id: Option<String>,
        /// How long it took.
        elapsed: Duration,
    },
    /// A step failed.
    StepFailed {
        /// The instance.
        address: Address,
        /// What was attempted.
        action: Action,
        /// The error.
        error: StepError,
        /// How long it took.
        elapsed: Duration,
    },
    /// No further step begins, because the operator asked to stop or the state cannot be written.
    Stopping {
        /// The number of steps that are still running.
        running: usize,
    },
}

/// What a killed run left unfinished.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnfinishedWork {
    /// A creation, which is finished with the same token and arguments.
    Making,
    /// An update or delete, whose result the next refresh sees.
    Changing(Action),
    /// An obligation, which is finished before anything else.
    Owing {
        /// The action: `start`.
        verb: String,
        /// The object of the action: `mongod on b:27017`.
        target: String,
    },
}

/// Why a step failed.
#[derive(Clone, Debug)]
pub enum StepError {
    /// A call to a service failed, or could not be made.
    Provider(Error),
    /// The configuration is wrong, now that its unknown values are known.
    Configuration(Vec<Diagnostic>),
    /// The state could not be written; no further step begins.
    State(String),
}

/// Receives every event. Must not block: it is called between the calls of steps.
pub trait EventObserver: Send + Sync {
    /// Called once for each event, in order.
    fn observe(&self, event: Event);
}

/// The result of an apply.
#[derive(Debug, Default)]
pub struct ApplyResult {
    /// The steps that succeeded, in the order in which they ended.
    pub done: Vec<(Address, Action)>,
    /// Steps that failed.
    pub failed: Vec<(Address, Action, StepError)>,
    /// The steps that did not begin, and why.
    pub not_started: Vec<(Address, Action, UnstartedStep)>,
    /// Whether the operator interrupted it.
    pub interrupted: bool,
    /// The outputs as far as they are known. Outputs that depend on a step that was not done keep
    /// their previous values.
    pub outputs: Option<BTreeMap<Name, OutputRecord>>,
    /// Errors of outputs and of writing the state at the end; warnings of checks.
    pub diagnostics: Vec<Diagnostic>,
    /// Failures of services that a retry overcame, those during planning included.
    pub incidents: Vec<Incident>,
}

/// Why a step did not begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnstartedStep {
    /// It depends on this instance, whose step failed.
    Needs(Address),
    /// The operator stopped the run.
    Interrupted,
    /// The state could not be written.
    StateUnwritable,
}

impl ApplyResult {
    /// Whether everything that was planned was done, without errors at the end.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.failed.is_empty()
            && self.not_started.is_empty()
            && !self.interrupted
            && !self.diagnostics.iter().any(Diagnostic::is_error)
    }
}
