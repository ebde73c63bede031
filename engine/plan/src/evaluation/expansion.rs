//! How often a block or a module is there: `count`, `for_each` and `enabled`.

use ha_diagnostics::Diagnostic;
use ha_lang::ResourceBlock;
use ha_value::{InstanceKey, Name, Type, Value};

/// More instances than this, of one block or of all together, are a mistake: they would fill any
/// memory.
pub(crate) const MOST: usize = 250_000;

/// How often a block or a module is there.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expansion {
    /// Once.
    Single,
    /// Not at all, where it might be once: `enabled`.
    Absent,
    /// So many times.
    Count(usize),
    /// Once for each of these, in the order of their names.
    ForEach(Vec<(Name, Value)>),
}

/// Why it cannot be said how often a block is there.
#[derive(Debug)]
pub(crate) struct ExpansionError {
    /// What to tell whoever wrote it.
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether it only waits for something that is not known yet.
    pub(crate) waits: bool,
}

impl From<Vec<Diagnostic>> for ExpansionError {
    fn from(diagnostics: Vec<Diagnostic>) -> Self {
        Self { diagnostics, waits: false }
    }
}

impl Expansion {
    /// One instance of a block of which no one knows yet how often it is there.
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

    /// How many instances there are.
    pub(crate) fn len(&self) -> usize {
        match self {
            Expansion::Single => 1,
            Expansion::Absent => 0,
            Expansion::Count(count) => *count,
            Expansion::ForEach(items) => items.len(),
        }
    }

    /// The key of an instance, by its place among them.
    pub(crate) fn key(&self, place: usize) -> InstanceKey {
        match self {
            Expansion::Single | Expansion::Absent => InstanceKey::None,
            Expansion::Count(_) => InstanceKey::Index(place as u64),
            Expansion::ForEach(items) => InstanceKey::Name(items[place].0.clone()),
        }
    }

    /// The instances' keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = InstanceKey> {
        (0..self.len()).map(|place| self.key(place))
    }

    /// The place among the instances that a key has.
    pub(crate) fn place(&self, key: &InstanceKey) -> Option<usize> {
        match (self, key) {
            (Expansion::Single, InstanceKey::None) => Some(0),
            (Expansion::Count(count), InstanceKey::Index(index)) => {
                usize::try_from(*index).ok().filter(|it| it < count)
            }
            (Expansion::ForEach(items), InstanceKey::Name(name)) => {
                items.binary_search_by(|(it, _)| it.cmp(name)).ok()
            }
            _ => None,
        }
    }

    /// The place among the instances that an index has, which is a number or a string as an
    /// expression gave it.
    pub(crate) fn indexed(&self, index: &InstanceKey) -> Option<usize> {
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

    /// What `each.value` is for an instance.
    pub(crate) fn each(&self, place: usize) -> Option<&Value> {
        match self {
            Expansion::ForEach(items) => items.get(place).map(|(_, it)| it),
            _ => None,
        }
    }

    /// Whether every value that `each.value` can be is known.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            Expansion::ForEach(items) => items.iter().all(|(_, it)| it.is_wholly_known()),
            _ => true,
        }
    }

    /// What stands for all instances together, each value by its place.
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
