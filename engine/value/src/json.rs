//! Values as JSON without loss. A value that JSON has is written as itself; every other value is an
//! object with one key that begins with a dollar sign. A user's key that begins with a dollar sign
//! gets a second one.

use std::collections::BTreeSet;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

use crate::value::Name;
use crate::{Number, Object, Text, TextPart, Type, Value};

const BITS: &str = "$bits";
const DOUBLE: &str = "$double";
const EMPTY: &str = "$empty";
const LIST: &str = "$list";
const MAP: &str = "$map";
const NULL: &str = "$null";
const NUMBER: &str = "$number";
const SECRET: &str = "$secret";
const SET: &str = "$set";
const TEXT: &str = "$text";
const UNKNOWN: &str = "$unknown";
/// The key of an object that represents a wholly unknown struct. The NUL keeps it apart from all
/// keys that a user can write.
pub const UNKNOWN_FIELDS: &str = "\u{0}$unknown";

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null(of) => match of.known() {
                Some(ty) => tagged(serializer, NULL, ty),
                None => serializer.serialize_unit(),
            },
            Value::Bool(it) => serializer.serialize_bool(*it),
            Value::Number(it) => it.serialize(serializer),
            Value::String(it) => serializer.serialize_str(it),
            Value::Composed(parts) => tagged(
                serializer,
                TEXT,
                &parts.iter().map(SerializedPart::from).collect::<Vec<_>>(),
            ),
            // The type of an empty collection is only in its declaration, which an empty JSON array
            // would lose.
            Value::List(items) if items.is_declared() => {
                tagged(serializer, EMPTY, &Type::of_value(self))
            }
            Value::Set(items) if items.is_declared() => {
                tagged(serializer, EMPTY, &Type::of_value(self))
            }
            Value::Map(items) if items.declaration().known().is_some() => {
                tagged(serializer, EMPTY, &Type::of_value(self))
            }
            Value::List(items) => tagged(serializer, LIST, &PlainElements(items)),
            Value::Set(items) => tagged(serializer, SET, &items.iter().collect::<Vec<_>>()),
            Value::Map(items) => tagged(serializer, MAP, &ObjectEntries(items)),
            Value::Tuple(items) => PlainElements(items).serialize(serializer),
            Value::Object(items) => ObjectEntries(items).serialize(serializer),
            Value::Unknown(it) => match it.refined() {
                Some(refined) => tagged(serializer, UNKNOWN, &(&it.ty, &it.cause, refined)),
                None => tagged(serializer, UNKNOWN, &(&it.ty, &it.cause)),
            },
            Value::Sensitive(it) => tagged(serializer, SECRET, &**it),
        }
    }
}

/// Writes an object with one key, the tag.
fn tagged<S: Serializer>(
    serializer: S,
    tag: &'static str,
    content: &impl Serialize,
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(tag, content)?;
    map.end()
}

struct PlainElements<'a>(&'a [Value]);

impl Serialize for PlainElements<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(Some(self.0.len()))?;
        for item in self.0 {
            seq.serialize_element(item)?;
        }
        seq.end()
    }
}

struct ObjectEntries<'a>(&'a Object);

impl Serialize for ObjectEntries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, item) in self.0 {
            match name.starts_with('$') {
                true => map.serialize_entry(&format!("${name}"), item)?,
                false => map.serialize_entry(&**name, item)?,
            }
        }
        map.end()
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
enum SerializedPart {
    Clear(Arc<str>),
    Secret(Arc<str>),
    Unknown(Option<Arc<str>>),
    SecretUnknown(Option<Arc<str>>),
}

impl From<&TextPart> for SerializedPart {
    fn from(part: &TextPart) -> Self {
        match part {
            TextPart::Clear(it) => SerializedPart::Clear(it.clone()),
            TextPart::Secret(it) => SerializedPart::Secret(it.clone()),
            TextPart::Unknown { cause, secret: false, .. } => {
                SerializedPart::Unknown(cause.clone())
            }
            TextPart::Unknown { cause, secret: true, .. } => {
                SerializedPart::SecretUnknown(cause.clone())
            }
        }
    }
}

