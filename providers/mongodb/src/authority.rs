//! Who may act inside a set: whoever holds a certificate that the set's authority signed for the
//! members' organization.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ha_provider::{CallOutcome, Error, Permit, Secret};
use ha_tls::names::{NamePart, name, pem, subject_of, with_names};
use rcgen::{
    CertificateParams, DistinguishedName, ExtendedKeyUsagePurpose, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use crate::memory_file::MemoryFile;

/// The authority of a set's certificates, and what those of its members have in common. mongod
/// takes a client whose certificate agrees in organization, organizational unit and domain
/// component for one of its own, so the engine makes itself such a certificate for an hour, in
/// memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CertificateAuthority {
    /// The authority's certificate.
    pub(crate) certificate_pem: String,
    /// The authority's key.
    pub(crate) private_key_pem: Secret<String>,
    /// The organization in every member's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organization: Option<String>,
    /// The organizational unit in every member's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) organizational_unit: Option<String>,
    /// The domain component in every member's certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain_component: Option<String>,
    /// The organizational units, where every member's certificate has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) organizational_units: Vec<String>,
    /// The domain components, where every member's certificate has several: `["example", "com"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) domain_components: Vec<String>,
}

/// What a client shows and believes.
#[derive(Clone, Debug)]
pub(crate) struct ClientAccess {
    pub(crate) authority: Arc<MemoryFile>,
    /// Certificate and key; none for a client that stays anonymous.
    pub(crate) bundle: Option<Arc<MemoryFile>>,
    /// Asked before each command that changes something.
    pub(crate) permit: Permit,
}

const LIFETIME: Duration = Duration::from_secs(60 * 60);
/// Hosts' clocks differ.
const HEAD_START: Duration = Duration::from_secs(5 * 60);
impl ClientAccess {
    /// A client that proves nothing and believes this authority.
    pub(crate) fn anonymous(authority_pem: &str) -> Result<Self, Error> {
        Ok(Self {
            authority: in_memory(authority_pem.as_bytes())?,
            bundle: None,
            permit: Permit::default(),
        })
    }

    /// A client that shows this certificate with its key.
    pub(crate) fn with_bundle(authority_pem: &str, bundle: &str) -> Result<Self, Error> {
        Ok(Self { bundle: Some(in_memory(bundle.as_bytes())?), ..Self::anonymous(authority_pem)? })
    }

    /// The same for a client that asks for this permit.
    pub(crate) fn permitted_by(self, permit: &Permit) -> Self {
        Self { permit: permit.clone(), ..self }
    }
}

fn in_memory(content: &[u8]) -> Result<Arc<MemoryFile>, Error> {
    MemoryFile::new(content)
        .map(Arc::new)
        .map_err(|error| Error::from_error("keep a certificate in memory", &error))
}

