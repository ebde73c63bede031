//! JSON as it is printed: numbers to the last digit, keys in the order given.

use ha_value::{Address, BlockAddress, Key, Mode, Path, Step, Type};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_json::value::RawValue;

use super::redacted_value::{Piece, SENSITIVE, Shown};

/// A JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// A number in decimal.
    Number(String),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of these.
    pub(crate) fn object<'a>(of: impl IntoIterator<Item = (&'a str, Json)>) -> Self {
        Json::Object(of.into_iter().map(|(name, it)| (name.to_owned(), it)).collect())
    }

    /// An array of these.
    pub(crate) fn array<T: Into<Json>>(of: impl IntoIterator<Item = T>) -> Self {
        Json::Array(of.into_iter().map(Into::into).collect())
    }

    /// The same, indented for a reader, with a line end.
    pub(crate) fn pretty(&self) -> String {
        serde_json::to_string_pretty(self).expect("keys are texts") + "\n"
    }

    /// The same on one line, with a line end.
    pub(crate) fn line(&self) -> String {
        self.compact() + "\n"
    }

    /// The same on one line.
    pub(crate) fn compact(&self) -> String {
        serde_json::to_string(self).expect("keys are texts")
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Json::Null => serializer.serialize_unit(),
            Json::Bool(it) => serializer.serialize_bool(*it),
            Json::Number(it) => match RawValue::from_string(it.clone()) {
                Ok(raw) => raw.serialize(serializer),
                Err(_) => serializer.serialize_str(it),
            },
            Json::String(it) => serializer.serialize_str(it),
            Json::Array(items) => {
                let mut seq = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|it| seq.serialize_element(it))?;
                seq.end()
            }
            Json::Object(items) => {
                let mut map = serializer.serialize_map(Some(items.len()))?;
                items.iter().try_for_each(|(name, it)| map.serialize_entry(name, it))?;
                map.end()
            }
        }
    }
}

impl From<bool> for Json {
    fn from(it: bool) -> Self {
        Json::Bool(it)
    }
}

impl From<&str> for Json {
    fn from(it: &str) -> Self {
        Json::String(it.to_owned())
    }
}

impl From<String> for Json {
    fn from(it: String) -> Self {
        Json::String(it)
    }
}

impl From<&String> for Json {
    fn from(it: &String) -> Self {
        Json::String(it.clone())
    }
}

impl From<usize> for Json {
    fn from(it: usize) -> Self {
        Json::Number(it.to_string())
    }
}

impl From<u64> for Json {
    fn from(it: u64) -> Self {
        Json::Number(it.to_string())
    }
}

impl<T: Into<Json>> From<Option<T>> for Json {
    fn from(it: Option<T>) -> Self {
        it.map_or(Json::Null, Into::into)
    }
}

/// The value; what is unknown is null, or left out of objects.
impl From<&Shown> for Json {
    fn from(value: &Shown) -> Self {
        match value {
            Shown::Null => Json::Null,
            Shown::Bool(it) => Json::Bool(*it),
            Shown::Number(it) => Json::Number(it.clone()),
            it @ Shown::Text(_) if !it.is_wholly_known() => Json::Null,
            Shown::Text(pieces) => Json::String(pieces.iter().map(text).collect()),
            Shown::Base64 { kept, .. } => Json::String(kept.clone().unwrap_or_else(|| SENSITIVE.into())),
            Shown::List(items) | Shown::Set(items) => Json::array(items),
            Shown::Object(items) => {
                let known = items.iter().filter(|(_, it)| !is_unknown(it));
                Json::Object(known.map(|(name, it)| (name.to_string(), Json::from(it))).collect())
            }
            Shown::Unknown { .. } => Json::Null,
            Shown::Secret(secret) => secret.revealed.as_ref().map_or_else(|| SENSITIVE.into(), |it| Json::from(&**it)),
        }
    }
}

fn text(piece: &Piece) -> String {
    match piece {
        Piece::Clear(text) => text.clone(),
        Piece::Secret(secret) => secret.revealed.as_ref().map_or_else(|| SENSITIVE.into(), ToString::to_string),
        Piece::Unknown { .. } => String::new(),
    }
}

fn is_unknown(value: &Shown) -> bool {
    match value {
        Shown::Unknown { .. } => true,
        Shown::Text(_) => !value.is_wholly_known(),
        _ => false,
    }
}

/// Where the value is unknown, in the value's own shape: `true`, or objects and arrays of such.
pub(crate) fn unknowns(value: &Shown) -> Json {
    marks(value, &is_unknown)
}

/// Where the value is sensitive, in the value's own shape.
pub(crate) fn sensitives(value: &Shown) -> Json {
    marks(value, &|it| match it {
        Shown::Secret(_) | Shown::Unknown { secret: true, .. } => true,
        Shown::Text(pieces) => pieces.iter().any(|it| matches!(it, Piece::Secret(_) | Piece::Unknown { secret: true, .. })),
        Shown::Base64 { kept, .. } => kept.is_none(),
        _ => false,
    })
}

