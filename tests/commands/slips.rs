//! Typing errors and habits of other languages: the messages, and that the suggestions fix them.
//! `SNAPSHOTS=overwrite` renews the recorded messages.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;

use crate::Project;

/// One slip: its name, and the configuration.
struct Slip {
    name: String,
    text: String,
}

fn recorded_messages() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/commands/slips/messages.txt")
}

/// The separators behind a configuration, with and without a final line end.
const ENDS: &str = "--- ";
const ENDS_EARLY: &str = "--- without a line end";

fn slips() -> Vec<Slip> {
    let written = fs::read_to_string(recorded_messages()).unwrap();
    let slip = |it: &str| {
        let (name, rest) = it.split_once('\n').unwrap();
        let end = rest.find("\n--- ").unwrap();
        let ends_early = rest[end + 1..].starts_with(ENDS_EARLY);
        Slip { name: name.into(), text: rest[..if ends_early { end } else { end + 1 }].into() }
    };
    format!("\n{written}").split("\n=== ").skip(1).map(slip).collect()
}

/// Calls a function for each item in parallel, and returns the results in order.
fn each<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, R)>> = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some((at, it)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|at| Some((at, all.get(at)?)))
                {
                    let result = work(it);
                    done.lock().unwrap().push((at, result));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, it)| it).collect()
}

/// Returns the diagnostics as JSON.
fn diagnostics(project: &Project) -> Vec<Value> {
    let output = project.ha(&["validate", "--json"]).out;
    let all: Value = serde_json::from_str(&output).unwrap_or_else(|it| panic!("{it}: {output}"));
    all["diagnostics"].as_array().unwrap().clone()
}

/// Returns the summaries.
fn summaries(diagnostics: &[Value]) -> BTreeSet<String> {
    diagnostics.iter().map(|it| it["summary"].as_str().unwrap().to_owned()).collect()
}

/// Applies the first suggestion to the configuration.
fn fixed(text: &str, diagnostics: &[Value]) -> Option<(Value, String)> {
    let suggesting = diagnostics.iter().find(|it| it.get("suggestion_range").is_some())?;
    let byte = |end: &str| {
        usize::try_from(suggesting["suggestion_range"][end]["byte"].as_u64().unwrap()).unwrap()
    };
    let suggestion = suggesting["suggestion"].as_str().unwrap();
    Some((
        suggesting["summary"].clone(),
        format!("{}{suggestion}{}", &text[..byte("start")], &text[byte("end")..]),
    ))
}

#[test]
fn slips_are_explained() {
    let slips = slips();
    let answers = each(&slips, |Slip { name, text }| {
        let project = Project::new(text);
        let planned = project.ha(&["plan"]);
        let end = if text.ends_with('\n') { ENDS.to_owned() } else { format!("\n{ENDS_EARLY}") };
        assert_ne!(planned.code, 101, "{name}: {}", planned.err);
        format!("=== {name}\n{text}{end}\n{}", planned.err)
    });
    snapbox::assert_data_eq!(
        answers.concat(),
        snapbox::Data::read_from(&recorded_messages(), None).raw()
    );
    assert!(slips.len() >= 60, "{}", slips.len());
}

/// Messages of `validate` on values of which only the type is known.
const OF_TYPES: [(&str, &str, &str); 15] = [
    ("list(string)", EACH, "`for_each` takes a map or a set of strings, not a list of string"),
    (
        "list(object({ name = string }))",
        EACH,
        "`for_each` takes a map or a set of strings, not a list of objects",
    ),
    ("string", EACH, "`for_each` takes a map or a set of strings, not a string"),
    ("number", EACH, "`for_each` takes a map or a set of strings, not a number"),
    ("set(number)", EACH, "`for_each` takes a map or a set of strings, not a set of number"),
    ("tuple([string])", EACH, "`for_each` takes a map or a set of strings, not a tuple"),
    ("list(string)", MODULE, "`for_each` takes a map or a set of strings, not a list of string"),
    (
        "list(string)",
        "resource \"local_file\" \"a\" {\n  filename = var.x\n  content  = \"\"\n}",
        "a string is required",
    ),
    (
        "list(string)",
        "resource \"random_password\" \"a\" {\n  length = var.x\n}",
        "a number is required",
    ),
    ("tuple([string, number])", "locals {\n  a = var.x[2]\n}", "there is no element 2"),
    ("tuple([string, number])", "locals {\n  a = var.x[0.5]\n}", "0.5 is not a position in a list"),
    (
        "string",
        "locals {\n  a = join(\",\", var.x)\n}",
        "`lists` of `join`: a list of string is required, not a string",
    ),
    ("object({ a = string })", "locals {\n  a = var.x + 1\n}", "`+` takes a number, not an object"),
    (
        "list(string)",
        "locals {\n  a = length(var.x) && true\n}",
        "`&&` takes true or false, not a number",
    ),
    (
        "list(string)",
        "locals {\n  a = length(var.x) > 1 || length(var.x)\n}",
        "`||` takes true or false, not a number",
    ),
];

