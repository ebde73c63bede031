//! The function library is terraform's.

use std::collections::BTreeMap;

use ha_lang::functions;
use serde_json::Value as Json;

use crate::oracle;

/// Functions that take other counts of arguments than terraform says, and why.
const DIFFERENT: [(&str, &str); 0] = [];

#[test]
fn each_function_is_there_and_takes_as_many_arguments() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut terraform) = oracle::terraform(directory.path()) else { return };
    let said = terraform.args(["metadata", "functions", "-json"]).output().unwrap();
    let said: Json = serde_json::from_slice(&said.stdout).unwrap();
    let counts = |parameters: usize, variadic: bool| format!("{parameters}{}", if variadic { " or more" } else { "" });
    let theirs: BTreeMap<&str, String> = said["function_signatures"]
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| !name.contains("::"))
        .map(|(name, it)| {
            let parameters = it["parameters"].as_array().map_or(0, Vec::len);
            (name.as_str(), counts(parameters, !it["variadic_parameter"].is_null()))
        })
        .collect();
    let ours: BTreeMap<&str, String> =
        functions().iter().map(|it| (it.name, counts(it.parameters.len(), it.variadic.is_some()))).collect();
    assert!(theirs.len() >= 118, "{}", theirs.len());
    let expected = |name: &str| !DIFFERENT.iter().any(|(known, _)| *known == name);
    let differ: Vec<String> = theirs
        .iter()
        .filter(|(name, counts)| ours.get(*name) != Some(*counts) && expected(name))
        .map(|(name, counts)| format!("{name} takes {counts}, not {:?}", ours.get(name)))
        .collect();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    let more: Vec<&&str> = ours.keys().filter(|it| !theirs.contains_key(*it)).collect();
    assert_eq!(more, [&"type"], "functions that terraform does not list");
}

#[test]
fn each_function_is_described_in_a_sentence() {
    for function in functions() {
        let doc = function.doc;
        assert!(!doc.starts_with(char::is_lowercase) && doc.ends_with('.') && doc.len() > 10, "{}: {doc}", function.name);
    }
}
