//! Every provider that the program knows.

use ha_kind::{Drivers, Registry, Schemas};

/// All kinds: what planning may know of them, and what can act.
pub(crate) fn kinds() -> (Schemas, Drivers) {
    let registry = Registry::new();
    #[cfg(feature = "aws")]
    let registry = ha_aws::register(registry);
    #[cfg(feature = "circleci")]
    let registry = ha_circleci::register(registry);
    #[cfg(feature = "local")]
    let registry = ha_local::register(registry);
    #[cfg(feature = "mongodb")]
    let registry = ha_mongodb::register(registry);
    #[cfg(feature = "postgresql")]
    let registry = ha_postgresql::register(registry);
    #[cfg(feature = "random")]
    let registry = ha_random::register(registry);
    #[cfg(feature = "tls")]
    let registry = ha_tls::register(registry);
    registry.split()
}
