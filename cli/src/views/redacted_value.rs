//! Values as anybody may see them. Renderers take these and never a value of the language, so that no renderer can
//! show a secret.

use std::collections::BTreeMap;
use std::sync::Arc;

use ha_value::Name;
use unicode_width::UnicodeWidthStr;

/// A value without its secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Shown {
    Null,
    Bool(bool),
    /// In the language's decimal form.
    Number(String),
    Text(Vec<Piece>),
    /// A text that is kept in base64, decoded.
    Base64 {
        decoded: Vec<Piece>,
        /// As it is kept; none when something in it is secret.
        kept: Option<String>,
    },
    /// A list or tuple.
    List(Vec<Shown>),
    Set(Vec<Shown>),
    /// A map or object.
    Object(BTreeMap<Name, Shown>),
    Unknown {
        /// The attribute it waits for.
        cause: Option<Name>,
        secret: bool,
    },
    Secret(Secret<Box<Shown>>),
}

/// A stretch of a text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Piece {
    Clear(String),
    Secret(Secret<Arc<str>>),
    Unknown { cause: Option<Name>, secret: bool },
}

/// Stands for something secret: the same number for the same thing, so that a change can be seen and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Secret<T> {
    pub(crate) number: u32,
    /// What it is; only there when the operator asked to see secrets.
    pub(crate) revealed: Option<T>,
}

impl Shown {
    /// A clear text.
    #[cfg(test)]
    pub(crate) fn text(text: &str) -> Self {
        Shown::Text(vec![Piece::Clear(text.to_owned())])
    }

    /// Whether nothing in it is unknown.
    pub(crate) fn is_wholly_known(&self) -> bool {
        match self {
            Shown::Unknown { .. } => false,
            Shown::Text(pieces) | Shown::Base64 { decoded: pieces, .. } => {
                !pieces.iter().any(|it| matches!(it, Piece::Unknown { .. }))
            }
            Shown::List(items) | Shown::Set(items) => items.iter().all(Shown::is_wholly_known),
            Shown::Object(items) => items.values().all(Shown::is_wholly_known),
            Shown::Secret(_) | Shown::Null | Shown::Bool(_) | Shown::Number(_) => true,
        }
    }

    /// Takes the number of each secret in it.
    pub(crate) fn each_secret(&self, take: &mut dyn FnMut(u32)) {
        match self {
            Shown::Secret(secret) => take(secret.number),
            Shown::Text(pieces) | Shown::Base64 { decoded: pieces, .. } => {
                for it in pieces {
                    if let Piece::Secret(secret) = it {
                        take(secret.number);
                    }
                }
            }
            Shown::List(items) | Shown::Set(items) => items.iter().for_each(|it| it.each_secret(take)),
            Shown::Object(items) => items.values().for_each(|it| it.each_secret(take)),
            Shown::Null | Shown::Bool(_) | Shown::Number(_) | Shown::Unknown { .. } => {}
        }
    }

    /// Whether something in it is secret and not shown.
    pub(crate) fn hides_something(&self) -> bool {
        let hides = |it: &Piece| match it {
            Piece::Secret(secret) => secret.revealed.is_none(),
            Piece::Unknown { secret, .. } => *secret,
            Piece::Clear(_) => false,
        };
        match self {
            Shown::Text(pieces) | Shown::Base64 { decoded: pieces, .. } => pieces.iter().any(hides),
            Shown::List(items) | Shown::Set(items) => items.iter().any(Shown::hides_something),
            Shown::Object(items) => items.values().any(Shown::hides_something),
            Shown::Unknown { secret, .. } => *secret,
            Shown::Secret(secret) => secret.revealed.is_none(),
            Shown::Null | Shown::Bool(_) | Shown::Number(_) => false,
        }
    }

    /// Whether it certainly reads the same: what is unknown never does.
    pub(crate) fn is_same(&self, after: &Shown) -> bool {
        self.reads_as(after) && after.is_wholly_known()
    }

    /// Whether both are written in the same way: a list and a set of the same elements are.
    pub(crate) fn reads_as(&self, other: &Shown) -> bool {
        match (self, other) {
            (Shown::List(a) | Shown::Set(a), Shown::List(b) | Shown::Set(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.reads_as(b))
            }
            (Shown::Object(a), Shown::Object(b)) => {
                a.keys().eq(b.keys()) && a.values().zip(b.values()).all(|(a, b)| a.reads_as(b))
            }
            (a, b) => a == b,
        }
    }

    /// The pieces of a text.
    pub(crate) fn pieces(&self) -> Option<&[Piece]> {
        match self {
            Shown::Text(pieces) | Shown::Base64 { decoded: pieces, .. } => Some(pieces),
            _ => None,
        }
    }

    /// Whether it is a text of several lines.
    pub(crate) fn is_long_text(&self) -> bool {
        let line_end_within = |it: &Piece| matches!(it, Piece::Clear(text) if text.trim_end_matches('\n').contains('\n'));
        match self.pieces() {
            Some([Piece::Clear(only)]) => only.trim_end_matches('\n').contains('\n'),
            Some(pieces) => {
                let (last, before) = pieces.split_last().map_or((None, pieces), |(last, before)| (Some(last), before));
                before.iter().any(|it| matches!(it, Piece::Clear(text) if text.contains('\n')))
                    || last.is_some_and(line_end_within)
            }
            None => false,
        }
    }
}

/// What stands in the place of an unknown.
pub(crate) fn unknown(cause: Option<&str>, secret: bool) -> String {
    match (cause, secret) {
        (Some(cause), false) => format!("(known after apply: {cause})"),
        (None, false) => "(known after apply)".into(),
        (Some(cause), true) => format!("(sensitive, known after apply: {cause})"),
        (None, true) => "(sensitive, known after apply)".into(),
    }
}

/// What stands in the place of a secret.
pub(crate) const SENSITIVE: &str = "(sensitive)";
/// The same where it is another one than before.
pub(crate) const SENSITIVE_CHANGED: &str = "(sensitive, changed)";
/// The same where it is the one it was.
pub(crate) const SENSITIVE_UNCHANGED: &str = "(sensitive, unchanged)";

/// Text that cannot reach through to the terminal: control characters are written out.
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

/// Whether a character does more on a terminal than being seen. Those that turn the direction of writing can make a line
/// read as what it is not.
pub(crate) fn is_harmful(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// How many columns a text takes.
pub(crate) fn columns(text: &str) -> usize {
    if is_plain(text) { text.len() } else { text.width() }
}

/// Whether each byte is a character that takes one column, as in most texts: that is told in a fraction of the time.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|it| matches!(it, b' '..=b'~'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_never_the_same() {
        let unknown = Shown::Unknown { cause: None, secret: false };
        assert!(!unknown.is_same(&unknown));
        assert!(Shown::text("a").is_same(&Shown::text("a")));
    }

    #[test]
    fn one_line_with_its_end_is_not_long() {
        assert!(!Shown::text("a\n").is_long_text());
        assert!(Shown::text("a\nb").is_long_text());
        let secret = Piece::Secret(Secret { number: 0, revealed: None });
        assert!(Shown::Text(vec![Piece::Clear("a\n".into()), secret.clone()]).is_long_text());
        assert!(!Shown::Text(vec![secret, Piece::Clear("\n".into())]).is_long_text());
    }

    #[test]
    fn escape_sequences_are_written_out() {
        assert_eq!(printable("\u{1b}[31mred\r\n"), "\\u{1b}[31mred\\r\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
    }
}
