//! Types that are declared for what shows none by itself: nulls and empty collections.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use crate::facts::{CachedElements, ValueFacts};
use crate::{Type, Value};

/// The type that was declared for a null, or for the elements of an empty collection. Values are
/// equal whatever it is, as it says what they may become and not what they are.
#[derive(Clone, Default)]
pub struct DeclaredType(Option<Arc<Type>>);

impl DeclaredType {
    /// No type.
    pub const NOTHING: Self = Self(None);

    /// This type.
    #[must_use]
    pub fn new(ty: &Type) -> Self {
        static COMMON: LazyLock<[Arc<Type>; 3]> =
            LazyLock::new(|| [Type::Bool, Type::Number, Type::String].map(Arc::new));
        Self(match ty {
            Type::Any => None,
            Type::Bool => Some(COMMON[0].clone()),
            Type::Number => Some(COMMON[1].clone()),
            Type::String => Some(COMMON[2].clone()),
            other => Some(Arc::new(other.clone())),
        })
    }

    /// The type, where there is one.
    #[must_use]
    pub fn known(&self) -> Option<&Type> {
        self.0.as_deref()
    }

    /// The type, or `Any`.
    #[must_use]
    pub fn ty(&self) -> Type {
        self.known().cloned().unwrap_or(Type::Any)
    }
}

impl PartialEq for DeclaredType {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for DeclaredType {}

impl PartialOrd for DeclaredType {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DeclaredType {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for DeclaredType {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The elements of a list, tuple or set. Where there are none, it keeps the type that they would
/// have. Used like what it holds.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elements<C> {
    items: C,
    of: DeclaredType,
    kept: CachedElements,
}

impl<C> Elements<C> {
    /// The type that elements would have, where there are none.
    #[must_use]
    pub fn declaration(&self) -> &DeclaredType {
        &self.of
    }

    /// Whether there are no elements, but a type that they would have.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.of.known().is_some()
    }

    /// Elements, and the type that they would have if there were any.
    pub(crate) fn new(items: C, of: DeclaredType) -> Self {
        Self { items, of, kept: CachedElements::nothing() }
    }

    /// Other elements of the same type.
    pub(crate) fn with(&self, items: C) -> Self {
        Self { items, of: self.of.clone(), kept: CachedElements::nothing() }
    }
}

impl<C> Elements<C>
where
    for<'a> &'a C: IntoIterator<Item = &'a Value>,
{
    /// What is kept of all that is in it.
    pub(crate) fn facts(&self) -> ValueFacts {
        self.kept.facts(&self.items)
    }

    /// The type of what has these elements, which is kept.
    pub(crate) fn ty(&self, work_out: impl FnOnce() -> Type) -> Type {
        self.kept.ty(self.facts(), work_out)
    }
}

impl<C> Deref for Elements<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.items
    }
}

impl<C: FromIterator<Value>> FromIterator<Value> for Elements<C> {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Self {
        Self {
            items: items.into_iter().collect(),
            of: DeclaredType::NOTHING,
            kept: CachedElements::nothing(),
        }
    }
}

impl<'a, C> IntoIterator for &'a Elements<C>
where
    &'a C: IntoIterator<Item = &'a Value>,
{
    type Item = &'a Value;
    type IntoIter = <&'a C as IntoIterator>::IntoIter;

    fn into_iter(self) -> Self::IntoIter {
        (&self.items).into_iter()
    }
}

impl<C: fmt::Debug> fmt::Debug for Elements<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.items.fmt(f)
    }
}
