//! Attributes by name. Most objects have few, and a `BTreeMap` allocates nodes for eleven entries
//! at the first insertion. This keeps a sorted vector of exactly the needed size, and becomes a
//! tree only where the attributes are many.

use std::borrow::Borrow;
use std::collections::{BTreeMap, btree_map};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Index;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::element_types::DeclaredType;
use crate::facts::{CachedElements, ValueFacts};
use crate::value::Name;
use crate::{Type, Value};

/// Most attributes that a vector holds. With more, moving them at each insertion costs more than a
/// tree.
const MAX_IN_VECTOR: usize = 32;

/// The attributes of an object, ordered by name. The methods are those of a `BTreeMap` from names
/// to values.
#[derive(Clone)]
pub struct Object {
    form: ObjectForm,
    cached: CachedElements,
}

#[derive(Clone)]
enum ObjectForm {
    /// Sorted by name.
    Few(Vec<(Name, Value)>),
    #[expect(
        clippy::box_collection,
        reason = "an object of few has no use for the room that a tree takes here"
    )]
    Many(Box<BTreeMap<Name, Value>>),
    /// An empty map with a declared element type.
    Empty(DeclaredType),
}

impl Object {
    const fn of(form: ObjectForm) -> Self {
        Self { form, cached: CachedElements::nothing() }
    }

    /// The attributes for a change, after which the cached facts no longer hold.
    fn form_mut(&mut self) -> &mut ObjectForm {
        self.cached.forget();
        &mut self.form
    }

    /// The cached facts of all values inside.
    pub(crate) fn facts(&self) -> ValueFacts {
        self.cached.facts(self.values())
    }

    /// The cached type of the object or map with these attributes, computed at first use.
    pub(crate) fn ty(&self, compute: impl FnOnce() -> Type) -> Type {
        self.cached.ty(self.facts(), compute)
    }

