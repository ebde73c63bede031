//! The language beside terraform, which is run where it is installed. `HA_DRAWS` says how many
//! things are drawn at random, `HA_SEED` which.

mod differences;
mod draw;
mod drawn;
mod expressions;
mod format;
mod functions;
mod oracle;
mod ugly;
mod unknowns;
