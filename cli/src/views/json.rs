//! JSON for output: numbers keep every digit, keys keep their order.

use ha_value::{Address, BlockAddress, InstanceKey, Path, PathStep, ResourceMode, Type};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::redacted_value::{RedactedPiece, RedactedValue, SENSITIVE};

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonValue {
    Null,
    Bool(bool),
    /// A number in decimal.
    Number(String),
    String(String),
    Array(Vec<JsonValue>),
    Object(Vec<(String, JsonValue)>),
}

impl JsonValue {
    /// Creates an object with these fields.
    pub(crate) fn object<'a>(of: impl IntoIterator<Item = (&'a str, JsonValue)>) -> Self {
        JsonValue::Object(of.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
    }

    /// Creates an array of these elements.
    pub(crate) fn array<T: Into<JsonValue>>(of: impl IntoIterator<Item = T>) -> Self {
        JsonValue::Array(of.into_iter().map(Into::into).collect())
    }

    /// Writes the value indented, with a line end.
    pub(crate) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("keys are strings") + "\n"
    }

    /// Writes the value on one line, with a line end.
    pub(crate) fn line(&self) -> String {
        self.compact() + "\n"
    }

    /// Writes the value on one line.
    pub(crate) fn compact(&self) -> String {
        serde_json::to_string(self).expect("keys are strings")
    }
}

impl Serialize for JsonValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            JsonValue::Null => serializer.serialize_unit(),
            JsonValue::Bool(it) => serializer.serialize_bool(*it),
            JsonValue::Number(it) => match RawValue::from_string(it.clone()) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(it),
            },
            JsonValue::String(it) => serializer.serialize_str(it),
            JsonValue::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|it| seq.serialize_element(it))?;
                seq.end()
            }
            JsonValue::Object(items) => {
                let mut map = serializer.serialize_map(Some(items.len()))?;
                items.iter().try_for_each(|(name, it)| map.serialize_entry(name, it))?;
                map.end()
            }
        }
    }
}

impl From<bool> for JsonValue {
    fn from(it: bool) -> Self {
        JsonValue::Bool(it)
    }
}

impl From<&str> for JsonValue {
    fn from(it: &str) -> Self {
        JsonValue::String(it.to_owned())
    }
}

impl From<String> for JsonValue {
    fn from(it: String) -> Self {
        JsonValue::String(it)
    }
}

impl From<&String> for JsonValue {
    fn from(it: &String) -> Self {
        JsonValue::String(it.clone())
    }
}

impl From<usize> for JsonValue {
    fn from(it: usize) -> Self {
        JsonValue::Number(it.to_string())
    }
}

impl From<u64> for JsonValue {
    fn from(it: u64) -> Self {
        JsonValue::Number(it.to_string())
    }
}

impl<T: Into<JsonValue>> From<Option<T>> for JsonValue {
    fn from(it: Option<T>) -> Self {
        it.map_or(JsonValue::Null, Into::into)
    }
}

/// Returns the value; an unknown becomes null, or is left out of an object.
impl From<&RedactedValue> for JsonValue {
    fn from(value: &RedactedValue) -> Self {
        match value {
            RedactedValue::Null => JsonValue::Null,
            RedactedValue::Bool(it) => JsonValue::Bool(*it),
            RedactedValue::Number(it) => JsonValue::Number(it.clone()),
            it @ RedactedValue::Text(_) if !it.is_wholly_known() => JsonValue::Null,
            RedactedValue::Text(pieces) => JsonValue::String(pieces.iter().map(text).collect()),
            RedactedValue::Base64 { kept, .. } => {
                JsonValue::String(kept.clone().unwrap_or_else(|| SENSITIVE.into()))
            }
            RedactedValue::List(items) | RedactedValue::Set(items) => JsonValue::array(items),
            RedactedValue::Object(items) => {
                let known = items.iter().filter(|(_, it)| !is_unknown(it));
                JsonValue::Object(
                    known.map(|(name, it)| (name.to_string(), JsonValue::from(it))).collect(),
                )
            }
            RedactedValue::Unknown { .. } => JsonValue::Null,
            RedactedValue::Secret(secret) => secret
                .revealed
                .as_ref()
                .map_or_else(|| SENSITIVE.into(), |it| JsonValue::from(&**it)),
        }
    }
}

fn text(piece: &RedactedPiece) -> String {
    match piece {
        RedactedPiece::Clear(text) => text.clone(),
        RedactedPiece::Secret(secret) => {
            secret.revealed.as_ref().map_or_else(|| SENSITIVE.into(), ToString::to_string)
        }
        RedactedPiece::Unknown { .. } => String::new(),
    }
}

fn is_unknown(value: &RedactedValue) -> bool {
    match value {
        RedactedValue::Unknown { .. } => true,
        RedactedValue::Text(_) => !value.is_wholly_known(),
        _ => false,
    }
}

/// Returns `true` for each unknown part, in the structure of the value.
pub(crate) fn unknowns(value: &RedactedValue) -> JsonValue {
    marks(value, &is_unknown)
}

/// Returns `true` for each sensitive part, in the structure of the value.
pub(crate) fn sensitives(value: &RedactedValue) -> JsonValue {
    marks(value, &|it| match it {
        RedactedValue::Secret(_) | RedactedValue::Unknown { secret: true, .. } => true,
        RedactedValue::Text(pieces) => pieces.iter().any(|it| {
            matches!(it, RedactedPiece::Secret(_) | RedactedPiece::Unknown { secret: true, .. })
        }),
        RedactedValue::Base64 { kept, .. } => kept.is_none(),
        _ => false,
    })
}

