//! Encodings of texts and values.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ha_kind::{Part, Text as Parts, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Answer, Function, Kind, Refusal, Run, any, str_of, text};
use crate::evaluate::Builder;
use Kind::{Any, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new("base64decode", "The text that was encoded.", &[text("text")], Text, Run::Plain(base64decode)),
    Function::new("base64encode", "The text's bytes in letters and digits.", &[text("text")], Text, Run::Plain(|it| {
        Ok(Value::from(STANDARD.encode(str_of(it, 0))))
    })),
    Function::new("jsondecode", "The value that a JSON text means.", &[text("text")], Any, Run::Plain(jsondecode)),
    Function::new("jsonencode", "The value as JSON.", &[any("value").nullable()], Text, Run::Whole(jsonencode)),
    Function::new("urlencode", "The text as part of a URL's query.", &[text("text")], Text, Run::Whole(urlencode)),
];

fn base64decode(arguments: &[Value]) -> Answer {
    let bytes = STANDARD.decode(str_of(arguments, 0)).map_err(|error| Refusal::of(0, format!("this is not base64: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Refusal::of(0, "what was encoded is not text (UTF-8)"))?;
    Ok(Value::from(text))
}

fn jsondecode(arguments: &[Value]) -> Answer {
    super::json::decoded(str_of(arguments, 0)).map_err(|message| Refusal::of(0, message))
}

fn jsonencode(arguments: &[Value]) -> Answer {
    let mut text = Builder::default();
    if let Some(value) = arguments.first() {
        write_json(value, false, &mut text);
    }
    Ok(text.finish())
}

/// The value as JSON, where nothing in it is secret or unknown.
pub(crate) fn json_text(value: &Value) -> String {
    let mut text = Builder::default();
    write_json(value, false, &mut text);
    text.finish().as_str().unwrap_or_default().to_owned()
}

/// Secret and unknown values stay parts of their own.
fn write_json(value: &Value, secret: bool, text: &mut Builder) {
    let mut put = |it: &str| match secret {
        true => text.push_part(Part::Secret(it.into())),
        false => text.push_str(it),
    };
    match value {
        Value::Null => put("null"),
        Value::Bool(it) => put(if *it { "true" } else { "false" }),
        Value::Number(it) => put(&it.to_string()),
        Value::String(it) => put(&quoted(it)),
        Value::Composed(parts) => {
            text.push_str("\"");
            let inside: Parts = parts.iter().cloned().collect();
            let inside = if secret { inside.into_secret() } else { inside };
            text.push(&inside.map(escaped));
            text.push_str("\"");
        }
        Value::Unknown(it) => {
            let quotes = matches!(it.ty, ha_kind::Type::String);
            text.push_str(if quotes { "\"" } else { "" });
            text.push_part(Part::Unknown { cause: it.cause.clone(), secret });
            text.push_str(if quotes { "\"" } else { "" });
        }
        Value::Sensitive(inner) => write_json(inner, true, text),
        Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
            put("[");
            for (index, item) in value.children().enumerate() {
                if index > 0 {
                    if secret { text.push_part(Part::Secret(",".into())) } else { text.push_str(",") }
                }
                write_json(item, secret, text);
            }
            if secret { text.push_part(Part::Secret("]".into())) } else { text.push_str("]") }
        }
        Value::Map(items) | Value::Object(items) => {
            put("{");
            for (index, (name, item)) in items.iter().enumerate() {
                let key = format!("{}{}:", if index > 0 { "," } else { "" }, quoted(name));
                if secret { text.push_part(Part::Secret(key.into())) } else { text.push_str(&key) }
                write_json(item, secret, text);
            }
            if secret { text.push_part(Part::Secret("}".into())) } else { text.push_str("}") }
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The inside of a JSON text, safe in HTML too.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\x1f' => {
                write!(out, "\\u{:04x}", c as u32).expect("a String takes all that is written");
            }
            c => out.push(c),
        }
    }
    out
}

/// What a query part keeps as it is.
const QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

fn urlencode(arguments: &[Value]) -> Answer {
    let Some(parts) = arguments.first().and_then(Parts::of) else { return Err(Refusal::of(0, "a text is required")) };
    Ok(Value::from(parts.map(|it| utf8_percent_encode(it, QUERY).to_string().replace(' ', "+"))))
}
