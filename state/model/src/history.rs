//! What became of the keys and locations of a state.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The retired keys of a state, and where it was moved to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHistory {
    /// The ids of the keys that must not seal the state again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired_keys: BTreeSet<String>,
    /// The place that the state was moved to; none while it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}
