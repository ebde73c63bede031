use ha_provider::{Attempt, Attempting, Created, Error, Hooks, Immutable, Known, Nobody, Reading, Recorded, Resource, Secret};
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyUsagePurpose};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::certificate::{Facts, apart};
use crate::key::Algorithm;
use crate::names;
use crate::subject::Subject;
use crate::validity::{self, Validity};

/// An internal authority: a key and the certificate that says so itself. What it signs is trusted by whoever is given
/// its certificate. Its key never leaves the sealed state but through `private_key_pem`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Authority {
    /// The authority's name. It must differ from the names of what it signs.
    subject: Immutable<Subject>,
    /// For how many hours it is good.
    validity_period_hours: Immutable<u32>,
    /// How many hours before its end a plan replaces it, and all that it signed.
    #[serde(default)]
    early_renewal_hours: u32,
    /// How its key is made.
    #[serde(default)]
    key_algorithm: Immutable<Algorithm>,
}

#[derive(Clone, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The certificate, for those who should trust the authority.
    certificate_pem: String,
    /// The key, in PKCS#8 form, for `tls_cert` and whatever else signs in its name.
    private_key_pem: Secret<String>,
    /// The SHA-256 of the certificate, as `openssl x509 -fingerprint -sha256` prints it.
    fingerprint: String,
    /// When it ends.
    validity_end_time: String,
}

#[derive(Deserialize)]
struct Hours {
    validity_period_hours: u32,
    #[serde(default)]
    early_renewal_hours: u32,
}

#[derive(Deserialize)]
struct About {
    subject: Subject,
}

impl Resource for Authority {
    const KIND: &'static str = "tls_ca";
    const PURE: bool = true;
    type Provider = Nobody;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        Hooks::new()
            .check(|it: Hours| validity::problems(it.validity_period_hours, it.early_renewal_hours))
            .check(|About { subject }| subject.problems())
            .made_of(&["certificate_pem"], &["subject"])
    }

    async fn create(&self, _: &Nobody, _: &mut Attempt) -> Result<Created<Self>, Error> {
        let key = self.key_algorithm.generate()?;
        let validity = Validity::from_now(*self.validity_period_hours, None)?;
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        validity.put_into(&mut parameters);
        let what = "sign the authority's own certificate";
        let unnamed = parameters.self_signed(&key).attempting(what)?;
        let name = self.subject.name();
        let certificate = names::with_names(unnamed.der(), &name, &name, &key).attempting(what)?;
        let facts = Facts::of(&certificate)?;
        let outputs = Outputs {
            certificate_pem: names::pem(&certificate),
            private_key_pem: Secret(key.serialize_pem()),
            fingerprint: facts.fingerprint,
            validity_end_time: facts.end.to_string(),
        };
        Ok(Created { id: facts.serial, outputs })
    }

    /// The id is the authority itself: its certificate and its key in one PEM text.
    fn known_by(pem: &str) -> Result<Known, String> {
        let (certificate, key, facts) = apart(pem)?;
        let known = Known::by(facts.serial).output("certificate_pem", certificate).output("private_key_pem", key);
        Ok(known.output("fingerprint", facts.fingerprint).output("validity_end_time", facts.end.to_string()))
    }

    async fn read(_: &Nobody, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        let now = Timestamp::now();
        let each = |it: &Recorded<Self>| {
            let (mut arguments, outputs) = (it.arguments.clone(), it.outputs.clone());
            let mut remarks = Vec::new();
            if let Some(due) = validity::due(&outputs.validity_end_time, arguments.early_renewal_hours, now)? {
                arguments.validity_period_hours = due.hours_left;
                remarks.push(due.remark);
            }
            Ok(Reading::Found { arguments, outputs, remarks })
        };
        known.iter().map(each).collect()
    }

    async fn update(&self, _: &Nobody, before: &Recorded<Self>, _: &mut Attempt) -> Result<Outputs, Error> {
        Ok(before.outputs.clone())
    }

    async fn delete(_: &Nobody, _: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        Ok(())
    }
}
