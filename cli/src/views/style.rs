//! Colours by meaning. A sign or a word always has the same information, for output without
//! colours.

use anstyle::{AnsiColor, Color, Style};
use ha_value::Action;

/// Whether output is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Painter {
    on: bool,
}

/// The meaning of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TextRole {
    /// An addition.
    Made,
    /// A change in place.
    Changed,
    /// A removal.
    Gone,
    /// A read.
    Read,
    /// The added characters of a changed line.
    MadeHere,
    /// The removed characters of a changed line.
    GoneHere,
    /// An error or a danger.
    Alarm,
    /// A warning.
    Notice,
    /// A heading.
    Head,
    /// Context.
    Quiet,
}

impl Painter {
    /// Colours.
    pub(crate) const COLOURED: Self = Self { on: true };
    /// No colours.
    pub(crate) const PLAIN: Self = Self { on: false };

    /// Whether this painter colours.
    pub(crate) fn is_on(self) -> bool {
        self.on
    }

    /// Returns the text in its colour.
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

/// Returns the meaning of an action.
pub(crate) fn tone(action: Action) -> TextRole {
    match action {
        Action::NoOp | Action::Forget => TextRole::Quiet,
        Action::Read => TextRole::Read,
        Action::Create => TextRole::Made,
        Action::Update => TextRole::Changed,
        Action::DeleteThenCreate | Action::CreateThenDelete | Action::Delete => TextRole::Gone,
    }
}

/// Returns the sign of an action.
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
