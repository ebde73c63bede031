//! Errors of AWS as an [`Error`] with the attempted action, the cause, and advice.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use ha_provider::{CallOutcome, Error};

use crate::wait::WaitStatus;

/// Adds the attempted action to the error of a call to AWS.
pub(crate) trait AwsErrorContext<T> {
    /// The result with the attempted action. The outcome stays unknown, because an earlier call of
    /// the step may have changed something.
    fn attempting(self, what: impl Into<String>) -> Result<T, Error>;

    /// The same for the first changing call of a step: a 4xx response then means that nothing was
    /// changed.
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

/// Whether AWS responded with one of these codes.
pub(crate) fn is<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    codes: &[&str],
) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}

/// Whether AWS responded that the object does not exist.
pub(crate) fn is_missing<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let named = error.code().is_some_and(|code| {
        let code =
            // Services name the same error differently: `DBInstanceNotFound`,
            // `DBInstanceNotFoundFault`, `NoSuchEntityException`.
            ["Fault", "Exception"].iter().find_map(|it| code.strip_suffix(it)).unwrap_or(code);
        code.ends_with("NotFound") || code.starts_with("NoSuch")
    });
    named || status(error) == Some(404)
}

/// Whether S3 responded that a recently created bucket does not exist, or that another operation on
/// it is in progress.
pub(crate) fn is_too_early_for<E: ProvideErrorMetadata>(
    error: &SdkError<E, HttpResponse>,
    bucket: &str,
    aws: &crate::AwsClients,
    attempt: &ha_provider::Attempt,
) -> bool {
    is(error, &["OperationAborted"])
        || (is(error, &["NoSuchBucket"]) && aws.is_recently_created(bucket, attempt))
}

/// The HTTP status of the response; `None` where there was none.
pub(crate) fn status<E>(error: &SdkError<E, HttpResponse>) -> Option<u16> {
    error.raw_response().map(|it| it.status().as_u16())
}

/// A pending status with the service's message.
pub(crate) fn waiting<T, E: ProvideErrorMetadata>(
    what: &str,
    error: &SdkError<E, HttpResponse>,
) -> WaitStatus<T> {
    WaitStatus::Pending(match error.message().or(error.code()) {
        Some(said) => format!("{what} ({})", said.trim_end_matches('.')),
        None => what.to_owned(),
    })
}

/// The error of a step's first changing call, for a caller that adds advice.
pub(crate) fn refusal<E>(what: impl Into<String>, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let explained = explained(what.into(), error);
    match explained.outcome {
        // The permit was refused for this try; an earlier try of the same call may have reached
        // AWS.
        CallOutcome::Interrupted => explained,
        _ if was_refused(error) => explained.outcome(CallOutcome::Refused),
        _ => explained.outcome(CallOutcome::Unknown),
    }
}

fn was_refused<E>(error: &SdkError<E, HttpResponse>) -> bool {
    match error {
        // The request was never sent.
        SdkError::ConstructionFailure(_) => true,
        // A 5xx response may come after AWS has done the work, so only a 4xx response means that
        // nothing was changed.
        SdkError::ServiceError(_) => status(error).is_some_and(|it| (400..500).contains(&it)),
        _ => false,
    }
}

fn explained<E>(what: String, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    // The permit's own error says why the call was not sent; the SDK's wrapper around it says
    // nothing more.
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
            let error = failure.as_connector_error().expect("the guard has checked it");
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

/// The permit's error, where the call was not sent because of it.
fn not_permitted<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a Error> {
    std::iter::successors(Some(error), |it| it.source()).find_map(|it| it.downcast_ref())
}

/// The innermost error. The outer ones only name the libraries in between.
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
            "the caller lacks the permission; `aws sts get-caller-identity` with the same credentials shows the caller"
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
            "AWS has no capacity for this instance type there; try another type or availability zone"
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

/// The error for an object that exists already and that this step did not create.
pub(crate) fn foreign(what: &str, name: &str) -> Error {
    Error::new(
        format!("create the {what} `{name}`"),
        "one of this name exists already, and this step did not create it",
    )
    .help(
        "choose another name, or delete the existing one if it is not needed; nothing was changed",
    )
    .outcome(CallOutcome::Refused)
}
