//! What is asked of collections again and again, kept with them. A chain of values, each inside of
//! the next, would otherwise be walked from end to end at each link.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{self, AtomicU64};

use once_cell::race::OnceBox;

use crate::{TextPart, Type, Value};

/// What holds for a value with all that is in it.
#[derive(Clone, Copy, Default)]
pub(crate) struct ValueFacts(u64);

impl ValueFacts {
    const WORKED_OUT: u64 = 1;
    const UNKNOWN: u64 = 1 << 1;
    const SENSITIVE: u64 = 1 << 2;
    const MARKED: u64 = 1 << 3;
    const OPEN: u64 = 1 << 4;
    /// Something in it shows no type by itself and has none declared.
    const LOOSE: u64 = 1 << 5;
    const FLAGS: u64 = 0xff;
    /// Where the bits begin that say whether collections are in collections.
    const NESTED: u64 = 1 << 8;
    /// Where the bits begin that say how many elements there are.
    const SIZE: u32 = 32;

    pub(crate) fn compute(value: &Value) -> Self {
        match value {
            Value::List(items) if items.is_empty() && !items.is_declared() => Self(Self::LOOSE),
            Value::Set(items) if items.is_empty() && !items.is_declared() => Self(Self::LOOSE),
            Value::Map(items) if items.is_empty() && items.declaration().known().is_none() => {
                Self(Self::LOOSE)
            }
            Value::Null(of) if of.known().is_none() => Self(Self::LOOSE),
            Value::List(items) | Value::Tuple(items) => items.facts(),
            Value::Set(items) => items.facts(),
            Value::Map(items) | Value::Object(items) => items.facts(),
            Value::Sensitive(inner) => {
                Self::gathered([&**inner]).with(Self::SENSITIVE | Self::MARKED)
            }
            Value::Composed(parts) => {
                let secret =
                    if parts.iter().any(TextPart::is_secret) { Self::SENSITIVE } else { 0 };
                let is_open = parts.iter().any(|it| matches!(it, TextPart::Unknown { .. }));
                Self(Self::MARKED | secret | if is_open { Self::UNKNOWN } else { 0 })
            }
            Value::Unknown(it) => {
                Self(Self::UNKNOWN | if it.ty.has_any() { Self::OPEN } else { 0 })
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Null(_) => {
                Self::default()
            }
        }
    }

    /// Those of something that holds these.
    fn gathered<'v>(items: impl IntoIterator<Item = &'v Value>) -> Self {
        let (mut flags, mut size) = (0, 0_u32);
        for item in items {
            let facts = Self::compute(item);
            let nested = if facts.size() > 0 { Self::NESTED } else { 0 };
            flags |= facts.0 & Self::FLAGS | nested | facts.0 & Self::NESTED;
            size = size.saturating_add(1).saturating_add(facts.size());
        }
        Self(flags | u64::from(size) << Self::SIZE)
    }

    fn with(self, flags: u64) -> Self {
        Self(self.0 | flags)
    }

    fn has(self, flag: u64) -> bool {
        self.0 & flag != 0
    }

    pub(crate) fn is_wholly_known(self) -> bool {
        !self.has(Self::UNKNOWN)
    }

    pub(crate) fn contains_sensitive(self) -> bool {
        self.has(Self::SENSITIVE)
    }

    pub(crate) fn is_marked(self) -> bool {
        self.has(Self::MARKED)
    }

    pub(crate) fn may_be_anything(self) -> bool {
        self.has(Self::OPEN)
    }

    /// Whether collections are in it, so that its type is kept.
    pub(crate) fn is_nested(self) -> bool {
        self.has(Self::NESTED)
    }

    /// Whether all in it has the type that it is told to have, so that there is nothing left to
    /// convert.
    pub(crate) fn is_typed(self) -> bool {
        !self.has(Self::LOOSE | Self::OPEN)
    }

    /// How many elements there are, in all depths. What is shared counts each time.
    pub(crate) fn size(self) -> u32 {
        u32::try_from(self.0 >> Self::SIZE).expect("the other bits are shifted out")
    }
}

