//! The same actions for the same edits as terraform. What is expected is written down; where
//! terraform is installed it is asked as well.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use ha_value::Action;

use crate::project::Project;

/// Applies one configuration after another, each of which must do what is written above it.
pub(crate) async fn check(steps: &[(&str, &[&str])]) {
    let project = Project::new();
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    for (text, expected) in steps {
        let plan = project
            .try_plan(text)
            .await
            .unwrap_or_else(|it| panic!("there is no plan:\n{}", crate::show::failure(&it)));
        let moved = plan.moves.iter().map(|it| (it.to.to_string(), "="));
        let changed = plan.changes.iter().map(|it| (it.address.to_string(), sign(it.action)));
        let ours: BTreeMap<String, &str> = moved.chain(changed).collect();
        let ours: Vec<String> =
            ours.into_iter().map(|(address, sign)| format!("{sign} {address}")).collect();
        assert_eq!(ours, *expected, "of ha for\n{text}");
        project.apply(text).await;
        if let Some(theirs) = terraform(directory.path(), text) {
            assert_eq!(theirs, *expected, "of terraform for\n{text}");
        }
    }
}

fn sign(action: Action) -> &'static str {
    match action {
        Action::NoOp => "=",
        Action::Read => "<=",
        Action::Create => "+",
        Action::Update => "~",
        Action::DeleteThenCreate => "-+",
        Action::CreateThenDelete => "+-",
        Action::Delete => "-",
        Action::Forget => ".",
    }
}

