//! What a plan does to an instance.

use serde::Serialize;

/// What a plan does to one instance.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Nothing.
    NoOp,
    /// Read during apply.
    Read,
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Delete it, then make it again.
    DeleteThenCreate,
    /// Make it again, then delete the old one.
    CreateThenDelete,
    /// Delete it.
    Delete,
    /// Look after it no longer, and leave it as it is.
    Forget,
}

impl Action {
    /// Whether it makes a new one in the place of an old one.
    #[must_use]
    pub fn is_replace(self) -> bool {
        matches!(self, Action::DeleteThenCreate | Action::CreateThenDelete)
    }

    /// Whether it makes something.
    #[must_use]
    pub fn makes(self) -> bool {
        self == Action::Create || self.is_replace()
    }

    /// Whether what was there is not there afterwards.
    #[must_use]
    pub fn destroys(self) -> bool {
        self == Action::Delete || self.is_replace()
    }
}
