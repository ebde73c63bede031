//! The key of a state, and key changes.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use crate::{Done, Project};

const THING: &str = "resource \"ha_data\" \"a\" {\n  input = 1\n}\n";
const OLD: &str = "the passphrase that was first";
const NEW: &str = "the passphrase that came then";

fn with(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    Done::from(project.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

/// Runs a command that must succeed, and returns its output.
fn done(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let done = with(project, arguments, variables);
    assert_eq!(done.code, 0, "{arguments:?}: {}", done.err);
    done.out
}

/// Runs a command that must fail without changing a file, and returns its message.
fn refused(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let before = project.files();
    let done = with(project, arguments, variables);
    assert_eq!(done.code, 1, "{arguments:?}: {}", done.out);
    assert!(before == project.files(), "{arguments:?} changed something");
    done.err
}

/// Writes a new key to a file.
fn key_file(project: &Project, name: &str) -> String {
    let path = project.path(name);
    fs::write(&path, done(project, &["state", "key", "--new"], &[])).unwrap();
    path.display().to_string()
}

fn key_id(project: &Project, variables: &[(&str, &str)]) -> String {
    let printed = done(project, &["state", "key"], variables);
    printed.lines().find_map(|it| it.strip_prefix("key ")).unwrap().trim().to_owned()
}

fn user_keys(project: &Project) -> Vec<PathBuf> {
    let directory = project.home.path().join(".config/ha/keys");
    let mut all: Vec<PathBuf> =
        fs::read_dir(directory).into_iter().flatten().map(|it| it.unwrap().path()).collect();
    all.sort();
    all
}

#[test]
fn a_passphrase_seals_everything_and_nothing_opens_without_it() {
    let project = Project::new(THING);
    project.write("settings.hcl", "variable \"key\" {\n  type      = string\n  sensitive = true\n}\nha {\n  encryption {\n    passphrase = var.key\n  }\n}\n");
    let right = [("HA_VAR_key", OLD)];
    done(&project, &["apply", "--yes"], &right);
    assert!(user_keys(&project).is_empty());
    assert!(
        done(&project, &["state", "key"], &right)
            .contains("argon2id, 65536 KiB of memory, 3 passes")
    );
    done(&project, &["plan", "--out", "plan.ha", "--replace", "ha_data.a"], &right);
    fs::write(project.path("pulled"), {
        let pulled = project.command(&["state", "pull", "--sealed"]).envs(right).output().unwrap();
        assert_eq!(pulled.status.code(), Some(0));
        pulled.stdout
    })
    .unwrap();

    let wrong = [("HA_VAR_key", NEW)];
    for arguments in [
        &["state", "list"][..],
        &["plan"],
        &["apply", "--yes"],
        &["show", "plan.ha"],
        &["apply", "plan.ha"],
        &["state", "push", "pulled"],
        &["state", "rekey"],
    ] {
        let printed = refused(&project, arguments, &wrong);
        assert!(
            printed.contains("the passphrase makes another") && !printed.contains(NEW),
            "{arguments:?}: {printed}"
        );
    }
    let printed = refused(&project, &["state", "list"], &[]);
    assert!(
        printed.contains("which key the state has is not known")
            && printed.contains("settings.hcl:7"),
        "{printed}"
    );
    assert!(
        refused(&project, &["state", "list"], &[("HA_VAR_key", "too short")])
            .contains("the passphrase makes another")
    );
    let holds = |bytes: &[u8]| bytes.windows(OLD.len()).any(|it| it == OLD.as_bytes());
    assert!(!project.files().iter().any(|(_, bytes)| holds(bytes)));

    done(&project, &["apply", "plan.ha"], &right);
    done(&project, &["state", "push", "--force", "pulled"], &right);
}

#[test]
fn a_state_is_resealed_with_a_new_user_key() {
    let project = Project::new(THING);
    done(&project, &["apply", "--yes"], &[]);
    done(&project, &["state", "mv", "ha_data.a", "ha_data.b"], &[]);
    let before = key_id(&project, &[]);
    assert!(done(&project, &["state", "rekey", "--dry-run"], &[]).contains(&before));
    assert_eq!(key_id(&project, &[]), before);

    let rekeyed = project.ha(&["state", "rekey"]);
    let after = key_id(&project, &[]);
    assert_eq!(
        (rekeyed.code, &*rekeyed.out),
        (0, &*format!("key {before} -> {after}\n")),
        "{}",
        rekeyed.err
    );
    assert!(
        rekeyed.err.contains("made the key of this state")
            && rekeyed.err.contains("1 in .ha/backups"),
        "{}",
        rekeyed.err
    );
    assert_eq!(done(&project, &["state", "list"], &[]), "ha_data.b\n");
    // The old key is retained for the copies, which are still sealed with it.
    let [new, old] = &user_keys(&project)[..] else { panic!("{:?}", user_keys(&project)) };
    let (new, old) =
        if old.display().to_string().contains(&before) { (new, old) } else { (old, new) };
    assert!(
        [new, old].iter().all(|it| fs::metadata(it).unwrap().permissions().mode() & 0o777 == 0o600)
    );
    let copy = fs::read_dir(project.path(".ha/backups")).unwrap().next().unwrap().unwrap().path();
    done(&project, &["state", "push", "--force", copy.to_str().unwrap()], &[]);
    assert_eq!(done(&project, &["state", "list"], &[]), "ha_data.a\n");

    // The old key alone opens nothing.
    let (old, new) = (old.display().to_string(), new.display().to_string());
    let printed =
        refused(&project, &["state", "list"], &[("HA_STATE_KEY_FILE", &old), ("HOME", "/nowhere")]);
    assert!(printed.contains(&before) && printed.contains(&after), "{printed}");
    let both = [("HA_STATE_KEY_FILE", &*old), ("HA_STATE_FALLBACK_KEY_FILE", &*new)];
    assert_eq!(done(&project, &["state", "list"], &both), "ha_data.a\n");
    assert!(
        refused(&project, &["apply", "--yes"], &both).contains("was replaced by `ha state rekey`")
    );
}

#[test]
fn the_named_key_replaces_the_previous_one() {
    let project = Project::new(THING);
    let (one, two) = (key_file(&project, "one.key"), key_file(&project, "two.key"));
    let first = [("HA_STATE_KEY_FILE", &*one)];
    done(&project, &["apply", "--yes"], &first);
    assert!(
        refused(&project, &["state", "rekey"], &first)
            .contains("is the one that the state is sealed with")
    );

    let second = [("HA_STATE_KEY_FILE", &*two)];
    assert!(refused(&project, &["state", "rekey"], &second).contains("holds key"));
    let both = [("HA_STATE_KEY_FILE", &*two), ("HA_STATE_FALLBACK_KEY_FILE", &*one)];
    assert!(done(&project, &["state", "key"], &both).contains("next"));
    done(&project, &["state", "rekey"], &both);
    assert_eq!(done(&project, &["state", "list"], &second), "ha_data.a\n");
    assert!(!done(&project, &["state", "key"], &both).contains("next"));

    // Change to a passphrase, then to another one.
    let passphrase = [("HA_STATE_PASSPHRASE", OLD), ("HA_STATE_FALLBACK_KEY_FILE", &*two)];
    done(&project, &["state", "rekey"], &passphrase);
    let before = key_id(&project, &passphrase[..1]);
    done(&project, &["state", "rekey"], &passphrase[..1]);
    assert_ne!(key_id(&project, &passphrase[..1]), before);
    fs::write(project.path("phrase"), format!("{NEW}\n")).unwrap();
    let file = project.path("phrase").display().to_string();
    done(
        &project,
        &["state", "rekey"],
        &[("HA_STATE_PASSPHRASE_FILE", &*file), ("HA_STATE_FALLBACK_PASSPHRASE", OLD)],
    );
    assert_eq!(done(&project, &["state", "list"], &[("HA_STATE_PASSPHRASE", NEW)]), "ha_data.a\n");
    assert!(
        refused(&project, &["state", "list"], &passphrase[..1])
            .contains("the passphrase makes another")
    );
}

#[test]
fn a_key_has_one_source() {
    let project = Project::new(THING);
    for (block, printed, line) in [
        ("", "names no key", 2),
        (
            "\n    key_file = \"k\"\n    ask_passphrase = true\n  ",
            "names several keys: key_file, ask_passphrase",
            2,
        ),
        ("\n    passfrase = \"x\"\n  ", "did you mean `passphrase`?", 3),
        ("\n    passphrase = ha_data.a.output\n  ", "waits for `ha_data.a`", 3),
        (
            "\n    key_file = \"k\"\n    fallback {\n    }\n  ",
            "the block `fallback` names no key",
            2,
        ),
    ] {
        project.write("settings.hcl", &format!("ha {{\n  encryption {{{block}}}\n}}\n"));
        for command in [&["validate"][..], &["plan"], &["state", "list"]] {
            let err = refused(&project, command, &[]);
            assert!(
                err.contains(printed) && err.contains(&format!("settings.hcl:{line}")),
                "{block} {command:?}:\n{err}"
            );
        }
    }
    project.write("settings.hcl", "ha {\n  encryption {\n    key_file = \"k\"\n  }\n}\n");
    assert!(with(&project, &["apply", "--yes"], &[]).err.contains("no key file `k`"));
    assert!(
        refused(&project, &["plan"], &[("HA_STATE_PASSPHRASE", OLD)]).contains("is named twice")
    );
    project.write("settings.hcl", "ha {\n  encryption {\n    ask_passphrase = true\n  }\n}\n");
    assert!(with(&project, &["apply", "--yes"], &[]).err.contains("there is no one to ask"));
    assert_eq!(project.ha(&["validate"]).code, 0);
}

#[test]
fn a_rotation_that_is_killed_leaves_the_state_under_one_key_or_the_other() {
    let project = Project::new(THING);
    done(&project, &["apply", "--yes"], &[]);
    let mut ids = std::collections::BTreeSet::new();
    for step in 0..12_u32 {
        let mut child = project
            .command(&["state", "rekey"])
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        // The kills are spread over the duration of a move on this machine.
        for _ in 0..step * 40 {
            if child.try_wait().unwrap().is_some() {
                break;
            }
            std::hint::black_box(fs::read_dir(project.path(".ha")).unwrap().count());
        }
        let _ = child.kill();
        child.wait().unwrap();
        assert_eq!(done(&project, &["state", "list"], &[]), "ha_data.a\n", "step {step}");
        ids.insert(key_id(&project, &[]));
        done(&project, &["apply", "--yes"], &[]);
    }
    done(&project, &["state", "rekey"], &[]);
    assert!(ids.insert(key_id(&project, &[])), "the last was not killed");
}
