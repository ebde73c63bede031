//! A saved plan is bound to its state, even before there is one, to its workspace, and to the
//! records that it reads.

use std::fs;

use crate::{Done, Project};

const THINGS: &str = "variable \"v\" {\n  default = 1\n}\nresource \"ha_data\" \"a\" {\n  input = var.v\n}\noutput \"o\" {\n  value = var.v\n}\n";

/// Creates a project with the home directory of another.
fn beside(other: &Project, name: &str) -> Project {
    let project = Project::new(THINGS);
    fs::copy(other.path(name), project.path(name)).unwrap();
    project
}

fn at_home_of(home: &Project, project: &Project, arguments: &[&str]) -> Done {
    Done::from(project.command(arguments).env("HOME", home.home.path()).output().unwrap())
}

fn refused(project: &Project, arguments: &[&str], why: &str) {
    let before = project.files();
    let done = project.ha(arguments);
    assert!(done.code == 1 && done.err.contains(why), "{arguments:?}: {}\n{}", done.out, done.err);
    let mut after = project.files();
    after.retain(|it| {
        !it.0.ends_with("ha.state.lock") || before.iter().any(|before| before.0 == it.0)
    });
    assert!(before == after, "{arguments:?} has changed something");
}

#[test]
fn a_first_plan_is_applied_once_and_in_its_directory() {
    let made = Project::new(THINGS);
    made.done(&["plan", "--out", "p"]);
    let other = beside(&made, "p");
    let before = other.files();
    let elsewhere = at_home_of(&made, &other, &["apply", "p"]);
    assert!(
        elsewhere.code == 1 && elsewhere.err.contains("made for another state"),
        "{}",
        elsewhere.err
    );
    assert!(before == other.files(), "nothing is left there");
    made.done(&["apply", "p"]);
    refused(&made, &["apply", "p"], "the plan is stale");
    // The state exists now, so that a plan made before it no longer applies.
    let elsewhere = at_home_of(&made, &other, &["apply", "p"]);
    assert!(elsewhere.code == 1 && before == other.files(), "{}", elsewhere.err);
}

#[test]
fn a_plan_of_a_state_is_refused_without_that_state() {
    let made = Project::new(THINGS);
    made.done(&["apply", "--yes"]);
    made.write("more.hcl", "resource \"ha_data\" \"b\" {}\n");
    made.done(&["plan", "--out", "p"]);
    let other = beside(&made, "p");
    let before = other.files();
    let elsewhere = at_home_of(&made, &other, &["apply", "p"]);
    assert!(
        elsewhere.code == 1 && elsewhere.err.contains("a state that is not here"),
        "{}",
        elsewhere.err
    );
    assert!(before == other.files(), "nothing is left there");
    // The directory of the plan may have been moved.
    fs::create_dir(made.path("moved")).unwrap();
    for name in [".ha", "main.hcl", "more.hcl"] {
        fs::rename(made.path(name), made.path("moved").join(name)).unwrap();
    }
    refused(&made, &["apply", "p"], "a state that is not here");
    made.done(&["--chdir", "moved", "apply", "../p"]);
}

