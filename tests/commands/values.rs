//! Values equal terraform's, from the configuration to the state.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::Project;

const VALUES: &str = r#"
variable "text" {
  type    = string
  default = null
}
variable "strings" {
  type    = list(string)
  default = []
}
variable "map" {
  type    = map(string)
  default = {}
}
module "m" {
  source = "./m"
  key    = upper(ha_data.counted[0].id)
}
resource "ha_data" "counted" {
  count = timecmp(plantimestamp(), "2020-01-01T00:00:00Z") > 0 ? 2 : 0
  input = count.index
}
resource "ha_data" "named" {
  for_each = toset(["0", "1"])
  input    = ha_data.counted[each.key].output
}
resource "ha_data" "not_null" {
  for_each = { for k, v in { a = join(",", [ha_data.counted[0].id]), b = null } : k => v if v != null }
}
output "coalesced" { value = jsonencode(coalesce(var.text, 443)) }
output "chosen" { value = jsonencode(var.text == null ? 443 : var.text) }
output "joined" { value = jsonencode(concat(var.strings, tolist([1]))) }
output "mapped" { value = jsonencode(tomap({ a = var.text, b = 80 })) }
output "looked_up" { value = jsonencode(lookup(var.map, "x", 5)) }
output "number" { value = pow(2, 64) - 1 }
output "address" { value = cidrhost("fd00::/64", pow(2, 63)) }
output "tried" { value = try(module.m.nope, "d") }
output "empty" { value = fileset("${path.module}/missing", "*") }
output "named" { value = ha_data.named[1].output }
output "places" { value = [path.cwd, abspath(path.module), pathexpand("~/x")] }
output "planned_at" { value = plantimestamp() }
"#;

const MODULE: &str = r#"
variable "key" {
  type    = string
  default = null
}
resource "ha_data" "k" { count = var.key == null ? 0 : 1 }
output "k" { value = 1 }
"#;

fn project(root: &str, module: &str) -> Project {
    let project = Project::new(root);
    std::fs::create_dir(project.path("m")).unwrap();
    project.write("m/main.hcl", module);
    project
}

fn outputs(project: &Project) -> BTreeMap<String, Json> {
    let printed: BTreeMap<String, Json> =
        serde_json::from_str(&project.done(&["output", "--json"])).unwrap();
    printed.into_iter().map(|(name, it)| (name, it["value"].clone())).collect()
}

#[test]
fn values_are_what_terraform_makes_of_them() {
    let project = project(VALUES, MODULE);
    project.done(&["apply", "--yes"]);
    let outputs = outputs(&project);
    let here = project.directory.path().canonicalize().unwrap();
    let home = project.home.path().join("x");
    for (name, wanted) in [
        ("coalesced", Json::from("\"443\"")),
        ("chosen", Json::from("\"443\"")),
        ("joined", Json::from("[\"1\"]")),
        ("mapped", Json::from("{\"a\":null,\"b\":\"80\"}")),
        ("looked_up", Json::from("\"5\"")),
        ("number", Json::from(u64::MAX)),
        ("address", Json::from("fd00::8000:0:0:0")),
        ("tried", Json::from("d")),
        ("empty", Json::Array(Vec::new())),
        ("named", Json::from(1)),
        ("places", serde_json::json!([here, here, home])),
    ] {
        assert_eq!(outputs[name], wanted, "{name}");
    }
    let listed = project.done(&["state", "list"]);
    assert!(
        listed.contains("module.m.ha_data.k[0]") && listed.contains("ha_data.not_null[\"a\"]"),
        "{listed}"
    );
}

#[test]
fn a_plan_keeps_the_files_that_it_read() {
    let project = project(VALUES, MODULE);
    project.done(&["plan", "--out", "kept"]);
    let home = project.home.path().join("x");
    let applied = project
        .command(&["apply", "kept"])
        .env("HOME", "/elsewhere")
        .env("HA_STATE_KEY_FILE", key(&project))
        .output();
    let applied = crate::Done::from(applied.unwrap());
    assert_eq!(applied.code, 0, "{}", applied.err);
    let printed = project
        .command(&["output", "--json"])
        .env("HA_STATE_KEY_FILE", key(&project))
        .output()
        .unwrap();
    let printed: Json = serde_json::from_slice(&printed.stdout).unwrap();
    assert_eq!(printed["places"]["value"][2], serde_json::json!(home));
}

/// Returns the key file that planning created in the home directory.
fn key(project: &Project) -> std::path::PathBuf {
    let keys = project.home.path().join(".config/ha/keys");
    let mut found = std::fs::read_dir(keys).unwrap().map(|it| it.unwrap().path());
    found.next().expect("a plan that is kept is sealed")
}

