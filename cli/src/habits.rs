//! What people know from Terraform and will not find here: its commands, and the files it leaves in a directory.

use std::fs;
use std::path::Path;

use ha_kind::{Diagnostic, code};

use crate::spelling::is_test;

/// The state that Terraform keeps beside a configuration.
const STATE: &str = "terraform.tfstate";

/// What to do in the place of a command that Terraform has.
pub(crate) fn instead(command: &str) -> Option<&'static str> {
    Some(match command {
        "init" | "get" => "nothing is fetched or made ready: begin with `ha plan`",
        "test" => {
            "conditions that are to hold are written as `check`, `precondition` and `postcondition` blocks, which `ha plan` looks at"
        }
        "taint" => "`ha plan --replace ADDRESS` plans to make an instance anew",
        "untaint" => "an instance that could not be made to the end is made anew by the next `ha apply`; fix what stopped it",
        "refresh" => "`ha apply --refresh-only` takes what is there into the state",
        "workspace" | "env" => {
            "`--env NAME`, or `HA_ENV`, works on another environment, with a state and values of its own; it is there once something is applied to it"
        }
        "force-unlock" => {
            "`ha state unlock ID` takes a lock away; that of a local state is free as soon as the process that holds it has ended"
        }
        "providers" => "`ha schema` lists the kinds, all of which are built in",
        "modules" => "`ha graph --all` shows what is in each module; modules are directories beside the configuration",
        "metadata" => "`ha schema functions --json` lists the functions",
        "login" | "logout" | "cloud" => {
            "nothing is kept elsewhere than where the configuration says; see `backend` in docs/language.md"
        }
        "query" | "stacks" | "rpcapi" => "there is nothing like it",
        _ => return None,
    })
}

/// Whether there is nothing to do for a command, so that scripts may go on.
pub(crate) fn is_needless(command: &str) -> bool {
    matches!(command, "init" | "get")
}

/// A word about what Terraform has left in a directory and nobody looks at.
pub(crate) fn left_behind(directory: &Path, names: &[String]) -> Vec<Diagnostic> {
    let tests = names.iter().find(|it| is_test(it)).map(|it| {
        Diagnostic::warning(format!("`{it}` is not run: there are no test files here"))
            .code(code::NOT_SUPPORTED)
            .help("conditions that are to hold are written as `check`, `precondition` and `postcondition` blocks")
    });
    let holds_resources = || {
        let text = fs::read(directory.join(STATE)).ok()?;
        let state: serde_json::Value = serde_json::from_slice(&text).ok()?;
        state.get("resources")?.as_array().map(|it| !it.is_empty())
    };
    // Who has applied here already has seen it.
    let is_new = || !directory.join(".ha").exists();
    let is_there = names.iter().any(|it| it == STATE) && is_new() && holds_resources() == Some(true);
    let state = is_there.then(|| {
        Diagnostic::warning(format!("`{STATE}` is not read: what Terraform made is not known here, and would be made again"))
            .code(code::NOT_SUPPORTED)
            .help("take it over with `import` blocks, and look at the plan before anything is applied")
    });
    tests.into_iter().chain(state).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_behind_is_told() {
        let directory = tempfile::tempdir().unwrap();
        let told = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|it| (*it).to_owned()).collect();
            left_behind(directory.path(), &names).into_iter().map(|it| it.summary).collect::<Vec<_>>()
        };
        assert_eq!(told(&["main.tf"]), Vec::<String>::new());
        assert_eq!(told(&["main.tf", "a.tftest.hcl"]), ["`a.tftest.hcl` is not run: there are no test files here"]);
        fs::write(directory.path().join(STATE), r#"{"version": 4, "resources": []}"#).unwrap();
        assert!(told(&["main.tf", STATE]).is_empty(), "it knows of nothing");
        fs::write(directory.path().join(STATE), r#"{"version": 4, "resources": [{"type": "aws_instance"}]}"#).unwrap();
        assert_eq!(told(&["main.tf", STATE]).len(), 1);
        fs::create_dir(directory.path().join(".ha")).unwrap();
        assert!(told(&["main.tf", STATE]).is_empty(), "something has been applied since");
    }
}
