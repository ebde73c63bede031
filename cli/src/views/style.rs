//! Colours by meaning. A sign or a word always says the same, so that nothing is lost without them.

use anstyle::{AnsiColor, Color, Style};
use ha_value::Action;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Paint {
    on: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Comes into being.
    Made,
    /// Changes in place.
    Changed,
    /// Goes.
    Gone,
    /// Is read.
    Read,
    /// The very characters that come into being.
    MadeHere,
    /// The very characters that go.
    GoneHere,
    /// Must not be overlooked.
    Alarm,
    /// Worth a look.
    Notice,
    /// The head of something.
    Head,
    /// Is there for context.
    Quiet,
}

impl Paint {
    /// Colours.
    pub(crate) const COLOURED: Self = Self { on: true };
    /// No colours.
    pub(crate) const PLAIN: Self = Self { on: false };

    /// Whether it colours.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// The text in its colour.
    pub(crate) fn put(self, tone: Tone, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(Color::Ansi(colour)));
        let style = match tone {
            Tone::Made => colour(AnsiColor::Green),
            Tone::Changed => colour(AnsiColor::Yellow),
            Tone::Gone => colour(AnsiColor::Red),
            Tone::Read => colour(AnsiColor::Cyan),
            Tone::MadeHere => colour(AnsiColor::Green).bold().underline(),
            Tone::GoneHere => colour(AnsiColor::Red).bold().underline(),
            Tone::Alarm => colour(AnsiColor::Red).bold(),
            Tone::Notice => colour(AnsiColor::Yellow).bold(),
            Tone::Head => Style::new().bold(),
            Tone::Quiet => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// What an action means.
pub(crate) fn tone(action: Action) -> Tone {
    match action {
        Action::NoOp | Action::Forget => Tone::Quiet,
        Action::Read => Tone::Read,
        Action::Create => Tone::Made,
        Action::Update => Tone::Changed,
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::Delete => Tone::Gone,
    }
}

/// The sign of an action.
pub(crate) fn sign(action: Action) -> &'static str {
    match action {
        Action::NoOp => "",
        Action::Read => "<=",
        Action::Create => "+",
        Action::Update => "~",
        Action::DeleteThenCreate => "-/+",
        Action::CreateThenDelete => "+/-",
        Action::Delete => "-",
        Action::Forget => ".",
    }
}
