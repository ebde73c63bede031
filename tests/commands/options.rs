//! Options of planning.

use std::fs;

use crate::Project;

const STACK: &str = r#"
resource "ha_data" "base" {
  input = "base"
}

resource "ha_data" "top" {
  count = 2
  input = ha_data.base.id
}

resource "local_file" "note" {
  filename = "note"
  content  = "note"
}
"#;

#[test]
fn a_target_includes_dependencies_and_lists_the_rest() {
    let project = Project::new(STACK);
    let planned = project.done(&["plan", "--target=ha_data.top[0]"]);
    assert!(
        planned.contains("Plan: 2 to create") && planned.contains("ha_data.base  ha_data.top[0]\n"),
        "{planned}"
    );
    assert!(
        planned.contains("--target ha_data.top[0]") && planned.contains("local_file.note"),
        "{planned}"
    );
    project.done(&["apply", "--yes", "--exclude", "local_*.*"]);
    assert_eq!(project.done(&["state", "list"]), "ha_data.base\nha_data.top[0]\nha_data.top[1]\n");
    project.done(&["destroy", "--yes", "--target", "ha_data.base"]);
    assert_eq!(project.done(&["state", "list"]), "");
    let slip = project.ha(&["plan", "--target=ha_data.bas"]);
    assert!(slip.code == 1 && slip.err.contains("ha_data.base"), "{}", slip.err);
    let nonsense = project.ha(&["plan", "--exclude=a b"]);
    assert!(nonsense.code == 1 && nonsense.err.contains("aws_s3_*.*"), "{}", nonsense.err);
}

#[test]
fn drift_can_be_recorded_or_ignored() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    fs::remove_file(project.path("note")).unwrap();
    for unseen in ["--refresh=none", "-refresh=false"] {
        assert!(project.done(&["plan", unseen]).contains("No changes."));
    }
    assert!(project.done(&["plan", "--refresh=changed"]).contains("No changes."));
    assert!(project.done(&["plan"]).contains("+    local_file.note"));
    let seen = project.ha(&["plan", "--refresh-only", "--detailed-exitcode"]);
    assert_eq!(seen.code, 2, "{}", seen.err);
    assert!(
        seen.out.contains("refresh only")
            && seen.out.contains("local_file.note is gone; the state is to say so"),
        "{}",
        seen.out
    );
    project.done(&["apply", "--refresh-only", "--yes"]);
    assert_eq!(project.done(&["state", "list"]), "ha_data.base\nha_data.top[0]\nha_data.top[1]\n");
    let both = project.ha(&["plan", "--refresh-only", "--destroy"]);
    assert!(both.code == 1 && both.err.contains("cannot be used with"), "{}", both.err);
}

#[test]
fn moved_and_removed_blocks_are_reported() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    project.write(
        "main.hcl",
        "resource \"ha_data\" \"ground\" {\n  input = \"base\"\n}\n\
         moved {\n  from = ha_data.base\n  to   = ha_data.ground\n}\n\
         removed {\n  from = local_file.note\n  lifecycle {\n    destroy = false\n  }\n}\n",
    );
    let planned = project.done(&["plan"]);
    assert!(planned.contains("ha_data.base has moved to ha_data.ground"), "{planned}");
    assert!(
        planned.contains(".   local_file.note") && planned.contains("1 to forget, 1 to move"),
        "{planned}"
    );
    let streamed = project.done(&["plan", "--json"]);
    assert!(
        streamed.contains("\"action\":\"move\"") && streamed.contains("\"action\":\"forget\""),
        "{streamed}"
    );
    let document: serde_json::Value =
        serde_json::from_str(&project.done(&["plan", "--document=-"])).unwrap();
    let changes = document["resource_changes"].as_array().unwrap();
    let moved = changes.iter().find(|it| it["address"] == "ha_data.ground").unwrap();
    assert_eq!(
        (&moved["previous_address"], &moved["change"]["actions"][0]),
        (&"ha_data.base".into(), &"no-op".into())
    );
    let applied = project.done(&["apply", "--yes"]);
    assert!(applied.contains("1 forgotten"), "{applied}");
    assert_eq!(project.done(&["state", "list"]), "ha_data.ground\n");
    assert!(project.path("note").exists());
}

#[test]
fn existing_objects_are_imported() {
    let project = Project::new(
        "resource \"ha_data\" \"a\" {\n  input = \"new\"\n}\nimport {\n  to = ha_data.a\n  id = \"an-old-id\"\n}\n",
    );
    let planned = project.done(&["plan"]);
    assert!(
        planned.contains("by its id an-old-id") && planned.contains("1 to import"),
        "{planned}"
    );
    let document: serde_json::Value =
        serde_json::from_str(&project.done(&["plan", "--document=-"])).unwrap();
    assert_eq!(document["resource_changes"][0]["change"]["importing"]["id"], "an-old-id");
    project.done(&["apply", "--yes"]);
    assert!(project.done(&["state", "show", "ha_data.a"]).contains("an-old-id"));
}

#[test]
fn a_saved_plan_accepts_no_planning_options() {
    let project = Project::new(STACK);
    project.done(&["plan", "--out=plan.ha"]);
    for wish in [
        "--target=ha_data.base",
        "--exclude=ha_data.base",
        "--refresh=none",
        "--refresh-only",
        "--destroy",
    ] {
        let refused = project.ha(&["apply", "plan.ha", wish]);
        assert!(
            refused.code == 1 && refused.err.contains("cannot be used with"),
            "{wish}: {}",
            refused.err
        );
    }
    let refused = project.ha(&["apply", "plan.ha", "--var=a=1"]);
    assert!(refused.code == 1 && refused.err.contains("would change the plan"), "{}", refused.err);
    project.done(&["apply", "plan.ha"]);
}

#[test]
fn compact_warnings_are_one_line_each() {
    let project = Project::new(
        "check \"c\" {\n  assert {\n    condition     = false\n    error_message = \"no\"\n  }\n}\n",
    );
    let long = project.ha(&["plan"]);
    let short = project.ha(&["plan", "--compact-warnings"]);
    assert!(long.err.lines().count() > 3, "{}", long.err);
    assert_eq!(short.err.lines().count(), 1, "{}", short.err);
    assert!(
        short.err.starts_with("warning: ") && short.err.contains("(main.hcl:3)"),
        "{}",
        short.err
    );
}
