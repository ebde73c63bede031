//! A command that could not do what it was asked to.

use std::sync::Arc;

use ha_apply::Failure;
use ha_diagnostics::{Code, Diagnostic, code};
use ha_provider::{Error, Outcome};
use ha_state_store::{Reason, StateError};

use crate::output::terminal::Terminal;
use crate::views::diagnostic::{Notice, notices_text};
use crate::views::diagnostic_json::{each_json, notices_json};
use crate::views::json::Json;
use crate::views::secrets::Secrets;
use crate::views::sources::Sources;

/// How a command ends when all went well: its exit code.
pub(crate) type Ended = Result<u8, Trouble>;

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
pub(crate) struct Trouble {
    notices: Vec<Notice>,
    sources: Sources,
    secrets: Arc<Secrets>,
    is_interruption: bool,
}

impl Trouble {
    /// These things are wrong.
    pub(crate) fn new(notices: impl IntoIterator<Item = Notice>) -> Self {
        Self { notices: notices.into_iter().collect(), ..Self::default() }
    }

    /// These things are wrong with the configuration.
    pub(crate) fn of(diagnostics: &[Diagnostic]) -> Self {
        Self::new(diagnostics.iter().map(Notice::from))
    }

    /// The operator stopped it.
    pub(crate) fn interrupted() -> Self {
        Self { is_interruption: true, ..Self::default() }
    }

    /// And these things are wrong, too.
    pub(crate) fn with(mut self, notices: impl IntoIterator<Item = Notice>) -> Self {
        self.notices.extend(notices);
        self
    }

    /// With one more thing to do about each.
    pub(crate) fn help(mut self, help: &str) -> Self {
        self.notices = self.notices.into_iter().map(|it| it.help(help)).collect();
        self
    }

    /// In these sources.
    pub(crate) fn within(mut self, sources: &Sources) -> Self {
        self.sources = sources.clone();
        self
    }

    /// With these kept out of what is told.
    pub(crate) fn keeping(mut self, secrets: &Arc<Secrets>) -> Self {
        self.secrets = secrets.clone();
        self
    }

    /// What is wrong, with how much, as data.
    pub(crate) fn json(&self) -> Json {
        notices_json(&self.notices, &self.sources, &self.secrets)
    }

    /// What is wrong as data, and nothing else.
    pub(crate) fn diagnostics_json(&self) -> Json {
        Json::Array(self.json_each())
    }

    /// Each thing that is wrong, as data.
    pub(crate) fn json_each(&self) -> Vec<Json> {
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

impl From<Notice> for Trouble {
    fn from(notice: Notice) -> Self {
        Self::new([notice])
    }
}

impl From<&Error> for Trouble {
    fn from(error: &Error) -> Self {
        Self::new([Notice::from(error)])
    }
}

impl From<StateError> for Trouble {
    fn from(error: StateError) -> Self {
        if error.error().outcome == Outcome::Interrupted {
            return Self::interrupted();
        }
        let notice = Notice::from(error.error());
        Self::from(match code_of(error.reason()) {
            Some(code) => notice.code(code),
            None => notice,
        })
    }
}

fn code_of(reason: &Reason) -> Option<Code> {
    match reason {
        Reason::Locked(_) | Reason::Taken | Reason::NotLocked => Some(code::LOCKED),
        Reason::MissingKey | Reason::WrongKey | Reason::NotAKey | Reason::RetiredKey => Some(code::KEY),
        Reason::OtherLineage | Reason::Moved(_) => Some(code::OTHER_STATE),
        Reason::NewerFormat | Reason::NotAState | Reason::Incomplete | Reason::Damaged => Some(code::STATE_DAMAGED),
        Reason::NotKnown | Reason::System(_) | Reason::Store => Some(code::STATE_NOT_WRITTEN),
        _ => None,
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        let Failure { diagnostics, errors, plan: _ } = failure;
        Self::new(diagnostics.iter().map(Notice::from).chain(errors.iter().map(Notice::from)))
    }
}

impl From<anyhow::Error> for Trouble {
    fn from(error: anyhow::Error) -> Self {
        let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
        let notice = Notice::error(error.to_string());
        Self::new([if causes.is_empty() { notice } else { notice.note("cause", causes.join(": ")) }])
    }
}
