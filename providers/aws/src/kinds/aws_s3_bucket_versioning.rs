//! Whether a bucket keeps versions.

use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration as Told};
use ha_provider::{Attempt, Created, Error, Hooks, Immutable, Known, Problem, Reading, Recorded, Resource, known_text};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::Attempting as _;
use crate::reading::LookedAt;
use crate::wait::{PROPAGATION, Seen, Wait};
use crate::{Aws, reading};

/// Whether an S3 bucket keeps the earlier versions of its objects.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Versioning {
    /// The bucket.
    bucket: Immutable<String>,
    /// Whether it does.
    versioning_configuration: Configuration,
}

/// Whether it does.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
struct Configuration {
    /// `Enabled`, `Suspended` or `Disabled`; a bucket that ever kept versions can only be suspended.
    status: Status,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
enum Status {
    Enabled,
    Suspended,
    Disabled,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

impl Resource for Versioning {
    const KIND: &'static str = "aws_s3_bucket_versioning";
    const WITHIN: &'static [&'static str] = &["aws_s3_bucket"];
    type Provider = Aws;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        #[derive(Deserialize)]
        struct Named {
            bucket: String,
        }
        #[derive(Deserialize)]
        struct Kept {
            versioning_configuration: Configuration,
        }
        let for_ever =
            |there: Kept, wanted: Kept| match (there.versioning_configuration.status, wanted.versioning_configuration.status) {
                (Status::Enabled | Status::Suspended, Status::Disabled) => {
                    let message =
                        "a bucket that has kept versions cannot go back to `Disabled`; `Suspended` keeps no further ones";
                    vec![Problem { path: Path::attribute("versioning_configuration").name("status"), message: message.into() }]
                }
                _ => Vec::new(),
            };
        let hooks = Hooks::new().unique(&["bucket"]).predict("id", |it: Named| it.bucket).refuse(for_ever);
        hooks.inside("aws_s3_bucket", &[("bucket", "bucket")])
    }

    async fn create(&self, aws: &Aws, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        put(aws, &self.bucket, self.versioning_configuration.status, attempt).await?;
        Ok(Created { id: self.bucket.to_string(), outputs: Outputs {} })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        Ok(Known::by(id))
    }

    fn named(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "bucket").map(str::to_owned)
    }

    async fn read(aws: &Aws, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(&self, aws: &Aws, _: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        put(aws, &self.bucket, self.versioning_configuration.status, attempt).await?;
        Ok(Outputs {})
    }

    async fn delete(aws: &Aws, recorded: &Recorded<Self>, attempt: &mut Attempt) -> Result<(), Error> {
        // There is no way back from having kept versions; as near as it gets is to keep no further ones.
        match status(aws, &recorded.id).await? {
            Some(Status::Enabled) => put(aws, &recorded.id, Status::Suspended, attempt).await,
            _ => Ok(()),
        }
    }
}

impl LookedAt for Versioning {
    async fn look(aws: &Aws, recorded: &Recorded<Self>) -> Result<Reading<Self>, Error> {
        Ok(match status(aws, &recorded.id).await? {
            None => Reading::Gone,
            Some(status) => {
                let versioning_configuration = Configuration { status };
                Reading::found(Self { bucket: recorded.id.clone().into(), versioning_configuration }, Outputs {})
            }
        })
    }
}

/// None when there is no bucket.
async fn status(aws: &Aws, bucket: &str) -> Result<Option<Status>, Error> {
    match aws.s3.get_bucket_versioning().bucket(bucket).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other.attempting(format!("find out whether the bucket `{bucket}` keeps versions"))?;
            Ok(Some(match found.status() {
                Some(BucketVersioningStatus::Enabled) => Status::Enabled,
                Some(_) => Status::Suspended,
                None => Status::Disabled,
            }))
        }
    }
}

async fn put(aws: &Aws, bucket: &str, status: Status, attempt: &Attempt) -> Result<(), Error> {
    let told = match status {
        Status::Enabled => BucketVersioningStatus::Enabled,
        Status::Suspended => BucketVersioningStatus::Suspended,
        // Every bucket begins so, and cannot be told to.
        Status::Disabled => return Ok(()),
    };
    let what = format!("tell the bucket `{bucket}` whether to keep versions");
    let told = Told::builder().status(told).build();
    Wait::new(&what, PROPAGATION)
        .until(attempt, || async {
            match aws.s3.put_bucket_versioning().bucket(bucket).versioning_configuration(told.clone()).send().await {
                Err(error) if error::is_too_early_for(&error, bucket, aws, attempt) => {
                    Ok(error::waiting("not visible yet", &error))
                }
                other => other.map(|_| Seen::Ready(())).attempting_first(&what),
            }
        })
        .await
}
