//! Moves of a state to another backend.

use std::fs;
use std::process::Stdio;

use ha_state_store::{KeyRing, LocalStore, LockInfo, OpenOptions, open_for_writing};

use crate::{Done, Project};

const THINGS: &str = "resource \"ha_data\" \"a\" {\n  count = 2\n  input = count.index\n}\n";

fn backend(path: &str) -> String {
    format!("ha {{\n  backend \"local\" {{\n    path = \"{path}\"\n  }}\n}}\n")
}

/// Creates an applied project with a local state.
fn applied() -> Project {
    let project = Project::new(THINGS);
    project.done(&["apply", "--yes"]);
    project
}

fn refused(project: &Project, arguments: &[&str]) -> String {
    let Done { code, err, out } = project.ha(arguments);
    assert_eq!(code, 1, "{arguments:?}: {out}");
    err
}

#[test]
fn a_changed_backend_creates_nothing_again() {
    let project = applied();
    project.write("settings.hcl", &backend("two.state"));
    for arguments in
        [&["plan"][..], &["apply", "--yes"], &["state", "list"], &["output"], &["destroy", "--yes"]]
    {
        let printed = refused(&project, arguments);
        let names_both =
            printed.contains("kept in `.ha/ha.state`, and the configuration names `two.state`");
        assert!(names_both && printed.contains("`ha state migrate`"), "{arguments:?}: {printed}");
    }
    assert!(!project.path("two.state").exists());

    let would = project.ha(&["state", "migrate", "--dry-run"]);
    assert_eq!(
        (would.code, &*would.out),
        (0, "2 records from `.ha/ha.state` to `two.state`\n"),
        "{}",
        would.err
    );
    assert!(!project.path("two.state").exists());
    let plan = project.ha(&["state", "migrate"]);
    assert_eq!((plan.code, &plan.out), (0, &would.out), "{}", plan.err);
    assert_eq!(project.done(&["state", "list"]), "ha_data.a[0]\nha_data.a[1]\n");
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
    let again = project.ha(&["state", "migrate"]);
    assert!(again.code == 0 && again.err.contains("there is nothing to move"), "{}", again.err);

    // The old location is refused, even if a command names it.
    project.write("settings.hcl", "");
    let printed = refused(&project, &["apply", "--yes"]);
    assert!(
        printed.contains("kept in `two.state`, and the configuration names `.ha/ha.state`"),
        "{printed}"
    );
    fs::remove_file(project.path(".ha/backend")).unwrap();
    let printed = refused(&project, &["apply", "--yes"]);
    assert!(printed.contains("the state was moved to `two.state`"), "{printed}");
    assert!(refused(&project, &["state", "list"]).contains("was moved to"));
}

#[test]
fn a_state_is_moved_back() {
    let project = applied();
    project.write("settings.hcl", &backend("two.state"));
    project.done(&["state", "migrate"]);
    project.done(&["apply", "--yes", "--replace", "ha_data.a[0]"]);
    project.write("settings.hcl", "");
    assert_eq!(
        project.done(&["state", "migrate"]),
        "2 records from `two.state` to `.ha/ha.state`\n"
    );
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
    project.write("settings.hcl", &backend("two.state"));
    project.done(&["state", "migrate"]);
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
}

#[test]
fn a_saved_plan_survives_a_state_move() {
    let project = applied();
    project.done(&["plan", "--out", "before.ha", "--replace", "ha_data.a[0]"]);
    project.write("settings.hcl", &backend("two.state"));
    project.done(&["state", "migrate"]);
    // The plan was made for the old location and is applied only there.
    assert!(refused(&project, &["apply", "before.ha"]).contains("kept in `two.state`"));
    project.done(&["plan", "--out", "after.ha", "--replace", "ha_data.a[0]"]);
    project.done(&["apply", "after.ha"]);
}

