//! Files of a directory: override files, JSON, the other family.

use ha_lang::{EvaluationContext, FileFamily, FileRole, SourceFile, values_file};
use ha_provider::{FieldShape, SchemaField};
use ha_value::Value;

use crate::directory::Tree;
use crate::world::World;
use crate::written::written;

#[test]
fn the_role_of_a_file_follows_from_its_name() {
    for (name, role) in [
        ("main.hcl", Some(FileRole::Primary(FileFamily::Ha))),
        ("a/main.tf.json", Some(FileRole::Primary(FileFamily::Terraform))),
        ("override.hcl", Some(FileRole::Override(FileFamily::Ha))),
        ("x_override.tf", Some(FileRole::Override(FileFamily::Terraform))),
        ("x_override.hcl.json", Some(FileRole::Override(FileFamily::Ha))),
        ("xoverride.hcl", Some(FileRole::Primary(FileFamily::Ha))),
        ("a.tftest.hcl", Some(FileRole::Beside)),
        ("a.tftest.json", Some(FileRole::Beside)),
        (".terraform.lock.hcl", None),
        (".hcl", None),
        ("ha.hclvars", None),
        ("terraform.tfvars.json", None),
        ("main.hcl~", None),
        ("#main.tf", None),
        ("notes.json", None),
    ] {
        assert_eq!(FileRole::from_file_name(name), role, "{name}");
    }
}

#[test]
fn a_directory_has_files_of_one_family() {
    let tree = Tree::new([
        ("main.tf", "terraform {}"),
        ("more.hcl", "ha {}"),
        ("b.tf.json", "{}"),
        ("x.tftest.hcl", "run \"x\" {}"),
    ]);
    assert_eq!(
        tree.reported(),
        [
            "`main.tf` and `more.hcl` cannot be in one directory",
            "`x.tftest.hcl` is ignored: it is not part of a configuration",
        ]
    );
    assert_eq!(
        Tree::new([("main.tf", "ha {}"), ("m.tf", "terraform {}")]).reported(),
        ["in files like this one the block is called `terraform` @ main.tf: ha (terraform?)"]
    );
    assert_eq!(
        Tree::new([("main.hcl", "terraform {}")]).reported(),
        ["in files like this one the block is called `ha` @ main.hcl: terraform (ha?)"]
    );
}

const MAIN: &str = r#"
ha {
  required_providers {
    aws = { version = "1" }
    tls = { version = "1" }
  }
}
ha {
  backend "s3" { bucket = "b" }
}
variable "size" {
  type    = number
  default = 1
}
locals {
  a = 1
  b = var.size
}
provider "aws" {
  alias  = "west"
  region = "x"
}
resource "aws_x" "y" {
  name = local.a
  tags = {}
  rule { port = 1 }
  rule { port = 2 }
  dynamic "rule" {
    for_each = []
    content {}
  }
  machine { port = 3 }
  lifecycle {
    prevent_destroy = true
    ignore_changes  = [name]
  }
}
output "o" { value = local.b }
module "m" {
  source = "./m"
  x      = 1
}
"#;

#[test]
fn override_files_replace_arguments_and_blocks() {
    let tree = Tree::new([
        ("main.hcl", MAIN),
        (
            "override.hcl",
            r#"
            ha {
              backend "local" {}
              required_providers {
                aws = { version = "2" }
              }
            }
            variable "size" { default = "5" }
            locals { b = local.a }
            provider "aws" {
              alias  = "west"
              region = "over"
            }
            provider "tls" {}
            resource "aws_x" "y" {
              name  = "é ${local.b}"
              count = 2
              rule { port = 9 }
              lifecycle { prevent_destroy = false }
            }
            "#,
        ),
        (
            "zz_override.hcl",
            "resource \"aws_x\" \"y\" { count = 3 }\nmodule \"m\" { source = \"./n\" }\nha {\n backend \"last\" {}\n}\n",
        ),
        ("m/main.hcl", ""),
        ("n/main.hcl", "variable \"x\" {}"),
    ]);
    let it = tree.configuration();
    let settings = it.settings.as_ref().unwrap();
    assert_eq!(&*settings.backend.as_ref().unwrap().kind, "last");
    let versions: Vec<Option<&str>> =
        settings.required_providers.values().map(|it| it.version.as_deref()).collect();
    assert_eq!(versions, [Some("1"), Some("2")]);
    assert_eq!(it.variables["size"].default, Some(Value::from(5)));
    assert_eq!(it.locals["b"].expression.references()[0].to_string(), "local.a");
    assert_eq!(it.providers.len(), 2);
    assert_eq!(
        it.providers[0].body.argument("region").unwrap().literal(),
        Some(&Value::from("over"))
    );
    assert_eq!(&*it.modules["m"].source, "./n");
    let block = &it.blocks[0];
    assert_eq!(block.count.as_ref().unwrap().literal(), Some(&Value::from(3)));
    assert_eq!(&*block.count.as_ref().unwrap().span().file, "zz_override.hcl");
    assert!(block.lifecycle.ignore_changes.is_some());
    assert_eq!(
        block.lifecycle.prevent_destroy.as_ref().unwrap().literal(),
        Some(&Value::Bool(false))
    );
    let name = block.body.argument("name").unwrap();
    assert_eq!(
        tree.with_place(&ha_diagnostics::Diagnostic::error("at").at(name.span().clone())),
        "at @ override.hcl: \"é ${local.b}\""
    );
    let rule = block.body.locate(&ha_value::Path::attribute("rule").index(0).name("port"));
    assert_eq!(
        tree.with_place(&ha_diagnostics::Diagnostic::error("at").at(rule)),
        "at @ override.hcl: 9"
    );
    assert_eq!(
        block.body.argument_names().map(|it| &**it).collect::<Vec<_>>(),
        ["machine", "name", "rule", "tags"]
    );
}

