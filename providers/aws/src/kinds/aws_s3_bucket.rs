//! An S3 bucket, and how it is emptied.

mod foreign_objects;

use std::time::Duration;

use aws_sdk_s3::operation::head_bucket::HeadBucketOutput;
use aws_sdk_s3::types::{
    BucketLocationConstraint, CreateBucketConfiguration, Delete, ObjectIdentifier, Tag, Tagging,
};
use futures::{StreamExt as _, stream};
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, CreatedResource, DiscoveryTarget, Error,
    ExistingResource, Immutable, Impact, ImpactSeverity, IntendedChange, OwnedResource,
    PlannedChange, RecordedResource, Resource, ResourceHooks, ResourceReading, UnsupportedNames,
    known_text,
};
use ha_value::{Path, Value};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::partition::{AwsPartition, RegionSettings, s3_arn};
use crate::reading::CachedReading;
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};
use crate::{AwsClients, reading};

/// An S3 bucket.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct S3Bucket {
    /// Name, unique among the buckets of all accounts in the partition.
    bucket: Immutable<String>,
    /// Whether a deletion of the bucket deletes all objects in it. Without it only objects that
    /// `ha` put there are deleted, and a bucket with others is refused.
    #[serde(default)]
    force_destroy: bool,
    /// Whether S3 Object Lock can be used in the bucket.
    #[serde(default)]
    object_lock_enabled: Immutable<bool>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct S3BucketOutputs {
    /// ARN of the bucket.
    arn: String,
    /// Host name of the bucket.
    bucket_domain_name: String,
    /// Host name of the bucket in its region.
    bucket_regional_domain_name: String,
    /// Region of the bucket.
    region: String,
}

const GONE: Duration = Duration::from_mins(5);
/// The note that no bucket had this name before the first call.
const ABSENT: &str = "absent";

