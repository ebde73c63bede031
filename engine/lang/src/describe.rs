//! Short descriptions of values for diagnostics. They never contain a secret.

use ha_value::{Type, Value};

/// The number of characters after which strings and numbers are cut.
const LONG: usize = 60;

/// A short description of a value.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Sensitive(_) => "(sensitive)".into(),
        Value::Unknown(_) => "(known after apply)".into(),
        Value::Composed(_) if value.is_sensitive() => "(sensitive)".into(),
        Value::Composed(_) => "(known after apply)".into(),
        Value::Null(_) => "null".into(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => cut(&it.to_string()),
        Value::String(it) => format!("\"{}\"", cut(&it.escape_debug().to_string())),
        Value::Tuple(items) if items.is_empty() => "an empty tuple".into(),
        Value::Object(items) if items.is_empty() => "an object without attributes".into(),
        Value::Tuple(items) => format!("a tuple of {}", items.len()),
        Value::List(items) => format!("a {} with {}", kind(value), count(items.len())),
        Value::Set(items) => format!("a {} with {}", kind(value), count(items.len())),
        Value::Map(items) => format!("a {} with {}", kind(value), count(items.len())),
        Value::Object(items) => {
            let names: Vec<&str> = items.keys().map(|it| &**it).take(8).collect();
            let more = if items.len() > names.len() { ", …" } else { "" };
            format!("an object with {}{more}", names.join(", "))
        }
    }
}

/// A short description of a value that is wrong in its place; the type for an unknown value.
pub(crate) fn in_place(value: &Value) -> String {
    match value {
        Value::Unknown(it) if it.ty != Type::Any => a_kind(value),
        Value::Composed(_) if !value.is_sensitive() => a_kind(value),
        _ => shown(value),
    }
}

/// The type of a value with its article.
#[must_use]
pub fn a_kind(value: &Value) -> String {
    let kind = kind(value);
    match &*kind {
        "null" => kind,
        "object" => format!("an {kind}"),
        _ => format!("a {kind}"),
    }
}

/// The type of a value, as diagnostics show it.
pub(crate) fn kind(value: &Value) -> String {
    match Type::of_value(value) {
        Type::Any if value.is_null() => "null".into(),
        Type::Any => "value of an unknown type".into(),
        Type::Object(_) => "object".into(),
        Type::Tuple(_) => "tuple".into(),
        Type::List(of) => format!("list of {}", of_what(&of)),
        Type::Set(of) => format!("set of {}", of_what(&of)),
        Type::Map(of) => format!("map of {}", of_what(&of)),
        ty => ty.to_string(),
    }
}

fn of_what(ty: &Type) -> &'static str {
    match ty {
        Type::Any => "anything",
        Type::Bool => "bool",
        Type::Number => "number",
        Type::String => "string",
        Type::List(_) => "lists",
        Type::Set(_) => "sets",
        Type::Map(_) => "maps",
        Type::Tuple(_) => "tuples",
        Type::Object(_) => "objects",
    }
}

fn count(items: usize) -> String {
    if items == 1 { "1 element".into() } else { format!("{items} elements") }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(LONG) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
