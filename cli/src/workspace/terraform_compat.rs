//! What people know from Terraform and will not find here: its commands, and the files it leaves in
//! a directory.

use std::path::Path;

use ha_diagnostics::{Diagnostic, code};
use ha_files::regular_file;
use ha_files::regular_file::LARGEST;
use ha_lang::{FileFamily, FileRole};
use ha_value::shell_word;

/// The state that Terraform keeps beside a configuration.
const STATE: &str = "terraform.tfstate";
/// Where it keeps those of its workspaces.
const STATES: &str = "terraform.tfstate.d";

/// What to do in the place of a command that Terraform has.
pub(crate) fn instead(command: &str) -> Option<&'static str> {
    Some(match command {
        "init" | "get" => "nothing is fetched or made ready: begin with `ha plan`",
        "test" => {
            "conditions that are to hold are written as `check`, `precondition` and `postcondition` blocks, which `ha plan` looks at"
        }
        "taint" => {
            "`ha apply --replace ADDRESS` makes an instance again, and `ha plan --replace ADDRESS` shows what that does"
        }
        "untaint" => {
            "an instance that could not be made to the end is made again by the next `ha apply`; fix what stopped it"
        }
        "refresh" => "`ha apply --refresh-only` takes what is there into the state",
        "workspace" | "env" => {
            "`--env NAME`, or `HA_ENV`, works on another environment, with a state and values of its own; it is there once something is applied to it"
        }
        "force-unlock" => {
            "`ha state unlock ID` takes a lock away; that of a local state is free as soon as the process that holds it has ended"
        }
        "providers" => "`ha schema` lists the kinds, all of which are built in",
        "modules" => {
            "`ha graph --all` shows what is in each module; modules are directories beside the configuration"
        }
        "metadata" => "`ha schema functions --json` lists the functions",
        "login" | "logout" | "cloud" => {
            "nothing is kept elsewhere than where the configuration says; see \"Where it is kept\" in docs/state.md"
        }
        "replace-provider" => {
            "leave it out: a provider goes by one name, wherever Terraform had it from"
        }
        "identities" => {
            "`ha state list` lists what is recorded, and `ha state show ADDRESS` the id of one"
        }
        "push" | "remote" => {
            "the block `backend` says where the state is kept; `ha state migrate` moves it there"
        }
        "0.12upgrade" | "0.13upgrade" => {
            "`ha validate` says what is wrong with older files and what to write"
        }
        "query" | "stacks" | "rpcapi" => "there is nothing like it",
        _ => return None,
    })
}

/// What to do in the place of `init` with an option that is about where the state is, and whether
/// nothing is done without.
pub(crate) fn init_instead(options: impl Iterator<Item = String>) -> Option<(&'static str, bool)> {
    let mut told = None;
    for option in options {
        match option.trim_start_matches('-').split('=').next().unwrap_or_default() {
            "migrate-state" => {
                return Some((
                    "`ha state migrate` moves the state to where the block `backend` says",
                    true,
                ));
            }
            "backend-config" => {
                return Some((
                    "write it into the block `backend`, where what differs from case to case is a variable; `ha state migrate` moves a state that is elsewhere",
                    true,
                ));
            }
            "reconfigure" => {
                told = Some((
                    "the block `backend` counts at once; `ha state migrate` moves a state that is elsewhere",
                    false,
                ));
            }
            _ => {}
        }
    }
    told
}

/// What to do in the place of an option that Terraform's commands have.
pub(crate) fn option_instead(option: &str) -> Option<&'static str> {
    Some(match option.split('=').next().unwrap_or(option) {
        "--lock" => {
            "leave it out: what writes the state takes its lock, and what only looks takes none"
        }
        "--lock-timeout" => "leave it out: this command takes no lock",
        "--state" | "--state-out" => {
            "the state is where the block `backend` says, such as `backend \"local\" { path = … }`; `ha state pull` and `ha state push FILE` take one out and put one in"
        }
        "--backup" | "--backup-out" => {
            "leave it out: a sealed copy is kept in `.ha/backups` before the state is rewritten"
        }
        "--backend-config" => {
            "write it into the block `backend`, where what differs from case to case is a variable; `ha state migrate` moves a state that is elsewhere"
        }
        "--generate-config-out" => {
            "write the block by hand: `ha schema KIND` lists what it takes, and the plan shows what differs"
        }
        "--force" => "`--yes` does not ask",
        "--type" | "--plan" => {
            "a plan that is kept is shown by `ha graph PLANFILE` and `ha show PLANFILE`"
        }
        "--provider" => {
            "leave it out: the block that is imported to says which one by `provider = …`"
        }
        "--invoke" => {
            "there are no actions: what is done besides belongs into a script around `ha apply`"
        }
        "--target-file" => "give each address by `--target ADDRESS`",
        "--exclude-file" => "give each address by `--exclude ADDRESS`",
        "--workspace" => "an environment is named by `--env NAME`",
        "--ignore-remote-version"
        | "--allow-missing-config"
        | "--config"
        | "--concise"
        | "--module-depth"
        | "--verbose"
        | "--light"
        | "--query"
        | "--force-copy"
        | "--upgrade"
        | "--no-tests"
        | "--test-directory"
        | "--draw-cycles"
        | "--check-variables" => "leave it out: there is nothing that it would change",
        "--reconfigure" => {
            "leave it out: the block `backend` counts at once; `ha state migrate` moves a state that is elsewhere"
        }
        "--migrate-state" => "`ha state migrate` moves the state to where the block `backend` says",
        _ => return None,
    })
}