impl Resource for S3Bucket {
    const KIND: &'static str = "aws_s3_bucket";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[
        UnsupportedNames::new(
            &["bucket_prefix"],
            "write the whole name: `bucket = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
        ),
        UnsupportedNames::new(
            &["versioning"],
            "leave it out, and write a resource `aws_s3_bucket_versioning`",
        ),
        UnsupportedNames::new(
            &["server_side_encryption_configuration"],
            "leave it out, and write a resource `aws_s3_bucket_server_side_encryption_configuration`",
        ),
        UnsupportedNames::new(
            &["acl", "grant"],
            "leave it out: objects belong to the bucket's owner; `aws_s3_bucket_public_access_block` keeps them private",
        ),
        UnsupportedNames::new(
            &["policy"],
            "leave it out: bucket policies are not supported yet; `aws_iam_role_policy` says what a role may do with the bucket",
        ),
        UnsupportedNames::new(
            &[
                "lifecycle_rule",
                "logging",
                "website",
                "cors_rule",
                "replication_configuration",
                "object_lock_configuration",
                "request_payer",
                "acceleration_status",
            ],
            "leave it out: it is not supported yet, and a setting made outside of `ha` stays as it is",
        ),
    ];
    type Provider = AwsClients;
    type Outputs = S3BucketOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct BucketNameArguments {
            bucket: String,
        }
        ResourceHooks::new()
            .unique(&["bucket"])
            .check(tags::check_letters)
            .check(|it: BucketNameArguments| {
                name_problem(&it.bucket)
                    .map(|it| ArgumentProblem { path: Path::attribute("bucket"), message: it })
                    .into_iter()
                    .collect()
            })
            .impact(impact)
            .predict("id", |it: BucketNameArguments| it.bucket)
            .predict_in("arn", |at: RegionSettings, it: BucketNameArguments| at.s3_arn(&it.bucket))
            .predict_in("bucket_domain_name", |at: RegionSettings, it: BucketNameArguments| {
                domain_name(&it.bucket, &at.suffix())
            })
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.bucket.as_str();
        if attempt.noted(ABSENT).is_none() {
            if !is_free(aws, name).await? {
                return Err(
                    error::foreign("bucket", name).help("bucket names are shared by all accounts")
                );
            }
            attempt.note(ABSENT, "yes").await?;
        // S3 has no idempotency token for CreateBucket. A bucket without tags is one whose creation
        // was interrupted before the tags were set.
        } else if let Some(found) = tags_of(aws, name).await?
            && !found.is_empty()
            && !tags::are_from(&found, attempt)
        {
            return Err(error::foreign("bucket", name));
        }
        self.create_bucket(aws, name).await?;
        aws.recently_created.add(name);
        let wait = WaitCondition::new(format!("tag the bucket `{name}`"), PROPAGATION);
        wait.until(attempt, || {
            self.put_tags(aws, tags::with_ownership(&self.tags, attempt), attempt)
        })
        .await?;
        Ok(CreatedResource { id: name.to_owned(), outputs: outputs(name, &aws.region) })
    }

    const OBJECTS: bool = true;

    async fn objections(
        aws: &AwsClients,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        foreign_objects::objections(aws, planned).await
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    const LISTED: bool = true;

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "bucket").map(str::to_owned)
    }

    async fn list_owned(
        aws: &AwsClients,
        targets: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        let names: Option<Vec<String>> =
            targets.iter().map(|it| Self::import_id(&it.arguments)).collect();
        let names = match names {
            Some(names) if !names.is_empty() => names,
            // A target's name is unknown, or orphans are searched for: all buckets are candidates.
            _ => {
                let all = aws.s3.list_buckets().send().await.attempting("list the buckets")?;
                all.buckets().iter().filter_map(|it| it.name().map(str::to_owned)).collect()
            }
        };
        let looks: Vec<_> = names
            .into_iter()
            .map(async |name| {
                // A bucket that may not be read belongs to someone else and counts as untagged.
                let tags = tags_of(aws, &name).await.ok().flatten().unwrap_or_default();
                tags::owned(ExistingResource::by(name), &tags)
            })
            .collect();
        Ok(stream::iter(looks)
            .buffered(reading::AT_ONCE)
            .filter_map(std::future::ready)
            .collect()
            .await)
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
    ) -> Result<S3BucketOutputs, Error> {
        let name = before.id.as_str();
        let found = tags_of(aws, name).await?.unwrap_or_default();
        if tags::visible(&found) != self.tags {
            let all: Vec<Tag> =
                tags::hidden(&found).into_iter().chain(tags::labels(&self.tags)).collect();
            let wait = WaitCondition::new(format!("tag the bucket `{name}`"), PROPAGATION);
            wait.until(attempt, || self.put_tags(aws, all.clone(), attempt)).await?;
        }
        Ok(outputs(name, &before.outputs.region))
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let what = format!("delete the bucket `{name}`");
        // An empty bucket is deleted without being listed. S3 says itself when it is not empty.
        let delete = || aws.s3.delete_bucket().bucket(name).send();
        match delete().await {
            Err(error) if error::is(&error, &["BucketNotEmpty"]) => {
                empty(aws, name, recorded.arguments.force_destroy, attempt).await?;
                match delete().await {
                    Err(error) if error::is_missing(&error) => {}
                    other => drop(other.attempting(&what)?),
                }
            }
            Err(error) if error::is_missing(&error) => return Ok(()),
            other => drop(other.attempting_first(&what)?),
        }
        let wait =
            WaitCondition::new(format!("see the bucket `{name}` deleted"), attempt.patience(GONE));
        wait.until(attempt, || async {
            Ok(match head(aws, name).await? {
                Some(_) => WaitStatus::Pending("not deleted yet".into()),
                None => WaitStatus::Ready(()),
            })
        })
        .await
    }
}

impl S3Bucket {
    async fn create_bucket(&self, aws: &AwsClients, name: &str) -> Result<(), Error> {
        // S3 refuses us-east-1 as a location constraint.
        let place = (aws.region != "us-east-1").then(|| {
            let region = BucketLocationConstraint::from(aws.region.as_str());
            CreateBucketConfiguration::builder().location_constraint(region).build()
        });
        let call = aws.s3.create_bucket().bucket(name).set_create_bucket_configuration(place);
        let call =
            call.set_object_lock_enabled_for_bucket(self.object_lock_enabled.then_some(true));
        match call.send().await {
            // The note says that there was no such bucket before, so an interrupted try created
            // this one.
            Err(error) if error::is(&error, &["BucketAlreadyOwnedByYou"]) => Ok(()),
            other => other.map(drop).attempting_first(format!("create the bucket `{name}`")),
        }
    }

