//! Files are compiled to a configuration, and all of their mistakes are reported.

use ha_diagnostics::Diagnostic;
use ha_lang::{
    Configuration, IgnoreChanges, ReferenceTarget, SourceFile, compile, value_of_text, values_file,
};
use ha_value::{InstanceKey, ResourceMode, Type, Value};

use crate::written::written;

fn compiled(text: &str) -> Configuration {
    let (configuration, problems) = compile(&[SourceFile::new("main.hcl", text)]);
    assert!(problems.is_empty(), "{problems:#?}");
    configuration
}

fn problems(text: &str) -> Vec<Diagnostic> {
    compile(&[SourceFile::new("main.hcl", text)]).1
}

fn reported(text: &str) -> Vec<String> {
    problems(text).into_iter().map(|it| it.summary).collect()
}

const MAIN: &str = r#"
ha {
  required_version = ">= 0.1"
  required_providers {
    aws = { source = "hashicorp/aws", version = ">= 5" }
  }
  backend "s3" {
    bucket = var.bucket
  }
}

provider "aws" {
  region = "eu-west-1"
}

provider "aws" {
  alias  = "east"
  region = "us-east-1"
}

variable "bucket" {
  type      = string
  default   = 5
  sensitive = true
  nullable  = false
  validation {
    condition     = length(var.bucket) > 0
    error_message = "it must not be empty"
  }
}

variable "hosts" {
  type = map(object({ size = optional(number, 10), tags = optional(list(string)) }))
  default = { a = {}, b = { size = "20" } }
}

locals {
  names = keys(var.hosts)
}

data "aws_vpc" "main" {
  default = true
}

resource "aws_x" "y" {
  for_each   = var.hosts
  provider   = aws.east
  depends_on = [data.aws_vpc.main, aws_x.z[0]]
  name       = each.key
  vpc        = data.aws_vpc.main.id
  rule {
    port = each.value.size
  }
  dynamic "rule" {
    for_each = each.value.tags
    iterator = tag
    content {
      port = tag.value
    }
  }
  lifecycle {
    create_before_destroy = true
    prevent_destroy       = var.bucket != "x"
    ignore_changes        = [name, tags["Name"], rule[0].port]
    replace_triggered_by  = [aws_x.z[0].id, aws_x.z[length(each.key)].id]
    precondition {
      condition     = each.key != ""
      error_message = "no ${each.key}"
    }
    postcondition {
      condition     = self.id != ""
      error_message = "no id"
    }
  }
}

resource "aws_x" "z" {
  count = 2
  name  = "z-${count.index}-${aws_x.y["a"].name}"
  all   = aws_x.y[local.names[0]].id
  every = aws_x.y[*].rule[0].port
  lifecycle {
    ignore_changes = all
  }
}

output "names" {
  value       = local.names
  description = "All names."
  sensitive   = true
  depends_on  = [aws_x.z]
}
"#;

#[test]
fn compiles_all_blocks() {
    let it = compiled(MAIN);
    let settings = it.settings.as_ref().unwrap();
    assert_eq!(settings.required_version.as_ref().unwrap().0, ">= 0.1");
    assert_eq!(settings.required_providers["aws"].version.as_deref(), Some(">= 5"));
    assert_eq!(&*settings.backend.as_ref().unwrap().kind, "s3");
    let aliases: Vec<Option<&str>> = it.providers.iter().map(|it| it.alias.as_deref()).collect();
    assert_eq!(aliases, [None, Some("east")]);

    let bucket = &it.variables["bucket"];
    assert!(bucket.sensitive && !bucket.nullable && bucket.validations.len() == 1);
    assert_eq!(bucket.default, Some(Value::from("5")));
    let hosts = written(it.variables["hosts"].default.as_ref().unwrap());
    assert_eq!(
        hosts,
        r#"tomap({"a" = {"size" = 10, "tags" = null}, "b" = {"size" = 20, "tags" = null}})"#
    );
    assert_eq!(it.outputs["names"].description.as_deref(), Some("All names."));
    assert_eq!(it.outputs["names"].depends_on[0].to_string(), "aws_x.z");

    let names: Vec<String> = it.blocks.keys().map(ToString::to_string).collect();
    assert_eq!(names, ["data.aws_vpc.main", "aws_x.y", "aws_x.z"]);
    let y = &it.blocks[1];
    assert_eq!(y.name.mode, ResourceMode::Managed);
    assert_eq!(y.provider, Some(("aws".into(), Some("east".into()))));
    let arguments: Vec<&str> = y.body.argument_names().map(|it| &**it).collect();
    assert_eq!(arguments, ["name", "rule", "vpc"]);
    assert_eq!(y.depends_on[1].key, Some(InstanceKey::Index(0)));
    let Some(IgnoreChanges::Paths(paths)) = &y.lifecycle.ignore_changes else { panic!("paths") };
    let paths: Vec<String> = paths.iter().map(|(path, _)| path.to_string()).collect();
    assert_eq!(paths, ["name", "tags.Name", "rule[0].port"]);
    assert_eq!(y.lifecycle.replace_triggered_by[0].reference.to_string(), "aws_x.z[0].id");
    let worked_out = &y.lifecycle.replace_triggered_by[1];
    assert_eq!(worked_out.reference.to_string(), "aws_x.z.id");
    assert_eq!(worked_out.key.as_ref().unwrap().references()[0].to_string(), "each.key");
    assert!(matches!(it.blocks[2].lifecycle.ignore_changes, Some(IgnoreChanges::All)));
    assert_eq!(&MAIN[y.head.start..y.head.end], "resource \"aws_x\" \"y\"");
}