impl From<SerializedPart> for TextPart {
    fn from(part: SerializedPart) -> Self {
        match part {
            SerializedPart::Clear(it) => TextPart::Clear(it),
            SerializedPart::Secret(it) => TextPart::Secret(it),
            SerializedPart::Unknown(cause) => TextPart::unknown(cause, false),
            SerializedPart::SecretUnknown(cause) => TextPart::unknown(cause, true),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::NULL)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        Value::deserialize(deserializer)
    }

    fn visit_bool<E>(self, it: bool) -> Result<Value, E> {
        Ok(Value::Bool(it))
    }

    fn visit_i64<E>(self, it: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::written(it)))
    }

    // Numbers beyond `i64` go through decimal text: the shortest digits of a double are the literal
    // that was written, whereas its binary value has a precision of 53 bits.
    fn visit_u64<E: de::Error>(self, it: u64) -> Result<Value, E> {
        number(&it.to_string())
    }

    fn visit_f64<E: de::Error>(self, it: f64) -> Result<Value, E> {
        number(&it.to_string())
    }

    fn visit_str<E>(self, it: &str) -> Result<Value, E> {
        Ok(Value::from(it))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        // A damaged file may claim any length, so the hint does not decide how much is allocated.
        let mut items = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1024));
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Value::tuple(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut items = Object::new();
        while let Some(name) = map.next_key::<String>()? {
            let value = match name.as_str() {
                TEXT => Value::from(
                    map.next_value::<Vec<SerializedPart>>()?
                        .into_iter()
                        .map(TextPart::from)
                        .collect::<Text>(),
                ),
                LIST => Value::list(map.next_value::<Vec<Value>>()?),
                SET => Value::set(map.next_value::<Vec<Value>>()?),
                NULL => Value::null(&map.next_value()?),
                EMPTY => empty(&map.next_value()?).ok_or_else(|| {
                    de::Error::custom("the type of an empty value must be a collection")
                })?,
                MAP => match map.next_value::<Value>()? {
                    Value::Object(items) => Value::Map(items),
                    _ => return Err(de::Error::custom("a map must be an object")),
                },
                BITS => {
                    let (bits, digits) = map.next_value::<(u16, String)>()?;
                    match number(&digits)? {
                        Value::Number(it) => Value::Number(it.keeping(bits)),
                        other => other,
                    }
                }
                DOUBLE => {
                    let double = Number::from_f64(map.next_value()?);
                    Value::Number(
                        double.ok_or_else(|| de::Error::custom("a double must be finite"))?,
                    )
                }
                NUMBER => number(&map.next_value::<String>()?)?,
                SECRET => map.next_value::<Value>()?.sensitive(),
                UNKNOWN => Value::Unknown(Arc::new(map.next_value()?)),
                escaped if escaped.starts_with("$$") => {
                    items.insert(Name::from(&escaped[1..]), map.next_value()?);
                    continue;
                }
                tag if tag.starts_with('$') => {
                    return Err(de::Error::custom(format!("`{tag}` is not the tag of a value")));
                }
                _ => {
                    items.insert(Name::from(name), map.next_value()?);
                    continue;
                }
            };
            return Ok(value);
        }
        Ok(Value::Object(Arc::new(items)))
    }
}

/// The empty collection of a type.
fn empty(ty: &Type) -> Option<Value> {
    Some(match ty {
        Type::List(of) => Value::list_of(of, Vec::new()),
        Type::Set(of) => Value::set_of(of, BTreeSet::new()),
        Type::Map(of) => Value::map_of(of, Object::new()),
        _ => return None,
    })
}

