//! Bodies of blocks, evaluated by a schema.

use std::collections::BTreeMap;

use ha_lang::{Body, EvaluationContext, SourceFile, compile};
use ha_provider::{FieldShape, Schema, SchemaField};
use ha_value::{Name, Path, Value};

use crate::world::World;
use crate::written::written;

pub(crate) fn field(shape: FieldShape) -> SchemaField {
    SchemaField {
        doc: String::new(),
        shape,
        required: false,
        default: None,
        immutable: false,
        volatile: false,
        secret: false,
        write_only: false,
        chosen: false,
    }
}

fn fields() -> BTreeMap<Name, SchemaField> {
    let text = || field(FieldShape::String { one_of: vec![] });
    let rule = || {
        FieldShape::Object(
            [("port".into(), field(FieldShape::Number)), ("name".into(), text())].into(),
        )
    };
    [
        ("name".into(), text()),
        ("tags".into(), field(FieldShape::Map(Box::new(FieldShape::String { one_of: vec![] })))),
        ("rule".into(), field(FieldShape::List(Box::new(rule())))),
        ("peers".into(), field(FieldShape::Set(Box::new(rule())))),
        ("machine".into(), field(rule())),
    ]
    .into()
}

/// The schema of a block with these fields.
pub(crate) fn schema(arguments: BTreeMap<Name, SchemaField>) -> Schema {
    Schema { doc: String::new(), arguments, outputs: BTreeMap::new(), unsupported: &[] }
}

fn body(inside: &str) -> (Body, String) {
    let text = format!(
        "resource \"aws_x\" \"b\" {{\n{inside}\n}}\nresource \"aws_x\" \"y\" {{}}\nlocals {{\n  open_any = 1\n  secret_list = []\n}}\n"
    );
    let (configuration, problems) = compile(&[SourceFile::new("main.hcl", text.as_str())]);
    assert!(problems.is_empty(), "{problems:#?}");
    (configuration.blocks[0].body.clone(), text)
}

fn value(inside: &str) -> String {
    let world = World::new();
    match body(inside).0.evaluate(&schema(fields()), &EvaluationContext::new(&world, &world)) {
        Ok(object) => written(&Value::object(object)),
        Err(problems) => {
            let reported: Vec<String> = problems
                .into_iter()
                .map(|it| {
                    it.suggestion.map_or(it.summary.clone(), |closest| {
                        format!("{} ({})", it.summary, closest.text)
                    })
                })
                .collect();
            format!("error: {}", reported.join("; "))
        }
    }
}

#[test]
fn blocks_are_objects_or_tuples_of_them() {
    assert_eq!(
        value("name = \"n\"\nmachine {\n  port = 1\n}"),
        r#"{"machine" = {"port" = 1}, "name" = "n"}"#
    );
    assert_eq!(
        value("rule { port = 1 }\nrule { port = 2 }"),
        r#"{"rule" = [{"port" = 1}, {"port" = 2}]}"#
    );
    assert_eq!(value("rule = [{ port = 1 }]"), r#"{"rule" = [{"port" = 1}]}"#);
    assert_eq!(value("tags = { a = \"b\" }"), r#"{"tags" = {"a" = "b"}}"#);
}

#[test]
fn dynamic_blocks_generate_a_block_for_each_element() {
    let made = value(
        "rule { port = 1 }\ndynamic \"rule\" {\n  for_each = { a = 2, b = 3 }\n  content {\n    name = rule.key\n    port = rule.value\n  }\n}",
    );
    assert_eq!(
        made,
        r#"{"rule" = [{"port" = 1}, {"name" = "a", "port" = 2}, {"name" = "b", "port" = 3}]}"#
    );
    let named = value(
        "dynamic \"peers\" {\n  for_each = toset([\"x\"])\n  iterator = it\n  content { name = \"${it.key}${it.value}\" }\n}",
    );
    assert_eq!(named, r#"{"peers" = [{"name" = "xx"}]}"#);
    let open = value(
        "dynamic \"rule\" {\n  for_each = local.open_any\n  content { port = rule.value }\n}",
    );
    assert_eq!(
        open,
        r#"{"rule" = <list(object({name = optional(string), port = optional(number)})) aws_x.y.id>}"#
    );
    let secret = value(
        "dynamic \"rule\" {\n  for_each = local.secret_list\n  content { name = rule.value }\n}",
    );
    assert_eq!(secret, r#"{"rule" = secret([{"name" = "a"}, {"name" = "b"}])}"#);
    assert_eq!(
        value("dynamic \"rule\" {\n  for_each = 5\n  content {}\n}"),
        "error: `for_each` of a dynamic block takes a list, set, map or object, not a number"
    );
}

#[test]
fn reports_names_that_the_schema_does_not_have() {
    assert_eq!(
        value(
            "nam = 1\nruel { port = 1 }\nrule { prot = 1 }\ntags { a = 1 }\nmachine {}\nmachine {}"
        ),
        "error: there is no argument `nam` here (name); there is no block `ruel` here (rule); \
         there is no argument `prot` here (port); `tags` is an argument, not a block; there may be one block `machine` only",
    );
    assert_eq!(
        value("rule = []\nrule { port = 1 }"),
        "error: `rule` is given both as an argument and as a block"
    );
}

#[test]
fn locates_values_in_the_source() {
    let (body, text) = body(
        "name = \"n\"\ntags = { a = \"b\", \"c\" = [1, 2] }\nrule { port = 1 }\nrule {\n  port = 22\n}\ndynamic \"peers\" {\n  for_each = []\n  content { port = 5 }\n}",
    );
    let at = |path: Path| {
        let span = body.locate(&path);
        &text[span.start..span.end]
    };
    assert_eq!(at(Path::attribute("name")), "\"n\"");
    assert_eq!(at(Path::attribute("tags").name("c").index(1)), "2");
    assert_eq!(at(Path::attribute("tags").name("nothing")), "{ a = \"b\", \"c\" = [1, 2] }");
    assert_eq!(at(Path::attribute("rule").index(1).name("port")), "22");
    assert_eq!(at(Path::attribute("rule").index(1)), "rule");
    assert_eq!(at(Path::attribute("peers").index(7).name("port")), "5");
    assert_eq!(at(Path::attribute("nothing")), "resource \"aws_x\" \"b\"");
    assert_eq!(at(Path::root()), "resource \"aws_x\" \"b\"");
}
