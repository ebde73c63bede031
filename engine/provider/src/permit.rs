//! Leave to change something outside.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::Error;

type PermitCheck = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// Leave to change something outside. A client asks for it before each single call that does, tries
/// made again included: somebody else may take the state over before a call ends that begins too
/// late. Clones are the same; it is given always until somebody is named who decides.
#[derive(Clone, Default)]
pub struct Permit(Arc<OnceLock<PermitCheck>>);

impl Permit {
    /// From now on it is given or refused by `ask`. Whoever was named first stays.
    pub fn decided_by(&self, ask: impl Fn() -> Result<(), Error> + Send + Sync + 'static) {
        let _ = self.0.set(Box::new(ask));
    }

    /// Asks for it.
    ///
    /// # Errors
    /// Why the call must not begin. What the step has done so far is not undone, and the next run
    /// takes it up.
    pub fn ask(&self) -> Result<(), Error> {
        self.0.get().map_or(Ok(()), |ask| ask())
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("is_decided", &self.0.get().is_some()).finish()
    }
}
