//! (configuration, state, observed, schemas) -> plan. Pure and synchronous: planning is given descriptions of kinds and
//! never anything that can act.

pub use ha_lang::{Configuration, Files};

mod after;
mod arguments;
mod choice;
mod condition;
mod containment;
mod create_first;
mod deletion;
mod difference;
mod evaluation;
mod execution;
mod expand;
mod finish;
mod graph;
mod lifecycle;
mod model;
mod modules;
mod moves;
mod objections;
mod observed;
mod order;
mod outline;
mod peek;
mod planner;
mod redacted;
mod removed;
mod rolling;
mod secrecy;
mod secrets;
mod selection;
mod snapshot;
mod timeouts;
mod told;
mod world;

pub use after::{revealed, with_marks_of};
pub use choice::chosen;
pub use condition::message_of;
pub use containment::{Containment, Home, HomeKey, Recorded};
pub use deletion::{instances_meant, left_key};
pub use difference::{leaves_choices, replaces, with_choices};
pub use execution::{Execution, FromConfiguration, Prepared};
pub use graph::name_of as block_name;
pub use model::{
    Change, Checked, Counts, Difference, Drift, Identity, Move, OutputChange, Plan, PlanMode, Reason, Rolling, Settled, Snapshot,
    Standing, Step, StepKind,
};
pub use moves::{Moved, moved};
pub use objections::{intended, objected};
pub use observed::{Observed, Read, Seek, id_in};
pub use outline::{Outline, OutlineKind, OutlineNode, outline};
pub use planner::{Input, Planned, Refused, check, known_settings, plan, rendered};
pub use redacted::{redacted, redacted_error, told_id};
pub use secrets::{Secrets, blotted, masked, overlapping, passwords};
pub use selection::{NotAPattern, Pattern, Selection};
pub use timeouts::{Limit, are_taken_by as takes_timeouts};
