//! An object in an S3 bucket.

mod check;
mod discovery;
mod observed;

use std::collections::{BTreeMap, HashMap};

use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::operation::put_object::PutObjectOutput;
use aws_sdk_s3::operation::put_object::builders::PutObjectFluentBuilder;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumMode, ObjectIdentifier, ServerSideEncryption, StorageClass, Tagging,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ha_provider::{
    Attempt, CallOutcome, Chosen, CreatedResource, DiscoveryTarget, Error, ExistingResource,
    Immutable, OwnedResource, RecordedResource, Resource, ResourceHooks, ResourceReading,
    UnsupportedNames, Volatile, known_text,
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::aws_s3_bucket::delete_versions;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::partition::{RegionSettings, s3_arn};
use crate::tags::{self, ResourceTags};
use crate::{AwsClients, reading};

/// An object in an S3 bucket.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct S3Object {
    /// Name of the bucket.
    bucket: Immutable<String>,
    /// Key of the object in the bucket.
    key: Immutable<String>,
    /// Content as a string.
    content: Option<String>,
    /// Content as bytes in Base64.
    content_base64: Option<String>,
    /// Content type, such as `text/plain`.
    content_type: Option<Chosen<String>>,
    /// `Cache-Control` header of the object.
    cache_control: Option<String>,
    /// `Content-Disposition` header of the object.
    content_disposition: Option<String>,
    /// `Content-Encoding` header of the object, such as `gzip`.
    content_encoding: Option<String>,
    /// `Content-Language` header of the object.
    content_language: Option<String>,
    /// Encryption: `AES256` or `aws:kms`; the bucket's default when left out.
    server_side_encryption: Option<Chosen<String>>,
    /// KMS key that encrypts the object.
    kms_key_id: Option<Chosen<String>>,
    /// Storage class, such as `STANDARD`.
    storage_class: Option<Chosen<String>>,
    /// User-defined metadata.
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    /// Tags, at most ten.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct S3ObjectOutputs {
    /// ARN of the object.
    arn: String,
    /// ETag of the content.
    etag: Volatile<String>,
    /// Id of this version, in a bucket with versioning.
    version_id: Option<Volatile<String>>,
    /// SHA-256 of the content, in Base64.
    checksum_sha256: Volatile<String>,
}

/// Metadata key: the token of the step that put the object.
const TOKEN: &str = "ha-token";
/// Metadata key: the address of the instance.
const ADDRESS: &str = "ha-address";
/// Metadata key: the lineage of the state.
const STATE: &str = "ha-state";
const OURS: [&str; 3] = [TOKEN, ADDRESS, STATE];

/// Whether the metadata of an object say that `ha` put it there.
pub(crate) fn is_ours(metadata: Option<&HashMap<String, String>>) -> bool {
    metadata.is_some_and(|it| it.contains_key(TOKEN))
}

