//! Describes arguments and outputs of resource types for authors of configurations.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use ha_plan::takes_timeouts;
use ha_provider::{FieldShape, ResourceDescription, Schema, SchemaField, SchemaSet};
use ha_value::{Name, ResourceMode, Value};

use super::expression::inline;
use super::json::JsonValue;
use super::redacted_value::printable;
use super::redaction::{Redactor, SecretVisibility};
use super::secrets::SecretTexts;
use super::style::{Painter, TextRole};

/// Lists all resource types, each with its description.
pub(crate) fn kinds_text(schemas: &SchemaSet, paint: Painter) -> String {
    let mut text = String::new();
    let all: Vec<(ResourceMode, &ResourceDescription)> = schemas.kinds().collect();
    let width = all.iter().map(|(mode, it)| head(*mode).len() + it.kind.len()).max().unwrap_or(0);
    for (mode, described) in all {
        let name = format!("{}{}", head(mode), described.kind);
        let doc = first_sentence(&described.schema().doc);
        let _ = writeln!(
            text,
            "{}{:pad$}  {doc}",
            paint.put(TextRole::Head, &name),
            "",
            pad = width - name.len()
        );
    }
    text
}

/// Describes one resource type completely.
pub(crate) fn kind_text(
    mode: ResourceMode,
    described: &ResourceDescription,
    paint: Painter,
) -> String {
    let mut text =
        settings_text(&format!("{}{}", head(mode), described.kind), described.schema(), paint);
    if takes_timeouts(described) {
        let operations = if mode == ResourceMode::Data {
            "`read`"
        } else {
            "`create`, `read`, `update` and `delete`"
        };
        let _ =
            writeln!(text, "\nA block `timeouts` says how long {operations} may take, as \"60m\".");
    }
    text
}

/// Describes one settings block completely.
pub(crate) fn settings_text(name: &str, schema: &Schema, paint: Painter) -> String {
    let Schema { doc, arguments, outputs, unsupported: _ } = schema;
    let mut text = format!("{}\n", paint.put(TextRole::Head, name));
    for line in doc.lines() {
        let _ = writeln!(text, "{}", format!("  {line}").trim_end());
    }
    for (title, fields) in [("Arguments", arguments), ("Outputs", outputs)] {
        if !fields.is_empty() {
            let _ = writeln!(text, "\n{}", paint.put(TextRole::Head, title));
            write_fields(fields, title == "Arguments", 2, paint, &mut text);
        }
    }
    text
}

/// Lists settings blocks, each with its description.
pub(crate) fn all_settings_text<'a>(
    all: impl IntoIterator<Item = (&'a str, &'a Schema)>,
    paint: Painter,
) -> String {
    let all: Vec<(&str, &Schema)> = all.into_iter().collect();
    let width = all.iter().map(|it| it.0.len()).max().unwrap_or(0);
    all.iter().fold(String::new(), |mut text, (name, schema)| {
        let padding = " ".repeat(width - name.len());
        let _ = writeln!(
            text,
            "{}{padding}  {}",
            paint.put(TextRole::Head, name),
            first_sentence(&schema.doc)
        );
        text
    })
}

/// Returns a settings block as JSON.
pub(crate) fn settings_json(name: &str, schema: &Schema) -> JsonValue {
    let Schema { doc, arguments, outputs: _, unsupported: _ } = schema;
    JsonValue::object([
        ("name", name.into()),
        ("description", doc.into()),
        ("arguments", fields_json(arguments)),
    ])
}

/// Returns a resource type as JSON.
pub(crate) fn kind_json(mode: ResourceMode, described: &ResourceDescription) -> JsonValue {
    let Schema { doc, arguments, outputs, unsupported: _ } = described.schema();
    JsonValue::object([
        ("mode", if mode == ResourceMode::Data { "data" } else { "managed" }.into()),
        ("kind", (&*described.kind).into()),
        ("provider", (&*described.provider).into()),
        ("description", doc.into()),
        ("arguments", fields_json(arguments)),
        ("outputs", fields_json(outputs)),
    ])
}

fn head(mode: ResourceMode) -> &'static str {
    if mode == ResourceMode::Data { "data." } else { "" }
}

/// Returns the first sentence of the description.
fn first_sentence(doc: &str) -> String {
    let first = doc.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    first.split(". ").next().unwrap_or_default().trim_end_matches('.').to_owned()
}

