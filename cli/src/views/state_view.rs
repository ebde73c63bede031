//! Renders the state: one record, or all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_provider::SchemaSet;
use ha_state_model::{OutputRecord, Record, State};
use ha_value::{Address, Name, Object, ResourceMode, Value};

use super::document::JsonDocument;
use super::expression::set_out;
use super::json::JsonValue;
use super::outcome::outputs_text;
use super::plan_json::TERRAFORM_VERSION;
use super::redacted_value::{RedactedValue, printable};
use super::redaction::{Redactor, SecretVisibility};
use super::report::output_values;
use super::secrets::SecretTexts;
use super::style::{Painter, TextRole};
use super::values::{self, write_modules};

/// Returns all secrets of a state.
pub(crate) fn state_secrets(state: &State) -> SecretTexts {
    SecretTexts::within(&state_values(state))
}

/// Returns all values of a state, with sensitive outputs marked.
pub(crate) fn state_values(state: &State) -> Vec<Value> {
    let records = state.records.values().chain(state.deposed.values());
    let recorded = records.flat_map(|it| it.arguments.values().chain(it.outputs.values()));
    let settings = state.providers.values().flat_map(|it| it.settings.values());
    let begun = state.unfinished.values().flat_map(|it| it.intent.arguments.values());
    let plain = recorded.chain(settings).chain(begun).filter(|it| it.contains_sensitive()).cloned();
    let outputs = state.outputs.values().flat_map(|it| output_values(&it.value, it.sensitive));
    plain.chain(outputs).collect()
}

/// Renders one record.
pub(crate) fn record_text(record: &Record, secrets: &SecretTexts, paint: Painter) -> String {
    let mut redactor = Redactor::new(secrets, SecretVisibility::Redacted);
    let mut notes = vec![format!("version {}", record.version)];
    if record.tainted {
        notes.push("to be replaced".into());
    }
    let head = format!("# {} ({})", record.address, notes.join(", "));
    let block = &record.address.block;
    let word = if block.mode == ResourceMode::Data { "data" } else { "resource" };
    let mut text = format!(
        "{}\n{word} \"{}\" \"{}\" ",
        paint.put(TextRole::Head, &printable(&head)),
        block.kind,
        block.name
    );
    let attributes = RedactedValue::Object(redactor.attributes(&attributes(record)));
    let _ = writeln!(text, "{}", set_out(&attributes, 0));
    text
}

/// Renders all records and outputs.
pub(crate) fn state_text(state: &State, paint: Painter) -> String {
    let secrets = state_secrets(state);
    let mut text = String::new();
    for record in state.records.values() {
        text += &record_text(record, &secrets, paint);
        text.push('\n');
    }
    for (address, key) in state.deposed.keys() {
        let _ = writeln!(text, "# {address} (deposed {key}): an old object, to be deleted\n");
    }
    if !state.outputs.is_empty() {
        let _ = write!(
            text,
            "{}\n{}",
            paint.put(TextRole::Head, "Outputs"),
            outputs_text(&shown_outputs(&state.outputs, &secrets), paint)
        );
    }
    if text.is_empty() {
        text.push_str("Nothing is recorded.\n");
    }
    text
}

/// Renders the state in Terraform's JSON format, on one line.
pub(crate) fn state_json(state: &State, schemas: &SchemaSet, sight: SecretVisibility) -> String {
    let secrets = state_secrets(state);
    let mut redactor = Redactor::new(&secrets, sight);
    let mut document = JsonDocument::default();
    document.object();
    document.field("format_version", &"1.0".into());
    if state.is_new() {
        return document.line();
    }
    document.field("terraform_version", &TERRAFORM_VERSION.into());
    document.field("ha_version", &env!("CARGO_PKG_VERSION").into());
    document.object_field("values");
    if !state.outputs.is_empty() {
        let outputs = state
            .outputs
            .iter()
            .map(|(name, it)| (name.to_string(), output_json(it, &secrets, sight)));
        document.field("outputs", &JsonValue::Object(outputs.collect()));
    }
    document.object_field("root_module");
    let records: Vec<(&Address, &Record)> = state.records.iter().collect();
    write_modules(&mut document, &records, &mut |address, it| {
        values::record_json(address, it, schemas, &mut redactor)
    });
    document.end();
    document.end();
    document.field(
        "ha",
        &JsonValue::object([("lineage", (&state.lineage).into()), ("number", state.number.into())]),
    );
    document.line()
}

/// Returns one record as JSON.
pub(crate) fn record_json(record: &Record, redactor: &mut Redactor<'_>) -> JsonValue {
    values::record_json(&record.address, record, &SchemaSet::default(), redactor)
}

/// Returns one output as JSON.
pub(crate) fn output_json(
    output: &OutputRecord,
    secrets: &SecretTexts,
    sight: SecretVisibility,
) -> JsonValue {
    let mut redactor = Redactor::new(secrets, sight);
    JsonValue::object(output_fields(output, &mut redactor))
}

/// Returns the visible type and value of an output; a secret is null, so that no reader can take a
/// placeholder for its value.
pub(crate) fn output_fields(
    output: &OutputRecord,
    redactor: &mut Redactor<'_>,
) -> Vec<(&'static str, JsonValue)> {
    let value = redactor.output(output);
    let is_hidden = value.hides_something();
    let ty = if output.sensitive {
        redactor.secret_type(&output.value)
    } else {
        redactor.ty(&output.value)
    };
    vec![
        ("sensitive", (output.sensitive || is_hidden).into()),
        ("type", JsonValue::from(&ty)),
        ("value", if is_hidden { JsonValue::Null } else { JsonValue::from(&value) }),
    ]
}

