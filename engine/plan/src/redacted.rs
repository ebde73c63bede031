//! Messages that quote what they should not.

use ha_kind::{Error, Object};

use crate::secrets::Secrets;

/// A message in which no secret among these attributes is quoted, however it is spelt.
#[must_use]
pub fn redacted<'a>(message: &str, attributes: impl IntoIterator<Item = &'a Object>) -> String {
    known(attributes).masked(message)
}

/// An error in which no secret among these attributes is quoted, however it is spelt.
#[must_use]
pub fn redacted_error<'a>(error: Error, attributes: impl IntoIterator<Item = &'a Object>) -> Error {
    let secrets = known(attributes);
    error.reworded(|text| secrets.masked(text))
}

fn known<'a>(attributes: impl IntoIterator<Item = &'a Object>) -> Secrets {
    Secrets::within(attributes.into_iter().flat_map(Object::values).filter(|it| it.contains_sensitive()))
}

#[cfg(test)]
mod tests {
    use ha_kind::Value;

    use super::*;

    #[test]
    fn secrets_are_not_quoted_wherever_they_are() {
        let deep = Value::object([("word".into(), Value::tuple([Value::from("deeply hidden")]))]).sensitive();
        let attributes = Object::from([
            ("password".into(), Value::from("hush-hush").sensitive()),
            ("part".into(), Value::from("hush").sensitive()),
            ("deep".into(), deep),
            ("open".into(), Value::from("open")),
        ]);
        let said = redacted("open hush-hush, hush and deeply hidden", [&attributes]);
        assert_eq!(said, "open (sensitive), (sensitive) and (sensitive)");
        let error = Error::new("log in as hush-hush", "hush%2Dhush is wrong").code("hush-hush").help("not hush-hush");
        let error = redacted_error(error, [&attributes]);
        assert!(!format!("{error:?}").contains("hush"), "{error:?}");
    }
}
