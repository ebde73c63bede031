//! Groups of arguments that several commands take, and what a shell completes them with.

mod approval;
pub(crate) mod completion;
mod planning;
mod reporting;
mod variables;

pub(crate) use self::approval::{ApprovalArgs, time};
pub(crate) use self::planning::{PlanningArgs, ScopeArgs};
pub(crate) use self::reporting::ReportingArgs;
pub(crate) use self::variables::VariableArgs;
