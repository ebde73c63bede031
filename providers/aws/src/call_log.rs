//! Log entries for requests to AWS, one for each try. They hold no part of a request's or
//! response's body.

use std::time::Instant;

use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::retries::RequestAttempts;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use ha_provider::{CALL_LOG, milliseconds_since};
use tracing::debug;

/// The response headers that hold the request id, by service.
const REQUEST_ID: [&str; 2] = ["x-amzn-requestid", "x-amz-request-id"];

/// Logs the requests of a client.
#[derive(Debug)]
pub(crate) struct CallLog {
    pub(crate) service: &'static str,
}

/// When the present try began.
#[derive(Debug)]
struct AttemptStart(Instant);

impl Storable for AttemptStart {
    type Storer = StoreReplace<Self>;
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for CallLog {
    fn name(&self) -> &'static str {
        "CallLog"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Self { service } = self;
        let (operation, attempt) = (operation(bag), attempt(bag));
        debug!(target: CALL_LOG, service, operation, attempt, "request");
        bag.interceptor_state().store_put(AttemptStart(Instant::now()));
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let Self { service } = self;
        let (operation, attempt) = (operation(bag), attempt(bag));
        let duration_ms = bag.load::<AttemptStart>().map(|it| milliseconds_since(it.0));
        match context.response() {
            Some(response) => {
                let (status, request_id) = (response.status().as_u16(), request_id(response));
                debug!(target: CALL_LOG, service, operation, attempt, duration_ms, status, request_id, "response");
            }
            None => {
                debug!(target: CALL_LOG, service, operation, attempt, duration_ms, error = "no answer", "response")
            }
        }
        Ok(())
    }
}

fn operation(bag: &ConfigBag) -> &str {
    bag.load::<Metadata>().map_or("", Metadata::name)
}

fn attempt(bag: &ConfigBag) -> u32 {
    bag.load::<RequestAttempts>().map_or(1, RequestAttempts::attempts)
}

fn request_id(response: &HttpResponse) -> Option<&str> {
    REQUEST_ID.iter().find_map(|it| response.headers().get(*it))
}
