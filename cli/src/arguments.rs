//! The command line. What is written here is the help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, FromArgMatches, Parser, Subcommand};
use ha_kind::Address;

use crate::commands::{apply, console, destroy, output, plan, schema, show, state, validate, version};
use crate::project::{AskedFor, Wishes};
use crate::terminal::Colour;

const TEMPLATE: &str = "\
{about}

{usage-heading} {usage}

Main commands:
  validate  Check the configuration without asking anybody
  plan      Show what would change, and why
  apply     Make what the configuration says
  destroy   Destroy everything that the configuration made

Looking at what is there:
  show      Show a saved plan, or all that is recorded
  output    Print outputs
  state     List what is recorded, or show one of it

Writing configurations:
  console   Evaluate expressions
  schema    Show the kinds and what they take and give
  version   Print the version
  help      Show this, or the help of a command

Options:
{options}{after-help}
";

const EXAMPLES: &str = "
Examples:
  ha plan                             what would change here
  ha --chdir stacks/prod apply        apply what is in another directory
  ha plan --out plan.ha               keep a plan ...
  ha apply plan.ha                    ... and apply exactly that

Exit codes: 0 done or nothing to do, 1 error, 2 changes (`plan --detailed-exitcode`), 130 interrupted.
Environment: HA_VAR_name sets a variable, HA_STATE_KEY_FILE names the state's key, NO_COLOR turns colours off,
CI or HA_IN_AUTOMATION say that nobody is watching.";

/// Plans and applies what a directory of HCL files says should exist
#[derive(Parser)]
#[command(name = "ha", version, help_template = TEMPLATE, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args)]
pub(crate) struct Everywhere {
    /// Work in this directory
    #[arg(long, value_name = "DIR", global = true, help_heading = "Everywhere")]
    pub(crate) chdir: Option<PathBuf>,
    /// Whether to colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", help_heading = "Everywhere")]
    pub(crate) color: Colour,
    /// Do not colour; the same as `--color never`
    #[arg(long, global = true, help_heading = "Everywhere")]
    pub(crate) no_color: bool,
}

/// What can be asked for.
#[derive(Subcommand)]
pub(crate) enum Command {
    Validate(validate::ValidateArgs),
    Plan(plan::PlanArgs),
    Apply(apply::ApplyArgs),
    Destroy(destroy::DestroyArgs),
    Show(show::ShowArgs),
    Output(output::OutputArgs),
    #[command(subcommand)]
    State(state::StateCommand),
    Console(console::ConsoleArgs),
    Schema(schema::SchemaArgs),
    Version(version::VersionArgs),
}

/// Values of variables, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariableArgs {
    wishes: Wishes,
}

impl VariableArgs {
    /// What the operator says about the configuration.
    pub(crate) fn wishes(&self) -> &Wishes {
        &self.wishes
    }
}

const VARIABLES: &str = "Variables";

impl Args for VariableArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let var = clap::Arg::new("var")
            .long("var")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help_heading(VARIABLES)
            .value_parser(|it: &str| match it.split_once('=') {
                Some((name, value)) => Ok((name.trim().to_owned(), value.to_owned())),
                None => Err("write it as NAME=VALUE"),
            })
            .help("Set a variable; later ones count");
        let file = clap::Arg::new("var-file")
            .long("var-file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .help_heading(VARIABLES)
            .value_parser(clap::value_parser!(PathBuf))
            .help("Set the variables that a file gives");
        let allow = clap::Arg::new("allow-read")
            .long("allow-read")
            .value_name("DIR")
            .action(ArgAction::Append)
            .help_heading(VARIABLES)
            .value_parser(clap::value_parser!(PathBuf))
            .help("Let functions such as `file` read below this directory too");
        command.arg(var).arg(file).arg(allow)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for VariableArgs {
    fn from_arg_matches(matches: &clap::ArgMatches) -> Result<Self, clap::Error> {
        let mut asked: Vec<(usize, AskedFor)> = Vec::new();
        if let (Some(places), Some(values)) = (matches.indices_of("var"), matches.get_many::<(String, String)>("var")) {
            asked.extend(places.zip(values.map(|(name, value)| AskedFor::Value(name.clone(), value.clone()))));
        }
        if let (Some(places), Some(files)) = (matches.indices_of("var-file"), matches.get_many::<PathBuf>("var-file")) {
            asked.extend(places.zip(files.map(|it| AskedFor::File(it.clone()))));
        }
        asked.sort_by_key(|(place, _)| *place);
        let allow_read = matches.get_many::<PathBuf>("allow-read").into_iter().flatten().cloned().collect();
        Ok(Self { wishes: Wishes { asked: asked.into_iter().map(|(_, it)| it).collect(), allow_read } })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// How planning goes about it.
#[derive(Args, Clone, Debug)]
pub(crate) struct PlanningArgs {
    /// Plan to make this instance anew; may be given several times
    #[arg(long, value_name = "ADDRESS", help_heading = "Planning")]
    pub(crate) replace: Vec<Address>,
    #[command(flatten)]
    pub(crate) pace: PaceArgs,
}

/// How much is looked at, and how much at a time.
#[derive(Args, Clone, Debug)]
pub(crate) struct PaceArgs {
    /// Whether to look at what is recorded first
    #[arg(long, value_name = "BOOL", default_value = "true", action = ArgAction::Set, num_args = 0..=1, require_equals = true, default_missing_value = "true", help_heading = "Planning")]
    pub(crate) refresh: bool,
    /// How many things to look at or work on at a time
    #[arg(long, value_name = "N", default_value = "10", help_heading = "Planning")]
    pub(crate) parallelism: std::num::NonZeroUsize,
}

/// How a change is agreed to.
#[derive(Args, Clone, Debug)]
pub(crate) struct ApprovalArgs {
    /// Do not ask; for where nobody is there to answer
    #[arg(long, visible_alias = "auto-approve")]
    pub(crate) yes: bool,
    /// How long to wait when another command holds the state's lock: `30s`, `5m`
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = time)]
    pub(crate) lock_timeout: Duration,
}

/// `90`, `30s`, `5m`, `1h`.
fn time(text: &str) -> Result<Duration, String> {
    let (number, unit) = match text.trim_end_matches(|it: char| it.is_ascii_alphabetic()) {
        number if number.len() < text.len() => (number, &text[number.len()..]),
        number => (number, "s"),
    };
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("write it as `30s`, `5m` or `1h`".into()),
    };
    let number: f64 = number.parse().map_err(|_| "write it as `30s`, `5m` or `1h`".to_owned())?;
    Duration::try_from_secs_f64(number * seconds).map_err(|_| "it must be a time that can pass".into())
}

