//! Commands that messages suggest: each is run verbatim in a shell that has only the path of `ha`.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::{Done, Project};

/// A directory whose name must be quoted.
const DIRECTORY: &str = "it's here";
const STACK: &str = r#"
variable "text" {
  default = "default"
}
variable "word" {
  default   = "hush"
  sensitive = true
}
resource "ha_data" "x" {
  input = "${terraform.workspace} ${var.text}"
}
resource "ha_data" "y" {
  for_each = toset(["it's", "b c"])
  input    = each.key
}
output "text" {
  value = ha_data.x.output
}
output "word" {
  value     = var.word
  sensitive = true
}
"#;

/// A project below the directory in which commands are run.
struct Outer(Project);

impl Outer {
    fn new() -> Self {
        let outer = Self(Project::new(""));
        for folder in [DIRECTORY.to_owned(), format!("{DIRECTORY}/env")] {
            std::fs::create_dir(outer.0.path(&folder)).unwrap();
        }
        outer.write("main.hcl", STACK);
        outer.write("env/staging.hclvars", "");
        outer
    }

    fn write(&self, name: &str, text: &str) {
        self.0.write(&format!("{DIRECTORY}/{name}"), text);
    }

    fn ha(&self, arguments: &[&str]) -> Done {
        self.0.ha(&[&["--chdir", DIRECTORY], arguments].concat())
    }

    fn done(&self, arguments: &[&str]) -> String {
        self.0.done(&[&["--chdir", DIRECTORY], arguments].concat())
    }

    /// Runs a printed command verbatim.
    fn shell(&self, command: &str) -> Done {
        let programs = Path::new(env!("CARGO_BIN_EXE_ha")).parent().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", command]).current_dir(self.0.directory.path()).stdin(Stdio::null());
        shell.env_clear().env("HOME", self.0.home.path()).env("PATH", programs);
        Done::from(shell.output().unwrap())
    }

    fn shell_done(&self, command: &str) -> String {
        let done = self.shell(command);
        assert_eq!(done.code, 0, "{command}\n{}\n{}", done.out, done.err);
        done.out
    }
}

/// Returns the commands in a string, each after a backtick.
fn commands(text: &str) -> Vec<&str> {
    text.split('`').filter(|it| it.starts_with("ha ")).collect()
}

fn command<'a>(text: &'a str, word: &str) -> &'a str {
    commands(text)
        .into_iter()
        .find(|it| it.contains(word))
        .unwrap_or_else(|| panic!("no command has {word}: {text}"))
}

#[test]
fn printed_undo_commands_work_in_place() {
    let outer = Outer::new();
    outer.done(&["apply", "--yes"]);
    outer.done(&["apply", "--yes", "--env", "staging"]);
    let whole = |environment: &str| outer.done(&["--env", environment, "state", "list"]);
    let (default, staging) = (whole("default"), whole("staging"));
    for arguments in [&["state", "rm", "ha_data.y"][..], &["state", "mv", "ha_data.x", "ha_data.z"]]
    {
        let printed = outer.ha(&[arguments, &["--env", "staging"]].concat());
        assert_ne!(whole("staging"), staging);
        outer.shell_done(command(&printed.err, "push"));
        assert_eq!(
            (whole("default"), whole("staging")),
            (default.clone(), staging.clone()),
            "{arguments:?}"
        );
        let text = outer.done(&["output", "--raw", "text"]);
        assert_eq!(text, "default default", "the other state is as it was");
    }
}

#[test]
fn the_printed_push_command_names_the_state() {
    let outer = Outer::new();
    outer.done(&["apply", "--yes"]);
    outer.done(&["apply", "--yes", "--env", "staging"]);
    std::fs::write(
        outer.0.path("other.json"),
        outer.done(&["--env", "staging", "state", "pull", "--show-sensitive"]),
    )
    .unwrap();
    let refused = outer.ha(&["state", "push", "../other.json"]);
    let printed = "the state of the environment `staging`, and this is that of `default`";
    assert!(refused.code == 1 && refused.err.contains(printed), "{}", refused.err);
    for words in [&["--dry-run"][..], &[]] {
        let pushed = outer.ha(&[&["state", "push", "--force", "../other.json"], words].concat());
        assert!(
            pushed.code == 0 && pushed.err.contains(printed) && pushed.err.starts_with("warning"),
            "{}",
            pushed.err
        );
    }
}

#[test]
fn a_saved_plan_is_applied_by_the_printed_command() {
    let outer = Outer::new();
    let planned = outer.ha(&["plan", "--env", "staging", "--out", "a plan", "--var", "text=x"]);
    let line = planned.err.lines().find_map(|it| it.split_once("Apply exactly this: ")).unwrap().1;
    outer.shell_done(line);
    assert_eq!(outer.done(&["--env", "staging", "output", "--raw", "text"]), "staging x");
    assert_eq!(outer.done(&["state", "list"]), "");
}

