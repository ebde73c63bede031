//! Text made of parts: what is clear, what is secret and what is not known yet stay apart, so that
//! a long file with one secret in it can still be compared line by line.

use std::fmt;
use std::sync::Arc;

use crate::{Origin, Type, Value};

/// One stretch of a composed text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextPart {
    /// May be shown to anybody.
    Clear(Arc<str>),
    /// Known, and never shown.
    Secret(Arc<str>),
    /// Known only once `cause` (an attribute's address, when there is one) is.
    Unknown {
        /// The attribute this part waits for, such as `aws_db_instance.pg.address`.
        cause: Option<Arc<str>>,
        /// Whether it will be a secret.
        secret: bool,
        /// What it is, where that is known.
        origin: Origin,
    },
}

impl TextPart {
    /// A part that is not known yet, and that is made of what it waits for.
    #[must_use]
    pub fn unknown(cause: Option<Arc<str>>, secret: bool) -> Self {
        Self::Unknown { cause, secret, origin: Origin::default() }
    }

    /// Whether it is a secret, or will be one.
    pub(crate) fn is_secret(&self) -> bool {
        matches!(self, TextPart::Secret(_) | TextPart::Unknown { secret: true, .. })
    }
}

impl fmt::Debug for TextPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TextPart::Clear(text) => write!(f, "{text:?}"),
            TextPart::Secret(_) => f.write_str("(sensitive)"),
            TextPart::Unknown { cause: Some(cause), .. } => write!(f, "(unknown: {cause})"),
            TextPart::Unknown { cause: None, .. } => f.write_str("(unknown)"),
        }
    }
}

/// A string under construction, or one taken apart for a document to render.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text {
    parts: Vec<TextPart>,
}

impl Text {
    /// An empty text.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A string of one secret part.
    #[must_use]
    pub fn secret(text: impl Into<Arc<str>>) -> Self {
        Self { parts: vec![TextPart::Secret(text.into())] }
    }

    /// A string that is not known yet.
    #[must_use]
    pub fn unknown(cause: Option<Arc<str>>) -> Self {
        Self { parts: vec![TextPart::unknown(cause, false)] }
    }

    /// The parts in order; no two clear neighbours, no empty clear part.
    #[must_use]
    pub fn parts(&self) -> &[TextPart] {
        &self.parts
    }

    /// Appends clear text.
    pub fn push_str(&mut self, text: &str) {
        self.push_part(TextPart::Clear(text.into()));
    }

    /// Appends all parts of another text.
    pub fn push(&mut self, text: &Text) {
        for part in &text.parts {
            self.push_part(part.clone());
        }
    }

    /// Appends one part, joining it to a clear neighbour.
    pub fn push_part(&mut self, part: TextPart) {
        if let TextPart::Clear(new) = &part {
            if new.is_empty() {
                return;
            }
            if let Some(TextPart::Clear(last)) = self.parts.last_mut() {
                *last = format!("{last}{new}").into();
                return;
            }
        }
        self.parts.push(part);
    }

    /// The same text with every known part rewritten; for transformations that work character by
    /// character, such as quoting and percent-encoding.
    #[must_use]
    pub fn map(&self, rewrite: impl Fn(&str) -> String) -> Self {
        let mut mapped = Self::new();
        for part in &self.parts {
            mapped.push_part(match part {
                TextPart::Clear(text) => TextPart::Clear(rewrite(text).into()),
                TextPart::Secret(text) => TextPart::Secret(rewrite(text).into()),
                TextPart::Unknown { cause, secret, .. } => {
                    TextPart::unknown(cause.clone(), *secret)
                }
            });
        }
        mapped
    }

    /// The whole text where every part is known, secrets included.
    #[must_use]
    pub fn known(&self) -> Option<String> {
        known(&self.parts)
    }

    /// Whether nothing in it is secret.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        !self.parts.iter().any(TextPart::is_secret)
    }

    /// Whether it has no parts at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The same text as a secret as a whole.
    #[must_use]
    pub fn into_secret(self) -> Self {
        let secret = |part| match part {
            TextPart::Clear(text) | TextPart::Secret(text) => TextPart::Secret(text),
            TextPart::Unknown { cause, origin, .. } => {
                TextPart::Unknown { cause, secret: true, origin }
            }
        };
        Self { parts: self.parts.into_iter().map(secret).collect() }
    }

    /// Splits at line ends; each line keeps its own.
    #[must_use]
    pub fn lines(&self) -> Vec<Text> {
        let mut lines = vec![Text::new()];
        for part in &self.parts {
            let (text, secret) = match part {
                TextPart::Clear(text) => (text, false),
                TextPart::Secret(text) => (text, true),
                unknown @ TextPart::Unknown { .. } => {
                    lines.last_mut().expect("there is always a line").push_part(unknown.clone());
                    continue;
                }
            };
            for piece in text.split_inclusive('\n') {
                let line = lines.last_mut().expect("there is always a line");
                line.push_part(if secret {
                    TextPart::Secret(piece.into())
                } else {
                    TextPart::Clear(piece.into())
                });
                if piece.ends_with('\n') {
                    lines.push(Text::new());
                }
            }
        }
        if lines.last().is_some_and(Text::is_empty) {
            lines.pop();
        }
        lines
    }
}

