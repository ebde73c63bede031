use std::ffi::OsString;

use clap::{Arg, Command};

/// The arguments with Terraform's single dashes doubled: `-auto-approve` is `--auto-approve`. What
/// follows an option whose value may begin with a dash is left as it is.
pub(crate) fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let (mut is_over, mut is_value) = (false, false);
    let doubled = |argument: OsString| {
        let Some(text) = argument.to_str() else { return argument };
        is_over |= text == "--";
        if is_over || std::mem::take(&mut is_value) {
            return argument;
        }
        is_value = text.trim_start_matches('-') == EXPRESSION && text.starts_with('-');
        let name =
            text.strip_prefix('-').map(|it| it.split('=').next().unwrap_or(it)).unwrap_or_default();
        let is_long = name.len() > 1 && name.starts_with(|it: char| it.is_ascii_lowercase());
        match is_long && name.chars().all(|it| it.is_ascii_lowercase() || it == '-') {
            true => format!("-{text}").into(),
            false => argument,
        }
    };
    arguments.map(doubled).collect()
}

/// The arguments with the values taken off options that take none, as Terraform's may have:
/// `--json=true` is `--json`, and `--auto-approve=false` is as good as nothing.
pub(crate) fn with_bare_flags(arguments: Vec<OsString>, command: fn() -> Command) -> Vec<OsString> {
    let mut is_over = false;
    let bare = |argument: OsString| {
        is_over |= argument == "--";
        let said = argument
            .to_str()
            .filter(|_| !is_over)
            .and_then(|it| it.strip_prefix("--")?.split_once('='));
        match said {
            Some((name, value @ ("true" | "false"))) if is_flag(&command(), name) => {
                (value == "true").then(|| format!("--{name}").into())
            }
            _ => Some(argument),
        }
    };
    arguments.into_iter().filter_map(bare).collect()
}

/// Whether an option takes no value, of whichever command it is.
fn is_flag(command: &Command, name: &str) -> bool {
    let is_named = |it: &&Arg| {
        it.get_long() == Some(name) || it.get_all_aliases().is_some_and(|it| it.contains(&name))
    };
    let mut open = vec![command];
    let mut found = Vec::new();
    while let Some(command) = open.pop() {
        found.extend(
            command.get_arguments().filter(is_named).map(|it| it.get_action().takes_values()),
        );
        open.extend(command.get_subcommands());
    }
    !found.is_empty() && found.iter().all(|takes_value| !takes_value)
}

/// The option whose value is an expression, which may begin with a dash.
const EXPRESSION: &str = "expr";

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn options_without_a_value_may_be_given_true_or_false() {
        let bare = |given: &[&str]| {
            let given = given.iter().map(Into::into).collect();
            with_bare_flags(given, crate::cli::command_line::CommandLine::command)
        };
        assert_eq!(bare(&["ha", "apply", "--auto-approve=false"]), ["ha", "apply"]);
        assert_eq!(
            bare(&["ha", "apply", "--yes=true", "--json=true"]),
            ["ha", "apply", "--yes", "--json"]
        );
        assert_eq!(
            bare(&["ha", "plan", "--refresh=false", "--var=a=true"]),
            ["ha", "plan", "--refresh=false", "--var=a=true"]
        );
        assert_eq!(
            bare(&["ha", "--", "--yes=true", "--nonsense=true"]),
            ["ha", "--", "--yes=true", "--nonsense=true"]
        );
    }

    #[test]
    fn single_dashes_will_do() {
        let given =
            ["ha", "-chdir=x", "plan", "-var", "a=-b", "-out", "p", "-h", "-1", "--", "-out"];
        let doubled = with_two_dashes(given.iter().map(Into::into));
        let console = ["ha", "console", "-expr", "-var.x", "-json"].iter().map(Into::into);
        assert_eq!(with_two_dashes(console), ["ha", "console", "--expr", "-var.x", "--json"]);
        assert_eq!(
            doubled,
            ["ha", "--chdir=x", "plan", "--var", "a=-b", "--out", "p", "-h", "-1", "--", "-out"]
        );
    }
}
