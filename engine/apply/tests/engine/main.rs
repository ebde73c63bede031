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
mod count_and_for_each;
mod data;
mod discovery;
mod documents;
mod drift;
mod ephemeral;
mod failures;
mod groups;
mod imports;
mod kill;
mod lifecycle;
mod linear;
mod modules;
mod moves;
mod obligations;
mod order;
mod outline;
mod outputs;
mod properties;
mod providers;
mod refresh_modes;
mod removals;
mod replacements;
mod resumed_steps;
mod secrets;
mod targeting;
mod terraform;
mod timeouts;
mod unknown;
