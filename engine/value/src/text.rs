//! Strings of separate parts: clear, secret and unknown. A long file with one secret or unknown
//! value in it can then still be shown and compared line by line.

use std::fmt;
use std::sync::Arc;

use crate::{Origin, Type, Value};

/// One part of a composed string.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TextPart {
    /// Known, and may be shown.
    Clear(Arc<str>),
    /// Known, but never shown.
    Secret(Arc<str>),
    /// Not known yet.
    Unknown {
        /// The attribute that the part waits for, such as `aws_db_instance.pg.address`; `None`
        /// where no single attribute is the cause.
        cause: Option<Arc<str>>,
        /// Whether the part will be secret.
        secret: bool,
        /// The attribute whose unchanged value the part is, if any.
        origin: Origin,
    },
}

impl TextPart {
    /// An unknown part without an origin: its value is computed from the attribute it waits for.
    #[must_use]
    pub fn unknown(cause: Option<Arc<str>>, secret: bool) -> Self {
        Self::Unknown { cause, secret, origin: Origin::default() }
    }

    /// Whether the part is secret, or will be.
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

/// A string as a list of parts: under construction, or as the argument of a document that renders
/// it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text {
    parts: Vec<TextPart>,
}

impl Text {
    /// An empty string.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A secret string.
    #[must_use]
    pub fn secret(text: impl Into<Arc<str>>) -> Self {
        Self { parts: vec![TextPart::Secret(text.into())] }
    }

    /// An unknown string that waits for `cause`.
    #[must_use]
    pub fn unknown(cause: Option<Arc<str>>) -> Self {
        Self { parts: vec![TextPart::unknown(cause, false)] }
    }

    /// The parts in order. No clear part is empty, and no two clear parts are adjacent.
    #[must_use]
    pub fn parts(&self) -> &[TextPart] {
        &self.parts
    }

    /// Appends a clear string.
    pub fn push_str(&mut self, text: &str) {
        self.push_part(TextPart::Clear(text.into()));
    }

    /// Appends all parts of another string.
    pub fn push(&mut self, text: &Text) {
        for part in &text.parts {
            self.push_part(part.clone());
        }
    }

    /// Appends one part; a clear part is joined to a clear part before it.
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

    /// The string with every known part rewritten. `rewrite` must work character by character, as
    /// quoting and percent-encoding do, because it sees each part alone.
    #[must_use]
    pub fn map(&self, rewrite: impl Fn(&str) -> String) -> Self {
        let mut mapped = Self::new();
        for part in &self.parts {
            mapped.push_part(match part {
                TextPart::Clear(text) => TextPart::Clear(rewrite(text).into()),
                TextPart::Secret(text) => TextPart::Secret(rewrite(text).into()),
                // The origin is dropped: the rewritten value may differ from the attribute.
                TextPart::Unknown { cause, secret, .. } => {
                    TextPart::unknown(cause.clone(), *secret)
                }
            });
        }
        mapped
    }

    /// The content, secrets included, where every part is known.
    #[must_use]
    pub fn known(&self) -> Option<String> {
        known(&self.parts)
    }

    /// Whether no part is secret.
    #[must_use]
    pub fn is_clear(&self) -> bool {
        !self.parts.iter().any(TextPart::is_secret)
    }

    /// Whether the string is empty and known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The string with all parts marked as secret.
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

    /// The lines, each with its line end. An unknown part counts as part of one line.
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

/// The content of parts, secrets included, where every one is known.
pub(crate) fn known(parts: &[TextPart]) -> Option<String> {
    let mut content = String::new();
    for part in parts {
        match part {
            TextPart::Clear(text) | TextPart::Secret(text) => content.push_str(text),
            TextPart::Unknown { .. } => return None,
        }
    }
    Some(content)
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

/// Most parts of a string value; with more they are merged into one. Otherwise a configuration that
/// doubles a string a few dozen times would exhaust the memory.
const MAX_PARTS: usize = 10_000;

impl Text {
    /// All parts merged into one, which is secret where any of them is.
    fn merged(&self) -> TextPart {
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

/// The simplest value for a string: a plain string where all parts are clear, an unknown where the
/// only part is unknown.
impl From<Text> for Value {
    fn from(text: Text) -> Self {
        match text.parts.as_slice() {
            [] => Value::String("".into()),
            [TextPart::Clear(only)] => Value::String(only.clone()),
            [TextPart::Unknown { cause, secret, origin }] => {
                let unknown =
                    Value::unknown(Type::String, cause.clone()).with_origin(origin.clone());
                if *secret { Value::Sensitive(Arc::new(unknown)) } else { unknown }
            }
            // Merging loses which characters are secret, so the whole string becomes secret.
            many if many.len() > MAX_PARTS => Value::from(Text { parts: vec![text.merged()] }),
            _ => Value::Composed(text.parts.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_adjacent_clear_parts() {
        let text: Text =
            [TextPart::Clear("a".into()), TextPart::Clear("".into()), TextPart::Clear("b".into())]
                .into_iter()
                .collect();
        assert_eq!(Value::from(text), Value::from("ab"));
    }

    #[test]
    fn a_repeatedly_doubled_string_has_a_bounded_number_of_parts() {
        let doubled = |part: TextPart| {
            let mut text: Text = [TextPart::Clear("a".into()), part].into_iter().collect();
            for _ in 0..40 {
                let twice = Text {
                    parts: text.parts.iter().chain(&text.parts).take(1_000_000).cloned().collect(),
                };
                text = Text::from_value(&Value::from(twice)).unwrap();
                assert!(text.parts.len() <= MAX_PARTS);
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
            (0..=MAX_PARTS).map(|it| TextPart::Secret(it.to_string().into())).collect();
        let whole = Value::from(secrets.clone());
        assert!(
            whole.contains_sensitive()
                && Text::from_value(&whole).unwrap().known() == secrets.known()
        );
    }

    #[test]
    fn splits_lines_and_keeps_parts() {
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
