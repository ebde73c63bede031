//! Modules: what goes in and out, how often they are there, and in which order things happen
//! through them.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

const INNER: &str = r#"
=== inner/main.hcl
variable "name" {}
variable "size" {
  type    = number
  default = 2
}
variable "of" {
  default = null
}
resource "thing" "it" {
  name     = "${path.module}-${var.name}"
  size     = var.size
  anything = var.of
}
locals {
  id = thing.it.id
}
output "id" {
  value = local.id
}
output "name" {
  value = thing.it.name
}
"#;

fn with_inner(text: &str) -> String {
    format!("{text}{INNER}")
}

#[tokio::test]
async fn modules_have_inputs_and_outputs() {
    let project = Project::new();
    let text = with_inner(
        r#"
        module "a" {
          source = "./inner"
          name   = "a"
        }
        module "b" {
          source   = "./inner"
          for_each = { x = 1, y = "2" }
          name     = each.key
          size     = each.value
          of       = module.a.id
        }
        module "c" {
          source = "./inner"
          count  = 2
          name   = "c${count.index}"
          of     = [for key, it in module.b : "${key} ${it.name}"]
        }
        resource "thing" "last" {
          name     = "last"
          anything = [module.c[*].name, module.c[1].id, module.b["x"].name]
        }
        output "whole" {
          value = module.a
        }
        "#,
    );
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
+ thing.last anything=[["inner-c0", "inner-c1"], ?(module.c[1].thing.it.id), "inner-x"], digest="digest of nothing", name="last", size=1 because of module.b.thing.it, module.c.thing.it
+ module.a.thing.it digest="digest of nothing", name="inner-a", size=2
+ module.b["x"].thing.it anything=?(module.a.thing.it.id), digest="digest of nothing", name="inner-x", size=1 because of module.a.thing.it
+ module.b["y"].thing.it anything=?(module.a.thing.it.id), digest="digest of nothing", name="inner-y", size=2 because of module.a.thing.it
+ module.c[0].thing.it anything=["x inner-x", "y inner-y"], digest="digest of nothing", name="inner-c0", size=2 because of module.b.thing.it
+ module.c[1].thing.it anything=["x inner-x", "y inner-y"], digest="digest of nothing", name="inner-c1", size=2 because of module.b.thing.it
output whole: none -> {id=?(module.a.thing.it.id), name="inner-a"}

"#]]
    );
    assert_data_eq!(
        project.destroy(&text).await,
        str![[r#"
- thing.last [Destroy]
- module.a.thing.it [Destroy]
- module.b["x"].thing.it [Destroy]
- module.b["y"].thing.it [Destroy]
- module.c[0].thing.it [Destroy]
- module.c[1].thing.it [Destroy]
output whole: {id="thing-inner-a-1", name="inner-a"} -> none

"#]]
    );
    project.assert_one_of_each();
}

#[tokio::test]
async fn module_inputs_may_be_unknown() {
    let project = Project::new();
    let text = with_inner(
        r#"
        resource "thing" "first" {
          name = "first"
        }
        module "each" {
          source   = "./inner"
          for_each = { a = thing.first.id, b = thing.first.arn }
          name     = each.key
          of       = each.value
        }
        module "nested" {
          source = "./outer"
          ids    = { for key, it in module.each : key => it.id }
        }
=== outer/main.hcl
        variable "ids" {
          type = map(string)
        }
        module "in" {
          source   = "../inner"
          for_each = var.ids
          name     = "in-${each.key}"
          of       = each.value
        }
        output "names" {
          value = values(module.in)[*].name
        }
"#,
    );
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
+ thing.first digest="digest of nothing", name="first", size=1
+ module.each["a"].thing.it anything=?(thing.first.id), digest="digest of nothing", name="inner-a", size=2 because of thing.first
+ module.each["b"].thing.it anything=?(thing.first.arn), digest="digest of nothing", name="inner-b", size=2 because of thing.first
+ module.nested.module.in["a"].thing.it anything=?(module.each["a"].thing.it.id), digest="digest of nothing", name="inner-in-a", size=2 because of module.each.thing.it, thing.first
+ module.nested.module.in["b"].thing.it anything=?(module.each["b"].thing.it.id), digest="digest of nothing", name="inner-in-b", size=2 because of module.each.thing.it, thing.first

"#]]
    );
    let record =
        &project.state().records[&"module.nested.module.in[\"a\"].thing.it".parse().unwrap()];
    let dependencies: Vec<String> = record.dependencies.iter().map(ToString::to_string).collect();
    assert_eq!(dependencies, ["thing.first", "module.each.thing.it"]);
    project.destroy(&text).await;
}

