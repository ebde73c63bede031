//! Commands that do nothing or fail leave no files.

use std::fs;
use std::path::Path;

use crate::Project;

const THING: &str = "resource \"ha_data\" \"a\" {\n  input = 1\n}\n";

/// Returns the names of all files and directories below a directory.
fn names(directory: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        found.push(path.display().to_string());
        if path.is_dir() {
            found.extend(names(&path));
        }
    }
    found.sort();
    found
}

fn leaves_nothing(configuration: &str, arguments: &[&str], code: i32) {
    let project = Project::new(configuration);
    fs::create_dir(project.path("env")).unwrap();
    project.write("env/prod.hclvars", "");
    let all = || (names(project.directory.path()), names(project.home.path()));
    let before = all();
    let done = project.ha(arguments);
    assert_eq!(done.code, code, "{arguments:?}: {}\n{}", done.out, done.err);
    assert_eq!(all(), before, "{arguments:?}: {}", done.err);
}

#[test]
fn a_command_that_does_nothing_leaves_nothing() {
    let nowhere = "resource \"ha_data\" \"a\" {\n  input = file(\"nowhere\")\n}\n";
    let elsewhere = "ha {\n  backend \"local\" {\n    path = \"states/deep/ha.state\"\n  }\n}\n";
    for (configuration, arguments, code) in [
        (THING, &["destroy", "--yes"][..], 0),
        (THING, &["--env", "prod", "destroy", "--yes"], 0),
        (THING, &["destroy", "--yes", "--json"], 0),
        ("", &["apply", "--yes"], 0),
        (nowhere, &["apply", "--yes"], 1),
        (nowhere, &["--env", "prod", "apply", "--yes"], 1),
        (&(nowhere.to_owned() + elsewhere), &["apply", "--yes"], 1),
        (nowhere, &["plan", "--out", "p"], 1),
        (THING, &["plan", "--out", "nowhere/p"], 1),
        (THING, &["plan"], 0),
        (THING, &["apply"], 1),
        (THING, &["apply", "--yes", "--target", "ha_data.none"], 1),
        (THING, &["import", "ha_data.none", "x"], 1),
        (THING, &["state", "rm", "ha_data.a"], 1),
        (THING, &["state", "mv", "ha_data.a", "ha_data.b"], 1),
        (THING, &["state", "push", "main.hcl"], 1),
        (THING, &["state", "rekey"], 0),
        (THING, &["state", "key"], 0),
        (THING, &["state", "pull"], 0),
        (THING, &["state", "list"], 0),
        (THING, &["state", "locks"], 0),
        (THING, &["state", "unlock", "x"], 1),
        (THING, &["state", "migrate"], 0),
        (&(THING.to_owned() + elsewhere), &["state", "migrate"], 0),
        (THING, &["show"], 0),
        (THING, &["output"], 0),
        (THING, &["console", "--expr", "1"], 0),
        (THING, &["validate"], 0),
    ] {
        leaves_nothing(configuration, arguments, code);
    }
}

#[test]
fn a_first_apply_that_comes_to_nothing_leaves_nothing() {
    let failing = "resource \"local_file\" \"f\" {\n  filename = \"/proc/no-such/f\"\n  content  = \"x\"\n}\n";
    leaves_nothing(failing, &["apply", "--yes"], 1);
    let elsewhere = "ha {\n  backend \"local\" {\n    path = \"states/deep/ha.state\"\n  }\n}\n";
    leaves_nothing(&(failing.to_owned() + elsewhere), &["--env", "prod", "apply", "--yes"], 1);
    // Created objects stay, and so does the key of their state.
    let project = Project::new(&(failing.to_owned() + THING));
    assert_eq!(project.ha(&["apply", "--yes"]).code, 1);
    assert_eq!(project.done(&["state", "list"]), "ha_data.a\n");
    assert_eq!(fs::read_dir(project.home.path().join(".config/ha/keys")).unwrap().count(), 1);
}

#[test]
fn an_empty_saved_plan_can_be_applied_again() {
    let project = Project::new(
        "resource \"local_file\" \"f\" {\n  filename = \"folder/f\"\n  content  = \"x\"\n}\n",
    );
    project.done(&["plan", "--out", "p"]);
    project.write("folder", "in the way");
    assert_eq!(project.ha(&["apply", "p"]).code, 1);
    assert_eq!(project.done(&["state", "list"]), "");
    fs::remove_file(project.path("folder")).unwrap();
    project.done(&["apply", "p"]);
    assert_eq!(project.done(&["state", "list"]), "local_file.f\n");
}