const EPHEMERAL: &str = r#"
variable "e" {
  type      = string
  ephemeral = true
}
locals {
  mixed = { a = "pre-${var.e}", b = 2 }
}
module "m" {
  source = "./m"
  e      = var.e
}
output "null" { value = ephemeralasnull({ a = var.e, b = 1 }) }
output "mixed" { value = ephemeralasnull(local.mixed) }
output "made" { value = jsonencode(ephemeralasnull({ z = length(var.e), q = [for c in [var.e] : upper(c)] })) }
output "module" { value = ephemeralasnull(module.m) }
resource "ha_data" "r" {
  input = ephemeralasnull([var.e, 1])
  lifecycle {
    precondition {
      condition     = length(var.e) > 3
      error_message = "Too short."
    }
  }
}
"#;

const EPHEMERAL_MODULE: &str = r#"
variable "e" {
  ephemeral = true
}
output "o" {
  value     = var.e
  ephemeral = true
}
output "p" { value = ephemeralasnull("${var.e}") }
"#;

#[test]
fn ephemeral_values_become_null_and_are_stored_nowhere() {
    let project = project(EPHEMERAL, EPHEMERAL_MODULE);
    let applied = project.ha(&["apply", "--yes", "--var", "e=hunter22-ephemeral"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let outputs = outputs(&project);
    assert_eq!(outputs["null"], serde_json::json!({ "a": null, "b": 1 }));
    assert_eq!(outputs["mixed"], serde_json::json!({ "a": null, "b": 2 }));
    assert_eq!(outputs["made"], serde_json::json!("{\"q\":[null],\"z\":null}"));
    assert_eq!(outputs["module"], serde_json::json!({ "o": null, "p": null }));
    // Errors about an ephemeral value do not show it.
    let refused = project.ha(&["plan", "--var", "e=abc"]);
    assert!(
        refused.code == 1 && refused.err.contains("Too short.") && !refused.err.contains("\"abc\""),
        "{}",
        refused.err
    );
    for (path, content) in project.files() {
        let found = content.windows(8).any(|it| it == b"hunter22");
        assert!(!found, "{}", path.display());
    }
    assert!(!applied.out.contains("hunter22") && !applied.err.contains("hunter22"));
}

#[test]
fn types_are_recorded() {
    let kept = |argument: &str, value: &str| {
        format!("resource \"terraform_data\" \"a\" {{\n  {argument} = {value}\n}}\n")
    };
    // A new value, and its line in the plan.
    let changes = [
        ("tostring(null)", "null", "string -> any  its type alone"),
        ("null", "tostring(null)", "any -> string  its type alone"),
        ("tostring(null)", "tonumber(null)", "string -> number  its type alone"),
        (
            "{ a = tostring(null) }",
            "{ a = null }",
            "object({a = string}) -> object({a = any})  its type alone",
        ),
        ("[tostring(null)]", "[null]", "tuple([string]) -> tuple([any])  its type alone"),
        ("tolist([])", "toset([])", "list(any) -> set(any)  its type alone"),
        ("tolist([\"a\"])", "toset([\"a\"])", "list(string) -> set(string)  its type alone"),
        (
            "{ a = [] }",
            "{ a = toset([]) }",
            "object({a = tuple([])}) -> object({a = set(any)})  its type alone",
        ),
        ("null", "[]", "+ []"),
    ];
    for (before, after, shown) in changes {
        let project = Project::new(&kept("input", before));
        project.done(&["apply", "--yes"]);
        assert!(project.done(&["plan"]).contains("No changes."), "{before}");
        project.write("main.hcl", &kept("input", after));
        let planned = project.done(&["plan"]);
        assert!(planned.contains(&format!("input  {shown}\n")), "{before} -> {after}: {planned}");
        project.done(&["apply", "--yes"]);
        assert!(project.done(&["plan"]).contains("No changes."), "{after}");
    }
    let project = Project::new(&kept("triggers_replace", "{ a = tostring(null) }"));
    project.done(&["apply", "--yes"]);
    project.write("main.hcl", &kept("triggers_replace", "{ a = null }"));
    assert!(project.done(&["plan"]).contains("its type alone  forces replacement"));
}

const INSTANCES: &str = r#"
module "f" {
  source   = "./m"
  for_each = { b = 1, k = 2 }
  value    = each.value
}
locals {
  key = "k"
}
output "one" { value = module.f.b.k }
output "named_as_an_output" { value = module.f.k.k }
output "whole" { value = module.f.b }
output "others" { value = module.f["b"].k + module.f[local.key].k }
"#;

const INSTANCE: &str = r#"
variable "value" {}
resource "ha_data" "a" { input = var.value * 10 }
output "k" { value = ha_data.a.output }
"#;

#[test]
fn an_instance_of_a_module_is_an_attribute_too() {
    let project = project(INSTANCES, INSTANCE);
    project.done(&["apply", "--yes"]);
    let outputs = outputs(&project);
    assert_eq!(
        ["one", "named_as_an_output", "others"].map(|it| outputs[it].clone()),
        [10, 20, 30].map(Json::from)
    );
    assert_eq!(outputs["whole"], serde_json::json!({ "k": 10 }));
    project.write("main.hcl", &INSTANCES.replace("module.f.b.k", "module.f.b.nope"));
    let printed = project.ha(&["plan"]).err;
    assert!(printed.contains("the module `f` has no output `nope`"), "{printed}");
}
