//! Tests of the program as a whole: files in, text and exit codes out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod backends;
mod canaries;
mod explain;
mod formats;
mod graph;
mod habits;
#[cfg(feature = "postgresql")]
mod interrupts;
mod kept;
mod keys;
mod loading;
mod logging;
mod migrating;
mod mistakes;
mod options;
mod printed;
mod secrets;
mod slips;
mod standing;
mod strange_files;
mod streams;
mod succession;
mod terraform;
mod traces;
mod unseen;
mod values;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use ha_state_store::{KeyPolicy, KeyRing, LocalStore, LockInfo, OpenOptions, open_for_writing};
use tempfile::TempDir;

const STACK: &str = r#"
variable "motto" {
  type    = string
  default = "better than never"
}

resource "random_password" "app" {
  length  = 24
  special = false
}

resource "local_file" "settings" {
  filename          = "settings.conf"
  sensitive_content = "user=app\npassword=${random_password.app.result}\n"
}

resource "ha_data" "motto" {
  input = var.motto
}

output "motto" {
  value = ha_data.motto.output
}

output "uri" {
  value     = "postgresql://app:${random_password.app.result}@db/app"
  sensitive = true
}
"#;

/// A directory with a configuration, and its own home directory.
struct Project {
    directory: TempDir,
    home: TempDir,
}

/// The result of a command.
struct Done {
    code: i32,
    out: String,
    err: String,
}

impl Project {
    fn new(configuration: &str) -> Self {
        let project = Self { directory: TempDir::new().unwrap(), home: TempDir::new().unwrap() };
        project.write("main.hcl", configuration);
        project
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ha"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            .env_clear()
            .env("HOME", self.home.path());
        command.stdin(Stdio::null());
        command
    }

    fn ha(&self, arguments: &[&str]) -> Done {
        Done::from(self.command(arguments).output().unwrap())
    }

    /// Runs a command that must succeed, and returns its output.
    fn done(&self, arguments: &[&str]) -> String {
        let done = self.ha(arguments);
        assert_eq!(done.code, 0, "{arguments:?}\n{}\n{}", done.out, done.err);
        done.out
    }

    /// Returns all files below the directory, including the state.
    fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        fn below(directory: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    below(&path, found)
                } else {
                    found.push((path.clone(), fs::read(&path).unwrap()))
                }
            }
        }
        let mut found = Vec::new();
        below(self.directory.path(), &mut found);
        found
    }
}