const EACH: &str = "resource \"terraform_data\" \"a\" {\n  for_each = var.x\n}";
const MODULE: &str = "module \"m\" {\n  source   = \"./m\"\n  for_each = var.x\n}";

#[test]
fn types_of_unknown_values_are_checked() {
    let outcomes = each(&OF_TYPES, |(ty, rest, wanted)| {
        let project = Project::new(&format!("variable \"x\" {{\n  type = {ty}\n}}\n{rest}\n"));
        fs::create_dir(project.path("m")).unwrap();
        project.write("m/main.hcl", "locals {\n}\n");
        let found = summaries(&diagnostics(&project));
        (!found.iter().eq([wanted]))
            .then(|| format!("{ty}\n{rest}\nexpected {wanted}\nfound {found:?}\n"))
    });
    let wrong: Vec<String> = outcomes.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Applies suggestions until none is left; returns the remaining diagnostics and the text.
fn fixed_completely(project: &Project, text: &str) -> (Vec<Value>, String) {
    let (mut text, mut after) = (text.to_owned(), diagnostics(project));
    for _ in 0..12 {
        let Some((_, next)) = fixed(&text, &after) else { break };
        text = next;
        project.write("main.hcl", &text);
        after = diagnostics(project);
    }
    (after, text)
}

#[test]
fn suggestions_fix_a_slip_completely() {
    let slips = slips();
    let outcomes = each(&slips, |Slip { name, text }| {
        let project = Project::new(text);
        // The module that some slips call.
        fs::create_dir(project.path("m")).unwrap();
        project.write("m/main.hcl", "locals {\n}\n");
        fixed(text, &diagnostics(&project))?;
        let (after, fixed) = fixed_completely(&project, text);
        let remaining: Vec<&Value> = after.iter().map(|it| &it["summary"]).collect();
        Some(
            (!remaining.is_empty())
                .then(|| format!("{name}\n{text}\n{fixed}\nfound {remaining:?}\n")),
        )
    });
    let suggested: Vec<&Option<String>> = outcomes.iter().flatten().collect();
    let wrong: Vec<&str> = suggested.iter().filter_map(|it| it.as_deref()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        suggested.len() > 80,
        "{} of {} are fixed by what is suggested",
        suggested.len(),
        slips.len()
    );
}

/// A configuration with all sorts of names, each of which is misspelt in turn.
const NAMES: &str = r#"
ha {
  required_version = ">= 0.1"
  required_providers {
    random = { source = "hashicorp/random" }
  }
}
provider "random" {
}
variable "region" {
  type        = string
  default     = "eu"
  description = "Where."
  validation {
    condition     = length(var.region) > 1
    error_message = "Too short."
  }
}
variable "shape" {
  type    = object({ width = number, height = optional(number) })
  default = { width = 1 }
}
locals {
  settings = { first = 1, second = upper(var.region) }
  listed   = [for each_one in [1, 2] : each_one + local.settings.first]
  indexed  = local.settings["second"]
  text     = "${var.region} and ${local.settings.second}"
}
resource "random_password" "server" {
  count   = 2
  length  = 20
  special = false
  lifecycle {
    create_before_destroy = true
    ignore_changes        = [special]
  }
}
resource "terraform_data" "web_server" {
  for_each         = toset(["a"])
  input            = "${each.key} ${random_password.server[0].result}"
  triggers_replace = [var.region]
  depends_on       = [random_password.server]
  lifecycle {
    replace_triggered_by = [random_password.server[0].length]
    precondition {
      condition     = var.shape.width > 0
      error_message = "None."
    }
  }
}
module "inner" {
  source = "./inner"
  name   = terraform_data.web_server["a"].output
}
output "told" {
  value     = module.inner.answer
  sensitive = true
}
check "works" {
  assert {
    condition     = local.text != ""
    error_message = "No text."
  }
}
moved {
  from = random_password.old
  to   = random_password.server[0]
}
"#;

const INNER: &str = "variable \"name\" {\n}\noutput \"answer\" {\n  value = var.name\n}\n";

/// Returns the words of more than three letters with their positions; shorter ones have no
/// recognisable misspelling.
fn words(text: &str) -> Vec<(usize, &str)> {
    let is_part = |it: char| it.is_alphanumeric() || it == '_';
    let mut words = Vec::new();
    let mut from = 0;
    for word in text.split(|it: char| !is_part(it)) {
        if word.len() > 3 && word.starts_with(|it: char| it.is_alphabetic()) {
            words.push((from, word));
        }
        from += word.len() + 1;
    }
    words
}

/// Swaps two letters of a word.
fn misspelt(word: &str) -> Option<String> {
    let letters: Vec<char> = word.chars().collect();
    let at = (1..letters.len() - 1).find(|it| letters[*it] != letters[it + 1])?;
    let mut letters = letters.clone();
    letters.swap(at, at + 1);
    Some(letters.into_iter().collect())
}

#[test]
fn suggestions_fix_misspelt_names() {
    let sound = Project::new(NAMES);
    fs::create_dir(sound.path("inner")).unwrap();
    sound.write("inner/main.hcl", INNER);
    assert_eq!(diagnostics(&sound), [Value::Null; 0]);
    let words = words(NAMES);
    let outcomes = each(&words, |(at, word)| {
        let wrong = format!("{}{}{}", &NAMES[..*at], misspelt(word)?, &NAMES[at + word.len()..]);
        let project = Project::new(&wrong);
        fs::create_dir(project.path("inner")).unwrap();
        project.write("inner/main.hcl", INNER);
        let before = diagnostics(&project);
        let (summary, _) = fixed(&wrong, &before)?;
        // If a declaration is misspelt, the suggestion is made at its references. The suggestions
        // together must lead to a valid configuration.
        let (after, _) = fixed_completely(&project, &wrong);
        let is_fixed = after.is_empty()
            || (summaries(&after).is_subset(&summaries(&before)) && after.len() < before.len());
        Some((
            *word,
            (!is_fixed).then(|| format!("{word}: {summary}\nfound {:?}\n", summaries(&after))),
        ))
    });
    let outcomes: Vec<(&str, Option<String>)> = outcomes.into_iter().flatten().collect();
    let wrong: Vec<&String> = outcomes.iter().filter_map(|(_, it)| it.as_ref()).collect();
    assert!(wrong.is_empty(), "{}", wrong.into_iter().cloned().collect::<Vec<_>>().join("\n"));
    let suggested: BTreeSet<&str> = outcomes.iter().map(|(word, _)| *word).collect();
    for word in [
        "required_version",
        "provider",
        "variable",
        "region",
        "type",
        "default",
        "validation",
        "condition",
        "length",
        "string",
        "width",
        "locals",
        "settings",
        "second",
        "upper",
        "resource",
        "random_password",
        "server",
        "count",
        "special",
        "lifecycle",
        "ignore_changes",
        "web_server",
        "input",
        "depends_on",
        "triggers_replace",
        "replace_triggered_by",
        "precondition",
        "module",
        "inner",
        "name",
        "output",
        "answer",
        "each",
        "moved",
        "from",
        "check",
        "assert",
    ] {
        assert!(
            suggested.contains(word),
            "nothing is suggested for `{word}` misspelt; it is for {suggested:?}"
        );
    }
}
