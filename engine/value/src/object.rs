//! Attributes by name, as they mostly are: few. A tree keeps room for eleven of them from the first
//! on; this takes what they take, and becomes a tree only where they are many.

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

/// With more attributes than these, moving them at each insertion costs more than a tree.
const FEW: usize = 32;

/// The attributes of an object, in the order of their names. Used like a `BTreeMap` from names to
/// values.
#[derive(Clone)]
pub struct Object {
    form: ObjectForm,
    kept: CachedElements,
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
    /// None, of a map whose elements would be of this type.
    Empty(DeclaredType),
}

impl Object {
    const fn of(form: ObjectForm) -> Self {
        Self { form, kept: CachedElements::nothing() }
    }

    /// The attributes, of which some will be other ones.
    fn changing(&mut self) -> &mut ObjectForm {
        self.kept.forget();
        &mut self.form
    }

    /// What is kept of all that is in it.
    pub(crate) fn facts(&self) -> ValueFacts {
        self.kept.facts(self.values())
    }

    /// The type of what has these attributes, which is kept.
    pub(crate) fn ty(&self, work_out: impl FnOnce() -> Type) -> Type {
        self.kept.ty(self.facts(), work_out)
    }

    /// No attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self::of(ObjectForm::Few(Vec::new()))
    }

    /// The same elements, of a map whose elements are of this type; where there are none, it still
    /// has it.
    #[must_use]
    pub fn declared(self, of: &Type) -> Self {
        if self.is_empty() { Self::of(ObjectForm::Empty(DeclaredType::new(of))) } else { self }
    }

    /// What type the elements of an empty map would have.
    #[must_use]
    pub fn declaration(&self) -> &DeclaredType {
        match &self.form {
            ObjectForm::Empty(of) => of,
            _ => &DeclaredType::NOTHING,
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.form {
            ObjectForm::Few(entries) => entries.len(),
            ObjectForm::Many(tree) => tree.len(),
            ObjectForm::Empty(_) => 0,
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The attribute of this name.
    #[must_use]
    pub fn get<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> Option<&Value> {
        self.get_key_value(name).map(|(_, value)| value)
    }

    /// The attribute of this name, with its name.
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

    /// The attribute of this name, to be changed.
    pub fn get_mut<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<&mut Value> {
        match self.changing() {
            ObjectForm::Few(entries) => {
                let at = position(entries, name.borrow()).ok()?;
                Some(&mut entries[at].1)
            }
            ObjectForm::Many(tree) => tree.get_mut(name.borrow()),
            ObjectForm::Empty(_) => None,
        }
    }

    /// Whether there is an attribute of this name.
    #[must_use]
    pub fn contains_key<Q: Borrow<str> + ?Sized>(&self, name: &Q) -> bool {
        self.get(name).is_some()
    }

    /// Sets an attribute, and gives back what it was.
    pub fn insert(&mut self, name: Name, value: Value) -> Option<Value> {
        match self.changing() {
            ObjectForm::Few(entries) => match position(entries, &name) {
                Ok(at) => Some(std::mem::replace(&mut entries[at].1, value)),
                Err(at) if entries.len() < FEW => {
                    // Most objects are filled once and kept; doubling would keep as much again for
                    // nothing.
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

    /// The place of an attribute, which may be there or not.
    pub fn entry(&mut self, name: Name) -> ObjectEntry<'_> {
        ObjectEntry { object: self, name }
    }

    /// Takes an attribute out.
    pub fn remove<Q: Borrow<str> + ?Sized>(&mut self, name: &Q) -> Option<Value> {
        match self.changing() {
            ObjectForm::Few(entries) => {
                position(entries, name.borrow()).ok().map(|at| entries.remove(at).1)
            }
            ObjectForm::Many(tree) => tree.remove(name.borrow()),
            ObjectForm::Empty(_) => None,
        }
    }

    /// Keeps the attributes that `keep` says.
    pub fn retain(&mut self, mut keep: impl FnMut(&Name, &mut Value) -> bool) {
        match self.changing() {
            ObjectForm::Few(entries) => entries.retain_mut(|(name, value)| keep(name, value)),
            ObjectForm::Many(tree) => tree.retain(keep),
            ObjectForm::Empty(_) => {}
        }
    }

    /// Keeps no names of its own where another object has the same ones, in the same places.
    pub fn share_names(&mut self, other: &Self) {
        if let (ObjectForm::Few(own), ObjectForm::Few(others)) = (&mut self.form, &other.form) {
            for ((name, _), (other, _)) in own.iter_mut().zip(others) {
                if name == other {
                    name.clone_from(other);
                }
            }
        }
    }

    /// Takes all attributes out.
    pub fn clear(&mut self) {
        *self = Self::new();
    }

    /// Names and values, in order.
    #[must_use]
    pub fn iter(&self) -> ObjectIter<'_> {
        match &self.form {
            ObjectForm::Few(entries) => ObjectIter(EitherIter::Few(entries.iter())),
            ObjectForm::Many(tree) => ObjectIter(EitherIter::Many(tree.iter())),
            ObjectForm::Empty(_) => ObjectIter(EitherIter::Few([].iter())),
        }
    }

    /// Names, and values to be changed, in order.
    pub fn iter_mut(&mut self) -> ObjectIterMut<'_> {
        match self.changing() {
            ObjectForm::Few(entries) => ObjectIterMut(EitherIter::Few(entries.iter_mut())),
            ObjectForm::Many(tree) => ObjectIterMut(EitherIter::Many(tree.iter_mut())),
            ObjectForm::Empty(_) => ObjectIterMut(EitherIter::Few([].iter_mut())),
        }
    }

    /// The names, in order.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator + Clone {
        self.iter().map(|(name, _)| name)
    }

    /// The values, in the order of their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator + Clone {
        self.iter().map(|(_, value)| value)
    }

    /// The values to be changed, in the order of their names.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> {
        self.iter_mut().map(|(_, value)| value)
    }

    /// The names alone, in order.
    pub fn into_keys(self) -> impl DoubleEndedIterator<Item = Name> + ExactSizeIterator {
        self.into_iter().map(|(name, _)| name)
    }

    /// The values alone, in the order of their names.
    pub fn into_values(self) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator {
        self.into_iter().map(|(_, value)| value)
    }
}