#[tokio::test]
async fn depends_on_of_a_module_precedes_its_contents() {
    let project = Project::new();
    let text = |size: u32| {
        with_inner(&format!(
            r#"
            resource "thing" "before" {{
              name = "before"
              size = {size}
            }}
            module "m" {{
              source     = "./around"
              depends_on = [thing.before]
            }}
            resource "thing" "after" {{
              name       = "after"
              depends_on = [module.m]
            }}
=== around/main.hcl
            module "in" {{
              source = "../inner"
              name   = "in"
            }}
            data "fact" "of" {{
              key = "known"
            }}
"#
        ))
    };
    project.world.fact("known", "it");
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
+ thing.after digest="digest of nothing", name="after", size=1 because of module.m.data.fact.of, module.m.module.in.thing.it, thing.before
+ thing.before digest="digest of nothing", name="before", size=1
<= module.m.data.fact.of [DependencyPending] key="known" because of thing.before
+ module.m.module.in.thing.it digest="digest of nothing", name="inner-in", size=2 because of thing.before

"#]]
    );
    let (before, inner, after) = ("thing.before", "module.m.module.in.thing.it", "thing.after");
    let calls = |verb: &str| [before, inner, after].map(|it| format!("{verb} {it}"));
    assert_eq!(project.world.take_calls(), calls("create"));
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.before revision: 1 -> ?(thing.before.revision), size: 1 -> 2
<= module.m.data.fact.of [DependencyPending] key="known" because of thing.before

"#]]
    );
    project.world.take_log();
    project.destroy(&text(2)).await;
    let mut calls = calls("delete");
    calls.reverse();
    assert_eq!(project.world.take_calls(), calls);
}