    /// An object without attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(ObjectForm::Few(Vec::new()))
    }

    /// The elements of a map with a declared element type. Only an empty map stores the
    /// declaration; other maps have the type of their elements.
    #[must_use]
    pub fn declared(self, of: &Type) -> Self {
        if self.is_empty() { Self::of(ObjectForm::Empty(DeclaredType::new(of))) } else { self }
    }

    /// The declared element type of an empty map; `NOTHING` for a map with elements.
    #[must_use]
    pub fn declaration(&self) -> &DeclaredType {
        match &self.form {
            ObjectForm::Empty(of) => of,
            _ => &DeclaredType::NOTHING,
        }
    }

    /// The number of attributes.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            ObjectForm::Few(entries) => entries.len(),
            ObjectForm::Many(tree) => tree.len(),
            ObjectForm::Empty(_) => 0,
        }
    }

    /// Whether there are no attributes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of an attribute; `None` where it is missing.
    #[must_use]
    pub fn get<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> Option<&Value> {
        self.get_key_value(name).map(|(_, value)| value)
    }

    /// The stored name and the value of an attribute; `None` where it is missing.
    #[must_use]
    pub fn get_key_value<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> Option<(&Name, &Value)> {
        match &self.form {
            ObjectForm::Few(entries) => {
                let (name, value) = &entries[position(entries, name.borrow()).ok()?];
                Some((name, value))
            }
            ObjectForm::Many(tree) => tree.get_key_value(name.borrow()),
            ObjectForm::Empty(_) => None,
        }
    }

    /// The value of an attribute for a change; `None` where it is missing.
    pub fn get_mut<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<&mut Value> {
        match self.form_mut() {
            ObjectForm::Few(entries) => {
                let at = position(entries, name.borrow()).ok()?;
                Some(&mut entries[at].1)
            }
            ObjectForm::Many(tree) => tree.get_mut(name.borrow()),
            ObjectForm::Empty(_) => None,
        }
    }

    /// Whether an attribute exists.
    #[must_use]
    pub fn contains_key<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> bool {
        self.get(name).is_some()
    }

    /// Sets an attribute and returns its previous value.
    pub fn insert(&mut self, name: Name, value: Value) -> Option<Value> {
        match self.form_mut() {
            ObjectForm::Few(entries) => match position(entries, &name) {
                Ok(at) => Some(std::mem::replace(&mut entries[at].1, value)),
                Err(at) if entries.len() < MAX_IN_VECTOR => {
                    // Most objects are filled once and then stored; doubling the capacity would
                    // waste as much memory as they use.
                    if entries.len() == entries.capacity() {
                        entries.reserve_exact(if entries.is_empty() { 1 } else { 2 });
                    }
                    entries.insert(at, (name, value));
                    None
                }
                Err(_) => {
                    let mut tree: BTreeMap<_, _> = std::mem::take(entries).into_iter().collect();
                    tree.insert(name, value);
                    self.form = ObjectForm::Many(Box::new(tree));
                    None
                }
            },
            ObjectForm::Many(tree) => tree.insert(name, value),
            ObjectForm::Empty(_) => {
                self.form = ObjectForm::Few(vec![(name, value)]);
                None
            }
        }
    }

    /// The entry of an attribute, which may be missing.
    pub fn entry(&mut self, name: Name) -> ObjectEntry<'_> {
        ObjectEntry { object: self, name }
    }

    /// Removes an attribute and returns its value.
    pub fn remove<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<Value> {
        match self.form_mut() {
            ObjectForm::Few(entries) => {
                position(entries, name.borrow()).ok().map(|at| entries.remove(at).1)
            }
            ObjectForm::Many(tree) => tree.remove(name.borrow()),
            ObjectForm::Empty(_) => None,
        }
    }

    /// Removes the attributes for which `keep` returns false.
    pub fn retain(&mut self, mut keep: impl FnMut(&Name, &mut Value) -> bool) {
        match self.form_mut() {
            ObjectForm::Few(entries) => entries.retain_mut(|(name, value)| keep(name, value)),
            ObjectForm::Many(tree) => tree.retain(keep),
            ObjectForm::Empty(_) => {}
        }
    }

    /// Shares the allocations of equal names at equal positions with another object. Instances of
    /// one resource type have the same attributes, so that a large state stores each name once.
    pub fn share_names(&mut self, other: &Self) {
        if let (ObjectForm::Few(own), ObjectForm::Few(others)) = (&mut self.form, &other.form) {
            for ((name, _), (other, _)) in own.iter_mut().zip(others) {
                if name == other {
                    name.clone_from(other);
                }
            }
        }
    }

    /// Removes all attributes.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Names and values, ordered by name.
    #[must_use]
    pub fn iter(&self) -> ObjectIter<'_> {
        match &self.form {
            ObjectForm::Few(entries) => ObjectIter(EitherIter::Few(entries.iter())),
            ObjectForm::Many(tree) => ObjectIter(EitherIter::Many(tree.iter())),
            ObjectForm::Empty(_) => ObjectIter(EitherIter::Few([].iter())),
        }
    }

    /// Names and mutable values, ordered by name.
    pub fn iter_mut(&mut self) -> ObjectIterMut<'_> {
        match self.form_mut() {
            ObjectForm::Few(entries) => ObjectIterMut(EitherIter::Few(entries.iter_mut())),
            ObjectForm::Many(tree) => ObjectIterMut(EitherIter::Many(tree.iter_mut())),
            ObjectForm::Empty(_) => ObjectIterMut(EitherIter::Few([].iter_mut())),
        }
    }

    /// The names, in ascending order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator + Clone {
        self.iter().map(|(name, _)| name)
    }

    /// The values, ordered by name.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The mutable values, ordered by name.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// Takes the names, in ascending order.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = Name> + ExactSizeIterator {
        self.into_iter().map(|(name, _)| name)
    }

    /// Takes the values, ordered by name.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator {
        self.into_iter().map(|(_, value)| value)
    }
}

/// The entry of one attribute in an [`Object`], which may be missing.
pub struct ObjectEntry<'a> {
    object: &'a mut Object,
    name: Name,
}

impl<'a> ObjectEntry<'a> {
    /// The existing value, or this one after it is inserted.
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    /// The existing value, or the result of `value` after it is inserted.
    pub fn or_insert_with(self, value: impl FnOnce() -> Value) -> &'a mut Value {
        let Self { object, name } = self;
        if !object.contains_key(&name) {
            object.insert(name.clone(), value());
        }
        object.get_mut(&name).expect("the attribute existed or was inserted")
    }
}

