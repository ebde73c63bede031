//! Checks of several blocks together: what one says that does not go with what another says.

use std::collections::BTreeMap;

use crate::ArgumentProblem;
use ha_value::{Address, Object, ResourceMode, Severity, Stretch, Value};

/// An instance of a block, with its arguments as a plan has them: parts may be unknown or secret.
#[derive(Clone, Copy, Debug)]
pub struct BlockInstance<'a> {
    /// The instance.
    pub address: &'a Address,
    /// Its arguments, filled with defaults, without those that are given to make it and left alone
    /// from then on.
    pub arguments: &'a Object,
    /// The service's name for it, where it is there and stays the same.
    pub id: Option<&'a str>,
    /// Whom its provider talks to: the same for two that are in the same place.
    pub provider: &'a str,
}

impl<'a> BlockInstance<'a> {
    /// The value at the end of these names, where it is there; unknowns and secrets too.
    #[must_use]
    pub fn get(&self, names: &[&str]) -> Option<&'a Value> {
        let (first, rest) = names.split_first()?;
        let first = self.arguments.get(*first)?;
        rest.iter().try_fold(first, |value, name| value.as_object()?.get(*name))
    }

    /// The text at the end of these names, where it is known and no secret.
    #[must_use]
    pub fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.get(names)?.as_str()
    }
}

/// Instances by one of their attributes, so that it is soon told which one another refers to.
pub struct ByAttribute<'a> {
    known: BTreeMap<(&'a str, &'a str), BlockInstance<'a>>,
    later: BTreeMap<Vec<Stretch>, BlockInstance<'a>>,
}

impl<'a> ByAttribute<'a> {
    /// These instances by an attribute: `id`, or an argument that is a string.
    #[must_use]
    pub fn new(attribute: &str, all: &[BlockInstance<'a>]) -> Self {
        let value =
            |it: &BlockInstance<'a>| if attribute == "id" { it.id } else { it.text(&[attribute]) };
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

    /// The instance whose attribute is this argument of another, also where both are not known yet.
    #[must_use]
    pub fn find(&self, other: &BlockInstance<'_>, argument: &str) -> Option<BlockInstance<'a>> {
        let value = other.get(&[argument])?;
        match (value.provenance(), value.as_str()) {
            (Some(stretches), _) => self.later.get(&stretches).copied(),
            (None, Some(text)) => self.known.get(&(other.provider, text)).copied(),
            (None, None) => None,
        }
    }
}

/// What does not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrossCheckProblem {
    /// The instance where it is told.
    pub address: Address,
    /// The place in it, and what is wrong.
    pub problem: ArgumentProblem,
    /// Whether nothing can be done until it is fixed.
    pub severity: Severity,
}

/// A check of all instances of certain kinds. It runs when the whole configuration has been
/// evaluated; what is unknown is given the benefit of the doubt.
#[derive(Clone, Copy)]
pub struct CrossCheck {
    /// The kinds that it looks at.
    pub kinds: &'static [(ResourceMode, &'static str)],
    /// The check.
    pub check: fn(&[BlockInstance<'_>]) -> Vec<CrossCheckProblem>,
}
