//! The language beside terraform, which is run where it is installed. `HA_DRAWS` says how many things are drawn at random,
//! `HA_SEED` which.

mod draw;
mod format;
mod oracle;
mod ugly;
