//! Paths to places inside a value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Name;

/// One step of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// To an element of a list or tuple, from 0.
    Index(usize),
    /// To an attribute of an object or an element of a map.
    Name(Name),
}

/// A place inside a value; the root is the value itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Path(Vec<PathStep>);

impl Path {
    /// The value itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// The root, with capacity for this many steps.
    #[must_use]
    pub fn with_capacity(steps: usize) -> Self {
        Self(Vec::with_capacity(steps))
    }

    /// The path of one attribute of the root.
    #[must_use]
    pub fn attribute(name: impl Into<Name>) -> Self {
        Self(vec![PathStep::Name(name.into())])
    }

    /// The steps from the root.
    #[must_use]
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Appends a step to an attribute.
    pub fn push_name(&mut self, name: Name) {
        self.0.push(PathStep::Name(name));
    }

    /// Appends a step to an element.
    pub fn push_index(&mut self, index: usize) {
        self.0.push(PathStep::Index(index));
    }

    /// Removes the last step.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The path of an attribute below this one.
    #[must_use]
    pub fn name(&self, name: impl Into<Name>) -> Self {
        let mut deeper = self.clone();
        deeper.push_name(name.into());
        deeper
    }

    /// The path of an element below this one.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        let mut deeper = self.clone();
        deeper.push_index(index);
        deeper
    }
}

/// As written in the language: `ingress[0].cidr_blocks`.
impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                PathStep::Index(index) => write!(f, "[{index}]")?,
                PathStep::Name(name) if position == 0 => f.write_str(name)?,
                PathStep::Name(name) => write!(f, ".{name}")?,
            }
        }
        Ok(())
    }
}
