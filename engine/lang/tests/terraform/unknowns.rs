//! Drawn expressions with unknowns, typed nulls and empty collections: everything that Terraform
//! knows of their values while planning is known here as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{
    BlockName, EmptyScope, EvaluationContext, FileSource, ReferenceTarget, ValueScope, expression,
};
use ha_value::{InstanceKey, Object, Type, Value};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::differences::has_negative_zero;
use crate::draw::{Draw, draws, seed};
use crate::{drawn, oracle};

/// The number of expressions for one run of terraform.
const BATCH: usize = 400;

/// The values by name: for Terraform the type of a variable and the argument for it.
const GIVEN: [(&str, &str, &str); 19] = [
    ("us", "string", "jsondecode(terraform_data.r.id)"),
    ("un", "number", "jsondecode(terraform_data.r.id)"),
    ("ub", "bool", "jsondecode(terraform_data.r.id)"),
    ("ul", "list(string)", "jsondecode(terraform_data.r.id)"),
    ("uset", "set(string)", "jsondecode(terraform_data.r.id)"),
    ("um", "map(number)", "jsondecode(terraform_data.r.id)"),
    ("uo", "object({ a = string, k = number })", "jsondecode(terraform_data.r.id)"),
    ("id", "string", "terraform_data.r.id"),
    ("pl", "list(string)", "[\"b\", terraform_data.r.id]"),
    ("pm", "map(string)", "{ a = terraform_data.r.id, k = \"x\" }"),
    ("ns", "string", "null"),
    ("nn", "number", "null"),
    ("nl", "list(string)", "null"),
    ("el", "list(string)", "[]"),
    ("es", "set(string)", "[]"),
    ("em", "map(number)", "{}"),
    ("eo", "list(object({ a = string, k = optional(number) }))", "[]"),
    ("kl", "list(string)", "[\"b\", null, \"a\"]"),
    ("km", "map(string)", "{ a = \"1\", k = null }"),
];

const NAMES: [&str; 19] = [
    "local.us",
    "local.un",
    "local.ub",
    "local.ul",
    "local.uset",
    "local.um",
    "local.uo",
    "local.id",
    "local.pl",
    "local.pm",
    "local.ns",
    "local.nn",
    "local.nl",
    "local.el",
    "local.es",
    "local.em",
    "local.eo",
    "local.kl",
    "local.km",
];

