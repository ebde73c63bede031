//! Errors of calls to services, written for the operator of the account.

use std::fmt;

/// A failed call: what was attempted, the causes, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The attempted operation: `create the bucket`.
    pub attempted: String,
    /// The causes, innermost last.
    pub causes: Vec<String>,
    /// The error code of the service, such as `AccessDenied`.
    pub code: Option<String>,
    /// The request id, for the support of the service.
    pub request: Option<String>,
    /// Likely causes and next steps.
    pub help: Vec<String>,
    /// Whether the call had an effect.
    pub outcome: CallOutcome,
}

/// Whether a failed call had an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// It had none.
    Refused,
    /// Not known; the object must be read.
    Unknown,
    /// The call was stopped on request.
    Interrupted,
}

impl Error {
    /// Returns an error with one cause. Its outcome is unknown until set.
    #[must_use]
    pub fn new(attempted: impl Into<String>, cause: impl fmt::Display) -> Self {
        Self {
            attempted: attempted.into(),
            causes: vec![cause.to_string()],
            code: None,
            request: None,
            help: Vec::new(),
            outcome: CallOutcome::Unknown,
        }
    }

    /// Returns an error with the chain of sources as causes.
    #[must_use]
    pub fn from_error(
        attempted: impl Into<String>,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut causes = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            // Many libraries repeat the message of the source in their own message.
            if causes.last().is_none_or(|last| !last.contains(&text)) {
                causes.push(text);
            }
            next = source.source();
        }
        Self { causes, ..Self::new(attempted, "") }
    }

    /// Sets the service's error code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// Sets the request id.
    #[must_use]
    pub fn request(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// Adds a next step.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Sets the outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: CallOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// Rewrites all strings of the error.
    #[must_use]
    pub fn reworded(self, word: impl Fn(&str) -> String) -> Self {
        let Self { attempted, causes, code, request, help, outcome } = self;
        let all = |texts: Vec<String>| texts.iter().map(|it| word(it)).collect();
        Self {
            attempted: word(&attempted),
            causes: all(causes),
            code: code.map(|it| word(&it)),
            request: request.map(|it| word(&it)),
            help: all(help),
            outcome,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {}: {}", self.attempted, self.causes.join(": "))?;
        if let Some(code) = &self.code
            && !self.causes.iter().any(|it| it.contains(code))
        {
            write!(f, " ({code})")?;
        }
        if let Some(request) = &self.request {
            write!(f, " [request {request}]")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}

/// Adds the attempted operation to an error.
pub trait ErrorContext<T> {
    /// Returns the result with the attempted operation: `.attempting("create the bucket")?`.
    ///
    /// # Errors
    /// The same error as an [`Error`].
    fn attempting(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T, E: std::error::Error + 'static> ErrorContext<T> for Result<T, E> {
    fn attempting(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| Error::from_error(what, &error))
    }
}
