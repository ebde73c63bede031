//! What a state says, as plain data: records of what exists, intents, obligations, frames of the journal, dependencies.
//! Nothing here reads or writes; `ha-state-store` does.

mod dependencies;
pub mod frame;
mod history;
mod record;
#[cfg(any(test, feature = "samples"))]
pub mod samples;
mod state;

pub use dependencies::{Dependencies, Group, GroupId, GroupRecord, Groups};
pub use frame::{Frame, Intent, Obligation, Run, RunEnd, RunOutcome, RunStart, StepOutcome};
pub use history::History;
pub use record::{OutputRecord, ProviderName, ProviderRecord, Record};
pub use state::{LastRun, State, Unfinished};
