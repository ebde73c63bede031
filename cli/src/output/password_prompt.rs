//! Reads a line from the terminal without echo.

use std::io;

use rustix::io::{Errno, read};
use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// The answer to a prompt.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum PromptAnswer {
    Line(Zeroizing<String>),
    Interrupted,
    /// No terminal to ask at, or the end of its input.
    Nothing,
}

const CTRL_C: u8 = 3;
const CTRL_D: u8 = 4;
const CTRL_U: u8 = 21;

/// Reads a line and restores the terminal. The prompt is printed after the echo is off, so that keys
/// typed early are not shown.
pub(crate) fn hidden_line(ask: impl FnOnce()) -> PromptAnswer {
    let Ok(_hiding) = HiddenInput::begin() else { return PromptAnswer::Nothing };
    ask();
    line(|| {
        let mut byte = [0];
        loop {
            match read(io::stdin(), &mut byte) {
                Ok(1) => return Some(byte[0]),
                Err(Errno::INTR) => {}
                Ok(_) | Err(_) => return None,
            }
        }
    })
}

/// The line that these key bytes result in.
fn line(mut key: impl FnMut() -> Option<u8>) -> PromptAnswer {
    // The capacity is never exceeded: growing would copy the line and leave the old bytes, a
    // password, in freed memory.
    let mut typed = Zeroizing::new(Vec::with_capacity(4096));
    loop {
        match key() {
            None => return PromptAnswer::Nothing,
            Some(CTRL_D) if typed.is_empty() => return PromptAnswer::Nothing,
            Some(CTRL_C) => return PromptAnswer::Interrupted,
            Some(b'\r' | b'\n') => break,
            Some(CTRL_U) => typed.clear(),
            // Backspace removes the last character, which may have several bytes in UTF-8.
            Some(8 | 127) => while typed.pop().is_some_and(|it| it & 0xc0 == 0x80) {},
            Some(it) if it.is_ascii_control() && it != b'\t' => {}
            Some(_) if typed.len() == typed.capacity() => {}
            Some(it) => typed.push(it),
        }
    }
    std::str::from_utf8(&typed)
        .map_or(PromptAnswer::Nothing, |it| PromptAnswer::Line(Zeroizing::new(it.to_owned())))
}

/// Turns echo, line mode and signals of the terminal off until it is dropped.
struct HiddenInput(Termios);

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut hiding = before.clone();
        hiding.local_modes -=
            LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        hiding.special_codes[SpecialCodeIndex::VMIN] = 1;
        hiding.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &hiding)?;
        Ok(Self(before))
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // A failure is ignored: a terminal that was closed need not be restored.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(keys: &str) -> PromptAnswer {
        let mut keys = keys.bytes();
        line(|| keys.next())
    }

    #[test]
    fn keys_make_a_line() {
        for (keys, expected) in [
            ("correct horse\r", "correct horse"),
            ("correct\n horse\n", "correct"),
            ("corü\u{7f}rect hos\u{8}rse\r", "correct horse"),
            ("wrong\u{15}correct horse\r", "correct horse"),
            ("\u{1a}cor\u{4}rect\thorse\r", "correct\thorse"),
            ("\u{7f}\r", ""),
        ] {
            assert_eq!(
                typed(keys),
                PromptAnswer::Line(Zeroizing::new(expected.to_owned())),
                "{keys:?}"
            );
        }
        assert_eq!(typed("corr\u{3}"), PromptAnswer::Interrupted);
        for nothing in ["", "corr", "\u{4}"] {
            assert_eq!(typed(nothing), PromptAnswer::Nothing);
        }
    }
}
