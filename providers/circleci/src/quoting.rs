//! Quoting that works character by character, so that a string may be quoted in parts.

use ha_value::Text;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Every character that RFC 3986 does not define as unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Encodes a string as one component of a URI.
pub(crate) fn percent_encoded(text: &Text) -> Text {
    text.map(|it| utf8_percent_encode(it, RESERVED).to_string())
}

/// Quotes a string as one word of a POSIX shell.
pub(crate) fn shell_word(text: &Text) -> Text {
    let mut word = Text::from("'");
    word.push(&text.map(|it| it.replace('\'', r"'\''")));
    word.push_str("'");
    word
}

/// Encodes a string as a JSON string.
pub(crate) fn json_string(text: &Text) -> Text {
    let mut string = Text::from("\"");
    string.push(&text.map(|it| {
        let quoted = serde_json::Value::from(it).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    }));
    string.push_str("\"");
    string
}

/// Joins strings.
pub(crate) fn joined<'a>(texts: impl IntoIterator<Item = &'a Text>, between: &str) -> Text {
    let mut whole = Text::new();
    for (index, text) in texts.into_iter().enumerate() {
        if index > 0 {
            whole.push_str(between);
        }
        whole.push(text);
    }
    whole
}