impl From<Output> for Done {
    fn from(output: Output) -> Self {
        let text = |it: Vec<u8>| String::from_utf8(it).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

#[test]
fn a_stack_is_planned_applied_changed_and_destroyed() {
    let project = Project::new(STACK);
    let planned = project.ha(&["plan", "--detailed-exitcode"]);
    assert_eq!(planned.code, 2, "{}", planned.err);
    assert!(
        planned.out.contains("Plan: 3 to create, 0 to update, 0 to replace, 0 to destroy"),
        "{}",
        planned.out
    );

    let applied = project.ha(&["apply", "--yes"]);
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.err);
    assert!(applied.out.contains("Apply complete! 3 created"), "{}", applied.out);
    assert!(
        applied.out.contains("motto = \"better than never\"\nuri   = (sensitive)\n"),
        "{}",
        applied.out
    );
    assert!(applied.err.contains("made the key of this state: "), "{}", applied.err);
    assert!(applied.err.contains("[3/3] "), "{}", applied.err);

    let again = project.ha(&["plan", "--detailed-exitcode"]);
    assert_eq!(again.code, 0, "{}", again.out);
    assert!(again.out.ends_with("No changes. 3 resources are as configured.\n"), "{}", again.out);
    assert_eq!(
        project.done(&["state", "list"]),
        "ha_data.motto\nlocal_file.settings\nrandom_password.app\n"
    );

    let changed = project.ha(&["plan", "-var", "motto=now", "-detailed-exitcode"]);
    assert_eq!(changed.code, 2, "{}", changed.err);
    assert!(changed.out.contains("\"better than never\" -> \"now\""), "{}", changed.out);

    let destroyed = project.ha(&["destroy", "--auto-approve"]);
    assert_eq!(destroyed.code, 0, "{}\n{}", destroyed.out, destroyed.err);
    assert!(
        destroyed.out.contains("Destroy complete! 0 created, 0 updated, 0 replaced, 3 destroyed"),
        "{}",
        destroyed.out
    );
    assert_eq!(project.done(&["state", "list"]), "");
    assert!(!project.path("settings.conf").exists());
}

#[test]
fn secrets_are_shown_only_on_request() {
    let project = Project::new(STACK);
    let mut printed = String::new();
    let mut run = |arguments: &[&str]| {
        let done = project.ha(arguments);
        assert_eq!(done.code, 0, "{arguments:?}: {}", done.err);
        printed += &(done.out + &done.err);
    };
    run(&["apply", "--yes"]);
    for arguments in [
        ["plan", "--replace=random_password.app", "--out=plan.ha"].as_slice(),
        &["plan", "--replace=random_password.app", "--document=-"],
        &["show"],
        &["show", "--json"],
        &["show", "plan.ha", "--detail=full"],
        &["show", "plan.ha", "--json"],
        &["output"],
        &["output", "--json"],
        &["output", "uri"],
        &["state", "show", "random_password.app"],
        &["state", "show", "local_file.settings", "--json"],
        &["console", "--expr", "random_password.app.result"],
        &["console", "--json", "--expr", "{ a = random_password.app.result }"],
        &["console", "--expr", "base64encode(random_password.app.result)"],
    ] {
        run(arguments);
    }
    let uri = project.done(&["output", "--raw", "uri"]);
    let password = uri.strip_prefix("postgresql://app:").unwrap().strip_suffix("@db/app").unwrap();
    assert_eq!(password.len(), 24);
    assert!(!printed.contains(password), "{printed}");
    assert!(printed.contains("(sensitive)"));
    let holds = |bytes: &[u8]| bytes.windows(password.len()).any(|it| it == password.as_bytes());
    let holders: Vec<PathBuf> = project
        .files()
        .into_iter()
        .filter(|(_, bytes)| holds(bytes))
        .map(|(path, _)| path)
        .collect();
    assert_eq!(holders, [project.path("settings.conf")]);
    assert!(project.done(&["show", "--json", "--show-sensitive"]).contains(password));
}

#[test]
fn the_state_is_moved_forgotten_pulled_and_pushed() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    let dry = project.done(&[
        "state",
        "mv",
        "--dry-run",
        "random_password.app",
        "random_password.apps[\"a\"]",
    ]);
    assert_eq!(dry, "random_password.app -> random_password.apps[\"a\"]\n");
    assert_eq!(project.done(&["state", "list", "random_password"]), "random_password.app\n");
    let moved = project.ha(&["state", "mv", "random_password.app", "random_password.apps[\"a\"]"]);
    assert_eq!((moved.code, &moved.out), (0, &dry), "{}", moved.err);
    assert!(
        moved.err.contains("Moved 1.") && moved.err.contains("`ha state push --force .ha/backups/"),
        "{}",
        moved.err
    );
    let backup = moved.err.split('`').nth(1).unwrap().rsplit(' ').next().unwrap().to_owned();
    // References in the state follow the move, so that the changed configuration has nothing to do.
    project.write(
        "main.hcl",
        &STACK.replace("random_password.app.", "random_password.apps[\"a\"].").replace(
            "resource \"random_password\" \"app\" {",
            "resource \"random_password\" \"apps\" {\n  for_each = toset([\"a\"])",
        ),
    );
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
    let settings: serde_json::Value =
        serde_json::from_str(&project.done(&["state", "show", "--json", "local_file.settings"]))
            .unwrap();
    assert_eq!(settings["depends_on"], serde_json::json!(["random_password.apps"]));

