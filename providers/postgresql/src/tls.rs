//! TLS as libpq's `sslmode` has it: `require` encrypts with whomever, `verify-ca` wants a trusted authority, and
//! `verify-full` a certificate for the very host.

use std::sync::Arc;

use ha_kind::{Attempting, Error};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio_postgres_rustls::MakeRustlsConnect;

/// How much TLS to insist on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    /// None.
    Disable,
    /// With whomever, where the server offers it.
    Prefer,
    /// With whomever; with a certificate of an authority given, as `verify-ca`.
    #[default]
    Require,
    /// With a certificate of a trusted authority.
    VerifyCa,
    /// With a certificate of a trusted authority for this very host.
    VerifyFull,
}

impl SslMode {
    /// What the client must insist on before it looks at certificates.
    pub(crate) fn for_connection(self) -> tokio_postgres::config::SslMode {
        match self {
            SslMode::Disable => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => tokio_postgres::config::SslMode::Require,
        }
    }

    /// Whether the server's certificate is checked, given whether there is an authority to check it by.
    pub(crate) fn verifies(self, has_authority: bool) -> bool {
        match self {
            SslMode::VerifyCa | SslMode::VerifyFull => true,
            SslMode::Require => has_authority,
            SslMode::Disable | SslMode::Prefer => false,
        }
    }
}

/// What makes TLS connections in this mode, trusting the authorities in this PEM text.
pub(crate) fn connector(mode: SslMode, authorities: Option<&str>) -> Result<MakeRustlsConnect, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .attempting("prepare TLS for PostgreSQL")?;
    let verifier: Arc<dyn ServerCertVerifier> = match authorities.filter(|_| mode.verifies(true)) {
        Some(authorities) => {
            let roots = Arc::new(roots(authorities)?);
            let strict = WebPkiServerVerifier::builder_with_provider(roots, provider)
                .build()
                .attempting("prepare to check the certificate of the PostgreSQL server")?;
            if mode == SslMode::VerifyFull { strict } else { Arc::new(AnyName(strict)) }
        }
        None if mode.verifies(false) => {
            return Err(Error::new("prepare to check the certificate of the PostgreSQL server", "no authority is given")
                .help("set `ca_certificate` or `sslrootcert` of the provider `postgresql`"));
        }
        None => Arc::new(Anyone(provider)),
    };
    Ok(MakeRustlsConnect::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()))
}

fn roots(authorities: &str) -> Result<RootCertStore, Error> {
    let attempted = "read the certificate of the authority that PostgreSQL's is checked by";
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(certificate.attempting(attempted)?).attempting(attempted)?;
    }
    match roots.is_empty() {
        true => Err(Error::new(attempted, "there is no `-----BEGIN CERTIFICATE-----` in it")),
        false => Ok(roots),
    }
}

/// Takes every name, once the certificate is known to be of a trusted authority.
#[derive(Debug)]
struct AnyName(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, between, name, stapled, now) {
            // The name is looked at last, when all else was found good.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.0.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Takes every certificate, whose key must still be the server's.
#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
