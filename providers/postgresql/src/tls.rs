//! TLS as libpq's `sslmode` defines it: `require` encrypts without a check of the certificate,
//! `verify-ca` requires a trusted authority, and `verify-full` a certificate for this host name.

use std::sync::Arc;

use ha_files::regular_file;
use ha_files::regular_file::LARGEST_KEY;
use ha_provider::{Error, ErrorContext};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::version::{TLS12, TLS13};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    SupportedProtocolVersion,
};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{
    CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName, UnixTime,
};
use schemars::JsonSchema;
use serde::de::IntoDeserializer;
use serde::{Deserialize, Serialize};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::connection_url::{flag, one_of};

/// The TLS mode, with libpq's names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum SslMode {
    /// None.
    Disable,
    /// No TLS, unless the server requires it; the certificate is not checked.
    Allow,
    /// TLS where the server offers it; the certificate is not checked.
    Prefer,
    /// TLS; the certificate is checked as by `verify-ca` only where an authority is given.
    #[default]
    Require,
    /// With a certificate of a trusted authority.
    VerifyCa,
    /// With a certificate of a trusted authority for this very host.
    VerifyFull,
}

impl SslMode {
    /// Whether the client requires TLS, before any certificate.
    pub(crate) fn for_connection(self) -> tokio_postgres::config::SslMode {
        match self {
            SslMode::Disable | SslMode::Allow => tokio_postgres::config::SslMode::Disable,
            SslMode::Prefer => tokio_postgres::config::SslMode::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => {
                tokio_postgres::config::SslMode::Require
            }
        }
    }

    /// Whether the server's certificate is checked, given whether there is an authority to check it
    /// by.
    pub(crate) fn verifies(self, has_authority: bool) -> bool {
        match self {
            SslMode::VerifyCa | SslMode::VerifyFull => true,
            SslMode::Require => has_authority,
            SslMode::Disable | SslMode::Allow | SslMode::Prefer => false,
        }
    }
}

/// The TLS settings. Files are read for each connection, because the same run may write them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TlsSettings {
    pub(crate) mode: SslMode,
    pub(crate) authorities: TrustedAuthorities,
    /// Whether TLS begins at once, without asking the server whether it has any.
    pub(crate) is_direct: bool,
    /// The files with the client's own certificate and its key.
    pub(crate) certificate: Option<String>,
    pub(crate) key: Option<String>,
    shows_certificate: bool,
    /// The file with the certificates that the authorities have revoked.
    revoked: Option<String>,
    names_host: bool,
    oldest: Option<TlsVersion>,
    newest: Option<TlsVersion>,
}

impl Default for TlsSettings {
    fn default() -> Self {
        Self {
            mode: SslMode::default(),
            authorities: TrustedAuthorities::None,
            is_direct: false,
            certificate: None,
            key: None,
            shows_certificate: true,
            revoked: None,
            names_host: true,
            oldest: None,
            newest: None,
        }
    }
}

/// The authorities to trust.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum TrustedAuthorities {
    /// Not configured.
    #[default]
    None,
    /// Those in this PEM string.
    Text(String),
    /// Those in this file.
    File(String),
    /// Those that this machine trusts.
    System,
}

impl TrustedAuthorities {
    /// Reads the file that they are in.
    pub(crate) fn read(&mut self) -> Result<(), Error> {
        if let Self::File(file) = self {
            *self = Self::Text(String::from_utf8_lossy(&read(file, "sslrootcert")?).into_owned());
        }
        Ok(())
    }
}

/// A version of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum TlsVersion {
    Old,
    Tls12,
    Tls13,
}

