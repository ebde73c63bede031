use ha_provider::{
    Attempt, CreatedResource, Error, ErrorContext, ExistingResource, Immutable, NoProvider,
    RecordedResource, Resource, ResourceHooks, ResourceReading, Secret,
};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::{CertificateFacts, apart};
use crate::key::KeyAlgorithm;
use crate::names;
use crate::subject::CertificateSubject;
use crate::validity::{self, ValidityPeriod};

/// An internal certificate authority: a key and a self-signed certificate. Its key leaves the sealed
/// state only through `private_key_pem`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsAuthority {
    /// The authority's subject. It must differ from the subjects of the certificates that it signs.
    subject: Immutable<CertificateSubject>,
    /// Its validity in hours.
    validity_period_hours: Immutable<u32>,
    /// How many hours before it expires a plan replaces it, and every certificate that it signed.
    #[serde(default)]
    early_renewal_hours: u32,
    /// The algorithm of its key.
    #[serde(default)]
    key_algorithm: Immutable<KeyAlgorithm>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct TlsAuthorityOutputs {
    /// The certificate, for clients and servers that are to trust the authority.
    certificate_pem: String,
    /// The key in PKCS#8 form, for `tls_cert` and for other programs that sign with it.
    private_key_pem: Secret<String>,
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    fingerprint: String,
    /// When it expires.
    validity_end_time: String,
}

#[derive(Deserialize)]
struct AuthorityHours {
    validity_period_hours: u32,
    #[serde(default)]
    early_renewal_hours: u32,
}

#[derive(Deserialize)]
struct AuthoritySubjectArguments {
    subject: CertificateSubject,
}

impl Resource for TlsAuthority {
    const KIND: &'static str = "tls_ca";
    const PURE: bool = true;
    type Provider = NoProvider;
    type Outputs = TlsAuthorityOutputs;

    fn hooks() -> ResourceHooks {
        ResourceHooks::new()
            .check(|it: AuthorityHours| {
                validity::problems(it.validity_period_hours, it.early_renewal_hours)
            })
            .check(|AuthoritySubjectArguments { subject }| subject.problems())
            .made_of(&["certificate_pem"], &["subject"])
    }

    async fn create(
        &self,
        _: &NoProvider,
        _: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let key = self.key_algorithm.generate()?;
        let validity = ValidityPeriod::from_now(*self.validity_period_hours, None)?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity.put_into(&mut parameters);
        let what = "sign the authority's own certificate";
        let unnamed = parameters.self_signed(&key).attempting(what)?;
        let name = self.subject.name();
        let certificate = names::with_names(unnamed.der(), &name, &name, &key).attempting(what)?;
        let facts = CertificateFacts::from_der(&certificate)?;
        let outputs = TlsAuthorityOutputs {
            certificate_pem: names::pem(&certificate),
            private_key_pem: Secret(key.serialize_pem()),
            fingerprint: facts.fingerprint,
            validity_end_time: facts.end.to_string(),
        };
        Ok(CreatedResource { id: facts.serial, outputs })
    }

    /// The import id is the certificate and its key in one PEM string.
    fn from_import_id(pem: &str) -> Result<ExistingResource, String> {
        let (certificate, key, facts) = apart(pem)?;
        let known = ExistingResource::by(facts.serial)
            .output("certificate_pem", certificate)
            .output("private_key_pem", key);
        Ok(known
            .output("fingerprint", facts.fingerprint)
            .output("validity_end_time", facts.end.to_string()))
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
    ) -> Result<TlsAuthorityOutputs, Error> {
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
