//! Calls to the bucket of a state, with conditional writes.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, ServerSideEncryption};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::Intercept;
use aws_smithy_runtime_api::client::interceptors::context::BeforeDeserializationInterceptorContextRef;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::ConfigBag;
use aws_smithy_types::date_time::{DateTime, Format};
use ha_provider::{CallOutcome, Error};

use crate::error::{is, is_missing, refusal, status};

/// Maximum number of tries of a write that conflicts with another one at the same moment.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);
/// The maximum number of objects in one DeleteObjects call.
const TOGETHER: usize = 1_000;

/// A bucket, and how objects are written to it.
#[derive(Clone)]
pub(super) struct StateBucket {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) encrypt: bool,
    pub(super) kms_key_id: Option<String>,
}

/// An object as read.
#[derive(Clone, Debug)]
pub(super) struct FoundObject {
    pub(super) bytes: Vec<u8>,
    pub(super) etag: String,
    /// Time since it was written, by the service's clock; `None` where the response has no date.
    pub(super) age: Option<Duration>,
}

/// The result of a conditional write.
#[derive(Debug)]
pub(super) enum PutOutcome {
    /// The object was written and has this ETag.
    Done { etag: String },
    /// The condition did not hold; the present object, or `None` where there is none.
    Refused(Option<FoundObject>),
}

/// The condition of a write.
#[derive(Clone, Copy)]
pub(super) enum WriteCondition<'a> {
    Nothing,
    /// The object must exist with this ETag.
    This(&'a str),
}

impl StateBucket {
    /// Writes an object if the condition holds. An object with the same bytes counts as written:
    /// the response to an earlier try was lost.
    pub(super) async fn put(
        &self,
        key: &str,
        over: WriteCondition<'_>,
        bytes: &[u8],
        limit: Option<Duration>,
    ) -> Result<PutOutcome, Error> {
        let what = || format!("write `s3://{}/{key}`", self.name);
        let mut last = None;
        for _ in 0..TRIES {
            let mut call = self
                .client
                .put_object()
                .bucket(&self.name)
                .key(key)
                .body(ByteStream::from(bytes.to_vec()));
            call = match over {
                WriteCondition::Nothing => call.if_none_match("*"),
                WriteCondition::This(etag) => call.if_match(etag),
            };
            if self.encrypt {
                let how = if self.kms_key_id.is_some() {
                    ServerSideEncryption::AwsKms
                } else {
                    ServerSideEncryption::Aes256
                };
                call = call.server_side_encryption(how).set_ssekms_key_id(self.kms_key_id.clone());
            }
            let error = match call.customize().config_override(hasty(limit)).send().await {
                Ok(done) => return Ok(PutOutcome::Done { etag: done.e_tag.unwrap_or_default() }),
                Err(error) => error,
            };
            match status(&error) {
                // S3 reports a failed `If-None-Match` or `If-Match` as 412, and a failed `If-Match`
                // on a missing object as 404. Both are decided by a look at the object below.
                Some(412) => {}
                // Two writers conflict, and S3 has not decided which was first. The next try learns
                // the result.
                Some(409) => {
                    last = Some(refusal(what(), &error));
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
                Some(404) if is(&error, &["NoSuchKey"]) => {}
                // A service that does not implement conditional headers may say so with 501.
                Some(501) => return Err(self.unconditional(&refusal(what(), &error).to_string())),
                _ => return Err(refusal(what(), &error)),
            }
            match (self.get(key, limit).await?, over) {
                // The bytes hold the id of the lock, so the same bytes can only be from an earlier
                // try of this write.
                (Some(found), _) if found.bytes == bytes => {
                    return Ok(PutOutcome::Done { etag: found.etag });
                }
                // The conflicting object has just been deleted, so the write can be tried again.
                (None, WriteCondition::Nothing) => last = Some(refusal(what(), &error)),
                (found, _) => return Ok(PutOutcome::Refused(found)),
            }
        }
        Err(last.unwrap_or_else(|| Error::new(what(), "other writers conflict with each try")))
    }

    /// The error for a service that ignores the conditions of a write.
    pub(super) fn unconditional(&self, seen: &str) -> Error {
        let cause = format!(
            "its service ignores the conditions of a write (`If-None-Match`, `If-Match`): {seen}"
        );
        Error::new(format!("store a state in the bucket `{}`", self.name), cause)
            .help("no state was written: two commands at once would overwrite each other's changes there")
            .help(
                "use a service that supports conditional writes: AWS, or a recent version of MinIO, Ceph or R2",
            )
            .outcome(CallOutcome::Refused)
    }

    /// The object with this name; `None` where there is none.
    pub(super) async fn get(
        &self,
        key: &str,
        limit: Option<Duration>,
    ) -> Result<Option<FoundObject>, Error> {
        let what = || format!("read `s3://{}/{key}`", self.name);
        // The age is the difference of two times of the service, so the clock of this machine does
        // not matter.
        let date = ServiceDate::default();
        let call = self.client.get_object().bucket(&self.name).key(key).customize();
        let answer = match call.config_override(hasty(limit)).interceptor(date.clone()).send().await
        {
            Ok(answer) => answer,
            // A missing bucket is an error and not an empty state: `ha` would otherwise plan to
            // create everything.
            Err(error) if is_missing(&error) && !is(&error, &["NoSuchBucket"]) => return Ok(None),
            Err(error) => return Err(refusal(what(), &error)),
        };
        let written = answer.last_modified.map(|it| it.secs());
        let etag = answer.e_tag.unwrap_or_default();
        let bytes = answer
            .body
            .collect()
            .await
            .map_err(|error| Error::from_error(what(), &error))?
            .to_vec();
        let age =
            date.seconds().zip(written).and_then(|(now, then)| u64::try_from(now - then).ok());
        Ok(Some(FoundObject { bytes, etag, age: age.map(Duration::from_secs) }))
    }

    /// The names with this prefix, sorted.
    pub(super) async fn list(&self, below: &str) -> Result<Vec<String>, Error> {
        let mut pages =
            self.client.list_objects_v2().bucket(&self.name).prefix(below).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page
                .map_err(|error| refusal(format!("list `s3://{}/{below}`", self.name), &error))?;
            names.extend(page.contents.unwrap_or_default().into_iter().filter_map(|it| it.key));
        }
        Ok(names)
    }

