//! `ha explain`: each of its examples produces the code that it explains.

use std::fs;

use ha_diagnostics::code::EXPLANATIONS;

use crate::Project;

#[test]
fn a_code_is_explained() {
    let project = Project::new("");
    let text = project.done(&["explain", "HA0203"]);
    assert!(
        text.starts_with("HA0203: Something is defined twice.\n")
            && text.contains("    locals {\n      a = 1\n"),
        "{text}"
    );
    assert_eq!(project.done(&["explain"]).lines().count(), EXPLANATIONS.len());
    assert!(project.ha(&["explain", "HA9999"]).err.contains("there is no code `HA9999`"));
}

#[test]
fn each_example_produces_its_code() {
    let mut wrong = Vec::new();
    for it in
        EXPLANATIONS.iter().filter(|it| !it.example.is_empty() && !it.example.starts_with('$'))
    {
        let project = Project::new(it.example);
        let planned = project.ha(&["plan"]);
        if planned.code != 1 || !planned.err.contains(&format!("[{}]", it.code)) {
            wrong.push(format!(
                "{} {}\n{}{}{}",
                it.code, it.name, it.example, planned.out, planned.err
            ));
        }
        fs::remove_file(project.path("main.hcl")).unwrap();
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_secret_address_has_a_code() {
    let secret = "variable \"s\" {\n  sensitive = true\n  default   = \"Zwxqvbjk\"\n}\n";
    let kind =
        "resource \"random_id\" \"a\" {\n  for_each    = toset([\"x\"])\n  byte_length = 4\n}\n";
    for import in ["to = random_id.a[\"x\"]\n  id = var.s", "to = random_id.a[var.s]\n  id = \"x\""]
    {
        let planned =
            Project::new(&format!("{secret}{kind}import {{\n  {import}\n}}\n")).ha(&["plan"]);
        assert!(
            planned.code == 1 && planned.err.contains("error[HA0409]"),
            "{import}: {}",
            planned.err
        );
        assert!(!planned.err.contains("Zwxqvbjk"), "{import}: {}", planned.err);
    }
    assert!(Project::new("").done(&["explain", "HA0409"]).contains("nonsensitive"));
}
