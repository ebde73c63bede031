//! Every provider that the program knows.

use ha_kind::{Drivers, Registry, Schemas};

/// All kinds: what planning may know of them, and what can act.
pub(crate) fn kinds() -> (Schemas, Drivers) {
    let registry = Registry::new();
    #[cfg(feature = "providers")]
    let registry = {
        let registry = ha_aws::register(registry);
        let registry = ha_circleci::register(registry);
        let registry = ha_local::register(registry);
        let registry = ha_mongodb::register(registry);
        let registry = ha_postgresql::register(registry);
        let registry = ha_random::register(registry);
        ha_tls::register(registry)
    };
    registry.split()
}