impl CertificateAuthority {
    /// What is wrong with it, as far as that shows without a set.
    pub(crate) fn problem(&self) -> Option<&'static str> {
        let (units, components) = (&self.organizational_units, &self.domain_components);
        if self.organizational_unit.is_some() && !units.is_empty()
            || self.domain_component.is_some() && !components.is_empty()
        {
            return Some(
                "say one as `organizational_unit` or `domain_component`, or several as `organizational_units` or `domain_components`",
            );
        }
        let named = self.membership().iter().any(|(_, it)| !it.is_empty());
        (!named).then_some(
            "say what the members' certificates have in common: `organization`, `organizational_unit` or `domain_component`; \
             it is by these that mongod knows its own",
        )
    }

    /// What every member's certificate has in its name, from the largest to the smallest.
    pub(crate) fn membership(&self) -> Vec<(NamePart, &str)> {
        let components = self.domain_component.iter().chain(&self.domain_components).rev();
        let components = components.map(|it| (NamePart::DomainComponent, it.as_str()));
        let organization = self.organization.iter().map(|it| (NamePart::Organization, it.as_str()));
        let units = self.organizational_unit.iter().chain(&self.organizational_units);
        components
            .chain(organization)
            .chain(units.map(|it| (NamePart::OrganizationalUnit, it.as_str())))
            .collect()
    }

    /// Whether its key was lost with the state.
    pub(crate) fn is_lost(&self) -> bool {
        self.private_key_pem.is_empty()
    }

    /// A member's access for the next hour.
    pub(crate) fn member_access(&self) -> Result<ClientAccess, Error> {
        let bundle = self.minted().map_err(|error| {
            Error::from_error("make a certificate for the replica set", &error)
                .help("`authority` needs the certificate and the PKCS #8 private key (`BEGIN PRIVATE KEY`) of the same authority, as `tls_ca` gives them")
                .outcome(CallOutcome::Refused)
        })?;
        ClientAccess::with_bundle(&self.certificate_pem, &bundle)
    }

    /// The authority's certificate in its bare form.
    fn der(&self) -> Result<Vec<u8>, rcgen::Error> {
        let mut blocks =
            Pem::iter_from_buffer(self.certificate_pem.as_bytes()).filter_map(Result::ok);
        let certificate = blocks
            .find(|it| it.label == "CERTIFICATE")
            .ok_or(rcgen::Error::CouldNotParseCertificate)?;
        Ok(certificate.contents)
    }

    fn minted(&self) -> Result<Zeroizing<String>, rcgen::Error> {
        let authority = Issuer::from_ca_cert_pem(
            &self.certificate_pem,
            KeyPair::from_pem(&self.private_key_pem)?,
        )?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        params.not_before = date_time_ymd(1970, 1, 1) + now.saturating_sub(HEAD_START);
        params.not_after = date_time_ymd(1970, 1, 1) + (now + LIFETIME);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.use_authority_key_identifier_extension = true;
        let unnamed = params.signed_by(&key, &authority)?;
        let mut subject = self.membership();
        subject.push((NamePart::CommonName, "ha"));
        // The authority's own name may have parts twice as well.
        let issuer = subject_of(&self.der()?)?;
        let named = with_names(
            unnamed.der(),
            &issuer,
            &name(&subject),
            &KeyPair::from_pem(&self.private_key_pem)?,
        )?;
        let key = Zeroizing::new(key.serialize_pem());
        Ok(Zeroizing::new(format!("{}{}", *key, pem(&named))))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, DnType, IsCa};

    use super::*;

    fn authority() -> CertificateAuthority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        CertificateAuthority {
            certificate_pem: params.self_signed(&key).unwrap().pem(),
            private_key_pem: Secret(key.serialize_pem()),
            organization: Some("Example".into()),
            organizational_unit: Some("MongoDB".into()),
            domain_component: None,
            organizational_units: vec![],
            domain_components: vec![],
        }
    }

    #[test]
    fn a_minted_certificate_is_a_members_and_lives_an_hour() {
        let minted = authority().minted().unwrap();
        let block = Pem::iter_from_buffer(minted.as_bytes())
            .filter_map(Result::ok)
            .find(|it| it.label == "CERTIFICATE")
            .unwrap();
        let certificate = block.parse_x509().unwrap();
        let subject = certificate.subject();
        assert_eq!(subject.iter_organization().next().unwrap().as_str().unwrap(), "Example");
        assert_eq!(subject.iter_organizational_unit().next().unwrap().as_str().unwrap(), "MongoDB");
        let validity = certificate.validity();
        let seconds = validity.not_after.timestamp() - validity.not_before.timestamp();
        assert_eq!(seconds, 65 * 60);
        assert!(validity.is_valid());
    }

    #[test]
    fn a_minted_certificate_has_every_part_of_the_members_name() {
        let several = CertificateAuthority {
            organizational_unit: None,
            organizational_units: vec!["MongoDB".into(), "Data".into(), "Europe".into()],
            domain_components: vec!["db".into(), "example".into(), "com".into()],
            ..authority()
        };
        assert_eq!(several.problem(), None);
        let minted = several.minted().unwrap();
        let block = Pem::iter_from_buffer(minted.as_bytes())
            .filter_map(Result::ok)
            .find(|it| it.label == "CERTIFICATE")
            .unwrap();
        let certificate = block.parse_x509().unwrap();
        let expected =
            "DC=com, DC=example, DC=db, O=Example, OU=MongoDB, OU=Data, OU=Europe, CN=ha";
        assert_eq!(certificate.subject().to_string(), expected);
        let authority =
            Pem::iter_from_buffer(several.certificate_pem.as_bytes()).next().unwrap().unwrap();
        let authority = authority.parse_x509().unwrap();
        certificate.verify_signature(Some(authority.public_key())).unwrap();
        let both =
            CertificateAuthority { organizational_units: vec!["Data".into()], ..self::authority() };
        assert!(both.problem().is_some());
    }

    #[test]
    fn a_wrong_key_says_what_is_needed() {
        let wrong =
            CertificateAuthority { private_key_pem: Secret("no key".into()), ..authority() };
        let error = wrong.member_access().unwrap_err();
        assert!(error.help[0].contains("PKCS #8"));
        assert!(!error.to_string().contains("no key"));
        let nobody = CertificateAuthority {
            organization: None,
            organizational_unit: Some(String::new()),
            ..authority()
        };
        assert!(nobody.problem().is_some());
    }
}
