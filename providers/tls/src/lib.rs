//! Certificates: an internal authority and what it signs. Keys are made here and live in the sealed
//! state alone.

mod certificate;
mod key;
pub mod names;
mod subject;
mod tls_ca;
mod tls_cert;
mod validity;

use ha_provider::{ProviderRegistry, UnsupportedNames};

/// Kinds that others have under these names and that are not here.
const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["tls_private_key", "tls_cert_request", "tls_locally_signed_cert"],
        "use `tls_cert`, which makes a key and its certificate, signed by a `tls_ca`",
    ),
    UnsupportedNames::new(
        &["tls_self_signed_cert"],
        "use `tls_ca` for an authority, and `tls_cert` for what it signs",
    ),
];

/// Enters the kinds of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry.unsupported(UNSUPPORTED).nobody("tls", |registry| {
        registry.resource::<tls_ca::TlsAuthority>().resource::<tls_cert::TlsCertificate>()
    })
}

#[cfg(test)]
mod tests;
