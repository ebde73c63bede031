//! The one place that decides which values, names, paths and types are visible: secrets become
//! numbers here, before any renderer.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use ha_plan::{overlapping, told_id};
use ha_state_model::{OutputRecord, Record};
use ha_value::{AttributeType, Name, Object, Path, PathStep, Text, TextPart, Type, Value};

use super::redacted_value::{RedactedPiece, RedactedValue, SecretToken};
use super::secrets::{SecretTexts, is_argument};

/// Whether secrets are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretVisibility {
    /// Secrets are hidden.
    Redacted,
    /// Secrets are shown because the operator asked for them.
    Revealed,
}

/// Turns values into redacted values.
pub(crate) struct Redactor<'a> {
    secrets: &'a SecretTexts,
    /// Short secrets of the current resource, which are masked in its other attributes only.
    near: SecretTexts,
    sight: SecretVisibility,
    numbers: HashMap<Value, u32>,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(secrets: &'a SecretTexts, sight: SecretVisibility) -> Self {
        Self { secrets, near: SecretTexts::default(), sight, numbers: HashMap::new() }
    }

    /// Redacts a value.
    pub(crate) fn shown(&mut self, value: &Value) -> RedactedValue {
        match value {
            Value::Null(_) => RedactedValue::Null,
            Value::Bool(it) => RedactedValue::Bool(*it),
            Value::Number(it) => RedactedValue::Number(it.to_string()),
            Value::String(text) => self.string(text),
            Value::Composed(parts) => RedactedValue::Text(self.parts(parts)),
            Value::List(items) | Value::Tuple(items) => {
                RedactedValue::List(items.iter().map(|it| self.shown(it)).collect())
            }
            Value::Set(items) => {
                RedactedValue::Set(items.iter().map(|it| self.shown(it)).collect())
            }
            // As in the language, a secret key makes the whole map secret.
            Value::Map(items) | Value::Object(items) if self.hides_name_of(items) => {
                self.secret(value)
            }
            Value::Map(items) | Value::Object(items) => {
                RedactedValue::Object(self.attributes(items.iter()))
            }
            Value::Unknown(it) => RedactedValue::Unknown { cause: it.cause.clone(), secret: false },
            Value::Sensitive(inner) if !inner.is_known() => {
                RedactedValue::Unknown { cause: inner.cause(), secret: true }
            }
            Value::Sensitive(inner) => {
                let plain = inner.revealed();
                let number = self.number(&plain);
                let revealed = (self.sight == SecretVisibility::Revealed)
                    .then(|| Box::new(self.shown(&plain)));
                RedactedValue::Secret(SecretToken { number, revealed })
            }
        }
    }

    /// Redacts all attributes of an object.
    pub(crate) fn attributes<'v>(
        &mut self,
        attributes: impl IntoIterator<Item = (&'v Name, &'v Value)>,
    ) -> BTreeMap<Name, RedactedValue> {
        let attributes: Vec<(&Name, &Value)> = attributes.into_iter().collect();
        // Short secrets count within their own resource only. The outermost call collects them,
        // because a nested object is searched for the secrets of the whole resource.
        let is_outermost = self.near.is_empty() && self.sight == SecretVisibility::Redacted;
        if is_outermost {
            self.near = SecretTexts::short_within(
                attributes.iter().map(|(_, it)| *it).filter(|it| it.contains_sensitive()),
            );
        }
        let shown =
            attributes.into_iter().map(|(name, it)| (name.clone(), self.shown(it))).collect();
        if is_outermost {
            self.near = SecretTexts::default();
        }
        shown
    }

    /// Redacts a value that is secret as a whole.
    pub(crate) fn secret(&mut self, value: &Value) -> RedactedValue {
        match self.shown(&value.clone().sensitive()) {
            RedactedValue::Text(pieces) => match pieces.as_slice() {
                [RedactedPiece::Unknown { cause, .. }] => {
                    RedactedValue::Unknown { cause: cause.clone(), secret: true }
                }
                _ => {
                    let plain = value.revealed();
                    let number = self.number(&plain);
                    let revealed = (self.sight == SecretVisibility::Revealed)
                        .then(|| Box::new(self.shown(&plain)));
                    RedactedValue::Secret(SecretToken { number, revealed })
                }
            },
            other => other,
        }
    }

    /// Redacts an output; a sensitive one is hidden as a whole.
    pub(crate) fn output(&mut self, output: &OutputRecord) -> RedactedValue {
        if output.sensitive { self.secret(&output.value) } else { self.shown(&output.value) }
    }

    /// Returns the id of a record; masked if it contains a secret.
    pub(crate) fn id(&self, record: &Record) -> String {
        match self.sight {
            SecretVisibility::Redacted => self.secrets.masked(&told_id(record)),
            SecretVisibility::Revealed => record.id.clone(),
        }
    }

    /// Returns the visible type of a value. Attribute names and lengths inside of a secret are
    /// hidden.
    pub(crate) fn ty(&self, value: &Value) -> Type {
        let attribute = |ty| AttributeType { ty, optional: false, default: None };
        match value {
            // Revealed types need no search for secrets, and the types of revealed values have no
            // marks.
            _ if self.sight == SecretVisibility::Revealed => Type::of_value(&value.revealed()),
            Value::Object(items) if !self.hides_name_of(items) => {
                let attributes =
                    items.iter().map(|(name, it)| (name.clone(), attribute(self.ty(it))));
                Type::Object(Arc::new(attributes.collect()))
            }
            Value::Tuple(items) => {
                Type::Tuple(Arc::new(items.iter().map(|it| self.ty(it)).collect()))
            }
            other if other.contains_sensitive() => outermost(&Type::of_value(other)),
            other => self.open_type(&Type::of_value(other)),
        }
    }

    /// Removes the object types with secret attribute names from a type. Null and unknown values
    /// can have such types too.
    fn open_type(&self, ty: &Type) -> Type {
        let of = |inner: &Type| Arc::new(self.open_type(inner));
        match ty {
            Type::List(inner) => Type::List(of(inner)),
            Type::Set(inner) => Type::Set(of(inner)),
            Type::Map(inner) => Type::Map(of(inner)),
            Type::Tuple(items) => {
                Type::Tuple(Arc::new(items.iter().map(|it| self.open_type(it)).collect()))
            }
            Type::Object(attributes) if attributes.keys().any(|it| self.hides_name(it)) => {
                Type::Any
            }
            Type::Object(attributes) => {
                let open =
                    |it: &AttributeType| AttributeType { ty: self.open_type(&it.ty), ..it.clone() };
                Type::Object(Arc::new(
                    attributes.iter().map(|(name, it)| (name.clone(), open(it))).collect(),
                ))
            }
            Type::Any | Type::Bool | Type::Number | Type::String => ty.clone(),
        }
    }

    /// Returns the visible type of a value that is secret as a whole.
    pub(crate) fn secret_type(&self, value: &Value) -> Type {
        self.ty(&value.clone().sensitive())
    }

    /// Cuts a path where a secret begins in the attributes of either side.
    pub(crate) fn path(
        &self,
        path: &Path,
        sides: &[Option<&BTreeMap<Name, RedactedValue>>],
    ) -> Path {
        let Some((PathStep::Name(first), steps)) = path.steps().split_first() else {
            return path.clone();
        };
        let mut visible = Path::attribute(first.clone());
        let mut here: Vec<&RedactedValue> =
            sides.iter().flatten().filter_map(|it| it.get(first)).collect();
        for step in steps {
            let is_secret = |it: &&RedactedValue| matches!(it, RedactedValue::Secret(it) if it.revealed.is_none());
            // The two sides can differ. A step that is hidden on one of them must not be shown.
            if here.iter().any(is_secret)
                || here.iter().any(|it| matches!(it, RedactedValue::Unknown { secret: true, .. }))
            {
                break;
            }
            let inside = here.iter().filter_map(|it| match (it, step) {
                (RedactedValue::Object(items), PathStep::Name(name)) => items.get(name),
                (RedactedValue::List(items), PathStep::Index(index)) => items.get(*index),
                _ => None,
            });
            here = inside.collect();
            visible = match step {
                PathStep::Name(name) if self.hides_name(name) => break,
                PathStep::Name(name) => visible.name(name.clone()),
                PathStep::Index(index) => visible.index(*index),
            };
        }
        visible
    }

    fn hides_name_of(&self, items: &Object) -> bool {
        items.keys().any(|it| self.hides_name(it))
    }

    /// Whether a name contains a secret. Argument names of resource types are never secret.
    fn hides_name(&self, name: &str) -> bool {
        self.sight == SecretVisibility::Redacted
            && !is_argument(name)
            && !self.places(name).is_empty()
    }

    /// Masks the secrets in a message.
    pub(crate) fn message(&self, text: &str) -> String {
        match self.sight {
            SecretVisibility::Redacted => self.secrets.masked(text),
            SecretVisibility::Revealed => text.to_owned(),
        }
    }

    fn string(&mut self, text: &Arc<str>) -> RedactedValue {
        // User data is often a script in base64. Decoded, its lines can be compared, and a secret
        // hides only its own place.
        if let Some(decoded) = decoded(text) {
            let decoded = self.clear(&decoded);
            let kept = (!decoded
                .iter()
                .any(|it| matches!(it, RedactedPiece::Secret(SecretToken { revealed: None, .. }))))
            .then(|| text.to_string());
            return RedactedValue::Base64 { decoded, kept };
        }
        RedactedValue::Text(self.clear(text))
    }

    fn parts(&mut self, parts: &[TextPart]) -> Vec<RedactedPiece> {
        let is_secret = |it: &TextPart| {
            matches!(it, TextPart::Secret(_) | TextPart::Unknown { secret: true, .. })
        };
        let is_whole = parts.iter().all(is_secret);
        let mut pieces = Vec::new();
        // Adjacent secrets become one, because the boundary between them would reveal their number.
        for run in parts.chunk_by(|a, b| is_secret(a) && is_secret(b)) {
            match run {
                [TextPart::Clear(text)] => pieces.extend(self.clear(text)),
                [TextPart::Unknown { cause, secret: false, .. }] => {
                    pieces.push(RedactedPiece::Unknown { cause: cause.clone(), secret: false })
                }
                secret => self.secret_run(secret, is_whole, &mut pieces),
            }
        }
        joined(pieces)
    }

    fn secret_run(&mut self, run: &[TextPart], is_whole: bool, pieces: &mut Vec<RedactedPiece>) {
        let unknown = run.iter().find_map(|it| match it {
            TextPart::Unknown { cause, .. } => Some(cause.clone()),
            _ => None,
        });
        if let Some(cause) = unknown {
            pieces.push(RedactedPiece::Unknown { cause, secret: true });
            return;
        }
        let text: String = Text::from_iter(run.iter().cloned()).known().unwrap_or_default();
        // Within a longer string the line end is not secret, and it keeps the lines apart.
        let inner = if is_whole { &*text } else { text.strip_suffix('\n').unwrap_or(&text) };
        if !inner.is_empty() || is_whole {
            pieces.push(self.piece(inner));
        }
        if inner.len() < text.len() {
            pieces.push(RedactedPiece::Clear("\n".into()));
        }
    }

    /// Redacts a string without marks, which may contain known secrets.
    fn clear(&mut self, text: &str) -> Vec<RedactedPiece> {
        if self.sight == SecretVisibility::Revealed {
            return vec![RedactedPiece::Clear(text.to_owned())];
        }
        let mut pieces = Vec::new();
        let mut done = 0;
        for place in self.places(text) {
            if place.start > done {
                pieces.push(RedactedPiece::Clear(text[done..place.start].to_owned()));
            }
            done = place.end;
            pieces.push(self.piece(&text[place]));
        }
        if done < text.len() || pieces.is_empty() {
            pieces.push(RedactedPiece::Clear(text[done..].to_owned()));
        }
        pieces
    }

    /// Returns the places of secrets in a string.
    fn places(&self, text: &str) -> Vec<Range<usize>> {
        let places = self.secrets.places(text);
        if self.near.is_empty() {
            return places;
        }
        overlapping(places.into_iter().chain(self.near.places(text)).collect())
    }

    fn piece(&mut self, text: &str) -> RedactedPiece {
        let number = self.number(&Value::from(text));
        RedactedPiece::Secret(SecretToken {
            number,
            revealed: (self.sight == SecretVisibility::Revealed).then(|| text.into()),
        })
    }

    fn number(&mut self, secret: &Value) -> u32 {
        // Numbers are given in order of appearance, so that they reveal nothing about the secret.
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        *self.numbers.entry(secret.clone()).or_insert(next)
    }
}

