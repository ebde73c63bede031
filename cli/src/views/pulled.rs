//! A whole state as JSON, without its secrets.

use ha_plan::told_id;
use ha_state_model::{Record, State};
use ha_state_store::to_json;
use serde_json::{Value as Json, json};

use super::redacted_value::SENSITIVE;
use super::secrets::SecretTexts;
use super::state_view::state_secrets;

/// Returns the state in the format of `to_json` with its secrets replaced. The document is marked
/// if something was replaced, because it cannot be pushed back then.
pub(crate) fn pulled_json(state: &State) -> Json {
    let secrets = state_secrets(state);
    let mut json = to_json(state);
    let mut redacted = hide_made_of_secrets(&mut json, state);
    redacted |= redact(&mut json, &secrets);
    for output in json["outputs"].as_object_mut().into_iter().flat_map(|it| it.values_mut()) {
        if output["sensitive"] == true {
            output["value"] = json!({"$secret": SENSITIVE});
            redacted = true;
        }
    }
    if redacted {
        json["redacted"] = true.into();
    }
    json
}

/// Replaces ids that contain a secret, and a record's short secrets in its other attributes.
/// Returns whether anything was replaced.
fn hide_made_of_secrets(json: &mut Json, state: &State) -> bool {
    let mut redacted = false;
    let mut hide = |json: &mut Json, record: &Record| {
        let masked_id = told_id(record);
        redacted |= masked_id != record.id;
        json["id"] = masked_id.into();
        let attributes = record.arguments.values().chain(record.outputs.values());
        // A short secret, such as a port, is a common word elsewhere. It is replaced only in the
        // record that it belongs to.
        let short = SecretTexts::short_within(attributes.filter(|it| it.contains_sensitive()));
        if !short.is_empty() {
            redacted |=
                redact(&mut json["arguments"], &short) | redact(&mut json["outputs"], &short);
        }
    };
    for (index, record) in state.records.values().enumerate() {
        hide(&mut json["records"][index], record);
    }
    for (index, record) in state.deposed.values().enumerate() {
        hide(&mut json["deposed"][index]["record"], record);
    }
    redacted
}

/// Replaces marked values and values equal to them. Returns whether anything was replaced.
fn redact(json: &mut Json, secrets: &SecretTexts) -> bool {
    match json {
        Json::String(text) => {
            let masked = secrets.masked(text);
            let is_other = masked != *text;
            *text = masked;
            is_other
        }
        Json::Array(items) => {
            items.iter_mut().fold(false, |redacted, it| redact(it, secrets) | redacted)
        }
        Json::Object(fields) => {
            let mut redacted = false;
            for (name, it) in fields.iter_mut() {
                redacted |= match name.as_str() {
                    "$secret" => hide(it),
                    "$text" => {
                        parts_of(it).fold(false, |redacted, part| match part.get_mut("secret") {
                            Some(secret) => hide(secret) | redacted,
                            None => redact(part, secrets) | redacted,
                        })
                    }
                    _ => redact(it, secrets),
                };
            }
            let names = fields.keys().map(|it| secrets.masked(it));
            if names.zip(fields.keys()).any(|(masked, name)| masked != *name) {
                redacted = true;
                *fields = std::mem::take(fields)
                    .into_iter()
                    .map(|(name, it)| (secrets.masked(&name), it))
                    .collect();
            }
            redacted
        }
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn hide(secret: &mut Json) -> bool {
    let is_other = *secret != SENSITIVE;
    *secret = SENSITIVE.into();
    is_other
}

fn parts_of(text: &mut Json) -> impl Iterator<Item = &mut Json> {
    text.as_array_mut().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use ha_state_model::{OutputRecord, ProviderName};
    use ha_value::{Object, Value};

    use super::super::test_data::{SECRET, assert_keeps_secret, clear, parts, secret};
    use super::*;

    fn state(values: &[(&str, Value)]) -> State {
        let address: ha_value::Address = "a.b".parse().unwrap();
        let record = Record {
            address: address.clone(),
            provider: ProviderName::new("a"),
            id: "1".into(),
            arguments: values.iter().map(|(name, value)| ((*name).into(), value.clone())).collect(),
            configured: [].into(),
            outputs: Object::new(),
            dependencies: Default::default(),
            tainted: false,
            create_before_destroy: false,
            prevent_destroy: false,
            timeouts: Default::default(),
            version: 1,
        };
        State {
            lineage: "x".into(),
            number: 1,
            records: [(address, record)].into(),
            ..State::default()
        }
    }

    #[test]
    fn no_secret_is_left_and_the_document_is_marked() {
        let mut state = state(&[
            ("password", Value::from(SECRET).sensitive()),
            ("uri", parts([clear("postgresql://"), secret(SECRET), clear("@db")])),
            ("log", Value::from(format!("ALTER ROLE {SECRET}"))),
            ("by_name", Value::object([(SECRET.into(), Value::from(true))])),
            ("pin", Value::from(4711).sensitive()),
            ("name", Value::from("1").sensitive()),
        ]);
        state
            .outputs
            .insert("uri".into(), OutputRecord { value: Value::from(SECRET), sensitive: true });
        state
            .outputs
            .insert("pin".into(), OutputRecord { value: Value::from(4711), sensitive: true });
        let json = pulled_json(&state);
        assert_keeps_secret(&json.to_string());
        assert!(!json.to_string().contains("4711"), "{json}");
        assert_eq!(json["redacted"], true);
        assert_eq!(json["records"][0]["id"], "(sensitive)");
        assert_eq!(json["records"][0]["arguments"]["log"], "ALTER ROLE (sensitive)");
    }

    #[test]
    fn a_state_without_secrets_is_complete() {
        let state = state(&[("secret", Value::from("x"))]);
        assert_eq!(pulled_json(&state), to_json(&state));
    }
}
