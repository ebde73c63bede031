//! The language compared with Terraform, if that is installed. `HA_DRAWS` is the number of drawn
//! cases, `HA_SEED` the seed that they are drawn from.

#![expect(
    clippy::disallowed_methods,
    reason = "tests read their seeds from the environment, and files that they write"
)]

mod differences;
mod draw;
mod drawn;
mod expressions;
mod format;
mod functions;
mod oracle;
mod ugly;
mod unknowns;
