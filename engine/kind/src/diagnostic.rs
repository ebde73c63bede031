//! What is wrong with a configuration, for the person who writes it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::code::Code;

/// A stretch of a source file, in bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The file's name as the user gave it.
    pub file: Arc<str>,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

impl Span {
    /// A stretch of `file`.
    #[must_use]
    pub fn new(file: Arc<str>, range: Range<usize>) -> Self {
        Self { file, start: range.start, end: range.end }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing can be done until it is mended.
    Error,
    /// It can go on.
    Warning,
}

/// One thing that is wrong, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What it goes by, where it has been given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Code>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in a line: lower case, no period.
    pub summary: String,
    /// More, in whole sentences; empty when the summary says it all.
    pub detail: String,
    /// Where it is wrong.
    pub span: Option<Span>,
    /// What is said at that place.
    pub label: String,
    /// The head of the block it is in.
    pub context: Option<Span>,
    /// The instance it was met in.
    pub address: Option<String>,
    /// What the expressions in it were, already redacted.
    pub values: Vec<(String, String)>,
    /// How to mend it.
    pub help: Vec<String>,
    /// A text that should stand at the span instead.
    pub suggestion: Option<String>,
}

impl Diagnostic {
    /// An error.
    #[must_use]
    pub fn error(summary: impl Into<String>) -> Self {
        Self {
            code: None,
            severity: Severity::Error,
            summary: summary.into(),
            detail: String::new(),
            span: None,
            label: String::new(),
            context: None,
            address: None,
            values: Vec::new(),
            help: Vec::new(),
            suggestion: None,
        }
    }

    /// A warning.
    #[must_use]
    pub fn warning(summary: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(summary) }
    }

    /// The same as a warning, for what is not to stop anything.
    #[must_use]
    pub fn into_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// Under this code.
    #[must_use]
    pub fn code(mut self, code: Code) -> Self {
        self.code = Some(code);
        self
    }

    /// At this place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// With this said at the place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    /// Inside the block whose head is here.
    #[must_use]
    pub fn within(mut self, head: Span) -> Self {
        self.context = Some(head);
        self
    }

    /// With more, in whole sentences.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With a way to mend it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Met in this instance.
    #[must_use]
    pub fn of(mut self, address: impl fmt::Display) -> Self {
        self.address = Some(address.to_string());
        self
    }

    /// With the closest of `known` suggested in the place of `given`, where one is close.
    #[must_use]
    pub fn closest<'a>(mut self, given: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        if let Some(closest) = closest(given, known) {
            self.help.push(format!("did you mean `{closest}`?"));
            self.suggestion = Some(closest);
        }
        self
    }

    /// Whether it stops the work.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }
}

/// The one of `known` that `given` is most likely a misspelling of.
#[must_use]
pub fn closest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let scored = known.into_iter().map(|it| (strsim::damerau_levenshtein(given, it), it));
    let (distance, best) = scored.min()?;
    (distance <= 1 + given.chars().count() / 4).then(|| best.to_owned())
}
