//! What is known of a value that is not known yet.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Number, Object, TextPart, Type, Value};

/// A value that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownValue {
    /// What type it will have.
    pub ty: Type,
    /// The attribute it waits for, such as `aws_db_instance.pg.address`.
    pub cause: Option<Arc<str>>,
    /// What else is known of it.
    refined: Refinements,
    /// What it is, where that is known.
    pub(crate) origin: Origin,
}

/// The attribute that a value is itself, such as `aws_vpc.net.id`, and is not merely made of. It
/// tells which two are one, and is no part of what is planned: it is not written down, and makes no
/// difference between two values.
#[derive(Clone, Debug, Default)]
pub struct Origin(Option<Arc<str>>);

/// A stretch of a value that is not known yet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stretch {
    /// This text.
    Text(Arc<str>),
    /// What this attribute turns out to be.
    Attribute(Arc<str>),
}

impl PartialEq for Origin {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl PartialOrd for Origin {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Origin {
    fn cmp(&self, _: &Self) -> Ordering {
        Ordering::Equal
    }
}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// What is known of an unknown beside its type.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Refinements {
    /// It will not be null.
    #[serde(default)]
    not_null: bool,
    /// How many elements it will have at least, and at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<(usize, Option<usize>)>,
    /// It will not be less than the first number, nor greater than the second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<NumberRange>,
}

/// The least and the greatest number that something may be.
pub type NumberRange = (Option<Number>, Option<Number>);

/// A list of no more unknown elements than these is written out where their number is known.
const WRITTEN_OUT: usize = 1 << 10;

impl UnknownValue {
    /// An unknown of a type, of which nothing else is known.
    #[must_use]
    pub fn new(ty: Type, cause: Option<Arc<str>>) -> Self {
        Self { ty, cause, refined: Refinements::default(), origin: Origin::default() }
    }

    /// Whether it will not be null.
    #[must_use]
    pub fn is_not_null(&self) -> bool {
        self.refined.not_null
    }

    /// How many elements it will have at least, and at most.
    #[must_use]
    pub fn length(&self) -> (usize, Option<usize>) {
        self.refined.length.unwrap_or_default()
    }

    /// The least and the greatest number that it may be.
    #[must_use]
    pub fn range(&self) -> NumberRange {
        self.refined.range.clone().unwrap_or_default()
    }

    /// The same of another type.
    #[must_use]
    pub fn of_type(&self, ty: Type) -> Value {
        let keeps = std::mem::discriminant(&ty) == std::mem::discriminant(&self.ty);
        let (length, range) =
            if keeps { (self.refined.length, self.refined.range.clone()) } else { (None, None) };
        let refined = Refinements { not_null: self.refined.not_null, length, range };
        let is_same = ty == self.ty || self.ty == Type::Any;
        let origin = if is_same { self.origin.clone() } else { Origin::default() };
        Value::Unknown(Arc::new(Self { ty, cause: self.cause.clone(), refined, origin }))
    }

    /// The attribute that it is itself, where that is known. Two of one origin turn out to be the
    /// same.
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<str>> {
        self.origin.0.as_ref()
    }

    /// What is known of it beside its type, where anything is.
    pub(crate) fn refined(&self) -> Option<impl Serialize + '_> {
        (self.refined != Refinements::default()).then_some(&self.refined)
    }
}

impl Value {
    /// The value, of which it is known that it is not null.
    #[must_use]
    pub fn not_null(self) -> Self {
        self.refined(|it| it.not_null = true)
    }

    /// The collection, of which it is known how many elements it has at least, and at most.
    #[must_use]
    pub fn of_length(self, least: usize, most: Option<usize>) -> Self {
        match &self {
            Value::Unknown(it) if most == Some(least) && least <= WRITTEN_OUT => match &it.ty {
                Type::List(of) => {
                    let each = Value::unknown((**of).clone(), it.cause.clone());
                    return Value::list_of(of, vec![each; least]);
                }
                Type::Set(of) if least == 0 => return Value::set_of(of, [].into()),
                Type::Map(of) if least == 0 => return Value::map_of(of, Object::new()),
                _ => {}
            },
            _ => {}
        }
        self.refined(|it| {
            it.not_null = true;
            it.length = Some((least, most)).filter(|it| *it != (0, None));
        })
    }

    /// The number, of which it is known what it is at least and at most.
    #[must_use]
    pub fn in_range(self, range: NumberRange) -> Self {
        self.refined(|it| {
            it.not_null = true;
            it.range = Some(range).filter(|it| *it != (None, None));
        })
    }

    /// Whether it is known not to be null.
    #[must_use]
    pub fn is_never_null(&self) -> bool {
        match self {
            Value::Null(_) => false,
            Value::Unknown(it) => it.is_not_null(),
            Value::Sensitive(inner) => inner.is_never_null(),
            _ => true,
        }
    }

