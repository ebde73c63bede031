//! What a plan does to an instance.

use serde::Serialize;

/// What a plan does to one instance.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// No change.
    NoOp,
    /// Reads a data source during apply.
    Read,
    /// Creates the object.
    Create,
    /// Updates the object in place.
    Update,
    /// Replaces the object: deletes the old one before the new one is created.
    DeleteThenCreate,
    /// Replaces the object: creates the new one before the old one is deleted.
    CreateThenDelete,
    /// Deletes the object.
    Delete,
    /// Removes the record and leaves the object as it is.
    Forget,
}

impl Action {
    /// Whether the action replaces an object by a new one, in either order.
    #[must_use]
    pub fn is_replace(self) -> bool {
        matches!(self, Action::DeleteThenCreate | Action::CreateThenDelete)
    }

    /// Whether the action creates an object.
    #[must_use]
    pub fn makes(self) -> bool {
        self == Action::Create || self.is_replace()
    }

    /// Whether the action deletes an existing object.
    #[must_use]
    pub fn destroys(self) -> bool {
        self == Action::Delete || self.is_replace()
    }
}
