//! Unknown values: their type, refinements such as "not null", and the attribute they come from.

use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Number, Object, TextPart, Type, Value};

/// A value that is known only after apply, or after a data source was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnknownValue {
    /// The type that the value will have; `Any` where it is open.
    pub ty: Type,
    /// The attribute that the value waits for, such as `aws_db_instance.pg.address`.
    pub cause: Option<Arc<str>>,
    /// Facts about the value beside its type.
    refined: Refinements,
    /// The attribute that the value is an unchanged copy of, if any.
    pub(crate) origin: Origin,
}

/// The attribute whose unchanged value an unknown is, such as `aws_vpc.net.id`; none where the
/// unknown is computed from attributes. Two unknowns of one origin turn out equal. The origin is
/// not part of a plan: it is not serialised, and equality, order and hash ignore it.
#[derive(Clone, Debug, Default)]
pub struct Origin(Option<Arc<str>>);

/// One part of a value whose origin is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stretch {
    /// This known string.
    Text(Arc<str>),
    /// The unknown value of this attribute.
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

/// Facts about an unknown value beside its type, as in `cty`'s refinements.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Refinements {
    /// Whether the value is certain not to be null.
    #[serde(default)]
    not_null: bool,
    /// The least and the greatest number of elements of a collection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<(usize, Option<usize>)>,
    /// The least and the greatest value of a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    range: Option<NumberRange>,
}

/// The least and the greatest possible value of a number; `None` where there is no bound.
pub type NumberRange = (Option<Number>, Option<Number>);

/// Longest list of a known length whose elements are written out as single unknowns.
const MAX_EXPANDED_LENGTH: usize = 1 << 10;

impl UnknownValue {
    /// An unknown of a type, without refinements.
    #[must_use]
    pub fn new(ty: Type, cause: Option<Arc<str>>) -> Self {
        Self { ty, cause, refined: Refinements::default(), origin: Origin::default() }
    }

    /// Whether the value is certain not to be null.
    #[must_use]
    pub fn is_not_null(&self) -> bool {
        self.refined.not_null
    }

    /// The least and the greatest number of elements; `(0, None)` where nothing is known.
    #[must_use]
    pub fn length(&self) -> (usize, Option<usize>) {
        self.refined.length.unwrap_or_default()
    }

    /// The least and the greatest possible number; `(None, None)` where nothing is known.
    #[must_use]
    pub fn range(&self) -> NumberRange {
        self.refined.range.clone().unwrap_or_default()
    }

    /// The same unknown with another type. Refinements stay where the kind of the type does, and
    /// the origin where the value cannot change by the conversion.
    #[must_use]
    pub fn of_type(&self, ty: Type) -> Value {
        let keeps = std::mem::discriminant(&ty) == std::mem::discriminant(&self.ty);
        let (length, range) =
            if keeps { (self.refined.length, self.refined.range.clone()) } else { (None, None) };
        let refined = Refinements { not_null: self.refined.not_null, length, range };
        // A conversion between different types changes the value: `"1"` and `1` are not equal.
        let is_same = ty == self.ty || self.ty == Type::Any;
        let origin = if is_same { self.origin.clone() } else { Origin::default() };
        Value::Unknown(Arc::new(Self { ty, cause: self.cause.clone(), refined, origin }))
    }

    /// The attribute whose unchanged value this is, if any. Two unknowns of one origin turn out
    /// equal.
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<str>> {
        self.origin.0.as_ref()
    }

    /// The refinements for serialisation; `None` where there are none.
    pub(crate) fn refined(&self) -> Option<impl Serialize + '_> {
        (self.refined != Refinements::default()).then_some(&self.refined)
    }
}

impl Value {
    /// The value with the refinement that it is not null; a known value does not change.
    #[must_use]
    pub fn not_null(self) -> Self {
        self.refined(|it| it.not_null = true)
    }

    /// The collection with a least and a greatest number of elements. A list of exactly known
    /// length becomes a known list of unknown elements, and an empty collection becomes known.
    #[must_use]
    pub fn of_length(self, least: usize, most: Option<usize>) -> Self {
        match &self {
            // A set of a known length is not expanded: equal unknown elements would become one.
            Value::Unknown(it) if most == Some(least) && least <= MAX_EXPANDED_LENGTH => {
                match &it.ty {
                    Type::List(of) => {
                        let each = Value::unknown((**of).clone(), it.cause.clone());
                        return Value::list_of(of, vec![each; least]);
                    }
                    Type::Set(of) if least == 0 => return Value::set_of(of, [].into()),
                    Type::Map(of) if least == 0 => return Value::map_of(of, Object::new()),
                    _ => {}
                }
            }
            _ => {}
        }
        self.refined(|it| {
            it.not_null = true;
            it.length = Some((least, most)).filter(|it| *it != (0, None));
        })
    }

