//! The error of a command, and the exit codes.

use std::sync::Arc;

use ha_apply::PlanFailure;
use ha_diagnostics::{Diagnostic, DiagnosticCode, code};
use ha_provider::{CallOutcome, Error};
use ha_state_store::{StateError, StateErrorReason};

use crate::output::terminal::Terminal;
use crate::views::diagnostic::{RenderedDiagnostic, notices_text};
use crate::views::diagnostic_json::{each_json, notices_json};
use crate::views::json::JsonValue;
use crate::views::secrets::SecretTexts;
use crate::views::sources::SourceTexts;

/// The exit code of a command, or the error that it prints.
pub(crate) type CommandResult = Result<u8, CommandError>;

/// Done, or nothing to do.
pub(crate) const DONE: u8 = 0;
/// The command failed.
pub(crate) const FAILED: u8 = 1;
/// The plan has changes (`--detailed-exitcode`).
pub(crate) const CHANGES: u8 = 2;
/// The plan has no changes, but something could not be read.
pub(crate) const UNSEEN: u8 = 3;
/// No command was given; Terraform's exit code.
pub(crate) const NO_COMMAND: u8 = 127;
/// The operator stopped it.
pub(crate) const INTERRUPTED: u8 = 130;

/// The diagnostics of a command that failed or was interrupted.
#[derive(Default)]
pub(crate) struct CommandError {
    notices: Vec<RenderedDiagnostic>,
    sources: SourceTexts,
    secrets: Arc<SecretTexts>,
    is_interruption: bool,
}

impl CommandError {
    /// An error with these diagnostics.
    pub(crate) fn new(notices: impl IntoIterator<Item = RenderedDiagnostic>) -> Self {
        Self { notices: notices.into_iter().collect(), ..Self::default() }
    }

    /// An error with diagnostics of the configuration.
    pub(crate) fn from_diagnostics(diagnostics: &[Diagnostic]) -> Self {
        Self::new(diagnostics.iter().map(RenderedDiagnostic::from))
    }

    /// The operator stopped it.
    pub(crate) fn interrupted() -> Self {
        Self { is_interruption: true, ..Self::default() }
    }

    /// Adds diagnostics.
    pub(crate) fn with(mut self, notices: impl IntoIterator<Item = RenderedDiagnostic>) -> Self {
        self.notices.extend(notices);
        self
    }

    /// Adds a help line to each diagnostic.
    pub(crate) fn help(mut self, help: &str) -> Self {
        self.notices = self.notices.into_iter().map(|it| it.help(help)).collect();
        self
    }

    /// Sets the source texts that the diagnostics quote.
    pub(crate) fn within(mut self, sources: &SourceTexts) -> Self {
        self.sources = sources.clone();
        self
    }

    /// Sets the secrets that are redacted from the diagnostics.
    pub(crate) fn keeping(mut self, secrets: &Arc<SecretTexts>) -> Self {
        self.secrets = secrets.clone();
        self
    }

    /// The diagnostics as a JSON document, with their counts.
    pub(crate) fn json(&self) -> JsonValue {
        notices_json(&self.notices, &self.sources, &self.secrets)
    }

    /// The diagnostics as a JSON array.
    pub(crate) fn diagnostics_json(&self) -> JsonValue {
        JsonValue::Array(self.json_each())
    }

    /// Each diagnostic as JSON.
    pub(crate) fn json_each(&self) -> Vec<JsonValue> {
        each_json(&self.notices, &self.sources, &self.secrets)
    }

    /// Whether the command was interrupted.
    pub(crate) fn is_interruption(&self) -> bool {
        self.is_interruption
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        if self.is_interruption { INTERRUPTED } else { FAILED }
    }

    /// Prints the diagnostics on stderr and returns the exit code.
    pub(crate) fn report(&self, terminal: &Terminal) -> u8 {
        terminal.report(&notices_text(&self.notices, &self.sources, &self.secrets, terminal.err));
        if self.is_interruption {
            terminal.report("\ninterrupted\n");
        }
        self.code()
    }
}

impl From<RenderedDiagnostic> for CommandError {
    fn from(notice: RenderedDiagnostic) -> Self {
        Self::new([notice])
    }
}

impl From<&Error> for CommandError {
    fn from(error: &Error) -> Self {
        Self::new([RenderedDiagnostic::from(error)])
    }
}

impl From<StateError> for CommandError {
    fn from(error: StateError) -> Self {
        if error.error().outcome == CallOutcome::Interrupted {
            return Self::interrupted();
        }
        let notice = RenderedDiagnostic::from(error.error());
        Self::from(match code_of(error.reason()) {
            Some(code) => notice.code(code),
            None => notice,
        })
    }
}

fn code_of(reason: &StateErrorReason) -> Option<DiagnosticCode> {
    match reason {
        StateErrorReason::Locked(_) | StateErrorReason::Taken | StateErrorReason::NotLocked => {
            Some(code::LOCKED)
        }
        StateErrorReason::MissingKey
        | StateErrorReason::WrongKey
        | StateErrorReason::NotAKey
        | StateErrorReason::RetiredKey => Some(code::KEY),
        StateErrorReason::OtherLineage | StateErrorReason::Moved(_) => Some(code::OTHER_STATE),
        StateErrorReason::NewerFormat
        | StateErrorReason::NotAState
        | StateErrorReason::Incomplete
        | StateErrorReason::Damaged => Some(code::STATE_DAMAGED),
        StateErrorReason::NotKnown | StateErrorReason::System(_) | StateErrorReason::Store => {
            Some(code::STATE_NOT_WRITTEN)
        }
        _ => None,
    }
}

impl From<PlanFailure> for CommandError {
    fn from(failure: PlanFailure) -> Self {
        let PlanFailure { diagnostics, errors, plan: _ } = failure;
        Self::new(
            diagnostics
                .iter()
                .map(RenderedDiagnostic::from)
                .chain(errors.iter().map(RenderedDiagnostic::from)),
        )
    }
}

impl From<anyhow::Error> for CommandError {
    fn from(error: anyhow::Error) -> Self {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let notice = RenderedDiagnostic::error(error.to_string());
        Self::new([if causes.is_empty() {
            notice
        } else {
            notice.note("cause", causes.join(": "))
        }])
    }
}
