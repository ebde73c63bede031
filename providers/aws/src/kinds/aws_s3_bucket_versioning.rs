//! The versioning of a bucket.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration as RequestedVersioning};
use ha_provider::{
    ArgumentProblem, Attempt, CreatedResource, Error, ExistingResource, Immutable,
    RecordedResource, Resource, ResourceHooks, ResourceReading, known_text,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::CachedReading;
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};
use crate::{AwsClients, reading};

/// Whether an S3 bucket retains earlier versions of its objects.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BucketVersioning {
    /// Name of the bucket.
    bucket: Immutable<String>,
    /// The versioning status.
    versioning_configuration: VersioningBlock,
}

/// The versioning status.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct VersioningBlock {
    /// Status: `Enabled`, `Suspended` or `Disabled`. A bucket that was ever enabled can only be
    /// suspended.
    status: VersioningStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum VersioningStatus {
    Enabled,
    Suspended,
    Disabled,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BucketVersioningOutputs {}

impl Resource for BucketVersioning {
    const KIND: &'static str = "aws_s3_bucket_versioning";
    const WITHIN: &'static [&'static str] = &["aws_s3_bucket"];
    type Provider = AwsClients;
    type Outputs = BucketVersioningOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct VersioningNameArguments {
            bucket: String,
        }
        #[derive(Deserialize)]
        struct VersioningArguments {
            versioning_configuration: VersioningBlock,
        }
        let for_ever = |there: VersioningArguments, wanted: VersioningArguments| match (
            there.versioning_configuration.status,
            wanted.versioning_configuration.status,
        ) {
            (
                VersioningStatus::Enabled | VersioningStatus::Suspended,
                VersioningStatus::Disabled,
            ) => {
                let message = "versioning cannot be disabled again; with `Suspended` the bucket adds no further versions";
                vec![ArgumentProblem {
                    path: Path::attribute("versioning_configuration").name("status"),
                    message: message.into(),
                }]
            }
            _ => Vec::new(),
        };
        let hooks = ResourceHooks::new()
            .unique(&["bucket"])
            .predict("id", |it: VersioningNameArguments| it.bucket)
            .refuse(for_ever);
        hooks.inside("aws_s3_bucket", &[("bucket", "bucket")])
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        put(aws, &self.bucket, self.versioning_configuration.status, attempt).await?;
        Ok(CreatedResource { id: self.bucket.to_string(), outputs: BucketVersioningOutputs {} })
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
    ) -> Result<BucketVersioningOutputs, Error> {
        put(aws, &self.bucket, self.versioning_configuration.status, attempt).await?;
        Ok(BucketVersioningOutputs {})
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        // S3 cannot turn versioning off again; a suspended bucket adds no further versions.
        match status(aws, &recorded.id).await? {
            Some(VersioningStatus::Enabled) => {
                put(aws, &recorded.id, VersioningStatus::Suspended, attempt).await
            }
            _ => Ok(()),
        }
    }
}

impl CachedReading for BucketVersioning {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        Ok(match status(aws, &recorded.id).await? {
            None => ResourceReading::Gone,
            Some(status) => {
                let versioning_configuration = VersioningBlock { status };
                ResourceReading::found(
                    Self { bucket: recorded.id.clone().into(), versioning_configuration },
                    BucketVersioningOutputs {},
                )
            }
        })
    }
}

/// The versioning status; `None` when there is no bucket.
async fn status(aws: &AwsClients, bucket: &str) -> Result<Option<VersioningStatus>, Error> {
    match aws.s3.get_bucket_versioning().bucket(bucket).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other
                .attempting(format!("find out whether the bucket `{bucket}` keeps versions"))?;
            Ok(Some(match found.status() {
                Some(BucketVersioningStatus::Enabled) => VersioningStatus::Enabled,
                Some(_) => VersioningStatus::Suspended,
                None => VersioningStatus::Disabled,
            }))
        }
    }
}

async fn put(
    aws: &AwsClients,
    bucket: &str,
    status: VersioningStatus,
    attempt: &Attempt,
) -> Result<(), Error> {
    let requested = match status {
        VersioningStatus::Enabled => BucketVersioningStatus::Enabled,
        VersioningStatus::Suspended => BucketVersioningStatus::Suspended,
        // Every bucket begins as disabled, and S3 has no call that sets it.
        VersioningStatus::Disabled => return Ok(()),
    };
    let what = format!("set the versioning of the bucket `{bucket}`");
    let configuration = RequestedVersioning::builder().status(requested).build();
    WaitCondition::new(&what, PROPAGATION)
        .until(attempt, || async {
            match aws
                .s3
                .put_bucket_versioning()
                .bucket(bucket)
                .versioning_configuration(configuration.clone())
                .send()
                .await
            {
                Err(error) if error::is_too_early_for(&error, bucket, aws, attempt) => {
                    Ok(error::waiting("not visible yet", &error))
                }
                other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
            }
        })
        .await
}
