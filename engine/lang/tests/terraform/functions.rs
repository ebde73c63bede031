//! Compares the function library with that of Terraform.

use std::collections::BTreeMap;

use ha_lang::{EmptyScope, EvaluationContext, functions};
use serde_json::Value as Json;

use crate::oracle;

/// Functions with other parameters than in Terraform, with the reason.
const DIFFERENT: [(&str, &str); 0] = [];

#[test]
fn functions_have_the_parameters_of_terraform() {
    let directory = tempfile::tempdir().unwrap();
    let Some(mut terraform) = oracle::terraform(directory.path()) else { return };
    let said = terraform.args(["metadata", "functions", "-json"]).output().unwrap();
    let said: Json = serde_json::from_slice(&said.stdout).unwrap();
    let counts = |parameters: usize, variadic: bool| {
        format!("{parameters}{}", if variadic { " or more" } else { "" })
    };
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
    let ours: BTreeMap<&str, String> = functions()
        .iter()
        .map(|it| (it.name, counts(it.parameters.len(), it.variadic.is_some())))
        .collect();
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
fn each_function_has_a_sentence_of_documentation() {
    for function in functions() {
        let doc = function.doc;
        assert!(
            !doc.starts_with(char::is_lowercase) && doc.ends_with('.') && doc.len() > 10,
            "{}: {doc}",
            function.name
        );
    }
}

/// Strings, and whether the compressed bytes must be equal: repetitions can be encoded in several
/// ways.
const TEXTS: [(&str, bool); 6] = [
    ("", true),
    ("a", true),
    ("#!/bin/sh\necho hi\n", true),
    ("é日本", true),
    ("The quick brown fox jumps over the lazy dog, and the dog sleeps.", false),
    ("server {\n  listen 80;\n}\nserver {\n  listen 81;\n}\nserver {\n  listen 82;\n}\n", false),
];

#[test]
fn base64gzip_decompresses_to_the_same_string() {
    let directory = tempfile::tempdir().unwrap();
    let calls: String = TEXTS.iter().map(|(text, _)| format!("base64gzip({text:?}), ")).collect();
    let Some(mut terraform) = oracle::terraform(directory.path()) else { return };
    let line = directory.path().join("line");
    std::fs::write(&line, format!("jsonencode([{calls}])\n")).unwrap();
    let said = terraform.arg("console").stdin(std::fs::File::open(line).unwrap()).output().unwrap();
    let said: String = serde_json::from_slice(&said.stdout).unwrap();
    let theirs: Vec<String> = serde_json::from_str(&said).unwrap();
    for ((text, is_same), theirs) in TEXTS.iter().zip(&theirs) {
        let call = ha_lang::expression("<test>", &format!("base64gzip({text:?})")).unwrap();
        let own = call.evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope)).unwrap();
        let own = own.as_str().unwrap();
        assert_eq!((read(own), read(theirs)), ((*text).to_owned(), (*text).to_owned()));
        assert!(!is_same || own == theirs, "{text:?}: {own} {theirs}");
    }
}

fn read(encoded: &str) -> String {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(encoded).expect("it is Base64");
    std::io::read_to_string(flate2::read::GzDecoder::new(&*bytes))
        .expect("it is a gzip stream of text")
}
