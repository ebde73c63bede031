//! Values of the language. A value may be unknown, sensitive, or a string with unknown or sensitive
//! parts.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use crate::element_types::{DeclaredType, Elements};
use crate::facts::ValueFacts;
use crate::unknown::UnknownValue;
use crate::{Number, Object, Path, Text, TextPart, Type, text};

/// A name in a map, object or schema.
pub type Name = Arc<str>;

/// A value. `Sensitive` and `Composed` are separate variants, so that code which forgets to handle
/// them fails with a wrong type and does not leak a secret.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string that is known and not sensitive.
    String(Arc<str>),
    /// A string of parts of which at least one is secret or unknown; see [`Text`].
    Composed(Arc<[TextPart]>),
    /// Elements of one type, in order.
    List(Arc<Elements<Vec<Value>>>),
    /// Distinct elements of one type.
    Set(Arc<Elements<BTreeSet<Value>>>),
    /// Elements of one type by name.
    Map(Arc<Object>),
    /// Elements of any types, in order.
    Tuple(Arc<Elements<Vec<Value>>>),
    /// Attributes of any types by name.
    Object(Arc<Object>),
    /// Null, with the type that was declared for it, if any. Nulls of all types are equal.
    Null(DeclaredType),
    /// Not known yet.
    Unknown(Arc<UnknownValue>),
    /// A value that is never shown. It never directly contains another `Sensitive`, a `String` or a
    /// `Composed`: a secret string is `Composed`.
    Sensitive(Arc<Value>),
}

/// The mark of one place in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The whole value is secret.
    Sensitive,
    /// A string with these parts, some of them secret.
    Parts(Arc<[TextPart]>),
}

/// The marks removed from a value, with the path of each.
pub type Marks = Vec<(Path, Mark)>;

impl Value {
    /// A null without a declared type.
    pub const NULL: Self = Self::Null(DeclaredType::NOTHING);

    /// A null of a declared type.
    #[must_use]
    pub fn null(ty: &Type) -> Self {
        Value::Null(DeclaredType::new(ty))
    }

    /// An unknown of a type; `cause` is the attribute that it waits for.
    #[must_use]
    pub fn unknown(ty: Type, cause: Option<Arc<str>>) -> Self {
        Value::Unknown(Arc::new(UnknownValue::new(ty, cause)))
    }

    /// An object with these attributes.
    #[must_use]
    pub fn object(attributes: impl IntoIterator<Item = (Name, Value)>) -> Self {
        Value::Object(Arc::new(attributes.into_iter().collect()))
    }

    /// A tuple of these elements.
    #[must_use]
    pub fn tuple(items: impl IntoIterator<Item = Value>) -> Self {
        Value::Tuple(Arc::new(items.into_iter().collect()))
    }

