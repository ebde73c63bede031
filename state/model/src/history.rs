//! What became of the keys and locations of a state.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What became of a state's keys and places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateHistory {
    /// The ids of keys that it must not be sealed with again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub retired_keys: BTreeSet<String>,
    /// Where it is kept now, when it is no longer here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved_to: Option<String>,
}
