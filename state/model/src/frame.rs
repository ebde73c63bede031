//! The steps in which a state comes about: each frame of the journal is one.

use std::collections::{BTreeMap, BTreeSet};

use ha_value::{Action, Address, Name, Object, Value};
use serde::{Deserialize, Serialize};

use crate::record::is_false;
use crate::{Dependencies, GroupRecord, OutputRecord, ProviderName, ProviderRecord, Record};

/// One entry of the journal. A state is nothing but its frames, folded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Frame {
    /// A command began or ended.
    Run(RunFrame),
    /// A step is about to make its first call. On disk before that call.
    Intent(Intent),
    /// Something a step must find again after a kill.
    Note {
        /// The step's attempt.
        attempt: u64,
        /// What the note is about.
        key: String,
        /// What it says.
        value: String,
    },
    /// What became of a step, or a change to the state that needed no step.
    Result {
        /// The attempt that this ends; none where there was no intent, or where the attempt goes
        /// on.
        attempt: Option<u64>,
        /// What became of it.
        outcome: StepOutcome,
    },
    /// The settings that a provider was connected with.
    Provider(ProviderName, ProviderRecord),
    /// A provider configuration that nothing needs any more.
    ProviderGone(ProviderName),
    /// All outputs of the configuration's root, in place of those before.
    Outputs(BTreeMap<Name, OutputRecord>),
    /// Something that must be done before anything else is begun, by this run or the next.
    Obligation(Obligation),
    /// The obligation of this id was met.
    Discharged {
        /// Which one.
        id: String,
    },
    /// An instance is known by another address from now on.
    Moved {
        /// The address it had.
        from: Address,
        /// The address it has.
        to: Address,
    },
    /// Many blocks that records depend on together. On disk before those that name it; written by
    /// the writer itself.
    Group(GroupRecord),
}

/// A command that may write: where it began and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunFrame {
    /// It began.
    Start(RunStart),
    /// It ended by itself. A run without this was killed.
    End(RunEnd),
}

/// The beginning of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStart {
    /// The command, without anything secret: `ha apply`.
    pub command: String,
    /// The digest of the plan it carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Who runs it, and where: `ops@bastion`.
    pub by: String,
    /// When, as RFC 3339.
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
    /// It stopped because the operator said so.
    Interrupted,
}

/// What a step is about to do. Holds all that finding and finishing it again takes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The attempt's number; see `Writer::next_attempt`. The same number again takes an attempt up
    /// again.
    pub attempt: u64,
    /// The instance.
    pub address: Address,
    /// What is done to it.
    pub action: Action,
    /// The idempotency token, 32 characters of lower-case hexadecimal.
    pub token: String,
    /// The provider that does it.
    pub provider: ProviderName,
    /// The arguments it is to have, sensitive marks inline; those it has when it is deleted.
    pub arguments: Object,
    /// The arguments that the configuration set.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub configured: BTreeSet<Name>,
    /// The blocks it refers to directly.
    #[serde(default, skip_serializing_if = "Dependencies::is_empty")]
    pub dependencies: Dependencies,
    /// Whether its successor is made before it is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_before_destroy: bool,
    /// Whether a plan that deletes it is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prevent_destroy: bool,
    /// The key of the deposed object this is about, where it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposed: Option<String>,
}

/// What became of a step.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// The instance is there and is this.
    Recorded(Box<Record>),
    /// The instance is gone.
    Deleted(Address),
    /// The instance is this, and what was recorded before is still to be deleted under the key.
    Deposed {
        /// The new one.
        record: Box<Record>,
        /// The name the old one is kept by, unique among those of the address.
        key: String,
    },
    /// A deposed object is gone.
    DeletedDeposed {
        /// The instance it once was.
        address: Address,
        /// Its key.
        key: String,
    },
    /// It failed, for this reason, and left nothing to look for.
    Failed(String),
    /// It failed, for this reason, and may or may not have been done: the intent stays, to be
    /// looked into by the next run.
    Unsettled(String),
}

/// Something half done that has a recorded way forward: `start mongod on b`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obligation {
    /// What it is discharged by.
    pub id: String,
    /// What must be done: `start`.
    pub verb: String,
    /// What it must be done to: `mongod on b`.
    pub target: String,
    /// The instance whose driver can do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<Address>,
    /// What else doing it takes; nothing secret.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, String>,
}

/// What a frame is, as its header says in clear. Numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum FrameKind {
    /// The head of a session.
    Session = 1,
    /// A command that may write.
    Run = 2,
    /// What a step is about to do.
    Intent = 3,
    /// What a step learnt on its way.
    Note = 4,
    /// An instance is as recorded.
    Recorded = 5,
    /// An instance is gone.
    Deleted = 6,
    /// An instance was replaced; the old one is still there.
    Deposed = 7,
    /// The old one is gone.
    DeletedDeposed = 8,
    /// A step failed.
    Failed = 9,
    /// It is not known what a step did.
    Unsettled = 10,
    /// A provider and its settings.
    Provider = 11,
    /// A provider that no record needs any more.
    ProviderGone = 12,
    /// The outputs of the root module.
    Outputs = 13,
    /// Something half done begins.
    Obligation = 14,
    /// It is finished.
    Discharged = 15,
    /// An instance has another address.
    Moved = 16,
    /// Says nothing but that all before it is on disk.
    Closed = 17,
    /// A group of dependencies.
    Group = 18,
}

impl FrameKind {
    /// The one with the highest number.
    pub const LAST: Self = Self::Group;
}

impl Frame {
    /// What the header says that it is.
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

    /// What it says that something depends on.
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

    /// The address that the frame's header shows.
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

    /// What in it is not known, as a sentence; a state must hold nothing such.
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
