//! The public access block of a bucket.

use aws_sdk_s3::types::PublicAccessBlockConfiguration;
use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, RecordedResource, Resource,
    ResourceHooks, ResourceReading, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::CachedReading;
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};
use crate::{AwsClients, reading};

/// Settings that keep an S3 bucket from becoming public by mistake.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PublicAccessBlock {
    /// Name of the bucket.
    bucket: Immutable<String>,
    /// Whether S3 refuses ACLs that would make the bucket public.
    #[serde(default)]
    block_public_acls: bool,
    /// Whether S3 refuses policies that would make the bucket public.
    #[serde(default)]
    block_public_policy: bool,
    /// Whether S3 ignores public ACLs.
    #[serde(default)]
    ignore_public_acls: bool,
    /// Whether only the account itself has access through a public policy.
    #[serde(default)]
    restrict_public_buckets: bool,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PublicAccessBlockOutputs {}

impl Resource for PublicAccessBlock {
    const KIND: &'static str = "aws_s3_bucket_public_access_block";
    const WITHIN: &'static [&'static str] = &["aws_s3_bucket"];
    type Provider = AwsClients;
    type Outputs = PublicAccessBlockOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct AccessBlockNameArguments {
            bucket: String,
        }
        ResourceHooks::new()
            .unique(&["bucket"])
            .predict("id", |it: AccessBlockNameArguments| it.bucket)
            .inside("aws_s3_bucket", &[("bucket", "bucket")])
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        self.put(aws, attempt).await?;
        Ok(CreatedResource { id: self.bucket.to_string(), outputs: PublicAccessBlockOutputs {} })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "bucket").map(str::to_owned)
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
        _: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<PublicAccessBlockOutputs, Error> {
        self.put(aws, attempt).await?;
        Ok(PublicAccessBlockOutputs {})
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let bucket = recorded.id.as_str();
        match aws.s3.delete_public_access_block().bucket(bucket).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other
                .map(drop)
                .attempting_first(format!("lift the public access block of the bucket `{bucket}`")),
        }
    }
}

impl PublicAccessBlock {
    async fn put(&self, aws: &AwsClients, attempt: &Attempt) -> Result<(), Error> {
        let bucket = self.bucket.as_str();
        let what = format!("set the public access block of the bucket `{bucket}`");
        let configuration = PublicAccessBlockConfiguration::builder()
            .block_public_acls(self.block_public_acls)
            .block_public_policy(self.block_public_policy)
            .ignore_public_acls(self.ignore_public_acls)
            .restrict_public_buckets(self.restrict_public_buckets)
            .build();
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .s3
                    .put_public_access_block()
                    .bucket(bucket)
                    .public_access_block_configuration(configuration.clone());
                match call.send().await {
                    Err(error) if error::is_too_early_for(&error, bucket, aws, attempt) => {
                        Ok(error::waiting("not visible yet", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl CachedReading for PublicAccessBlock {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let bucket = recorded.id.as_str();
        let found = match aws.s3.get_public_access_block().bucket(bucket).send().await {
            Err(error) if error::is_missing(&error) => return Ok(ResourceReading::Gone),
            other => other
                .attempting(format!("read the public access block of the bucket `{bucket}`"))?,
        };
        let Some(found) = found.public_access_block_configuration() else {
            return Ok(ResourceReading::Gone);
        };
        let there = Self {
            bucket: bucket.to_owned().into(),
            block_public_acls: found.block_public_acls().unwrap_or(false),
            block_public_policy: found.block_public_policy().unwrap_or(false),
            ignore_public_acls: found.ignore_public_acls().unwrap_or(false),
            restrict_public_buckets: found.restrict_public_buckets().unwrap_or(false),
        };
        Ok(ResourceReading::found(there, PublicAccessBlockOutputs {}))
    }
}