    let pulled = project.done(&["state", "pull"]);
    let uri = project.done(&["output", "--raw", "uri"]);
    let password = &uri["postgresql://app:".len()..uri.len() - "@db/app".len()];
    assert!(!pulled.contains(password) && pulled.contains("\"redacted\": true"), "{pulled}");
    project.write("pulled.json", &pulled);
    let refused = project.ha(&["state", "push", "pulled.json"]);
    assert!(refused.code == 1 && refused.err.contains("without its secrets"), "{}", refused.err);
    project.write("clear.json", &project.done(&["state", "pull", "--show-sensitive"]));
    let sealed = project.command(&["state", "pull", "--sealed"]).output().unwrap().stdout;
    assert!(!sealed.windows(6).any(|it| it == b"random"));
    fs::write(project.path("sealed.state"), sealed).unwrap();

    let forgotten = project.ha(&["state", "rm", "ha_data.motto", "random_*"]);
    assert_eq!(
        (forgotten.code, forgotten.out.as_str()),
        (0, "ha_data.motto\nrandom_password.apps[\"a\"]\n"),
        "{}",
        forgotten.err
    );
    assert_eq!(project.done(&["state", "list"]), "local_file.settings\n");
    for file in ["clear.json", "sealed.state"] {
        let refused = project.ha(&["state", "push", file]);
        assert!(
            refused.code == 1 && refused.err.contains("older than what is recorded"),
            "{}",
            refused.err
        );
        let pushed = project.ha(&["state", "push", "--force", file]);
        assert_eq!(pushed.code, 0, "{}", pushed.err);
        assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);
        let same = project.ha(&["state", "push", "--force", file]);
        assert!(same.out.is_empty() && same.err.contains("so already"), "{}", same.err);
        project.done(&["state", "rm", "ha_data.motto", "random_*"]);
    }
    project.done(&["state", "push", "--force", &backup]);
    project.write("main.hcl", STACK);
    assert_eq!(project.ha(&["plan", "--detailed-exitcode"]).code, 0);

    let other = Project::new(STACK);
    other.done(&["apply", "--yes"]);
    fs::copy(project.path("clear.json"), other.path("clear.json")).unwrap();
    let refused = other.ha(&["state", "push", "clear.json"]);
    assert!(refused.code == 1 && refused.err.contains("another state"), "{}", refused.err);
    // The pulled state can be pushed to an empty one, with its lineage.
    let empty = Project::new(STACK);
    fs::copy(project.path("clear.json"), empty.path("clear.json")).unwrap();
    empty.done(&["state", "push", "clear.json"]);
    assert_eq!(empty.done(&["output", "--raw", "uri"]), uri);
}

#[test]
fn arguments_are_taken_as_terraforms_users_type_them() {
    let project = Project::new(STACK);
    let none = project.ha(&[]);
    assert_eq!(none.code, 127);
    assert!(none.out.contains("Main commands:") && none.err.is_empty(), "{}", none.err);
    let applied =
        project.ha(&["apply", "-auto-approve", "-parallelism=2", "-parallelism=3", "-no-color"]);
    assert_eq!(applied.code, 0, "{}", applied.err);
    let output = |variables: &[(&str, &str)], arguments: &[&str]| {
        let mut command = project.command(arguments);
        Done::from(command.envs(variables.iter().copied()).output().unwrap())
    };
    assert_eq!(
        output(&[("HA_CLI_ARGS_output", "-json")], &["output", "motto"]).out,
        "\"better than never\"\n"
    );
    let planned = output(
        &[("HA_CLI_ARGS_plan", "-var 'motto=a b' -detailed-exitcode")],
        &["plan", "-var", "motto=c"],
    );
    assert!(
        planned.code == 2 && planned.out.contains("\"better than never\" -> \"c\""),
        "{}{}",
        planned.out,
        planned.err
    );
    let wrong = output(&[("HA_CLI_ARGS", "'")], &["version"]);
    assert!(wrong.code == 1 && wrong.err.contains("HA_CLI_ARGS"), "{}", wrong.err);
}