#[test]
fn reports_mistakes_at_their_places_in_override_files() {
    let tree = Tree::new([
        ("main.hcl", MAIN),
        ("m/main.hcl", "variable \"x\" {}"),
        (
            "override.hcl",
            r#"
            x = 1
            locals { c = 1 }
            variable "none" {}
            provider "aws" { alias = "east" }
            moved {
              from = a.b
              to   = a.c
            }
            output "o" { depends_on = [aws_x.y] }
            resource "aws_x" "y" {
              name = local.nothing
              coun = upper(1, 2)
            }
            "#,
        ),
    ]);
    assert_eq!(
        tree.reported(),
        [
            "`x` is outside of any block @ override.hcl: x",
            "`moved` blocks cannot be in override files @ override.hcl: moved",
            "`depends_on` cannot be overridden @ override.hcl: depends_on",
            "`upper` takes 1 argument, not 2 @ override.hcl: upper(1, 2",
            "there is no local value `c` to override @ override.hcl: c",
            "there is no `variable \"none\"` to override @ override.hcl: variable \"none\"",
            "there is no `provider \"aws\" \"east\"` to override @ override.hcl: provider \"aws\"",
            "there is no local value `nothing` @ override.hcl: nothing",
        ]
    );
}

const JSON: &str = r#"{
  "//": "a comment",
  "ha": { "required_providers": { "aws": { "source": "hashicorp/aws" } }, "backend": { "s3": { "bucket": "b" } } },
  "variable": {
    "names": { "type": "list(string)", "default": ["${not a template"] },
    "size": [{ "validation": [{ "condition": "${var.size > 0}", "error_message": "small" }, { "condition": true, "error_message": "x" }] }]
  },
  "locals": { "quoted": "a \"b\" ${var.size}", "tree": { "${var.size}": [1, 2.50, null, true] }, "list": "${var.names}" },
  "provider": { "aws": [{ "region": "x" }, { "alias": "west" }] },
  "resource": {
    "aws_x": {
      "y": {
        "//": "another",
        "depends_on": ["data.aws_x.z"],
        "provider": "aws.west",
        "name": "n-${each.key}",
        "for_each": "${toset(var.names)}",
        "machine": { "port": 1 },
        "rule": [{ "port": 1 }, { "port": 2 }],
        "peers": { "port": 3 },
        "lifecycle": { "ignore_changes": ["tags[\"a\"]"], "prevent_destroy": true }
      }
    },
    "aws_w": [{ "one": {} }, { "two": { "dynamic": { "rule": { "for_each": [7], "iterator": "it", "content": { "port": "${it.value}" } } } } }]
  },
  "data": { "aws_x": { "z": {} } },
  "moved": [{ "from": "aws_x.old", "to": "aws_x.y[\"k\"]" }],
  "output": { "o": { "value": "${aws_x.y[\"a\"].name}", "depends_on": ["aws_w.one"] } },
  "check": { "c": { "assert": { "condition": "${var.size > 1}", "error_message": "e" } } }
}
"#;