#[test]
fn the_printed_command_shows_a_secret_output() {
    let outer = Outer::new();
    let applied = outer.ha(&["apply", "--yes", "--env", "staging"]);
    let line = applied.err.lines().find_map(|it| it.split_once("one by one: ")).unwrap().1;
    assert_eq!(outer.shell_done(line), "hush");
    let printed = outer.ha(&["--env", "staging", "output", "word"]).err;
    assert_eq!(outer.shell_done(command(&printed, "--raw")), "hush");
}

#[test]
fn the_printed_command_continues_a_stopped_apply() {
    let outer = Outer::new();
    outer.write("more.hcl", "resource \"local_file\" \"f\" {\n  filename = \"f/${ha_data.x.id}\"\n  content = var.word\n}\n");
    outer.write("values.hclvars", "text = \"from a file\"\n");
    outer.write("f", "in the way");
    let options = [
        "--var-file",
        "values.hclvars",
        "--target",
        "local_file.f",
        "--var",
        "word=canary",
        "--env",
        "staging",
    ];
    // Also for a saved plan, which has its own values.
    outer.done(&[&["plan", "--out", "p"], &options[..]].concat());
    for arguments in [&["apply", "p"][..], &[&["apply", "--yes"], &options[..]].concat()] {
        let stopped = outer.ha(arguments);
        assert_eq!(stopped.code, 1, "{}", stopped.err);
        let printed = stopped.out + &stopped.err;
        let command = command(printed.split_once("Next: ").unwrap().1, "apply");
        assert!(!command.contains("canary"), "{command}");
        if arguments.len() > 2 {
            assert!(printed.contains("give `word` its value again"), "{printed}");
        }
        assert!(
            command.contains("--var-file values.hclvars")
                && command.contains("--target local_file.f"),
            "{command}"
        );
        std::fs::rename(outer.0.path(&format!("{DIRECTORY}/f")), outer.0.path("aside")).unwrap();
        outer.shell_done(&format!("{command} --yes"));
        assert_eq!(outer.done(&["--env", "staging", "state", "list"]), "ha_data.x\nlocal_file.f\n");
        outer.done(&["--env", "staging", "destroy", "--yes"]);
        std::fs::remove_dir(outer.0.path(&format!("{DIRECTORY}/f"))).unwrap();
        std::fs::rename(outer.0.path("aside"), outer.0.path(&format!("{DIRECTORY}/f"))).unwrap();
    }
}

#[test]
fn commands_in_help_can_be_run() {
    let outer = Outer::new();
    outer.done(&["apply", "--yes"]);
    outer.done(&["apply", "--yes", "--env", "staging"]);
    let staged = |arguments: &[&str]| {
        let done = outer.ha(&[arguments, &["--env", "staging"]].concat());
        assert_eq!(done.code, 1, "{arguments:?}: {}", done.out);
        done.err
    };
    // An obstacle to a move.
    let printed = staged(&["state", "mv", "ha_data.x", "ha_data.y[\"it's\"]"]);
    assert_eq!(outer.shell_done(command(&printed, "state rm")), "ha_data.y[\"it's\"]\n");
    // An unrecorded address.
    let printed = staged(&["state", "show", "nothing.like_it"]);
    assert!(outer.shell_done(command(&printed, "state list")).contains("ha_data.y[\"b c\"]"));
    // An address that is recorded already.
    let printed = staged(&["import", "ha_data.y[\"b c\"]", "id"]);
    assert_eq!(outer.shell_done(command(&printed, "state rm")), "ha_data.y[\"b c\"]\n");
    assert_eq!(outer.done(&["state", "list"]).lines().count(), 3, "the other state is as it was");
    // An output that is not a string.
    outer.write("more.hcl", "output \"list\" {\n  value = [1]\n}\n");
    outer.done(&["apply", "--yes", "--env", "staging"]);
    let printed = staged(&["output", "--raw", "list"]);
    assert!(outer.shell_done(command(&printed, "--json")).contains('1'));
    // In JSON, too.
    let json = outer.ha(&["--env", "staging", "import", "--json", "ha_data.x", "id"]).out;
    assert!(
        json.contains("ha --chdir \\\"it's here\\\" --env staging state rm ha_data.x"),
        "{json}"
    );
}

#[test]
fn printed_commands_name_the_workspace_of_the_environment() {
    let outer = Outer::new();
    outer.done(&["apply", "--yes"]);
    let mut command = outer.0.command(&["--chdir", DIRECTORY, "apply", "--yes"]);
    let applied = Done::from(command.env("HA_ENV", "staging").output().unwrap());
    let line = applied.err.lines().find_map(|it| it.split_once("one by one: ")).unwrap().1;
    assert!(line.contains("--env staging"), "{line}");
    let mut command =
        outer.0.command(&["--chdir", DIRECTORY, "--env", "default", "output", "word"]);
    let printed = Done::from(command.env("HA_ENV", "staging").output().unwrap()).err;
    assert!(printed.contains("--env default"), "{printed}");
}