impl TlsSettings {
    /// Takes a parameter of libpq that is about TLS.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        let file = || match value {
            "" => Err(format!("`{name}` is empty; it is the name of a file")),
            // It may be a private key, so it is not quoted.
            text if text.contains("-----BEGIN") => {
                Err(format!("`{name}` is the name of a file, not what is in the file"))
            }
            _ => Ok(value.to_owned()),
        };
        match name {
            "sslmode" => {
                let mode = SslMode::deserialize(
                    IntoDeserializer::<serde::de::value::Error>::into_deserializer(value),
                );
                self.mode = mode.map_err(|_| {
                    one_of(name, "disable, allow, prefer, require, verify-ca, verify-full")
                })?;
            }
            // A name that drivers of other languages use.
            "ssl" => {
                self.mode = if flag(name, value)? { SslMode::Require } else { SslMode::Disable }
            }
            "sslnegotiation" => {
                self.is_direct = match value {
                    "postgres" => false,
                    "direct" => true,
                    _ => return Err(one_of(name, "postgres, direct")),
                }
            }
            "sslrootcert" if value == "system" => self.authorities = TrustedAuthorities::System,
            "sslrootcert" => self.authorities = TrustedAuthorities::File(file()?),
            "sslcert" => self.certificate = Some(file()?),
            "sslkey" => self.key = Some(file()?),
            "sslcrl" => self.revoked = Some(file()?),
            "sslsni" => self.names_host = flag(name, value)?,
            "sslcertmode" => {
                self.shows_certificate = match value {
                    "disable" => false,
                    "allow" => true,
                    _ => {
                        return Err(format!(
                            "`{name}` is not supported with this value: it must be one of disable, allow"
                        ));
                    }
                }
            }
            "ssl_min_protocol_version" => self.oldest = version(name, value)?,
            "ssl_max_protocol_version" => match version(name, value)? {
                Some(TlsVersion::Old) => {
                    return Err(format!(
                        "`{name}` must be at least TLSv1.2: nothing older is spoken"
                    ));
                }
                newest => self.newest = newest,
            },
            _ => return Err(format!("`{name}` is not about TLS")),
        }
        Ok(())
    }

    /// Whether the server's certificate is checked.
    pub(crate) fn verifies(&self) -> bool {
        self.mode.verifies(self.authorities != TrustedAuthorities::None)
    }

    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        let all = [(TlsVersion::Tls12, &TLS12), (TlsVersion::Tls13, &TLS13)];
        let fits = |it: TlsVersion| {
            self.oldest.is_none_or(|oldest| it >= oldest)
                && self.newest.is_none_or(|newest| it <= newest)
        };
        all.into_iter().filter(|(it, _)| fits(*it)).map(|(_, version)| version).collect()
    }
}

fn version(name: &str, value: &str) -> Result<Option<TlsVersion>, String> {
    Ok(Some(match value.to_ascii_lowercase().as_str() {
        "" => return Ok(None),
        "tlsv1" | "tlsv1.1" => TlsVersion::Old,
        "tlsv1.2" => TlsVersion::Tls12,
        "tlsv1.3" => TlsVersion::Tls13,
        _ => return Err(one_of(name, "TLSv1, TLSv1.1, TLSv1.2, TLSv1.3")),
    }))
}

/// The TLS connector for these settings.
pub(crate) fn connector(tls: &TlsSettings) -> Result<MakeRustlsConnect, Error> {
    let provider = Arc::new(ring::default_provider());
    let versions = tls.versions();
    if versions.is_empty() {
        let cause = "`ssl_min_protocol_version` is newer than `ssl_max_protocol_version`";
        return Err(Error::new("prepare TLS for PostgreSQL", cause));
    }
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&versions)
        .attempting("prepare TLS for PostgreSQL")?;
    let verifier: Arc<dyn ServerCertVerifier> = match tls.verifies() {
        true => {
            let strict = WebPkiServerVerifier::builder_with_provider(
                Arc::new(roots(&tls.authorities)?),
                provider,
            )
            .with_crls(revoked(tls.revoked.as_deref())?)
            .build()
            .attempting("prepare to check the certificate of the PostgreSQL server")?;
            if tls.mode == SslMode::VerifyFull { strict } else { Arc::new(AnyNameVerifier(strict)) }
        }
        false => Arc::new(AnyCertificateVerifier(provider)),
    };
    let builder = builder.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) if tls.shows_certificate => {
            let attempted = "prepare to show the client's certificate to the PostgreSQL server";
            builder
                .with_client_auth_cert(certificates(certificate)?, private_key(key)?)
                .attempting(attempted)?
        }
        _ => builder.with_no_client_auth(),
    };
    config.enable_sni = tls.names_host;
    if tls.is_direct {
        // Direct TLS requires ALPN: without it an attacker could redirect the connection to a
        // server of another protocol.
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(MakeRustlsConnect::new(config))
}

