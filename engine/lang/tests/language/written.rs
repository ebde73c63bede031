//! Prints values on one line.

use ha_value::{Object, TextPart, Value};

pub(crate) fn written(value: &Value) -> String {
    match value {
        Value::Null(_) => "null".into(),
        Value::Bool(it) => it.to_string(),
        Value::Number(it) => it.to_string(),
        Value::String(it) => quoted(it),
        Value::List(_) => format!("tolist([{}])", items(value)),
        Value::Set(_) => format!("toset([{}])", items(value)),
        Value::Tuple(_) => format!("[{}]", items(value)),
        Value::Map(it) => format!("tomap({{{}}})", named(it)),
        Value::Object(it) => format!("{{{}}}", named(it)),
        Value::Unknown(it) => match &it.cause {
            Some(cause) => format!("<{} {cause}>", it.ty),
            None => format!("<{}>", it.ty),
        },
        Value::Sensitive(inner) => format!("secret({})", written(inner)),
        Value::Composed(parts) => {
            let part = |it: &TextPart| match it {
                TextPart::Clear(it) => quoted(it),
                TextPart::Secret(it) => format!("secret({})", quoted(it)),
                TextPart::Unknown { cause, secret, .. } => {
                    let cause = cause.as_deref().unwrap_or("?");
                    if *secret { format!("secret(<{cause}>)") } else { format!("<{cause}>") }
                }
            };
            parts.iter().map(part).collect::<Vec<_>>().join(" + ")
        }
    }
}

fn items(value: &Value) -> String {
    value.children().map(written).collect::<Vec<_>>().join(", ")
}

fn named(object: &Object) -> String {
    object
        .iter()
        .map(|(name, it)| format!("{} = {}", quoted(name), written(it)))
        .collect::<Vec<_>>()
        .join(", ")
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out + "\""
}