    /// The number with a least and a greatest possible value.
    #[must_use]
    pub fn in_range(self, range: NumberRange) -> Self {
        self.refined(|it| {
            it.not_null = true;
            it.range = Some(range).filter(|it| *it != (None, None));
        })
    }

    /// Whether the value is certain not to be null.
    #[must_use]
    pub fn is_never_null(&self) -> bool {
        match self {
            Value::Null(_) => false,
            Value::Unknown(it) => it.is_not_null(),
            Value::Sensitive(inner) => inner.is_never_null(),
            _ => true,
        }
    }

    /// Records the attribute whose unchanged value an unknown is. An origin that is set already
    /// stays.
    #[must_use]
    pub fn originating(self, origin: impl FnOnce() -> Arc<str>) -> Self {
        self.map_unknown(|it| {
            it.origin.0.get_or_insert_with(origin);
        })
    }

    /// The value without origins, for results that are computed from attributes and may differ from
    /// them.
    #[must_use]
    pub fn without_origin(self) -> Self {
        match &self {
            Value::Composed(parts) if !self.is_known() => {
                let without = |it: &TextPart| match it {
                    TextPart::Unknown { cause, secret, .. } => {
                        TextPart::unknown(cause.clone(), *secret)
                    }
                    known => known.clone(),
                };
                Value::Composed(parts.iter().map(without).collect())
            }
            it if it.origin().is_some() => self.with_origin(Origin::default()),
            _ => self,
        }
    }

    pub(crate) fn with_origin(self, origin: Origin) -> Self {
        self.map_unknown(|it| it.origin = origin)
    }

    /// The strings and attributes that an unknown value is composed of. Two values with the same
    /// parts turn out equal. `None` for a known value, or where a part is computed and has no
    /// origin.
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

    /// The attribute whose unchanged value this unknown is, if any.
    #[must_use]
    pub fn origin(&self) -> Option<&Arc<str>> {
        match self {
            Value::Unknown(it) => it.origin(),
            Value::Sensitive(inner) => inner.origin(),
            _ => None,
        }
    }

    fn refined(self, refine: impl FnOnce(&mut Refinements)) -> Self {
        self.map_unknown(|it| refine(&mut it.refined))
    }

    fn map_unknown(self, change: impl FnOnce(&mut UnknownValue)) -> Self {
        match self {
            Value::Unknown(mut it) => {
                change(Arc::make_mut(&mut it));
                Value::Unknown(it)
            }
            Value::Sensitive(inner) => Arc::unwrap_or_clone(inner).map_unknown(change).sensitive(),
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

            // Saved plans have two or three elements: the refinements are omitted where there are
            // none.
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
    fn an_origin_stays_until_the_value_is_converted() {
        let Value::Unknown(it) = id() else { panic!("it is unknown") };
        assert_eq!(it.of_type(Type::String).origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(it.of_type(Type::Number).origin(), None);
        assert_eq!(id().not_null().origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().sensitive().origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().originating(|| "c.d.id".into()).origin().map(|it| &**it), Some("a.b.id"));
        assert_eq!(id().without_origin().origin(), None);
    }

    #[test]
    fn a_string_keeps_the_origins_of_its_parts_until_it_is_rewritten() {
        let mut text = Text::from_value(&id()).unwrap();
        text.push_str("-a");
        let stretches = || vec![Stretch::Attribute("a.b.id".into()), Stretch::Text("-a".into())];
        assert_eq!(Value::from(text.clone()).provenance(), Some(stretches()));
        assert_eq!(Value::from(text.map(str::to_uppercase)).provenance(), None);
        assert_eq!(Value::from(text).without_origin().provenance(), None);
        assert_eq!(Value::from(Text::from_value(&id()).unwrap()).provenance(), id().provenance());
    }

    #[test]
    fn equality_and_json_ignore_the_origin() {
        let made_of_it = Value::unknown(Type::String, Some("a.b.id".into()));
        assert_eq!(id(), made_of_it);
        assert_eq!(id().cmp(&made_of_it), Ordering::Equal);
        assert_eq!(serde_json::to_value(id()).unwrap(), serde_json::to_value(made_of_it).unwrap());
    }
}