/// The whole text that parts make where every one is known, secrets included.
pub(crate) fn known(parts: &[TextPart]) -> Option<String> {
    let mut whole = String::new();
    for part in parts {
        match part {
            TextPart::Clear(text) | TextPart::Secret(text) => whole.push_str(text),
            TextPart::Unknown { .. } => return None,
        }
    }
    Some(whole)
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut new = Self::new();
        new.push_str(text);
        new
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl FromIterator<TextPart> for Text {
    fn from_iter<I: IntoIterator<Item = TextPart>>(parts: I) -> Self {
        let mut text = Self::new();
        for part in parts {
            text.push_part(part);
        }
        text
    }
}

/// A string of more parts than this is kept as one: doubled a few times, parts would fill any
/// memory.
const MOST_PARTS: usize = 10_000;

impl Text {
    /// The same text as one part, a secret where any of it is.
    fn as_one(&self) -> TextPart {
        match self.known() {
            Some(text) if self.is_clear() => TextPart::Clear(text.into()),
            Some(text) => TextPart::Secret(text.into()),
            None => {
                let cause = self.parts.iter().find_map(|it| match it {
                    TextPart::Unknown { cause, .. } => cause.clone(),
                    _ => None,
                });
                TextPart::unknown(cause, !self.is_clear())
            }
        }
    }
}

/// A string in the simplest value that holds it: a string when all is clear, an unknown when that
/// is all there is.
impl From<Text> for Value {
    fn from(text: Text) -> Self {
        match text.parts.as_slice() {
            [] => Value::String("".into()),
            [TextPart::Clear(only)] => Value::String(only.clone()),
            [TextPart::Unknown { cause, secret, origin }] => {
                let unknown = Value::unknown(Type::String, cause.clone()).known_as(origin.clone());
                if *secret { Value::Sensitive(Arc::new(unknown)) } else { unknown }
            }
            many if many.len() > MOST_PARTS => Value::from(Text { parts: vec![text.as_one()] }),
            _ => Value::Composed(text.parts.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_neighbours_are_joined() {
        let text: Text =
            [TextPart::Clear("a".into()), TextPart::Clear("".into()), TextPart::Clear("b".into())]
                .into_iter()
                .collect();
        assert_eq!(Value::from(text), Value::from("ab"));
    }

    #[test]
    fn a_text_that_is_doubled_again_and_again_stays_small() {
        let doubled = |part: TextPart| {
            let mut text: Text = [TextPart::Clear("a".into()), part].into_iter().collect();
            for _ in 0..40 {
                let twice = Text {
                    parts: text.parts.iter().chain(&text.parts).take(1_000_000).cloned().collect(),
                };
                text = Text::from_value(&Value::from(twice)).unwrap();
                assert!(text.parts.len() <= MOST_PARTS);
            }
            Value::from(text)
        };
        let waits = doubled(TextPart::unknown(Some("a.b.c".into()), false));
        assert!(
            !waits.is_known()
                && !waits.contains_sensitive()
                && waits.cause().as_deref() == Some("a.b.c")
        );
        assert!(doubled(TextPart::unknown(None, true)).contains_sensitive());
        let secrets: Text =
            (0..=MOST_PARTS).map(|it| TextPart::Secret(it.to_string().into())).collect();
        let whole = Value::from(secrets.clone());
        assert!(
            whole.contains_sensitive()
                && Text::from_value(&whole).unwrap().known() == secrets.known()
        );
    }

    #[test]
    fn lines_keep_their_parts() {
        let mut text = Text::from("a=1\nb=");
        text.push(&Text::secret("x"));
        text.push_str("\nc=");
        text.push(&Text::unknown(Some("it.is".into())));
        let lines = text.lines();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[1].parts().len(), 3);
        assert!(lines[2].known().is_none());
    }
}
