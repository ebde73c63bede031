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

const EXAMPLES: &str = "\
Examples:
  ha plan                             what would change here
  ha --chdir stacks/prod apply        apply what is in another directory
  ha plan --out plan.ha               keep a plan ...
  ha apply plan.ha                    ... and apply exactly that

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted; each command's help lists its own.

Environment:
  HA_VAR_name           sets a variable
  HA_STATE_KEY_FILE     names the file with the state's key
  CI, HA_IN_AUTOMATION  say that nobody is watching
  NO_COLOR              turns colours off";

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
        check(
            &help(&[]),
            str![[r#"
Plans and applies what a directory of HCL files says should exist

Usage: ha [OPTIONS] <COMMAND>

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
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

  -h, --help
          Print help

  -V, --version
          Print version

Examples:
  ha plan                             what would change here
  ha --chdir stacks/prod apply        apply what is in another directory
  ha plan --out plan.ha               keep a plan ...
  ha apply plan.ha                    ... and apply exactly that

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted; each command's help lists its own.

Environment:
  HA_VAR_name           sets a variable
  HA_STATE_KEY_FILE     names the file with the state's key
  CI, HA_IN_AUTOMATION  say that nobody is watching
  NO_COLOR              turns colours off

"#]],
        );
    }

    #[test]
    fn help_of_validate() {
        check(
            &help(&["validate"]),
            str![[r#"
Check the configuration without asking anybody

Reads no state, reaches no provider and needs no values: variables may be anything of their types.

Usage: ha validate [OPTIONS]

Options:
      --json
          Print what is wrong as JSON, in the shape of `terraform validate -json`

  -h, --help
          Print help (see a summary with '-h')

Variables:
      --var <NAME=VALUE>
          Set a variable; later ones count

      --var-file <FILE>
          Set the variables that a file gives

      --allow-read <DIR>
          Let functions such as `file` read below this directory too

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Exit codes: 0 nothing is wrong, 1 something is.

"#]],
        );
    }

    #[test]
    fn help_of_plan() {
        check(
            &help(&["plan"]),
            str![[r#"
Show what would change, and why

Looks at what is recorded, reads what the configuration asks for, and changes nothing. Takes no
lock.

Usage: ha plan [OPTIONS]

Options:
      --destroy
          Plan to destroy everything

      --out <FILE>
          Keep the plan in this file, sealed under the state's key

      --detailed-exitcode
          Exit with 2 when there are changes

      --json
          Print the plan as JSON, in the shape of `terraform show -json`

      --show-sensitive
          Show secrets in the JSON

      --detail <HOW>
          How much to show

          Possible values:
          - none:    The list of addresses alone
          - changed: What changes, long texts cut short
          - full:    All of what changes
          
          [default: changed]

  -h, --help
          Print help (see a summary with '-h')

Planning:
      --replace <ADDRESS>
          Plan to make this instance anew; may be given several times

      --refresh[=<BOOL>]
          Whether to look at what is recorded first
          
          [default: true]
          [possible values: true, false]

      --parallelism <N>
          How many things to look at or work on at a time
          
          [default: 10]

Variables:
      --var <NAME=VALUE>
          Set a variable; later ones count

      --var-file <FILE>
          Set the variables that a file gives

      --allow-read <DIR>
          Let functions such as `file` read below this directory too

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha plan --out plan.ha               keep the plan, to apply exactly that later
  ha plan --replace 'a.b["key"]'      make one instance anew
  ha plan --json | jq '.resource_changes[].address'

Exit codes: 0 done, 1 error, 130 interrupted; with --detailed-exitcode also 2: there are changes.

"#]],
        );
    }

    #[test]
    fn help_of_apply() {
        check(
            &help(&["apply"]),
            str![[r#"
Make what the configuration says

Takes the state's lock, finishes what an interrupted run left, plans, asks, and works. With a plan
file it does exactly what that says, without asking, and refuses when anything the plan touches or
reads has changed since. The first Ctrl-C lets steps under way finish and begins no more; the second
abandons them.

Usage: ha apply [OPTIONS] [PLANFILE]

Arguments:
  [PLANFILE]
          A plan that `ha plan --out FILE` kept

Options:
      --yes
          Do not ask; for where nobody is there to answer
          
          [alias: --auto-approve]

      --lock-timeout <TIME>
          How long to wait when another command holds the state's lock: `30s`, `5m`
          
          [default: 0s]

      --detail <HOW>
          How much of the plan to show

          Possible values:
          - none:    The list of addresses alone
          - changed: What changes, long texts cut short
          - full:    All of what changes
          
          [default: changed]

  -h, --help
          Print help (see a summary with '-h')

Planning:
      --replace <ADDRESS>
          Plan to make this instance anew; may be given several times

      --refresh[=<BOOL>]
          Whether to look at what is recorded first
          
          [default: true]
          [possible values: true, false]

      --parallelism <N>
          How many things to look at or work on at a time
          
          [default: 10]

Variables:
      --var <NAME=VALUE>
          Set a variable; later ones count

      --var-file <FILE>
          Set the variables that a file gives

      --allow-read <DIR>
          Let functions such as `file` read below this directory too

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha apply                            plan, ask, and apply
  ha apply --yes                      without asking
  ha apply plan.ha                    exactly what `ha plan --out plan.ha` showed

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted.

"#]],
        );
    }

    #[test]
    fn help_of_destroy() {
        check(
            &help(&["destroy"]),
            str![[r#"
Destroy everything that the configuration made

Plans to destroy all that is recorded, asks, and works. What is protected by `prevent_destroy` or by
the service itself stays, and the plan says so.

Usage: ha destroy [OPTIONS]

Options:
      --yes
          Do not ask; for where nobody is there to answer
          
          [alias: --auto-approve]

      --lock-timeout <TIME>
          How long to wait when another command holds the state's lock: `30s`, `5m`
          
          [default: 0s]

      --detail <HOW>
          How much of the plan to show

          Possible values:
          - none:    The list of addresses alone
          - changed: What changes, long texts cut short
          - full:    All of what changes
          
          [default: changed]

  -h, --help
          Print help (see a summary with '-h')

Planning:
      --refresh[=<BOOL>]
          Whether to look at what is recorded first
          
          [default: true]
          [possible values: true, false]

      --parallelism <N>
          How many things to look at or work on at a time
          
          [default: 10]

Variables:
      --var <NAME=VALUE>
          Set a variable; later ones count

      --var-file <FILE>
          Set the variables that a file gives

      --allow-read <DIR>
          Let functions such as `file` read below this directory too

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha plan --destroy                   look at it first
  ha destroy                          plan, ask, and destroy

Exit codes: 0 done or nothing to do, 1 error, 130 interrupted.

"#]],
        );
    }

    #[test]
    fn help_of_show() {
        check(
            &help(&["show"]),
            str![[r#"
Show a saved plan, or all that is recorded

Takes no lock and asks nobody.

Usage: ha show [OPTIONS] [PLANFILE]

Arguments:
  [PLANFILE]
          A plan that `ha plan --out FILE` kept

Options:
      --json
          Print JSON, in the shape of `terraform show -json`

      --show-sensitive
          Show secrets in the JSON

      --detail <HOW>
          How much of a plan to show

          Possible values:
          - none:    The list of addresses alone
          - changed: What changes, long texts cut short
          - full:    All of what changes
          
          [default: changed]

  -h, --help
          Print help (see a summary with '-h')

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha show                             all that is recorded
  ha show plan.ha                     a plan that `ha plan --out plan.ha` kept
  ha show --json plan.ha | jq .resource_changes

Exit codes: 0 done, 1 error.

"#]],
        );
    }

    #[test]
    fn help_of_output() {
        check(
            &help(&["output"]),
            str![[r#"
Print outputs

As recorded by the last apply. Takes no lock and asks nobody.

Usage: ha output [OPTIONS] [NAME]

Arguments:
  [NAME]
          One output

Options:
      --json
          Print JSON

      --raw
          Print a text, number or truth value as it is, secret or not

      --show-sensitive
          Show secrets in the JSON

  -h, --help
          Print help (see a summary with '-h')

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha output                           all of them, sensitive ones hidden
  ha output --raw mongodb_uri         one as it is, secret or not, without a line end
  ha output --json | jq -r .ca_file.value

Exit codes: 0 done, 1 error.

"#]],
        );
    }

    #[test]
    fn help_of_state() {
        check(
            &help(&["state"]),
            str![[r#"
List what is recorded, or show one of it

Usage: ha state [OPTIONS] <COMMAND>

Commands:
  list  List the addresses of what is recorded
  show  Show what is recorded of one instance
  help  Print this message or the help of the given subcommand(s)

Options:
  -h, --help
          Print help

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

"#]],
        );
        check(
            &help(&["state", "list"]),
            str![[r#"
List the addresses of what is recorded

Takes no lock and asks nobody.

Usage: ha state list [OPTIONS] [ADDRESS]...

Arguments:
  [ADDRESS]...
          Only addresses that begin with one of these

Options:
      --json
          Print a JSON array

  -h, --help
          Print help (see a summary with '-h')

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha state list                       everything
  ha state list mongodb_host.db       what begins so

Exit codes: 0 done, 1 error.

"#]],
        );
        check(
            &help(&["state", "show"]),
            str![[r#"
Show what is recorded of one instance

Takes no lock and asks nobody. Secrets are not shown.

Usage: ha state show [OPTIONS] <ADDRESS>

Arguments:
  <ADDRESS>
          Which

Options:
      --json
          Print JSON

  -h, --help
          Print help (see a summary with '-h')

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha state show 'mongodb_host.db["a"]'

Exit codes: 0 done, 1 error.

"#]],
        );
    }

    #[test]
    fn help_of_console() {
        check(
            &help(&["console"]),
            str![[r#"
Evaluate expressions

Reads a line at a time, and prints what it is. Where there is a configuration, its variables and
locals and what is recorded of its resources can be referred to. Changes nothing and asks nobody.

Usage: ha console [OPTIONS]

Options:
      --expr <EXPRESSION>
          Evaluate this and end

      --json
          Print type and value as JSON, or what is wrong

      --show-sensitive
          Print secrets in clear

  -h, --help
          Print help (see a summary with '-h')

Variables:
      --var <NAME=VALUE>
          Set a variable; later ones count

      --var-file <FILE>
          Set the variables that a file gives

      --allow-read <DIR>
          Let functions such as `file` read below this directory too

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha console                          ask away; `exit` or Ctrl-D ends it
  ha console --expr 'cidrsubnet("10.0.0.0/8", 8, 2)'
  ha console --json --expr 'var.hosts'

Exit codes: 0 done, 1 an expression is wrong.

"#]],
        );
    }

    #[test]
    fn help_of_schema() {
        check(
            &help(&["schema"]),
            str![[r#"
Show the kinds and what they take and give

Usage: ha schema [OPTIONS] [KIND]

Arguments:
  [KIND]
          One kind

Options:
      --json
          Print JSON

  -h, --help
          Print help

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Examples:
  ha schema                           all kinds
  ha schema mongodb_host              one, with all its arguments and outputs
  ha schema data.aws_vpc              a kind that is only read

Exit codes: 0 done, 1 error.

"#]],
        );
    }

    #[test]
    fn help_of_version() {
        check(
            &help(&["version"]),
            str![[r#"
Print the version

Usage: ha version [OPTIONS]

Options:
      --json
          Print JSON

  -h, --help
          Print help

Everywhere:
      --chdir <DIR>
          Work in this directory

      --color <WHEN>
          Whether to colour
          
          [default: auto]
          [possible values: auto, always, never]

      --no-color
          Do not colour; the same as `--color never`

Exit codes: 0 done, 1 error.

"#]],
        );
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
