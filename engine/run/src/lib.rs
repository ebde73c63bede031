//! Refresh, reads, apply and recovery: the only engine room with a runtime and a clock.

mod apply;
mod bench;
mod cancel;
mod clients;
mod engine;
mod event;
mod recover;
mod refresh;
mod search;
mod step;
mod turns;
mod walk;

pub use cancel::Cancel;
pub use engine::{Engine, Failure, RefreshMode, Request};
pub use event::{Applied, Event, Left, NotStarted, Observer, StepError};
pub use recover::Recovery;
pub use search::Rediscovered;
