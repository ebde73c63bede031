//! Pipes, devices, directories and endless files are refused wherever a file is read, without
//! waiting.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::{Done, Project};

const THING: &str = "resource \"ha_data\" \"a\" {\n  input = 1\n}\n";
/// The exit code of `timeout` when the limit is reached, which is far longer than the tests take.
const TIMEOUT: (&str, i32) = ("60", 124);

#[derive(Clone, Copy, Debug)]
enum Strange {
    Pipe,
    Device,
    Directory,
    Endless,
}

const ALL: [Strange; 4] = [Strange::Pipe, Strange::Device, Strange::Directory, Strange::Endless];

impl Strange {
    fn make(self, path: &Path) {
        if path.is_file() {
            fs::remove_file(path).unwrap();
        }
        match self {
            Self::Pipe => assert!(Command::new("mkfifo").arg(path).status().unwrap().success()),
            Self::Device => symlink("/dev/zero", path).unwrap(),
            Self::Directory => fs::create_dir(path).unwrap(),
            Self::Endless => File::create(path).unwrap().set_len(1 << 40).unwrap(),
        }
    }

    fn printed(self) -> &'static str {
        match self {
            Self::Pipe => "it is a pipe",
            Self::Device => "it is a device",
            Self::Directory => "it is a directory",
            Self::Endless => "it is larger than",
        }
    }
}

fn ha(project: &Project, arguments: &[&str], variables: &[(&str, &str)]) -> Done {
    let mut command = Command::new("timeout");
    command
        .arg(TIMEOUT.0)
        .arg(env!("CARGO_BIN_EXE_ha"))
        .args(arguments)
        .current_dir(project.directory.path());
    command
        .env_clear()
        .env("HOME", project.home.path())
        .env("PATH", "/usr/bin:/bin")
        .envs(variables.iter().copied());
    Done::from(command.output().unwrap())
}

fn refused(project: &Project, strange: Strange, arguments: &[&str], variables: &[(&str, &str)]) {
    let done = ha(project, arguments, variables);
    assert_ne!(done.code, TIMEOUT.1, "{strange:?} {arguments:?} waits");
    assert_eq!(done.code, 1, "{strange:?} {arguments:?}: {}\n{}", done.out, done.err);
    assert!(done.err.contains(strange.printed()), "{strange:?} {arguments:?}: {}", done.err);
}

#[test]
fn command_line_files_must_be_regular() {
    for strange in ALL {
        let project = Project::new(THING);
        strange.make(&project.path("x"));
        for arguments in [
            &["plan", "--var-file", "x"][..],
            &["apply", "x"],
            &["show", "x"],
            &["state", "push", "x"],
            &["state", "recover", "--given", "x"],
            &["state", "migrate", "--from", "x"],
        ] {
            // A plan is known by its first bytes.
            match (strange, arguments) {
                (Strange::Endless, ["apply" | "show", _]) => {
                    let done = ha(&project, arguments, &[]);
                    assert!(
                        done.code == 1 && done.err.contains("is not a plan"),
                        "{arguments:?}: {}",
                        done.err
                    );
                }
                _ => refused(&project, strange, arguments, &[]),
            }
        }
        if !matches!(strange, Strange::Directory) {
            fs::rename(project.path("x"), project.path("x.hclvars")).unwrap();
            refused(&project, strange, &["fmt", "x.hclvars"], &[]);
        }
    }
}

#[test]
fn functions_read_regular_files_only() {
    for strange in ALL {
        let project = Project::new("");
        strange.make(&project.path("x"));
        for call in [
            "file(\"x\")",
            "filebase64(\"x\")",
            "filesha256(\"x\")",
            "templatefile(\"x\", {})",
            "fileexists(\"x\")",
        ] {
            project.write(
                "main.hcl",
                &format!("resource \"ha_data\" \"a\" {{\n  input = {call}\n}}\n"),
            );
            refused(&project, strange, &["plan", "--allow-read", "/dev"], &[]);
        }
    }
}

