//! Log events of calls to services: start, result and duration.

use std::future::Future;
use std::time::Instant;

use tracing::debug;

/// The target of these events, for filters such as `HA_LOG=ha::call=debug`.
pub const CALL_LOG: &str = "ha::call";

/// A call to a service, without its content, which may be secret.
#[derive(Clone, Copy, Debug)]
pub struct RemoteCall<'a> {
    /// The service, such as `mongodb`.
    pub service: &'a str,
    /// The server, such as `db-1.internal:27017`.
    pub server: &'a str,
    /// The operation as the service names it, such as `replSetReconfig`.
    pub operation: &'a str,
}

impl RemoteCall<'_> {
    /// Awaits the call and logs its start and end. `code` returns the error code to log; an error
    /// message may repeat what was sent and is not logged.
    ///
    /// # Errors
    /// The error of the call.
    pub async fn logged<T, E>(
        self,
        call: impl Future<Output = Result<T, E>>,
        code: impl FnOnce(&E) -> Option<String>,
    ) -> Result<T, E> {
        let Self { service, server, operation } = self;
        debug!(target: CALL_LOG, service, server, operation, "request");
        let started = Instant::now();
        let answer = call.await;
        let duration_ms = milliseconds_since(started);
        match &answer {
            Ok(_) => debug!(target: CALL_LOG, service, server, operation, duration_ms, "response"),
            Err(error) => {
                let error = code(error).unwrap_or_else(|| "no answer".to_owned());
                debug!(target: CALL_LOG, service, server, operation, duration_ms, error, "response");
            }
        }
        answer
    }
}

/// Returns the value of the field `duration_ms`.
#[must_use]
pub fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
