//! Declared types of nulls and empty collections, which have no element to derive a type from.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use crate::facts::{CachedElements, ValueFacts};
use crate::{Type, Value};

/// The declared type of a null, or of the elements of an empty collection. Equality, order and hash
/// of values ignore it: `[]` of strings equals `[]` of numbers.
#[derive(Clone, Default)]
pub struct DeclaredType(Option<Arc<Type>>);

impl DeclaredType {
    /// No declared type.
    pub const NOTHING: Self = Self(None);

    /// A declared type; `Any` is the same as no declaration.
    #[must_use]
    pub fn new(ty: &Type) -> Self {
        // Nulls of primitive types are frequent in a state, so they share three allocations.
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

    /// The declared type, if any.
    #[must_use]
    pub fn known(&self) -> Option<&Type> {
        self.0.as_deref()
    }

    /// The declared type, or `Any`.
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

/// The elements of a list, tuple or set, with the declared element type of an empty one.
/// Dereferences to the collection.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Elements<C> {
    items: C,
    of: DeclaredType,
    cached: CachedElements,
}

impl<C> Elements<C> {
    /// The declared element type of an empty collection.
    #[must_use]
    pub fn declaration(&self) -> &DeclaredType {
        &self.of
    }

    /// Whether the collection is empty and has a declared element type.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.of.known().is_some()
    }

    /// Elements with a declared type, which only an empty collection may have.
    pub(crate) fn new(items: C, of: DeclaredType) -> Self {
        Self { items, of, cached: CachedElements::nothing() }
    }

    /// A collection of other elements with the same declaration.
    pub(crate) fn with(&self, items: C) -> Self {
        Self { items, of: self.of.clone(), cached: CachedElements::nothing() }
    }
}

impl<C> Elements<C>
where
    for<'a> &'a C: IntoIterator<Item = &'a Value>,
{
    /// The cached facts of all values inside.
    pub(crate) fn facts(&self) -> ValueFacts {
        self.cached.facts(&self.items)
    }

    /// The cached type of the collection, computed at first use.
    pub(crate) fn ty(&self, compute: impl FnOnce() -> Type) -> Type {
        self.cached.ty(self.facts(), compute)
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
            cached: CachedElements::nothing(),
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
