//! Facts about values, cached in their collections. Without the cache, evaluating a chain of
//! values, each inside the next, would traverse all inner values at every link and be quadratic.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{self, AtomicU64};

use once_cell::race::OnceBox;

use crate::{TextPart, Type, Value};

/// Facts about a value and everything inside it, packed into one atomic word.
#[derive(Clone, Copy, Default)]
pub(crate) struct ValueFacts(u64);

impl ValueFacts {
    const COMPUTED: u64 = 1;
    const UNKNOWN: u64 = 1 << 1;
    const SENSITIVE: u64 = 1 << 2;
    const MARKED: u64 = 1 << 3;
    const ANY_TYPE: u64 = 1 << 4;
    /// A null or an empty collection inside has no declared type.
    const UNTYPED: u64 = 1 << 5;
    const FLAGS: u64 = 0xff;
    /// Whether a collection contains a collection with elements.
    const NESTED: u64 = 1 << 8;
    /// The first bit of the number of elements, which takes the upper 32 bits.
    const SIZE: u32 = 32;

    pub(crate) fn compute(value: &Value) -> Self {
        match value {
            Value::List(items) if items.is_empty() && !items.is_declared() => Self(Self::UNTYPED),
            Value::Set(items) if items.is_empty() && !items.is_declared() => Self(Self::UNTYPED),
            Value::Map(items) if items.is_empty() && items.declaration().known().is_none() => {
                Self(Self::UNTYPED)
            }
            Value::Null(of) if of.known().is_none() => Self(Self::UNTYPED),
            Value::List(items) | Value::Tuple(items) => items.facts(),
            Value::Set(items) => items.facts(),
            Value::Map(items) | Value::Object(items) => items.facts(),
            Value::Sensitive(inner) => {
                Self::of_container([&**inner]).with(Self::SENSITIVE | Self::MARKED)
            }
            Value::Composed(parts) => {
                let secret =
                    if parts.iter().any(TextPart::is_secret) { Self::SENSITIVE } else { 0 };
                let is_open = parts.iter().any(|it| matches!(it, TextPart::Unknown { .. }));
                Self(Self::MARKED | secret | if is_open { Self::UNKNOWN } else { 0 })
            }
            Value::Unknown(it) => {
                Self(Self::UNKNOWN | if it.ty.has_any() { Self::ANY_TYPE } else { 0 })
            }
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Null(_) => {
                Self::default()
            }
        }
    }

    /// The facts of a value that contains these.
    fn of_container<'v>(items: impl IntoIterator<Item = &'v Value>) -> Self {
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
        self.has(Self::ANY_TYPE)
    }

    /// Whether the value contains collections with elements, so that its type is cached.
    pub(crate) fn is_nested(self) -> bool {
        self.has(Self::NESTED)
    }

    /// Whether the type of everything inside is definite, so that a conversion to that type changes
    /// nothing.
    pub(crate) fn is_typed(self) -> bool {
        !self.has(Self::UNTYPED | Self::ANY_TYPE)
    }

    /// The number of elements at all depths, at most `u32::MAX`. A shared element counts each time
    /// it occurs.
    pub(crate) fn size(self) -> u32 {
        u32::try_from(self.0 >> Self::SIZE).expect("the other bits are shifted out")
    }
}

/// The cached facts and type of a collection. They follow from the elements, so equality, order and
/// hash ignore them.
#[derive(Default)]
pub(crate) struct CachedElements {
    facts: AtomicU64,
    /// Two threads may compute the type at the same time; both get the same result.
    ty: OnceBox<Type>,
}

impl CachedElements {
    /// An empty cache.
    pub(crate) const fn nothing() -> Self {
        Self { facts: AtomicU64::new(0), ty: OnceBox::new() }
    }

    /// The facts of a collection with these elements, computed at first use.
    pub(crate) fn facts<'v>(&self, items: impl IntoIterator<Item = &'v Value>) -> ValueFacts {
        // Relaxed ordering suffices: the word is complete in itself, and a lost race only computes
        // it twice. The flag `COMPUTED` tells facts that are all zero from an empty cache.
        match self.facts.load(atomic::Ordering::Relaxed) {
            0 => {
                let facts = ValueFacts::of_container(items);
                self.facts.store(facts.with(ValueFacts::COMPUTED).0, atomic::Ordering::Relaxed);
                facts
            }
            known => ValueFacts(known & !ValueFacts::COMPUTED),
        }
    }

    /// The type of a collection with these facts. Only the type of a nested collection is cached:
    /// that of a flat one is as quickly computed as looked up.
    pub(crate) fn ty(&self, facts: ValueFacts, compute: impl FnOnce() -> Type) -> Type {
        match facts.is_nested() {
            true => self.ty.get_or_init(|| Box::new(compute())).clone(),
            false => compute(),
        }
    }

    /// Empties the cache before the elements change.
    pub(crate) fn forget(&mut self) {
        *self.facts.get_mut() = 0;
        self.ty = OnceBox::new();
    }
}

/// A clone starts with an empty cache, since collections are cloned to be changed; unchanged ones
/// are shared.
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

    /// Each value twice in the next, 100 times: too many elements to traverse.
    fn doubled(inner: Value, around: impl Fn([Value; 2]) -> Value) -> Value {
        (0..100).fold(inner, |it, _| around([it.clone(), it]))
    }

    #[test]
    fn shared_values_are_traversed_once() {
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
    fn a_change_empties_the_cache() {
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
