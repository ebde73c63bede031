//! Permits and retries of calls to AWS: how many tries, how fast, and how often they happened.
//!
//! The SDK decides what is retried: throttling, 5xx, and lost or incomplete responses. An error
//! about an object that is not visible yet is handled where the object is used.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_config::retry::RetryConfig;
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use ha_provider::{Incident, Permit};

const SLOWEST: Duration = Duration::from_secs(20);
/// The retry budget of a service, for all its clients together: about forty failures or a hundred
/// throttled calls. It refills with each success and over time. Without a common budget, many steps
/// in parallel would keep a busy service busy.
const BUDGET: usize = 500;
const BACK_IN_A_SECOND: f32 = 5.0;

/// Retries with a random delay that doubles, at most this many tries.
pub(crate) fn retries(most: u32) -> RetryConfig {
    RetryConfig::standard().with_max_attempts(most.max(1)).with_max_backoff(SLOWEST)
}

/// The retry budget of a service, shared by all clients of a run.
pub(crate) fn partition(service: &'static str) -> RetryPartition {
    static PARTITIONS: Mutex<BTreeMap<&str, RetryPartition>> = Mutex::new(BTreeMap::new());
    // One partition for each service name in the process: two `provider` blocks of one account
    // share its rate limits too.
    let mut all = PARTITIONS.lock().unwrap_or_else(PoisonError::into_inner);
    let afresh = || {
        let bucket = TokenBucket::builder().capacity(BUDGET).refill_rate(BACK_IN_A_SECOND).build();
        RetryPartition::custom(service).token_bucket(bucket).build()
    };
    all.entry(service).or_insert_with(afresh).clone()
}

/// Counts of throttled and repeated calls, by service.
#[derive(Debug, Default)]
pub(crate) struct ThrottleIncidents(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

const THROTTLED: &str = "throttled";
const ASKED_AGAIN: &str = "asked again";

impl ThrottleIncidents {
    fn count(&self, what: &'static str, service: &'static str) {
        *self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry((what, service))
            .or_default() += 1;
    }

    /// The counts so far.
    pub(crate) fn counted(&self) -> Vec<Incident> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter()
            .map(|((what, service), times)| Incident { what, service, times: *times })
            .collect()
    }
}

/// Counts throttled and repeated calls of one client.
#[derive(Debug)]
pub(crate) struct RetryCounter {
    pub(crate) service: &'static str,
    pub(crate) incidents: Arc<ThrottleIncidents>,
}

impl Intercept for RetryCounter {
    fn name(&self) -> &'static str {
        "CountIncidents"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        // The SDK counts the first try as 1.
        if bag.load::<RequestAttempts>().is_some_and(|it| it.attempts() > 1) {
            self.incidents.count(ASKED_AGAIN, self.service);
        }
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().is_some_and(is_throttle) {
            self.incidents.count(THROTTLED, self.service);
        }
        Ok(())
    }
}

/// Asks for the permit before each try of a call that changes something.
#[derive(Debug)]
pub(crate) struct PermitInterceptor(pub(crate) Permit);

/// Prefixes of operations that only read. Any other operation needs the permit.
const LOOKS: [&str; 4] = ["Describe", "Get", "Head", "List"];

impl Intercept for PermitInterceptor {
    fn name(&self) -> &'static str {
        "AskForPermit"
    }

    fn read_before_transmit(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let only_looks = bag
            .load::<Metadata>()
            .is_some_and(|call| LOOKS.iter().any(|it| call.name().starts_with(it)));
        // An operation without metadata counts as a change. A new operation that this list does not
        // know therefore asks once too often, never too seldom.
        if only_looks { Ok(()) } else { self.0.ask().map_err(Into::into) }
    }
}

/// Whether the response has a throttling code, in XML or JSON.
fn is_throttle(answer: &HttpResponse) -> bool {
    // The body is inspected only for errors. A successful response can be large, and may contain
    // such words as data.
    if answer.status().is_success() {
        return false;
    }
    let body = answer.body().bytes().map(String::from_utf8_lossy).unwrap_or_default();
    is_throttle_text(&body)
}

fn is_throttle_text(body: &str) -> bool {
    let in_xml = body
        .split_once("<Code>")
        .and_then(|(_, after)| after.split_once("</Code>"))
        .map(|(code, _)| code);
    let in_json = || {
        let json: serde_json::Value = serde_json::from_str(body).ok()?;
        let code = json.get("__type").or_else(|| json.get("code"))?.as_str()?.to_owned();
        Some(code.rsplit('#').next().unwrap_or_default().to_owned())
    };
    let code = in_xml.map(str::to_owned).or_else(in_json);
    code.is_some_and(|code| TOO_MANY.contains(&code.trim()))
}

/// The throttling codes that the SDK knows.
const TOO_MANY: [&str; 11] = [
    "BandwidthLimitExceeded",
    "EC2ThrottledException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "SlowDown",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognises_throttling_in_each_protocol() {
        for text in [
            "<Response><Errors><Error><Code>RequestLimitExceeded</Code><Message>m</Message></Error></Errors></Response>",
            "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code></Error></ErrorResponse>",
            "<Error><Code>SlowDown</Code></Error>",
            r#"{"__type": "com.amazonaws.kms#ThrottlingException", "message": "Rate exceeded"}"#,
        ] {
            assert!(is_throttle_text(text), "{text}");
        }
        for text in [
            "",
            "<html>503</html>",
            "<Error><Code>NoSuchBucket</Code></Error>",
            r#"{"__type": "NotFoundException"}"#,
            "[1]",
        ] {
            assert!(!is_throttle_text(text), "{text}");
        }
    }

    #[test]
    fn clients_of_a_service_share_a_retry_budget() {
        assert_eq!(partition("ec2").to_string(), partition("ec2").to_string());
        let incidents = ThrottleIncidents::default();
        for service in ["ec2", "rds", "ec2"] {
            incidents.count(THROTTLED, service);
        }
        let counted: Vec<_> =
            incidents.counted().into_iter().map(|it| (it.service, it.times)).collect();
        assert_eq!(counted, [("ec2", 2), ("rds", 1)]);
    }
}
