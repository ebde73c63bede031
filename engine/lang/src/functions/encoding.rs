//! Encodings of strings and values: base64, CSV, JSON, YAML, URL, and character encodings.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use ha_value::{Text as Parts, TextPart, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    Function, FunctionBody, FunctionError, FunctionResult, ParameterKind, any, string_argument,
    text,
};
use crate::evaluate::{TextBuilder, is_open};
use ParameterKind::{Any, Text};

pub(super) const FUNCTIONS: &[Function] = &[
    Function::new(
        "base64decode",
        "The string that was encoded in base64.",
        &[text("text")],
        Text,
        FunctionBody::Plain(base64decode),
    ),
    Function::new(
        "base64encode",
        "The bytes of the string in base64.",
        &[text("text")],
        Text,
        FunctionBody::Plain(|it| Ok(Value::from(STANDARD.encode(string_argument(it, 0))))),
    ),
    Function::new(
        "base64gzip",
        "The bytes of the string, compressed by gzip, in base64.",
        &[text("text")],
        Text,
        FunctionBody::Plain(base64gzip),
    ),
    Function::new(
        "csvdecode",
        "The rows of a CSV document as objects, with attributes named by its first line.",
        &[text("text")],
        ParameterKind::List(&Any),
        FunctionBody::Plain(|it| {
            super::csv_read::decoded(string_argument(it, 0))
                .map_err(|message| FunctionError::argument(0, message))
        }),
    ),
    Function::new(
        "jsondecode",
        "The value of a JSON document.",
        &[text("text")],
        Any,
        FunctionBody::Plain(jsondecode),
    )
    .nullable(),
    Function::new(
        "jsonencode",
        "The value as JSON.",
        &[any("value").nullable()],
        Text,
        FunctionBody::Whole(jsonencode),
    ),
    Function::new(
        "textdecodebase64",
        "The string that was encoded in a character encoding and base64.",
        &[text("text"), text("encoding")],
        Text,
        FunctionBody::Plain(textdecodebase64),
    ),
    Function::new(
        "textencodebase64",
        "The bytes of the string in a character encoding, in base64.",
        &[text("text"), text("encoding")],
        Text,
        FunctionBody::Plain(textencodebase64),
    ),
    Function::new(
        "urlencode",
        "The string, encoded for the query of a URL.",
        &[text("text")],
        Text,
        FunctionBody::Whole(urlencode),
    ),
    Function::new(
        "yamldecode",
        "The value of a YAML document.",
        &[text("text")],
        Any,
        FunctionBody::Plain(|it| {
            super::yaml_read::decoded(string_argument(it, 0))
                .map_err(|message| FunctionError::argument(0, message))
        }),
    )
    .nullable(),
    Function::new(
        "yamlencode",
        "The value as YAML.",
        &[any("value").nullable()],
        Text,
        FunctionBody::Plain(|it| Ok(Value::from(super::yaml_write::encoded(&it[0])))),
    ),
];

/// Base64 whose unused last bits need not be 0, since Go's decoder ignores them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Decodes base64, which may contain line ends.
pub(super) fn decoded_base64(text: &str) -> Result<Vec<u8>, FunctionError> {
    let unwrapped: String = text.chars().filter(|it| !matches!(it, '\r' | '\n')).collect();
    LENIENT
        .decode(unwrapped)
        .map_err(|error| FunctionError::argument(0, format!("this is not base64: {error}")))
}

fn base64decode(arguments: &[Value]) -> FunctionResult {
    let bytes = decoded_base64(string_argument(arguments, 0))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| FunctionError::argument(0, "the decoded bytes are not text (UTF-8)"))?;
    Ok(Value::from(text))
}

/// A gzip header without file name and time, for an unknown operating system (RFC 1952).
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// A final deflate block that is stored and empty.
const GZIP_END: [u8; 5] = [1, 0, 0, 0xff, 0xff];

