//! What went wrong outside, for the person who owns the account.

use std::fmt;

/// A call to external services that failed: what was attempted, on what, what came back, and what
/// to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// What was attempted: `create the bucket`.
    pub attempted: String,
    /// What came back, innermost last.
    pub causes: Vec<String>,
    /// The service's code, such as `AccessDenied`.
    pub code: Option<String>,
    /// The service's name for the request, for its support.
    pub request: Option<String>,
    /// The likely cause and what to do next.
    pub help: Vec<String>,
    /// What became of it.
    pub outcome: CallOutcome,
}

/// What became of a call that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallOutcome {
    /// Nothing was changed.
    Refused,
    /// It may or may not have been done; what is there must be looked at.
    Unknown,
    /// It was stopped on request.
    Interrupted,
}

impl Error {
    /// An attempt that came to nothing.
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

    /// An attempt that came to nothing, with all that stands behind it.
    #[must_use]
    pub fn from_error(
        attempted: impl Into<String>,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut causes = vec![error.to_string()];
        let mut next = error.source();
        while let Some(source) = next {
            let text = source.to_string();
            if causes.last().is_none_or(|last| !last.contains(&text)) {
                causes.push(text);
            }
            next = source.source();
        }
        Self { causes, ..Self::new(attempted, "") }
    }

    /// With the service's code.
    #[must_use]
    pub fn code(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }

    /// With the service's name for the request.
    #[must_use]
    pub fn request(mut self, request: impl Into<String>) -> Self {
        self.request = Some(request.into());
        self
    }

    /// With what to do next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// With what became of it.
    #[must_use]
    pub fn outcome(mut self, outcome: CallOutcome) -> Self {
        self.outcome = outcome;
        self
    }

    /// The same in other words: each text as this makes it.
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

/// Says what was attempted when a call fails.
pub trait ErrorContext<T> {
    /// The result with the attempt named: `.attempting("create the bucket")?`.
    ///
    /// # Errors
    /// The same failure, as an [`Error`].
    fn attempting(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T, E: std::error::Error + 'static> ErrorContext<T> for Result<T, E> {
    fn attempting(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| Error::from_error(what, &error))
    }
}
