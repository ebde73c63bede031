//! Refresh, reads, apply and recovery: the only crate of the engine with a runtime and a clock.

mod apply;
mod cancel;
mod clients;
mod driver_call;
mod engine;
mod events;
mod executor;
mod instance;
mod journaling_observer;
mod perform;
mod recover;
mod rediscover;
mod refresh;
mod rolling;
mod step;

pub use cancel::CancelSignal;
pub use engine::{Engine, PlanFailure, PlanRequest, RefreshMode};
pub use events::{ApplyResult, Event, EventObserver, StepError, UnfinishedWork, UnstartedStep};
pub use recover::RecoveryResult;
pub use rediscover::RediscoveryResult;
