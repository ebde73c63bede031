//! Versions of database engines, of which the configuration may name only the first parts.

use serde::{Deserialize, Deserializer, Serialize};

/// A version, such as `14.11`, or its first parts, such as `14`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct EngineVersion(String);

impl EngineVersion {
    /// The version as a string.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `actual` is this version or, part by part, begins with it: `14` covers `14.11` and
    /// not `140.1`. Under extended support a version has the day of its release at the end: `13.23`
    /// covers `13.23-rds.20260224`.
    pub(crate) fn covers(&self, actual: &str) -> bool {
        match actual.strip_prefix(self.0.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('.') || rest.starts_with("-rds."),
            None => false,
        }
    }

    /// The leading numeric parts.
    pub(crate) fn numbers(&self) -> Vec<u64> {
        self.0.split(['.', '-']).map_while(|it| it.parse().ok()).collect()
    }

    /// Whether it is lower than another, compared by the numeric parts.
    pub(crate) fn is_lower_than(&self, other: &Self) -> bool {
        let (own, others) = (self.numbers(), other.numbers());
        let common = own.len().min(others.len());
        own[..common] < others[..common]
    }
}

impl<'de> Deserialize<'de> for EngineVersion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(text.trim().trim_end_matches('.').to_owned()))
    }
}

impl From<&str> for EngineVersion {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

crate::string_schema::string_schema!(EngineVersion);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_parts_cover_a_full_version() {
        let covers = |version: &str, actual| EngineVersion::from(version).covers(actual);
        assert!(covers("14", "14.11") && covers("14.11", "14.11"));
        assert!(!covers("14", "140.1") && !covers("14.1", "14.11") && !covers("14.11", "14"));
        assert!(
            covers("13.23", "13.23-rds.20260224")
                && covers("13", "13.23-rds.20260224")
                && !covers("13.23", "13.23-other")
        );
    }

    #[test]
    fn versions_have_an_order() {
        let lower = |one: &str, other: &str| {
            EngineVersion::from(one).is_lower_than(&EngineVersion::from(other))
        };
        assert!(
            lower("8.0.32", "8.0.35")
                && lower("5.7", "8.0.35")
                && lower("14", "15.2")
                && lower("9.6", "10")
        );
        assert!(
            !lower("8.0", "8.0.35")
                && !lower("8.0.40", "8.0.35")
                && !lower("15", "14.11")
                && !lower("10", "9.6")
        );
    }
}
