//! Checks of several blocks together: contradictions between them.

use std::collections::BTreeMap;

use crate::ArgumentProblem;
use ha_value::{Address, Object, ResourceMode, Severity, Stretch, Value};

/// An instance with its planned arguments, which may be unknown or secret.
#[derive(Clone, Copy, Debug)]
pub struct BlockInstance<'a> {
    /// The address.
    pub address: &'a Address,
    /// The arguments with defaults, without those that are ignored after the create.
    pub arguments: &'a Object,
    /// The id, where the object exists and is not replaced.
    pub id: Option<&'a str>,
    /// The connection of its provider: equal for instances in the same place.
    pub provider: &'a str,
}

impl<'a> BlockInstance<'a> {
    /// Returns the value at a path of names, unknown and secret ones included.
    #[must_use]
    pub fn get(&self, names: &[&str]) -> Option<&'a Value> {
        let (first, rest) = names.split_first()?;
        let first = self.arguments.get(*first)?;
        rest.iter().try_fold(first, |value, name| value.as_object()?.get(*name))
    }

    /// Returns the string at a path of names, where it is known and not secret.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.get(names)?.as_str()
    }
}

/// Instances by one attribute, to find the target of a reference without scanning all of them.
pub struct ByAttribute<'a> {
    known: BTreeMap<(&'a str, &'a str), BlockInstance<'a>>,
    later: BTreeMap<Vec<Stretch>, BlockInstance<'a>>,
}

impl<'a> ByAttribute<'a> {
    /// Indexes instances by `id` or by a string argument.
    #[must_use]
    pub fn new(attribute: &str, all: &[BlockInstance<'a>]) -> Self {
        let value =
            |it: &BlockInstance<'a>| if attribute == "id" { it.id } else { it.text(&[attribute]) };
        // A reference to an unknown attribute has the same origin as the attribute itself, so both
        // can be matched before the value is known.
        let later = |it: &BlockInstance<'a>| {
            let itself =
                Some(vec![Stretch::Attribute(format!("{}.{attribute}", it.address).into())]);
            let given = it.get(&[attribute]).and_then(Value::provenance);
            [itself, given]
                .into_iter()
                .flatten()
                .map(|stretches| (stretches, *it))
                .collect::<Vec<_>>()
        };
        Self {
            known: all.iter().filter_map(|it| Some(((it.provider, value(it)?), *it))).collect(),
            later: all.iter().flat_map(later).collect(),
        }
    }

    /// Returns the instance whose attribute equals an argument of another one. Unknown values are
    /// equal if they have the same origin.
    #[must_use]
    pub fn find(&self, other: &BlockInstance<'_>, argument: &str) -> Option<BlockInstance<'a>> {
        let value = other.get(&[argument])?;
        // Unknown values are compared by origin alone: that works across providers, while known
        // names are unique within one.
        match (value.provenance(), value.as_str()) {
            (Some(stretches), _) => self.later.get(&stretches).copied(),
            (None, Some(text)) => self.known.get(&(other.provider, text)).copied(),
            (None, None) => None,
        }
    }
}

/// A contradiction between blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossCheckProblem {
    /// The instance to report it at.
    pub address: Address,
    /// The argument and the message.
    pub problem: ArgumentProblem,
    /// Whether it prevents a plan.
    pub severity: Severity,
}

/// A check of all instances of certain kinds, which runs once the whole configuration has been
/// evaluated. Unknown values must be accepted.
#[derive(Clone, Copy)]
pub struct CrossCheck {
    /// The kinds to pass to the check.
    pub kinds: &'static [(ResourceMode, &'static str)],
    /// The check; returns the contradictions.
    pub check: fn(&[BlockInstance<'_>]) -> Vec<CrossCheckProblem>,
}
