//! Reads certificates.

use ha_provider::{ArgumentProblem, Error};
use ha_value::Path;
use jiff::Timestamp;
use rcgen::{Issuer, KeyPair, PublicKeyData};
use sha2::{Digest, Sha256};
use x509_parser::pem::Pem;
use x509_parser::prelude::{FromDer, X509Certificate};

/// A certificate as it was read.
#[derive(Debug)]
pub(crate) struct CertificateFacts {
    /// The SHA-256 of its bytes, in OpenSSL's format.
    pub(crate) fingerprint: String,
    /// Its serial number, in OpenSSL's format.
    pub(crate) serial: String,
    /// When it expires.
    pub(crate) end: Timestamp,
    subject: Vec<u8>,
    public_key: Vec<u8>,
    is_authority: bool,
}

impl CertificateFacts {
    /// Reads one certificate in its bare form.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, Error> {
        let (_, read) =
            X509Certificate::from_der(der).map_err(|it| Error::new("read a certificate", it))?;
        let hexadecimal =
            |bytes: &[u8]| bytes.iter().map(|it| format!("{it:02X}")).collect::<Vec<_>>();
        let end = Timestamp::from_second(read.validity().not_after.timestamp())
            .map_err(|it| Error::new("read when a certificate ends", it))?;
        Ok(Self {
            fingerprint: hexadecimal(&Sha256::digest(der)).join(":"),
            serial: hexadecimal(read.raw_serial()).concat(),
            end,
            subject: read.subject().as_raw().to_vec(),
            public_key: read.public_key().raw.to_vec(),
            is_authority: read.is_ca(),
        })
    }

    /// Reads the first certificate of a PEM string.
    pub(crate) fn of_pem(text: &str) -> Result<(Self, Vec<u8>), Error> {
        let failed = |cause: String| Error::new("read a certificate", cause);
        for block in Pem::iter_from_buffer(text.as_bytes()) {
            let block = block.map_err(|it| failed(it.to_string()))?;
            if block.label == "CERTIFICATE" {
                return Ok((Self::from_der(&block.contents)?, block.contents));
            }
        }
        Err(failed("there is no `-----BEGIN CERTIFICATE-----` in the text".into()))
    }

    /// The name of whom it is about, as it is written there.
    pub(crate) fn subject(&self) -> &[u8] {
        &self.subject
    }

    /// Whether it is about exactly the same name.
    pub(crate) fn has_subject_of(&self, other: &CertificateFacts) -> bool {
        self.subject == other.subject
    }
}

/// A certificate and its key out of one PEM text, each as it is written there, and what can be read
/// off the certificate.
///
/// # Errors
/// What is missing of the two, or that they do not belong together.
pub(crate) fn apart(pem: &str) -> Result<(String, String, CertificateFacts), String> {
    let wanted = "the id is the certificate and its private key, in PEM form, one behind the other";
    let block = |label: &str| {
        let (begin, end) = (format!("-----BEGIN {label}-----"), format!("-----END {label}-----"));
        let from = pem.find(&begin)?;
        let length = pem[from..].find(&end)? + end.len();
        Some(format!("{}\n", &pem[from..from + length]))
    };
    let certificate = block("CERTIFICATE")
        .ok_or_else(|| format!("{wanted}; there is no `BEGIN CERTIFICATE` in it"))?;
    let key = block("PRIVATE KEY")
        .ok_or_else(|| format!("{wanted}; there is no `BEGIN PRIVATE KEY` in it"))?;
    let (facts, _) = CertificateFacts::of_pem(&certificate)
        .map_err(|it| format!("{wanted}; {}", it.causes.join(": ")))?;
    // The library's words never repeat the key.
    let pair =
        KeyPair::from_pem(&key).map_err(|it| format!("{wanted}; the key cannot be used: {it}"))?;
    match pair.subject_public_key_info() == facts.public_key {
        true => Ok((certificate, key, facts)),
        false => Err(format!("{wanted}; this key is not that of the certificate")),
    }
}

/// An authority that can sign, from its certificate and key.
pub(crate) fn issuer(
    certificate_pem: &str,
    key_pem: &str,
) -> Result<(CertificateFacts, Issuer<'static, KeyPair>), Vec<ArgumentProblem>> {
    let problem = |name: &str, message: String| {
        vec![ArgumentProblem { path: Path::attribute(name), message }]
    };
    let (facts, der) = CertificateFacts::of_pem(certificate_pem).map_err(|it| {
        problem(
            "ca_certificate_pem",
            format!("`ca_certificate_pem` is no certificate: {}", it.causes.join(": ")),
        )
    })?;
    if !facts.is_authority {
        let message = "`ca_certificate_pem` is not the certificate of an authority (its basic constraints do not say `CA:TRUE`)";
        return Err(problem("ca_certificate_pem", message.into()));
    }
    let key = KeyPair::from_pem(key_pem).map_err(|it| {
        // The library's words never repeat the key.
        let message = format!("`ca_private_key_pem` is no private key that can be used here: {it}; it should be in PKCS#8 form");
        problem("ca_private_key_pem", message)
    })?;
    if key.subject_public_key_info() != facts.public_key {
        let message = "`ca_private_key_pem` is not the key of `ca_certificate_pem`";
        return Err(problem("ca_private_key_pem", message.into()));
    }
    let der = der.into();
    let issuer = Issuer::from_ca_cert_der(&der, key).map_err(|it| {
        problem("ca_certificate_pem", format!("`ca_certificate_pem` cannot be used to sign: {it}"))
    })?;
    Ok((facts, issuer))
}