    /// The value, of which it is known that it is this attribute; one that is another attribute
    /// stays that.
    #[must_use]
    pub fn originating(self, origin: impl FnOnce() -> Arc<str>) -> Self {
        self.where_unknown(|it| {
            it.origin.0.get_or_insert_with(origin);
        })
    }

    /// The value, of which nothing says any more which attributes it is of: it was made of them.
    #[must_use]
    pub fn without_origin(self) -> Self {
        match &self {
            Value::Composed(parts) if !self.is_known() => {
                let nameless = |it: &TextPart| match it {
                    TextPart::Unknown { cause, secret, .. } => {
                        TextPart::unknown(cause.clone(), *secret)
                    }
                    known => known.clone(),
                };
                Value::Composed(parts.iter().map(nameless).collect())
            }
            it if it.origin().is_some() => self.known_as(Origin::default()),
            _ => self,
        }
    }

    pub(crate) fn known_as(self, origin: Origin) -> Self {
        self.where_unknown(|it| it.origin = origin)
    }

    /// What the value will be, where it is known of which attributes it is: two of which this is
    /// the same turn out to be the same. None where it is made of them, or is known.
    #[must_use]
    pub fn provenance(&self) -> Option<Vec<Stretch>> {
        let stretch = |part: &TextPart| match part {
            TextPart::Clear(text) | TextPart::Secret(text) => Some(Stretch::Text(text.clone())),
            TextPart::Unknown { origin, .. } => origin.0.clone().map(Stretch::Attribute),
        };
        match self {
            Value::Unknown(it) => it.origin().map(|it| vec![Stretch::Attribute(it.clone())]),
            Value::Composed(parts) if !self.is_known() => parts.iter().map(stretch).collect(),
            Value::Sensitive(inner) => inner.provenance(),
            _ => None,
        }
    }

    /// The attribute that a value is which is not known yet, where it is one and not merely made of
    /// it.
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<str>> {
        match self {
            Value::Unknown(it) => it.origin(),
            Value::Sensitive(inner) => inner.origin(),
            _ => None,
        }
    }

    fn refined(self, refine: impl FnOnce(&mut Refinements)) -> Self {
        self.where_unknown(|it| refine(&mut it.refined))
    }

    fn where_unknown(self, change: impl FnOnce(&mut UnknownValue)) -> Self {
        match self {
            Value::Unknown(mut it) => {
                change(Arc::make_mut(&mut it));
                Value::Unknown(it)
            }
            Value::Sensitive(inner) => {
                Arc::unwrap_or_clone(inner).where_unknown(change).sensitive()
            }
            known => known,
        }
    }
}

impl<'de> Deserialize<'de> for UnknownValue {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct UnknownVisitor;
        impl<'de> serde::de::Visitor<'de> for UnknownVisitor {
            type Value = UnknownValue;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a type, a cause and what else is known")
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(
                self,
                mut seq: A,
            ) -> Result<UnknownValue, A::Error> {
                let ty = seq
                    .next_element()?
                    .ok_or_else(|| serde::de::Error::custom("an unknown must have a type"))?;
                let cause = seq.next_element()?.flatten();
                let refined = seq.next_element()?.unwrap_or_default();
                Ok(UnknownValue { ty, cause, refined, origin: Origin::default() })
            }
        }
        deserializer.deserialize_seq(UnknownVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Text;

    fn id() -> Value {
        Value::unknown(Type::String, Some("a.b.id".into())).originating(|| "a.b.id".into())
    }

    #[test]
    fn an_attribute_is_itself_until_something_is_made_of_it() {
        let Value::Unknown(it) = id() else { panic!("it is unknown") };
        assert_eq!(it.of_type(Type::String).origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(it.of_type(Type::Number).origin(), None);
        assert_eq!(id().not_null().origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().sensitive().origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().originating(|| "c.d.id".into()).origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().without_origin().origin(), None);
    }

    #[test]
    fn a_text_is_of_the_attributes_in_it_until_it_is_rewritten() {
        let mut text = Text::from_value(&id()).unwrap();
        text.push_str("-a");
        let stretches = || vec![Stretch::Attribute("a.b.id".into()), Stretch::Text("-a".into())];
        assert_eq!(Value::from(text.clone()).provenance(), Some(stretches()));
        assert_eq!(Value::from(text.map(str::to_uppercase)).provenance(), None);
        assert_eq!(Value::from(text).without_origin().provenance(), None);
        assert_eq!(Value::from(Text::from_value(&id()).unwrap()).provenance(), id().provenance());
    }

    #[test]
    fn an_origin_makes_no_difference() {
        let made_of_it = Value::unknown(Type::String, Some("a.b.id".into()));
        assert_eq!(id(), made_of_it);
        assert_eq!(id().cmp(&made_of_it), Ordering::Equal);
        assert_eq!(serde_json::to_value(id()).unwrap(), serde_json::to_value(made_of_it).unwrap());
    }
}
