//! The engine as its users meet it: configuration in, plan out, a world that changes, over kinds
//! and providers that are made up.

#![expect(clippy::unwrap_used, reason = "all of this is a test")]

mod mock;
mod project;
mod show;
mod sketch;

mod checks;
mod conditions;
mod containers;
mod data;
mod documents;
mod drift;
mod ephemeral;
mod failures;
mod groups;
mod imports;
mod kill;
mod lifecycle;
mod linear;
mod many;
mod modules;
mod moves;
mod obligations;
mod order;
mod outline;
mod outputs;
mod partly;
mod properties;
mod providers;
mod refreshing;
mod removals;
mod replacing;
mod resuming;
mod searching;
mod secrets;
mod terraform;
mod timeouts;
mod unknown;
