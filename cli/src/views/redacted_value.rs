//! Values without secrets. Renderers take these and never a value of the language, so that no
//! renderer can show a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_value::Name;
use unicode_width::UnicodeWidthStr;

/// A value without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RedactedValue {
    Null,
    Bool(bool),
    /// A number in decimal notation.
    Number(String),
    Text(Vec<RedactedPiece>),
    /// A base64 string with its decoded content.
    Base64 {
        decoded: Vec<RedactedPiece>,
        /// The encoded string; none if the content has a secret.
        kept: Option<String>,
    },
    /// A list or tuple.
    List(Vec<RedactedValue>),
    Set(Vec<RedactedValue>),
    /// A map or object.
    Object(BTreeMap<Name, RedactedValue>),
    Unknown {
        /// The attribute that the value depends on.
        cause: Option<Name>,
        secret: bool,
    },
    Secret(SecretToken<Box<RedactedValue>>),
}

/// A part of a string.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum RedactedPiece {
    Clear(String),
    Secret(SecretToken<Arc<str>>),
    Unknown { cause: Option<Name>, secret: bool },
}

/// Represents a secret by a number. Equal secrets have equal numbers, so that a change is visible
/// and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SecretToken<T> {
    pub(crate) number: u32,
    /// The value; only set if the operator asked for secrets.
    pub(crate) revealed: Option<T>,
}

impl RedactedValue {
    /// A string without secrets.
    #[cfg(test)]
    pub(crate) fn text(text: &str) -> Self {
        RedactedValue::Text(vec![RedactedPiece::Clear(text.to_owned())])
    }

    /// Whether the value has no unknown part.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            RedactedValue::Unknown { .. } => false,
            RedactedValue::Text(pieces) | RedactedValue::Base64 { decoded: pieces, .. } => {
                !pieces.iter().any(|it| matches!(it, RedactedPiece::Unknown { .. }))
            }
            RedactedValue::List(items) | RedactedValue::Set(items) => {
                items.iter().all(RedactedValue::is_wholly_known)
            }
            RedactedValue::Object(items) => items.values().all(RedactedValue::is_wholly_known),
            RedactedValue::Secret(_)
            | RedactedValue::Null
            | RedactedValue::Bool(_)
            | RedactedValue::Number(_) => true,
        }
    }

    /// Calls a function with the number of each secret.
    pub(crate) fn each_secret(&self, take: &mut dyn FnMut(u32)) {
        match self {
            RedactedValue::Secret(secret) => take(secret.number),
            RedactedValue::Text(pieces) | RedactedValue::Base64 { decoded: pieces, .. } => {
                for it in pieces {
                    if let RedactedPiece::Secret(secret) = it {
                        take(secret.number);
                    }
                }
            }
            RedactedValue::List(items) | RedactedValue::Set(items) => {
                items.iter().for_each(|it| it.each_secret(take))
            }
            RedactedValue::Object(items) => items.values().for_each(|it| it.each_secret(take)),
            RedactedValue::Null
            | RedactedValue::Bool(_)
            | RedactedValue::Number(_)
            | RedactedValue::Unknown { .. } => {}
        }
    }

    /// Whether the value has a hidden secret.
    pub(crate) fn hides_something(&self) -> bool {
        let hides = |it: &RedactedPiece| match it {
            RedactedPiece::Secret(secret) => secret.revealed.is_none(),
            RedactedPiece::Unknown { secret, .. } => *secret,
            RedactedPiece::Clear(_) => false,
        };
        match self {
            RedactedValue::Text(pieces) | RedactedValue::Base64 { decoded: pieces, .. } => {
                pieces.iter().any(hides)
            }
            RedactedValue::List(items) | RedactedValue::Set(items) => {
                items.iter().any(RedactedValue::hides_something)
            }
            RedactedValue::Object(items) => items.values().any(RedactedValue::hides_something),
            RedactedValue::Unknown { secret, .. } => *secret,
            RedactedValue::Secret(secret) => secret.revealed.is_none(),
            RedactedValue::Null | RedactedValue::Bool(_) | RedactedValue::Number(_) => false,
        }
    }

    /// Whether both values are certainly equal; an unknown is equal to nothing.
    pub(crate) fn is_same(&self, after: &RedactedValue) -> bool {
        self.reads_as(after) && after.is_wholly_known()
    }

    /// Whether both are displayed equally, as a list and a set of the same elements are.
    pub(crate) fn reads_as(&self, other: &RedactedValue) -> bool {
        match (self, other) {
            (
                RedactedValue::List(a) | RedactedValue::Set(a),
                RedactedValue::List(b) | RedactedValue::Set(b),
            ) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.reads_as(b)),
            (RedactedValue::Object(a), RedactedValue::Object(b)) => {
                a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| a.reads_as(b))
            }
            (a, b) => a == b,
        }
    }

    /// Returns the pieces of a string; none for other values.
    pub(crate) fn pieces(&self) -> Option<&[RedactedPiece]> {
        match self {
            RedactedValue::Text(pieces) | RedactedValue::Base64 { decoded: pieces, .. } => {
                Some(pieces)
            }
            _ => None,
        }
    }

    /// Whether the value is a string of several lines.
    pub(crate) fn is_long_text(&self) -> bool {
        let line_end_within = |it: &RedactedPiece| matches!(it, RedactedPiece::Clear(text) if text.trim_end_matches('\n').contains('\n'));
        match self.pieces() {
            Some([RedactedPiece::Clear(only)]) => only.trim_end_matches('\n').contains('\n'),
            Some(pieces) => {
                let (last, before) = pieces
                    .split_last()
                    .map_or((None, pieces), |(last, before)| (Some(last), before));
                before
                    .iter()
                    .any(|it| matches!(it, RedactedPiece::Clear(text) if text.contains('\n')))
                    || last.is_some_and(line_end_within)
            }
            None => false,
        }
    }
}

