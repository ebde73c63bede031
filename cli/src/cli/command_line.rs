//! The command line as a whole. What is written here, and beside the commands, is the help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    apply, completions, console, destroy, explain, fmt, graph, import, man, output, plan, schema,
    show, state, validate, version,
};
use crate::output::terminal::ColorChoice;

const TEMPLATE: &str = "\
{about}

{usage-heading} {usage}

Main commands:
  validate  Check the configuration without asking anybody
  plan      Show what would change, and why
  apply     Make what the configuration says
  destroy   Destroy everything that the configuration made
  import    Record what exists already

Looking at what is there:
  show      Show a saved plan, or all that is recorded
  output    Print outputs
  graph     Show what refers to what
  state     List, show, move, forget and replace what is recorded

Writing configurations:
  fmt       Put configurations into their usual form
  console   Evaluate expressions
  schema    Show the kinds and the functions, what they take and give

This program:
  explain      Say what a code such as HA0203 means, and how to fix it
  version      Print the version
  completions  Print what teaches a shell to complete `ha`
  man          Print or write manual pages
  help         Show this, or the help of a command

Options:
{options}{after-help}
";

const EXAMPLES: &str = "\
Examples:
  ha plan                             what would change here
  ha --chdir stacks/prod apply        apply what is in another directory
  ha plan --out plan.ha               keep a plan ...
  ha apply plan.ha                    ... and apply exactly that

Terraform's single dashes will do: `-auto-approve` is `--auto-approve`, `-out=FILE` is `--out=FILE`.
Where an option is given twice, the last one counts.

Exit codes: 0 done or nothing to do, 1 error, 127 no command, 130 interrupted; each command's help lists its own.

Environment:
  HA_VAR_name           sets a variable; TF_VAR_name where the files end in .tf
  HA_ENV                names the environment, as --env does
  HA_CLI_ARGS           adds arguments to every command, HA_CLI_ARGS_plan to one
  HA_INPUT              0 or false: nothing is ever asked
  HA_STATE_KEY_FILE     names the file with the state's key
  HA_LOG                what to log, such as debug; HA_LOG_FILE and HA_LOG_FORMAT say where and how
  CI, HA_IN_AUTOMATION  say that no one is watching
  NO_COLOR              turns colours off";

/// Plans and applies what a directory of HCL files says should exist
#[derive(Parser)]
#[command(name = "ha", version, help_template = TEMPLATE, after_help = EXAMPLES, max_term_width = 100, args_override_self = true)]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) everywhere: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Args)]
pub(crate) struct GlobalOptions {
    /// Change to this directory first; relative paths start there
    #[arg(long, value_name = "DIR", global = true, help_heading = "Everywhere")]
    pub(crate) chdir: Option<PathBuf>,
    /// Work on this environment: its state is its own, its values are in `env/NAME.hclvars`
    #[arg(long, value_name = "NAME", global = true, help_heading = "Everywhere")]
    pub(crate) env: Option<String>,
    /// When to colour the output
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        help_heading = "Everywhere"
    )]
    pub(crate) color: ColorChoice,
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
    Import(import::ImportArgs),
    Show(show::ShowArgs),
    Output(output::OutputArgs),
    Graph(graph::GraphArgs),
    #[command(subcommand)]
    State(state::StateCommand),
    Fmt(fmt::FmtArgs),
    Console(console::ConsoleArgs),
    Schema(schema::SchemaArgs),
    Explain(explain::ExplainArgs),
    Version(version::VersionArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

impl Command {
    /// Its name, for the log.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Validate(_) => "validate",
            Self::Plan(_) => "plan",
            Self::Apply(_) => "apply",
            Self::Destroy(_) => "destroy",
            Self::Import(_) => "import",
            Self::Show(_) => "show",
            Self::Output(_) => "output",
            Self::Graph(_) => "graph",
            Self::State(_) => "state",
            Self::Fmt(_) => "fmt",
            Self::Console(_) => "console",
            Self::Schema(_) => "schema",
            Self::Explain(_) => "explain",
            Self::Version(_) => "version",
            Self::Completions(_) => "completions",
            Self::Man(_) => "man",
        }
    }
}