/// The index of a name, or the index at which to insert it.
fn position(entries: &[(Name, Value)], name: &str) -> Result<usize, usize> {
    entries.binary_search_by(|(it, _)| (**it).cmp(name))
}

impl Default for Object {
    fn default() -> Self {
        Self::new()
    }
}

impl FromIterator<(Name, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (Name, Value)>>(entries: I) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        if !entries.is_sorted_by(|(a, _), (b, _)| a < b) {
            // `dedup_by` keeps the first of equal names. As with a map, the last one given must
            // win, so the order is reversed before the sort, which is stable.
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        if entries.len() > MAX_IN_VECTOR {
            return Self::of(ObjectForm::Many(Box::new(entries.into_iter().collect())));
        }
        // A collected vector may have twice the needed capacity, and most objects live as long as
        // the program.
        entries.shrink_to_fit();
        Self::of(ObjectForm::Few(entries))
    }
}

impl Extend<(Name, Value)> for Object {
    fn extend<I: IntoIterator<Item = (Name, Value)>>(&mut self, entries: I) {
        for (name, value) in entries {
            self.insert(name, value);
        }
    }
}

impl<const N: usize> From<[(Name, Value); N]> for Object {
    fn from(entries: [(Name, Value); N]) -> Self {
        entries.into_iter().collect()
    }
}

impl From<BTreeMap<Name, Value>> for Object {
    fn from(entries: BTreeMap<Name, Value>) -> Self {
        entries.into_iter().collect()
    }
}

impl Index<&str> for Object {
    type Output = Value;

    fn index(&self, name: &str) -> &Value {
        self.get(name).expect("an attribute that is asked for like this is there")
    }
}

impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for Object {}

impl PartialOrd for Object {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Object {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.iter().cmp(other.iter())
    }
}

impl Hash for Object {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // A vector and a tree with the same entries are equal, so both are hashed entry by entry.
        state.write_usize(self.len());
        for entry in self {
            entry.hash(state);
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> serde::de::Visitor<'de> for ObjectVisitor {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("attributes by name")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Object, A::Error> {
                let mut object = Object::new();
                while let Some((name, value)) = map.next_entry()? {
                    object.insert(name, value);
                }
                Ok(object)
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Iterator over the names and values of an [`Object`], ordered by name.
#[derive(Clone)]
pub struct ObjectIter<'a>(
    EitherIter<std::slice::Iter<'a, (Name, Value)>, btree_map::Iter<'a, Name, Value>>,
);

/// Iterator over the names and mutable values of an [`Object`], ordered by name.
pub struct ObjectIterMut<'a>(
    EitherIter<std::slice::IterMut<'a, (Name, Value)>, btree_map::IterMut<'a, Name, Value>>,
);

/// Iterator over the owned entries of an [`Object`], ordered by name.
pub struct ObjectIntoIter(
    EitherIter<std::vec::IntoIter<(Name, Value)>, btree_map::IntoIter<Name, Value>>,
);

#[derive(Clone)]
enum EitherIter<F, M> {
    Few(F),
    Many(M),
}

macro_rules! in_order {
    ($name:ty, $item:ty, $of_few:expr $(, $lifetime:lifetime)?) => {
        impl$(<$lifetime>)? Iterator for $name {
            type Item = $item;

            fn next(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    EitherIter::Few(it) => it.next().map($of_few),
                    EitherIter::Many(it) => it.next(),
                }
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                match &self.0 {
                    EitherIter::Few(it) => it.size_hint(),
                    EitherIter::Many(it) => it.size_hint(),
                }
            }
        }

        impl$(<$lifetime>)? DoubleEndedIterator for $name {
            fn next_back(&mut self) -> Option<Self::Item> {
                match &mut self.0 {
                    EitherIter::Few(it) => it.next_back().map($of_few),
                    EitherIter::Many(it) => it.next_back(),
                }
            }
        }

        impl$(<$lifetime>)? ExactSizeIterator for $name {}
    };
}
in_order!(ObjectIter<'a>, (&'a Name, &'a Value), |(name, value)| (name, value), 'a);
in_order!(ObjectIterMut<'a>, (&'a Name, &'a mut Value), |(name, value)| (&*name, value), 'a);
in_order!(ObjectIntoIter, (Name, Value), |it| it);

