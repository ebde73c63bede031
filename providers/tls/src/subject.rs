use ha_kind::{Path, Problem};
use rcgen::{DistinguishedName, DnType};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom a certificate is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Subject {
    /// The name people know it by (`CN`).
    pub(crate) common_name: Option<String>,
    /// The organization (`O`). MongoDB takes those with the same `O`, `OU` and `DC` for members of one set.
    pub(crate) organization: Option<String>,
    /// The part of the organization (`OU`).
    pub(crate) organizational_unit: Option<String>,
    /// The city (`L`).
    pub(crate) locality: Option<String>,
    /// The state or province (`ST`).
    pub(crate) province: Option<String>,
    /// The country, in two letters (`C`).
    pub(crate) country: Option<String>,
}

impl Subject {
    fn attributes(&self) -> [(&'static str, DnType, Option<&str>); 6] {
        let Self { common_name, organization, organizational_unit, locality, province, country } = self;
        [
            ("country", DnType::CountryName, country.as_deref()),
            ("province", DnType::StateOrProvinceName, province.as_deref()),
            ("locality", DnType::LocalityName, locality.as_deref()),
            ("organization", DnType::OrganizationName, organization.as_deref()),
            ("organizational_unit", DnType::OrganizationalUnitName, organizational_unit.as_deref()),
            ("common_name", DnType::CommonName, common_name.as_deref()),
        ]
    }

    /// The name as certificates write it, from the largest to the smallest.
    pub(crate) fn distinguished_name(&self) -> DistinguishedName {
        let mut name = DistinguishedName::new();
        for (_, attribute, text) in self.attributes() {
            if let Some(text) = text {
                name.push(attribute, text);
            }
        }
        name
    }

    /// What is wrong with it.
    pub(crate) fn problems(&self) -> Vec<Problem> {
        let at = Path::attribute("subject");
        let mut problems = Vec::new();
        if self.attributes().iter().all(|(_, _, text)| text.is_none()) {
            let message = "the subject is empty; give at least a `common_name`".to_owned();
            problems.push(Problem { path: at.clone(), message });
        }
        for (name, attribute, text) in self.attributes() {
            let Some(text) = text else { continue };
            // The upper bounds of RFC 5280, appendix A; OpenSSL refuses longer ones.
            let longest = match attribute {
                DnType::CountryName => 2,
                DnType::StateOrProvinceName | DnType::LocalityName => 128,
                _ => 64,
            };
            let length = text.chars().count();
            let message = match name {
                _ if text.trim() != text || text.is_empty() => "is empty or has spaces around it".to_owned(),
                _ if text.chars().any(char::is_control) => "has control characters in it".to_owned(),
                "country" if length != 2 || !text.chars().all(|it| it.is_ascii_uppercase()) => {
                    format!("is `{text}`, but a country is two upper-case letters, such as `DE`")
                }
                _ if length > longest => format!("has {length} characters, but certificates allow {longest}"),
                _ => continue,
            };
            problems.push(Problem { path: at.name(name), message: format!("`{name}` {message}") });
        }
        problems
    }

    /// Whether MongoDB could recognise a member of a set by it.
    pub(crate) fn names_members(&self) -> bool {
        self.organization.is_some() || self.organizational_unit.is_some()
    }
}
