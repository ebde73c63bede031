//! What AWS answers when it refuses, as an [`Error`] that says what was attempted, and why, and
//! what to do.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ha_provider::{CallOutcome, Error};

use crate::wait::WaitStatus;

/// Says what was attempted when a call to AWS fails.
pub(crate) trait AwsErrorContext<T> {
    /// The result with the attempt named. What became of it is left open, because something may
    /// have been changed.
    fn attempting(self, what: impl Into<String>) -> Result<T, Error>;

    /// The same for a call before which this step has changed nothing: a refusal then means that
    /// all is as it was.
    fn attempting_first(self, what: impl Into<String>) -> Result<T, Error>;
}

impl<T, E> AwsErrorContext<T> for Result<T, SdkError<E, HttpResponse>>
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    fn attempting(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| explained(what.into(), &error))
    }

    fn attempting_first(self, what: impl Into<String>) -> Result<T, Error> {
        self.map_err(|error| refusal(what, &error))
    }
}

/// Whether AWS answered with one of these codes.
pub(crate) fn is<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    codes: &[&str],
) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Whether AWS answered that there is no such thing.
pub(crate) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let named = error.code().is_some_and(|code| {
        let code =
            ["Fault", "Exception"].iter().find_map(|it| code.strip_suffix(it)).unwrap_or(code);
        code.ends_with("NotFound") || code.starts_with("NoSuch")
    });
    named || status(error) == Some(404)
}

/// Whether AWS answered that there is no such bucket although it was just made, or that it is busy
/// with it.
pub(crate) fn is_too_early_for<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    bucket: &str,
    aws: &crate::AwsClients,
    attempt: &ha_provider::Attempt,
) -> bool {
    is(error, &["OperationAborted"])
        || (is(error, &["NoSuchBucket"]) && aws.is_young(bucket, attempt))
}

/// The HTTP status of the answer, where there was one.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|it| it.status().as_u16())
}

/// That something is waited for, with what AWS says meanwhile.
pub(crate) fn waiting<T, E: ProvideErrorMetadata>(
    what: &str,
    error: &SdkError<E, HttpResponse>,
) -> WaitStatus<T> {
    WaitStatus::Pending(match error.message().or(error.code()) {
        Some(said) => format!("{what} ({})", said.trim_end_matches('.')),
        None => what.to_owned(),
    })
}

/// The refusal as an error, for a caller with more to say about it.
pub(crate) fn refusal<E>(what: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let explained = explained(what.into(), error);
    match explained.outcome {
        // It was not made, but an earlier try may have been.
        CallOutcome::Interrupted => explained,
        _ if was_refused(error) => explained.outcome(CallOutcome::Refused),
        _ => explained.outcome(CallOutcome::Unknown),
    }
}

fn was_refused<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        SdkError::ConstructionFailure(_) => true,
        SdkError::ServiceError(_) => status(error).is_some_and(|it| (400..500).contains(&it)),
        _ => false,
    }
}

fn explained<E>(what: String, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    if let Some(refused) = not_permitted(error) {
        return Error { attempted: what, causes: vec![refused.to_string()], ..refused.clone() };
    }
    let cause = error.message().map(str::to_owned).filter(|it| !it.is_empty());
    let mut explained = match (cause, error) {
        (Some(cause), _) => Error::new(what, cause.trim_end_matches('.')),
        (None, SdkError::ServiceError(_)) => {
            let status = status(error).map_or_else(|| "an error".to_owned(), |it| format!("status {it}"));
            Error::new(what, format!("AWS answered with {status} and no explanation"))
        }
        (None, _) if has_no_credentials(error) => Error::new(what, format!("no credentials for AWS: {}", root(error)))
            .help("set `access_key` and `secret_key` or `profile` in the block `provider \"aws\"`, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
            .help("with single sign-on, log in first: `aws sso login`")
            .outcome(CallOutcome::Refused),
        (None, SdkError::DispatchFailure(failure)) if failure.as_connector_error().is_some() => {
            let error = failure.as_connector_error().expect("it was just seen");
            Error::new(what, root(error)).help("check the network, and the endpoint that the plan's head names")
        }
        (None, SdkError::TimeoutError(_)) => {
            Error::new(what, "no answer in time").help("check the network, and whether AWS reports trouble in this region")
        }
        _ => Error::from_error(what, error),
    };
    if let Some(code) = error.code() {
        explained = explained.code(code);
        if let Some(advice) = advice(code) {
            explained = explained.help(advice);
        }
    }
    match error.request_id() {
        Some(request) => explained.request(request),
        None => explained,
    }
}

/// Why the call was not made, where it was not permitted.
fn not_permitted<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    std::iter::successors(Some(error), |it| it.source()).find_map(|it| it.downcast_ref())
}

/// What is at the bottom of an error; what lies above only says which library met it.
fn root(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    deepest.to_string()
}

fn has_no_credentials(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<CredentialsError>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn advice(code: &str) -> Option<&'static str> {
    Some(match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "UnauthorizedOperation"
        | "AllAccessDisabled" => {
            "the caller lacks the permission; who it is says `aws sts get-caller-identity` with the same credentials"
        }
        "AuthFailure"
        | "InvalidClientTokenId"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => {
            "AWS does not know these credentials; check access_key and secret_key, the profile, or the AWS_* environment variables"
        }
        "ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" => {
            "the session has ended; log in again (`aws sso login`) and apply again"
        }
        "RequestExpired" | "RequestTimeTooSkewed" => "check this machine's clock",
        "Throttling"
        | "ThrottlingException"
        | "RequestLimitExceeded"
        | "SlowDown"
        | "TooManyRequestsException" => {
            "AWS went on refusing because of too many requests; wait a few minutes and apply again"
        }
        "OptInRequired" => "the account is not subscribed to this service or region",
        "InsufficientInstanceCapacity" => {
            "AWS has no such machine free there; try another instance type or availability zone"
        }
        code if code.ends_with("LimitExceeded")
            || code.contains("QuotaExceeded")
            || code.ends_with("LimitExceededFault") =>
        {
            "a quota of the account is used up; free something, or ask for more in the Service Quotas console"
        }
        _ => return None,
    })
}

/// Something of this name is there, and no record says that it is ours.
pub(crate) fn foreign(what: &str, name: &str) -> Error {
    Error::new(
        format!("create the {what} `{name}`"),
        "one of this name exists already, and this step did not make it",
    )
    .help("choose another name, or delete what is there if no one needs it; nothing was changed")
    .outcome(CallOutcome::Refused)
}