    async fn put_tags(
        &self,
        aws: &AwsClients,
        all: Vec<Tag>,
        attempt: &Attempt,
    ) -> Result<WaitStatus<()>, Error> {
        let name = self.bucket.as_str();
        let tagging = Tagging::builder().set_tag_set(Some(all)).build().expect("the tags are set");
        match aws.s3.put_bucket_tagging().bucket(name).tagging(tagging).send().await {
            Err(error) if error::is_too_early_for(&error, name, aws, attempt) => {
                Ok(error::waiting("not visible yet", &error))
            }
            other => {
                other.map(|_| WaitStatus::Ready(())).attempting(format!("tag the bucket `{name}`"))
            }
        }
    }
}

impl CachedReading for S3Bucket {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let name = recorded.id.as_str();
        let Some(head) = head(aws, name).await? else { return Ok(ResourceReading::Gone) };
        let Some(found) = tags_of(aws, name).await? else { return Ok(ResourceReading::Gone) };
        let there = Self {
            bucket: name.to_owned().into(),
            force_destroy: recorded.arguments.force_destroy,
            object_lock_enabled: recorded.arguments.object_lock_enabled,
            tags: tags::visible(&found),
        };
        let region = head.bucket_region.unwrap_or_else(|| recorded.outputs.region.clone());
        Ok(ResourceReading::found(there, outputs(name, &region)))
    }
}

async fn head(aws: &AwsClients, name: &str) -> Result<Option<HeadBucketOutput>, Error> {
    match aws.s3.head_bucket().bucket(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        Err(error) if error::status(&error) == Some(301) => {
            Err(error::refusal(format!("look at the bucket `{name}`"), &error)
                .help("it is in another region than the provider works in"))
        }
        other => other.map(Some).attempting(format!("look at the bucket `{name}`")),
    }
}

/// Whether no bucket of any account has this name.
async fn is_free(aws: &AwsClients, name: &str) -> Result<bool, Error> {
    match aws.s3.head_bucket().bucket(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(true),
        // S3 answers 403 for a bucket of another account and 301 for one in another region.
        Err(error) if matches!(error::status(&error), Some(301 | 403)) => Ok(false),
        other => other
            .map(|_| false)
            .attempting_first(format!("find out whether a bucket `{name}` exists")),
    }
}

/// The bucket's tags; `None` when there is no bucket.
async fn tags_of(aws: &AwsClients, name: &str) -> Result<Option<Vec<Tag>>, Error> {
    match aws.s3.get_bucket_tagging().bucket(name).send().await {
        Err(error) if error::is(&error, &["NoSuchTagSet"]) => Ok(Some(Vec::new())),
        Err(error) if error::is_missing(&error) => Ok(None),
        other => other
            .map(|it| Some(it.tag_set))
            .attempting(format!("read the tags of the bucket `{name}`")),
    }
}

/// Deletes every version of every object: with `whatever` all of them, otherwise only while all are
/// of objects that `ha` put there.
async fn empty(
    aws: &AwsClients,
    name: &str,
    whatever: bool,
    attempt: &Attempt,
) -> Result<(), Error> {
    let what = format!("empty the bucket `{name}`");
    loop {
        // The first page is listed again after each deletion. Continuing from a marker could miss
        // versions that are written meanwhile.
        let page = aws.s3.list_object_versions().bucket(name).send().await.attempting(&what)?;
        let markers = page.delete_markers().iter().map(|it| (it.key(), it.version_id()));
        let versions = page.versions().iter().map(|it| (it.key(), it.version_id()));
        if !whatever {
            let is_page = page.is_truncated() == Some(true);
            foreign_objects::refuse_foreign(aws, name, page.versions(), is_page).await?;
        }
        let identified = |(key, version): (Option<&str>, Option<&str>)| {
            let key = key.unwrap_or_default();
            ObjectIdentifier::builder()
                .key(key)
                .set_version_id(version.map(str::to_owned))
                .build()
                .expect("the key is set")
        };
        let all: Vec<ObjectIdentifier> = versions.chain(markers).map(identified).collect();
        if all.is_empty() {
            return Ok(());
        }
        attempt.progress(&format!("deleting {} versions of objects", all.len()));
        delete_versions(aws, name, all).await?;
        if attempt.is_cancelled() {
            return Err(Error::new(what, "stopped on request").outcome(CallOutcome::Interrupted));
        }
    }
}