/// The arguments with Terraform's single dashes doubled: `-auto-approve` is `--auto-approve`.
pub(crate) fn with_two_dashes(arguments: impl Iterator<Item = std::ffi::OsString>) -> Vec<std::ffi::OsString> {
    let mut is_over = false;
    let doubled = |argument: std::ffi::OsString| {
        let Some(text) = argument.to_str() else { return argument };
        is_over |= text == "--";
        let name = text.strip_prefix('-').map(|it| it.split('=').next().unwrap_or(it)).unwrap_or_default();
        let is_long = name.len() > 1 && name.starts_with(|it: char| it.is_ascii_lowercase());
        match !is_over && is_long && name.chars().all(|it| it.is_ascii_lowercase() || it == '-') {
            true => format!("-{text}").into(),
            false => argument,
        }
    };
    arguments.map(doubled).collect()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use snapbox::str;

    use super::*;
    use crate::views::samples::check;

    fn help(of: &[&str]) -> String {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut command = &mut command;
        for name in of {
            command = command.find_subcommand_mut(name).unwrap();
        }
        command.render_long_help().to_string()
    }

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn every_command_is_in_the_help() {
        let help = help(&[]);
        for command in Arguments::command().get_subcommands() {
            assert!(help.contains(&format!("\n  {:8}  ", command.get_name())), "{}", command.get_name());
        }
    }

    #[test]
    fn help_of_the_program() {
        check(&help(&[]), str![]);
    }

    #[test]
    fn help_of_validate() {
        check(&help(&["validate"]), str![]);
    }

    #[test]
    fn help_of_plan() {
        check(&help(&["plan"]), str![]);
    }

    #[test]
    fn help_of_apply() {
        check(&help(&["apply"]), str![]);
    }

    #[test]
    fn help_of_destroy() {
        check(&help(&["destroy"]), str![]);
    }

    #[test]
    fn help_of_show() {
        check(&help(&["show"]), str![]);
    }

    #[test]
    fn help_of_output() {
        check(&help(&["output"]), str![]);
    }

    #[test]
    fn help_of_state() {
        check(&help(&["state"]), str![]);
        check(&help(&["state", "list"]), str![]);
        check(&help(&["state", "show"]), str![]);
    }

    #[test]
    fn help_of_console() {
        check(&help(&["console"]), str![]);
    }

    #[test]
    fn help_of_schema() {
        check(&help(&["schema"]), str![]);
    }

    #[test]
    fn help_of_version() {
        check(&help(&["version"]), str![]);
    }

    #[test]
    fn single_dashes_will_do() {
        let given = ["ha", "-chdir=x", "plan", "-var", "a=-b", "-out", "p", "-h", "-1", "--", "-out"];
        let doubled = with_two_dashes(given.iter().map(Into::into));
        assert_eq!(doubled, ["ha", "--chdir=x", "plan", "--var", "a=-b", "--out", "p", "-h", "-1", "--", "-out"]);
    }

    #[test]
    fn values_keep_their_order() {
        let arguments = ["ha", "plan", "--var", "a=1", "--var-file", "f", "--var", "b=2=3"];
        let Command::Plan(plan) = Arguments::try_parse_from(arguments).unwrap().command else { panic!("a plan") };
        let order: Vec<String> = plan.variables().wishes().asked.iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(order, ["Value(\"a\", \"1\")", "File(\"f\")", "Value(\"b\", \"2=3\")"]);
    }

    #[test]
    fn times_are_read() {
        assert_eq!(time("90"), Ok(Duration::from_secs(90)));
        assert_eq!(time("1.5m"), Ok(Duration::from_secs(90)));
        assert!(time("soon").is_err() && time("5d").is_err() && time("-1s").is_err());
    }
}
