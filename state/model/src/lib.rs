//! What a state says, as plain data: records of what exists, intents, obligations, frames of the
//! journal, dependencies. Nothing here reads or writes; `ha-state-store` does.

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
