//! Planning: (configuration, state, observations, schemas) -> plan. Pure and synchronous: it is
//! given descriptions of resource types and never anything that can act.

pub use ha_lang::{Configuration, FileSource};
pub use ha_state_model::AddressMove;

mod apply_evaluation;
mod attributes;
mod diff;
mod evaluation;
mod graph;
mod input;
mod model;
mod objections;
mod order;
mod planner;
mod secrecy;
mod secrets;

pub use crate::attributes::{id_in, revealed};
pub use crate::diff::containment::{ContainerInstance, ContainerKey, Containment, HasRecord};
pub use crate::diff::deletion::left_key;
pub use crate::diff::differences::{leaves_choices, replaces, with_choices};
pub use crate::diff::planned_values::with_marks_of;
pub use crate::diff::record_settings::RecordSettings;
pub use crate::evaluation::condition::message_of;
pub use crate::evaluation::timeouts::{OperationTimeout, are_taken_by as takes_timeouts};
pub use crate::graph::outline::{Outline, OutlineKind, OutlineNode, outline};
pub use crate::input::moves::{MovedState, moved};
pub use crate::input::prior_state::Observations;
pub use crate::input::recorded_instances::instances_meant;
pub use crate::model::selection::{AddressPattern, PatternParseError, Selection};
pub use crate::planner::chosen::chosen;
pub use crate::planner::read_request::{DiscoveryMethod, ReadRequest};
pub use crate::secrets::redaction::{redacted, redacted_error, told_id};
pub use apply_evaluation::{ApplyEvaluation, PreparedStep};
pub use graph::name_of as block_name;
pub use model::{
    Change, ChangeCounts, ChangeReason, CheckResult, CheckStatus, Difference, Drift, OutputChange,
    Plan, PlanMode, PlanSnapshot, PlanStep, ProviderIdentity, RefreshUpdate, RollingGroup,
    StepKind,
};
pub use objections::{intended, objected};
pub use planner::{PlanError, PlanInput, PlanOutcome, check, known_settings, plan, rendered};
pub use secrets::{SecretTexts, blotted, masked, overlapping, passwords};