/// The actions that terraform plans and applies; none without terraform.
fn terraform(directory: &Path, text: &str) -> Option<Vec<String>> {
    let run = |arguments: &[&str]| {
        let mut command = Command::new("terraform");
        command.args(arguments).current_dir(directory);
        command
            .env("TF_CLI_CONFIG_FILE", "/dev/null")
            .env("CHECKPOINT_DISABLE", "1")
            .env("TF_IN_AUTOMATION", "1");
        let output = command.output().ok()?;
        assert!(
            output.status.success(),
            "terraform {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Some(output.stdout)
    };
    let text = text.replace("\"memo\"", "\"terraform_data\"").replace("memo.", "terraform_data.");
    for (place, section) in text.split("\n=== ").enumerate() {
        let (name, text) = if place == 0 {
            ("main.hcl", section)
        } else {
            section.split_once('\n').expect("a name is a line")
        };
        let path = directory.join(name.replace(".hcl", ".tf"));
        std::fs::create_dir_all(path.parent().expect("it is in a directory"))
            .expect("a directory can be made");
        std::fs::write(path, text).expect("a file can be written");
    }
    if text.contains("\n=== ") {
        run(&["get"])?;
    }
    run(&["plan", "-input=false", "-no-color", "-out=plan"])?;
    let shown: serde_json::Value =
        serde_json::from_slice(&run(&["show", "-json", "plan"])?).expect("it shows JSON");
    run(&["apply", "-input=false", "-no-color", "plan"])?;
    let changes =
        shown.get("resource_changes").and_then(|it| it.as_array()).cloned().unwrap_or_default();
    let mut signs: BTreeMap<String, &str> = BTreeMap::new();
    for change in &changes {
        let actions: Vec<&str> = change["change"]["actions"]
            .as_array()
            .expect("actions are listed")
            .iter()
            .filter_map(|it| it.as_str())
            .collect();
        let sign = match actions.as_slice() {
            ["no-op"]
                if change.get("previous_address").is_some()
                    || change["change"].get("importing").is_some() =>
            {
                "="
            }
            ["no-op"] => continue,
            ["forget"] => ".",
            ["create"] => "+",
            ["update"] => "~",
            ["delete"] => "-",
            ["delete", "create"] => "-+",
            ["create", "delete"] => "+-",
            other => panic!("{other:?} is not among what this configuration can do"),
        };
        let address = change["address"]
            .as_str()
            .expect("an address is a string")
            .replace("terraform_data.", "memo.");
        signs.insert(address, sign);
    }
    Some(signs.into_iter().map(|(address, sign)| format!("{sign} {address}")).collect())
}

const CHAIN: &str = r#"
    resource "memo" "a" {
      input = "INPUT"
    }
    locals {
      of_a = "a says ${memo.a.output}"
    }
    resource "memo" "b" {
      input = local.of_a
    }
    resource "memo" "c" {
      input            = "constant"
      triggers_replace = [memo.b.output]
    }
    resource "memo" "d" {
      input      = memo.c.id
      depends_on = [memo.a]
    }
    resource "memo" "apart" {
      input      = "apart"
      depends_on = [memo.a]
    }
"#;

#[tokio::test]
async fn a_change_propagates_to_dependents() {
    let text = |input: &str| CHAIN.replace("INPUT", input);
    check(&[
        (&text("one"), &["+ memo.a", "+ memo.apart", "+ memo.b", "+ memo.c", "+ memo.d"]),
        (&text("one"), &[]),
        (&text("two"), &["~ memo.a", "~ memo.b", "-+ memo.c", "~ memo.d"]),
        ("", &["- memo.a", "- memo.apart", "- memo.b", "- memo.c", "- memo.d"]),
    ])
    .await;
}

#[tokio::test]
async fn create_before_destroy_propagates_to_dependencies() {
    let text = |trigger: u32| {
        format!(
            r#"
            resource "memo" "below" {{
              triggers_replace = {trigger}
            }}
            resource "memo" "between" {{
              input = memo.below.id
            }}
            resource "memo" "above" {{
              triggers_replace = memo.between.output
              lifecycle {{
                create_before_destroy = true
              }}
            }}
            resource "memo" "beside" {{
              triggers_replace = memo.below.id
            }}
            "#
        )
    };
    check(&[
        (&text(1), &["+ memo.above", "+ memo.below", "+ memo.beside", "+ memo.between"]),
        (&text(2), &["+- memo.above", "+- memo.below", "-+ memo.beside", "~ memo.between"]),
    ])
    .await;
}

#[tokio::test]
async fn instances_are_added_and_removed() {
    let text = |count: u32, keys: &str| {
        format!(
            r#"
            resource "memo" "counted" {{
              count = {count}
              input = "i${{count.index}}"
            }}
            resource "memo" "each" {{
              for_each = {{ {keys} }}
              input    = "${{each.key}} is ${{each.value}}"
            }}
            resource "memo" "all" {{
              input = [memo.counted[*].output, [for it in memo.each : it.output]]
            }}
            resource "memo" "first" {{
              input = memo.counted[0].output
            }}
            "#
        )
    };
    check(&[
        (
            &text(2, "a = 1, b = 2"),
            &[
                "+ memo.all",
                "+ memo.counted[0]",
                "+ memo.counted[1]",
                "+ memo.each[\"a\"]",
                "+ memo.each[\"b\"]",
                "+ memo.first",
            ],
        ),
        (&text(3, "a = 1, b = 3"), &["~ memo.all", "+ memo.counted[2]", "~ memo.each[\"b\"]"]),
        (
            &text(1, "b = 3, c = 4"),
            &[
                "~ memo.all",
                "- memo.counted[1]",
                "- memo.counted[2]",
                "- memo.each[\"a\"]",
                "+ memo.each[\"c\"]",
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn triggers_and_what_is_ignored() {
    let text = |a: u32, b: u32, ignored: u32| {
        format!(
            r#"
            resource "memo" "a" {{
              input            = {a}
              triggers_replace = {b}
            }}
            resource "memo" "of_block" {{
              lifecycle {{
                replace_triggered_by = [memo.a]
              }}
            }}
            resource "memo" "of_attribute" {{
              lifecycle {{
                replace_triggered_by = [memo.a.triggers_replace]
              }}
            }}
            resource "memo" "ignores" {{
              input            = {ignored}
              triggers_replace = {ignored}
              lifecycle {{
                ignore_changes = [input, triggers_replace]
              }}
            }}
            resource "memo" "ignores_some" {{
              input            = {ignored}
              triggers_replace = {b}
              lifecycle {{
                ignore_changes = [input]
              }}
            }}
            "#
        )
    };
    check(&[
        (
            &text(1, 1, 1),
            &[
                "+ memo.a",
                "+ memo.ignores",
                "+ memo.ignores_some",
                "+ memo.of_attribute",
                "+ memo.of_block",
            ],
        ),
        (&text(2, 1, 2), &["~ memo.a", "-+ memo.of_block"]),
        (
            &text(2, 2, 3),
            &["-+ memo.a", "-+ memo.ignores_some", "-+ memo.of_attribute", "-+ memo.of_block"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn omitted_null_and_converted_arguments() {
    check(&[
        (
            "resource \"memo\" \"a\" { input = 1 }\nresource \"memo\" \"b\" { input = \"x\" }\nresource \"memo\" \"c\" { input = [1, 2] }",
            &["+ memo.a", "+ memo.b", "+ memo.c"],
        ),
        (
            "resource \"memo\" \"a\" { input = \"1\" }\nresource \"memo\" \"b\" { input = null }\nresource \"memo\" \"c\" { input = [1, 2] }",
            &["~ memo.a", "~ memo.b"],
        ),
        (
            "resource \"memo\" \"a\" { input = 1.0 }\nresource \"memo\" \"b\" {}\nresource \"memo\" \"c\" { input = [2, 1] }",
            &["~ memo.a", "~ memo.c"],
        ),
    ])
    .await;
}

#[tokio::test]
async fn references_move_between_resources() {
    let text = |first: &str, second: &str| {
        format!(
            r#"
            resource "memo" "user" {{
              input = memo.{first}.id
            }}
            resource "memo" "{first}" {{
              input = "{second}"
            }}
            "#
        )
    };
    check(&[
        (&text("a", "x"), &["+ memo.a", "+ memo.user"]),
        (&text("b", "x"), &["- memo.a", "+ memo.b", "~ memo.user"]),
        (&text("b", "y"), &["~ memo.b"]),
    ])
    .await;
}

#[tokio::test]
async fn values_flow_through_modules() {
    let text = |input: &str, keys: &str, count: u32| {
        format!(
            r#"
            resource "memo" "first" {{
              input = "{input}"
            }}
            module "each" {{
              source   = "./inner"
              for_each = {{ {keys} }}
              input    = "${{each.key}} ${{memo.first.output}} ${{each.value}}"
              count_in = {count}
              trigger  = each.value
            }}
            resource "memo" "last" {{
              input      = [for it in module.each : it.all]
              depends_on = [module.gated]
            }}
            module "gated" {{
              source     = "./inner"
              input      = "constant"
              depends_on = [memo.first]
            }}
            output "keys" {{
              value = keys(module.each)
            }}
=== inner/main.hcl
            variable "input" {{
              type = string
            }}
            variable "count_in" {{
              type    = number
              default = 1
            }}
            variable "trigger" {{
              default = null
            }}
            locals {{
              upper = upper(var.input)
            }}
            resource "memo" "it" {{
              count            = var.count_in
              input            = "${{count.index}} ${{local.upper}}"
              triggers_replace = var.trigger
            }}
            module "deeper" {{
              source = "../deepest"
              of     = memo.it
            }}
            output "all" {{
              value = module.deeper.joined
            }}
=== deepest/main.hcl
            variable "of" {{}}
            resource "memo" "joined" {{
              input = join(",", var.of[*].output)
            }}
            output "joined" {{
              value = memo.joined.output
            }}
"#
        )
    };
    check(&[
        (
            &text("one", "a = 1, b = 2", 1),
            &[
                "+ memo.first",
                "+ memo.last",
                "+ module.each[\"a\"].memo.it[0]",
                "+ module.each[\"a\"].module.deeper.memo.joined",
                "+ module.each[\"b\"].memo.it[0]",
                "+ module.each[\"b\"].module.deeper.memo.joined",
                "+ module.gated.memo.it[0]",
                "+ module.gated.module.deeper.memo.joined",
            ],
        ),
        (
            &text("two", "a = 1, b = 22", 1),
            &[
                "~ memo.first",
                "~ memo.last",
                "~ module.each[\"a\"].memo.it[0]",
                "~ module.each[\"a\"].module.deeper.memo.joined",
                "-+ module.each[\"b\"].memo.it[0]",
                "~ module.each[\"b\"].module.deeper.memo.joined",
            ],
        ),
        (
            &text("two", "b = 22, c = 3", 2),
            &[
                "~ memo.last",
                "- module.each[\"a\"].memo.it[0]",
                "- module.each[\"a\"].module.deeper.memo.joined",
                "+ module.each[\"b\"].memo.it[1]",
                "~ module.each[\"b\"].module.deeper.memo.joined",
                "+ module.each[\"c\"].memo.it[0]",
                "+ module.each[\"c\"].memo.it[1]",
                "+ module.each[\"c\"].module.deeper.memo.joined",
            ],
        ),
        (
            "",
            &[
                "- memo.first",
                "- memo.last",
                "- module.each[\"b\"].memo.it[0]",
                "- module.each[\"b\"].memo.it[1]",
                "- module.each[\"b\"].module.deeper.memo.joined",
                "- module.each[\"c\"].memo.it[0]",
                "- module.each[\"c\"].memo.it[1]",
                "- module.each[\"c\"].module.deeper.memo.joined",
                "- module.gated.memo.it[0]",
                "- module.gated.module.deeper.memo.joined",
            ],
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_instance_triggers_its_own() {
    let text = |a: u32, b: u32| {
        format!(
            r#"
            resource "memo" "each" {{
              for_each = {{ a = {a}, b = {b} }}
              input    = each.value
            }}
            resource "memo" "with" {{
              for_each = memo.each
              lifecycle {{
                replace_triggered_by = [memo.each[each.key]]
              }}
            }}
            resource "memo" "counted" {{
              count = 2
              input = count.index == 0 ? {a} : {b}
            }}
            resource "memo" "with_counted" {{
              count = 2
              lifecycle {{
                replace_triggered_by = [memo.counted[count.index].input]
              }}
            }}
            "#
        )
    };
    let all = ["counted[0]", "counted[1]", "each[\"a\"]", "each[\"b\"]"];
    let all =
        all.into_iter().chain(["with[\"a\"]", "with[\"b\"]", "with_counted[0]", "with_counted[1]"]);
    let created: Vec<String> = all.map(|it| format!("+ memo.{it}")).collect();
    let created: Vec<&str> = created.iter().map(String::as_str).collect();
    check(&[
        (&text(1, 1), &created),
        (
            &text(1, 2),
            &[
                "~ memo.counted[1]",
                "~ memo.each[\"b\"]",
                "-+ memo.with[\"b\"]",
                "-+ memo.with_counted[1]",
            ],
        ),
    ])
    .await;
}
