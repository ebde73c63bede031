//! Certificates: an internal authority and what it signs. Keys are made here and live in the sealed state alone.

mod certificate;
mod key;
pub mod names;
mod subject;
mod tls_ca;
mod tls_cert;
mod validity;

use ha_kind::Registry;

/// Enters the kinds of this room.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry.nobody("tls", |registry| registry.resource::<tls_ca::Authority>().resource::<tls_cert::Certificate>())
}

#[cfg(test)]
mod tests;