/// What to write in the place of a backend that Terraform has.
pub(crate) fn backend_instead(name: &str) -> Option<&'static str> {
    Some(match name {
        "pg" => "write `backend \"postgres\"`, which takes the same arguments",
        "remote" | "cloud" => {
            "states are kept by no one's service here; a bucket of S3 or a database is one of your own"
        }
        "gcs" | "azurerm" | "consul" | "http" | "kubernetes" | "oss" | "cos" | "oci" | "etcdv3"
        | "swift" | "manta" => {
            "that place is not there yet; what speaks as S3 does and knows conditional writes will do as `s3`, with `endpoint`"
        }
        _ => return None,
    })
}

/// What the environment says to Terraform and not to `ha`, where no environment of ours is asked
/// for: what would be worked on is not what was meant.
pub(crate) fn workspace_of_terraform(
    variable: impl Fn(&str) -> Option<String>,
) -> Option<Diagnostic> {
    let name = variable("TF_WORKSPACE").filter(|it| !it.is_empty() && it != "default")?;
    let diagnostic = Diagnostic::error(format!(
        "TF_WORKSPACE names the workspace `{name}`, and is not read here"
    ));
    let diagnostic = diagnostic.code(code::NOT_SUPPORTED);
    Some(diagnostic.help(format!(
        "say `--env {}` or HA_ENV; `--env default` for the one without a name",
        shell_word(&name)
    )))
}

/// A word about variables of the environment that Terraform reads and no one here does.
pub(crate) fn unread_variables<'a>(
    family: FileFamily,
    names: impl Iterator<Item = &'a str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Vec<Diagnostic> {
    let is_set = |name: &str| variable(name).is_some_and(|it| !it.is_empty());
    let unread = |name: String, instead: String| {
        let diagnostic = Diagnostic::warning(format!("{name} is set, and is not read here"))
            .code(code::NOT_SUPPORTED);
        diagnostic.help(format!("set {instead}"))
    };
    let arguments = ["", "_plan", "_apply", "_destroy"]
        .map(|it| (format!("TF_CLI_ARGS{it}"), format!("HA_CLI_ARGS{it}")));
    let values = names.map(|it| (format!("TF_VAR_{it}"), format!("HA_VAR_{it}")));
    // In files of Terraform's family its variables are read.
    let values =
        values.filter(|(theirs, ours)| family == FileFamily::Ha && is_set(theirs) && !is_set(ours));
    let arguments = arguments.into_iter().filter(|(theirs, ours)| is_set(theirs) && !is_set(ours));
    arguments.chain(values).map(|(theirs, ours)| unread(theirs, ours)).collect()
}

/// A word about the state that Terraform keeps where a state that does not exist yet would be.
pub(crate) fn state_of_terraform(place: &str) -> Diagnostic {
    Diagnostic::warning(format!(
        "{place} is not read: what Terraform made is not known here, and would be made again"
    ))
    .code(code::NOT_SUPPORTED)
    .help("take it over with `import` blocks, and look at the plan before anything is applied")
}

/// Whether there is nothing to do for a command, so that scripts may go on.
pub(crate) fn is_needless(command: &str) -> bool {
    matches!(command, "init" | "get")
}

/// A word about what Terraform has left in a directory and no one looks at.
pub(crate) fn left_behind(
    directory: &Path,
    names: &[String],
    environment: Option<&str>,
) -> Vec<Diagnostic> {
    let tests = names.iter().find(|it| is_beside(it)).map(|it| {
        Diagnostic::warning(format!(
            "`{it}` is not read: `ha` has no test, mock, query or stack files"
        ))
            .code(code::NOT_SUPPORTED)
            .help("conditions that are to hold are written as `check`, `precondition` and `postcondition` blocks")
    });
    // Who has applied here already has seen it.
    let (theirs, ours) = match environment {
        Some(name) => (format!("{STATES}/{name}/{STATE}"), format!(".ha/env/{name}")),
        None => (STATE.to_owned(), ".ha".to_owned()),
    };
    let is_known = || directory.join(&ours).exists();
    let holds_resources =
        || Some(has_resources(&regular_file::read(&directory.join(&theirs), LARGEST).ok()?));
    let state = (!is_known() && holds_resources() == Some(true))
        .then(|| state_of_terraform(&format!("`{theirs}`")));
    tests.into_iter().chain(state).chain(selected(directory, environment)).collect()
}

