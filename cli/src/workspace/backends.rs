//! Every way to keep states that the program knows.

use ha_state_store::{Backends, Local};

/// All of them, by name.
pub(crate) fn backends() -> Backends {
    let backends = Backends::new().with::<Local>();
    #[cfg(feature = "aws")]
    let backends = backends.with::<ha_aws::S3>();
    #[cfg(feature = "postgresql")]
    let backends = backends.with::<ha_postgresql::Postgres>();
    backends
}
