use std::collections::BTreeSet;
use std::net::IpAddr;

use ha_provider::{
    ArgumentProblem, Attempt, CreatedResource, Error, ErrorContext, ExistingResource, Immutable,
    NoProvider, RecordedResource, Resource, ResourceHooks, ResourceReading, Secret,
};
use ha_value::Path;
use jiff::Timestamp;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyUsagePurpose, SanType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::{CertificateFacts, apart, issuer};
use crate::key::KeyAlgorithm;
use crate::names;
use crate::subject::CertificateSubject;
use crate::validity::{self, ValidityPeriod};

/// A key and a certificate for it, signed by an authority. A change of any argument but
/// `early_renewal_hours` generates another key.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsCertificate {
    /// The certificate of the authority that signs.
    ca_certificate_pem: Immutable<String>,
    /// The key of the authority that signs.
    ca_private_key_pem: Immutable<Secret<String>>,
    /// Its subject. Members of a MongoDB replica set need the same `organization`,
    /// `organizational_units` and `domain_components`, at least one of them, and clients that are
    /// no members must differ in one.
    subject: Immutable<CertificateSubject>,
    /// The host names that clients connect to.
    #[serde(default)]
    dns_names: Immutable<Vec<String>>,
    /// The IP addresses that clients connect to.
    #[serde(default)]
    ip_addresses: Immutable<Vec<String>>,
    /// Its validity in hours; it never outlives its authority.
    validity_period_hours: Immutable<u32>,
    /// How many hours before it expires a plan replaces it.
    #[serde(default)]
    early_renewal_hours: u32,
    /// Its allowed uses: `server_auth`, `client_auth` or both. Members of a MongoDB replica set need
    /// both.
    #[serde(default = "both")]
    allowed_uses: Immutable<BTreeSet<CertificateUse>>,
    /// The algorithm of its key.
    #[serde(default)]
    key_algorithm: Immutable<KeyAlgorithm>,
}

/// An extended key usage of a certificate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CertificateUse {
    /// Authenticates a server.
    ServerAuth,
    /// Authenticates a client.
    ClientAuth,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsCertificateOutputs {
    /// The certificate.
    certificate_pem: String,
    /// The key, in PKCS#8 form.
    private_key_pem: Secret<String>,
    /// The key and the certificate in one PEM string, as mongod reads them.
    bundle_pem: Secret<String>,
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    fingerprint: String,
    /// Its serial number in hexadecimal.
    serial: String,
    /// When it expires.
    validity_end_time: String,
}

fn both() -> Immutable<BTreeSet<CertificateUse>> {
    Immutable([CertificateUse::ServerAuth, CertificateUse::ClientAuth].into())
}

#[derive(Deserialize)]
struct CertificateHours {
    validity_period_hours: u32,
    #[serde(default)]
    early_renewal_hours: u32,
}

#[derive(Deserialize)]
struct MemberArguments {
    subject: CertificateSubject,
    allowed_uses: BTreeSet<CertificateUse>,
}

#[derive(Deserialize)]
struct NameArguments {
    #[serde(default)]
    dns_names: Vec<String>,
    #[serde(default)]
    ip_addresses: Vec<String>,
    allowed_uses: BTreeSet<CertificateUse>,
}

#[derive(Deserialize)]
struct SignerArguments {
    ca_certificate_pem: String,
    ca_private_key_pem: String,
}