fn write_fields(
    fields: &BTreeMap<Name, SchemaField>,
    are_arguments: bool,
    indent: usize,
    paint: Painter,
    text: &mut String,
) {
    for (name, field) in fields {
        let traits = traits(field, are_arguments);
        let traits = if traits.is_empty() {
            String::new()
        } else {
            format!("  {}", paint.put(TextRole::Quiet, &traits.join(", ")))
        };
        let _ = writeln!(
            text,
            "{:indent$}{}  {}{traits}",
            "",
            paint.put(TextRole::Head, name),
            shape_text(&field.shape)
        );
        for line in field.doc.lines() {
            let _ = writeln!(text, "{}", format!("{:indent$}    {line}", "").trim_end());
        }
        if let Some(inner) = field.shape.block() {
            write_fields(inner, are_arguments, indent + 4, paint, text);
        }
    }
}

fn traits(field: &SchemaField, is_argument: bool) -> Vec<String> {
    let SchemaField {
        doc: _,
        shape: _,
        required,
        default,
        immutable,
        volatile,
        secret,
        write_only,
        chosen,
    } = field;
    let mut traits = Vec::new();
    let mut when = |yes: bool, what: &str| {
        if yes {
            traits.push(what.to_owned());
        }
    };
    when(*required && is_argument, "required");
    when(*immutable, "a new value means a new resource");
    when(*volatile, "any update may change it");
    when(*secret, "never shown");
    when(*write_only, "stored nowhere");
    when(*chosen, "chosen by the service when left out");
    if let Some(default) = default {
        traits.push(format!("default {}", value_text(default)));
    }
    traits
}

fn value_text(value: &Value) -> String {
    let secrets = SecretTexts::default();
    printable(&inline(&Redactor::new(&secrets, SecretVisibility::Redacted).shown(value)))
        .into_owned()
}

fn shape_text(shape: &FieldShape) -> String {
    match shape {
        FieldShape::Any => "any".into(),
        FieldShape::Bool => "bool".into(),
        FieldShape::Number | FieldShape::Integer { .. } => "number".into(),
        FieldShape::String { one_of } if one_of.is_empty() => "string".into(),
        FieldShape::String { one_of } => {
            one_of.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(" | ")
        }
        FieldShape::Text => "string".into(),
        FieldShape::List(of) => format!("list({})", shape_text(of)),
        FieldShape::Set(of) => format!("set({})", shape_text(of)),
        FieldShape::Map(of) => format!("map({})", shape_text(of)),
        FieldShape::Object(_) => "block".into(),
    }
}

fn fields_json(fields: &BTreeMap<Name, SchemaField>) -> JsonValue {
    let field = |(name, field): (&Name, &SchemaField)| {
        let SchemaField {
            doc,
            shape,
            required,
            default,
            immutable,
            volatile,
            secret,
            write_only,
            chosen,
        } = field;
        let mut entries = vec![
            ("type", JsonValue::from(&shape.ty())),
            ("description", doc.into()),
            ("required", (*required).into()),
        ];
        if let FieldShape::String { one_of } = shape
            && !one_of.is_empty()
        {
            entries.push(("one_of", JsonValue::array(one_of)));
        }
        if let Some(default) = default {
            let secrets = SecretTexts::default();
            entries.push((
                "default",
                JsonValue::from(
                    &Redactor::new(&secrets, SecretVisibility::Redacted).shown(default),
                ),
            ));
        }
        let marks = [
            ("immutable", immutable),
            ("volatile", volatile),
            ("sensitive", secret),
            ("write_only", write_only),
            ("chosen", chosen),
        ];
        entries.extend(
            marks.into_iter().filter(|(_, it)| **it).map(|(name, _)| (name, JsonValue::Bool(true))),
        );
        if let Some(inner) = shape.block() {
            entries.push(("fields", fields_json(inner)));
        }
        (name.to_string(), JsonValue::object(entries))
    };
    JsonValue::Object(fields.iter().map(field).collect())
}

#[cfg(test)]
mod tests {
    use ha_provider::ResourceHooks;
    use snapbox::str;

    use super::super::test_data::check;
    use super::*;

    fn field(doc: &str, shape: FieldShape) -> SchemaField {
        let (required, default) = (false, None);
        SchemaField {
            doc: doc.into(),
            shape,
            required,
            default,
            immutable: false,
            volatile: false,
            secret: false,
            write_only: false,
            chosen: false,
        }
    }

