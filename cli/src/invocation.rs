//! Commands that are printed for somebody to run: as they stand, from where this one was run, they
//! do what they say. They name the directory and the environment that this one works on, and the
//! variables where they plan.

use std::borrow::Cow;
use std::fmt::Display;
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use ha_plan::{Plan, Selection};
use ha_value::shell_word;

/// How this program was called, as far as the next call must be alike.
struct Invocation {
    /// `--chdir` and `--env`.
    everywhere: Vec<String>,
    /// `--var`, `--var-file` and `--allow-read`.
    values: Vec<String>,
    /// `--target` and `--exclude`.
    scope: Vec<String>,
    /// Variables whose values were given, and are not told.
    withheld: Vec<String>,
}

static INVOCATION: RwLock<Invocation> = RwLock::new(Invocation {
    everywhere: Vec::new(),
    values: Vec::new(),
    scope: Vec::new(),
    withheld: Vec::new(),
});

/// Commands that look at no directory.
const ANYWHERE: [&str; 7] =
    ["schema", "explain", "version", "completions", "man", "help", "state key --new"];
/// Commands that plan.
const PLANNING: [&str; 3] = ["plan", "apply", "destroy"];
/// Commands that take values of variables besides.
const WITH_VALUES: [&str; 4] = ["import", "validate", "console", "state recover"];

/// This program works in that directory, and on the environment of that name, where one was asked
/// for.
pub(crate) fn begin(directory: Option<&Path>, environment: Option<&str>) {
    let directory = directory.map(|it| option("--chdir", it.display()));
    let environment = environment.map(|it| option("--env", it));
    let everywhere = directory.into_iter().chain(environment).flatten().collect();
    change(|it| it.everywhere = everywhere);
}

/// It works on this environment after all.
pub(crate) fn in_environment(name: &str) {
    change(|it| it.everywhere.extend(option("--env", name)));
}

/// It plans with these values; those of the variables in `withheld` are not told.
pub(crate) fn with_values(values: Vec<String>, withheld: Vec<String>) {
    change(|it| (it.values, it.withheld) = (values, withheld));
}

/// It plans for these alone.
pub(crate) fn with_scope(selection: &Selection) {
    let targets = selection.targets.iter().flat_map(|it| option("--target", it));
    let scope =
        targets.chain(selection.excludes.iter().flat_map(|it| option("--exclude", it))).collect();
    change(|it| it.scope = scope);
}

/// What a plan keeps of the values that it was made with, for [`like_plan`].
pub(crate) fn values() -> Vec<String> {
    INVOCATION.read().unwrap_or_else(PoisonError::into_inner).values.clone()
}

/// It plans as this plan was made.
pub(crate) fn like_plan(plan: &Plan) {
    with_scope(&plan.selection);
    change(|it| it.values.clone_from(&plan.snapshot.options));
}

/// What is to be given again besides, as it is not told: variables.
pub(crate) fn withheld() -> Vec<String> {
    INVOCATION.read().unwrap_or_else(PoisonError::into_inner).withheld.clone()
}

/// An option and its value, as two words.
pub(crate) fn option(name: &str, value: impl Display) -> [String; 2] {
    [name.to_owned(), value.to_string()]
}

/// A command for somebody to run, such as `["state", "push", "--force", "x y"]`.
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
    let mut whole = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (words, rest) = part.split_at(part.find('`').unwrap_or(part.len()));
        whole += &format!("`{}{rest}", completed(words));
    }
    Cow::Owned(whole)
}

/// The command of these words, which are quoted.
fn completed(words: &str) -> String {
    let is = |of: &str| {
        words.strip_prefix(of).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    let known = INVOCATION.read().unwrap_or_else(PoisonError::into_inner);
    let all =
        |of: &[String]| of.iter().map(|it| format!(" {}", shell_word(it))).collect::<String>();
    let everywhere =
        if ANYWHERE.iter().any(|it| is(it)) { String::new() } else { all(&known.everywhere) };
    // A plan that was kept has its own values.
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

/// Whether an argument that no one asked for may be the value of a variable, which is not told.
pub(crate) fn may_be_value(argument: &str) -> bool {
    let sets = |word: &str| word.trim_start_matches(['-', '"', '\'']).starts_with("var");
    argument.contains('=')
        || std::env::args_os().any(|it| sets(&it.to_string_lossy()))
        || added_texts().any(|it| it.split_whitespace().any(sets))
}

/// The variable whose words are added; behind an underscore, the command's, as in
/// `HA_CLI_ARGS_state_list`.
pub(crate) const ADDED: &str = "HA_CLI_ARGS";

/// What the environment adds, to whatever command.
fn added_texts() -> impl Iterator<Item = String> {
    let added = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with(ADDED));
    added.map(|(_, text)| text.to_string_lossy().into_owned())
}
