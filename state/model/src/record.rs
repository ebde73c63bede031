//! What is known of one thing.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use ha_value::{Address, Name, Object, Value};
use serde::{Deserialize, Serialize};

use crate::Dependencies;

/// Everything known of one instance. All of it is known; unknown exists in plans alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which instance.
    pub address: Address,
    /// The provider that made it.
    pub provider: ProviderName,
    /// The service's name for it.
    pub id: String,
    /// Its arguments as last applied or seen, sensitive marks inline.
    pub arguments: Object,
    /// The arguments that the configuration set, with this apply or an earlier one: only these can
    /// differ by being left out.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub configured: BTreeSet<Name>,
    /// What the service added, sensitive marks inline.
    pub outputs: Object,
    /// The blocks it refers to directly.
    #[serde(default, skip_serializing_if = "Dependencies::is_empty")]
    pub dependencies: Dependencies,
    /// Whether it is to be replaced because something about it failed or the operator said so.
    #[serde(default, skip_serializing_if = "is_false")]
    pub tainted: bool,
    /// Whether its successor is made before it is deleted.
    #[serde(default, skip_serializing_if = "is_false")]
    pub create_before_destroy: bool,
    /// Whether a plan that deletes it is refused.
    #[serde(default, skip_serializing_if = "is_false")]
    pub prevent_destroy: bool,
    /// How long operations on it may take, as the configuration said with the last apply: `delete =
    /// "1h"`.
    #[serde(default, skip_serializing_if = "Object::is_empty")]
    pub timeouts: Object,
    /// The number of the frame that wrote it; folding a frame sets it.
    pub version: u64,
}

/// A provider configuration, as the language names it: `aws`, or `aws.west` for one with an alias,
/// behind the modules that it is written in: `module.net.aws.west`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderName {
    /// The modules on the way to where it is configured, outermost first; empty for the root.
    pub module: Arc<[Name]>,
    /// The provider.
    pub name: Name,
    /// Which of its configurations, where there are several.
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

/// An output of the configuration's root.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutputRecord {
    /// Its value, sensitive marks inline.
    pub value: Value,
    /// Whether the configuration calls it sensitive.
    pub sensitive: bool,
}

/// What stands in the place of the service's name for something of which only the state knew what
/// it was.
const LOST: &str = "(lost)";

impl Record {
    /// This record of something that was lost with the state: it is there, and no one knows what it
    /// was.
    #[must_use]
    pub fn lost(self) -> Self {
        Self { id: LOST.into(), tainted: true, ..self }
    }

    /// Whether no one knows any more what it was.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        self.tainted && self.id == LOST
    }

    /// Keeps no names of its own that are the same in another record, such as one of the same
    /// block.
    pub fn share(&mut self, other: &Self) {
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
    /// The configuration without an alias.
    #[must_use]
    pub fn new(name: impl Into<Name>) -> Self {
        Self { module: Arc::new([]), name: name.into(), alias: None }
    }

    /// The configuration with this alias.
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
    fn providers_read_back_as_written() {
        for text in ["aws", "aws.west", "module.net.aws", "module.net.module.inner.aws.west"] {
            let name: ProviderName = text.parse().unwrap();
            assert_eq!(name.to_string(), text);
            assert_eq!(name.module.len(), text.matches("module.").count());
            assert_eq!(name.alias.is_some(), text.ends_with(".west"));
        }
    }
}