/// The same values for `ha`.
struct World(BTreeMap<&'static str, Value>);

impl World {
    fn new() -> Self {
        let unknown = |ty: Type| Value::unknown(ty, Some("terraform_data.r.id".into()));
        let id = || Value::unknown(Type::String, Some("terraform_data.r.id".into())).not_null();
        let text = || Arc::new(Type::String);
        let attribute =
            |ty: Type, optional| ha_value::AttributeType { ty, optional, default: None };
        let object = |optional| {
            let attributes = [
                ("a".into(), attribute(Type::String, false)),
                ("k".into(), attribute(Type::Number, optional)),
            ];
            Type::Object(Arc::new(attributes.into()))
        };
        let named = |items: [(&str, Value); 2]| {
            items.into_iter().map(|(name, it)| (name.into(), it)).collect::<Object>()
        };
        let null = || Value::null(&Type::String);
        Self(BTreeMap::from([
            ("us", unknown(Type::String)),
            ("un", unknown(Type::Number)),
            ("ub", unknown(Type::Bool)),
            ("ul", unknown(Type::List(text()))),
            ("uset", unknown(Type::Set(text()))),
            ("um", unknown(Type::Map(Type::Number.into()))),
            ("uo", unknown(object(false))),
            ("id", id()),
            ("pl", Value::list([Value::from("b"), id()])),
            ("pm", Value::Map(Arc::new(named([("a", id()), ("k", Value::from("x"))])))),
            ("ns", null()),
            ("nn", Value::null(&Type::Number)),
            ("nl", Value::null(&Type::List(text()))),
            ("el", Value::list_of(&Type::String, Vec::new())),
            ("es", Value::set_of(&Type::String, BTreeSet::new())),
            ("em", Value::map_of(&Type::Number, Object::new())),
            ("eo", Value::list_of(&object(false), Vec::new())),
            ("kl", Value::list([Value::from("b"), null(), Value::from("a")])),
            ("km", Value::Map(Arc::new(named([("a", Value::from("1")), ("k", null())])))),
        ]))
    }

    /// The same world with only the types of all values known.
    fn untold(&self) -> Self {
        let unknown = |it: &Value| Value::unknown(Type::of_value(it), None);
        Self(self.0.iter().map(|(name, it)| (*name, unknown(it))).collect())
    }

    fn evaluated(&self, text: &str) -> Result<Value, Vec<Diagnostic>> {
        expression("<drawn>", text)?.evaluate(&EvaluationContext::new(self, self))
    }
}

impl ValueScope for World {
    fn value(&self, target: &ReferenceTarget) -> Result<Value, Box<Diagnostic>> {
        let ReferenceTarget::Local(name) = target else { return EmptyScope.value(target) };
        self.0.get(&**name).cloned().ok_or_else(|| {
            Box::new(Diagnostic::error("there is no such value").code(code::UNDECLARED))
        })
    }

    fn instance(&self, block: &BlockName, key: &InstanceKey) -> Result<Value, Box<Diagnostic>> {
        EmptyScope.instance(block, key)
    }
}

/// The templates of the expressions below.
const TEMPLATES: [(&str, &str); 7] = [
    ("greet.tftpl", "hello ${name}\n"),
    ("outer.tftpl", "<${templatefile(\"greet.tftpl\", { name = name })}>"),
    ("self.tftpl", "${templatefile(\"self.tftpl\", {})}"),
    ("list.tftpl", "%{ for it in items ~}\n- ${it}\n%{ endfor ~}\n"),
    ("only.tftpl", "${name}"),
    ("either.tftpl", "%{ if flag }a%{ else }b${name}%{ endif }"),
    ("tried.tftpl", "${try(name.a, name, \"none\")}"),
];

/// Calls of templates.
const RENDERED: [&str; 19] = [
    "templatefile(\"greet.tftpl\", { name = local.us })",
    "templatefile(\"greet.tftpl\", { name = local.id })",
    "templatefile(\"greet.tftpl\", { name = local.ns })",
    "templatefile(\"greet.tftpl\", { name = local.ul })",
    "templatefile(\"greet.tftpl\", { name = [1] })",
    "templatefile(\"greet.tftpl\", {})",
    "templatefile(\"outer.tftpl\", { name = \"x\" })",
    "templatefile(\"outer.tftpl\", { name = local.id })",
    "templatefile(\"self.tftpl\", {})",
    "templatefile(\"list.tftpl\", { items = local.pl })",
    "templatefile(\"list.tftpl\", { items = local.el })",
    "templatefile(\"list.tftpl\", { items = local.ul })",
    "templatefile(\"only.tftpl\", { name = local.kl })",
    "templatefile(\"only.tftpl\", { name = local.un })",
    "templatefile(\"either.tftpl\", { flag = local.ub, name = 1 })",
    "templatefile(\"either.tftpl\", { flag = true, name = local.us })",
    "templatefile(\"tried.tftpl\", { name = { a = local.id } })",
    "templatefile(\"tried.tftpl\", { name = \"x\" })",
    "templatefile(local.us, {})",
];

/// Calls of `try` and `can`, with and without unknowns that decide the result.
const TRIED: [&str; 24] = [
    "try(local.us, \"x\")",
    "try(local.id, \"x\")",
    "try(local.el[0], \"x\")",
    "try(local.pl[0], \"x\")",
    "try(local.pl[5], \"x\")",
    "try(local.ul[0], \"x\")",
    "try(local.um.a, 1)",
    "try(local.uo.a, 1)",
    "try(local.uo.b, 1)",
    "try(local.km.b, \"x\")",
    "try(tonumber(local.us), 1)",
    "try(tonumber(local.ns), 1)",
    "try(length(local.ul), 1)",
    "try(local.ns.a, local.us)",
    "try(local.eo[0].a, null)",
    "try(local.nl[0], local.id)",
    "can(local.us)",
    "can(local.pl[5])",
    "can(local.ul[0])",
    "can(local.uo.b)",
    "can(tonumber(local.us))",
    "can(local.el[0])",
    "can(local.nl[0])",
    "[for it in local.pl : try(tonumber(it), 0)]",
];

impl FileSource for World {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let found = TEMPLATES.iter().find(|(name, _)| *name == path);
        found
            .map(|(_, text)| text.as_bytes().into())
            .ok_or_else(|| "there is no such file".to_owned())
    }
}

