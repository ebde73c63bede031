//! `--var`, `--var-file` and `--allow-read`.

use std::path::PathBuf;

use clap::{ArgAction, Args, FromArgMatches};

use crate::views::expression::is_identifier;
use crate::workspace::variable_options::{VariableOptions, VariableSource};

/// Where the help lists them.
const VARIABLES: &str = "Variables";

/// Values of variables, in the order in which they were given.
#[derive(Clone, Debug, Default)]
pub(crate) struct VariableArgs {
    variable_options: VariableOptions,
}

impl VariableArgs {
    /// The values and allowed directories, in the order of the command line.
    pub(crate) fn variable_options(&self) -> &VariableOptions {
        &self.variable_options
    }
}

impl Args for VariableArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let var = clap::Arg::new("var")
            .long("var")
            .value_name("NAME=VALUE")
            .action(ArgAction::Append)
            .help_heading(VARIABLES)
            .value_parser(|it: &str| match it.split_once('=') {
                Some((name, value)) if is_identifier(name.trim()) => {
                    Ok((name.trim().to_owned(), value.to_owned()))
                }
                _ => Err("write it as NAME=VALUE"),
            })
            .help("Set a variable of the configuration; the last value of a name counts");
        let file = clap::Arg::new("var-file")
            .long("var-file")
            .value_name("FILE")
            .action(ArgAction::Append)
            .help_heading(VARIABLES)
            .value_parser(clap::value_parser!(PathBuf))
            .help(
                "Set variables from this file, such as `prod.hclvars`; may be given several times",
            );
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
        let mut asked: Vec<(usize, VariableSource)> = Vec::new();
        if let (Some(places), Some(values)) =
            (matches.indices_of("var"), matches.get_many::<(String, String)>("var"))
        {
            asked.extend(places.zip(
                values.map(|(name, value)| VariableSource::Value(name.clone(), value.clone())),
            ));
        }
        if let (Some(places), Some(files)) =
            (matches.indices_of("var-file"), matches.get_many::<PathBuf>("var-file"))
        {
            asked.extend(places.zip(files.map(|it| VariableSource::File(it.clone()))));
        }
        asked.sort_by_key(|(place, _)| *place);
        let allow_read =
            matches.get_many::<PathBuf>("allow-read").into_iter().flatten().cloned().collect();
        Ok(Self {
            variable_options: VariableOptions {
                asked: asked.into_iter().map(|(_, it)| it).collect(),
                allow_read,
            },
        })
    }

    fn update_from_arg_matches(&mut self, matches: &clap::ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use crate::cli::command_line::{Command, CommandLine};

    #[test]
    fn values_keep_their_order() {
        let arguments = ["ha", "plan", "--var", "a=1", "--var-file", "f", "--var", "b=2=3"];
        let Command::Plan(plan) = CommandLine::try_parse_from(arguments).unwrap().command else {
            panic!("a plan")
        };
        let order: Vec<String> =
            plan.variables().variable_options().asked.iter().map(|it| format!("{it:?}")).collect();
        assert_eq!(order, ["Value(\"a\", \"1\")", "File(\"f\")", "Value(\"b\", \"2=3\")"]);
    }
}
