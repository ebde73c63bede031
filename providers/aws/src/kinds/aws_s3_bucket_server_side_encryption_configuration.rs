//! The default encryption of a bucket.

use std::collections::BTreeSet;

use aws_sdk_s3::types::{
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration,
    ServerSideEncryptionRule,
};
use ha_provider::{
    ArgumentProblem, Attempt, CreatedResource, Error, ExistingResource, Immutable,
    RecordedResource, Resource, ResourceHooks, ResourceReading, known_text,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::{CachedReading, where_configured};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};
use crate::{AwsClients, reading};

/// The default encryption of new objects in an S3 bucket.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BucketEncryption {
    /// Name of the bucket.
    bucket: Immutable<String>,
    /// The encryption rule; exactly one.
    rule: BTreeSet<EncryptionRule>,
}

/// The default encryption of new objects.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct EncryptionRule {
    /// The encryption of an object whose request names none.
    apply_server_side_encryption_by_default: Option<DefaultEncryption>,
    /// Whether S3 uses a bucket key, which needs fewer calls to KMS.
    bucket_key_enabled: Option<bool>,
}

/// The encryption of an object whose request names none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct DefaultEncryption {
    /// Algorithm: `AES256`, `aws:kms` or `aws:kms:dsse`.
    sse_algorithm: EncryptionAlgorithm,
    /// KMS key, for `aws:kms`; the key of AWS when left out.
    kms_master_key_id: Option<String>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
enum EncryptionAlgorithm {
    #[serde(rename = "AES256")]
    Aes256,
    #[serde(rename = "aws:kms")]
    Kms,
    #[serde(rename = "aws:kms:dsse")]
    KmsTwice,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct BucketEncryptionOutputs {}

impl Resource for BucketEncryption {
    const KIND: &'static str = "aws_s3_bucket_server_side_encryption_configuration";
    const WITHIN: &'static [&'static str] = &["aws_s3_bucket"];
    type Provider = AwsClients;
    type Outputs = BucketEncryptionOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct EncryptionNameArguments {
            bucket: String,
        }
        #[derive(Deserialize)]
        struct EncryptionRuleArguments {
            rule: BTreeSet<EncryptionRule>,
        }
        let one_rule = |it: EncryptionRuleArguments| match it.rule.len() {
            1 => Vec::new(),
            count => {
                vec![ArgumentProblem {
                    path: Path::attribute("rule"),
                    message: format!("there is one rule, and these are {count}"),
                }]
            }
        };
        ResourceHooks::new()
            .unique(&["bucket"])
            .check(one_rule)
            .check(|it: EncryptionRuleArguments| it.rule.iter().filter_map(rule_problem).collect())
            .predict("id", |it: EncryptionNameArguments| it.bucket)
            .inside("aws_s3_bucket", &[("bucket", "bucket")])
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        self.put(aws, attempt).await?;
        Ok(CreatedResource { id: self.bucket.to_string(), outputs: BucketEncryptionOutputs {} })
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
    ) -> Result<BucketEncryptionOutputs, Error> {
        self.put(aws, attempt).await?;
        Ok(BucketEncryptionOutputs {})
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let bucket = recorded.id.as_str();
        match aws.s3.delete_bucket_encryption().bucket(bucket).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other
                .map(drop)
                .attempting_first(format!("reset the encryption of the bucket `{bucket}`")),
        }
    }
}

impl BucketEncryption {
    async fn put(&self, aws: &AwsClients, attempt: &Attempt) -> Result<(), Error> {
        let bucket = self.bucket.as_str();
        let what = format!("set the encryption of the bucket `{bucket}`");
        let rules = self.rule.iter().map(|rule| {
            let by_default = rule.apply_server_side_encryption_by_default.as_ref().map(|it| {
                ServerSideEncryptionByDefault::builder()
                    .sse_algorithm(ServerSideEncryption::from(it.sse_algorithm.name()))
                    .set_kms_master_key_id(it.kms_master_key_id.clone())
                    .build()
                    .expect("the algorithm is set")
            });
            ServerSideEncryptionRule::builder()
                .set_apply_server_side_encryption_by_default(by_default)
                .set_bucket_key_enabled(rule.bucket_key_enabled)
                .build()
        });
        let configuration = ServerSideEncryptionConfiguration::builder()
            .set_rules(Some(rules.collect()))
            .build()
            .expect("the rules are set");
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .s3
                    .put_bucket_encryption()
                    .bucket(bucket)
                    .server_side_encryption_configuration(configuration.clone());
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

/// Arguments that the algorithm does not allow.
fn rule_problem(rule: &EncryptionRule) -> Option<ArgumentProblem> {
    let by_default = rule.apply_server_side_encryption_by_default.as_ref()?;
    let message = match by_default.sse_algorithm {
        EncryptionAlgorithm::Aes256 if by_default.kms_master_key_id.is_some() => {
            "a key needs `aws:kms`; with `AES256` S3 uses a key of its own"
        }
        EncryptionAlgorithm::KmsTwice if rule.bucket_key_enabled == Some(true) => {
            "a bucket key needs `aws:kms`, and is not available with `aws:kms:dsse`"
        }
        _ => return None,
    };
    Some(ArgumentProblem { path: Path::attribute("rule"), message: message.into() })
}

impl EncryptionAlgorithm {
    const ALL: [Self; 3] = [Self::Aes256, Self::Kms, Self::KmsTwice];

    fn name(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsTwice => "aws:kms:dsse",
        }
    }
}

impl CachedReading for BucketEncryption {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let bucket = recorded.id.as_str();
        let found = match aws.s3.get_bucket_encryption().bucket(bucket).send().await {
            Err(error)
                if error::is_missing(&error)
                    || error::is(&error, &["ServerSideEncryptionConfigurationNotFoundError"]) =>
            {
                return Ok(ResourceReading::Gone);
            }
            other => other.attempting(format!("read the encryption of the bucket `{bucket}`"))?,
        };
        let Some(found) = found.server_side_encryption_configuration() else {
            return Ok(ResourceReading::Gone);
        };
        // S3 fills in defaults for arguments that are left out, such as the bucket key.
        let configured = recorded.arguments.rule.first();
        let rule = found.rules().iter().map(|rule| {
            let by_default = rule.apply_server_side_encryption_by_default().and_then(|it| {
                let sse_algorithm = EncryptionAlgorithm::ALL
                    .into_iter()
                    .find(|known| known.name() == it.sse_algorithm().as_str())?;
                Some(DefaultEncryption {
                    sse_algorithm,
                    kms_master_key_id: it.kms_master_key_id().map(str::to_owned),
                })
            });
            let key = configured.map_or(rule.bucket_key_enabled(), |it| {
                where_configured(
                    it.bucket_key_enabled.as_ref(),
                    Some(rule.bucket_key_enabled().unwrap_or(false)),
                )
            });
            EncryptionRule {
                apply_server_side_encryption_by_default: by_default,
                bucket_key_enabled: key,
            }
        });
        let there = Self { bucket: bucket.to_owned().into(), rule: rule.collect() };
        Ok(ResourceReading::found(there, BucketEncryptionOutputs {}))
    }
}