#[test]
fn values_that_terraform_knows_while_planning_are_known() {
    let Some(beside) = Beside::new() else { return };
    let mut draw = Draw::new(seed() ^ 0x5eed);
    let (mut compared, mut with_value) = (0, 0);
    let mut differ = Vec::new();
    let mut left = draws(200);
    while left > 0 {
        let batch: Vec<String> = (0..left.min(BATCH)).map(|_| one(&mut draw)).collect();
        left -= batch.len();
        compared += batch.len();
        with_value += beside.compared(&batch, &mut differ);
    }
    let shown = differ.iter().take(60).cloned().collect::<Vec<_>>().join("\n");
    assert!(differ.is_empty(), "{} of {compared} differ:\n{shown}", differ.len());
    assert!(with_value * 4 > compared, "only {with_value} of {compared} have a value");
}

#[test]
fn results_of_templates_and_try_are_known_as_in_terraform() {
    let Some(beside) = Beside::new() else { return };
    let mut differ = Vec::new();
    let all: Vec<String> = RENDERED.iter().chain(&TRIED).map(|it| (*it).to_owned()).collect();
    let with_value = beside.compared(&all, &mut differ);
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(with_value * 2 > all.len(), "only {with_value} of {} have a value", all.len());
}

/// Both programs with the same input.
struct Beside {
    directory: TempDir,
    world: World,
}

impl Beside {
    /// Both programs; `None` if Terraform is not installed.
    fn new() -> Option<Self> {
        let directory = tempfile::tempdir().expect("the comparison can be set up");
        let mut terraform = oracle::terraform(directory.path())?;
        write_given(directory.path());
        fs::write(directory.path().join("drawn.tf"), "").expect("the comparison can be set up");
        for (name, text) in TEMPLATES {
            fs::write(directory.path().join(name), text).expect("the comparison can be set up");
        }
        assert!(terraform.arg("init").status().expect("the comparison can be set up").success());
        Some(Self { directory, world: World::new() })
    }

    /// The number of expressions that have a value in Terraform, and those with another value here.
    fn compared(&self, batch: &[String], differ: &mut Vec<String>) -> usize {
        let said = planned(self.directory.path(), batch);
        for (text, said) in batch.iter().zip(&said) {
            for (index, text) in [text.clone(), is_null(text)].iter().enumerate() {
                let said = said.as_ref().map(|it| &it[index]);
                if let Some(difference) = difference(said, &self.world.evaluated(text))
                    && reason(&self.world, text, &difference).is_none()
                {
                    differ.push(format!("{text}\n  {difference}"));
                }
            }
        }
        said.iter().flatten().count()
    }
}

/// An expression whose value can be part of a Terraform plan, which cannot hold infinities.
fn one(draw: &mut Draw) -> String {
    loop {
        let text = drawn::expression_of(draw, &NAMES);
        if !text.contains("pow(") && !text.contains("log(") {
            return text;
        }
    }
}

fn is_null(text: &str) -> String {
    format!("({text}) == null")
}

/// The configuration around the drawn expressions.
fn write_given(directory: &Path) {
    let mut root = "resource \"terraform_data\" \"r\" {}\n".to_owned();
    let (mut arguments, mut locals, mut module) = (String::new(), String::new(), String::new());
    for (name, ty, argument) in GIVEN {
        arguments += &format!("  {name} = {argument}\n");
        locals += &format!("  {name} = module.m.{name}\n");
        module += &format!(
            "variable \"{name}\" {{\n  type = {ty}\n}}\noutput \"{name}\" {{\n  value = var.{name}\n}}\n"
        );
    }
    root += &format!("module \"m\" {{\n  source = \"./m\"\n{arguments}}}\nlocals {{\n{locals}}}\n");
    fs::create_dir(directory.join("m")).expect("the comparison can be set up");
    fs::write(directory.join("m/main.tf"), module).expect("the comparison can be set up");
    fs::write(directory.join("main.tf"), root).expect("the comparison can be set up");
}

/// An output of a plan: its value, and which parts are unknown.
type Said = (Json, Json);