/// Removes attribute names and lengths from a type.
fn outermost(ty: &Type) -> Type {
    let of = |inner: &Type| Arc::new(outermost(inner));
    match ty {
        Type::List(inner) => Type::List(of(inner)),
        Type::Set(inner) => Type::Set(of(inner)),
        Type::Map(inner) => Type::Map(of(inner)),
        Type::Tuple(_) | Type::Object(_) | Type::Any => Type::Any,
        Type::Bool | Type::Number | Type::String => ty.clone(),
    }
}

/// Joins adjacent clear pieces.
fn joined(pieces: Vec<RedactedPiece>) -> Vec<RedactedPiece> {
    let mut joined: Vec<RedactedPiece> = Vec::with_capacity(pieces.len());
    for piece in pieces {
        match (joined.last_mut(), piece) {
            (Some(RedactedPiece::Clear(last)), RedactedPiece::Clear(text)) => last.push_str(&text),
            (_, piece) => joined.push(piece),
        }
    }
    joined
}

/// Decodes a base64 string; none if it is not base64 of readable text. A name or digest that looks
/// like base64 decodes to bytes that are not.
fn decoded(text: &str) -> Option<String> {
    let fits = text.len() >= 24 && text.len().is_multiple_of(4);
    if !fits
        || !text.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'='))
    {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    let decoded = String::from_utf8(bytes).ok()?;
    let readable = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    decoded.chars().all(readable).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use super::super::test_data::parts;
    use super::*;

    #[test]
    fn a_secret_keeps_its_number_and_nothing_else() {
        let password = Value::from("correct horse").sensitive();
        let secrets = SecretTexts::within([&password]);
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let uri = parts([
            TextPart::Clear("x://u:".into()),
            TextPart::Secret("correct horse".into()),
            TextPart::Clear("@h".into()),
        ]);
        let first = redactor.shown(&uri);
        let leaked = redactor.shown(&Value::from("x://u:correct horse@h"));
        assert_eq!(first, leaked);
        assert!(!format!("{first:?}").contains("horse"));
        assert_eq!(
            redactor.shown(&password),
            RedactedValue::Text(vec![RedactedPiece::Secret(SecretToken {
                number: 0,
                revealed: None
            })])
        );
    }

    #[test]
    fn adjacent_secrets_are_one() {
        let secrets = SecretTexts::default();
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let secret = |number| RedactedPiece::Secret(SecretToken { number, revealed: None });
        let whole = parts([TextPart::Secret("a=".into()), TextPart::Secret("b\n".into())]);
        assert_eq!(redactor.shown(&whole), RedactedValue::Text(vec![secret(0)]));
        let mixed = parts([
            TextPart::Clear("x=".into()),
            TextPart::Secret("a=".into()),
            TextPart::Secret("b\n".into()),
            TextPart::Clear("y".into()),
        ]);
        let pieces =
            vec![RedactedPiece::Clear("x=".into()), secret(1), RedactedPiece::Clear("\ny".into())];
        assert_eq!(redactor.shown(&mixed), RedactedValue::Text(pieces));
        let later = TextPart::unknown(Some("a.b.c".into()), true);
        let unknown = parts([TextPart::Secret("a=".into()), later, TextPart::Secret("\n".into())]);
        assert_eq!(
            redactor.shown(&unknown),
            RedactedValue::Text(vec![RedactedPiece::Unknown {
                cause: Some("a.b.c".into()),
                secret: true
            }])
        );
    }

    #[test]
    fn base64_is_decoded_before_secrets_are_looked_for() {
        let password = Value::from("correct horse").sensitive();
        let secrets = SecretTexts::within([&password]);
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let encoded =
            base64::engine::general_purpose::STANDARD.encode("#!/bin/sh\necho correct horse\n");
        let RedactedValue::Base64 { decoded, kept } = redactor.shown(&Value::from(encoded)) else {
            panic!("is base64")
        };
        assert_eq!(decoded.len(), 3);
        assert_eq!(kept, None);
    }

    #[test]
    fn types_hide_names_and_lengths_of_secrets() {
        let hush = || Value::from("correct horse");
        let secrets = SecretTexts::within([&hush().sensitive()]);
        let redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let keyed = |name: &str| Value::object([(name.into(), Value::from(1))]);
        let list = |it: Value| Value::list([it]);
        for (value, expected) in [
            (keyed("open"), "object({open = number})"),
            (keyed("open").sensitive(), "any"),
            (keyed("correct horse"), "any"),
            (list(keyed("correct horse")), "list(any)"),
            (Value::tuple([hush().sensitive(), keyed("x").sensitive()]), "tuple([string, any])"),
            (Value::tuple([hush()]).sensitive(), "any"),
            (list(hush().sensitive()), "list(string)"),
            (list(list(keyed("x"))).sensitive(), "list(list(any))"),
            (Value::object([("a".into(), keyed("correct horse"))]), "object({a = any})"),
            (Value::from(1).sensitive(), "number"),
            (Value::unknown(Type::of_value(&list(keyed("correct horse"))), None), "list(any)"),
        ] {
            assert_eq!(redactor.ty(&value).to_string(), expected);
        }
        assert_eq!(redactor.secret_type(&keyed("open")), Type::Any);
        let revealed = Redactor::new(&secrets, SecretVisibility::Revealed)
            .ty(&keyed("correct horse").sensitive());
        assert!(revealed.to_string().contains("correct horse"));
    }

    #[test]
    fn a_secret_key_makes_the_map_secret() {
        let secrets = SecretTexts::within([&Value::from("correct horse").sensitive()]);
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let value =
            Value::object([("correct horse".into(), Value::from(1)), ("b".into(), Value::from(2))]);
        assert!(matches!(redactor.shown(&value), RedactedValue::Secret(_)));
        assert!(
            matches!(redactor.shown(&Value::tuple([value])), RedactedValue::List(items) if matches!(items[..], [RedactedValue::Secret(_)]))
        );
    }

    #[test]
    fn a_path_ends_where_a_secret_begins() {
        let secrets = SecretTexts::within([&Value::from("correct horse").sensitive()]);
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let inner = Value::object([("key".into(), Value::tuple([Value::from(1)]))]);
        let attributes: Object =
            [("open".into(), inner.clone()), ("hidden".into(), inner.sensitive())].into();
        let shown = redactor.attributes(&attributes);
        let path = |first: &str, then: &str| Path::attribute(first).name(then).index(0);
        let visible = |path: &Path| redactor.path(path, &[None, Some(&shown)]).to_string();
        assert_eq!(visible(&path("open", "key")), "open.key[0]");
        assert_eq!(visible(&path("hidden", "key")), "hidden");
        assert_eq!(visible(&path("open", "correct horse")), "open");
        assert_eq!(visible(&path("elsewhere", "key")), "elsewhere.key[0]");
    }

    #[test]
    fn a_short_secret_is_masked_within_its_own_resource() {
        let secrets = SecretTexts::within([&Value::from("z#7").sensitive()]);
        let mut redactor = Redactor::new(&secrets, SecretVisibility::Redacted);
        let attributes: Object = [
            ("prefix".into(), Value::from("z#7").sensitive()),
            ("hex".into(), Value::from("z#7-0a1b")),
        ]
        .into();
        let hidden = RedactedPiece::Secret(SecretToken { number: 0, revealed: None });
        assert_eq!(
            redactor.attributes(&attributes)["hex"],
            RedactedValue::Text(vec![hidden, RedactedPiece::Clear("-0a1b".into())])
        );
        assert_eq!(redactor.shown(&Value::from("z#7-0a1b")), RedactedValue::text("z#7-0a1b"));
    }

    #[test]
    fn digests_and_names_are_not_taken_for_base64() {
        for text in [
            "9f3c9f3c9f3c9f3c9f3c9f3c9f3c9f3c",
            "arn:aws:iam::123456789012:role/x",
            "abcdefghijklmnopqrstuvwx",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }
}