    /// A list of these elements, which must all have one type.
    #[must_use]
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Value::List(Arc::new(items.into_iter().collect()))
    }

    /// A list of elements of a type; an empty list keeps the type as its declaration.
    #[must_use]
    pub fn list_of(of: &Type, items: Vec<Value>) -> Self {
        // A declaration beside elements could contradict them, so only an empty list has one.
        let of = if items.is_empty() { DeclaredType::new(of) } else { DeclaredType::NOTHING };
        Value::List(Arc::new(Elements::new(items, of)))
    }

    /// A set of these elements; equal ones become one.
    #[must_use]
    pub fn set(items: impl IntoIterator<Item = Value>) -> Self {
        Value::Set(Arc::new(items.into_iter().collect()))
    }

    /// A set of elements of a type; an empty set keeps the type as its declaration.
    #[must_use]
    pub fn set_of(of: &Type, items: BTreeSet<Value>) -> Self {
        let of = if items.is_empty() { DeclaredType::new(of) } else { DeclaredType::NOTHING };
        Value::Set(Arc::new(Elements::new(items, of)))
    }

    /// A map of elements of a type; an empty map keeps the type as its declaration.
    #[must_use]
    pub fn map_of(of: &Type, items: Object) -> Self {
        Value::Map(Arc::new(items.declared(of)))
    }

    /// The same value marked as sensitive. A value that is marked already does not change.
    #[must_use]
    pub fn sensitive(self) -> Self {
        match self {
            it @ Value::Sensitive(_) => it,
            Value::String(text) => Value::Composed([TextPart::Secret(text)].into()),
            Value::Composed(parts) => {
                Value::Composed(Text::from_iter(parts.iter().cloned()).into_secret().parts().into())
            }
            it => Value::Sensitive(Arc::new(it)),
        }
    }

    /// Whether the value itself is sensitive or has a secret part; elements inside do not count.
    #[must_use]
    pub fn is_sensitive(&self) -> bool {
        match self {
            Value::Sensitive(_) => true,
            Value::Composed(parts) => parts.iter().any(TextPart::is_secret),
            _ => false,
        }
    }

    /// Whether the value, or anything inside it, is sensitive.
    #[must_use]
    pub fn contains_sensitive(&self) -> bool {
        ValueFacts::compute(self).contains_sensitive()
    }

    /// Whether the value itself is known; elements inside do not count.
    #[must_use]
    pub fn is_known(&self) -> bool {
        match self {
            Value::Unknown(_) => false,
            Value::Sensitive(inner) => inner.is_known(),
            Value::Composed(parts) => {
                !parts.iter().any(|it| matches!(it, TextPart::Unknown { .. }))
            }
            _ => true,
        }
    }

    /// Whether the value and everything inside it is known.
    #[must_use]
    pub fn is_wholly_known(&self) -> bool {
        ValueFacts::compute(self).is_wholly_known()
    }

    /// Whether the value contains an unknown whose type is open.
    #[must_use]
    pub fn may_be_anything(&self) -> bool {
        ValueFacts::compute(self).may_be_anything()
    }

    /// The number of elements at all depths, at most `u32::MAX`. A shared element counts each time
    /// it occurs, because a traversal visits it each time.
    #[must_use]
    pub fn size(&self) -> usize {
        ValueFacts::compute(self).size() as usize
    }

    /// Whether the value is null, marked or not.
    #[must_use]
    pub fn is_null(&self) -> bool {
        match self {
            Value::Null(_) => true,
            Value::Sensitive(inner) => inner.is_null(),
            _ => false,
        }
    }

    /// The attribute that the first unknown inside waits for.
    #[must_use]
    pub fn cause(&self) -> Option<Arc<str>> {
        match self {
            Value::Unknown(unknown) => unknown.cause.clone(),
            Value::Composed(parts) => parts.iter().find_map(|it| match it {
                TextPart::Unknown { cause, .. } => cause.clone(),
                _ => None,
            }),
            _ => self.children().find_map(Value::cause),
        }
    }

    /// The elements, attribute values or marked content one level down; none for a scalar.
    pub fn children(&self) -> Box<dyn Iterator<Item = &Value> + '_> {
        match self {
            Value::List(items) | Value::Tuple(items) => Box::new(items.iter()),
            Value::Set(items) => Box::new(items.iter()),
            Value::Map(items) | Value::Object(items) => Box::new(items.values()),
            Value::Sensitive(inner) => Box::new(std::iter::once(&**inner)),
            _ => Box::new(std::iter::empty()),
        }
    }

    /// The value without its own mark, and whether it was sensitive. A composed string becomes a
    /// plain string where all of it is known, and an unknown otherwise; marks on elements stay.
    #[must_use]
    pub fn unmark(&self) -> (Value, bool) {
        match self {
            Value::Sensitive(inner) => ((**inner).clone(), true),
            Value::Composed(parts) => {
                let value = match text::known(parts) {
                    Some(content) => Value::String(content.into()),
                    None => Value::unknown(Type::String, self.cause()).not_null(),
                };
                (value, self.is_sensitive())
            }
            it => (it.clone(), false),
        }
    }

    /// The value without any marks, and the marks with their paths.
    #[must_use]
    pub fn unmark_deep(&self) -> (Value, Marks) {
        let mut marks = Marks::new();
        // The facts are cached, so that a large value without marks is shared and not copied.
        if !self.is_marked() {
            return (self.clone(), marks);
        }
        let value = take_marks(self, &mut Path::root(), &mut marks);
        (value, marks)
    }

    /// Whether the value, or anything inside it, is sensitive or composed, so that removing marks
    /// changes it.
    #[must_use]
    pub fn is_marked(&self) -> bool {
        ValueFacts::compute(self).is_marked()
    }

    /// The value without any marks, for callers that pass secrets on deliberately, such as drivers.
    #[must_use]
    pub fn revealed(&self) -> Value {
        self.unmark_deep().0
    }

    /// Puts marks back. A string that differs from its parts becomes secret as a whole. Where the
    /// path of a mark does not exist, the nearest existing collection above it is marked, except
    /// that a missing attribute of an object is skipped.
    #[must_use]
    pub fn remark(&self, marks: &Marks) -> Value {
        marks.iter().fold(self.clone(), |value, (path, mark)| put_mark(value, path.steps(), mark))
    }

    /// The content of a string that is known and not sensitive.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The attributes of an object or map that is not itself marked.
    #[must_use]
    pub fn as_object(&self) -> Option<&Object> {
        match self {
            Value::Object(attributes) | Value::Map(attributes) => Some(attributes),
            _ => None,
        }
    }

    /// The elements of a list, tuple or set that is not itself marked.
    #[must_use]
    pub fn elements(&self) -> Option<Vec<&Value>> {
        match self {
            Value::List(items) | Value::Tuple(items) => Some(items.iter().collect()),
            Value::Set(items) => Some(items.iter().collect()),
            _ => None,
        }
    }

    /// The attribute of an object, or null where it is missing. A mark on the object carries over
    /// to the attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Value {
        match self {
            Value::Object(attributes) | Value::Map(attributes) => {
                attributes.get(name).cloned().unwrap_or(Value::NULL)
            }
            Value::Sensitive(inner) => inner.get(name).sensitive(),
            Value::Unknown(unknown) => Value::unknown(Type::Any, unknown.cause.clone()),
            _ => Value::NULL,
        }
    }
}