impl Resource for TlsCertificate {
    const KIND: &'static str = "tls_cert";
    const PURE: bool = true;
    type Provider = NoProvider;
    type Outputs = TlsCertificateOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .made_of(&["certificate_pem"], &["subject", "dns_names", "ip_addresses"])
            .check(|it: CertificateHours| {
                validity::problems(it.validity_period_hours, it.early_renewal_hours)
            })
            .check(|it: MemberArguments| it.problems())
            .check(|it: NameArguments| it.problems())
            .check(|it: SignerArguments| {
                issuer(&it.ca_certificate_pem, &it.ca_private_key_pem).err().unwrap_or_default()
            })
    }

    async fn create(
        &self,
        _: &NoProvider,
        _: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let what = "sign a certificate";
        let refused = |problems: Vec<ArgumentProblem>| {
            let messages: Vec<String> = problems.into_iter().map(|it| it.message).collect();
            Error::new(what, messages.join("; "))
        };
        let (authority, issuer) =
            issuer(&self.ca_certificate_pem, &self.ca_private_key_pem).map_err(refused)?;
        let key = self.key_algorithm.generate()?;
        let validity = ValidityPeriod::from_now(*self.validity_period_hours, Some(authority.end))?;
        let mut parameters = self.parameters()?;
        validity.put_into(&mut parameters);
        let unnamed = parameters.signed_by(&key, &issuer).attempting(what)?;
        // The issuer is copied byte by byte. rcgen would parse and rewrite the name and may lose parts
        // of it, and then no client could match the certificate with its authority.
        let certificate = names::with_names(
            unnamed.der(),
            authority.subject(),
            &self.subject.name(),
            issuer.key(),
        )
        .attempting(what)?;
        let facts = CertificateFacts::from_der(&certificate)?;
        // A client that finds subject and issuer equal looks for no authority.
        if facts.has_subject_of(&authority) {
            return Err(Error::new(what, "its subject is the same as that of its authority").help(
                "clients would take it for self-signed; give one of them another `common_name`",
            ));
        }
        let private_key_pem = key.serialize_pem();
        let outputs = TlsCertificateOutputs {
            bundle_pem: Secret(format!("{private_key_pem}{}", names::pem(&certificate))),
            certificate_pem: names::pem(&certificate),
            private_key_pem: Secret(private_key_pem),
            fingerprint: facts.fingerprint,
            serial: facts.serial.clone(),
            validity_end_time: facts.end.to_string(),
        };
        Ok(CreatedResource { id: facts.serial, outputs })
    }

    /// The import id is the certificate and its key in one PEM string.
    fn from_import_id(pem: &str) -> Result<ExistingResource, String> {
        let (certificate, key, facts) = apart(pem)?;
        let known = ExistingResource::by(facts.serial.clone())
            .output("bundle_pem", format!("{key}{certificate}"));
        let known = known.output("certificate_pem", certificate).output("private_key_pem", key);
        let known = known.output("fingerprint", facts.fingerprint).output("serial", facts.serial);
        Ok(known.output("validity_end_time", facts.end.to_string()))
    }

    async fn read(
        _: &NoProvider,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let now = Timestamp::now();
        let each = |it: &RecordedResource<Self>| {
            let (mut arguments, outputs) = (it.arguments.clone(), it.outputs.clone());
            let mut remarks = Vec::new();
            if let Some(due) =
                validity::due(&outputs.validity_end_time, arguments.early_renewal_hours, now)?
            {
                arguments.validity_period_hours = due.hours_left;
                remarks.push(due.remark);
            }
            Ok(ResourceReading::Found { arguments, outputs, remarks })
        };
        known.iter().map(each).collect()
    }

    async fn update(
        &self,
        _: &NoProvider,
        before: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<TlsCertificateOutputs, Error> {
        Ok(before.outputs.clone())
    }

    async fn delete(
        _: &NoProvider,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        Ok(())
    }
}

impl TlsCertificate {
    fn parameters(&self) -> Result<CertificateParams, Error> {
        let mut parameters = CertificateParams::default();
        parameters.use_authority_key_identifier_extension = true;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        let purpose = |it: &CertificateUse| match it {
            CertificateUse::ServerAuth => ExtendedKeyUsagePurpose::ServerAuth,
            CertificateUse::ClientAuth => ExtendedKeyUsagePurpose::ClientAuth,
        };
        parameters.extended_key_usages = self.allowed_uses.iter().map(purpose).collect();
        for name in self.dns_names.iter() {
            let written = name
                .as_str()
                .try_into()
                .attempting(format!("write the name `{name}` into a certificate"))?;
            parameters.subject_alt_names.push(SanType::DnsName(written));
        }
        for address in self.ip_addresses.iter() {
            let address = address
                .parse()
                .attempting(format!("write the address `{address}` into a certificate"))?;
            parameters.subject_alt_names.push(SanType::IpAddress(address));
        }
        Ok(parameters)
    }
}

impl MemberArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = self.subject.problems();
        if self.allowed_uses.len() == 2 && problems.is_empty() && !self.subject.names_members() {
            let message = "a certificate for both server and client is taken to be a MongoDB member's, and mongod recognises \
                           members by `organization`, `organizational_unit` and `domain_components`: give at least one, the same for all members, or \
                           leave only `server_auth` or `client_auth` in `allowed_uses`";
            problems.push(ArgumentProblem {
                path: Path::attribute("subject"),
                message: message.into(),
            });
        }
        problems
    }
}

impl NameArguments {
    fn problems(&self) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        let mut problem =
            |path: Path, message: String| problems.push(ArgumentProblem { path, message });
        for (index, name) in self.dns_names.iter().enumerate() {
            let at = Path::attribute("dns_names").index(index);
            if name.parse::<IpAddr>().is_ok() {
                problem(at, format!("`{name}` is an address; it belongs into `ip_addresses`"));
            } else if !is_host_name(name) {
                problem(at, format!("`{name}` is no host name"));
            }
        }
        for (index, address) in self.ip_addresses.iter().enumerate() {
            if address.parse::<IpAddr>().is_err() {
                problem(
                    Path::attribute("ip_addresses").index(index),
                    format!("`{address}` is no IP address"),
                );
            }
        }
        if self.allowed_uses.is_empty() {
            problem(
                Path::attribute("allowed_uses"),
                "`allowed_uses` is empty: the certificate would be good for nothing".into(),
            );
        }
        if self.allowed_uses.contains(&CertificateUse::ServerAuth)
            && self.dns_names.is_empty()
            && self.ip_addresses.is_empty()
        {
            let message = "a server's certificate needs the names or addresses that clients connect to: `dns_names`, `ip_addresses`";
            problem(Path::attribute("dns_names"), message.into());
        }
        problems
    }
}

/// Whether a certificate may hold it: labels of letters, digits, hyphens and underscores, the first
/// perhaps a star.
fn is_host_name(name: &str) -> bool {
    let name = name.strip_prefix("*.").unwrap_or(name);
    let label = |it: &str| {
        (1..=63).contains(&it.len())
            && it.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_')
            && !it.starts_with('-')
            && !it.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}