/// Terraform's plan for each expression and for whether it is null; `None` for those that it refuses.
fn planned(directory: &Path, batch: &[String]) -> Vec<Option<[Said; 2]>> {
    let mut refused = BTreeSet::new();
    loop {
        let line = |(index, text): (usize, &String)| match refused.contains(&index) {
            true => "\n".to_owned(),
            false => format!("output \"o{index}\" {{ value = [{text}, {}] }}\n", is_null(text)),
        };
        fs::write(
            directory.join("drawn.tf"),
            batch.iter().enumerate().map(line).collect::<String>(),
        )
        .expect("the comparison can be set up");
        let mut terraform = oracle::terraform(directory).expect("it was there before");
        let reported = terraform
            .args(["plan", "-json", "-lock=false", "-input=false", "-out=plan"])
            .output()
            .expect("the comparison can be set up");
        let reported = String::from_utf8_lossy(&reported.stdout).into_owned();
        let events = reported.lines().filter_map(|it| serde_json::from_str::<Json>(it).ok());
        let errors: Vec<Json> = events.filter(|it| it["@level"] == "error").collect();
        if errors.is_empty() {
            break;
        }
        let before = refused.len();
        for error in &errors {
            // The error for an infinity in a plan has no place, so that the expression is not known.
            let detail = error["diagnostic"]["detail"].as_str().unwrap_or_default();
            if let Some((index, _)) =
                detail.split_once("output value \"o").and_then(|it| it.1.split_once('"'))
            {
                refused.insert(index.parse().expect("an output has a number"));
                continue;
            }
            let range = &error["diagnostic"]["range"];
            assert_eq!(range["filename"], "drawn.tf", "{error}");
            let line = range["start"]["line"].as_u64().expect("a line has a number");
            refused.insert(usize::try_from(line - 1).expect("the comparison can be set up"));
        }
        assert!(refused.len() > before, "{errors:?}");
    }
    let mut terraform = oracle::terraform(directory).expect("it was there before");
    let shown =
        terraform.args(["show", "-json", "plan"]).output().expect("the comparison can be set up");
    let shown: Json = serde_json::from_slice(&shown.stdout).expect("it shows a plan");
    let said = |index: usize| {
        let change = &shown["output_changes"][format!("o{index}")];
        [0, 1].map(|it| (change["after"][it].clone(), change["after_unknown"][it].clone()))
    };
    let of = |index: usize| (!refused.contains(&index)).then(|| said(index));
    (0..batch.len()).map(of).collect()
}

/// The difference from Terraform's plan. More known parts are no difference.
fn difference(said: Option<&Said>, given: &Result<Value, Vec<Diagnostic>>) -> Option<String> {
    match (said, given) {
        (None, Err(_)) => None,
        (None, Ok(value)) => Some(format!("terraform refuses it, here it is {value:?}")),
        (Some((value, unknown)), Err(problems)) => {
            let problem = problems.first().map(|it| it.summary.clone()).unwrap_or_default();
            Some(format!(
                "terraform says {value} (unknown: {unknown}), here it is refused: {problem}"
            ))
        }
        (Some((value, unknown)), Ok(given)) => {
            let differs = differs(value, unknown, given);
            differs.then(|| {
                format!("terraform says {value} (unknown: {unknown}), here it is {given:?}")
            })
        }
    }
}

fn differs(said: &Json, unknown: &Json, given: &Value) -> bool {
    if *unknown == Json::Bool(true) {
        return false;
    }
    let elements = |given: &[&Value]| -> bool {
        let most = said.as_array().map_or(0, Vec::len).max(unknown.as_array().map_or(0, Vec::len));
        most != given.len()
            || given
                .iter()
                .enumerate()
                .any(|(index, it)| differs(&said[index], &unknown[index], it))
    };
    let attributes = |items: &Object| -> bool {
        let names = |json: &Json| {
            json.as_object()
                .into_iter()
                .flat_map(|it| it.keys().cloned())
                .collect::<BTreeSet<String>>()
        };
        let all: BTreeSet<String> = names(said).union(&names(unknown)).cloned().collect();
        !all.iter().map(String::as_str).eq(items.keys().map(|it| &**it))
            || items.iter().any(|(name, it)| differs(&said[&**name], &unknown[&**name], it))
    };
    match given {
        Value::Null(_) => !said.is_null(),
        Value::Bool(it) => said.as_bool() != Some(*it),
        Value::Number(it) => said.as_f64() != Some(it.to_f64()),
        Value::String(it) => said.as_str() != Some(it),
        // What is in a set of which not all is known has no place.
        Value::Set(_) if !given.is_wholly_known() => false,
        Value::Set(items) => {
            let own: BTreeSet<String> = items.iter().map(text).collect();
            said.as_array().is_none_or(|it| {
                it.iter().map(Json::to_string).collect::<BTreeSet<_>>().len() != own.len()
            })
        }
        Value::List(items) | Value::Tuple(items) => elements(&items.iter().collect::<Vec<_>>()),
        Value::Map(items) | Value::Object(items) => attributes(items),
        // A set whose elements are not known may hold fewer of them than terraform lists.
        Value::Unknown(it) if matches!(it.ty, Type::Set(_)) => {
            !unknown.as_array().is_some_and(|it| it.contains(&Json::Bool(true)))
        }
        _ => true,
    }
}

