//! The frames of the journal, of which a state is the fold.

use std::collections::{BTreeMap, BTreeSet};

use ha_value::{Action, Address, Name, Object, Value};
use serde::{Deserialize, Serialize};

use crate::record::is_false;
use crate::{Dependencies, GroupRecord, OutputRecord, ProviderName, ProviderRecord, Record};

/// One numbered entry of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frame {
    /// A command began or ended.
    Run(RunFrame),
    /// A step is about to make its first call. It is on disk before that call, so that a kill never
    /// leaves an object that nothing names.
    Intent(Intent),
    /// Something that a step needs to find again after a kill, such as an id.
    Note {
        /// The step's attempt.
        attempt: u64,
        /// What the note is about.
        key: String,
        /// What it says.
        value: String,
    },
    /// The result of a step, or a change to the state that needs no step.
    Result {
        /// The attempt that this ends; none without an intent, or while the attempt continues.
        attempt: Option<u64>,
        /// The result.
        outcome: StepOutcome,
    },
    /// The settings that a provider was connected with.
    Provider(ProviderName, ProviderRecord),
    /// A provider configuration that no record uses any more.
    ProviderGone(ProviderName),
    /// All outputs of the root module; they replace the previous ones.
    Outputs(BTreeMap<Name, OutputRecord>),
    /// Something that must be done before anything else is begun, by this run or the next.
    Obligation(Obligation),
    /// The obligation of this id was finished.
    Discharged {
        /// The obligation's id.
        id: String,
    },
    /// An instance has another address from now on.
    Moved {
        /// The address it had.
        from: Address,
        /// The address it has.
        to: Address,
    },
    /// Blocks that many records depend on together, written once. It precedes the frames that name
    /// it; the writer adds it by itself.
    Group(GroupRecord),
}

/// The start or the end of a command that may write.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunFrame {
    /// The command began.
    Start(RunStart),
    /// The command ended by itself. A run without this frame was killed.
    End(RunEnd),
}

/// The beginning of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The command, without anything secret: `ha apply`.
    pub command: String,
    /// The digest of the plan that it applies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Who runs it, and where: `ops@bastion`.
    pub by: String,
    /// When it began, as RFC 3339.
    pub at: String,
}

/// The end of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// How it ended.
    pub outcome: RunOutcome,
    /// When, as RFC 3339.
    pub at: String,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// All steps were done.
    Complete,
    /// Some step failed.
    Failed,
    /// The operator stopped it.
    Interrupted,
}

/// What a step is about to do, with everything that is needed to find and finish it after a kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt's number; see `StateWriter::next_attempt`. A second intent with the same number
    /// resumes the attempt.
    pub attempt: u64,
    /// The instance.
    pub address: Address,
    /// What is done to it.
    pub action: Action,
    /// The idempotency token, 32 characters of lower-case hexadecimal.
    pub token: String,
    /// The provider whose driver makes the calls.
    pub provider: ProviderName,
    /// The planned arguments, sensitive marks inline; for a delete, the recorded ones.
    pub arguments: Object,
    /// The arguments that the configuration set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub configured: BTreeSet<Name>,
    /// The blocks that the instance refers to directly.
    #[serde(default, skip_serializing_if = "Dependencies::is_empty")]
    pub dependencies: Dependencies,
    /// Whether a successor is created before the instance is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_before_destroy: bool,
    /// Whether a plan that deletes the instance is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prevent_destroy: bool,
    /// The key of the deposed object that the step deletes; none for the instance itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
}

/// The result of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The instance exists, with this record.
    Recorded(Box<Record>),
    /// The instance was deleted.
    Deleted(Address),
    /// The instance has this record, and the object recorded before it is still to be deleted.
    Deposed {
        /// The record of the new object.
        record: Box<Record>,
        /// The key of the old object, unique among those of the address.
        key: String,
    },
    /// A deposed object was deleted.
    DeletedDeposed {
        /// The address of the instance that it belonged to.
        address: Address,
        /// Its key.
        key: String,
    },
    /// The step failed, for this reason, and left nothing.
    Failed(String),
    /// The step failed, for this reason, and may have had an effect: the intent stays, for the next
    /// run to examine.
    Unsettled(String),
}

