//! What of a record comes from the configuration.

use std::collections::BTreeSet;

use ha_provider::ResourceDescription;
use ha_state_model::{Dependencies, Record};
use ha_value::{Name, Object};

use crate::diff::planned_values::remarked;

/// What of a record comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordSettings {
    /// The names of the arguments it sets.
    pub configured: BTreeSet<Name>,
    /// Direct dependencies.
    pub dependencies: Dependencies,
    /// Whether a replacement is made before the old one goes.
    pub create_before_destroy: bool,
    /// Whether it is protected.
    pub prevent_destroy: bool,
    /// How long operations on it may take.
    pub timeouts: Object,
}

impl RecordSettings {
    /// The record of something that nothing happens to, with what the configuration says of it by
    /// now.
    pub(crate) fn settle(
        &self,
        described: &ResourceDescription,
        record: &Record,
        wanted: &Object,
    ) -> Record {
        let (arguments, outputs) = remarked(described, record, wanted);
        Record {
            arguments,
            outputs,
            configured: self.configured.clone(),
            dependencies: self.dependencies.clone(),
            create_before_destroy: self.create_before_destroy,
            prevent_destroy: self.prevent_destroy,
            timeouts: self.timeouts.clone(),
            ..record.clone()
        }
    }
}
