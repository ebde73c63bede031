//! The log: off by default, machine-readable, without secrets.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::{Done, Project, STACK};

fn logged(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    Done::from(project.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

#[test]
fn nothing_is_logged_unless_asked_for() {
    let project = Project::new(STACK);
    let done = logged(&project, &["apply", "--yes"], &[("HA_LOG_FILE", "ha.log")]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!done.err.contains("ha::") && !project.path("ha.log").exists());
}

#[test]
fn commands_and_steps_are_logged_with_their_durations() {
    let project = Project::new(STACK);
    let variables = [("HA_LOG", "debug"), ("HA_LOG_FILE", "ha.log"), ("HA_LOG_FORMAT", "json")];
    let done = logged(&project, &["apply", "--yes"], &variables);
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(!done.err.contains("ha::"), "{}", done.err);
    let mode = fs::metadata(project.path("ha.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = fs::read_to_string(project.path("ha.log")).unwrap();
    let lines: Vec<Value> = text.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let step = lines
        .iter()
        .find(|it| it["target"] == "ha::step" && it["fields"]["message"] == "ended")
        .unwrap();
    assert!(step["fields"]["duration_ms"].is_u64() && step["fields"]["ok"] == true, "{step}");
    let steps =
        lines.iter().filter(|it| it["fields"]["message"] == "ended" && it["target"] == "ha::step");
    let mut addresses: Vec<&str> =
        steps.map(|it| it["span"]["address"].as_str().unwrap()).collect();
    addresses.sort_unstable();
    assert_eq!(addresses, ["ha_data.motto", "local_file.settings", "random_password.app"]);
    assert!(lines.iter().any(|it| it["spans"][0]["command"] == "apply"), "{text}");
    let end = lines.last().unwrap();
    assert!(end["target"] == "ha::command" && end["fields"]["code"] == 0, "{end}");
}

#[test]
fn a_log_is_appended_and_has_no_secrets() {
    let project = Project::new(STACK);
    let variables = [("HA_LOG", "trace"), ("HA_LOG_FILE", "ha.log")];
    logged(&project, &["apply", "--yes"], &variables);
    let first = fs::read_to_string(project.path("ha.log")).unwrap();
    logged(&project, &["destroy", "--yes"], &variables);
    let both = fs::read_to_string(project.path("ha.log")).unwrap();
    assert!(both.starts_with(&first) && both.contains("command=\"destroy\""), "{both}");
    project.done(&["apply", "--yes"]);
    let password = project.done(&["output", "--raw", "uri"]);
    let password = password.split([':', '@']).nth(2).unwrap();
    assert!(password.len() == 24 && !both.contains(password));
}

#[test]
fn invalid_log_settings_are_refused_first() {
    let project = Project::new(STACK);
    let fifo = std::process::Command::new("mkfifo").arg(project.path("pipe")).status().unwrap();
    assert!(fifo.success());
    for (variables, expected) in [
        (vec![("HA_LOG", "ha::call=loud")], "HA_LOG is not a valid filter"),
        (
            vec![("HA_LOG", "debug"), ("HA_LOG_FORMAT", "xml")],
            "HA_LOG_FORMAT does not know the format `xml`",
        ),
        (
            vec![("HA_LOG", "debug"), ("HA_LOG_FILE", "no/such/folder/log")],
            "could not write the log to `no/such/folder/log`",
        ),
        (vec![("HA_LOG", "debug"), ("HA_LOG_FILE", "pipe")], "could not write the log to `pipe`"),
    ] {
        let done = logged(&project, &["apply", "--yes"], &variables);
        assert!(
            done.code == 1 && done.err.contains(expected) && done.err.contains("help"),
            "{}",
            done.err
        );
        assert!(!project.path(".ha").exists());
    }
}
