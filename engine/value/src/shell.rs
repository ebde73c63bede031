//! Quoting for shell commands that are printed for a user to run.

use std::borrow::Cow;

/// The word as a POSIX shell reads it, quoted only where it must be.
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    // Quoting fails only for a NUL, which no program can receive in an argument.
    shlex::try_quote(word).unwrap_or(Cow::Borrowed(word))
}