fn marks(value: &RedactedValue, is_marked: &dyn Fn(&RedactedValue) -> bool) -> JsonValue {
    match value {
        it if is_marked(it) => JsonValue::Bool(true),
        RedactedValue::List(items) | RedactedValue::Set(items) => {
            JsonValue::Array(items.iter().map(|it| marks(it, is_marked)).collect())
        }
        RedactedValue::Object(items) => {
            let marked = items.iter().map(|(name, it)| (name.to_string(), marks(it, is_marked)));
            JsonValue::Object(marked.filter(|(_, it)| *it != JsonValue::Bool(false)).collect())
        }
        _ => JsonValue::Bool(false),
    }
}

/// Returns an instance's key; null without `count` and `for_each`.
impl From<&InstanceKey> for JsonValue {
    fn from(key: &InstanceKey) -> Self {
        match key {
            InstanceKey::None => JsonValue::Null,
            InstanceKey::Index(index) => JsonValue::from(*index),
            InstanceKey::Name(name) => JsonValue::from(&**name),
        }
    }
}

/// Returns a path: `["ingress", 0, "port"]`.
impl From<&Path> for JsonValue {
    fn from(path: &Path) -> Self {
        let step = |it: &PathStep| match it {
            PathStep::Index(index) => JsonValue::from(*index),
            PathStep::Name(name) => JsonValue::from(&**name),
        };
        JsonValue::Array(path.steps().iter().map(step).collect())
    }
}

/// Returns a type: `"string"`, `["list", "string"]`, `["object", {…}]`, `["tuple", […]]`.
impl From<&Type> for JsonValue {
    fn from(ty: &Type) -> Self {
        let of = |name: &str, inner: JsonValue| JsonValue::Array(vec![name.into(), inner]);
        match ty {
            Type::Any => "dynamic".into(),
            Type::Bool => "bool".into(),
            Type::Number => "number".into(),
            Type::String => "string".into(),
            Type::List(inner) => of("list", JsonValue::from(&**inner)),
            Type::Set(inner) => of("set", JsonValue::from(&**inner)),
            Type::Map(inner) => of("map", JsonValue::from(&**inner)),
            Type::Tuple(inner) => of("tuple", JsonValue::array(inner.iter())),
            Type::Object(attributes) => {
                let optional: Vec<&str> = attributes
                    .iter()
                    .filter(|(_, it)| it.optional)
                    .map(|(name, _)| &**name)
                    .collect();
                let inner = JsonValue::Object(
                    attributes
                        .iter()
                        .map(|(name, it)| (name.to_string(), JsonValue::from(&it.ty)))
                        .collect(),
                );
                match optional.is_empty() {
                    true => of("object", inner),
                    false => {
                        JsonValue::Array(vec!["object".into(), inner, JsonValue::array(optional)])
                    }
                }
            }
        }
    }
}

/// Returns the fields of an address, in Terraform's order.
pub(crate) fn address_fields(address: &Address) -> Vec<(&'static str, JsonValue)> {
    let Address { block, key } = address;
    let BlockAddress { module, mode, kind, name } = block;
    let mut fields = vec![("address", JsonValue::from(address.to_string()))];
    if !module.is_empty() {
        let steps: Vec<String> =
            module.iter().map(|(name, key)| format!("module.{name}{key}")).collect();
        fields.push(("module_address", steps.join(".").into()));
    }
    fields.push(("mode", if *mode == ResourceMode::Data { "data" } else { "managed" }.into()));
    fields.push(("type", (&**kind).into()));
    fields.push(("name", (&**name).into()));
    if *key != InstanceKey::None {
        fields.push(("index", JsonValue::from(key)));
    }
    fields.push(("provider_name", provider_source(implied_provider(kind)).into()));
    fields
}

/// Returns the provider that the name of a resource type begins with.
pub(crate) fn implied_provider(kind: &str) -> &str {
    kind.split('_').next().unwrap_or_default()
}

/// Returns a provider's name for Terraform's tools: the registry address for providers whose
/// resource types have the names and arguments of Terraform's, the plain name for others.
pub(crate) fn provider_source(name: &str) -> String {
    match name {
        "ha" | "terraform" => "terraform.io/builtin/terraform".into(),
        "aws" | "local" | "null" | "random" | "tls" => {
            format!("registry.terraform.io/hashicorp/{name}")
        }
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_all_their_digits() {
        let number = JsonValue::Number("0.1234567890123456789012345678901234567890".into());
        assert_eq!(number.line(), "0.1234567890123456789012345678901234567890\n");
    }

    #[test]
    fn marks_take_the_shape_of_the_value() {
        let unknown = RedactedValue::Unknown { cause: None, secret: false };
        let value = RedactedValue::Object(
            [
                ("a".into(), RedactedValue::List(vec![RedactedValue::Null, unknown.clone()])),
                ("b".into(), unknown),
                ("c".into(), RedactedValue::Null),
            ]
            .into(),
        );
        assert_eq!(unknowns(&value).line(), "{\"a\":[false,true],\"b\":true}\n");
        assert_eq!(JsonValue::from(&value).line(), "{\"a\":[null,null],\"c\":null}\n");
    }

    #[test]
    fn types_have_the_format_of_terraform() {
        let list = Type::List(Type::String.into());
        let tuple = Type::Tuple(vec![list, Type::Any].into());
        assert_eq!(
            JsonValue::from(&tuple).line(),
            "[\"tuple\",[[\"list\",\"string\"],\"dynamic\"]]\n"
        );
    }
}
