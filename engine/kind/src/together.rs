//! Checks of several blocks together: what one says that does not go with what another says.

use crate::{Address, Mode, Object, Problem, Severity, Value};

/// An instance of a block, with its arguments as a plan has them: parts may be unknown or secret.
#[derive(Clone, Copy, Debug)]
pub struct Placed<'a> {
    /// The instance.
    pub address: &'a Address,
    /// Its arguments, filled with defaults.
    pub arguments: &'a Object,
}

impl<'a> Placed<'a> {
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

/// What does not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contradiction {
    /// The instance where it is told.
    pub address: Address,
    /// The place in it, and what is wrong.
    pub problem: Problem,
    /// Whether nothing can be done until it is mended.
    pub severity: Severity,
}

/// A check of all instances of certain kinds. It runs when the whole configuration has been evaluated; what is unknown
/// is given the benefit of the doubt.
#[derive(Clone, Copy)]
pub struct Together {
    /// The kinds that it looks at.
    pub kinds: &'static [(Mode, &'static str)],
    /// The check.
    pub check: fn(&[Placed<'_>]) -> Vec<Contradiction>,
}
