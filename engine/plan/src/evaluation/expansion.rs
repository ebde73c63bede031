//! The instances of a block or a module.

use ha_diagnostics::Diagnostic;
use ha_lang::ResourceBlock;
use ha_value::{InstanceKey, Name, Type, Value};

/// The limit for instances of one block and of the whole configuration. More of them come from a
/// mistake and would exhaust the memory.
pub(crate) const MOST: usize = 250_000;

/// The instances of a block or a module, from `count`, `for_each` and `enabled`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expansion {
    /// One instance without a key.
    Single,
    /// No instance: `enabled` is false.
    Absent,
    /// This many instances.
    Count(usize),
    /// One instance for each key, in the order of the keys.
    ForEach(Vec<(Name, Value)>),
}

/// Why the instances cannot be determined.
#[derive(Debug)]
pub(crate) struct ExpansionError {
    /// The errors.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether the only reason is a value that is not known yet.
    pub(crate) waits: bool,
}

impl From<Vec<Diagnostic>> for ExpansionError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, waits: false }
    }
}

impl Expansion {
    /// Returns one instance with unknown values for a block whose instances are not known, so that
    /// `check` can evaluate its arguments.
    pub(crate) fn stand_in(block: &ResourceBlock) -> Self {
        match (&block.count, &block.for_each) {
            (Some(_), _) => Expansion::Count(1),
            (None, Some(_)) => Expansion::ForEach(vec![(
                "key".into(),
                Value::unknown(Type::Any, Some("each.value".into())),
            )]),
            (None, None) => Expansion::Single,
        }
    }

    /// Returns the number of instances.
    pub(crate) fn len(&self) -> usize {
        match self {
            Expansion::Single => 1,
            Expansion::Absent => 0,
            Expansion::Count(count) => *count,
            Expansion::ForEach(items) => items.len(),
        }
    }

    /// Returns the key of the instance at a place.
    pub(crate) fn key(&self, place: usize) -> InstanceKey {
        match self {
            Expansion::Single | Expansion::Absent => InstanceKey::None,
            Expansion::Count(_) => InstanceKey::Index(place as u64),
            Expansion::ForEach(items) => InstanceKey::Name(items[place].0.clone()),
        }
    }

    /// Returns the keys in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = InstanceKey> {
        (0..self.len()).map(|place| self.key(place))
    }

    /// Returns the place of a key.
    pub(crate) fn place(&self, key: &InstanceKey) -> Option<usize> {
        match (self, key) {
            (Expansion::Single, InstanceKey::None) => Some(0),
            (Expansion::Count(count), InstanceKey::Index(index)) => {
                usize::try_from(*index).ok().filter(|it| it < count)
            }
            (Expansion::ForEach(items), InstanceKey::Name(name)) => {
                // Items are sorted by key, since they come from a map or a set; a plan of n
                // instances looks up n keys.
                items.binary_search_by(|(it, _)| it.cmp(name)).ok()
            }
            _ => None,
        }
    }

    /// Returns the place for an index in an expression. Numbers and strings are converted as the
    /// language does.
    pub(crate) fn indexed(&self, index: &InstanceKey) -> Option<usize> {
        // The language treats `"0"` and `0` as the same index, so both forms are looked up.
        match (self, index) {
            (Expansion::Count(_), InstanceKey::Name(text)) => {
                let number = text.parse::<ha_value::Number>().ok()?.as_i64()?;
                self.place(&InstanceKey::Index(number.try_into().ok()?))
            }
            (Expansion::ForEach(_), InstanceKey::Index(index)) => {
                self.place(&InstanceKey::Name(index.to_string().into()))
            }
            _ => self.place(index),
        }
    }

    /// Returns the value of `each.value` for an instance.
    pub(crate) fn each(&self, place: usize) -> Option<&Value> {
        match self {
            Expansion::ForEach(items) => items.get(place).map(|(_, it)| it),
            _ => None,
        }
    }

    /// Whether all values of `each.value` are known.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            Expansion::ForEach(items) => items.iter().all(|(_, it)| it.is_wholly_known()),
            _ => true,
        }
    }

    /// Combines the values of all instances: one value, a tuple or an object.
    pub(crate) fn whole(&self, value: impl Fn(usize) -> Value) -> Value {
        match self {
            Expansion::Single => value(0),
            Expansion::Absent => Value::NULL,
            Expansion::Count(count) => Value::tuple((0..*count).map(value)),
            Expansion::ForEach(items) => Value::object(
                items.iter().enumerate().map(|(place, (name, _))| (name.clone(), value(place))),
            ),
        }
    }
}
