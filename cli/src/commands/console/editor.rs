//! Lines from a terminal: edited, remembered, completed, and more than one where something is open.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

use anyhow::Context as _;
use ha_lang::is_unfinished;
use rustyline::completion::Completer;
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Config, Context, Helper};

/// How many entries are remembered.
const REMEMBERED: usize = 1_000;

/// Somebody at a terminal who types expressions.
pub(super) struct ConsoleEditor<N: Fn(&str) -> Vec<String>> {
    editor: rustyline::Editor<LineHelper<N>, DefaultHistory>,
    /// None where there is no place for it.
    history: Option<PathBuf>,
}

/// What is known of what is being typed.
struct LineHelper<N> {
    /// The names that begin so.
    names: N,
}

impl<N: Fn(&str) -> Vec<String>> ConsoleEditor<N> {
    pub(super) fn new(names: N) -> anyhow::Result<Self> {
        let failed = "could not prepare the terminal";
        let config = Config::builder()
            .max_history_size(REMEMBERED)
            .context(failed)?
            .history_ignore_space(true)
            .build();
        let mut editor = rustyline::Editor::with_config(config).context(failed)?;
        editor.set_helper(Some(LineHelper { names }));
        let history = history();
        if let Some(path) = &history {
            // The first time there is none.
            let _ = editor.load_history(path);
        }
        Ok(Self { editor, history })
    }

    /// The next entry; none at the end of the input. Ctrl-C throws away what was typed.
    pub(super) fn entry(&mut self) -> anyhow::Result<Option<String>> {
        loop {
            match self.editor.readline("> ") {
                Ok(entry) => {
                    // What cannot be remembered is answered all the same.
                    let _ = self.editor.add_history_entry(entry.as_str());
                    return Ok(Some(entry));
                }
                Err(ReadlineError::Interrupted) => {}
                Err(ReadlineError::Eof) => return Ok(None),
                Err(error) => return Err(error).context("could not read from the terminal"),
            }
        }
    }
}

impl<N: Fn(&str) -> Vec<String>> Drop for ConsoleEditor<N> {
    fn drop(&mut self) {
        if let Some(path) = &self.history {
            // Forgetting is no failure.
            let _ = self.editor.append_history(path);
        }
    }
}

/// Where entries are remembered, for their owner alone: they may hold what no one else should know.
fn history() -> Option<PathBuf> {
    let variable =
        |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME")
        .or_else(|| variable("HOME").map(|it| it.join(".local/state")))?;
    let directory = state.join("ha");
    DirBuilder::new().recursive(true).mode(0o700).create(&directory).ok()?;
    Some(directory.join("console_history"))
}

impl<N: Fn(&str) -> Vec<String>> Completer for LineHelper<N> {
    type Candidate = String;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<String>)> {
        let before = &line[..position];
        let is_name = |it: char| it.is_alphanumeric() || matches!(it, '_' | '-' | '.');
        let start = before
            .rfind(|it| !is_name(it))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        Ok((start, (self.names)(&before[start..])))
    }
}

impl<N> Validator for LineHelper<N> {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_unfinished(context.input()) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl<N> Hinter for LineHelper<N> {
    type Hint = String;
}

impl<N> Highlighter for LineHelper<N> {}

impl<N: Fn(&str) -> Vec<String>> Helper for LineHelper<N> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_before_the_cursor_is_completed() {
        let typing = LineHelper { names: |it: &str| vec![format!("<{it}>")] };
        let history = DefaultHistory::new();
        let complete = |line: &str, position| {
            typing.complete(line, position, &Context::new(&history)).unwrap()
        };
        assert_eq!(complete("upper(var.na)", 12), (6, vec!["<var.na>".to_owned()]));
        assert_eq!(complete("ä + x", 6), (5, vec!["<x>".to_owned()]));
        assert_eq!(complete("", 0), (0, vec!["<>".to_owned()]));
    }
}
