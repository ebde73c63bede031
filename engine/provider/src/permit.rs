//! Permission to change something at a service.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::Error;

type PermitCheck = Box<dyn Fn() -> Result<(), Error> + Send + Sync>;

/// Permission to change something at a service. A client asks for it before each call that changes
/// something, retries included: another process may take over the lock of the state before a late
/// call ends. Clones share one decision; permission is granted until `decided_by` is called.
#[derive(Clone, Default)]
pub struct Permit(Arc<OnceLock<PermitCheck>>);

impl Permit {
    /// Sets the function that decides. Only the first call has an effect.
    pub fn decided_by(&self, ask: impl Fn() -> Result<(), Error> + Send + Sync + 'static) {
        // The first function stays, so that nothing can widen the permission afterwards.
        let _ = self.0.set(Box::new(ask));
    }

    /// Asks for permission.
    ///
    /// # Errors
    /// The call must not begin. The step is not rolled back; the next run continues it.
    pub fn ask(&self) -> Result<(), Error> {
        self.0.get().map_or(Ok(()), |ask| ask())
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").field("is_decided", &self.0.get().is_some()).finish()
    }
}