fn read(file: &str, parameter: &str) -> Result<Vec<u8>, Error> {
    let read = regular_file::read(file.as_ref(), LARGEST_KEY)
        .attempting(format!("read the file `{file}` (`{parameter}`)"));
    read.map_err(|it| it.outcome(ha_provider::CallOutcome::Refused))
}

fn certificates(file: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    let attempted = format!("read the client's certificate in `{file}` (`sslcert`)");
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&read(file, "sslcert")?).collect();
    let found = found.attempting(attempted.clone())?;
    match found.is_empty() {
        true => Err(Error::new(attempted, "there is no `-----BEGIN CERTIFICATE-----` in it")),
        false => Ok(found),
    }
}

fn private_key(file: &str) -> Result<PrivateKeyDer<'static>, Error> {
    let attempted = format!("read the client's key in `{file}` (`sslkey`)");
    PrivateKeyDer::from_pem_slice(&read(file, "sslkey")?).map_err(|_| {
        Error::new(attempted, "there is no private key in clear in it")
            .help("a key that is encrypted cannot be used: `openssl pkey -in FILE -out CLEAR` takes the encryption off")
    })
}

fn revoked(file: Option<&str>) -> Result<Vec<CertificateRevocationListDer<'static>>, Error> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let lists: Result<Vec<_>, _> =
        CertificateRevocationListDer::pem_slice_iter(&read(file, "sslcrl")?).collect();
    lists.attempting(format!("read the list of revoked certificates in `{file}` (`sslcrl`)"))
}

fn roots(authorities: &TrustedAuthorities) -> Result<RootCertStore, Error> {
    let attempted = "read the certificate of the authority that PostgreSQL's is checked by";
    let text = match authorities {
        TrustedAuthorities::None => {
            return Err(Error::new(
                "prepare to check the certificate of the PostgreSQL server",
                "no authority is given",
            )
            .help("set `ca_certificate` or `sslrootcert` of the provider `postgresql`"));
        }
        TrustedAuthorities::System => return trusted_here(),
        TrustedAuthorities::Text(text) => text.clone().into_bytes(),
        TrustedAuthorities::File(file) => read(file, "sslrootcert")?,
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        roots.add(certificate.attempting(attempted)?).attempting(attempted)?;
    }
    match roots.is_empty() {
        true => Err(Error::new(attempted, "there is no `-----BEGIN CERTIFICATE-----` in it")),
        false => Ok(roots),
    }
}

/// The authorities that this machine trusts.
fn trusted_here() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(found.certs);
    match roots.is_empty() {
        false => Ok(roots),
        true => {
            let why = found.errors.first().map_or("there are none".to_owned(), ToString::to_string);
            let error = Error::new(
                "read the authorities that this machine trusts (`sslrootcert = \"system\"`)",
                why,
            );
            Err(error.help("install `ca-certificates`, or set SSL_CERT_FILE"))
        }
    }
}

/// Accepts every host name, once the certificate is known to be of a trusted authority.
#[derive(Debug)]
struct AnyNameVerifier(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyNameVerifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        stapled: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        match self.0.verify_server_cert(certificate, between, name, stapled, now) {
            // The verifier checks the name last, so this error means that all other checks passed.
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

/// Accepts every certificate; the server must still prove that it has the key.
#[derive(Debug)]
struct AnyCertificateVerifier(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificateVerifier {
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
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
