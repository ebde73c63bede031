//! Records: what is known of one instance, provider or output.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ha_value::{Address, Name, Object, Value};
use serde::{Deserialize, Serialize};

use crate::Dependencies;

/// Everything that is known of one instance. Holds known values only.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The address of the instance.
    pub address: Address,
    /// The provider that created it.
    pub provider: ProviderName,
    /// The id that the service gave it.
    pub id: String,
    /// The arguments as last applied or refreshed, sensitive marks inline.
    pub arguments: Object,
    /// The arguments that the configuration set, with this apply or an earlier one. Only these
    /// differ when the configuration leaves them out; others were never its own.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub configured: BTreeSet<Name>,
    /// The attributes that the service added, sensitive marks inline.
    pub outputs: Object,
    /// The blocks that the instance refers to directly.
    #[serde(default, skip_serializing_if = "Dependencies::is_empty")]
    pub dependencies: Dependencies,
    /// Whether the next plan replaces it, because it is incomplete or the operator asked for that.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tainted: bool,
    /// Whether a successor is created before the instance is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_before_destroy: bool,
    /// Whether a plan that deletes the instance is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prevent_destroy: bool,
    /// The time limits of operations, as configured at the last apply: `delete = "1h"`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub timeouts: Object,
    /// The number of the frame that wrote it, set when the frame is folded. A plan is stale when
    /// the version of a record that it uses differs.
    pub version: u64,
}

/// The name of a provider configuration: `aws`, `aws.west` with an alias, `module.net.aws.west` in
/// a module.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName {
    /// The modules that contain it, outermost first; empty for the root module.
    pub module: Arc<[Name]>,
    /// The provider's name.
    pub name: Name,
    /// The alias; none for the default configuration.
    pub alias: Option<Name>,
}

/// A provider configuration as last used: what refresh and deletion connect with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ProviderRecord {
    /// Its settings, sensitive marks inline.
    pub settings: Object,
    /// The blocks its settings refer to directly.
    #[serde(default, skip_serializing_if = "Dependencies::is_empty")]
    pub dependencies: Dependencies,
}

/// An output of the root module.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Its value, sensitive marks inline.
    pub value: Value,
    /// Whether the configuration calls it sensitive.
    pub sensitive: bool,
}

/// The id of a record whose real id was lost with the state.
const LOST: &str = "(lost)";

impl Record {
    /// Marks a record as lost: the object may exist, but its id was in the lost state alone.
    #[must_use]
    pub fn lost(self) -> Self {
        Self { id: LOST.into(), tainted: true, ..self }
    }

    /// Whether the id was lost with the state.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.tainted && self.id == LOST
    }

    /// Shares equal names and values with another record, mostly a neighbour of the same block: the
    /// records of one block would otherwise hold thousands of copies of the same names.
    pub fn share(&mut self, other: &Self) {
        // Both values are equal, so replacing one by a clone of the other only shares its memory.
        share(&mut self.address.block, &other.address.block);
        share(&mut self.provider, &other.provider);
        share(&mut self.configured, &other.configured);
        self.arguments.share_names(&other.arguments);
        self.outputs.share_names(&other.outputs);
        self.timeouts.share_names(&other.timeouts);
        share(&mut self.dependencies, &other.dependencies);
    }
}

fn share<T: PartialEq + Clone>(own: &mut T, other: &T) {
    if own == other {
        *own = other.clone();
    }
}

impl ProviderName {
    /// The default configuration of a provider.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { module: Arc::new([]), name: name.into(), alias: None }
    }

    /// The configuration of a provider with this alias.
    #[must_use]
    pub fn aliased(name: impl Into<Name>, alias: impl Into<Name>) -> Self {
        Self { alias: Some(alias.into()), ..Self::new(name) }
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.module.iter().try_for_each(|it| write!(f, "module.{it}."))?;
        f.write_str(&self.name)?;
        self.alias.as_ref().map_or(Ok(()), |alias| write!(f, ".{alias}"))
    }
}

impl FromStr for ProviderName {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut module, mut rest) = (Vec::new(), text);
        while let Some((name, inside)) =
            rest.strip_prefix("module.").and_then(|it| it.split_once('.'))
        {
            module.push(Name::from(name));
            rest = inside;
        }
        let name = match rest.split_once('.') {
            Some((name, alias)) => Self::aliased(name, alias),
            None => Self::new(rest),
        };
        Ok(Self { module: module.into(), ..name })
    }
}

impl Serialize for ProviderName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ProviderName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(text.parse().unwrap_or_else(|never| match never {}))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(crate) fn is_false(it: &bool) -> bool {
    !*it
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_names_parse_back() {
        for text in ["aws", "aws.west", "module.net.aws", "module.net.module.inner.aws.west"] {
            let name: ProviderName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.module.len(), text.matches("module.").count());
            assert_eq!(name.alias.is_some(), text.ends_with(".west"));
        }
    }
}
