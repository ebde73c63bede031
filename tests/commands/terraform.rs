//! Compares documents and streams with those of terraform for the same files, if it is installed.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::{Done, Project};

const MAIN: &str = r#"
variable "size" {
  type        = number
  default     = 2
  description = "How many."
}

variable "secret" {
  type      = string
  sensitive = true
  default   = "tr0ub4dor&3"
}

variable "given" {}

variable "label" {
  type    = string
  default = "x"
}

locals {
  name = "${var.label}-${var.size}"
}

resource "terraform_data" "base" {
  count = var.size
  input = "${local.name}-${count.index}"
}

resource "terraform_data" "each" {
  for_each         = toset(["a", "b"])
  input            = { k = each.key, s = var.secret, list = [1, terraform_data.base[0].id] }
  triggers_replace = var.label
  depends_on       = [terraform_data.base]
}

module "m" {
  source   = "./modules/m"
  for_each = toset(["p", "q"])
  input    = terraform_data.base[0].id
}

output "ids" {
  value       = [for it in terraform_data.base : it.id]
  description = "everything"
  depends_on  = [terraform_data.each]
}

output "secret" {
  value     = var.secret
  sensitive = true
}

output "m" {
  value = module.m["p"].out
}

output "fixed" {
  value = var.label
}
"#;

const MODULE: &str = r#"
variable "input" {
  type = string
}

resource "terraform_data" "in" {
  input = var.input
}

output "out" {
  value       = terraform_data.in.id
  description = "o"
}
"#;

/// The same files for each program.
struct Both {
    ours: Project,
    theirs: Project,
}

impl Both {
    /// Returns none if terraform is not installed.
    fn new() -> Option<Self> {
        let both = Self { ours: Project::new(""), theirs: Project::new("") };
        for project in [&both.ours, &both.theirs] {
            fs::remove_file(project.path("main.hcl")).unwrap();
            project.write("main.tf", MAIN);
            fs::create_dir_all(project.path("modules/m")).unwrap();
            project.write("modules/m/main.tf", MODULE);
        }
        let Some(begun) = terraform(&both.theirs, &["init", "-no-color"]) else {
            skipped();
            return None;
        };
        assert_eq!(begun.code, 0, "terraform is there, so it must be compared with: {}", begun.err);
        Some(both)
    }

    fn terraform(&self, arguments: &[&str]) -> Done {
        terraform(&self.theirs, arguments).expect("it was there a moment ago")
    }

    /// Returns the plan documents of both programs.
    fn planned(&self, options: &[&str]) -> (Value, Value) {
        let planned = self.terraform(&[&["plan", "-input=false", "-out=p"], options].concat());
        assert_eq!(planned.code, 0, "{}", planned.err);
        let theirs = self.terraform(&["show", "-json", "p"]).out;
        let ours = self.ours.done(&[&["plan", "-input=false", "-document=-"], options].concat());
        (serde_json::from_str(&theirs).unwrap(), serde_json::from_str(&ours).unwrap())
    }

    /// Returns the streams of both programs for the same command, without lines for people.
    fn streamed(&self, arguments: &[&str]) -> (Vec<Value>, Vec<Value>) {
        let (theirs, ours) = (self.terraform(arguments), self.ours.ha(arguments));
        assert_eq!((theirs.code, ours.code), (0, 0), "{}\n{}", theirs.out, ours.out);
        let lines = |text: &str| {
            let lines = text.lines().map(|it| serde_json::from_str::<Value>(it).unwrap());
            lines.filter(|it| it["type"] != "log").collect::<Vec<_>>()
        };
        (lines(&theirs.out), lines(&ours.out))
    }
}

#[expect(clippy::print_stderr, reason = "who runs the tests must know what they did not do")]
fn skipped() {
    eprintln!("skipped: terraform is not installed");
}

fn terraform(project: &Project, arguments: &[&str]) -> Option<Done> {
    let mut command = Command::new("terraform");
    command.args(arguments).current_dir(project.directory.path());
    command
        .env("TF_CLI_CONFIG_FILE", "/dev/null")
        .env("CHECKPOINT_DISABLE", "1")
        .env("TF_IN_AUTOMATION", "1");
    command.output().ok().map(Done::from)
}

/// Fields that differ between programs or runs.
const OWN: [&str; 6] = ["ha", "ha_version", "timestamp", "id", "id_value", "elapsed_seconds"];
/// Fields with values, which may be secret or known here and not in terraform.
const VALUES: [&str; 5] = ["before", "after", "values", "value", "default"];
/// Fields that mark unknown or secret values.
const MARKS: [&str; 4] =
    ["after_unknown", "before_sensitive", "after_sensitive", "sensitive_values"];

