//! Redaction of messages that may quote secrets.

use ha_provider::Error;
use ha_state_model::Record;
use ha_value::{Object, Text, TextPart, Value};

use crate::secrets::{SENSITIVE, SecretTexts};

/// Returns the message without the secrets of these attributes.
#[must_use]
pub fn redacted<'a>(message: &str, attributes: impl IntoIterator<Item = &'a Object>) -> String {
    known(attributes).masked(message)
}

/// Returns the error without the secrets of these attributes.
#[must_use]
pub fn redacted_error<'a>(error: Error, attributes: impl IntoIterator<Item = &'a Object>) -> Error {
    let secrets = known(attributes);
    error.reworded(|text| secrets.masked(text))
}

/// Returns the id of a record in a form that may be shown. An id made of a secret is secret: the
/// path of a file, the name of a user.
#[must_use]
pub fn told_id(record: &Record) -> String {
    let id = &record.id;
    let attributes = || [&record.outputs, &record.arguments].into_iter().flat_map(Object::values);
    if !attributes().any(Value::contains_sensitive) {
        return id.clone();
    }
    let text = |it: &Value| Text::from_value(&it.revealed()).and_then(|it| it.known());
    // The attribute that equals the id shows which part of it is secret; searching for secrets
    // inside the id is the fallback.
    let same = record.outputs.get("id").into_iter().chain(attributes());
    match same.filter(|it| it.is_sensitive()).find(|it| text(it).as_ref() == Some(id)) {
        Some(Value::Composed(parts)) => parts.iter().map(shown_part).collect(),
        Some(_) => SENSITIVE.to_owned(),
        None => {
            SecretTexts::within_a_name(attributes().filter(|it| it.contains_sensitive())).masked(id)
        }
    }
}

fn shown_part(part: &TextPart) -> &str {
    match part {
        TextPart::Clear(text) => text,
        TextPart::Secret(_) | TextPart::Unknown { .. } => SENSITIVE,
    }
}

fn known<'a>(attributes: impl IntoIterator<Item = &'a Object>) -> SecretTexts {
    SecretTexts::within(
        attributes.into_iter().flat_map(Object::values).filter(|it| it.contains_sensitive()),
    )
}

#[cfg(test)]
mod tests {
    use ha_value::Value;

    use super::*;

    #[test]
    fn an_id_made_of_a_secret_is_redacted() {
        let record = |id: &str, arguments: &[(&str, Value)], outputs: &[(&str, Value)]| {
            let object = |of: &[(&str, Value)]| {
                of.iter().map(|(name, it)| ((*name).into(), it.clone())).collect()
            };
            Record {
                address: "a.b".parse().unwrap(),
                provider: ha_state_model::ProviderName::new("a"),
                id: id.into(),
                arguments: object(arguments),
                configured: Default::default(),
                outputs: object(outputs),
                dependencies: Default::default(),
                tainted: false,
                create_before_destroy: false,
                prevent_destroy: false,
                timeouts: Default::default(),
                version: 1,
            }
        };
        let secret = |it: &str| Value::from(it).sensitive();
        let part = Value::from(Text::from_iter([
            TextPart::Clear("etc/".into()),
            TextPart::Secret("x1".into()),
        ]));
        for (told, record) in [
            ("open", record("open", &[("a", Value::from("open"))], &[])),
            ("open", record("open", &[("a", secret("hush"))], &[])),
            (SENSITIVE, record("x", &[("a", secret("x"))], &[])),
            (SENSITIVE, record("x", &[("a", Value::from("x"))], &[("id", secret("x"))])),
            (SENSITIVE, record("4711", &[("a", Value::from(4711).sensitive())], &[])),
            ("etc/(sensitive)", record("etc/x1", &[("a", part)], &[])),
            ("role:(sensitive)", record("role:abc", &[("a", secret("abc"))], &[])),
            (
                "role:(sensitive)/x",
                record("role:a longer one/x", &[("a", secret("a longer one"))], &[]),
            ),
        ] {
            assert_eq!(told_id(&record), told);
        }
    }

    #[test]
    fn redacts_secrets_in_messages_and_errors() {
        let deep = Value::object([("word".into(), Value::tuple([Value::from("deeply hidden")]))])
            .sensitive();
        let attributes = Object::from([
            ("password".into(), Value::from("hush-hush").sensitive()),
            ("part".into(), Value::from("hush").sensitive()),
            ("deep".into(), deep),
            ("open".into(), Value::from("open")),
        ]);
        let said = redacted("open hush-hush, hush and deeply hidden", [&attributes]);
        assert_eq!(said, "open (sensitive), (sensitive) and (sensitive)");
        let error = Error::new("log in as hush-hush", "hush%2Dhush is wrong")
            .code("hush-hush")
            .help("not hush-hush");
        let error = redacted_error(error, [&attributes]);
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}
