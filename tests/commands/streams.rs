//! The stream of JSON lines, on standard output or in a file.

use std::fs;

use serde_json::Value;

use crate::{Project, STACK};

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|it| serde_json::from_str(it).unwrap_or_else(|_| panic!("{it}"))).collect()
}

fn kinds(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|it| it["type"].as_str().unwrap()).collect()
}

#[test]
fn json_output_is_only_the_stream() {
    let project = Project::new(STACK);
    let applied = project.ha(&["apply", "--yes", "--json"]);
    assert_eq!((applied.code, applied.err.as_str()), (0, ""));
    let lines = lines(&applied.out);
    let kinds = kinds(&lines);
    assert_eq!(kinds[0], "version");
    for (kind, count) in [
        ("planned_change", 3),
        ("apply_start", 3),
        ("apply_complete", 3),
        ("change_summary", 2),
        ("outputs", 2),
    ] {
        assert_eq!(
            kinds.iter().filter(|it| **it == kind).count(),
            count,
            "{kind}\n{}",
            applied.out
        );
    }
    assert_eq!(lines.last().unwrap()["outputs"]["motto"]["value"], "better than never");
}

#[test]
fn errors_are_part_of_the_stream() {
    let project = Project::new("resource \"ha_data\" \"a\" {\n  inptu = 1\n}\n");
    for command in [&["plan", "--json"][..], &["apply", "--yes", "--json"]] {
        let failed = project.ha(command);
        assert_eq!((failed.code, failed.err.as_str()), (1, ""));
        let mut lines = lines(&failed.out);
        lines.retain(|it| it["type"] != "log");
        assert_eq!(kinds(&lines), ["version", "diagnostic"]);
        assert_eq!(
            (&lines[1]["@level"], &lines[1]["diagnostic"]["range"]["start"]["line"]),
            (&"error".into(), &2.into())
        );
    }
    let refused = project.ha(&["apply", "--json"]);
    assert!(
        lines(&refused.out)[1]["diagnostic"]["detail"].as_str().unwrap().contains("--yes"),
        "{}",
        refused.out
    );
}