/// Something half done that has a recorded way forward: `start mongod on b`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    /// The id by which it is discharged.
    pub id: String,
    /// What must be done: `start`.
    pub verb: String,
    /// What it must be done to: `mongod on b`.
    pub target: String,
    /// The instance whose driver can finish it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// Further facts; nothing secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// The kind of a frame, which its header holds unencrypted. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// The header of a session.
    Session = 1,
    /// A command that may write.
    Run = 2,
    /// What a step is about to do.
    Intent = 3,
    /// A note of a step.
    Note = 4,
    /// A record of an instance.
    Recorded = 5,
    /// An instance was deleted.
    Deleted = 6,
    /// An instance was replaced; the old object still exists.
    Deposed = 7,
    /// A deposed object was deleted.
    DeletedDeposed = 8,
    /// A step failed.
    Failed = 9,
    /// A step failed, and may have had an effect.
    Unsettled = 10,
    /// A provider and its settings.
    Provider = 11,
    /// A provider that no record uses any more.
    ProviderGone = 12,
    /// The outputs of the root module.
    Outputs = 13,
    /// An obligation begins.
    Obligation = 14,
    /// An obligation is finished.
    Discharged = 15,
    /// An instance has another address.
    Moved = 16,
    /// States only that all frames before it are on disk.
    Closed = 17,
    /// A group of dependencies.
    Group = 18,
}

impl FrameKind {
    /// The one with the highest number.
    pub const LAST: Self = Self::Group;
}

impl Frame {
    /// The kind that the header shows.
    pub fn kind(&self) -> FrameKind {
        match self {
            Frame::Run(_) => FrameKind::Run,
            Frame::Intent(_) => FrameKind::Intent,
            Frame::Note { .. } => FrameKind::Note,
            Frame::Result { outcome, .. } => match outcome {
                StepOutcome::Recorded(_) => FrameKind::Recorded,
                StepOutcome::Deleted(_) => FrameKind::Deleted,
                StepOutcome::Deposed { .. } => FrameKind::Deposed,
                StepOutcome::DeletedDeposed { .. } => FrameKind::DeletedDeposed,
                StepOutcome::Failed(_) => FrameKind::Failed,
                StepOutcome::Unsettled(_) => FrameKind::Unsettled,
            },
            Frame::Provider(..) => FrameKind::Provider,
            Frame::ProviderGone(_) => FrameKind::ProviderGone,
            Frame::Outputs(_) => FrameKind::Outputs,
            Frame::Obligation(_) => FrameKind::Obligation,
            Frame::Discharged { .. } => FrameKind::Discharged,
            Frame::Moved { .. } => FrameKind::Moved,
            Frame::Group(_) => FrameKind::Group,
        }
    }

    /// The dependencies that the frame holds, if any.
    pub fn dependencies(&self) -> Option<&Dependencies> {
        match self {
            Frame::Intent(intent) => Some(&intent.dependencies),
            Frame::Result {
                outcome: StepOutcome::Recorded(record) | StepOutcome::Deposed { record, .. },
                ..
            } => Some(&record.dependencies),
            Frame::Provider(_, record) => Some(&record.dependencies),
            _ => None,
        }
    }

    /// The address that the frame's header shows; none for frames about no instance.
    pub fn address(&self) -> Option<&Address> {
        match self {
            Frame::Intent(intent) => Some(&intent.address),
            Frame::Result { outcome, .. } => match outcome {
                StepOutcome::Recorded(record) | StepOutcome::Deposed { record, .. } => {
                    Some(&record.address)
                }
                StepOutcome::Deleted(address) | StepOutcome::DeletedDeposed { address, .. } => {
                    Some(address)
                }
                StepOutcome::Failed(_) | StepOutcome::Unsettled(_) => None,
            },
            Frame::Obligation(obligation) => obligation.address.as_ref(),
            Frame::Moved { to, .. } => Some(to),
            _ => None,
        }
    }

    /// A sentence that names an unknown value in the frame, if there is one: a state must hold
    /// known values only.
    pub fn unknown(&self) -> Option<String> {
        let of_object = |what: &str, object: &Object| {
            let unknown = object.iter().find(|(_, value)| !value.is_wholly_known());
            unknown.map(|(name, _)| format!("`{name}` of {what} is not known"))
        };
        let of_record = |record: &Record| {
            let what = record.address.to_string();
            [&record.arguments, &record.outputs, &record.timeouts]
                .into_iter()
                .find_map(|it| of_object(&what, it))
        };
        match self {
            Frame::Intent(intent) => of_object(&intent.address.to_string(), &intent.arguments),
            Frame::Result {
                outcome: StepOutcome::Recorded(record) | StepOutcome::Deposed { record, .. },
                ..
            } => of_record(record),
            Frame::Provider(name, record) => {
                of_object(&format!("provider `{name}`"), &record.settings)
            }
            Frame::Outputs(outputs) => {
                let unknown = |it: &&OutputRecord| !Value::is_wholly_known(&it.value);
                let named = outputs.iter().find(|(_, it)| unknown(it));
                named.map(|(name, _)| format!("the output `{name}` is not known"))
            }
            _ => None,
        }
    }
}
