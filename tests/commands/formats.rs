//! Files of earlier versions stay readable: `formats/1` has a state with the journal of a killed
//! run, a plan and a copy of the state. All are sealed with `state.key`, as before keys could come
//! from other sources than files.

use std::fs;
use std::path::Path;

use crate::{Done, Project};

const CONFIGURATION: &str =
    "resource \"ha_data\" \"a\" {\n  count = 2\n  input = \"kept ${count.index}\"\n}\n";

fn project() -> Project {
    let project = Project::new(CONFIGURATION);
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/commands/formats/1");
    fs::create_dir(project.path(".ha")).unwrap();
    for (name, to) in [
        ("ha.state", ".ha/ha.state"),
        ("ha.state.journal", ".ha/ha.state.journal"),
        ("plan.ha", "plan.ha"),
        ("pulled.state", "pulled.state"),
        ("state.key", "state.key"),
    ] {
        fs::copy(from.join(name), project.path(to)).unwrap();
    }
    project
}

fn ha(project: &Project, arguments: &[&str]) -> String {
    let key = project.path("state.key");
    let done =
        Done::from(project.command(arguments).env("HA_STATE_KEY_FILE", key).output().unwrap());
    assert_eq!(done.code, 0, "{arguments:?}: {}", done.err);
    done.out
}

#[test]
fn files_of_the_first_format_are_read_and_extended() {
    let project = project();
    assert_eq!(ha(&project, &["state", "list"]), "ha_data.a[0]\nha_data.a[1]\n");
    assert!(ha(&project, &["show", "plan.ha"]).contains("ha_data.a[0]"));
    ha(&project, &["apply", "plan.ha"]);
    ha(&project, &["plan", "--detailed-exitcode"]);
    ha(&project, &["state", "rm", "ha_data.a[1]"]);
    ha(&project, &["state", "push", "--force", "pulled.state"]);
    assert_eq!(ha(&project, &["state", "list"]), "ha_data.a[0]\nha_data.a[1]\n");
    ha(&project, &["plan", "--detailed-exitcode"]);
}
