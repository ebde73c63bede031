//! The backend: where the configuration stores its state.

use crate::{Done, Project};

const THING: &str = "resource \"ha_data\" \"a\" {\n  input = 1\n}\n";

fn project(settings: &str) -> Project {
    let project = Project::new(THING);
    project.write("settings.hcl", settings);
    project
}

fn with(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    Done::from(project.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn the_backend_block_decides_where_the_state_is_stored() {
    let project = project(
        r#"
variable "team" {
  type = string
}
locals {
  path = format("states/%s/%s.state", var.team, ha.workspace)
}
ha {
  backend "local" {
    path = local.path
  }
}
"#,
    );
    assert_eq!(project.ha(&["apply", "--yes", "--var", "team=db"]).code, 0);
    assert!(project.path("states/db/default.state").is_file());
    assert!(!project.path(".ha/ha.state").exists());

    // Commands that need no other part of the configuration use the backend too, if it can be
    // parsed.
    let listed = with(&project, &["state", "list"], &[("HA_VAR_team", "db")]);
    assert_eq!((listed.code, &*listed.out), (0, "ha_data.a\n"), "{}", listed.err);
    let unknown = project.ha(&["state", "list"]);
    assert_eq!(unknown.code, 1);
    assert!(
        unknown.err.contains("waits for a value of `var.team`")
            && unknown.err.contains("settings.hcl:10"),
        "{}",
        unknown.err
    );

    // Backups are written beside the configuration.
    let moved =
        with(&project, &["state", "mv", "ha_data.a", "ha_data.b"], &[("HA_VAR_team", "db")]);
    assert_eq!(moved.code, 0, "{}", moved.err);
    assert_eq!(std::fs::read_dir(project.path(".ha/backups")).unwrap().count(), 1);
}

#[test]
fn each_workspace_has_its_own_state_in_the_backend() {
    let project = project("ha {\n  backend \"local\" {\n    path = \"states/ha.state\"\n  }\n}\n");
    std::fs::create_dir(project.path("env")).unwrap();
    project.write("env/prod.hclvars", "");
    assert_eq!(project.ha(&["apply", "--yes", "--env", "prod"]).code, 0);
    assert!(project.path("states/env/prod/ha.state").is_file());
    assert_eq!(project.ha(&["state", "list"]).out, "");
    assert_eq!(project.ha(&["state", "list", "--env", "prod"]).out, "ha_data.a\n");
}

#[test]
fn a_saved_plan_is_applied_to_its_own_backend() {
    let settings =
        |path: &str| format!("ha {{\n  backend \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n");
    let project = project(&settings("one.state"));
    assert_eq!(project.ha(&["plan", "--out", "plan.ha"]).code, 0);
    project.write("settings.hcl", &settings("two.state"));
    let applied = project.ha(&["apply", "plan.ha"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    assert!(project.path("one.state").is_file() && !project.path("two.state").exists());
}

#[test]
fn terraform_blocks_are_accepted() {
    let project = Project::new("");
    std::fs::remove_file(project.path("main.hcl")).unwrap();
    let backend = "terraform {\n  backend \"local\" {\n    path = \"other.state\"\n  }\n}\n";
    project.write(
        "main.tf",
        &format!("{backend}resource \"terraform_data\" \"a\" {{\n  input = 1\n}}\n"),
    );
    assert_eq!(project.ha(&["apply", "--yes"]).code, 0);
    assert!(project.path("other.state").is_file());
}

#[test]
fn backend_errors_have_places_and_create_nothing() {
    let wrong = [
        ("backend \"lokal\" {}", "there is no backend `lokal`", "did you mean `local`?", 2),
        (
            "backend \"local\" {\n    pth = \"x\"\n  }",
            "there is no argument `pth`",
            "did you mean `path`?",
            3,
        ),
        ("backend \"local\" {\n    path = [1]\n  }", "a string is required", "", 3),
        ("backend \"local\" {\n    path = \"..\"\n  }", "no name of a file", "state/ha.state", 2),
        (
            "backend \"local\" {\n    path = ha_data.a.output\n  }",
            "where the state is kept is not known",
            "waits for `ha_data.a`",
            3,
        ),
    ];
    for (block, title, more, line) in wrong {
        let project = project(&format!("ha {{\n  {block}\n}}\n"));
        for command in [&["validate"][..], &["plan"], &["apply", "--yes"], &["state", "list"]] {
            let done = project.ha(command);
            assert_eq!(done.code, 1, "{block} {command:?}: {}", done.out);
            let is_told = done.err.contains(title)
                && done.err.contains(more)
                && done.err.contains(&format!("settings.hcl:{line}"));
            assert!(is_told, "{block} {command:?}:\n{}", done.err);
        }
        assert!(!project.path(".ha").exists());
    }
}

#[test]
fn arguments_of_backends_are_listed() {
    let project = project("");
    let backends = project.done(&["schema", "backend"]);
    let is_listed = |line: &str| {
        line.trim_start().starts_with("local ")
            && line.contains("A state in a file of this machine")
    };
    assert!(backends.lines().any(is_listed), "{backends}");
    let local = project.done(&["schema", "backend", "local"]);
    assert!(
        local.contains("path  string") && local.contains("`.ha/ha.state` when left out"),
        "{local}"
    );
    assert!(project.ha(&["schema", "backend", "lokal"]).err.contains("did you mean `local`?"));
    let encryption = project.done(&["schema", "encryption"]);
    assert!(
        encryption.contains("passphrase  string  never shown")
            && encryption.contains("fallback  block"),
        "{encryption}"
    );
    let listed: serde_json::Value =
        serde_json::from_str(&project.done(&["schema", "backend", "local", "--json"])).unwrap();
    assert_eq!(listed["arguments"]["path"]["type"], "string");
}
