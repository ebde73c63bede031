//! The arguments of an object from S3's response, with its content where that is not what was put.

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::types::{ServerSideEncryption, StorageClass, Tag};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ha_provider::{Chosen, Error, RecordedResource, ResourceReading};

use super::{OURS, S3Object, checksum, head};
use crate::AwsClients;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::CachedReading;
use crate::tags::{self, ResourceTags};

/// The maximum size in bytes of changed content that is read for the plan.
const LARGEST_SHOWN: i64 = 16 << 20;

impl CachedReading for S3Object {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let known = &recorded.arguments;
        let Some(head) = head(aws, &known.bucket, &known.key).await? else {
            return Ok(ResourceReading::Gone);
        };
        let body = known.body()?;
        // The ETag is no digest of the content for encrypted or multipart objects; the SHA-256
        // checksum that `ha` sends with each put always is.
        let same = head.checksum_sha256() == Some(checksum(&body).as_str());
        let mut remarks = Vec::new();
        let (content, content_base64, body) = if same {
            (known.content.clone(), known.content_base64.clone(), body)
        } else if head.content_length().unwrap_or(0) > LARGEST_SHOWN {
            remarks.push(format!("`{}` holds something else, too large to be shown", known.name()));
            (None, None, Vec::new())
        } else {
            let Some(body) = fetch(aws, known).await? else { return Ok(ResourceReading::Gone) };
            let text = known
                .content_base64
                .is_none()
                .then(|| String::from_utf8(body.clone()).ok())
                .flatten();
            match text {
                // An empty object and one without content arguments are the same.
                Some(text) if text.is_empty() && known.content.is_none() => (None, None, body),
                Some(text) => (Some(text), None, body),
                None => (None, Some(BASE64.encode(&body)), body),
            }
        };
        let found = labels(aws, known, &head).await?;
        let metadata = head
            .metadata()
            .into_iter()
            .flatten()
            .filter(|(name, _)| !OURS.contains(&name.as_str()));
        let chosen = |it: Option<&str>| it.map(|it| Chosen(it.to_owned()));
        let there = Self {
            bucket: known.bucket.clone(),
            key: known.key.clone(),
            content,
            content_base64,
            content_type: chosen(head.content_type()),
            cache_control: head.cache_control().map(str::to_owned),
            content_disposition: head.content_disposition().map(str::to_owned),
            content_encoding: head
                .content_encoding()
                .filter(|it| !it.is_empty())
                .map(str::to_owned),
            content_language: head.content_language().map(str::to_owned),
            server_side_encryption: chosen(
                head.server_side_encryption().map(ServerSideEncryption::as_str),
            ),
            kms_key_id: chosen(head.ssekms_key_id()),
            storage_class: chosen(Some(
                head.storage_class().map_or("STANDARD", StorageClass::as_str),
            )),
            metadata: metadata.map(|(name, value)| (name.clone(), value.clone())).collect(),
            tags: found,
        };
        let outputs = there.found(aws, &head, &body);
        Ok(ResourceReading::Found { arguments: there, outputs, remarks })
    }
}

async fn fetch(aws: &AwsClients, known: &S3Object) -> Result<Option<Vec<u8>>, Error> {
    let what = format!("read the object `{}`", known.name());
    let call = aws.s3.get_object().bucket(known.bucket.as_str()).key(known.key.as_str());
    let answer = match call.send().await {
        Err(error) if error::is_missing(&error) => return Ok(None),
        other => other.attempting(&what)?,
    };
    let body = answer.body.collect().await.map_err(|error| Error::from_error(what, &error))?;
    Ok(Some(body.to_vec()))
}

async fn labels(
    aws: &AwsClients,
    known: &S3Object,
    head: &HeadObjectOutput,
) -> Result<ResourceTags, Error> {
    // HeadObject returns the number of tags, which saves a call for each object without any.
    if known.tags.is_empty() && head.tag_count().unwrap_or(0) == 0 {
        return Ok(ResourceTags::new());
    }
    let call = aws.s3.get_object_tagging().bucket(known.bucket.as_str()).key(known.key.as_str());
    match call.send().await {
        Err(error) if error::is_missing(&error) => Ok(ResourceTags::new()),
        other => {
            let found =
                other.attempting(format!("read the tags of the object `{}`", known.name()))?;
            Ok(tags::visible::<Tag>(found.tag_set()))
        }
    }
}
