//! Ephemeral values: where they are refused and where they are allowed.

use ha_lang::kept;
use ha_provider::{FieldShape, SchemaField};

use crate::directory::Tree;

const MODULE: &str = r#"
variable "kept" { default = 1 }
variable "not_kept" {
  ephemeral = true
  default   = 2
}
output "kept" { value = ephemeralasnull(var.not_kept) }
output "not_kept" {
  value     = var.not_kept
  ephemeral = true
}
"#;

const INNER: &str = "variable \"in\" {\n ephemeral = true\n default = 1\n}\nresource \"a\" \"b\" {\n w = var.in\n}\n";

fn tree(text: &str) -> Tree {
    let variable = "variable \"e\" {\n ephemeral = true\n}\nvariable \"k\" {}\n";
    Tree::new([
        ("main.hcl", format!("{variable}{text}").as_str()),
        ("m/main.hcl", MODULE),
        ("n/main.hcl", INNER),
    ])
}

#[test]
fn ephemeral_values_are_refused_where_they_would_be_stored() {
    let module = "module \"m\" { source = \"./m\" }\n";
    for (text, reported) in [
        (
            "output \"o\" { value = var.e }".to_owned(),
            "the output `o` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "locals {\n a = \"x${local.b}\"\n b = [var.e]\n}\noutput \"o\" { value = local.a }".to_owned(),
            "the output `o` would store `local.a`, which is ephemeral @ main.hcl: local.a",
        ),
        (
            "output \"o\" {\n value = var.k\n ephemeral = true\n}".to_owned(),
            "the output `o` cannot be ephemeral @ main.hcl: output \"o\"",
        ),
        (
            "provider \"aws\" {\n password = var.e\n}".to_owned(),
            "`password` is stored in the state, but `var.e` is ephemeral @ main.hcl: var.e",
        ),
        (
            "resource \"a\" \"b\" { count = var.e }".to_owned(),
            "`count` cannot depend on `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "data \"a\" \"b\" {\n x {\n  y = var.e\n }\n}".to_owned(),
            "`x.y` cannot depend on `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "module \"m\" {\n source = \"./m\"\n kept = var.e\n}".to_owned(),
            "the variable `kept` of the module `m` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            format!("{module}output \"o\" {{ value = module.m.not_kept }}"),
            "the output `o` would store `module.m.not_kept`, which is ephemeral @ main.hcl: module.m.not_kept",
        ),
        (
            format!("{module}output \"o\" {{ value = module.m }}"),
            "the output `o` would store `module.m`, which is ephemeral @ main.hcl: module.m",
        ),
        (
            "check \"c\" {\n assert {\n  condition = var.e == 1\n  error_message = \"not ${var.e}\"\n }\n}".to_owned(),
            "`error_message` cannot depend on `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "output \"o\" { value = try(var.e, 1) }".to_owned(),
            "the output `o` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "output \"o\" { value = [try(1, var.e), var.e] }".to_owned(),
            "the output `o` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "output \"o\" { value = [ephemeralasnull(var.e), var.e] }".to_owned(),
            "the output `o` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
        (
            "output \"o\" { value = [var.e, ephemeralasnull(var.e)] }".to_owned(),
            "the output `o` would store `var.e`, which is ephemeral @ main.hcl: var.e",
        ),
    ] {
        assert_eq!(tree(&text).reported(), [reported], "{text}");
    }
}

#[test]
fn ephemeral_values_are_allowed_where_nothing_is_stored() {
    for text in [
        "output \"o\" { value = ephemeralasnull([var.e, var.k]) }",
        "output \"o\" { value = try(1, var.e) }",
        "output \"o\" { value = try(var.k, var.e) }",
        "output \"o\" { value = try([var.k, \"a\"], var.e, var.e.x) }",
        "locals { a = try({ b = var.k }, var.e) }\noutput \"o\" { value = local.a }",
        "locals { a = ephemeralasnull(var.e) }\noutput \"o\" { value = local.a }",
        "module \"m\" {\n source = \"./m\"\n not_kept = var.e\n}\noutput \"o\" { value = module.m.kept }",
        "resource \"a\" \"b\" {\n lifecycle {\n  precondition {\n   condition = var.e != 1\n   error_message = \"x\"\n  }\n }\n}",
        "check \"c\" {\n assert {\n  condition = var.e == 1\n  error_message = \"x\"\n }\n}",
    ] {
        tree(text).configuration();
    }
}

#[test]
fn only_write_only_arguments_take_ephemeral_values() {
    let text = "locals { l = var.e }\nresource \"a\" \"b\" {\n x = local.l\n y = var.k\n z = [ephemeralasnull(var.e)]\n w = local.l\n rule { port = var.e }\n dynamic \"peer\" {\n  for_each = [var.e]\n  content {}\n }\n}";
    let tree = tree(&format!(
        "{text}\nresource \"c\" \"d\" {{ x = var.e }}\nmodule \"n\" {{ source = \"./n\" }}"
    ));
    let configuration = tree.configuration();
    let write_only = SchemaField { write_only: true, ..crate::blocks::field(FieldShape::Any) };
    let fields =
        [("x".into(), write_only), ("rule".into(), crate::blocks::field(FieldShape::Any))].into();
    let problems = kept(&configuration, |name| (&*name.kind == "a").then_some(&fields));
    let reported: Vec<String> = problems.iter().map(|it| tree.with_place(it)).collect();
    assert_eq!(
        reported,
        [
            "`w` is stored in the state, but `local.l` is ephemeral @ main.hcl: local.l",
            "`rule.port` is stored in the state, but `var.e` is ephemeral @ main.hcl: var.e",
            "`peer` is stored in the state, but `var.e` is ephemeral @ main.hcl: var.e",
            "`w` is stored in the state, but `var.in` is ephemeral @ n/main.hcl: var.in",
        ]
    );
}
