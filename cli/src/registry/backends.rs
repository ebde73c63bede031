//! Every way to keep states that the program knows.

use ha_state_store::{BackendRegistry, LocalBackend};

/// All of them, by name.
pub(crate) fn backends() -> BackendRegistry {
    let backends = BackendRegistry::new().with::<LocalBackend>();
    #[cfg(feature = "aws")]
    let backends = backends.with::<ha_aws::S3Backend>();
    #[cfg(feature = "postgresql")]
    let backends = backends.with::<ha_postgresql::PostgresBackend>();
    backends
}
