//! Versions of database engines, of which the configuration may name the beginning.

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize};

/// A version, such as `14.11`, or the beginning of one, such as `14`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct EngineVersion(String);

impl EngineVersion {
    /// The version as text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `actual` is this version or, part by part, begins with it: `14` covers `14.11` and not `140.1`.
    pub(crate) fn covers(&self, actual: &str) -> bool {
        match actual.strip_prefix(self.0.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with('.'),
            None => false,
        }
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

impl JsonSchema for EngineVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "EngineVersion".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<String>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_covers_what_begins_with_it() {
        let covers = |version: &str, actual| EngineVersion::from(version).covers(actual);
        assert!(covers("14", "14.11") && covers("14.11", "14.11"));
        assert!(!covers("14", "140.1") && !covers("14.1", "14.11") && !covers("14.11", "14"));
    }
}