#[test]
fn json_compiles_to_the_same_configuration() {
    let tree = Tree::new([("main.hcl.json", JSON), ("more.hcl", "locals { more = local.list }")]);
    let it = tree.configuration();
    assert_eq!(
        it.settings.as_ref().unwrap().required_providers["aws"].source.as_deref(),
        Some("hashicorp/aws")
    );
    assert_eq!(
        written(it.variables["names"].default.as_ref().unwrap()),
        r#"tolist(["${not a template"])"#
    );
    assert_eq!(it.variables["size"].validations.len(), 2);
    assert_eq!(it.providers[1].alias.as_deref(), Some("west"));
    assert_eq!(it.moved[0].to.to_string(), "aws_x.y[\"k\"]");
    assert_eq!(it.checks["c"].assertions.len(), 1);
    let names: Vec<String> = it.blocks.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["aws_x.y", "aws_w.one", "aws_w.two", "data.aws_x.z"]);
    let y = &it.blocks[0];
    assert_eq!(y.depends_on[0].to_string(), "data.aws_x.z");
    assert_eq!(y.provider, Some(("aws".into(), Some("west".into()))));

    let mut world = World::new();
    world.values.insert("each.key".into(), Value::from("k"));
    world.values.insert("var.size".into(), Value::from(3));
    world.values.insert("var.names".into(), Value::tuple([Value::from("n")]));
    let environment = EvaluationContext::new(&world, &world);
    let local = |name: &str| written(&it.locals[name].expression.evaluate(&environment).unwrap());
    assert_eq!(local("quoted"), r#""a \"b\" 3""#);
    assert_eq!(local("tree"), r#"{"3" = [1, 2.5, null, true]}"#);
    assert_eq!(local("list"), r#"["n"]"#);
    let field = |shape: FieldShape| crate::blocks::field(shape);
    let port = || FieldShape::Object([("port".into(), field(FieldShape::Number))].into());
    let fields: std::collections::BTreeMap<ha_value::Name, SchemaField> = [
        ("name".into(), field(FieldShape::String { one_of: vec![] })),
        ("machine".into(), field(port())),
        ("rule".into(), field(FieldShape::List(Box::new(port())))),
        ("peers".into(), field(FieldShape::Set(Box::new(port())))),
    ]
    .into();
    let schema = crate::blocks::schema(fields);
    let value = |block: usize| {
        written(&Value::object(it.blocks[block].body.evaluate(&schema, &environment).unwrap()))
    };
    assert_eq!(
        value(0),
        r#"{"machine" = {"port" = 1}, "name" = "n-k", "peers" = [{"port" = 3}], "rule" = [{"port" = 1}, {"port" = 2}]}"#
    );
    assert_eq!(value(2), r#"{"rule" = [{"port" = 7}]}"#);
}

#[test]
fn reports_mistakes_at_their_places_in_json() {
    for (text, reported) in [
        (
            "{\"locals\": {\"a\": 1,}}",
            "this is not JSON: expected a name in quotes @ main.hcl.json: }",
        ),
        (
            "{\"locals\": {\"a\": \"x\ny\"}}",
            "this is not JSON: a string goes on without line ends and control characters @ main.hcl.json: \n",
        ),
        (
            "{\"locals\": {\"a\": 01}}",
            "this is not JSON: a number does not begin with 0 @ main.hcl.json: 0",
        ),
        ("{\"locals\": {", "this is not JSON: the text ends too early @ main.hcl.json: "),
        ("{} {}", "this is not JSON: something follows behind the end @ main.hcl.json: {"),
        ("{\"locals\": {\"a\": 1, \"a\": 2}}", "`a` is there twice @ main.hcl.json: a"),
        ("{\"locals\": 5}", "expected an object: this is a block @ main.hcl.json: 5"),
        ("{\"resorce\": {}}", "there is no block `resorce` @ main.hcl.json: resorce (resource?)"),
        (
            "{\"resource\": {\"a\": {\"b c\": {}}}}",
            "\"b c\" is not a valid name @ main.hcl.json: b c",
        ),
        (
            "{\"locals\": {\"a\": \"é ${local.b}\"}}",
            "there is no local value `b` @ main.hcl.json: b",
        ),
        (
            "{\"locals\": {\"a\": \"\\n${local.b}\"}}",
            "there is no local value `b` @ main.hcl.json: \\n${local.b}",
        ),
        (
            "{\"resource\": {\"a\": {\"b\": {\"depends_on\": [\"a.c\"]}}}}",
            "there is no resource `a.c` @ main.hcl.json: a.c",
        ),
    ] {
        assert_eq!(Tree::new([("main.hcl.json", text)]).reported(), [reported], "{text}");
    }
    let deep = format!("{{\"locals\": {{\"a\": {}{}}}}}", "[".repeat(100_000), "]".repeat(100_000));
    let reported = Tree::new([("main.hcl.json", deep.as_str())]).reported();
    assert_eq!(
        reported,
        [
            "this is not JSON: more than 64 objects and arrays lie within each other @ main.hcl.json: ["
        ]
    );
    let broken = Tree::new([("main.hcl.json", "{\"locals\": {\"a\": \"${1 +}\"}}")]).reported();
    assert!(broken.len() == 1 && broken[0].contains("main.hcl.json"), "{broken:?}");
}

#[test]
fn variable_files_can_be_json() {
    let file = SourceFile::new("ha.hclvars.json", "{\"a\": \"${x}\", \"b\": {\"c\": [1]}}");
    let (values, problems) = values_file(&file);
    assert!(problems.is_empty(), "{problems:#?}");
    assert_eq!(written(&values["a"].0), "\"${x}\"");
    assert_eq!(written(&values["b"].0), r#"{"c" = [1]}"#);
    assert_eq!(&file.text[values["b"].1.start..values["b"].1.end], "b");
    assert_eq!(values_file(&SourceFile::new("ha.hclvars.json", "[1]")).1.len(), 1);
}