impl<'a> IntoIterator for &'a Object {
    type Item = (&'a Name, &'a Value);
    type IntoIter = ObjectIter<'a>;

    fn into_iter(self) -> ObjectIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &'a mut Object {
    type Item = (&'a Name, &'a mut Value);
    type IntoIter = ObjectIterMut<'a>;

    fn into_iter(self) -> ObjectIterMut<'a> {
        self.iter_mut()
    }
}

impl IntoIterator for Object {
    type Item = (Name, Value);
    type IntoIter = ObjectIntoIter;

    fn into_iter(self) -> ObjectIntoIter {
        match self.form {
            ObjectForm::Few(entries) => ObjectIntoIter(EitherIter::Few(entries.into_iter())),
            ObjectForm::Many(tree) => ObjectIntoIter(EitherIter::Many(tree.into_iter())),
            ObjectForm::Empty(_) => ObjectIntoIter(EitherIter::Few(Vec::new().into_iter())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Unordered numbers with duplicates.
    fn numbers(count: u64) -> impl Iterator<Item = u64> {
        (0..count).map(|it| it * 7919 % 101)
    }

    #[test]
    fn behaves_like_a_tree_at_every_size() {
        for count in [0, 1, 2, 5, 31, 32, 33, 40, 100, 150] {
            let entries = || {
                numbers(count)
                    .enumerate()
                    .map(|(at, it)| (Name::from(it.to_string()), Value::from(at as i64)))
            };
            let tree: BTreeMap<Name, Value> = entries().collect();
            let mut inserted = Object::new();
            let replaced: Vec<_> =
                entries().filter_map(|(name, value)| inserted.insert(name, value)).collect();
            assert_eq!(replaced.len(), usize::try_from(count).unwrap() - tree.len());
            let collected: Object = entries().collect();
            assert_eq!(inserted, collected);
            assert!(
                collected.iter().eq(tree.iter()) && collected.iter().rev().eq(tree.iter().rev())
            );
            assert!(collected.clone().into_iter().eq(tree.clone()));
            assert_eq!(collected.len(), tree.len());
            for number in 0..102 {
                let name = number.to_string();
                assert_eq!(collected.get(name.as_str()), tree.get(name.as_str()));
                inserted.remove(name.as_str());
            }
            assert!(inserted.is_empty());
        }
    }

    #[test]
    fn an_entry_keeps_an_existing_value() {
        let mut object = Object::from([("a".into(), Value::from(1))]);
        *object.entry("a".into()).or_insert(Value::from(2)) = Value::from(3);
        object.entry("b".into()).or_insert_with(|| Value::from(4));
        assert_eq!(
            object,
            Object::from([("b".into(), Value::from(4)), ("a".into(), Value::from(3))])
        );
    }

    #[test]
    fn shares_equal_names_at_equal_positions() {
        let of = |names: [&str; 2]| Object::from(names.map(|it| (Name::from(it), Value::from(it))));
        let (first, mut second) = (of(["a", "b"]), of(["a", "c"]));
        second.share_names(&first);
        assert_eq!(second, of(["a", "c"]));
        let is_shared = |at: usize| {
            std::sync::Arc::ptr_eq(first.keys().nth(at).unwrap(), second.keys().nth(at).unwrap())
        };
        assert!(is_shared(0) && !is_shared(1));
    }

    #[test]
    fn a_shrunk_tree_equals_a_vector() {
        let mut many: Object =
            numbers(100).map(|it| (Name::from(it.to_string()), Value::NULL)).collect();
        many.retain(|name, _| name.len() == 1);
        let few: Object = (0..10).map(|it| (Name::from(it.to_string()), Value::NULL)).collect();
        assert_eq!(many, few);
        assert_eq!(many.cmp(&few), std::cmp::Ordering::Equal);
        assert_eq!(format!("{many:?}"), format!("{few:?}"));
    }

    #[test]
    fn an_object_is_small() {
        assert_eq!(size_of::<Object>(), 40);
    }
}
