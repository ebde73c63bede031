//! Values that were read, marked as secret as the configuration and the record say.

use ha_provider::ResourceDescription;
use ha_value::{Name, Object, Value};

/// Marks arguments and outputs that were read as the configuration's arguments (`given`) are
/// marked. Arguments that are recorded with the same value keep the marks of the record.
pub(crate) fn as_configured(
    described: &ResourceDescription,
    given: &Object,
    recorded: &Object,
    (arguments, outputs): (&Object, &Object),
) -> (Object, Object) {
    let mark = |(name, value): (&Name, &Value)| {
        let is_new = recorded.get(name).is_none_or(|it| it.revealed() != value.revealed());
        let is_secret = is_new && is_secret_in(given, described, name);
        (name.clone(), if is_secret { value.clone().sensitive() } else { value.clone() })
    };
    let marked: Object = arguments.iter().map(mark).collect();
    // An output may be made of an argument that did not change and that the configuration made
    // secret only now, so the outputs are marked by all secret arguments, recorded ones included.
    let secret = |(name, value): (&Name, &Value)| {
        let is_secret = is_secret_in(given, described, name);
        (name.clone(), if is_secret { value.clone().sensitive() } else { value.clone() })
    };
    let all_secret: Object = marked.iter().map(secret).collect();
    let outputs = described.hooks().marked(described.schema(), &all_secret, outputs.clone());
    (marked, outputs)
}

/// Marks arguments that the record lacks and that say in another form what is secret there: a
/// file whose secret `content` was replaced by bytes is read back as `content_base64`.
pub(crate) fn as_recorded(
    described: &ResourceDescription,
    recorded: &Object,
    arguments: Object,
) -> Object {
    let mark = |(name, value): (Name, Value)| {
        let is_secret = !recorded.contains_key(&name) && is_secret_in(recorded, described, &name);
        (name, if is_secret { value.sensitive() } else { value })
    };
    arguments.into_iter().map(mark).collect()
}

/// Whether an argument, or another one that says the same in another form, is secret among these.
fn is_secret_in(given: &Object, described: &ResourceDescription, name: &Name) -> bool {
    described.hooks().said_by(name).any(|form| {
        given.get(form).is_some_and(|value| value.contains_sensitive() && !value.is_null())
    })
}

#[cfg(test)]
mod tests {
    use ha_provider::{ResourceHooks, Schema};

    use super::*;

    fn file() -> ResourceDescription {
        let schema = Schema {
            doc: String::new(),
            arguments: Default::default(),
            outputs: Default::default(),
            unsupported: &[],
        };
        let hooks = ResourceHooks::new()
            .ways_to_say(&["content", "content_base64"])
            .made_of(&["digest"], &["content"]);
        ResourceDescription::new("file", "test", schema, hooks)
    }

    fn object(items: &[(&str, Value)]) -> Object {
        items.iter().map(|(name, value)| (Name::from(*name), value.clone())).collect()
    }

    #[test]
    fn another_form_of_a_recorded_secret_is_secret() {
        let recorded = object(&[("content", Value::from("a").sensitive()), ("mode", "1".into())]);
        let read = object(&[("content_base64", "/w==".into()), ("mode", "2".into())]);
        let marked = as_recorded(&file(), &recorded, read);
        assert!(marked["content_base64"].is_sensitive() && !marked["mode"].is_sensitive());
    }

    #[test]
    fn an_output_of_an_unchanged_argument_is_secret_once_the_configuration_says_so() {
        let given = object(&[("content", Value::from("a").sensitive())]);
        let recorded = object(&[("content", "a".into())]);
        let outputs = object(&[("digest", "b".into())]);
        let (arguments, outputs) =
            as_configured(&file(), &given, &recorded, (&recorded.clone(), &outputs));
        assert!(!arguments["content"].is_sensitive() && outputs["digest"].is_sensitive());
    }
}
