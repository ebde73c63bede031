//! The one place where values become visible: secrets become numbers here, before any renderer.

use std::collections::HashMap;
use std::sync::Arc;

use base64::Engine as _;
use ha_kind::{Name, Part, Text, Value};

use super::secrets::Secrets;
use super::shown::{Piece, Secret, Shown};

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// They are not.
    Redacted,
    /// The operator asked for them.
    Revealed,
}

/// Turns values into what may be seen of them.
pub(crate) struct Redactor<'a> {
    secrets: &'a Secrets,
    sight: Sight,
    numbers: HashMap<Value, u32>,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(secrets: &'a Secrets, sight: Sight) -> Self {
        Self { secrets, sight, numbers: HashMap::new() }
    }

    /// What may be seen of a value.
    pub(crate) fn shown(&mut self, value: &Value) -> Shown {
        match value {
            Value::Null(_) => Shown::Null,
            Value::Bool(it) => Shown::Bool(*it),
            Value::Number(it) => Shown::Number(it.to_string()),
            Value::String(text) => self.string(text),
            Value::Composed(parts) => Shown::Text(self.parts(parts)),
            Value::List(items) | Value::Tuple(items) => Shown::List(items.iter().map(|it| self.shown(it)).collect()),
            Value::Set(items) => Shown::Set(items.iter().map(|it| self.shown(it)).collect()),
            Value::Map(items) | Value::Object(items) => {
                Shown::Object(items.iter().map(|(name, it)| (name.clone(), self.shown(it))).collect())
            }
            Value::Unknown(it) => Shown::Unknown { cause: it.cause.clone(), secret: false },
            Value::Sensitive(inner) if !inner.is_known() => Shown::Unknown { cause: inner.cause(), secret: true },
            Value::Sensitive(inner) => {
                let plain = inner.revealed();
                let number = self.number(&plain);
                let revealed = (self.sight == Sight::Revealed).then(|| Box::new(self.shown(&plain)));
                Shown::Secret(Secret { number, revealed })
            }
        }
    }

    /// What may be seen of all attributes.
    pub(crate) fn attributes<'v>(
        &mut self,
        attributes: impl IntoIterator<Item = (&'v Name, &'v Value)>,
    ) -> std::collections::BTreeMap<Name, Shown> {
        attributes.into_iter().map(|(name, it)| (name.clone(), self.shown(it))).collect()
    }

    /// What may be seen of a value that is secret as a whole.
    pub(crate) fn secret(&mut self, value: &Value) -> Shown {
        match self.shown(&value.clone().sensitive()) {
            Shown::Text(pieces) => match pieces.as_slice() {
                [Piece::Unknown { cause, .. }] => Shown::Unknown { cause: cause.clone(), secret: true },
                _ => {
                    let plain = value.revealed();
                    let number = self.number(&plain);
                    let revealed = (self.sight == Sight::Revealed).then(|| Box::new(self.shown(&plain)));
                    Shown::Secret(Secret { number, revealed })
                }
            },
            other => other,
        }
    }

    /// A message with what is secret replaced.
    pub(crate) fn message(&self, text: &str) -> String {
        match self.sight {
            Sight::Redacted => self.secrets.masked(text),
            Sight::Revealed => text.to_owned(),
        }
    }

    fn string(&mut self, text: &Arc<str>) -> Shown {
        if let Some(decoded) = decoded(text) {
            let decoded = self.clear(&decoded);
            let kept =
                (!decoded.iter().any(|it| matches!(it, Piece::Secret(Secret { revealed: None, .. })))).then(|| text.to_string());
            return Shown::Base64 { decoded, kept };
        }
        Shown::Text(self.clear(text))
    }

    fn parts(&mut self, parts: &[Part]) -> Vec<Piece> {
        let is_secret = |it: &Part| matches!(it, Part::Secret(_) | Part::Unknown { secret: true, .. });
        let is_whole = parts.iter().all(is_secret);
        let mut pieces = Vec::new();
        // Neighbours that are secret are one secret: where one ends and the next begins is nobody's business.
        for run in parts.chunk_by(|a, b| is_secret(a) && is_secret(b)) {
            match run {
                [Part::Clear(text)] => pieces.extend(self.clear(text)),
                [Part::Unknown { cause, secret: false }] => pieces.push(Piece::Unknown { cause: cause.clone(), secret: false }),
                secret => self.secret_run(secret, is_whole, &mut pieces),
            }
        }
        joined(pieces)
    }

    fn secret_run(&mut self, run: &[Part], is_whole: bool, pieces: &mut Vec<Piece>) {
        let unknown = run.iter().find_map(|it| match it {
            Part::Unknown { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        if let Some(cause) = unknown {
            pieces.push(Piece::Unknown { cause, secret: true });
            return;
        }
        let text: String = Text::from_iter(run.iter().cloned()).known().unwrap_or_default();
        // In a longer text the end of a line is nothing secret, and keeps lines apart.
        let inner = if is_whole { &*text } else { text.strip_suffix('\n').unwrap_or(&text) };
        if !inner.is_empty() || is_whole {
            pieces.push(self.piece(inner));
        }
        if inner.len() < text.len() {
            pieces.push(Piece::Clear("\n".into()));
        }
    }

    /// A clear text, in which secrets may have been put all the same.
    fn clear(&mut self, text: &str) -> Vec<Piece> {
        if self.sight == Sight::Revealed {
            return vec![Piece::Clear(text.to_owned())];
        }
        let mut pieces = Vec::new();
        let mut done = 0;
        for place in self.secrets.places(text) {
            if place.start > done {
                pieces.push(Piece::Clear(text[done..place.start].to_owned()));
            }
            done = place.end;
            pieces.push(self.piece(&text[place]));
        }
        if done < text.len() || pieces.is_empty() {
            pieces.push(Piece::Clear(text[done..].to_owned()));
        }
        pieces
    }

    fn piece(&mut self, text: &str) -> Piece {
        let number = self.number(&Value::from(text));
        Piece::Secret(Secret { number, revealed: (self.sight == Sight::Revealed).then(|| text.into()) })
    }

    fn number(&mut self, secret: &Value) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(secret.clone()).or_insert(next)
    }
}

/// Clear neighbours as one.
fn joined(pieces: Vec<Piece>) -> Vec<Piece> {
    let mut joined: Vec<Piece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(Piece::Clear(last)), Piece::Clear(text)) => last.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// The text that a text holds in base64. A name or digest that only looks like base64 decodes to bytes that are no text.
fn decoded(text: &str) -> Option<String> {
    let fits = text.len() >= 24 && text.len().is_multiple_of(4);
    if !fits || !text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'=')) {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let decoded = String::from_utf8(bytes).ok()?;
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    decoded.chars().all(readable).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::super::samples::parts;
    use super::*;

    #[test]
    fn a_secret_keeps_its_number_and_nothing_else() {
        let password = Value::from("correct horse").sensitive();
        let secrets = Secrets::within([&password]);
        let mut redactor = Redactor::new(&secrets, Sight::Redacted);
        let uri = parts([Part::Clear("x://u:".into()), Part::Secret("correct horse".into()), Part::Clear("@h".into())]);
        let first = redactor.shown(&uri);
        let leaked = redactor.shown(&Value::from("x://u:correct horse@h"));
        assert_eq!(first, leaked);
        assert!(!format!("{first:?}").contains("horse"));
        assert_eq!(redactor.shown(&password), Shown::Text(vec![Piece::Secret(Secret { number: 0, revealed: None })]));
    }

    #[test]
    fn secrets_side_by_side_are_one() {
        let secrets = Secrets::default();
        let mut redactor = Redactor::new(&secrets, Sight::Redacted);
        let secret = |number| Piece::Secret(Secret { number, revealed: None });
        let whole = parts([Part::Secret("a=".into()), Part::Secret("b\n".into())]);
        assert_eq!(redactor.shown(&whole), Shown::Text(vec![secret(0)]));
        let mixed =
            parts([Part::Clear("x=".into()), Part::Secret("a=".into()), Part::Secret("b\n".into()), Part::Clear("y".into())]);
        let pieces = vec![Piece::Clear("x=".into()), secret(1), Piece::Clear("\ny".into())];
        assert_eq!(redactor.shown(&mixed), Shown::Text(pieces));
        let later = Part::Unknown { cause: Some("a.b.c".into()), secret: true };
        let unknown = parts([Part::Secret("a=".into()), later, Part::Secret("\n".into())]);
        assert_eq!(redactor.shown(&unknown), Shown::Text(vec![Piece::Unknown { cause: Some("a.b.c".into()), secret: true }]));
    }

    #[test]
    fn base64_is_decoded_before_secrets_are_looked_for() {
        let password = Value::from("correct horse").sensitive();
        let secrets = Secrets::within([&password]);
        let mut redactor = Redactor::new(&secrets, Sight::Redacted);
        let encoded = base64::engine::general_purpose::STANDARD.encode("#!/bin/sh\necho correct horse\n");
        let Shown::Base64 { decoded, kept } = redactor.shown(&Value::from(encoded)) else { panic!("is base64") };
        assert_eq!(decoded.len(), 3);
        assert_eq!(kept, None);
    }

    #[test]
    fn digests_and_names_are_not_taken_for_base64() {
        for text in ["9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c", "arn:aws:iam::123456789012:role/x", "abcdefghijklmnopqrstuvwx"] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