/// Whether Terraform keeps a file of this name beside a configuration, without its being part of one.
fn is_beside(name: &str) -> bool {
    FileRole::from_file_name(name) == Some(FileRole::Beside)
}

/// Whether these bytes are a state of Terraform's in which something is recorded.
fn has_resources(bytes: &[u8]) -> bool {
    let state: Option<serde_json::Value> = serde_json::from_slice(bytes).ok();
    state.as_ref().and_then(|it| it.get("resources")?.as_array()).is_some_and(|it| !it.is_empty())
}

/// The workspace that Terraform would work on, where no one said which environment is meant.
fn selected(directory: &Path, environment: Option<&str>) -> Option<Diagnostic> {
    let text =
        regular_file::read_to_string(&directory.join(".terraform/environment"), LARGEST).ok()?;
    let name = Some(text.trim())
        .filter(|it| !it.is_empty() && *it != "default" && environment.is_none())?;
    let title = format!(
        "Terraform works on the workspace `{name}` here, and `ha` on the environment `default`"
    );
    let diagnostic = Diagnostic::warning(title).code(code::NOT_SUPPORTED);
    Some(diagnostic.help(format!("say `--env {}` or HA_ENV to work on that", shell_word(name))))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_the_environment_says_to_terraform_is_told() {
        let variable = |name: &str| {
            let set = [
                ("TF_WORKSPACE", "prod"),
                ("TF_CLI_ARGS_plan", "-lock=false"),
                ("TF_VAR_a", "1"),
                ("TF_VAR_b", "2"),
                ("HA_VAR_b", "2"),
            ];
            set.iter().find(|it| it.0 == name).map(|it| it.1.to_owned())
        };
        let told = |family| {
            let told = unread_variables(family, ["a", "b", "c"].into_iter(), variable);
            told.into_iter().map(|it| it.summary).collect::<Vec<_>>()
        };
        assert_eq!(told(FileFamily::Terraform), ["TF_CLI_ARGS_plan is set, and is not read here"]);
        assert_eq!(
            told(FileFamily::Ha),
            [
                "TF_CLI_ARGS_plan is set, and is not read here",
                "TF_VAR_a is set, and is not read here"
            ]
        );
        assert!(workspace_of_terraform(variable).unwrap().help[0].contains("--env prod"));
        assert_eq!(workspace_of_terraform(|_| Some("default".to_owned())), None);
    }

    #[test]
    fn the_state_of_a_workspace_of_terraform_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path();
        fs::create_dir_all(at.join("terraform.tfstate.d/prod")).unwrap();
        fs::create_dir_all(at.join(".terraform")).unwrap();
        fs::write(at.join("terraform.tfstate.d/prod/terraform.tfstate"), r#"{"resources": [{}]}"#)
            .unwrap();
        fs::write(at.join(".terraform/environment"), "prod").unwrap();
        let told = |environment| {
            left_behind(at, &[], environment).into_iter().map(|it| it.summary).collect::<Vec<_>>()
        };
        assert!(
            told(Some("prod"))[0]
                .starts_with("`terraform.tfstate.d/prod/terraform.tfstate` is not read")
        );
        assert!(told(None)[0].starts_with("Terraform works on the workspace `prod` here"));
        assert_eq!((told(Some("prod")).len(), told(None).len()), (1, 1));
    }

    #[test]
    fn what_is_left_behind_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
            left_behind(directory.path(), &names, None)
                .into_iter()
                .map(|it| it.summary)
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&["main.tf"]), Vec::<String>::new());
        assert_eq!(
            told(&["main.tf", "a.tftest.hcl"]),
            ["`a.tftest.hcl` is not read: `ha` has no test, mock, query or stack files"]
        );
        fs::write(directory.path().join(STATE), r#"{"version": 4, "resources": []}"#).unwrap();
        assert!(told(&["main.tf", STATE]).is_empty(), "it knows of nothing");
        fs::write(
            directory.path().join(STATE),
            r#"{"version": 4, "resources": [{"type": "aws_instance"}]}"#,
        )
        .unwrap();
        assert_eq!(told(&["main.tf", STATE]).len(), 1);
        fs::create_dir(directory.path().join(".ha")).unwrap();
        assert!(told(&["main.tf", STATE]).is_empty(), "something has been applied since");
    }
}