/// What a collection keeps of what was asked of it. It says nothing that the elements do not say:
/// all are equal.
#[derive(Default)]
pub(crate) struct CachedElements {
    facts: AtomicU64,
    /// Worked out twice where two ask at once, which is the same both times.
    ty: OnceBox<Type>,
}

impl CachedElements {
    /// Nothing yet.
    pub(crate) const fn nothing() -> Self {
        Self { facts: AtomicU64::new(0), ty: OnceBox::new() }
    }

    /// The facts of what has these elements.
    pub(crate) fn facts<'v>(&self, items: impl IntoIterator<Item = &'v Value>) -> ValueFacts {
        match self.facts.load(atomic::Ordering::Relaxed) {
            0 => {
                let facts = ValueFacts::gathered(items);
                self.facts.store(facts.with(ValueFacts::WORKED_OUT).0, atomic::Ordering::Relaxed);
                facts
            }
            known => ValueFacts(known & !ValueFacts::WORKED_OUT),
        }
    }

    /// The type of what has these facts. That of few elements is worked out as soon as it is looked
    /// up.
    pub(crate) fn ty(&self, facts: ValueFacts, work_out: impl FnOnce() -> Type) -> Type {
        match facts.is_nested() {
            true => self.ty.get_or_init(|| Box::new(work_out())).clone(),
            false => work_out(),
        }
    }

    /// Forgets what is going to change.
    pub(crate) fn forget(&mut self) {
        *self.facts.get_mut() = 0;
        self.ty = OnceBox::new();
    }
}

/// A copy is made to be changed.
impl Clone for CachedElements {
    fn clone(&self) -> Self {
        Self::nothing()
    }
}

impl PartialEq for CachedElements {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for CachedElements {}

impl PartialOrd for CachedElements {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CachedElements {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for CachedElements {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Object, convert};

    /// Each value twice in the next, often enough that no one could look at all of it.
    fn doubled(inner: Value, around: impl Fn([Value; 2]) -> Value) -> Value {
        (0..100).fold(inner, |it, _| around([it.clone(), it]))
    }

    #[test]
    fn nothing_is_looked_at_twice() {
        let named = |[a, b]: [Value; 2]| Value::object([("a".into(), a), ("b".into(), b)]);
        let mapped = |[a, b]: [Value; 2]| {
            Value::Map(std::sync::Arc::new(Object::from([("a".into(), a), ("b".into(), b)])))
        };
        let plain = [
            doubled(Value::from("x"), Value::tuple),
            doubled(Value::from("x"), Value::list),
            doubled(Value::from("x"), named),
            doubled(Value::from("x"), mapped),
        ];
        for value in plain {
            assert_eq!(value.size(), u32::MAX as usize);
            assert!(
                value.is_wholly_known()
                    && !value.contains_sensitive()
                    && !value.is_marked()
                    && !value.may_be_anything()
            );
            assert!(!matches!(Type::of_value(&value), Type::Any));
            assert_eq!(Type::of_value(&value), Type::of_value(&value));
            assert_eq!(
                convert(&value, &Type::of_value(&value)).map(|it| it.size()),
                Ok(value.size())
            );
        }
        let secret = doubled(Value::unknown(Type::Any, None).sensitive(), Value::tuple);
        assert!(
            !secret.is_wholly_known()
                && secret.contains_sensitive()
                && secret.is_marked()
                && secret.may_be_anything()
        );
    }

    #[test]
    fn what_changes_is_looked_at_again() {
        let mut object = Object::from([("a".into(), Value::from(1))]);
        assert!(Value::object(object.clone()).is_wholly_known() && object.facts().size() == 1);
        object.insert("b".into(), Value::unknown(Type::Any, None));
        assert!(!object.facts().is_wholly_known() && object.facts().size() == 2);
        object.remove("b");
        assert!(object.facts().is_wholly_known());
        *object.get_mut("a").expect("it is there") = Value::from(1).sensitive();
        assert!(object.facts().contains_sensitive());
        object.values_mut().for_each(|it| *it = Value::NULL);
        assert!(!object.facts().contains_sensitive());
        object.retain(|_, _| false);
        assert_eq!(object.facts().size(), 0);
    }
}
