//! The only module that prints. Results go to stdout, everything else to stderr.

use std::io::{self, IsTerminal, Write};

use anyhow::Context;

use crate::output::password_prompt::{PromptAnswer, hidden_line};
use crate::views::style::Painter;

/// When to colour the output.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ColorChoice {
    // On a terminal, unless the environment says otherwise.
    #[default]
    Auto,
    Always,
    Never,
}

/// The standard streams, and how to colour each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terminal {
    /// Colours for stdout.
    pub(crate) out: Painter,
    /// Colours for stderr.
    pub(crate) err: Painter,
}

impl Terminal {
    pub(crate) fn new(colour: ColorChoice) -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let paint = |is_terminal| {
            if colours(colour, variable, is_terminal) { Painter::COLOURED } else { Painter::PLAIN }
        };
        Self { out: paint(io::stdout().is_terminal()), err: paint(io::stderr().is_terminal()) }
    }

    /// Prints a result. A closed pipe is not an error.
    pub(crate) fn print(&self, text: &str) -> anyhow::Result<()> {
        self.print_bytes(text.as_bytes())
    }

    /// Prints a result byte by byte as given, without a line end.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = io::stdout().lock();
        match out.write_all(bytes).and_then(|()| out.flush()) {
            Err(error) if has_no_reader(&error) => Ok(()),
            written => written.context("could not write to the standard output"),
        }
    }

    /// Prints a message on stderr. A failure is ignored, because it could not be reported either.
    pub(crate) fn report(&self, text: &str) {
        let mut err = io::stderr().lock();
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// Whether a question can be asked: stdin and stderr are terminals and `HA_INPUT` is not `0`.
    pub(crate) fn can_ask(&self) -> bool {
        let is_forbidden =
            std::env::var("HA_INPUT").is_ok_and(|it| matches!(it.as_str(), "0" | "false"));
        !is_forbidden && io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Whether rows on stderr can be redrawn.
    pub(crate) fn can_redraw(&self) -> bool {
        let is_automation = ["CI", "HA_IN_AUTOMATION"]
            .iter()
            .any(|it| std::env::var_os(it).is_some_and(|it| !it.is_empty()));
        io::stderr().is_terminal()
            && std::env::var_os("TERM").is_none_or(|it| it != "dumb")
            && !is_automation
    }

    /// Prints the question and reads a line. None at the end of the input.
    pub(crate) fn ask(&self, question: &str) -> Option<String> {
        self.report(question);
        let mut answer = String::new();
        match io::stdin().read_line(&mut answer) {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(answer.trim().to_owned()),
        }
    }
}

/// Whether a write failed because its reader is closed: EPIPE of a pipe, EIO of a terminal.
fn has_no_reader(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
        || error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error())
}

/// Asks for a line without echo. `PromptAnswer::Nothing` where no question can be asked.
pub(crate) fn ask_secretly(question: &str) -> PromptAnswer {
    let terminal = Terminal::new(ColorChoice::Never);
    if !terminal.can_ask() {
        return PromptAnswer::Nothing;
    }
    let typed = hidden_line(|| terminal.report(question));
    // The echo is off, so the user's own line end did not move the cursor.
    terminal.report("\n");
    typed
}

/// Whether to colour: what was asked for on the command line, then `NO_COLOR`, then what forces
/// colours, then the terminal. Variables that are set to nothing are not set.
fn colours(
    asked: ColorChoice,
    variable: impl Fn(&str) -> Option<String>,
    is_terminal: bool,
) -> bool {
    let set = |name: &str| variable(name).filter(|it| !it.is_empty());
    let forced = |name: &str| set(name).is_some_and(|it| it != "0");
    match asked {
        ColorChoice::Always => true,
        ColorChoice::Never => false,
        ColorChoice::Auto if set("NO_COLOR").is_some() => false,
        ColorChoice::Auto if forced("CLICOLOR_FORCE") || forced("FORCE_COLOR") => true,
        ColorChoice::Auto if set("CLICOLOR").as_deref() == Some("0") => false,
        ColorChoice::Auto => {
            is_terminal && (set("TERM").is_some_and(|it| it != "dumb") || set("CI").is_some())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auto(variables: &[(&str, &str)], is_terminal: bool) -> bool {
        let variable =
            |name: &str| variables.iter().find(|it| it.0 == name).map(|it| it.1.to_owned());
        colours(ColorChoice::Auto, variable, is_terminal)
    }

    #[test]
    fn no_color_wins_over_all_that_forces_colours() {
        assert!(!auto(
            &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1"), ("FORCE_COLOR", "1"), ("TERM", "xterm")],
            true
        ));
        assert!(auto(&[("NO_COLOR", ""), ("TERM", "xterm")], true));
    }

    #[test]
    fn colours_are_for_terminals() {
        assert!(auto(&[("TERM", "xterm")], true));
        assert!(!auto(&[("TERM", "xterm")], false));
        assert!(!auto(&[("TERM", "dumb")], true));
        assert!(!auto(&[("TERM", "xterm"), ("CLICOLOR", "0")], true));
        assert!(auto(&[("FORCE_COLOR", "1")], false));
        assert!(!auto(&[("FORCE_COLOR", "0")], false));
    }

    #[test]
    fn the_command_line_wins() {
        assert!(colours(ColorChoice::Always, |_| Some("1".into()), false));
        assert!(!colours(ColorChoice::Never, |_| None, true));
    }
}
