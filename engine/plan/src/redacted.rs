//! Messages that quote what they should not.

use ha_kind::{Error, Object, Part, Value};

/// Shorter ones are part of too many words.
const SHORTEST: usize = 4;

/// A message in which no secret among these attributes is quoted.
#[must_use]
pub fn redacted(message: &str, attributes: &Object) -> String {
    let mut secrets = Vec::new();
    for value in attributes.values() {
        gather(value, false, &mut secrets);
    }
    // Longer ones first: one may be part of another.
    secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
    secrets.into_iter().fold(message.to_owned(), |message, secret| match message.contains(secret) {
        true => message.replace(secret, "(sensitive)"),
        false => message,
    })
}

/// An error in which no secret among these attributes is quoted.
#[must_use]
pub fn redacted_error(error: Error, attributes: &Object) -> Error {
    let clean = |text: String| redacted(&text, attributes);
    Error {
        attempted: clean(error.attempted),
        causes: error.causes.into_iter().map(clean).collect(),
        help: error.help.into_iter().map(clean).collect(),
        ..error
    }
}

fn gather<'a>(value: &'a Value, secret: bool, secrets: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if secret && text.len() >= SHORTEST => secrets.push(text),
        Value::Composed(parts) => {
            for part in parts.iter() {
                match part {
                    Part::Secret(text) if text.len() >= SHORTEST => secrets.push(text),
                    Part::Clear(text) if secret && text.len() >= SHORTEST => secrets.push(text),
                    _ => {}
                }
            }
        }
        Value::Sensitive(inner) => gather(inner, true, secrets),
        other => other.children().for_each(|it| gather(it, secret, secrets)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_quoted_wherever_they_are() {
        let deep = Value::object([("word".into(), Value::tuple([Value::from("deeply")]))]).sensitive();
        let attributes = Object::from([
            ("password".into(), Value::from("hush-hush").sensitive()),
            ("part".into(), Value::from("hush").sensitive()),
            ("deep".into(), deep),
            ("open".into(), Value::from("open")),
        ]);
        let said = redacted("open hush-hush, hush and deeply", &attributes);
        assert_eq!(said, "open (sensitive), (sensitive) and (sensitive)");
    }
}