fn base64gzip(arguments: &[Value]) -> FunctionResult {
    use std::io::Write as _;
    let text = string_argument(arguments, 0).as_bytes();
    let mut deflate =
        flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::default());
    let written = deflate.write_all(text).and_then(|()| deflate.flush());
    written
        .map_err(|error| FunctionError::argument(0, format!("it cannot be compressed: {error}")))?;
    let mut sum = flate2::Crc::new();
    sum.update(text);
    // Go's writer flushes and then adds an empty final block, and this does the same: `user_data`
    // with few repetitions has the same bytes as from Terraform. The two compressors encode
    // repetitions differently.
    let bytes = [
        &GZIP_HEAD,
        &deflate.get_ref()[..],
        &GZIP_END,
        &sum.sum().to_le_bytes(),
        &sum.amount().to_le_bytes(),
    ]
    .concat();
    Ok(Value::from(STANDARD.encode(bytes)))
}

/// A character encoding by one of its IANA names. Latin-1 and UTF-16 are separate because
/// `encoding_rs` follows the web: it decodes Latin-1 as Windows-1252 and does not encode UTF-16.
enum Charset {
    Latin1,
    Utf16(fn(u16) -> [u8; 2], fn([u8; 2]) -> u16),
    /// With a byte-order mark at the beginning.
    Utf16Marked,
    Other(&'static encoding_rs::Encoding),
}

fn charset(name: &str) -> Result<Charset, FunctionError> {
    Ok(match name.to_ascii_uppercase().as_str() {
        "ISO-8859-1" | "ISO_8859-1" | "LATIN1" | "L1" | "ISO_8859-1:1987" | "US-ASCII"
        | "ASCII" => Charset::Latin1,
        "UTF-16LE" => Charset::Utf16(u16::to_le_bytes, u16::from_le_bytes),
        "UTF-16BE" => Charset::Utf16(u16::to_be_bytes, u16::from_be_bytes),
        "UTF-16" => Charset::Utf16Marked,
        _ => match encoding_rs::Encoding::for_label(name.as_bytes()) {
            Some(encoding) => Charset::Other(encoding),
            None => {
                return Err(FunctionError::argument(
                    1,
                    format!("there is no character encoding \"{name}\""),
                ));
            }
        },
    })
}

fn textencodebase64(arguments: &[Value]) -> FunctionResult {
    let (text, name) = (string_argument(arguments, 0), string_argument(arguments, 1));
    let missing =
        || FunctionError::argument(0, format!("it has characters that {name} does not have"));
    let bytes = match charset(name)? {
        Charset::Latin1 => {
            let most = if name.to_ascii_uppercase().ends_with("ASCII") { 0x7f } else { 0xff };
            let byte = |c: char| u8::try_from(c).ok().filter(|it| *it <= most);
            text.chars().map(byte).collect::<Option<Vec<u8>>>().ok_or_else(missing)?
        }
        Charset::Utf16(bytes, _) => text.encode_utf16().flat_map(bytes).collect(),
        Charset::Utf16Marked => {
            [0xfe, 0xff].into_iter().chain(text.encode_utf16().flat_map(u16::to_be_bytes)).collect()
        }
        Charset::Other(encoding) => match encoding.encode(text) {
            (bytes, _, false) => bytes.into_owned(),
            _ => return Err(missing()),
        },
    };
    Ok(Value::from(STANDARD.encode(bytes)))
}

fn textdecodebase64(arguments: &[Value]) -> FunctionResult {
    let (text, name) = (string_argument(arguments, 0), string_argument(arguments, 1));
    let bytes = decoded_base64(text)?;
    let wrong = || FunctionError::argument(0, format!("the decoded bytes are not text in {name}"));
    let utf16 = |bytes: &[u8], from: fn([u8; 2]) -> u16| {
        let (pairs, rest) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|it| from(*it)).collect();
        String::from_utf16(&units).ok().filter(|_| rest.is_empty()).ok_or_else(wrong)
    };
    let decoded = match charset(name)? {
        Charset::Latin1 => bytes.into_iter().map(char::from).collect(),
        Charset::Utf16(_, from) => utf16(&bytes, from)?,
        Charset::Utf16Marked => match bytes.split_at_checked(2) {
            Some(([0xff, 0xfe], rest)) => utf16(rest, u16::from_le_bytes)?,
            Some(([0xfe, 0xff], rest)) => utf16(rest, u16::from_be_bytes)?,
            _ => utf16(&bytes, u16::from_be_bytes)?,
        },
        Charset::Other(encoding) => encoding
            .decode_without_bom_handling_and_without_replacement(&bytes)
            .ok_or_else(wrong)?
            .into_owned(),
    };
    Ok(Value::from(decoded))
}