/// Deletes these versions, at most 1000.
pub(crate) async fn delete_versions(
    aws: &AwsClients,
    bucket: &str,
    versions: Vec<ObjectIdentifier>,
) -> Result<(), Error> {
    let what = format!("delete objects in the bucket `{bucket}`");
    let delete = Delete::builder()
        .set_objects(Some(versions))
        .quiet(true)
        .build()
        .expect("the objects are set");
    let answer =
        aws.s3.delete_objects().bucket(bucket).delete(delete).send().await.attempting(&what)?;
    match answer.errors().first() {
        None => Ok(()),
        Some(error) => {
            let cause = format!(
                "`{}`: {}",
                error.key().unwrap_or("?"),
                error.message().unwrap_or("no reason given")
            );
            Err(Error::new(what, cause).code(error.code().unwrap_or("Unknown")))
        }
    }
}

fn outputs(name: &str, region: &str) -> S3BucketOutputs {
    let partition = AwsPartition::from_region(region);
    S3BucketOutputs {
        arn: s3_arn(&partition.name, name),
        bucket_domain_name: domain_name(name, &partition.suffix),
        bucket_regional_domain_name: format!("{name}.s3.{region}.{}", partition.suffix),
        region: region.to_owned(),
    }
}

fn domain_name(name: &str, suffix: &str) -> String {
    format!("{name}.s3.{suffix}")
}

/// The loss of foreign objects, with `force_destroy`. Without it only objects that `ha` put there
/// are deleted, each by its own change.
fn impact(changed: &PlannedChange<'_>) -> Vec<Impact> {
    let is_forced =
        changed.before.is_some_and(|it| it.get("force_destroy") == Some(&Value::Bool(true)));
    if !changed.action.destroys() || !is_forced {
        return Vec::new();
    }
    let message = "deletes all objects in it, including those of others, in all versions (`force_destroy` is on)";
    vec![Impact { severity: ImpactSeverity::DataLoss, message: message.into() }]
}

/// Prefixes and suffixes that S3 reserves.
const RESERVED: [&str; 8] =
    ["xn--", "sthree-", "amzn-s3-demo-", "-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// A problem of a bucket's name, by the rules of S3.
fn name_problem(name: &str) -> Option<String> {
    let edge = |c: Option<char>| c.is_some_and(|it| it.is_ascii_lowercase() || it.is_ascii_digit());
    if !(3..=63).contains(&name.len()) {
        return Some(format!(
            "a bucket's name has 3 to 63 characters, and `{name}` has {}",
            name.len()
        ));
    }
    if let Some(odd) = name
        .chars()
        .find(|it| !(it.is_ascii_lowercase() || it.is_ascii_digit() || "-.".contains(*it)))
    {
        return Some(format!(
            "a bucket's name is made of lower-case letters, digits, `-` and `.`, and `{name}` holds `{odd}`"
        ));
    }
    if !edge(name.chars().next()) || !edge(name.chars().last()) || name.contains("..") {
        return Some(format!(
            "a bucket's name begins and ends with a letter or digit and has no `..`: `{name}`"
        ));
    }
    let taken =
        |it: &&&str| name.starts_with(**it) || (it.starts_with(['-', '.']) && name.ends_with(**it));
    if let Some(part) = RESERVED.iter().find(taken) {
        return Some(format!("S3 reserves names with `{part}`: `{name}`"));
    }
    name.parse::<std::net::Ipv4Addr>()
        .is_ok()
        .then(|| format!("a bucket's name may not look like an address: `{name}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for good in ["abc", "a-b.c1", "0bucket"] {
            assert_eq!(name_problem(good), None);
        }
        for bad in [
            "ab",
            "Abc",
            "a_b",
            "-abc",
            "abc-",
            "a..b",
            "10.0.0.1",
            "xn--a",
            "a-s3alias",
            "a--x-s3",
            &"a".repeat(64),
        ] {
            assert!(name_problem(bad).is_some(), "{bad}");
        }
    }
}