    fn bucket() -> ResourceDescription {
        let string = || FieldShape::String { one_of: vec![] };
        let rule = BTreeMap::from([(
            "port".into(),
            SchemaField { required: true, ..field("Which port.", FieldShape::Number) },
        )]);
        let arguments = BTreeMap::from([
            (
                "bucket".into(),
                SchemaField {
                    required: true,
                    immutable: true,
                    ..field("Globally unique name.\n\nIn lower case.", string())
                },
            ),
            (
                "acl".into(),
                SchemaField {
                    default: Some(Value::from("private")),
                    ..field(
                        "Who may.",
                        FieldShape::String { one_of: vec!["private".into(), "public".into()] },
                    )
                },
            ),
            ("rule".into(), field("A rule.", FieldShape::Set(Box::new(FieldShape::Object(rule))))),
            ("key".into(), SchemaField { secret: true, ..field("", string()) }),
        ]);
        let outputs = BTreeMap::from([(
            "etag".into(),
            SchemaField { volatile: true, required: true, ..field("Its digest.", string()) },
        )]);
        ResourceDescription::new(
            "aws_s3_bucket",
            "aws",
            Schema {
                doc: "A bucket of objects.\nMany of them.".into(),
                arguments,
                outputs,
                unsupported: &[],
            },
            ResourceHooks::new(),
        )
    }

    #[test]
    fn a_resource_type_as_text() {
        check(
            &kind_text(ResourceMode::Managed, &bucket(), Painter::PLAIN),
            str![[r#"
aws_s3_bucket
  A bucket of objects.
  Many of them.

Arguments
  acl  "private" | "public"  default "private"
      Who may.
  bucket  string  required, a new value means a new resource
      Globally unique name.

      In lower case.
  key  string  never shown
  rule  set(block)
      A rule.
      port  number  required
          Which port.

Outputs
  etag  string  any update may change it
      Its digest.

A block `timeouts` says how long `create`, `read`, `update` and `delete` may take, as "60m".

"#]],
        );
        check(
            &kind_text(ResourceMode::Data, &bucket(), Painter::COLOURED),
            str![[r#"
␛[1mdata.aws_s3_bucket␛[0m
  A bucket of objects.
  Many of them.

␛[1mArguments␛[0m
  ␛[1macl␛[0m  "private" | "public"  ␛[2mdefault "private"␛[0m
      Who may.
  ␛[1mbucket␛[0m  string  ␛[2mrequired, a new value means a new resource␛[0m
      Globally unique name.

      In lower case.
  ␛[1mkey␛[0m  string  ␛[2mnever shown␛[0m
  ␛[1mrule␛[0m  set(block)
      A rule.
      ␛[1mport␛[0m  number  ␛[2mrequired␛[0m
          Which port.

␛[1mOutputs␛[0m
  ␛[1metag␛[0m  string  ␛[2many update may change it␛[0m
      Its digest.

A block `timeouts` says how long `read` may take, as "60m".

"#]],
        );
    }

    #[test]
    fn a_resource_type_as_json() {
        check(
            &kind_json(ResourceMode::Managed, &bucket()).pretty(),
            str![[r#"
{
  "mode": "managed",
  "kind": "aws_s3_bucket",
  "provider": "aws",
  "description": "A bucket of objects.\nMany of them.",
  "arguments": {
    "acl": {
      "type": "string",
      "description": "Who may.",
      "required": false,
      "one_of": [
        "private",
        "public"
      ],
      "default": "private"
    },
    "bucket": {
      "type": "string",
      "description": "Globally unique name.\n\nIn lower case.",
      "required": true,
      "immutable": true
    },
    "key": {
      "type": "string",
      "description": "",
      "required": false,
      "sensitive": true
    },
    "rule": {
      "type": [
        "set",
        [
          "object",
          {
            "port": "number"
          }
        ]
      ],
      "description": "A rule.",
      "required": false,
      "fields": {
        "port": {
          "type": "number",
          "description": "Which port.",
          "required": true
        }
      }
    }
  },
  "outputs": {
    "etag": {
      "type": "string",
      "description": "Its digest.",
      "required": true,
      "volatile": true
    }
  }
}

"#]],
        );
    }
}