fn jsondecode(arguments: &[Value]) -> FunctionResult {
    super::json::decoded(string_argument(arguments, 0))
        .map_err(|message| FunctionError::argument(0, message))
}

fn jsonencode(arguments: &[Value]) -> FunctionResult {
    let mut text = TextBuilder::default();
    if let Some(value) = arguments.first() {
        write_json(value, false, &mut text);
    }
    Ok(text.finish()?)
}

/// The JSON of a value without secret and unknown parts.
pub(crate) fn json_text(value: &Value) -> String {
    let mut text = TextBuilder::default();
    write_json(value, false, &mut text);
    text.finish().ok().as_ref().and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// Writes JSON in which secret and unknown values stay separate parts. Inside a secret collection
/// the punctuation is secret too, since it reveals the number of elements.
fn write_json(value: &Value, secret: bool, text: &mut TextBuilder) {
    // The length of the result is bounded; there is no use in visiting further elements of a huge
    // value.
    if text.is_full() {
        return;
    }
    let put = |text: &mut TextBuilder, it: &str| match secret {
        true => text.push_part(TextPart::Secret(it.into())),
        false => text.push_str(it),
    };
    match value {
        Value::Null(_) => put(text, "null"),
        Value::Bool(it) => put(text, if *it { "true" } else { "false" }),
        Value::Number(it) => put(text, &it.to_string()),
        Value::String(it) => put(text, &quoted(it)),
        Value::Composed(parts) => {
            put(text, "\"");
            let inside: Parts = parts.iter().cloned().collect();
            let inside = if secret { inside.into_secret() } else { inside };
            // Escaping works character by character, so each part can be escaped alone.
            text.push(&inside.map(escaped));
            put(text, "\"");
        }
        Value::Unknown(it) => {
            // The quotes of an unknown string are certain, so they are shown in a plan.
            let quote = if matches!(it.ty, ha_value::Type::String) { "\"" } else { "" };
            put(text, quote);
            text.push_part(TextPart::unknown(it.cause.clone(), secret));
            put(text, quote);
        }
        Value::Sensitive(inner) => write_json(inner, true, text),
        // An unknown element decides the order of a set, so that not even the known elements have a
        // place.
        Value::Set(_) if is_open(value) => {
            let secret = secret || value.contains_sensitive();
            text.push_part(TextPart::unknown(value.cause(), secret));
        }
        Value::List(_) | Value::Tuple(_) | Value::Set(_) => {
            put(text, "[");
            for (index, item) in value.children().enumerate() {
                if index > 0 {
                    put(text, ",");
                }
                write_json(item, secret, text);
            }
            put(text, "]");
        }
        Value::Map(items) | Value::Object(items) => {
            put(text, "{");
            for (index, (name, item)) in items.iter().enumerate() {
                put(text, &format!("{}{}:", if index > 0 { "," } else { "" }, quoted(name)));
                write_json(item, secret, text);
            }
            put(text, "}");
        }
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", escaped(text))
}

/// The content of a JSON string. `<`, `>` and `&` are escaped as in Go, whose encoder makes JSON
/// safe inside HTML; Terraform's output has these escapes.
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
const QUERY: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b' ');

fn urlencode(arguments: &[Value]) -> FunctionResult {
    let Some(parts) = arguments.first().and_then(Parts::from_value) else {
        return Err(FunctionError::argument(0, "a string is required"));
    };
    Ok(Value::from(parts.map(|it| utf8_percent_encode(it, QUERY).to_string().replace(' ', "+"))))
}
