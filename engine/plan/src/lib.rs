//! (configuration, state, observed, schemas) -> plan. Pure and synchronous: planning is given descriptions of kinds and
//! never anything that can act.

pub use ha_lang::{Configuration, Files};

mod difference;
mod execution;
mod expand;
mod graph;
mod model;
mod observed;
mod order;
mod planner;
mod world;

pub use execution::{Execution, FromConfiguration, revealed};
pub use model::{
    Change, Counts, Difference, Drift, Identity, OutputChange, Plan, PlanMode, Reason, Rolling, Settled, Snapshot, Step, StepKind,
};
pub use observed::{Observed, Read};
pub use order::name_of as block_name;
pub use planner::{Input, Planned, known_settings, plan};