#[test]
fn shell_completion_offers_recorded_addresses() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    project.done(&["state", "mv", "ha_data.motto", "ha_data.motto[\"a\"]"]);
    let offered = |words: &[&str]| {
        let arguments: Vec<&str> = ["--", "ha"].iter().chain(words).copied().collect();
        let mut command = project.command(&arguments);
        let index = words.len().to_string();
        command.envs([
            ("HA_COMPLETE", "bash"),
            ("_CLAP_COMPLETE_INDEX", &index),
            ("_CLAP_IFS", "\n"),
        ]);
        Done::from(command.output().unwrap()).out
    };
    assert_eq!(offered(&["state", "show", "ha"]), "'ha_data.motto[\"a\"]'");
    assert_eq!(
        offered(&["state", "rm", "random_password.app", "ha_data"]),
        "ha_data.motto\n'ha_data.motto[\"a\"]'"
    );
    assert_eq!(offered(&["output", "--raw", "u"]), "uri");
    assert_eq!(offered(&["schema", "random_pa"]), "random_password");
    assert!(offered(&["st"]).contains("state"));
    let elsewhere = Project::new(STACK);
    let mut command = elsewhere.command(&[
        "--",
        "ha",
        "--chdir",
        project.directory.path().to_str().unwrap(),
        "output",
        "m",
    ]);
    let command = command
        .env("HOME", project.home.path())
        .envs([("HA_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", "4")]);
    assert_eq!(Done::from(command.output().unwrap()).out, "motto");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        assert!(project.done(&["completions", shell]).contains("HA_COMPLETE"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let project = Project::new("");
    let page = project.done(&["man", "state", "mv"]);
    assert!(
        page.contains(".TH ha-state-mv 1") && page.contains("Record things under another address"),
        "{page}"
    );
    project.done(&["man", "--into", "pages"]);
    let written: Vec<String> = fs::read_dir(project.path("pages"))
        .unwrap()
        .map(|it| it.unwrap().file_name().into_string().unwrap())
        .collect();
    for name in ["ha.1", "ha-plan.1", "ha-state.1", "ha-state-mv.1"] {
        assert!(written.iter().any(|it| it == name), "{name} of {written:?}");
    }
    assert!(project.ha(&["man", "stat"]).err.contains("there is no command `stat`"));
}

#[test]
fn configurations_are_formatted() {
    const UGLY: &str = "locals {\n a=1\n  bcd = \"${a}\"\n}\n";
    const USUAL: &str = "locals {\n  a   = 1\n  bcd = a\n}\n";
    let project = Project::new(UGLY);
    for directory in ["below/deeper", ".hidden"] {
        fs::create_dir_all(project.path(directory)).unwrap();
    }
    for name in [
        "below/deeper/x.tf",
        "below/y.tfvars",
        ".hidden/z.tf",
        "notes.txt",
        "b.hclvars",
        "c.tf.json",
        ".d.hcl",
    ] {
        project.write(name, UGLY);
    }
    let read = |name: &str| fs::read_to_string(project.path(name)).unwrap();
    let checked = project.ha(&["fmt", "-check", "-diff"]);
    assert_eq!(checked.code, 3, "{}", checked.err);
    let diff = "--- old/b.hclvars\n+++ new/b.hclvars\n@@ -1,4 +1,4 @@\n locals {\n- a=1\n-  bcd = \"${a}\"\n+  a   = 1\n+  bcd = a\n }\n";
    assert!(checked.out.starts_with(&format!("b.hclvars\n{diff}main.hcl\n")), "{}", checked.out);
    assert_eq!(read("main.hcl"), UGLY);
    assert_eq!(project.done(&["fmt", "-list=false", "-write=false"]), USUAL.repeat(2));
    fs::set_permissions(project.path("main.hcl"), fs::Permissions::from_mode(0o640)).unwrap();
    assert_eq!(project.done(&["fmt"]), "b.hclvars\nmain.hcl\n");
    assert_eq!(fs::metadata(project.path("main.hcl")).unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(project.done(&["fmt", "--recursive"]), "below/deeper/x.tf\nbelow/y.tfvars\n");
    assert_eq!(project.done(&["fmt", "--recursive", "--check"]), "");
    assert_eq!([read("main.hcl"), read("below/y.tfvars")], [USUAL, USUAL]);
    for untouched in [".hidden/z.tf", "notes.txt", "c.tf.json", ".d.hcl"] {
        assert_eq!(read(untouched), UGLY, "{untouched}");
    }
    project.write("wrong.hcl", "locals {\n");
    project.write("ugly.hcl", UGLY);
    let wrong = project.ha(&["fmt", ".", "nowhere", "notes.txt"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, "ugly.hcl\n"), "{}", wrong.err);
    for expected in [
        "--> wrong.hcl:",
        "could not look at `nowhere`",
        "`notes.txt` is no file that `ha fmt` knows",
    ] {
        assert!(wrong.err.contains(expected), "{expected}: {}", wrong.err);
    }
    let piped = |arguments: &[&str]| {
        let input = fs::File::open(project.path("notes.txt")).unwrap();
        Done::from(project.command(arguments).stdin(input).output().unwrap())
    };
    assert_eq!(piped(&["fmt", "-"]).out, USUAL);
    let checked = piped(&["fmt", "-check", "-"]);
    assert_eq!((checked.code, checked.out.as_str()), (3, ""));
}

#[test]
fn the_console_knows_modules_types_and_functions() {
    let project = Project::new(
        "variable \"hosts\" { default = [\"a\", \"b\"] }\nmodule \"m\" {\n  source = \"./m\"\n  for_each = toset(var.hosts)\n  name = upper(each.key)\n}\n",
    );
    fs::create_dir(project.path("m")).unwrap();
    project.write(
        "m/main.hcl",
        "variable \"name\" { type = string }\nresource \"ha_data\" \"x\" { input = var.name }\noutput \"o\" { value = \"${path.module} ${ha_data.x.output}\" }\n",
    );
    let said = |input: &str| {
        project.write("input", input);
        let mut command = project.command(&["console"]);
        Done::from(command.stdin(fs::File::open(project.path("input")).unwrap()).output().unwrap())
    };
    assert_eq!(said("module.m[\"a\"].o\n").out, "\"m (known after apply: ha_data.x)\"\n");
    project.done(&["apply", "--yes"]);
    let answers = said("module.m[\"b\"].o\ntype(module.m)\nhelp(upper)\nupper(\nexit\n3\n");
    let expected = "\"m B\"\nobject({\n    a: object({\n        o: string,\n    }),\n    b: object({\n        o: string,\n    }),\n})\nupper(";
    assert!(answers.out.starts_with(expected) && answers.out.ends_with(".\n"), "{}", answers.out);
    assert!(answers.code == 1 && answers.err.contains("<console>"), "{}", answers.err);
    assert!(said("[1,").code == 1);
    let functions: serde_json::Value =
        serde_json::from_str(&project.done(&["schema", "functions", "--json"])).unwrap();
    assert_eq!(functions["function_signatures"]["upper"]["return_type"], "string");
    assert!(project.done(&["schema", "functions", "cidrsubnet"]).starts_with("cidrsubnet("));
    assert!(project.ha(&["schema", "functions", "uper"]).err.contains("did you mean `upper`?"));
}

#[test]
fn failed_state_moves_name_the_address() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    let before = project.done(&["state", "pull"]);
    for (arguments, expected) in [
        (["state", "mv", "ha_data.moto", "ha_data.x"].as_slice(), "did you mean `ha_data.motto`?"),
        (&["state", "mv", "ha_data.motto", "local_file.x"], "different kinds"),
        (
            &["state", "rm", "ha_data.moto", "random_password.app"],
            "nothing is recorded of ha_data.moto",
        ),
        (&["state", "rm"], "<ADDRESS>..."),
        (&["state", "list", "ha_data.*", "ha_data.moto"], "did you mean `ha_data.motto`?"),
        (&["state", "push", "main.hcl"], "it is no state as JSON"),
        (&["state", "push", "nowhere"], "could not read `nowhere`"),
    ] {
        let refused = project.ha(arguments);
        assert!(
            refused.code == 1 && refused.err.contains(expected),
            "{arguments:?}: {}",
            refused.err
        );
    }
    assert_eq!(project.done(&["state", "pull"]), before);
    project.write("more.hcl", "resource \"ha_data\" \"more\" { }\n");
    project.done(&["apply", "--yes"]);
    let taken = project.ha(&["state", "mv", "ha_data.motto", "ha_data.more"]);
    assert!(
        taken.code == 1 && taken.err.contains("something is recorded at ha_data.more already"),
        "{}",
        taken.err
    );
}

#[test]
fn a_plan_is_applied_exactly_or_refused() {
    let project = Project::new(STACK);
    project.done(&["plan", "--out", "new.ha", "--var", "motto=new"]);
    assert_eq!(fs::metadata(project.path("new.ha")).unwrap().permissions().mode() & 0o777, 0o600);
    project.done(&["apply", "new.ha"]);
    project.done(&["plan", "--out", "first.ha", "--var", "motto=first"]);
    project.done(&["plan", "--out", "second.ha", "--var", "motto=second"]);
    // A saved plan does not depend on the present files.
    project.write("main.hcl", "nonsense");
    let applied = project.ha(&["apply", "first.ha"]);
    assert_eq!(applied.code, 0, "{}\n{}", applied.out, applied.err);
    for plan in ["new.ha", "first.ha", "second.ha"] {
        let refused = project.ha(&["apply", plan]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        assert!(
            refused.err.contains("stale") && refused.err.contains("ha_data.motto"),
            "{}",
            refused.err
        );
    }
    assert_eq!(project.done(&["output", "--raw", "motto"]), "first");
    let other = Project::new(STACK);
    fs::copy(project.path("first.ha"), other.path("first.ha")).unwrap();
    let refused = other.ha(&["apply", "first.ha"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("key"), "{}", refused.err);
}

#[test]
fn a_plan_includes_its_sources() {
    let project = Project::new("output \"text\" {\n  value = file(\"text.txt\")\n}\n");
    project.write("text.txt", "then");
    project.done(&["plan", "--out", "plan.ha"]);
    project.write("text.txt", "now");
    project.done(&["apply", "plan.ha"]);
    assert_eq!(project.done(&["output", "--raw", "text"]), "then");
}

#[test]
fn apply_needs_confirmation() {
    let project = Project::new(STACK);
    for arguments in [["apply"], ["destroy"]] {
        let refused = project.ha(&arguments);
        assert_eq!(refused.code, 1);
        assert!(
            refused.err.contains("no one to ask") && refused.err.contains("--yes"),
            "{}",
            refused.err
        );
        assert!(!project.path(".ha").exists());
    }
}

#[test]
fn read_only_commands_need_no_lock() {
    let project = Project::new(STACK);
    project.done(&["apply", "--yes"]);
    let keys = KeyRing::new(project.home.path().join(".config/ha/keys"), KeyPolicy::Automation);
    let store = LocalStore::new(project.path(".ha"));
    let writer =
        open_for_writing(&store, &keys, OpenOptions::by(LockInfo::here("somebody else"))).unwrap();
    for arguments in [
        ["plan"].as_slice(),
        &["show"],
        &["output"],
        &["state", "list"],
        &["console", "--expr", "1"],
    ] {
        project.done(arguments);
    }
    let refused = project.ha(&["apply", "--yes", "--lock-timeout", "300ms"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("somebody else"), "{}", refused.err);
    writer.finish().unwrap();
    project.done(&["apply", "--yes"]);
}

#[test]
fn keys_are_not_created_in_automation() {
    let project = Project::new(STACK);
    for variable in ["CI", "HA_IN_AUTOMATION"] {
        let done = Done::from(
            project.command(&["apply", "--yes"]).env(variable, "true").output().unwrap(),
        );
        assert_eq!(done.code, 1, "{}", done.out);
        assert!(done.err.contains("key"), "{}", done.err);
    }
    assert_eq!(fs::read_dir(project.home.path()).unwrap().count(), 0);
}

#[test]
fn all_errors_are_reported_together_on_stderr() {
    let project = Project::new(
        "variable \"a\" {}\nvariable \"b\" {\n  type = number\n}\nresource \"random_password\" \"p\" {\n  lenght = var.a\n}\n",
    );
    let missing = project.ha(&["plan", "--var", "c=1"]);
    assert_eq!((missing.code, missing.out.as_str()), (1, ""));
    for text in [
        "no value for the variable `a`",
        "no value for the variable `b`",
        "gives a value to a variable that does not exist",
        "main.hcl:2:",
    ] {
        assert!(missing.err.contains(text), "{text} is not in:\n{}", missing.err);
    }
    let wrong = project.ha(&["validate"]);
    assert_eq!((wrong.code, wrong.out.as_str()), (1, ""));
    assert!(wrong.err.contains("length") && wrong.err.contains("main.hcl:6:"), "{}", wrong.err);
    let json = project.ha(&["validate", "--json"]);
    assert_eq!(json.code, 1);
    let parsed: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(parsed["valid"], false);
    assert_eq!(parsed["diagnostics"][0]["range"]["start"]["line"], 6, "{parsed}");
}

#[test]
fn the_last_value_of_a_variable_counts() {
    let project = Project::new("variable \"x\" {}\noutput \"x\" {\n  value = var.x\n}\n");
    let now = |more: &[&str]| {
        let mut command = project.command(&[&["plan", "--document=-"], more].concat());
        let done = Done::from(command.env("HA_VAR_x", "environment").output().unwrap());
        let parsed: serde_json::Value =
            serde_json::from_str(&done.out).unwrap_or_else(|_| panic!("{}", done.err));
        parsed["output_changes"]["x"]["after"].as_str().unwrap().to_owned()
    };
    assert_eq!(now(&[]), "environment");
    project.write("ha.hclvars", "x = \"file\"");
    assert_eq!(now(&[]), "file");
    project.write("b.auto.hclvars", "x = \"b\"");
    project.write("a.auto.hclvars", "x = \"a\"");
    assert_eq!(now(&[]), "b");
    project.write("more", "x = \"more\"");
    assert_eq!(now(&["--var", "x=flag", "--var-file", "more"]), "more");
    assert_eq!(now(&["--var-file", "more", "--var", "x=flag"]), "flag");
}

#[test]
fn an_undeclared_value_in_a_file_is_a_warning() {
    let project = Project::new("output \"x\" {\n  value = 1\n}\n");
    project.write("ha.hclvars", "a = 1\nb = 2\n");
    let done = project.ha(&["plan"]);
    assert_eq!(done.code, 0);
    assert_eq!(done.err.matches("warning").count(), 1, "{}", done.err);
}

#[test]
fn the_console_answers() {
    let project = Project::new("locals {\n  hosts = [\"a\", \"b\"]\n}\n");
    let json = |expression: &str| project.ha(&["console", "--json", "--expr", expression]);
    assert_eq!(json("1 + 1").out, "{\"type\":\"number\",\"value\":2}\n");
    assert_eq!(
        json("local.hosts").out,
        "{\"type\":[\"tuple\",[\"string\",\"string\"]],\"value\":[\"a\",\"b\"]}\n"
    );
    assert_eq!(json("-1").out, "{\"type\":\"number\",\"value\":-1}\n");
    let wrong = json("1 +");
    assert_eq!((wrong.code, wrong.err.as_str()), (1, ""));
    let parsed: serde_json::Value = serde_json::from_str(&wrong.out).unwrap();
    assert_eq!(parsed["diagnostics"][0]["severity"], "error");

    let mut console = project.command(&["console"]);
    let mut child = console
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let input = "local.hosts[1]\n\nnonsense(\n{ a = 1 }\nexit\n1\n";
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let done = Done::from(child.wait_with_output().unwrap());
    assert_eq!((done.code, done.out.as_str()), (1, "\"b\"\n{\n  a = 1\n}\n"), "{}", done.err);
}

#[test]
fn functions_do_not_read_files_of_other_users() {
    let project = Project::new("output \"x\" {\n  value = file(\"../outside/credentials\")\n}\n");
    let outside = project.directory.path().parent().unwrap().join("outside");
    let _ = fs::create_dir(&outside);
    fs::write(outside.join("credentials"), "somebody's").unwrap();
    let refused = project.ha(&["plan"]);
    assert_eq!(refused.code, 1, "{}", refused.out);
    assert!(refused.err.contains("--allow-read"), "{}", refused.err);
    let allowed = project.done(&["plan", "--allow-read", outside.to_str().unwrap()]);
    assert!(allowed.contains("somebody's"), "{allowed}");
}

#[test]
fn a_closed_pipe_ends_quietly() {
    let project = Project::new(STACK);
    let mut command = project.command(&["plan"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let done = child.wait_with_output().unwrap();
    assert!(done.status.success());
    assert_eq!(String::from_utf8_lossy(&done.stderr), "");
}

#[test]
fn colours_come_when_asked_for_and_never_with_no_color() {
    let project = Project::new(STACK);
    let coloured = |variables: &[(&str, &str)], more: &[&str]| {
        let mut command = project.command(&[&["plan"], more].concat());
        Done::from(command.envs(variables.iter().copied()).output().unwrap()).out.contains('\u{1b}')
    };
    assert!(!coloured(&[], &[]));
    assert!(coloured(&[("FORCE_COLOR", "1")], &[]));
    assert!(!coloured(&[("NO_COLOR", "1"), ("FORCE_COLOR", "1"), ("CLICOLOR_FORCE", "1")], &[]));
    assert!(!coloured(&[("FORCE_COLOR", "1")], &["--no-color"]));
    assert!(coloured(&[("NO_COLOR", "1")], &["--color", "always"]));
}

#[test]
fn chdir_is_equivalent_to_the_working_directory() {
    let project = Project::new(STACK);
    let mut command = project.command(&[
        "--chdir",
        project.directory.path().to_str().unwrap(),
        "plan",
        "--detail",
        "none",
    ]);
    let done = Done::from(command.current_dir("/").output().unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out.contains("Plan: 3 to create"));
    let nowhere = Done::from(project.command(&["--chdir=nowhere", "plan"]).output().unwrap());
    assert_eq!(nowhere.code, 1);
    assert!(nowhere.err.contains("`nowhere`"), "{}", nowhere.err);
}

#[test]
fn a_directory_without_a_configuration_is_an_error() {
    let project = Project::new("");
    fs::remove_file(project.path("main.hcl")).unwrap();
    let done = project.ha(&["plan"]);
    assert_eq!(done.code, 1);
    assert!(done.err.contains("there is no configuration in"), "{}", done.err);
    project.done(&["console", "--expr", "1"]);
    project.done(&["output"]);
    project.done(&["version"]);
}