#[tokio::test]
async fn module_instances_are_added_and_removed() {
    let project = Project::new();
    let text = |modules: &str| with_inner(modules);
    let module = |repeated: &str| {
        format!("module \"m\" {{\n source = \"./inner\"\n name = \"m\"\n {repeated}\n}}\n")
    };
    let counted = |count: u32| {
        module(&format!("count = {count}")).replace("\"m\"\n count", "\"m${count.index}\"\n count")
    };
    project.apply(&text(&counted(2))).await;
    assert_data_eq!(
        project.apply(&text(&counted(1))).await,
        str![[r#"
- module.m[1].thing.it [NoModule]

"#]]
    );
    assert_data_eq!(
        project.apply(&text(&module(""))).await,
        str![[r#"
+ module.m.thing.it digest="digest of nothing", name="inner-m", size=2
- module.m[0].thing.it [NoModule]

"#]]
    );
    assert_data_eq!(
        project.apply(&text(&module("lifecycle {\n enabled = false\n }"))).await,
        str![[r#"
- module.m.thing.it [NoModule]

"#]]
    );
    project.apply(&text(&module(""))).await;
    assert_data_eq!(
        project.apply("").await,
        str![[r#"
- module.m.thing.it [NoModule]

"#]]
    );
}

#[tokio::test]
async fn module_providers_are_inherited_passed_and_configured() {
    let project = Project::new();
    let text = r#"
        provider "mock" {
          region = "one"
        }
        provider "mock" {
          alias  = "two"
          region = "two"
        }
        module "inherits" {
          source = "./plain"
        }
        module "takes" {
          source    = "./plain"
          providers = { mock = mock.two }
        }
        module "renames" {
          source    = "./aliased"
          providers = { mock.other = mock.two }
        }
        module "own" {
          source = "./own"
          region = module.takes.id
        }
=== plain/main.hcl
        resource "thing" "it" {
          name = "it"
        }
        output "id" {
          value = thing.it.id
        }
=== aliased/main.hcl
        ha {
          required_providers {
            mock = {
              configuration_aliases = [mock.other]
            }
          }
        }
        module "deeper" {
          source    = "../plain"
          providers = { mock = mock.other }
        }
        resource "thing" "it" {
          name     = "it"
          provider = mock.other
        }
=== own/main.hcl
        variable "region" {}
        provider "mock" {
          region = var.region
        }
        resource "thing" "it" {
          name = "it"
        }
        module "deeper" {
          source = "../plain"
        }
"#;
    project.apply(text).await;
    let state = project.state();
    let providers: String =
        state.records.values().map(|it| format!("{} {}\n", it.address, it.provider)).collect();
    assert_data_eq!(
        providers,
        str![[r#"
module.inherits.thing.it mock
module.own.thing.it module.own.mock
module.own.module.deeper.thing.it module.own.mock
module.renames.thing.it mock.two
module.renames.module.deeper.thing.it mock.two
module.takes.thing.it mock.two

"#]]
    );
    let own = &state.providers[&"module.own.mock".parse().unwrap()];
    assert_eq!(
        own.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["module.takes.thing.it"]
    );
    assert_eq!(
        own.settings["region"].as_str(),
        Some(&*state.records[&"module.takes.thing.it".parse().unwrap()].id)
    );
    project.destroy(text).await;
}

#[tokio::test]
async fn inputs_are_converted_defaulted_and_checked() {
    let project = Project::new();
    let text = |arguments: &str| {
        format!(
            r#"
            resource "thing" "known" {{
              name = "known"
            }}
            module "m" {{
              source = "./checked"
              {arguments}
            }}
            output "it" {{
              value = module.m.all
            }}
=== checked/main.hcl
            variable "list" {{
              type = list(object({{ name = string, size = optional(number, 7) }}))
            }}
            variable "never_null" {{
              default  = "default"
              nullable = false
            }}
            variable "or_null" {{
              default = "default"
            }}
            variable "short" {{
              default = "ok"
              validation {{
                condition     = length(var.short) < 5
                error_message = "${{var.short}} is longer than 4."
              }}
            }}
            variable "as_many" {{
              type    = number
              default = 1
              validation {{
                condition     = var.as_many <= length(var.list)
                error_message = "There are only ${{length(var.list)}}."
              }}
            }}
            output "all" {{
              value = [var.list, var.never_null, var.or_null, var.short]
            }}
"#
        )
    };
    assert_data_eq!(
        project.plan(&text("list = [{ name = 1 }]\n never_null = null\n or_null = null")).await,
        str![[r#"
+ thing.known digest="digest of nothing", name="known", size=1
output it: none -> [[{name="1", size=7}], "default", null, "ok"]

"#]]
    );
    assert_data_eq!(
        project
            .plan(&text(
                "list = [{ size = 1 }]\n never_null = null\n short = \"too long\"\n as_many = 2"
            ))
            .await,
        str![[r#"
the value of `list` will not do ([0]): the attribute "name" is required [module.m]
the value of `var.short` will not do: too long is longer than 4. [module.m.var.short]

"#]]
    );
    assert_data_eq!(
        project.plan(&text("list = []\n as_many = 2")).await,
        str![[r#"
the value of `var.as_many` will not do: There are only 0. [module.m.var.as_many]

"#]]
    );
    // Not known before apply, and then it does not hold.
    let unknown = text("list = []\n as_many = 0\n short = thing.known.arn");
    assert_data_eq!(
        project.plan(&unknown).await,
        str![[r#"
+ thing.known digest="digest of nothing", name="known", size=1
output it: none -> [[], "default", "default", ?(thing.known.arn)]

"#]]
    );
    assert_data_eq!(
        project.try_apply(&unknown).await,
        str![[r#"
the value of `var.short` will not do: arn:thing-known-1 is longer than 4. [module.m.var.short]

"#]]
    );
}

#[tokio::test]
async fn modules_keep_sensitive_marks() {
    let project = Project::new();
    let text = |sensitive: bool| {
        format!(
            r#"
            module "m" {{
              source   = "./secret"
              password = "hush"
            }}
            resource "thing" "it" {{
              name = "it"
              note = "note ${{module.m.plain}}"
            }}
            output "it" {{
              value     = module.m
              sensitive = {sensitive}
            }}
=== secret/main.hcl
            variable "password" {{
              sensitive = true
            }}
            output "password" {{
              value = var.password
            }}
            output "plain" {{
              value     = "plain"
              sensitive = true
            }}
"#
        )
    };
    assert_data_eq!(
        project.plan(&text(false)).await,
        str![[r#"
the output `it` holds a secret

"#]]
    );
    assert_data_eq!(
        project.apply(&text(true)).await,
        str![[r#"
+ thing.it digest=secret, name="it", note="note "+secret, size=1
output it: none -> secret

"#]]
    );
}

#[tokio::test]
async fn checks_in_modules_are_warnings() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "it" {{
              name = "it"
              size = {size}
            }}
            check "size" {{
              assert {{
                condition     = thing.it.size < 2
                error_message = "it is ${{thing.it.size}}"
              }}
              assert {{
                condition     = thing.it.arn == "never"
                error_message = "the arn is another"
              }}
            }}
            "#
        )
    };
    assert_data_eq!(
        project.plan(&text(1)).await,
        str![[r#"
+ thing.it digest="digest of nothing", name="it", size=1

"#]]
    );
    let (_, applied) =
        project.run(&text(1), ha_plan::PlanMode::Normal).await.expect("there is a plan");
    assert!(applied.is_complete());
    assert_data_eq!(
        crate::show::diagnostics(&applied.diagnostics),
        str![[r#"
a condition does not hold: the arn is another [check.size]

"#]]
    );
    assert_data_eq!(
        project.plan(&text(2)).await,
        str![[r#"
~ thing.it revision: 1 -> ?(thing.it.revision), size: 1 -> 2
warning: a condition does not hold
warning: a condition does not hold

"#]]
    );
}
