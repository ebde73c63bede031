//! Commands that messages suggest. Each can be copied and run from the directory in which this
//! process was started: it names the same directory and environment, and the same variables where
//! the command plans.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use ha_plan::{Plan, Selection};
use ha_value::shell_word;

/// The options of this process that a suggested command must repeat.
struct Invocation {
    /// `--chdir` and `--env`.
    everywhere: Vec<String>,
    /// `--var`, `--var-file` and `--allow-read`.
    values: Vec<String>,
    /// `--target` and `--exclude`.
    scope: Vec<String>,
    /// Names of variables whose values were given and must not be printed.
    withheld: Vec<String>,
}

// A static, because messages are rendered deep in the views, and each of them would otherwise take
// the invocation as an argument.
static INVOCATION: RwLock<Invocation> = RwLock::new(Invocation {
    everywhere: Vec::new(),
    values: Vec::new(),
    scope: Vec::new(),
    withheld: Vec::new(),
});

/// Commands that read no directory; `--chdir` and `--env` are left out.
const ANYWHERE: [&str; 7] =
    ["schema", "explain", "version", "completions", "man", "help", "state key --new"];
/// Commands that plan.
const PLANNING: [&str; 3] = ["plan", "apply", "destroy"];
/// Other commands that take values of variables.
const WITH_VALUES: [&str; 4] = ["import", "validate", "console", "state recover"];

/// Sets the directory and the environment that suggested commands repeat.
pub(crate) fn begin(directory: Option<&Path>, environment: Option<&str>) {
    let directory = directory.map(|it| option("--chdir", it.display()));
    let environment = environment.map(|it| option("--env", it));
    let everywhere = directory.into_iter().chain(environment).flatten().collect();
    change(|it| it.everywhere = everywhere);
}

/// Adds the environment, where it became known after the start, such as from a plan file.
pub(crate) fn in_environment(name: &str) {
    change(|it| it.everywhere.extend(option("--env", name)));
}

/// Sets the options for variables; `withheld` names variables whose values are not printed.
pub(crate) fn with_values(values: Vec<String>, withheld: Vec<String>) {
    change(|it| (it.values, it.withheld) = (values, withheld));
}

/// Sets `--target` and `--exclude` from a selection.
pub(crate) fn with_scope(selection: &Selection) {
    let targets = selection.targets.iter().flat_map(|it| option("--target", it));
    let scope =
        targets.chain(selection.excludes.iter().flat_map(|it| option("--exclude", it))).collect();
    change(|it| it.scope = scope);
}

/// The options for variables, which a plan stores for [`like_plan`].
pub(crate) fn values() -> Vec<String> {
    INVOCATION.read().unwrap_or_else(PoisonError::into_inner).values.clone()
}

/// Takes over the selection and the options that a saved plan was created with.
pub(crate) fn like_plan(plan: &Plan) {
    with_scope(&plan.selection);
    change(|it| it.values.clone_from(&plan.snapshot.options));
}

/// Names of variables that the user must give again, because their values are not printed.
pub(crate) fn withheld() -> Vec<String> {
    INVOCATION.read().unwrap_or_else(PoisonError::into_inner).withheld.clone()
}

/// An option and its value, as two words.
pub(crate) fn option(name: &str, value: impl Display) -> [String; 2] {
    [name.to_owned(), value.to_string()]
}

/// A complete command line, such as the one for `["state", "push", "--force", "x y"]`.
pub(crate) fn command<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    completed(&words.into_iter().map(shell_word).collect::<Vec<_>>().join(" "))
}

/// A string with all commands in it, each behind a backtick, as they can be run from where this one
/// was run.
pub(crate) fn in_text(text: &str) -> Cow<'_, str> {
    const MARK: &str = "`ha ";
    if !text.contains(MARK) {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split(MARK);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (words, rest) = part.split_at(part.find('`').unwrap_or(part.len()));
        result += &format!("`{}{rest}", completed(words));
    }
    Cow::Owned(result)
}

/// The command line with the options of this process; `words` are already quoted.
fn completed(words: &str) -> String {
    let is = |of: &str| {
        words.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let known = INVOCATION.read().unwrap_or_else(PoisonError::into_inner);
    let all =
        |of: &[String]| of.iter().map(|it| format!(" {}", shell_word(it))).collect::<String>();
    let everywhere =
        if ANYWHERE.iter().any(|it| is(it)) { String::new() } else { all(&known.everywhere) };
    // `ha apply PLANFILE` refuses `--var` and `--target`: the plan file contains its own.
    let is_of_kept = words.strip_prefix("apply ").is_some_and(|it| !it.starts_with('-'));
    let plans = !is_of_kept && PLANNING.iter().any(|it| is(it));
    let values = if plans || WITH_VALUES.iter().any(|it| is(it)) {
        all(&known.values)
    } else {
        String::new()
    };
    let scope = if plans { all(&known.scope) } else { String::new() };
    format!("ha{everywhere} {words}{values}{scope}")
}

fn change(change: impl FnOnce(&mut Invocation)) {
    change(&mut INVOCATION.write().unwrap_or_else(PoisonError::into_inner));
}

/// Whether an unexpected argument may be the value of a variable, which must not be printed.
pub(crate) fn may_be_value(argument: &str) -> bool {
    let sets = |word: &str| word.trim_start_matches(['-', '"', '\'']).starts_with("var");
    argument.contains('=')
        || std::env::args_os().any(|it| sets(&it.to_string_lossy()))
        || added_texts().any(|it| it.split_whitespace().any(sets))
}

/// The variable whose words are added; behind an underscore, the command's, as in
/// `HA_CLI_ARGS_state_list`.
pub(crate) const ADDED: &str = "HA_CLI_ARGS";

/// The arguments that environment variables add to any command.
fn added_texts() -> impl Iterator<Item = String> {
    let added = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(ADDED));
    added.map(|(_, text)| text.to_string_lossy().into_owned())
}
