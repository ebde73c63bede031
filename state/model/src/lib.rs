//! The content of a state as plain data: records, intents, obligations, frames of the journal,
//! dependencies and moves. Reading and writing are in `ha-state-store`.

mod dependencies;
pub mod frame;
mod history;
mod moves;
mod record;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod state;

pub use dependencies::{
    Dependencies, DependencyGroup, DependencyGroupId, DependencyGroups, GroupRecord,
};
pub use frame::{Frame, Intent, Obligation, RunEnd, RunFrame, RunOutcome, RunStart, StepOutcome};
pub use history::StateHistory;
pub use moves::AddressMove;
pub use record::{OutputRecord, ProviderName, ProviderRecord, Record};
pub use state::{LastRun, State, UnfinishedStep};
