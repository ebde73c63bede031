//! A command that could not do what it was asked to.

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

/// How a command ends when all went well: its exit code.
pub(crate) type CommandResult = Result<u8, CommandError>;

/// Done, or nothing to do.
pub(crate) const DONE: u8 = 0;
/// It could not be done.
pub(crate) const FAILED: u8 = 1;
/// There are changes.
pub(crate) const CHANGES: u8 = 2;
/// There are no changes, as far as could be seen: something could not be looked at.
pub(crate) const UNSEEN: u8 = 3;
/// No command was given; as Terraform has it.
pub(crate) const NO_COMMAND: u8 = 127;
/// The operator stopped it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command could not do what it was asked to.
#[derive(Default)]
pub(crate) struct CommandError {
    notices: Vec<RenderedDiagnostic>,
    sources: SourceTexts,
    secrets: Arc<SecretTexts>,
    is_interruption: bool,
}

impl CommandError {
    /// These things are wrong.
    pub(crate) fn new(notices: impl IntoIterator<Item = RenderedDiagnostic>) -> Self {
        Self { notices: notices.into_iter().collect(), ..Self::default() }
    }

    /// These things are wrong with the configuration.
    pub(crate) fn from_diagnostics(diagnostics: &[Diagnostic]) -> Self {
        Self::new(diagnostics.iter().map(RenderedDiagnostic::from))
    }

    /// The operator stopped it.
    pub(crate) fn interrupted() -> Self {
        Self { is_interruption: true, ..Self::default() }
    }

    /// And these things are wrong, too.
    pub(crate) fn with(mut self, notices: impl IntoIterator<Item = RenderedDiagnostic>) -> Self {
        self.notices.extend(notices);
        self
    }

    /// With one more thing to do about each.
    pub(crate) fn help(mut self, help: &str) -> Self {
        self.notices = self.notices.into_iter().map(|it| it.help(help)).collect();
        self
    }

    /// In these sources.
    pub(crate) fn within(mut self, sources: &SourceTexts) -> Self {
        self.sources = sources.clone();
        self
    }

    /// With these kept out of what is told.
    pub(crate) fn keeping(mut self, secrets: &Arc<SecretTexts>) -> Self {
        self.secrets = secrets.clone();
        self
    }

    /// What is wrong, with how much, as data.
    pub(crate) fn json(&self) -> JsonValue {
        notices_json(&self.notices, &self.sources, &self.secrets)
    }

    /// What is wrong as data, and nothing else.
    pub(crate) fn diagnostics_json(&self) -> JsonValue {
        JsonValue::Array(self.json_each())
    }

    /// Each thing that is wrong, as data.
    pub(crate) fn json_each(&self) -> Vec<JsonValue> {
        each_json(&self.notices, &self.sources, &self.secrets)
    }

    /// Whether the operator stopped it.
    pub(crate) fn is_interruption(&self) -> bool {
        self.is_interruption
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        if self.is_interruption { INTERRUPTED } else { FAILED }
    }

    /// Tells it, and answers the exit code.
    pub(crate) fn tell(&self, terminal: &Terminal) -> u8 {
        terminal.tell(&notices_text(&self.notices, &self.sources, &self.secrets, terminal.err));
        if self.is_interruption {
            terminal.tell("\ninterrupted\n");
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