#[test]
fn a_failed_apply_streams_completed_and_missing_steps() {
    let project = Project::new(
        "resource \"ha_data\" \"a\" {}\nresource \"local_file\" \"b\" {\n  filename = \"main.hcl/${ha_data.a.id}\"\n  content  = \"\"\n}\n\
         resource \"ha_data\" \"c\" {\n  input = local_file.b.id\n}\n",
    );
    let failed = project.ha(&["apply", "--yes", "--json"]);
    assert_eq!((failed.code, failed.err.as_str()), (1, ""));
    let lines = lines(&failed.out);
    assert!(
        kinds(&lines).contains(&"apply_errored") && kinds(&lines).contains(&"diagnostic"),
        "{}",
        failed.out
    );
    let stopped = lines.last().unwrap();
    assert_eq!(stopped["type"], "apply_stopped", "{}", failed.out);
    let addresses = |of: &str| {
        stopped[of].as_array().unwrap().iter().map(|it| it["addr"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(
        (addresses("done"), addresses("failed")),
        (vec!["ha_data.a".into()], vec!["local_file.b".into()])
    );
    assert_eq!(stopped["not_started"][0]["reason"], "needs local_file.b");
}

#[test]
fn unknown_values_are_not_errors() {
    let project = Project::new(
        "variable \"size\" {}\nvariable \"names\" {}\nresource \"ha_data\" \"a\" {\n  count = var.size\n}\n\
         resource \"ha_data\" \"b\" {\n  for_each = var.names\n  input    = ha_data.a[0].id\n}\n",
    );
    assert_eq!(project.done(&["validate"]), "The configuration is valid.\n");
    project
        .write("wrong.hcl", "resource \"ha_data\" \"c\" {\n  count = var.size\n  inptu = 1\n}\n");
    let wrong = project.ha(&["validate"]);
    assert!(
        wrong.code == 1
            && wrong.err.contains("wrong.hcl:3")
            && wrong.err.matches("error").count() == 1,
        "{}",
        wrong.err
    );
}

#[test]
fn an_incomplete_plan_is_shown_and_not_applied() {
    let project = Project::new(
        "resource \"ha_data\" \"a\" {}\nresource \"ha_data\" \"b\" {\n  lifecycle {\n    precondition {\n\
         \x20     condition     = false\n      error_message = \"never\"\n    }\n  }\n}\n",
    );
    for command in [&["plan"][..], &["apply", "--yes"]] {
        let failed = project.ha(command);
        assert_eq!(failed.code, 1);
        assert!(
            failed.out.contains("Planning failed") && failed.out.contains("ha_data.a"),
            "{}",
            failed.out
        );
        assert!(failed.err.contains("never"), "{}", failed.err);
    }
    let document = project.ha(&["plan", "--document=-"]);
    let document: Value = serde_json::from_str(&document.out).unwrap();
    assert_eq!(
        (&document["errored"], &document["applyable"], &document["complete"]),
        (&true.into(), &false.into(), &false.into())
    );
    assert_eq!(project.done(&["state", "list"]), "");
}

#[test]
fn a_file_takes_the_stream_while_a_person_reads() {
    let project = Project::new(STACK);
    for command in [&["plan"][..], &["apply", "--yes"], &["destroy", "--yes"]] {
        let done = project.ha(&[command, &["--json-into", "events.json"]].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.out.contains("Plan: "), "{}", done.out);
        let lines = lines(&fs::read_to_string(project.path("events.json")).unwrap());
        assert!(kinds(&lines).contains(&"change_summary"));
        fs::remove_file(project.path("events.json")).unwrap();
    }
    let nowhere = project.ha(&["plan", "--json-into", "no/such/place"]);
    assert_eq!((nowhere.code, nowhere.out.as_str()), (1, ""));
    assert!(nowhere.err.contains("no/such/place"), "{}", nowhere.err);
}

#[test]
fn no_secret_is_in_any_stream_or_document() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes", "--json-into=apply.json"]);
    let uri = project.done(&["output", "--raw", "uri"]);
    let password = uri.strip_prefix("postgresql://app:").unwrap().strip_suffix("@db/app").unwrap();
    let mut printed = fs::read_to_string(project.path("apply.json")).unwrap();
    for arguments in [
        &["plan", "--json"][..],
        &["plan", "--document=-"],
        &["plan", "--document=-", "--replace=random_password.app"],
        &["plan", "--destroy", "--json"],
        &["plan", "--destroy", "--document=-"],
        &["validate", "--json"],
        &["show", "--json"],
        &["destroy", "--yes", "--json"],
    ] {
        printed += &project.done(arguments);
    }
    assert!(!printed.contains(password), "{printed}");
    project.write("main.hcl", &STACK.replace("length  = 24", "length  = 25"));
    project.done(&["apply", "--yes"]);
    let shown = project.done(&["plan", "--document=-", "--show-sensitive"]);
    let uri = project.done(&["output", "--raw", "uri"]);
    assert!(shown.contains(&uri), "{shown}");
}

#[test]
fn null_outputs_are_reported_as_in_terraform() {
    let project =
        Project::new("output \"a\" {\n  value = 1\n}\noutput \"n\" {\n  value = null\n}\n");
    let printed = |project: &Project| {
        let document: Value =
            serde_json::from_str(&project.done(&["plan", "--document=-"])).unwrap();
        let streamed = lines(&project.done(&["plan", "--json"]))
            .into_iter()
            .find(|it| it["type"] == "outputs")
            .unwrap();
        (document, streamed["outputs"].clone())
    };
    let change = |action: &str, before: Value, after: Value| {
        serde_json::json!({"actions": [action], "before": before, "after": after, "after_unknown": false,
            "before_sensitive": false, "after_sensitive": false})
    };
    let (document, streamed) = printed(&project);
    assert_eq!(document["output_changes"]["a"], change("create", Value::Null, 1.into()));
    assert_eq!(document["output_changes"]["n"], change("no-op", Value::Null, Value::Null));
    assert!(document["planned_values"]["outputs"]["n"]["value"].is_null());
    assert_eq!(
        (&streamed["a"]["action"], &streamed["n"]["action"]),
        (&"create".into(), &"noop".into())
    );
    project.done(&["apply", "--yes"]);
    for (text, name, action) in [
        ("output \"a\" {\n  value = null\n}\n", "update", "update"),
        ("output \"b\" {\n  value = null\n}\n", "delete", "delete"),
    ] {
        project.write("main.hcl", text);
        let (document, streamed) = printed(&project);
        assert_eq!(document["output_changes"]["a"], change(name, 1.into(), Value::Null), "{text}");
        assert_eq!(streamed["a"]["action"], action, "{text}");
    }
}

#[test]
fn ephemeral_values_are_in_no_document() {
    let project =
        Project::new("variable \"e\" {\n  ephemeral = true\n  default   = \"Zwxqvbjk\"\n}\n");
    let text = project.done(&["plan", "--document=-"]);
    let document: Value = serde_json::from_str(&text).unwrap();
    assert!(!text.contains("Zwxqvbjk"), "{text}");
    assert!(document["configuration"]["root_module"]["variables"]["e"].is_object(), "{text}");
}
