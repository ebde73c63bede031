//! Words of commands that are printed for somebody to run.

use std::borrow::Cow;

/// A word as a shell takes it: in quotes where it needs them.
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    // What has a NUL in it is no argument of any program.
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}
