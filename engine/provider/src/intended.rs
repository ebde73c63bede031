//! Planned changes, as a provider gets them to say what its service would refuse.

use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use crate::ResourceDescription;
use crate::hooks::{named, written};
use ha_value::Name;
use ha_value::{Action, Object};

/// A planned change of one resource. It holds secrets in clear, so it has no `Debug`.
#[derive(Clone)]
pub struct IntendedChange {
    /// The action.
    pub kind: Name,
    /// The action.
    pub action: Action,
    before: Option<Json>,
    after: Option<Json>,
}

impl IntendedChange {
    /// Returns a change between these attributes, arguments and outputs; some may be unknown.
    #[must_use]
    pub fn new(
        described: &ResourceDescription,
        action: Action,
        before: Option<&Object>,
        after: Option<&Object>,
    ) -> Self {
        // Marks are removed here: the service compares plain values, and the answer is redacted
        // before it is shown.
        let readable = |it: &Object| written(described.schema(), it);
        Self {
            kind: described.kind.clone(),
            action,
            before: before.map(readable),
            after: after.map(readable),
        }
    }

    /// Reads the attributes before the change; none for a create, or where fields are unknown.
    #[must_use]
    pub fn before<N: DeserializeOwned>(&self) -> Option<N> {
        named(self.before.as_ref()?)
    }

    /// Reads the attributes after the change; none for a delete, or where fields are unknown.
    #[must_use]
    pub fn after<N: DeserializeOwned>(&self) -> Option<N> {
        named(self.after.as_ref()?)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{ResourceHooks, Schema};
    use ha_value::{Type, Value};

    #[derive(serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
    struct Thing {
        name: String,
        #[serde(default)]
        parts: BTreeSet<String>,
    }

    #[derive(serde::Deserialize)]
    struct Parts {
        #[serde(default)]
        parts: BTreeSet<String>,
    }

    #[test]
    fn reads_structs_whose_fields_are_known() {
        let described = ResourceDescription::new(
            "thing",
            "test",
            Schema::derive::<Thing, crate::NoSettings>(),
            ResourceHooks::new(),
        );
        let name = Value::unknown(Type::String, None);
        let after = Object::from([
            ("name".into(), name),
            ("parts".into(), Value::tuple([Value::from("a").sensitive()])),
        ]);
        let intended = IntendedChange::new(&described, Action::Create, None, Some(&after));
        assert!(intended.after::<Thing>().is_none() && intended.before::<Parts>().is_none());
        assert_eq!(intended.after::<Parts>().unwrap().parts, ["a".to_owned()].into());
    }
}