#[test]
fn references_have_target_key_and_path() {
    let it = compiled(MAIN);
    let of = |block: usize| {
        it.blocks[block].body.references().into_iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(of(1), ["each.key", "data.aws_vpc.main.id", "each.value.size", "each.value.tags"]);
    assert_eq!(
        of(2),
        [
            "count.index",
            "aws_x.y[\"a\"].name",
            "aws_x.y.id",
            "local.names[0]",
            "aws_x.y.rule[0].port"
        ]
    );
    let reference = &it.blocks[2].body.references()[1].clone();
    assert_eq!(reference.key, Some(InstanceKey::Name("a".into())));
    assert!(
        matches!(&reference.target, ReferenceTarget::Block(name) if name.to_string() == "aws_x.y")
    );
    let local = &it.locals["names"].expression;
    assert_eq!(local.references().len(), 1);
    let twice = ha_lang::expression("x", "[var.a, var.a, [for a in var.b : a], { var = var.a.b }]")
        .unwrap();
    assert_eq!(
        twice.references().iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["var.a", "var.b", "var.a.b"]
    );
}

#[test]
fn reports_the_mistakes_of_all_files() {
    let files = [
        SourceFile::new("a.hcl", "locals { a = local.nothing }"),
        SourceFile::new("b.hcl", "locals {\n  b = [\n}\n"),
        SourceFile::new("c.hcl", "\u{feff}locals { c = local.a }"),
    ];
    let (configuration, problems) = compile(&files);
    let files: Vec<&str> = problems.iter().map(|it| &*it.span.as_ref().unwrap().file).collect();
    assert_eq!(files, ["b.hcl", "a.hcl"]);
    assert!(configuration.locals.contains_key("c"));
}

#[test]
fn reports_undeclared_names_with_suggestions() {
    let text = r#"
        variable "region" {}
        locals { size = 1 }
        resource "aws_x" "y" { a = var.regoin }
        data "aws_x" "d" { a = local.sizes }
        output "o" { value = [aws_x.yy.id, aws_x.d.id, module.m.x, data.aws_x.d] }
    "#;
    let problems = problems(text);
    let reported: Vec<(&str, Option<&str>)> = problems
        .iter()
        .map(|it| (it.summary.as_str(), it.suggestion.as_ref().map(|it| it.text.as_str())))
        .collect();
    assert_eq!(
        reported,
        [
            ("there is no resource `aws_x.yy`", Some("aws_x.y")),
            (
                "there is no resource `aws_x.d`, but a data source `data.aws_x.d`",
                Some("data.aws_x.d")
            ),
            ("there is no module `m`", None),
            ("there is no variable `regoin`", Some("region")),
            ("there is no local value `sizes`", Some("size")),
        ]
    );
    assert!(problems[3].context.is_some());
}

#[test]
fn each_count_and_self_have_values_only_in_their_places() {
    let text = r#"
        resource "a" "one" {
          x = each.key
          y = count.index
          z = self.id
        }
        resource "a" "two" {
          count = each.key == "" ? 1 : 2
          lifecycle {
            precondition {
              condition     = self.id != ""
              error_message = "x"
            }
          }
        }
        locals { a = count.index }
    "#;
    assert_eq!(
        reported(text),
        [
            "`count.index` has a value only in blocks with `count`",
            "`each.key` has a value only in blocks with `for_each`",
            "`count.index` has a value only in blocks with `count`",
            "`self` has a value only in postconditions",
            "`each.key` has a value only in blocks with `for_each`",
            "`self` has a value only in postconditions",
        ]
    );
}

#[test]
fn reports_mistakes_in_blocks() {
    for (text, summary) in [
        ("x = 1", "`x` is outside of any block"),
        ("resorce \"a\" \"b\" {}", "there is no block `resorce`"),
        ("resource \"a\" {}", "`resource` has 2 labels, not 1"),
        ("resource \"a\" \"b c\" {}", "\"b c\" is not a valid name"),
        ("resource \"a\" \"b\" {}\nresource \"a\" \"b\" {}", "there is more than one `a.b`"),
        ("variable \"a\" {}\nvariable \"a\" {}", "there is more than one variable `a`"),
        ("variable \"a\" { typ = string }", "there is no argument `typ` here"),
        ("variable \"a\" { type = strin }", "there is no type `strin`"),
        ("variable \"a\" { type = \"string\" }", "a type is written without quotes"),
        ("variable \"a\" { type = object }", "`object` needs the type of its content"),
        (
            "variable \"a\" { type = list(optional(string)) }",
            "only attributes of an object can be optional",
        ),
        (
            "variable \"a\" {\n type = number\n default = \"x\"\n}",
            "the value is not of type number: a number is required",
        ),
        (
            "variable \"a\" {\n nullable = false\n default = null\n}",
            "the variable `a` is not nullable, but null by default",
        ),
        ("variable \"a\" { default = var.b }", "`var.b` cannot be used here"),
        ("variable \"count\" {}", "a variable cannot be called `count`"),
        ("output \"a\" {}", "the argument `value` is required"),
        ("provider \"a\" {}\nprovider \"a\" {}", "there is more than one provider `a`"),
        (
            "resource \"a\" \"b\" {\n count = 1\n for_each = {}\n}",
            "`count` and `for_each` exclude each other",
        ),
        (
            "resource \"a\" \"b\" {\n provisioner \"x\" {}\n}",
            "`provisioner` blocks are not supported",
        ),
        ("resource \"a\" \"b\" {\n depends_on = \"x\"\n}", "expected a list of references"),
        ("resource \"a\" \"b\" {\n depends_on = [1]\n}", "expected one reference"),
        ("resource \"a\" \"b\" {\n depends_on = [\"a.c\"]\n}", "there is no resource `a.c`"),
        (
            "locals { x = 1 }\nresource \"a\" \"b\" {\n lifecycle {\n  replace_triggered_by = [local.x]\n }\n}",
            "`local.x` is not a resource; only resources can trigger a replacement",
        ),
        (
            "variable \"a\" { default = timestamp() }",
            "a constant must be known before anything is planned",
        ),
        (
            "resource \"a\" \"b\" {\n lifecycle {\n  ignore_changes = [1]\n }\n}",
            "expected an argument of this block",
        ),
        (
            "resource \"a\" \"b\" {\n lifecycle {\n  ignore_change = []\n }\n}",
            "there is no argument `ignore_change` here",
        ),
        (
            "data \"a\" \"b\" {\n lifecycle {\n  prevent_destroy = true\n }\n}",
            "there is no argument `prevent_destroy` here",
        ),
        (
            "resource \"a\" \"b\" {\n dynamic \"x\" {\n  for_each = []\n }\n}",
            "a dynamic block has exactly one `content` block",
        ),
        (
            "resource \"a\" \"b\" {\n dynamic \"lifecycle\" {}\n}",
            "`lifecycle` blocks cannot be dynamic",
        ),
        ("locals {\n a = 1\n a = 2\n}", "the argument `a` is given twice"),
        ("locals { a = 1 }\nlocals { a = 2 }", "there is more than one local value `a`"),
        ("ha {\n required_vershun = 1\n}", "there is no argument `required_vershun` here"),
    ] {
        assert_eq!(reported(text), [summary], "{text}");
    }
}

#[test]
fn spans_point_into_the_file_even_behind_a_byte_order_mark() {
    let text = "\u{feff}locals {\n  ä = <<-EOT\n    é ${local.nothing}\n    EOT\n}\n";
    let wrong = problems(text);
    let span = wrong[0].span.as_ref().unwrap();
    assert_eq!(&text[span.start..span.end], "nothing");
}

#[test]
fn reads_values_from_files_and_strings() {
    let file = SourceFile::new(
        "ha.hclvars",
        "region = \"eu\"\nhosts = { a = [1, 2] }\nbad = var.x\nblock {}\n",
    );
    let (values, problems) = values_file(&file);
    assert_eq!(written(&values["hosts"].0), r#"{"a" = [1, 2]}"#);
    assert_eq!(&file.text[values["region"].1.start..values["region"].1.end], "region");
    let reported: Vec<&str> = problems.iter().map(|it| it.summary.as_str()).collect();
    assert_eq!(
        reported,
        [
            "a file of variable values cannot contain blocks, such as `block` here",
            "`var.x` cannot be used here"
        ]
    );

    let list = Type::List(std::sync::Arc::new(Type::Number));
    assert_eq!(value_of_text("[1]", &Type::String), Ok(Value::from("[1]")));
    assert_eq!(written(&value_of_text("[1]", &Type::Any).unwrap()), "[1]");
    assert_eq!(value_of_text("5", &Type::Number), Ok(Value::from(5)));
    assert_eq!(written(&value_of_text("[1, \"2\"]", &list).unwrap()), "tolist([1, 2])");
    assert_eq!(
        value_of_text("[1, \"x\"]", &list).unwrap_err()[0].summary,
        "the value is not of type list(number): at `[1]` a number is required"
    );
    assert_eq!(
        value_of_text("yes", &Type::Bool).unwrap_err()[0].summary,
        "the value is not of type bool: a bool is required"
    );
}
