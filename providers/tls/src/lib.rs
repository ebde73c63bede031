//! Certificates: an internal authority and the certificates that it signs. Keys are generated here
//! and stored only in the sealed state.

mod certificate;
mod key;
pub mod names;
mod subject;
mod tls_ca;
mod tls_cert;
mod validity;

use ha_provider::{ProviderRegistry, UnsupportedNames};

/// Resource types of Terraform's provider that do not exist here, and what to use instead.
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

/// Registers the resource types of this crate.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry.unsupported(UNSUPPORTED).nobody("tls", |registry| {
        registry.resource::<tls_ca::TlsAuthority>().resource::<tls_cert::TlsCertificate>()
    })
}

#[cfg(test)]
mod tests;
