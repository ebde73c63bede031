//! What of a record comes from the configuration.

use std::collections::BTreeSet;

use ha_provider::ResourceDescription;
use ha_state_model::{Dependencies, Record};
use ha_value::{Name, Object};

use crate::diff::planned_values::remarked;

/// The part of a record that comes from the configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordSettings {
    /// The names of the arguments that are set.
    pub configured: BTreeSet<Name>,
    /// Direct dependencies.
    pub dependencies: Dependencies,
    /// Whether a replacement is created before the old object is deleted.
    pub create_before_destroy: bool,
    /// Whether the resource is protected from deletion.
    pub prevent_destroy: bool,
    /// Limits for operations.
    pub timeouts: Object,
}

impl RecordSettings {
    /// Returns the record of an unchanged resource with what the configuration says now.
    pub(crate) fn settle(
        &self,
        described: &ResourceDescription,
        record: &Record,
        wanted: &Object,
    ) -> Record {
        // Marks follow the configuration even where nothing changes, so that a value that became
        // secret is stored as one.
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
