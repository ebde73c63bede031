use ha_provider::ArgumentProblem;
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::names::{NamePart, name};

/// The subject of a certificate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct CertificateSubject {
    /// The common name (`CN`).
    pub(crate) common_name: Option<String>,
    /// The organization (`O`). MongoDB recognises certificates with the same `O`, `OU` and `DC` as
    /// members of one replica set.
    pub(crate) organization: Option<String>,
    /// The organizational unit (`OU`).
    pub(crate) organizational_unit: Option<String>,
    /// The organizational units, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) organizational_units: Vec<String>,
    /// The domain components (`DC`): `["example", "com"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) domain_components: Vec<String>,
    /// The city (`L`).
    pub(crate) locality: Option<String>,
    /// The state or province (`ST`).
    pub(crate) province: Option<String>,
    /// The country, in two letters (`C`).
    pub(crate) country: Option<String>,
}

impl CertificateSubject {
    /// Its attributes with their arguments, from the country to the common name.
    fn attributes(&self) -> Vec<(&'static str, NamePart, &str)> {
        let Self { common_name, organization, locality, province, country, .. } = self;
        let Self { organizational_unit, organizational_units, domain_components, .. } = self;
        let mut all: Vec<(&'static str, NamePart, &str)> = Vec::new();
        let texts = [
            ("country", NamePart::Country, country),
            ("province", NamePart::Province, province),
            ("locality", NamePart::Locality, locality),
        ];
        all.extend(
            texts.into_iter().filter_map(|(name, part, text)| Some((name, part, text.as_deref()?))),
        );
        all.extend(
            domain_components
                .iter()
                .rev()
                .map(|it| ("domain_components", NamePart::DomainComponent, it.as_str())),
        );
        all.extend(
            organization.iter().map(|it| ("organization", NamePart::Organization, it.as_str())),
        );
        all.extend(
            organizational_unit
                .iter()
                .map(|it| ("organizational_unit", NamePart::OrganizationalUnit, it.as_str())),
        );
        all.extend(
            organizational_units
                .iter()
                .map(|it| ("organizational_units", NamePart::OrganizationalUnit, it.as_str())),
        );
        all.extend(common_name.iter().map(|it| ("common_name", NamePart::CommonName, it.as_str())));
        all
    }

    /// The name as certificates write it.
    pub(crate) fn name(&self) -> Vec<u8> {
        let parts: Vec<(NamePart, &str)> =
            self.attributes().into_iter().map(|(_, part, text)| (part, text)).collect();
        name(&parts)
    }

    /// What is wrong with it.
    pub(crate) fn problems(&self) -> Vec<ArgumentProblem> {
        let at = Path::attribute("subject");
        let mut problems = Vec::new();
        let attributes = self.attributes();
        if attributes.is_empty() {
            let message = "the subject is empty; give at least a `common_name`".to_owned();
            problems.push(ArgumentProblem { path: at.clone(), message });
        }
        if self.organizational_unit.is_some() && !self.organizational_units.is_empty() {
            let message =
                "say one as `organizational_unit`, or several as `organizational_units`".to_owned();
            problems.push(ArgumentProblem { path: at.name("organizational_units"), message });
        }
        for (name, part, text) in attributes {
            let message = wrong(part, text).map(|it| format!("`{name}` {it}"));
            problems
                .extend(message.map(|message| ArgumentProblem { path: at.name(name), message }));
        }
        problems
    }

    /// Whether MongoDB can recognise a member of a replica set by it.
    pub(crate) fn names_members(&self) -> bool {
        let members =
            [NamePart::Organization, NamePart::OrganizationalUnit, NamePart::DomainComponent];
        self.attributes().iter().any(|(_, part, _)| members.contains(part))
    }
}

/// What is wrong with an attribute. The upper bounds are those of RFC 5280, appendix A; OpenSSL
/// refuses longer ones.
fn wrong(part: NamePart, text: &str) -> Option<String> {
    let longest = match part {
        NamePart::Country => 2,
        NamePart::Province | NamePart::Locality => 128,
        _ => 64,
    };
    let length = text.chars().count();
    Some(match part {
        _ if text.trim() != text || text.is_empty() => {
            "is empty or has spaces around it".to_owned()
        }
        _ if text.chars().any(char::is_control) => "has control characters in it".to_owned(),
        NamePart::Country if length != 2 || !text.chars().all(|it| it.is_ascii_uppercase()) => {
            format!("is `{text}`, but a country is two upper-case letters, such as `DE`")
        }
        NamePart::DomainComponent if text.contains('.') => {
            format!(
                "has `{text}` in it, but each part of a domain stands alone: `[\"example\", \"com\"]`"
            )
        }
        _ if length > longest => {
            format!("has {length} characters, but certificates allow {longest}")
        }
        _ => return None,
    })
}