#[test]
fn another_state_is_never_overwritten() {
    let (project, other) = (applied(), applied());
    fs::copy(other.path(".ha/ha.state"), project.path("two.state")).unwrap();
    for entry in fs::read_dir(other.home.path().join(".config/ha/keys")).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(
            &path,
            project.home.path().join(".config/ha/keys").join(path.file_name().unwrap()),
        )
        .unwrap();
    }
    project.write("settings.hcl", &backend("two.state"));
    let before = fs::read(project.path("two.state")).unwrap();
    for arguments in [&["state", "migrate", "--dry-run"][..], &["state", "migrate"]] {
        let printed = refused(&project, arguments);
        assert!(printed.contains("lineage"), "{printed}");
    }
    assert_eq!(fs::read(project.path("two.state")).unwrap(), before);
    project.write("settings.hcl", "");
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
}

#[test]
fn the_previous_backend_can_be_given_in_a_file() {
    let project = Project::new(THINGS);
    project.write("settings.hcl", &backend("one.state"));
    project.done(&["apply", "--yes"]);
    // Another copy of the configuration has no record of the last backend.
    fs::remove_dir_all(project.path(".ha")).unwrap();
    project.write("settings.hcl", &backend("two.state"));
    fs::create_dir(project.path("old")).unwrap();
    project.write("old/settings.hcl", &backend("one.state"));
    let nothing = project.ha(&["state", "migrate"]);
    assert!(
        nothing.code == 0 && nothing.err.contains("there is nothing to move"),
        "{}",
        nothing.err
    );
    assert_eq!(
        project.done(&["state", "migrate", "--from", "old/settings.hcl"]),
        "2 records from `one.state` to `two.state`\n"
    );
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);

    // A copy that has the old backend on record may continue.
    project.write(
        ".ha/backend",
        &fs::read_to_string(project.path(".ha/backend")).unwrap().replace("two.state", "one.state"),
    );
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
}

#[test]
fn a_killed_move_can_be_repeated() {
    let project = applied();
    for step in 0..16_u32 {
        project.write(
            "settings.hcl",
            &if step % 2 == 0 { backend("two.state") } else { String::new() },
        );
        let mut child = project
            .command(&["state", "migrate"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The kills are spread over the duration of a move on this machine.
        for _ in 0..(step + 1) * 30 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::hint::black_box(fs::read_dir(project.path(".ha")).unwrap().count());
        }
        let _ = child.kill();
        child.wait().unwrap();
        project.done(&["state", "migrate"]);
        assert_eq!(project.done(&["state", "list"]), "ha_data.a[0]\nha_data.a[1]\n", "step {step}");
        assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0, "step {step}");
    }
}

#[test]
fn the_lock_holder_is_reported() {
    let project = applied();
    let nobody = project.ha(&["state", "locks"]);
    assert!(
        (nobody.code, &*nobody.out) == (0, "")
            && nobody.err.contains("No one holds the lock of `.ha/ha.state`")
    );
    assert_eq!(project.done(&["state", "locks", "--json"]).trim(), "[]");
    let ring = KeyRing::new(
        project.home.path().join(".config/ha/keys"),
        ha_state_store::KeyPolicy::Interactive,
    );
    let store = LocalStore::new(project.path(".ha"));
    let held =
        open_for_writing(&store, &ring, OpenOptions::by(LockInfo::here("ha apply"))).unwrap();
    let printed = project.done(&["state", "locks"]);
    assert!(printed.contains("`ha apply`, process ") && printed.contains(", since "), "{printed}");
    assert!(printed.ends_with("\nIt ends with its process\n"), "{printed}");
    let listed: serde_json::Value =
        serde_json::from_str(&project.done(&["state", "locks", "--json"])).unwrap();
    assert_eq!(listed[0]["command"], "ha apply");
    assert_eq!(listed[0]["process"], u64::from(std::process::id()));
    assert_eq!(listed[0]["seconds_left"], serde_json::Value::Null);
    let id = listed[0]["id"].as_str().unwrap();
    assert!(printed.contains(&format!("(lock {id})")));
    // The holder of the lock is this running test process.
    assert!(refused(&project, &["state", "unlock", id]).contains("goes with the process"));
    assert!(
        refused(&project, &["state", "unlock", "0123456789abcdef"])
            .contains("it is locked by `ha apply`")
    );
    drop(held);
    assert!(refused(&project, &["state", "unlock", id]).contains("no one holds it"));
}