/// Hides secrets, because panics and logs print values by `Debug`.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Null(_) => f.write_str("null"),
            Value::Bool(it) => write!(f, "{it}"),
            Value::Number(it) => write!(f, "{it}"),
            Value::String(it) => write!(f, "{it:?}"),
            Value::Composed(parts) => f.debug_list().entries(parts.iter()).finish(),
            Value::List(items) => f.debug_tuple("List").field(&**items).finish(),
            Value::Set(items) => f.debug_tuple("Set").field(&**items).finish(),
            Value::Map(items) => f.debug_tuple("Map").field(items).finish(),
            Value::Tuple(items) => f.debug_list().entries(items.iter()).finish(),
            Value::Object(items) => f.debug_map().entries(items.iter()).finish(),
            Value::Unknown(it) => write!(f, "unknown {}", it.ty),
            Value::Sensitive(_) => f.write_str("(sensitive)"),
        }
    }
}

fn take_marks(value: &Value, at: &mut Path, marks: &mut Marks) -> Value {
    let mut sequence = |items: &mut dyn Iterator<Item = &Value>, at: &mut Path| -> Vec<Value> {
        let each = |(index, item)| {
            at.push_index(index);
            let value = take_marks(item, at, marks);
            at.pop();
            value
        };
        items.enumerate().map(each).collect()
    };
    match value {
        Value::Sensitive(inner) => {
            marks.push((at.clone(), Mark::Sensitive));
            take_marks(inner, at, marks)
        }
        Value::Composed(parts) => {
            let (plain, _) = value.unmark();
            // The parts of an unknown string cannot be put back once it is known, so only its
            // secrecy is recorded.
            if plain.is_known() {
                marks.push((at.clone(), Mark::Parts(parts.clone())));
            } else if value.is_sensitive() {
                marks.push((at.clone(), Mark::Sensitive));
            }
            plain
        }
        Value::List(items) => Value::List(Arc::new(items.with(sequence(&mut items.iter(), at)))),
        Value::Tuple(items) => Value::tuple(sequence(&mut items.iter(), at)),
        Value::Set(items) => {
            // An element of a set has no path that a mark could refer to, so a secret element marks
            // the whole set.
            if items.iter().any(Value::contains_sensitive) {
                marks.push((at.clone(), Mark::Sensitive));
            }
            Value::Set(Arc::new(items.with(items.iter().map(Value::revealed).collect())))
        }
        Value::Map(items) => Value::Map(Arc::new(take_named(items, at, marks))),
        Value::Object(items) => Value::Object(Arc::new(take_named(items, at, marks))),
        plain => plain.clone(),
    }
}

