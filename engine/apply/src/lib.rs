//! Refresh, reads, apply and recovery: the only engine room with a runtime and a clock.

mod apply;
mod cancel;
mod clients;
mod engine;
mod events;
mod executor;
mod instance;
mod recover;
mod rediscover;
mod refresh;
mod rolling;
mod step;

pub use cancel::Cancel;
pub use engine::{Engine, Failure, RefreshMode, Request};
pub use events::{Applied, Event, Left, NotStarted, Observer, StepError};
pub use recover::Recovery;
pub use rediscover::Rediscovered;
