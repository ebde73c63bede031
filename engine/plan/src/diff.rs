//! Planned values, and how they differ from the prior state.

pub(crate) mod containment;
pub(crate) mod deletion;
pub(crate) mod differences;
pub(crate) mod planned_values;
pub(crate) mod record_settings;