#[test]
fn configuration_files_must_be_regular() {
    for strange in ALL.into_iter().filter(|it| !matches!(it, Strange::Directory)) {
        for (name, arguments) in [
            ("more.hcl", &["plan"][..]),
            ("more.hcl", &["state", "list"]),
            ("x.auto.hclvars", &["plan"]),
            ("env/prod.hclvars", &["--env", "prod", "plan"]),
            ("m/main.hcl", &["plan"]),
        ] {
            let text = if name.starts_with("m/") {
                "module \"m\" {\n  source = \"./m\"\n}\n"
            } else {
                THING
            };
            let project = Project::new(text);
            for folder in ["env", "m"] {
                fs::create_dir(project.path(folder)).unwrap();
            }
            strange.make(&project.path(name));
            let allowed = if name.starts_with("m/") { &["--allow-read", "/dev"][..] } else { &[] };
            refused(&project, strange, &[arguments, allowed].concat(), &[]);
        }
    }
}

#[test]
fn key_and_passphrase_files_must_be_regular() {
    for strange in ALL {
        let project = Project::new(THING);
        strange.make(&project.path("x"));
        for variable in ["HA_STATE_KEY_FILE", "HA_STATE_PASSPHRASE_FILE"] {
            refused(&project, strange, &["apply", "--yes"], &[(variable, "x")]);
        }
        project.write("settings.hcl", "ha {\n  encryption {\n    key_file = \"x\"\n  }\n}\n");
        refused(&project, strange, &["apply", "--yes"], &[]);
        let authority = "conn_str = \"postgres://a@127.0.0.1:9/d\"\n    sslrootcert = \"x\"";
        project.write(
            "settings.hcl",
            &format!("ha {{\n  backend \"postgres\" {{\n    {authority}\n  }}\n}}\n"),
        );
        if cfg!(feature = "postgresql") {
            refused(&project, strange, &["plan"], &[]);
        }
    }
}

#[test]
fn state_files_must_be_regular() {
    for strange in ALL {
        for name in ["ha.state", "ha.state.journal", "ha.state.lock", "backend"] {
            let project = Project::new(THING);
            project.done(&["apply", "--yes"]);
            strange.make(&project.path(".ha").join(name));
            // A lock file says nothing that is read of it.
            match (name, strange) {
                ("ha.state.lock", Strange::Endless) => {
                    assert_eq!(ha(&project, &["apply", "--yes"], &[]).code, 0)
                }
                ("ha.state.lock", _) => refused(&project, strange, &["apply", "--yes"], &[]),
                _ => {
                    refused(&project, strange, &["plan"], &[]);
                    refused(&project, strange, &["apply", "--yes"], &[]);
                }
            }
            assert_ne!(
                ha(&project, &["state", "locks"], &[]).code,
                TIMEOUT.1,
                "{strange:?} {name}"
            );
        }
    }
}

#[test]
fn standard_input_is_limited() {
    let project = Project::new(THING);
    for arguments in [&["fmt", "-"][..], &["state", "recover", "--given", "-"]] {
        let mut command = project.command(arguments);
        let done = Done::from(command.stdin(File::open("/dev/zero").unwrap()).output().unwrap());
        assert!(
            done.code == 1 && done.err.contains("it is larger than"),
            "{arguments:?}: {}",
            done.err
        );
    }
}

#[test]
fn a_stream_is_not_written_to_an_unread_pipe() {
    let project = Project::new(THING);
    Strange::Pipe.make(&project.path("x"));
    for arguments in [&["plan", "--json-into", "x"][..], &["apply", "--yes", "--json-into", "x"]] {
        let done = ha(&project, arguments, &[]);
        assert!(
            done.code == 1 && done.err.contains("that no one reads"),
            "{arguments:?}: {} {}",
            done.code,
            done.err
        );
    }
    assert_eq!(project.done(&["state", "list"]), "");
    let mut reader = File::options().read(true).write(true).open(project.path("x")).unwrap();
    assert_eq!(ha(&project, &["plan", "--json-into", "x"], &[]).code, 0);
    let mut printed = vec![0; 1 << 16];
    let length = reader.read(&mut printed).unwrap();
    assert!(String::from_utf8_lossy(&printed[..length]).contains("\"type\":\"change_summary\""));
}

#[test]
fn console_input_is_limited() {
    let project = Project::new(THING);
    let endless = File::create(project.path("x")).unwrap();
    endless.set_len((64 << 20) + 2).unwrap();
    let mut command = project.command(&["console"]);
    let done = Done::from(command.stdin(File::open(project.path("x")).unwrap()).output().unwrap());
    assert!(done.code == 1 && done.err.contains("it is larger than 64 MiB"), "{}", done.err);
}