fn marks(value: &Shown, is_marked: &dyn Fn(&Shown) -> bool) -> Json {
    match value {
        it if is_marked(it) => Json::Bool(true),
        Shown::List(items) | Shown::Set(items) => Json::Array(items.iter().map(|it| marks(it, is_marked)).collect()),
        Shown::Object(items) => {
            let marked = items.iter().map(|(name, it)| (name.to_string(), marks(it, is_marked)));
            Json::Object(marked.filter(|(_, it)| *it != Json::Bool(false)).collect())
        }
        _ => Json::Bool(false),
    }
}

/// An instance's key; null where there is only one instance.
impl From<&Key> for Json {
    fn from(key: &Key) -> Self {
        match key {
            Key::None => Json::Null,
            Key::Index(index) => Json::from(*index),
            Key::Name(name) => Json::from(&**name),
        }
    }
}

/// A place: `["ingress", 0, "port"]`.
impl From<&Path> for Json {
    fn from(path: &Path) -> Self {
        let step = |it: &Step| match it {
            Step::Index(index) => Json::from(*index),
            Step::Name(name) => Json::from(&**name),
        };
        Json::Array(path.steps().iter().map(step).collect())
    }
}

/// A type: `"string"`, `["list", "string"]`, `["object", {…}]`, `["tuple", […]]`.
impl From<&Type> for Json {
    fn from(ty: &Type) -> Self {
        let of = |name: &str, inner: Json| Json::Array(vec![name.into(), inner]);
        match ty {
            Type::Any => "dynamic".into(),
            Type::Bool => "bool".into(),
            Type::Number => "number".into(),
            Type::String => "string".into(),
            Type::List(inner) => of("list", Json::from(&**inner)),
            Type::Set(inner) => of("set", Json::from(&**inner)),
            Type::Map(inner) => of("map", Json::from(&**inner)),
            Type::Tuple(inner) => of("tuple", Json::array(inner.iter())),
            Type::Object(attributes) => {
                let optional: Vec<&str> = attributes.iter().filter(|(_, it)| it.optional).map(|(name, _)| &**name).collect();
                let inner = Json::Object(attributes.iter().map(|(name, it)| (name.to_string(), Json::from(&it.ty))).collect());
                match optional.is_empty() {
                    true => of("object", inner),
                    false => Json::Array(vec!["object".into(), inner, Json::array(optional)]),
                }
            }
        }
    }
}

/// What Terraform's JSON says of an address, in its order.
pub(crate) fn address_fields(address: &Address) -> Vec<(&'static str, Json)> {
    let Address { block, key } = address;
    let BlockAddress { module, mode, kind, name } = block;
    let mut fields = vec![("address", Json::from(address.to_string()))];
    if !module.is_empty() {
        let steps: Vec<String> = module.iter().map(|(name, key)| format!("module.{name}{key}")).collect();
        fields.push(("module_address", steps.join(".").into()));
    }
    fields.push(("mode", if *mode == Mode::Data { "data" } else { "managed" }.into()));
    fields.push(("type", (&**kind).into()));
    fields.push(("name", (&**name).into()));
    if *key != Key::None {
        fields.push(("index", Json::from(key)));
    }
    fields.push(("provider_name", provider_source(implied_provider(kind)).into()));
    fields
}

/// The provider that a kind's name begins with.
pub(crate) fn implied_provider(kind: &str) -> &str {
    kind.split('_').next().unwrap_or_default()
}

/// A provider as tools for Terraform's plans know it: the kinds of these have the names and arguments of their twins
/// there. Others go by their own name.
pub(crate) fn provider_source(name: &str) -> String {
    match name {
        "ha" | "terraform" => "terraform.io/builtin/terraform".into(),
        "aws" | "local" | "null" | "random" | "tls" => format!("registry.terraform.io/hashicorp/{name}"),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_all_their_digits() {
        let number = Json::Number("0.1234567890123456789012345678901234567890".into());
        assert_eq!(number.line(), "0.1234567890123456789012345678901234567890\n");
    }

    #[test]
    fn marks_take_the_shape_of_the_value() {
        let unknown = Shown::Unknown { cause: None, secret: false };
        let value = Shown::Object(
            [("a".into(), Shown::List(vec![Shown::Null, unknown.clone()])), ("b".into(), unknown), ("c".into(), Shown::Null)]
                .into(),
        );
        assert_eq!(unknowns(&value).line(), "{\"a\":[false,true],\"b\":true}\n");
        assert_eq!(Json::from(&value).line(), "{\"a\":[null,null],\"c\":null}\n");
    }

    #[test]
    fn types_as_tools_know_them() {
        let list = Type::List(Type::String.into());
        let tuple = Type::Tuple(vec![list, Type::Any].into());
        assert_eq!(Json::from(&tuple).line(), "[\"tuple\",[[\"list\",\"string\"],\"dynamic\"]]\n");
    }
}