    /// The first folders directly below a prefix, sorted.
    pub(super) async fn folders(&self, below: &str) -> Result<Vec<String>, Error> {
        let page = self
            .client
            .list_objects_v2()
            .bucket(&self.name)
            .prefix(below)
            .delimiter("/")
            .send()
            .await;
        let page =
            page.map_err(|error| refusal(format!("list `s3://{}/{below}`", self.name), &error))?;
        Ok(page
            .common_prefixes
            .unwrap_or_default()
            .into_iter()
            .filter_map(|it| it.prefix)
            .collect())
    }

    /// Deletes the object if it still has this ETag.
    pub(super) async fn delete(&self, key: &str, etag: &str) -> Result<(), Error> {
        let call = self.client.delete_object().bucket(&self.name).key(key);
        match call.clone().if_match(etag).send().await {
            Ok(_) => Ok(()),
            // The object is deleted already, or another holder has written it since; either way it
            // is not this caller's to delete.
            Err(error) if matches!(status(&error), Some(404 | 409 | 412)) => Ok(()),
            // Not every service supports a conditional delete; the caller has just read the object.
            Err(error) if status(&error) == Some(501) => {
                let deleted = call.send().await;
                deleted
                    .map(|_| ())
                    .map_err(|error| refusal(format!("delete `s3://{}/{key}`", self.name), &error))
            }
            Err(error) => Err(refusal(format!("delete `s3://{}/{key}`", self.name), &error)),
        }
    }

    /// Deletes objects without a condition.
    pub(super) async fn delete_all(&self, keys: &[String]) -> Result<(), Error> {
        // No condition is needed: objects behind a checkpoint are never written again.
        for keys in keys.chunks(TOGETHER) {
            let named = |key: &String| {
                ObjectIdentifier::builder().key(key).build().expect("a name is all it takes")
            };
            let these = Delete::builder()
                .set_objects(Some(keys.iter().map(named).collect()))
                .quiet(true)
                .build();
            let call = self
                .client
                .delete_objects()
                .bucket(&self.name)
                .delete(these.expect("there are some"));
            call.send().await.map_err(|error| {
                refusal(format!("delete old objects of `s3://{}`", self.name), &error)
            })?;
        }
        Ok(())
    }

    /// Whether versioning is on, so that a deleted object can be restored.
    pub(super) async fn is_versioned(&self) -> Result<bool, Error> {
        let answer = self.client.get_bucket_versioning().bucket(&self.name).send().await;
        let answer = answer
            .map_err(|error| refusal(format!("look at the bucket `{}`", self.name), &error))?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }
}

/// The time limit of a call.
fn hasty(limit: Option<Duration>) -> aws_sdk_s3::config::Builder {
    let builder = aws_sdk_s3::config::Builder::new();
    match limit {
        Some(limit) => {
            builder.timeout_config(TimeoutConfig::builder().operation_timeout(limit).build())
        }
        None => builder,
    }
}

/// The service's time, from the `Date` header of a response.
#[derive(Clone, Debug, Default)]
struct ServiceDate(Arc<Mutex<Option<DateTime>>>);

impl ServiceDate {
    fn seconds(&self) -> Option<i64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|it| it.secs())
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl Intercept for ServiceDate {
    fn name(&self) -> &'static str {
        "date"
    }

    fn read_after_transmit(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let date = context
            .response()
            .headers()
            .get("date")
            .and_then(|it| DateTime::from_str(it, Format::HttpDate).ok());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = date;
        Ok(())
    }
}