/// Outputs without secrets.
pub(crate) fn shown_outputs(
    outputs: &BTreeMap<Name, OutputRecord>,
    secrets: &SecretTexts,
) -> BTreeMap<Name, RedactedValue> {
    outputs
        .iter()
        .map(|(name, it)| (name.clone(), shown_output(it, secrets, SecretVisibility::Redacted)))
        .collect()
}

/// Redacts an output.
pub(crate) fn shown_output(
    output: &OutputRecord,
    secrets: &SecretTexts,
    sight: SecretVisibility,
) -> RedactedValue {
    Redactor::new(secrets, sight).output(output)
}

/// Merges arguments and outputs; outputs take precedence.
fn attributes(record: &Record) -> Object {
    let mut all = record.arguments.clone();
    all.extend(
        record
            .outputs
            .iter()
            .filter(|(_, it)| !it.is_null())
            .map(|(name, it)| (name.clone(), it.clone())),
    );
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use ha_state_model::ProviderName;
    use snapbox::str;

    use super::super::test_data::{
        SECRET, assert_keeps_secret, check, clear, object, parts, pretty, secret,
    };
    use super::*;

    fn state() -> State {
        let record = Record {
            address: "postgresql_role.app[\"a\"]".parse().unwrap(),
            provider: ProviderName::new("postgresql"),
            id: "app".into(),
            arguments: object(&[
                ("name", Value::from("app")),
                ("password", Value::from(SECRET).sensitive()),
                ("uri", parts([clear("postgresql://app:"), secret(SECRET), clear("@db/app")])),
                ("roles", Value::list([Value::from("read"), Value::from("write")])),
            ]),
            configured: BTreeSet::new(),
            outputs: object(&[
                ("id", Value::from("app")),
                ("log", Value::from(format!("ALTER ROLE {SECRET}"))),
            ]),
            dependencies: ["aws_db_instance.pg".parse::<ha_value::Address>().unwrap().block]
                .into_iter()
                .collect(),
            tainted: true,
            create_before_destroy: false,
            prevent_destroy: false,
            timeouts: Default::default(),
            version: 7,
        };
        let outputs = BTreeMap::from([
            ("uri".into(), OutputRecord { value: Value::from(SECRET), sensitive: true }),
            (
                "hosts".into(),
                OutputRecord {
                    value: Value::tuple([Value::from("a"), Value::from(1)]),
                    sensitive: false,
                },
            ),
        ]);
        let records = BTreeMap::from([(record.address.clone(), record)]);
        State { lineage: "0f7c".into(), number: 9, records, outputs, ..State::default() }
    }

    #[test]
    fn the_state_as_text() {
        let text = state_text(&state(), Painter::PLAIN);
        assert_keeps_secret(&text);
        check(
            &text,
            str![[r##"
# postgresql_role.app["a"] (version 7, to be replaced)
resource "postgresql_role" "app" {
  id       = "app"
  log      = "ALTER ROLE (sensitive)"
  name     = "app"
  password = (sensitive)
  roles    = [
    "read",
    "write",
  ]
  uri      = "postgresql://app:(sensitive)@db/app"
}

Outputs
hosts = [
  "a",
  1,
]
uri   = (sensitive)

"##]],
        );
        check(
            &state_text(&State::default(), Painter::PLAIN),
            str![[r#"
Nothing is recorded.

"#]],
        );
    }

    #[test]
    fn the_state_as_json() {
        let json = pretty(&state_json(&state(), &SchemaSet::default(), SecretVisibility::Redacted));
        assert_keeps_secret(&json);
        check(
            &json,
            str![[r#"
{
  "format_version": "1.0",
  "terraform_version": "1.11.4",
  "ha_version": "[VERSION]",
  "values": {
    "outputs": {
      "hosts": {
        "sensitive": false,
        "type": [
          "tuple",
          [
            "string",
            "number"
          ]
        ],
        "value": [
          "a",
          1
        ]
      },
      "uri": {
        "sensitive": true,
        "type": "string",
        "value": null
      }
    },
    "root_module": {
      "resources": [
        {
          "address": "postgresql_role.app[\"a\"]",
          "mode": "managed",
          "type": "postgresql_role",
          "name": "app",
          "index": "a",
          "provider_name": "postgresql",
          "schema_version": 0,
          "values": {
            "id": "app",
            "log": "ALTER ROLE (sensitive)",
            "name": "app",
            "password": "(sensitive)",
            "roles": [
              "read",
              "write"
            ],
            "uri": "postgresql://app:(sensitive)@db/app"
          },
          "sensitive_values": {
            "log": true,
            "password": true,
            "roles": [
              false,
              false
            ],
            "uri": true
          },
          "depends_on": [
            "aws_db_instance.pg"
          ],
          "tainted": true,
          "ha": {
            "id": "app",
            "provider": "postgresql",
            "version": 7
          }
        }
      ]
    }
  },
  "ha": {
    "lineage": "0f7c",
    "number": 9
  }
}

"#]],
        );
        assert!(
            state_json(&state(), &SchemaSet::default(), SecretVisibility::Revealed)
                .contains(SECRET)
        );
    }
}