#[test]
fn a_plan_belongs_to_its_workspace() {
    let project = Project::new(THINGS);
    fs::create_dir(project.path("env")).unwrap();
    for name in ["a", "b"] {
        project.write(&format!("env/{name}.hclvars"), "");
    }
    project.done(&["--env", "a", "plan", "--out", "a.plan"]);
    project.done(&["plan", "--out", "default.plan"]);
    refused(
        &project,
        &["--env", "b", "apply", "a.plan"],
        "for the environment `a`, and `b` is asked for",
    );
    refused(
        &project,
        &["--env", "default", "apply", "a.plan"],
        "for the environment `a`, and `default` is asked for",
    );
    refused(
        &project,
        &["--env", "b", "apply", "default.plan"],
        "for the environment `default`, and `b` is asked for",
    );
    let by_variable =
        Done::from(project.command(&["apply", "a.plan"]).env("HA_ENV", "b").output().unwrap());
    assert!(
        by_variable.code == 1 && by_variable.err.contains("`b` is asked for"),
        "{}",
        by_variable.err
    );
    let applied = project.ha(&["--env", "a", "apply", "a.plan"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    // Without `--env` the workspace of the plan is used.
    project.done(&["--env", "b", "plan", "--out", "b.plan"]);
    let applied = project.ha(&["apply", "b.plan"]);
    assert!(applied.code == 0 && applied.out.contains("/b · "), "{}", applied.out);
    for (name, listed) in [("a", "ha_data.a\n"), ("b", "ha_data.a\n"), ("default", "")] {
        assert_eq!(project.done(&["--env", name, "state", "list"]), listed, "{name}");
    }
}

#[test]
fn a_changed_output_is_not_reverted() {
    let project = Project::new(THINGS.replace("input = var.v", "").as_str());
    project.done(&["apply", "--yes"]);
    project.done(&["plan", "--var", "v=2", "--out", "p"]);
    project.done(&["apply", "--yes", "--var", "v=3"]);
    refused(&project, &["apply", "p"], "the output o");
    project.done(&["plan", "--var", "v=4", "--out", "p"]);
    project.done(&["apply", "p"]);
    refused(&project, &["apply", "p"], "the output o");
    // An output that was added since.
    project.done(&["plan", "--var", "v=5", "--out", "p"]);
    project.write("more.hcl", "output \"new\" {\n  value = 1\n}\n");
    project.done(&["apply", "--yes", "--var", "v=4"]);
    refused(&project, &["apply", "p"], "the output new");
}

#[test]
fn refresh_results_do_not_overwrite_newer_records() {
    let file = |text: &str| {
        format!(
            "resource \"local_file\" \"f\" {{\n  filename = \"f\"\n  content  = \"{text}\"\n}}\n"
        )
    };
    let project = Project::new(&(file("one") + THINGS));
    project.done(&["apply", "--yes"]);
    // The file is deleted, and the plan would record that.
    fs::remove_file(project.path("f")).unwrap();
    project.done(&["plan", "--refresh-only", "--out", "gone"]);
    project.done(&["apply", "--yes"]);
    refused(&project, &["apply", "gone"], "local_file.f");
    assert!(project.done(&["state", "list"]).contains("local_file.f"));
}

#[test]
fn a_plan_follows_the_keys_and_moves_of_its_state() {
    let change = |commands: &[&[&str]]| {
        let project = Project::new(THINGS);
        project.done(&["apply", "--yes"]);
        project.done(&["plan", "--var", "v=2", "--out", "p"]);
        for command in commands {
            project.done(command);
        }
        project
    };
    refused(
        &change(&[&["state", "rm", "ha_data.a"]]),
        &["apply", "p"],
        "existed then and does not now",
    );
    refused(
        &change(&[&["state", "mv", "ha_data.a", "ha_data.b"]]),
        &["apply", "p"],
        "existed then and does not now",
    );
    // A new key does not change the records, and the old key still opens the plan.
    change(&[&["state", "rekey"]]).done(&["apply", "p"]);
    // A moved state is no longer at the location of the plan.
    let project = change(&[]);
    project.write(
        "settings.hcl",
        "ha {\n  backend \"local\" {\n    path = \"other/ha.state\"\n  }\n}\n",
    );
    project.done(&["state", "migrate"]);
    refused(&project, &["apply", "p"], "other/ha.state");
}

/// Every view of a plan names the workspace of the plan.
#[test]
fn a_plan_is_shown_with_its_own_workspace() {
    let project = Project::new("resource \"ha_data\" \"a\" {\n  input = 1\n}\n");
    fs::create_dir(project.path("env")).unwrap();
    project.write("env/prod.hclvars", "");
    project.write("env/test.hclvars", "");
    project.done(&["--env", "prod", "plan", "--out", "plan.ha"]);
    for given in [["show", "plan.ha"].as_slice(), &["--env", "test", "show", "plan.ha"]] {
        let shown = project.done(given);
        assert!(shown.lines().next().unwrap().contains("/prod"), "{shown}");
    }
}
