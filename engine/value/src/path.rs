//! Places inside a value.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Name;

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PathStep {
    /// Into a list or tuple.
    Index(usize),
    /// Into an object or map.
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

    /// The value itself, with room for so many steps.
    #[must_use]
    pub fn with_capacity(steps: usize) -> Self {
        Self(Vec::with_capacity(steps))
    }

    /// An attribute of the root.
    #[must_use]
    pub fn attribute(name: impl Into<Name>) -> Self {
        Self(vec![PathStep::Name(name.into())])
    }

    /// The steps from the root.
    #[must_use]
    pub fn steps(&self) -> &[PathStep] {
        &self.0
    }

    /// Goes one name deeper.
    pub fn push_name(&mut self, name: Name) {
        self.0.push(PathStep::Name(name));
    }

    /// Goes one index deeper.
    pub fn push_index(&mut self, index: usize) {
        self.0.push(PathStep::Index(index));
    }

    /// Goes one step back.
    pub fn pop(&mut self) {
        self.0.pop();
    }

    /// The place one name deeper.
    #[must_use]
    pub fn name(&self, name: impl Into<Name>) -> Self {
        let mut deeper = self.clone();
        deeper.push_name(name.into());
        deeper
    }

    /// The place one index deeper.
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
