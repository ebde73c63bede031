//! What all calls to drivers share: how long one may take, and how a record is given to one.

use std::time::Duration;

use ha_plan::{OperationTimeout, revealed};
use ha_provider::{Error, RecordedValue};
use ha_state_model::Record;

/// The longest time that one call to a service takes: it is given up after that. A call that
/// changes something begins only while the lease of the state's lock lasts at least this long: so
/// no other process can take the lock over while the call is under way.
pub(crate) const MAX_CALL_DURATION: Duration = Duration::from_secs(125);

/// Waits for a read, which fails when it takes longer than the limit.
pub(crate) async fn with_time_limit<T>(
    call: impl Future<Output = Result<T, Error>>,
    limit: Option<&OperationTimeout>,
) -> Result<T, Error> {
    let Some(limit) = limit else { return call.await };
    // A read changes nothing, so that it can be dropped in the middle.
    let given_up = || limit.given_up(Error::new("look at what is there", ""), None);
    tokio::time::timeout(limit.duration, call).await.unwrap_or_else(|_| Err(given_up()))
}

/// A record as drivers take it: with its secrets, without their marks.
pub(crate) fn recorded_value(record: &Record) -> RecordedValue {
    RecordedValue {
        id: record.id.clone(),
        arguments: revealed(&record.arguments),
        outputs: revealed(&record.outputs),
    }
}