/// Asserts that our document has everything of theirs, and nothing else apart from our own keys.
fn assert_same(theirs: &Value, ours: &Value, place: &str) {
    match (theirs, ours) {
        (Value::Object(theirs), Value::Object(ours)) => {
            let names = |of: &serde_json::Map<String, Value>| -> BTreeSet<String> {
                of.keys().filter(|it| !OWN.contains(&it.as_str())).cloned().collect()
            };
            assert_eq!(names(theirs), names(ours), "at {place}\n{theirs:?}\n{ours:?}");
            let is_secret = ["sensitive", "before_sensitive", "after_sensitive"]
                .iter()
                .any(|it| ours.get(*it) == Some(&true.into()));
            for name in names(theirs) {
                let place = format!("{place}.{name}");
                match name.as_str() {
                    // Null stands for what is secret as a whole.
                    it if VALUES.contains(&it) && is_secret && ours[it].is_null() => {}
                    it if VALUES.contains(&it) => {
                        assert_same_attributes(&theirs[it], &ours[it], &place)
                    }
                    it if MARKS.contains(&it) => {
                        assert_eq!(theirs[it].is_object(), ours[it].is_object(), "{place}")
                    }
                    it => assert_same(&theirs[it], &ours[it], &place),
                }
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            assert_eq!(theirs.len(), ours.len(), "{place}\n{theirs:?}\n{ours:?}");
            for (index, (theirs, ours)) in theirs.iter().zip(ours).enumerate() {
                assert_same(theirs, ours, &format!("{place}[{index}]"));
            }
        }
        _ => assert_eq!(theirs, ours, "{place}"),
    }
}

/// Asserts that values known to both are equal, apart from secrets, which we do not show.
fn assert_same_attributes(theirs: &Value, ours: &Value, place: &str) {
    match (theirs, ours) {
        (_, Value::String(hidden)) if hidden == "(sensitive)" => {}
        (Value::Object(theirs), Value::Object(ours)) => {
            let is_secret = |name: &str| {
                name == "value"
                    && ours.get("sensitive") == Some(&true.into())
                    && ours["value"].is_null()
            };
            for (name, value) in theirs.iter().filter(|(name, _)| *name != "id" && !is_secret(name))
            {
                let own = ours.get(name).unwrap_or_else(|| panic!("{place}.{name} is missing"));
                assert_same_attributes(value, own, &format!("{place}.{name}"));
            }
        }
        (Value::Array(theirs), Value::Array(ours)) => {
            assert_eq!(theirs.len(), ours.len(), "{place}");
            theirs
                .iter()
                .zip(ours)
                .for_each(|(theirs, ours)| assert_same_attributes(theirs, ours, place));
        }
        // An id is as random as they come.
        (Value::String(theirs), Value::String(ours)) if theirs.len() >= 32 && ours.len() >= 32 => {}
        _ => assert_eq!(theirs, ours, "{place}"),
    }
}

/// Removes the values that only our plan knows: outputs that follow from known inputs, and
/// `for_each` given by a function.
fn without_foresight((mut theirs, mut ours): (Value, Value)) -> (Value, Value) {
    for document in [&mut theirs, &mut ours] {
        for change in document["resource_changes"].as_array_mut().into_iter().flatten() {
            change["change"]["after"].as_object_mut().map(|it| it.remove("output"));
        }
        prune(&mut document["planned_values"]);
        for block in document["configuration"]["root_module"]["resources"]
            .as_array_mut()
            .into_iter()
            .flatten()
        {
            block.as_object_mut().map(|it| it.remove("for_each_expression"));
        }
        document["configuration"]["root_module"]["module_calls"]["m"]
            .as_object_mut()
            .map(|it| it.remove("for_each_expression"));
    }
    (theirs, ours)
}

fn prune(values: &mut Value) {
    match values {
        Value::Object(fields) => {
            if let Some(values) = fields.get_mut("values").and_then(Value::as_object_mut) {
                values.remove("output");
            }
            fields.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

#[test]
fn plans_and_states_are_the_documents_that_terraform_makes() {
    let Some(both) = Both::new() else { return };
    let (theirs, ours) = without_foresight(both.planned(&["-var=given=1"]));
    for part in [
        "format_version",
        "terraform_version",
        "variables",
        "resource_changes",
        "planned_values",
        "configuration",
    ] {
        assert_same(&theirs[part], &ours[part], part);
    }
    for part in ["applyable", "complete", "errored"] {
        assert_eq!(theirs[part], ours[part], "{part}");
    }
    let printed = |of: &Value| {
        of["relevant_attributes"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect::<BTreeSet<_>>()
    };
    // Terraform names every instance inside a module, we name the one that is referred to.
    assert!(
        printed(&ours).is_subset(&printed(&theirs)) && printed(&ours).len() == 3,
        "{}\n{}",
        theirs["relevant_attributes"],
        ours["relevant_attributes"]
    );

    both.terraform(&["apply", "-auto-approve", "-var=given=1"]);
    both.ours.done(&["apply", "-auto-approve", "-var=given=1"]);
    let state = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let (theirs, ours) = (
        state(&both.terraform(&["show", "-json"]).out),
        state(&both.ours.done(&["show", "-json"])),
    );
    assert_same(&theirs, &ours, "state");

    let changed = [
        "-var=given=1",
        "-var=size=1",
        "-var=label=y",
        "-replace=module.m[\"p\"].terraform_data.in",
    ];
    let (mut theirs, mut ours) = without_foresight(both.planned(&changed));
    // Terraform has planned outputs there.
    for document in [&mut theirs, &mut ours] {
        document["prior_state"]["values"]["outputs"] = Value::Null;
    }
    for part in ["resource_changes", "output_changes", "prior_state"] {
        assert_same(&theirs[part], &ours[part], part);
    }
}

#[test]
fn streams_are_those_that_terraform_writes() {
    let Some(both) = Both::new() else { return };
    let vary = ["-json", "-auto-approve", "-var=given=1"];
    let in_order = |lines: Vec<Value>| {
        let mut lines: Vec<Value> = lines.into_iter().map(without_words).collect();
        // What is independent is done in any order.
        lines.sort_by_key(|it| {
            (
                it["type"].to_string(),
                it["hook"]["resource"]["addr"].to_string(),
                it["change"].to_string(),
            )
        });
        lines
    };
    for arguments in [&["apply"], &["apply"], &["destroy"]] {
        let (theirs, ours) = both.streamed(&[arguments.as_slice(), &vary].concat());
        let (theirs, ours) = (in_order(theirs), in_order(ours));
        let kinds = |of: &[Value]| {
            of.iter().map(|it| it["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&theirs), kinds(&ours));
        for (theirs, ours) in theirs.iter().zip(&ours) {
            assert_same(theirs, ours, theirs["type"].as_str().unwrap());
        }
    }
}

/// Removes messages, times and the program's name.
fn without_words(mut line: Value) -> Value {
    for name in ["@message", "@timestamp", "@module"] {
        assert!(line[name].is_string(), "{line}");
        line[name] = json!("");
    }
    line
}

#[test]
fn errors_have_the_place_that_terraform_reports() {
    let Some(both) = Both::new() else { return };
    let wrong = "resource \"terraform_data\" \"x\" {\n  inputt = 1\n}\n";
    for project in [&both.ours, &both.theirs] {
        project.write("main.tf", wrong);
    }
    let printed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let theirs = printed(&both.terraform(&["validate", "-json"]).out);
    let ours = printed(&both.ours.ha(&["validate", "-json"]).out);
    for part in ["format_version", "valid", "error_count", "warning_count"] {
        assert_eq!(theirs[part], ours[part], "{part}");
    }
    let (theirs, ours) = (&theirs["diagnostics"][0], &ours["diagnostics"][0]);
    assert_eq!((&theirs["severity"], &theirs["range"]), (&ours["severity"], &ours["range"]));
    assert_eq!(theirs["snippet"], ours["snippet"]);
}

#[test]
fn missing_terraform_commands_are_explained() {
    let project = Project::new("");
    let begun = project.ha(&["init", "-upgrade"]);
    assert_eq!((begun.code, begun.out.as_str()), (0, ""), "scripts may go on");
    assert!(begun.err.contains("begin with `ha plan`"), "{}", begun.err);
    for (command, instead) in [
        (&["taint", "a.b"][..], "`ha plan --replace ADDRESS`"),
        (&["refresh"], "`ha apply --refresh-only`"),
        (&["workspace", "new", "test"], "`--env NAME`"),
        (&["test"], "`check`"),
    ] {
        let refused = project.ha(command);
        assert_eq!(refused.code, 1, "{command:?}");
        assert!(
            refused.err.contains(&format!("there is no command `{}`", command[0])),
            "{}",
            refused.err
        );
        assert!(refused.err.contains(instead), "{}", refused.err);
    }
}

#[test]
fn checks_are_reported_after_an_apply() {
    let check = r#"
resource "ha_data" "it" { input = 1 }
check "name" {
  assert {
    condition     = ha_data.it.id == "x"
    error_message = "it is another"
  }
}
"#;
    let project = Project::new(check);
    let planned = project.ha(&["plan"]);
    assert_eq!(
        (planned.code, planned.err.contains("it is another")),
        (0, false),
        "it is not known yet: {}",
        planned.err
    );
    let applied = project.ha(&["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    assert!(
        applied.err.contains("warning[HA0407]") && applied.err.contains("it is another"),
        "{}",
        applied.err
    );
    assert!(applied.err.contains("values: ha_data.it.id is \""), "{}", applied.err);
    let document: Value = serde_json::from_str(&project.done(&["plan", "--document=-"])).unwrap();
    assert_eq!(document["checks"][0]["status"], "fail");
    assert_eq!(document["checks"][0]["instances"][0]["problems"][0]["message"], "it is another");
}