fn text(value: &Value) -> String {
    format!("{value:?}")
}

/// The reason why an expression may differ; `None` for a fault.
fn reason(world: &World, text: &str, difference: &str) -> Option<&'static str> {
    let has = |parts: &[&str]| parts.iter().any(|it| text.contains(it));
    let says = |parts: &[&str]| parts.iter().any(|it| difference.contains(it));
    if has_negative_zero(text) && says(&["\"-0\""]) && !says(&["refused"]) {
        return Some("zero has no sign here, not even in a string");
    }
    if expression("<drawn>", text).is_err() {
        return Some(
            "calls with too many or too few arguments are refused before anything is evaluated, even within `can` and `try`",
        );
    }
    let is_open = difference.contains("here it is unknown");
    if has(&["matchkeys("]) && is_open && difference.starts_with("terraform says []") {
        return Some("a key that is not known may yet be found, where terraform says that none is");
    }
    if has(&["try(", "can("]) && is_open {
        return Some("what is tried and hangs on something unknown is not guessed");
    }
    if has(&[" ? "]) && has(&["join("]) && is_open && text.ends_with("== null") {
        return Some(
            "an arm that fails while an argument of it is unknown may succeed once it is known",
        );
    }
    if difference.starts_with("terraform refuses it") {
        if world.untold().evaluated(text).is_err() {
            return Some(
                "terraform looks at the types of variables before it looks at their values, and refuses what is wrong for those",
            );
        }
        if has(&["\"outer.tftpl\""]) {
            return Some(
                "a template may be made of others here, unless it would be made of itself",
            );
        }
        if has(&["jsondecode(", "yamldecode(", "regex(", "regexall("]) {
            return Some(
                "a string of which only the beginning is known, or a pattern for one that is not, is read once it is known",
            );
        }
        if has(&["distinct("]) && (is_open || text.ends_with("== null")) {
            return Some(
                "terraform converts the elements of a list to one type only once all of them are known",
            );
        }
        if has(&[" ? "]) {
            return Some(
                "an arm that is not taken and has no value does not count, whatever its type would be",
            );
        }
        if has(&["&&", "||"]) {
            return Some(
                "the right operand is not looked at where the left one decides, as in terraform 1.12",
            );
        }
        if has(&["for "]) && has(&["set"]) {
            return Some(
                "what is made of each element is looked at once it is known how many a set has",
            );
        }
        return None;
    }
    if has(&["base64gzip("]) && difference.starts_with("terraform says") && !says(&["refused"]) {
        return Some(
            "what is compressed reads the same, but there are many ways to say what is repeated",
        );
    }
    let wrong = [
        "cannot be part of a string",
        "null cannot be joined",
        "must not be null",
        "needs argument",
        "a condition is true or false",
        "the two results of a condition must have one type",
        "all elements must have one type",
        "`for` goes over",
        "it must be a list",
        "arguments, but the format",
        "is required",
        "a list of anything has no attribute",
        "cannot be the name of an attribute",
        "at least two arguments are required",
        "has no elements to pick by an index",
        "has no attribute `",
        "there must be as many as values",
    ];
    // Terraform's `coalesce` takes its first argument without a look at an unknown one behind it.
    let is_open_there = says(&["true]", "true)", "true}", "true,"])
        || text.ends_with("== null")
        || has(&["coalesce("]);
    if says(&wrong) && is_open_there {
        return Some("what can only be wrong is refused at once");
    }
    if has(&[" % "]) && says(&["by zero"]) {
        return Some("a remainder of a division by zero has no value");
    }
    None
}
