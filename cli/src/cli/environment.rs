//! Arguments that the environment adds: `HA_CLI_ARGS` to every command, `HA_CLI_ARGS_plan` to one.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use clap::CommandFactory;

use super::command_line::CommandLine;
use crate::invocation::ADDED;
use crate::views::diagnostic::RenderedDiagnostic;

/// The arguments with those of the environment right behind the command, so that those given by
/// hand come later and count. Where nothing is run, nothing is added.
///
/// # Errors
/// When such a variable has a quote that is not closed.
pub(crate) fn with_environment(
    arguments: Vec<OsString>,
) -> Result<Vec<OsString>, RenderedDiagnostic> {
    let named = |name: &OsString| name.to_str().is_some_and(|it| it.starts_with(ADDED));
    let variables: BTreeMap<OsString, OsString> =
        std::env::vars_os().filter(|(name, _)| named(name)).collect();
    if variables.is_empty() {
        return Ok(arguments);
    }
    with(&variables, arguments, &CommandLine::command())
}

fn with(
    variables: &BTreeMap<OsString, OsString>,
    mut arguments: Vec<OsString>,
    program: &clap::Command,
) -> Result<Vec<OsString>, RenderedDiagnostic> {
    let Some((names, place)) = command(program, &arguments) else { return Ok(arguments) };
    let mut added = Vec::new();
    for name in [ADDED.to_owned(), format!("{ADDED}_{}", names.join("_"))] {
        let Some(text) = variables.get(OsStr::new(&name)) else { continue };
        let words = text.to_str().and_then(words);
        added.extend(words.ok_or_else(|| {
            let notice = RenderedDiagnostic::error(format!("could not read the words of {name}"));
            notice.help(
                "a quote in it is not closed, or it is not UTF-8 text; write it as in a shell",
            )
        })?);
    }
    arguments.splice(place..place, added.into_iter().map(OsString::from));
    Ok(arguments)
}

/// The words that name the command, and the place behind them.
fn command(program: &clap::Command, arguments: &[OsString]) -> Option<(Vec<String>, usize)> {
    let takes_value = |name: &str| {
        let known = program.get_arguments().find(|it| it.get_long() == Some(name));
        known.is_some_and(|it| it.get_action().takes_values())
    };
    let mut place = 1;
    while let Some(option) = arguments.get(place)?.to_str().and_then(|it| it.strip_prefix('-')) {
        place += if takes_value(option.trim_start_matches('-')) { 2 } else { 1 };
    }
    let (mut names, mut known) = (Vec::new(), program);
    while let Some(below) = arguments
        .get(place)
        .map(OsString::as_os_str)
        .and_then(OsStr::to_str)
        .and_then(|it| known.find_subcommand(it))
    {
        names.push(below.get_name().to_owned());
        known = below;
        place += 1;
    }
    (!names.is_empty()).then_some((names, place))
}

/// The words of a string, as a shell tells them apart: by spaces that are not quoted. None when a
/// quote is not closed.
fn words(text: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(open)) if c == open => quote = None,
            ('\\', None | Some('"')) => word.get_or_insert_default().push(chars.next()?),
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(
        arguments: &[&str],
        variables: &[(&str, &str)],
    ) -> Result<Vec<OsString>, RenderedDiagnostic> {
        let variables = variables.iter().map(|(name, text)| (name.into(), text.into())).collect();
        let given = ["ha"].iter().chain(arguments).map(Into::into).collect();
        with(&variables, given, &CommandLine::command())
    }

    #[test]
    fn words_are_told_apart_as_in_a_shell() {
        let text = r#"  -var 'a = "b"'  --x="c d"e \  '' "#;
        assert_eq!(words(text).unwrap(), ["-var", "a = \"b\"", "--x=c de", " ", ""]);
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("a \\"), None);
    }

    #[test]
    fn the_environment_comes_before_what_is_given_by_hand() {
        let variables = [
            ("HA_CLI_ARGS", "-no-color"),
            ("HA_CLI_ARGS_plan", "-parallelism=2"),
            ("HA_CLI_ARGS_state_list", "-json"),
        ];
        let plan =
            added(&["-chdir", "x", "--color=never", "plan", "-parallelism=3"], &variables).unwrap();
        let expected = [
            "ha",
            "-chdir",
            "x",
            "--color=never",
            "plan",
            "-no-color",
            "-parallelism=2",
            "-parallelism=3",
        ];
        assert_eq!(plan, expected);
        assert_eq!(
            added(&["state", "list", "a.b"], &variables).unwrap(),
            ["ha", "state", "list", "-no-color", "-json", "a.b"]
        );
        for nothing_run in [&[][..], &["--help"], &["-chdir=x"], &["nonsense", "plan"]] {
            assert_eq!(added(nothing_run, &variables).unwrap().len(), nothing_run.len() + 1);
        }
        assert!(
            added(&["plan"], &[("HA_CLI_ARGS_plan", "'")])
                .unwrap_err()
                .title
                .contains("HA_CLI_ARGS_plan")
        );
    }
}
