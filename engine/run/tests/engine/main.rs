//! The engine as its users meet it: configuration in, plan out, a world that changes, over kinds and providers that are
//! made up.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod mock;
mod project;
mod show;
mod sketch;

mod conditions;
mod containers;
mod data;
mod documents;
mod drift;
mod failures;
mod groups;
mod kill;
mod lifecycle;
mod linear;
mod many;
mod modules;
mod order;
mod outline;
mod outputs;
mod properties;
mod providers;
mod replacing;
mod resuming;
mod secrets;
mod terraform;
mod unknown;