fn number<E: de::Error>(text: &str) -> Result<Value, E> {
    Number::from_str(text)
        .map(Value::Number)
        .map_err(|_| E::custom(format!("`{text}` is not a number")))
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A reduced precision decides digits of later results, so it must survive a saved plan.
        // Most such numbers are doubles, for which JSON's own notation is short and exact.
        if let Some(bits) = self.kept_bits() {
            let double = self.to_f64();
            return match Number::from_f64(double)
                .is_some_and(|it| it == *self && it.kept_bits() == Some(bits))
            {
                true => tagged(serializer, DOUBLE, &double),
                false => tagged(serializer, BITS, &(bits, self.all_digits())),
            };
        }
        if let Some(small) = self.as_i64() {
            return serializer.serialize_i64(small);
        }
        let double = self.to_f64();
        match double.is_finite() && Number::from_str(&double.to_string()).as_ref() == Ok(self) {
            true => serializer.serialize_f64(double),
            false => tagged(serializer, NUMBER, &self.to_string()),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Number(it) => Ok(it),
            _ => Err(de::Error::custom("expected a number")),
        }
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Value::from(self.clone()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        Text::from_value(&value).ok_or_else(|| de::Error::custom("expected a string"))
    }
}

impl Text {
    /// The parts of a value that is a string, a number, a boolean or unknown, with or without
    /// marks; `None` for null and collections.
    #[must_use]
    pub fn from_value(value: &Value) -> Option<Text> {
        Some(match value {
            Value::String(it) => Text::from(&**it),
            Value::Number(it) => Text::from(it.to_string()),
            Value::Bool(it) => Text::from(it.to_string()),
            Value::Composed(parts) => parts.iter().cloned().collect(),
            Value::Unknown(it) => {
                let origin = it.origin.clone();
                Text::from_iter([TextPart::Unknown {
                    cause: it.cause.clone(),
                    secret: false,
                    origin,
                }])
            }
            Value::Sensitive(inner) => Text::from_value(inner)?.into_secret(),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_survives_json() {
        let text: Text =
            [TextPart::Clear("a".into()), TextPart::Secret("b".into())].into_iter().collect();
        let value = Value::object([
            ("$dollar".into(), Value::from(1)),
            ("list".into(), Value::list([Value::from("x")])),
            ("set".into(), Value::set([Value::from("x")])),
            ("map".into(), Value::Map(Arc::new([("k".into(), Value::from(true))].into()))),
            ("text".into(), Value::from(text)),
            ("unknown".into(), Value::unknown(Type::Number, Some("a.b.c".into()))),
            ("secret".into(), Value::from(5).sensitive()),
            ("null".into(), Value::NULL),
            ("null of a type".into(), Value::null(&Type::Number)),
            ("no strings".into(), Value::list_of(&Type::String, Vec::new())),
            ("no numbers".into(), Value::set_of(&Type::Number, [].into())),
            ("no flags".into(), Value::map_of(&Type::Bool, Object::new())),
            ("not null".into(), Value::unknown(Type::String, None).not_null()),
            (
                "short".into(),
                Value::unknown(Type::Set(Type::String.into()), None).of_length(1, Some(3)),
            ),
            (
                "positive".into(),
                Value::unknown(Type::Number, None).in_range((Some(1.into()), None)),
            ),
        ]);
        let written = serde_json::to_string(&value).unwrap();
        assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value);
        assert_eq!(
            Type::of_value(&serde_json::from_str::<Value>(&written).unwrap()),
            Type::of_value(&value)
        );
    }

    #[test]
    fn every_number_survives_json() {
        // The nearest double of some of these is found only by exact arithmetic.
        for number in [
            "118446744073709551615",
            "1.1844674407370955e20",
            "5e-324",
            "1.7976931348623157e308",
            "0.1",
            "1e400",
            "-1",
        ] {
            let value = Value::Number(Number::from_str(number).unwrap());
            let written = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&written).unwrap(), value, "{number}");
        }
        let double = |it: f64| Number::from_f64(it).unwrap();
        let third = Number::from(1).div(&Number::from(3)).unwrap();
        let product = double(0.1 + 0.2).mul(&double(0.1)).unwrap();
        let doubles = [f64::from(2_f32).powi(64), 0.1 + 0.2, f64::MIN_POSITIVE].map(double);
        for number in doubles.into_iter().chain([third, product]) {
            let value = Value::Number(number);
            let written = serde_json::to_string(&value).unwrap();
            let read = serde_json::from_str::<Value>(&written).unwrap();
            assert_eq!((&read, format!("{read:?}")), (&value, format!("{value:?}")));
        }
    }
}
