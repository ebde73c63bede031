//! What all calls to drivers share: how long one may take, and how a record is given to one.

use std::time::Duration;

use ha_plan::{OperationTimeout, revealed};
use ha_provider::{Error, RecordedValue};
use ha_state_model::Record;

/// What one call to a service takes at most: it is given up after that.
pub(crate) const CALL: Duration = Duration::from_secs(125);

/// A look that is given up when it takes longer than it may.
pub(crate) async fn in_time<T>(
    looking: impl Future<Output = Result<T, Error>>,
    limit: Option<&OperationTimeout>,
) -> Result<T, Error> {
    let Some(limit) = limit else { return looking.await };
    let given_up = || limit.given_up(Error::new("look at what is there", ""), None);
    tokio::time::timeout(limit.duration, looking).await.unwrap_or_else(|_| Err(given_up()))
}

/// A record as drivers take it.
pub(crate) fn recorded_value(record: &Record) -> RecordedValue {
    RecordedValue {
        id: record.id.clone(),
        arguments: revealed(&record.arguments),
        outputs: revealed(&record.outputs),
    }
}