fn take_named(items: &Object, at: &mut Path, marks: &mut Marks) -> Object {
    let each = |(name, item): (&Name, &Value)| {
        at.push_name(name.clone());
        let value = take_marks(item, at, marks);
        at.pop();
        (name.clone(), value)
    };
    // Collecting nothing would lose the declared type of an empty map.
    if items.is_empty() { items.clone() } else { items.iter().map(each).collect() }
}

fn put_mark(value: Value, steps: &[crate::PathStep], mark: &Mark) -> Value {
    let Some((step, deeper)) = steps.split_first() else {
        return match (&value, mark) {
            (Value::String(text), Mark::Parts(parts)) => {
                if text::known(parts).as_deref() == Some(&**text) {
                    Value::Composed(parts.clone())
                } else {
                    value.sensitive()
                }
            }
            _ => value.sensitive(),
        };
    };
    let named = |items: &Object, name: &Name| -> Option<Object> {
        let mut items = items.clone();
        let item = items.remove(name)?;
        items.insert(name.clone(), put_mark(item, deeper, mark));
        Some(items)
    };
    let indexed = |items: &[Value], index: usize| -> Option<Vec<Value>> {
        let mut items = items.to_vec();
        let item = items.get_mut(index)?;
        *item = put_mark(std::mem::replace(item, Value::NULL), deeper, mark);
        Some(items)
    };
    match (&value, step) {
        (Value::Object(items), crate::PathStep::Name(name)) => {
            named(items, name).map_or(value, |it| Value::Object(Arc::new(it)))
        }
        (Value::Map(items), crate::PathStep::Name(name)) => {
            named(items, name).map_or(value, |it| Value::Map(Arc::new(it)))
        }
        // A list that became shorter may have moved the secret to another index, so all of it is
        // marked.
        (Value::List(items), crate::PathStep::Index(index)) => {
            indexed(items, *index).map_or_else(|| value.clone().sensitive(), Value::list)
        }
        (Value::Tuple(items), crate::PathStep::Index(index)) => {
            indexed(items, *index).map_or_else(|| value.clone().sensitive(), Value::tuple)
        }
        // A null replaced a collection; it contains nothing that could be secret.
        (Value::Null(_), _) => value,
        _ => value.sensitive(),
    }
}

impl From<bool> for Value {
    fn from(it: bool) -> Self {
        Value::Bool(it)
    }
}

impl From<i64> for Value {
    fn from(it: i64) -> Self {
        Value::Number(Number::from(it))
    }
}

impl From<Number> for Value {
    fn from(it: Number) -> Self {
        Value::Number(it)
    }
}

impl From<&str> for Value {
    fn from(it: &str) -> Self {
        Value::String(it.into())
    }
}

impl From<String> for Value {
    fn from(it: String) -> Self {
        Value::String(it.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_restored_at_their_paths() {
        let secret = Value::from("hush").sensitive();
        let value = Value::object([
            ("list".into(), Value::list([Value::from("a"), secret.clone()])),
            ("number".into(), Value::from(5).sensitive()),
        ]);
        let (plain, marks) = value.unmark_deep();
        assert!(!plain.contains_sensitive());
        assert_eq!(plain.remark(&marks), value);
    }

    #[test]
    fn a_changed_string_is_secret_as_a_whole() {
        let value = Value::from(Text::from_iter([
            TextPart::Clear("user:".into()),
            TextPart::Secret("hush".into()),
        ]));
        let (_, marks) = value.unmark_deep();
        assert_eq!(Value::from("user:other").remark(&marks), Value::from("user:other").sensitive());
    }

    #[test]
    fn debug_shows_no_secret() {
        let value = Value::tuple([
            Value::from("hush").sensitive(),
            Value::tuple([Value::from(42)]).sensitive(),
            Value::from("clear"),
        ]);
        assert_eq!(format!("{value:?}"), r#"[[(sensitive)], (sensitive), "clear"]"#);
    }

    #[test]
    fn a_value_is_small() {
        assert!(size_of::<Value>() <= 24);
    }
}