/// Returns the placeholder of an unknown.
pub(crate) fn unknown(cause: Option<&str>, secret: bool) -> String {
    match (cause, secret) {
        (Some(cause), false) => format!("(known after apply: {cause})"),
        (None, false) => "(known after apply)".into(),
        (Some(cause), true) => format!("(sensitive, known after apply: {cause})"),
        (None, true) => "(sensitive, known after apply)".into(),
    }
}

/// The placeholder of a secret.
pub(crate) const SENSITIVE: &str = "(sensitive)";
/// The placeholder of a secret that differs from the old one.
pub(crate) const SENSITIVE_CHANGED: &str = "(sensitive, changed)";
/// The placeholder of a secret that equals the old one.
pub(crate) const SENSITIVE_UNCHANGED: &str = "(sensitive, unchanged)";

/// Escapes control characters, so that a string cannot control the terminal.
pub(crate) fn printable(text: &str) -> std::borrow::Cow<'_, str> {
    if is_plain(text) {
        return text.into();
    }
    if !text.contains(is_harmful) {
        return text.into();
    }
    let mut written = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\r' => written.push_str("\\r"),
            c if is_harmful(c) => written.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.into()
}

/// Whether a character controls the terminal. Characters that change the direction of writing are
/// among them, because they can disguise a line.
pub(crate) fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns the width of a string in columns.
pub(crate) fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// Whether each byte is a printable ASCII character. Most strings are, and this check is far
/// cheaper than the width of each character.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|it| matches!(it, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_equals_nothing() {
        let unknown = RedactedValue::Unknown { cause: None, secret: false };
        assert!(!unknown.is_same(&unknown));
        assert!(RedactedValue::text("a").is_same(&RedactedValue::text("a")));
    }

    #[test]
    fn one_line_with_its_line_end_is_not_multiline() {
        assert!(!RedactedValue::text("a\n").is_long_text());
        assert!(RedactedValue::text("a\nb").is_long_text());
        let secret = RedactedPiece::Secret(SecretToken { number: 0, revealed: None });
        assert!(
            RedactedValue::Text(vec![RedactedPiece::Clear("a\n".into()), secret.clone()])
                .is_long_text()
        );
        assert!(
            !RedactedValue::Text(vec![secret, RedactedPiece::Clear("\n".into())]).is_long_text()
        );
    }

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(printable("\u{1b}[31mred\r\n"), "\\u{1b}[31mred\\r\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
