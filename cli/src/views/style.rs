//! Colours by meaning. A sign or a word always says the same, so that nothing is lost without them.

use anstyle::{AnsiColor, Color, Style};
use ha_value::Action;

/// Whether to colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Painter {
    on: bool,
}

/// What a piece of text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextRole {
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

impl Painter {
    /// Colours.
    pub(crate) const COLOURED: Self = Self { on: true };
    /// No colours.
    pub(crate) const PLAIN: Self = Self { on: false };

    /// Whether it colours.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// The text in its colour.
    pub(crate) fn put(self, tone: TextRole, text: &str) -> String {
        if !self.on || text.is_empty() {
            return text.to_owned();
        }
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(Color::Ansi(colour)));
        let style = match tone {
            TextRole::Made => colour(AnsiColor::Green),
            TextRole::Changed => colour(AnsiColor::Yellow),
            TextRole::Gone => colour(AnsiColor::Red),
            TextRole::Read => colour(AnsiColor::Cyan),
            TextRole::MadeHere => colour(AnsiColor::Green).bold().underline(),
            TextRole::GoneHere => colour(AnsiColor::Red).bold().underline(),
            TextRole::Alarm => colour(AnsiColor::Red).bold(),
            TextRole::Notice => colour(AnsiColor::Yellow).bold(),
            TextRole::Head => Style::new().bold(),
            TextRole::Quiet => Style::new().dimmed(),
        };
        format!("{style}{text}{style:#}")
    }
}

/// What an action means.
pub(crate) fn tone(action: Action) -> TextRole {
    match action {
        Action::NoOp | Action::Forget => TextRole::Quiet,
        Action::Read => TextRole::Read,
        Action::Create => TextRole::Made,
        Action::Update => TextRole::Changed,
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::Delete => TextRole::Gone,
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
