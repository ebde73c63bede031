//! The language compared with Terraform, if that is installed. `HA_DRAWS` is the number of drawn
//! cases, `HA_SEED` the seed that they are drawn from.

mod differences;
mod draw;
mod drawn;
mod expressions;
mod format;
mod functions;
mod oracle;
mod ugly;
mod unknowns;
