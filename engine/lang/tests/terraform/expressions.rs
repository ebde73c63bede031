//! Values of drawn expressions are compared with those of `terraform console`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

use ha_lang::{EmptyScope, EvaluationContext, expression};
use ha_value::Type;

use crate::differences::{Answer, agree, reason};
use crate::draw::{Draw, draws, seed};
use crate::{drawn, oracle};

/// The number of expressions for one run of terraform.
const BATCH: usize = 1000;

#[test]
fn values_are_those_of_terraform_console() {
    let directory = tempfile::tempdir().unwrap();
    let mut draw = Draw::new(seed());
    let (mut compared, mut with_value) = (0, 0);
    let mut differ: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut left = draws(400);
    while left > 0 {
        let batch: Vec<String> =
            (0..left.min(BATCH)).map(|_| drawn::expression(&mut draw)).collect();
        left -= batch.len();
        let Some(said) = console(directory.path(), &batch) else { return };
        for (text, said) in batch.iter().zip(said) {
            let given = given(text);
            compared += 1;
            with_value += usize::from(given.json.is_some());
            if !agree(&given, &said) && reason(text, &given, &said).is_none() {
                let first = text.split('(').next().unwrap_or("");
                differ
                    .entry(first.to_owned())
                    .or_default()
                    .push(format!("{text}\n- {said:?}\n+ {given:?}"));
            }
        }
    }
    let count: usize = differ.values().map(Vec::len).sum();
    let shown: Vec<&String> = differ.values().flat_map(|it| it.iter().take(3)).take(40).collect();
    assert!(
        differ.is_empty(),
        "{count} of {compared} differ:\n{}",
        shown.into_iter().cloned().collect::<Vec<_>>().join("\n")
    );
    assert!(with_value * 3 > compared, "only {with_value} of {compared} have a value");
}

fn given(text: &str) -> Answer {
    let value = |text: &str| {
        expression("<drawn>", text)
            .ok()?
            .evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope))
            .ok()
    };
    let json = value(&encoded(text)).and_then(|it| it.as_str().map(str::to_owned));
    let ty =
        value(&tried(text)).map_or_else(String::new, |it| bare(&Type::of_value(&it).to_string()));
    seen(json, ty)
}

fn seen(json: Option<String>, ty: String) -> Answer {
    Answer { json: json.filter(|it| it != "\"!\""), ty }
}

fn tried(text: &str) -> String {
    format!("try([{text}], \"!\")")
}

fn encoded(text: &str) -> String {
    format!("jsonencode({})", tried(text))
}

/// Terraform's answer for each expression.
fn console(directory: &Path, batch: &[String]) -> Option<Vec<Answer>> {
    let items: String = batch.iter().map(|it| format!("    {},\n", tried(it))).collect();
    fs::write(directory.join("main.tf"), format!("locals {{\n  drawn = [\n{items}  ]\n}}\n"))
        .expect("it can be written");
    let values = answer(directory, "jsonencode([for it in local.drawn : jsonencode(it)])")?;
    let Some(values) = values.and_then(|it| serde_json::from_str::<String>(it.trim()).ok()) else {
        // One without a value, whatever `try` says, leaves none to the others.
        if batch.len() == 1 {
            return Some(vec![seen(None, String::new())]);
        }
        let (left, right) = batch.split_at(batch.len() / 2);
        let mut answers = console(directory, left)?;
        answers.extend(console(directory, right)?);
        return Some(answers);
    };
    let said = answer(directory, "type(local.drawn)")?.expect("what has a value has a type");
    let values: Vec<String> = serde_json::from_str(&values).expect("a list of strings");
    let types = elements(&said);
    assert_eq!((values.len(), types.len()), (batch.len(), batch.len()));
    Some(values.into_iter().zip(types).map(|(value, ty)| seen(Some(value), ty)).collect())
}

/// The output of the console for a line, `Some(None)` if it fails; `None` without Terraform.
fn answer(directory: &Path, line: &str) -> Option<Option<String>> {
    let mut terraform = oracle::terraform(directory)?;
    fs::write(directory.join("line"), format!("{line}\n")).expect("it can be written");
    let line = File::open(directory.join("line")).expect("it was just written");
    let said = terraform.arg("console").stdin(line).output().expect("terraform can be run");
    Some(said.status.success().then(|| String::from_utf8_lossy(&said.stdout).into_owned()))
}

/// The element types of a tuple type as the console prints it. Each begins a line. Names of attributes
/// can contain brackets and commas, but are indented further.
fn elements(tuple: &str) -> Vec<String> {
    let mut elements: Vec<String> = Vec::new();
    for line in tuple.lines() {
        match line.strip_prefix("    ") {
            Some(first) if !first.starts_with([' ', ']', '}']) => elements.push(line.to_owned()),
            _ if line == "])" => {}
            _ => elements.last_mut().into_iter().for_each(|it| it.push_str(line)),
        }
    }
    elements.iter().map(|it| bare(it).trim_end_matches(',').to_owned()).collect()
}

/// A type without the parts that the two print differently.
fn bare(ty: &str) -> String {
    let ty = ty.replace(": ", "=").replace(" = ", "=").replace("dynamic", "any");
    let ty: String = ty.chars().filter(|it| !it.is_whitespace() && *it != '"').collect();
    ty.replace(",}", "}").replace(",]", "]")
}

#[test]
fn brackets_in_attribute_names_do_not_end_a_type() {
    let said = "tuple([\n    number,\n    object({\n        (,: number,\n        a: tuple([\n            bool,\n        ]),\n    }),\n    set(dynamic),\n])\n";
    assert_eq!(elements(said), ["number", "object({(,=number,a=tuple([bool])})", "set(any)"]);
}