impl Resource for S3Object {
    const KIND: &'static str = "aws_s3_object";
    const WITHIN: &'static [&'static str] = &["aws_s3_bucket"];
    const UNSUPPORTED: &'static [UnsupportedNames] = &[
        UnsupportedNames::new(
            &["etag", "source_hash"],
            "leave it out: the object is compared with the content by its digest",
        ),
        UnsupportedNames::new(
            &["source"],
            "write `content = file(\"…\")`, or `content_base64 = filebase64(\"…\")` for binary content",
        ),
        UnsupportedNames::new(
            &["acl"],
            "leave it out: objects belong to the bucket's owner, and the bucket's policy says who may read them",
        ),
        UnsupportedNames::new(
            &[
                "bucket_key_enabled",
                "website_redirect",
                "checksum_algorithm",
                "object_lock_mode",
                "object_lock_legal_hold_status",
                "object_lock_retain_until_date",
                "override_provider",
            ],
            "leave it out: it is not supported yet, and a setting made outside of `ha` stays as it is",
        ),
    ];
    type Provider = AwsClients;
    type Outputs = S3ObjectOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct ObjectKeyArguments {
            key: String,
        }
        #[derive(Deserialize)]
        struct ObjectLocationArguments {
            bucket: String,
            key: String,
        }
        #[derive(Deserialize)]
        struct ObjectContentArguments {
            content: Option<String>,
            content_base64: Option<String>,
        }
        ResourceHooks::new()
            .unique(&["bucket", "key"])
            .ways_to_say(&["content", "content_base64"])
            .check(tags::check_letters)
            .check(check::check)
            .inside("aws_s3_bucket", &[("bucket", "bucket")])
            .predict("id", |it: ObjectKeyArguments| it.key)
            .predict_in("arn", |at: RegionSettings, it: ObjectLocationArguments| {
                at.s3_arn(&format!("{}/{}", it.bucket, it.key))
            })
            .predict("checksum_sha256", |it: ObjectContentArguments| {
                bytes(it.content.as_deref(), it.content_base64.as_deref()).map(|it| checksum(&it))
            })
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let body = self.body()?;
        let made = match attempt.is_resumed() {
            // A first try needs no look: the conditional put below refuses to overwrite an existing
            // object.
            true => head(aws, &self.bucket, &self.key).await?,
            false => None,
        };
        let outputs = match made {
            Some(head) if is_from(&head, attempt) => self.found(aws, &head, &body),
            Some(_) => return Err(error::foreign("object", &self.name())),
            None => match self.put(aws, &body, attempt).if_none_match("*").send().await {
                Ok(put) => self.made(aws, &put, &body),
                Err(error) if is_taken(&error) => match head(aws, &self.bucket, &self.key).await? {
                    // The response to this step's first call was lost.
                    Some(head) if is_from(&head, attempt) => self.found(aws, &head, &body),
                    _ => return Err(error::foreign("object", &self.name())),
                },
                Err(error) => {
                    return Err(error)
                        .attempting_first(format!("put the object `{}`", self.name()));
                }
            },
        };
        Ok(CreatedResource { id: self.key.to_string(), outputs })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let place = id.strip_prefix("s3://").unwrap_or(id);
        let (bucket, key) = place
            .split_once('/')
            .ok_or("the id of an object is `BUCKET/KEY` or `s3://BUCKET/KEY`")?;
        Ok(ExistingResource::by(key).argument("bucket", bucket).argument("key", key))
    }

    const LISTED: bool = true;

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        Some(format!("{}/{}", known_text(arguments, "bucket")?, known_text(arguments, "key")?))
    }

    async fn list_owned(
        aws: &AwsClients,
        targets: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        discovery::list_owned(aws, targets).await
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(
        &self,
        aws: &AwsClients,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<S3ObjectOutputs, Error> {
        let body = self.body()?;
        let there = head(aws, &self.bucket, &self.key).await?;
        if let Some(head) = &there {
            if is_from(head, attempt) {
                return Ok(self.found(aws, head, &body));
            }
            // Tags can change without a new version of the object.
            if self.differs_in_tags_only(&before.arguments) {
                self.put_tags(aws).await?;
                return Ok(self.found(aws, head, &body));
            }
        }
        // The condition protects a change of someone else since the last look, and keeps a retry
        // after a lost response from writing a second version.
        let put = self.put(aws, &body, attempt);
        let put = match there {
            Some(head) => self.keeping(put, &head).set_if_match(head.e_tag),
            None => put.if_none_match("*"),
        };
        match put.send().await {
            Ok(put) => Ok(self.made(aws, &put, &body)),
            Err(error) if is_taken(&error) => match head(aws, &self.bucket, &self.key).await? {
                Some(head) if is_from(&head, attempt) => Ok(self.found(aws, &head, &body)),
                _ => Err(Error::new(
                    format!("put the object `{}`", self.name()),
                    "someone else has changed it since the last look",
                )
                .help("plan again to see what it holds now")
                .outcome(CallOutcome::Refused)),
            },
            Err(error) => Err(error).attempting_first(format!("put the object `{}`", self.name())),
        }
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let S3Object { bucket, key, .. } = &recorded.arguments;
        let what = format!("delete the object `{bucket}/{key}`");
        loop {
            let page = match aws
                .s3
                .list_object_versions()
                .bucket(bucket.as_str())
                .prefix(key.as_str())
                .send()
                .await
            {
                Err(error) if error::is_missing(&error) => return Ok(()),
                other => other.attempting(&what)?,
            };
            let versions = page.versions().iter().map(|it| (it.key(), it.version_id()));
            let markers = page.delete_markers().iter().map(|it| (it.key(), it.version_id()));
            // The prefix matches objects with longer keys too.
            let of_this = versions.chain(markers).filter(|(name, _)| *name == Some(key.as_str()));
            let identified = |(_, version): (Option<&str>, Option<&str>)| {
                let version = version.map(str::to_owned);
                ObjectIdentifier::builder()
                    .key(key.as_str())
                    .set_version_id(version)
                    .build()
                    .expect("the key is set")
            };
            let all: Vec<ObjectIdentifier> = of_this.map(identified).collect();
            if all.is_empty() {
                return Ok(());
            }
            delete_versions(aws, bucket, all).await?;
        }
    }
}

impl S3Object {
    fn name(&self) -> String {
        format!("{}/{}", self.bucket, self.key)
    }

    fn body(&self) -> Result<Vec<u8>, Error> {
        bytes(self.content.as_deref(), self.content_base64.as_deref()).ok_or_else(|| {
            let cause = "content_base64 is not Base64";
            Error::new(format!("put the object `{}`", self.name()), cause)
                .outcome(CallOutcome::Refused)
        })
    }

    fn put(&self, aws: &AwsClients, body: &[u8], attempt: &Attempt) -> PutObjectFluentBuilder {
        let metadata = self.metadata.iter().map(|(name, value)| (name.clone(), value.clone()));
        let ours = [
            (TOKEN, Some(attempt.token().to_owned())),
            (ADDRESS, Some(attempt.address().in_plain_letters())),
        ];
        let ours = ours.into_iter().chain([(STATE, attempt.state().map(str::to_owned))]);
        let ours = ours.filter_map(|(name, value)| Some((name.to_owned(), value?)));
        let metadata: HashMap<_, _> = metadata.chain(ours).collect();
        let text = |it: &Option<Chosen<String>>| it.as_ref().map(|it| it.0.clone());
        aws.s3
            .put_object()
            .bucket(self.bucket.as_str())
            .key(self.key.as_str())
            .body(ByteStream::from(body.to_vec()))
            .checksum_algorithm(ChecksumAlgorithm::Sha256)
            .checksum_sha256(checksum(body))
            .set_content_type(text(&self.content_type))
            .set_cache_control(self.cache_control.clone())
            .set_content_disposition(self.content_disposition.clone())
            .set_content_encoding(self.content_encoding.clone())
            .set_content_language(self.content_language.clone())
            .set_server_side_encryption(
                text(&self.server_side_encryption)
                    .map(|it| ServerSideEncryption::from(it.as_str())),
            )
            .set_ssekms_key_id(text(&self.kms_key_id))
            .set_storage_class(text(&self.storage_class).map(|it| StorageClass::from(it.as_str())))
            .set_metadata(Some(metadata))
            .set_tagging((!self.tags.is_empty()).then(|| query(&self.tags)))
    }

    /// A put that keeps what the configuration leaves to the service. A put without these values
    /// would restore S3's defaults, and the object would no longer be encrypted by its key.
    fn keeping(
        &self,
        mut put: PutObjectFluentBuilder,
        there: &HeadObjectOutput,
    ) -> PutObjectFluentBuilder {
        if self.content_type.is_none() {
            put = put.set_content_type(there.content_type.clone());
        }
        if self.storage_class.is_none() {
            put = put.set_storage_class(there.storage_class.clone());
        }
        if self.server_side_encryption.is_none() && self.kms_key_id.is_none() {
            put = put.set_server_side_encryption(there.server_side_encryption.clone());
            put = put.set_ssekms_key_id(there.ssekms_key_id.clone());
        }
        put
    }

    fn made(&self, aws: &AwsClients, put: &PutObjectOutput, body: &[u8]) -> S3ObjectOutputs {
        self.outputs(aws, put.e_tag(), put.version_id(), body)
    }

    fn found(&self, aws: &AwsClients, head: &HeadObjectOutput, body: &[u8]) -> S3ObjectOutputs {
        self.outputs(aws, head.e_tag(), head.version_id(), body)
    }

    fn outputs(
        &self,
        aws: &AwsClients,
        etag: Option<&str>,
        version: Option<&str>,
        body: &[u8],
    ) -> S3ObjectOutputs {
        S3ObjectOutputs {
            arn: s3_arn(&aws.partition().name, &self.name()),
            etag: etag.unwrap_or_default().trim_matches('"').to_owned().into(),
            version_id: version.filter(|it| *it != "null").map(|it| it.to_owned().into()),
            checksum_sha256: checksum(body).into(),
        }
    }

    fn differs_in_tags_only(&self, before: &Self) -> bool {
        let without = |it: &Self| {
            let mut fields = serde_json::to_value(it).expect("its fields are strings");
            fields["tags"] = serde_json::Value::Null;
            // The service would choose the same again.
            for chosen in ["content_type", "server_side_encryption", "kms_key_id", "storage_class"]
            {
                if serde_json::to_value(self).is_ok_and(|it| it[chosen].is_null()) {
                    fields[chosen] = serde_json::Value::Null;
                }
            }
            fields
        };
        without(self) == without(before)
    }

    async fn put_tags(&self, aws: &AwsClients) -> Result<(), Error> {
        let (bucket, key) = (self.bucket.as_str(), self.key.as_str());
        let what = format!("tag the object `{}`", self.name());
        if self.tags.is_empty() {
            return aws
                .s3
                .delete_object_tagging()
                .bucket(bucket)
                .key(key)
                .send()
                .await
                .map(drop)
                .attempting(what);
        }
        let tagging = Tagging::builder()
            .set_tag_set(Some(tags::labels(&self.tags)))
            .build()
            .expect("the tags are set");
        let call = aws.s3.put_object_tagging().bucket(bucket).key(key).tagging(tagging);
        call.send().await.map(drop).attempting(what)
    }
}

async fn head(
    aws: &AwsClients,
    bucket: &str,
    key: &str,
) -> Result<Option<HeadObjectOutput>, Error> {
    match aws
        .s3
        .head_object()
        .bucket(bucket)
        .key(key)
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await
    {
        Err(error) if error::is_missing(&error) => Ok(None),
        Err(error) if error::status(&error) == Some(403) => {
            let what = format!("look at the object `{bucket}/{key}`");
            Err(error::refusal(what, &error)
                .help("the caller needs s3:GetObject on it, and s3:ListBucket on the bucket"))
        }
        other => other.map(Some).attempting(format!("look at the object `{bucket}/{key}`")),
    }
}

fn is_from(head: &HeadObjectOutput, attempt: &Attempt) -> bool {
    head.metadata().and_then(|it| it.get(TOKEN)).is_some_and(|it| it == attempt.token())
}

fn is_taken<E: aws_smithy_types::error::metadata::ProvideErrorMetadata>(
    error: &aws_smithy_runtime_api::client::result::SdkError<
        E,
        aws_smithy_runtime_api::client::orchestrator::HttpResponse,
    >,
) -> bool {
    error::is(error, &["PreconditionFailed", "ConditionalRequestConflict"])
        || error::status(error) == Some(412)
}

fn bytes(content: Option<&str>, content_base64: Option<&str>) -> Option<Vec<u8>> {
    match (content, content_base64) {
        (Some(text), _) => Some(text.as_bytes().to_vec()),
        (None, Some(encoded)) => BASE64.decode(encoded.trim()).ok(),
        (None, None) => Some(Vec::new()),
    }
}

fn checksum(body: &[u8]) -> String {
    BASE64.encode(Sha256::digest(body))
}

fn query(tags: &ResourceTags) -> String {
    let encoded = |it: &str| utf8_percent_encode(it, NON_ALPHANUMERIC).to_string();
    tags.iter()
        .map(|(key, value)| format!("{}={}", encoded(key), encoded(value)))
        .collect::<Vec<_>>()
        .join("&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_s3() {
        assert_eq!(checksum(b"hello"), "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    }
}
