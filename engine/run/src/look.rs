//! A look at the state that cannot last across a wait.

use ha_state::{State, Writer};

/// Looks at the state while an apply goes on.
pub(crate) trait Look {
    /// What `look` makes of the state.
    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T;
}

impl Look for Writer {
    fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.state())
    }
}