/// The place of an attribute in an [`Object`].
pub struct ObjectEntry<'a> {
    object: &'a mut Object,
    name: Name,
}

impl<'a> ObjectEntry<'a> {
    /// What is there, or else this, which is put there.
    pub fn or_insert(self, value: Value) -> &'a mut Value {
        self.or_insert_with(|| value)
    }

    /// What is there, or else what this makes, which is put there.
    pub fn or_insert_with(self, value: impl FnOnce() -> Value) -> &'a mut Value {
        let Self { object, name } = self;
        if !object.contains_key(&name) {
            object.insert(name.clone(), value());
        }
        object.get_mut(&name).expect("it was there or was put there")
    }
}

/// Where a name is, or where it would be.
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
            // Of attributes that have one name, the last counts.
            entries.reverse();
            entries.sort_by(|(a, _), (b, _)| a.cmp(b));
            entries.dedup_by(|(a, _), (b, _)| a == b);
        }
        if entries.len() > FEW {
            return Self::of(ObjectForm::Many(Box::new(entries.into_iter().collect())));
        }
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

/// Names and values of an [`Object`], in order.
#[derive(Clone)]
pub struct ObjectIter<'a>(
    EitherIter<std::slice::Iter<'a, (Name, Value)>, btree_map::Iter<'a, Name, Value>>,
);

/// Names, and values to be changed, of an [`Object`], in order.
pub struct ObjectIterMut<'a>(
    EitherIter<std::slice::IterMut<'a, (Name, Value)>, btree_map::IterMut<'a, Name, Value>>,
);

/// What an [`Object`] was made of, in order.
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

    /// Numbers that come in no order, and some twice.
    fn numbers(how_many: u64) -> impl Iterator<Item = u64> {
        (0..how_many).map(|it| it * 7919 % 101)
    }

    #[test]
    fn does_what_a_tree_does_whether_few_or_many() {
        for how_many in [0, 1, 2, 5, 31, 32, 33, 40, 100, 150] {
            let entries = || {
                numbers(how_many)
                    .enumerate()
                    .map(|(at, it)| (Name::from(it.to_string()), Value::from(at as i64)))
            };
            let tree: BTreeMap<Name, Value> = entries().collect();
            let mut inserted = Object::new();
            let replaced: Vec<_> =
                entries().filter_map(|(name, value)| inserted.insert(name, value)).collect();
            assert_eq!(replaced.len(), usize::try_from(how_many).unwrap() - tree.len());
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
    fn an_entry_keeps_what_is_there() {
        let mut object = Object::from([("a".into(), Value::from(1))]);
        *object.entry("a".into()).or_insert(Value::from(2)) = Value::from(3);
        object.entry("b".into()).or_insert_with(|| Value::from(4));
        assert_eq!(
            object,
            Object::from([("b".into(), Value::from(4)), ("a".into(), Value::from(3))])
        );
    }

    #[test]
    fn names_are_shared_where_they_are_the_same() {
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
    fn what_was_many_equals_what_was_always_few() {
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
