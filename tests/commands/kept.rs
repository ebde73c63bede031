//! What a plan that was kept is bound to: its state, also where there is none yet, its environment,
//! and what is recorded.

use std::fs;

use crate::{Done, Project};

const THINGS: &str = "variable \"v\" {\n  default = 1\n}\nresource \"ha_data\" \"a\" {\n  input = var.v\n}\noutput \"o\" {\n  value = var.v\n}\n";

/// A project with the home of another.
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
fn a_first_plan_is_applied_once_and_where_it_was_made() {
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
    // Now that its state exists, it is no more that of a directory in which there is none.
    let elsewhere = at_home_of(&made, &other, &["apply", "p"]);
    assert!(elsewhere.code == 1 && before == other.files(), "{}", elsewhere.err);
}

#[test]
fn a_plan_of_a_state_is_not_applied_where_there_is_none() {
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
    // Wherever its directory is by then.
    fs::create_dir(made.path("moved")).unwrap();
    for name in [".ha", "main.hcl", "more.hcl"] {
        fs::rename(made.path(name), made.path("moved").join(name)).unwrap();
    }
    refused(&made, &["apply", "p"], "a state that is not here");
    made.done(&["--chdir", "moved", "apply", "../p"]);
}

#[test]
fn a_plan_is_for_its_environment() {
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
    // Where none is asked for, it is the plan's.
    project.done(&["--env", "b", "plan", "--out", "b.plan"]);
    let applied = project.ha(&["apply", "b.plan"]);
    assert!(applied.code == 0 && applied.out.contains("/b · "), "{}", applied.out);
    for (name, listed) in [("a", "ha_data.a\n"), ("b", "ha_data.a\n"), ("default", "")] {
        assert_eq!(project.done(&["--env", name, "state", "list"]), listed, "{name}");
    }
}

#[test]
fn an_output_that_has_changed_is_not_put_back() {
    let project = Project::new(THINGS.replace("input = var.v", "").as_str());
    project.done(&["apply", "--yes"]);
    project.done(&["plan", "--var", "v=2", "--out", "p"]);
    project.done(&["apply", "--yes", "--var", "v=3"]);
    refused(&project, &["apply", "p"], "the output o");
    project.done(&["plan", "--var", "v=4", "--out", "p"]);
    project.done(&["apply", "p"]);
    refused(&project, &["apply", "p"], "the output o");
    // One that is new since.
    project.done(&["plan", "--var", "v=5", "--out", "p"]);
    project.write("more.hcl", "output \"new\" {\n  value = 1\n}\n");
    project.done(&["apply", "--yes", "--var", "v=4"]);
    refused(&project, &["apply", "p"], "the output new");
}

#[test]
fn what_refresh_saw_is_not_written_over_what_came_since() {
    let file = |text: &str| {
        format!(
            "resource \"local_file\" \"f\" {{\n  filename = \"f\"\n  content  = \"{text}\"\n}}\n"
        )
    };
    let project = Project::new(&(file("one") + THINGS));
    project.done(&["apply", "--yes"]);
    // It is gone, which the plan would write down.
    fs::remove_file(project.path("f")).unwrap();
    project.done(&["plan", "--refresh-only", "--out", "gone"]);
    project.done(&["apply", "--yes"]);
    refused(&project, &["apply", "gone"], "local_file.f");
    assert!(project.done(&["state", "list"]).contains("local_file.f"));
}

#[test]
fn what_becomes_of_its_state_becomes_of_a_plan() {
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
    // Another key changes nothing of what is recorded, and the one before opens the plan.
    change(&[&["state", "rekey"]]).done(&["apply", "p"]);
    // What was moved is not where the plan was made for.
    let project = change(&[]);
    project.write(
        "settings.hcl",
        "ha {\n  backend \"local\" {\n    path = \"other/ha.state\"\n  }\n}\n",
    );
    project.done(&["state", "migrate"]);
    refused(&project, &["apply", "p"], "other/ha.state");
}

/// A plan is headed by the environment that it was made for, wherever it is shown.
#[test]
fn a_plan_is_shown_with_its_own_environment() {
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
