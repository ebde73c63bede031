//! Objects of a bucket that `ha` did not put there, and that keep a bucket without `force_destroy`
//! from being deleted.

use std::collections::BTreeSet;

use aws_sdk_s3::types::ObjectVersion;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{ArgumentProblem, CallOutcome, Error, IntendedChange, Resource as _};
use ha_value::Path;
use serde::Deserialize;

use super::super::aws_s3_object::{S3Object, is_ours};
use super::S3Bucket;
use crate::error::AwsErrorContext as _;
use crate::{AwsClients, choices, error, reading};

/// A bucket that the plan deletes or replaces.
#[derive(Deserialize)]
struct DeletedBucket {
    bucket: String,
    #[serde(default)]
    force_destroy: bool,
}

/// An object that the plan deletes or replaces.
#[derive(Deserialize)]
struct DeletedObject {
    bucket: String,
    key: String,
}

const ADVICE: &str = "set `force_destroy = true` on the bucket and apply that first, or delete the \
                      objects by hand";

/// The planned deletions of buckets that hold foreign objects. A bucket's objects and settings are
/// deleted before the bucket: found out only then, the plan would be half done.
pub(super) async fn objections(
    aws: &AwsClients,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    let objects: Vec<DeletedObject> = planned
        .iter()
        .filter(|it| &*it.kind == S3Object::KIND && it.action.destroys())
        .filter_map(IntendedChange::before)
        .collect();
    let mut problems = Vec::new();
    for (place, change) in planned.iter().enumerate() {
        if &*change.kind != S3Bucket::KIND || !change.action.destroys() {
            continue;
        }
        let Some(DeletedBucket { bucket, force_destroy: false }) = change.before() else {
            continue;
        };
        let deleted: BTreeSet<&str> =
            objects.iter().filter(|it| it.bucket == bucket).map(|it| it.key.as_str()).collect();
        // A bucket that may not be listed now is found out by its deletion.
        let Ok(page) = aws.s3.list_object_versions().bucket(&bucket).send().await else { continue };
        let rest = page.versions().iter().filter(|it| !deleted.contains(key(it)));
        let Ok(foreign) = foreign_keys(aws, &bucket, rest).await else { continue };
        if foreign.is_empty() {
            continue;
        }
        let message = format!("the bucket `{bucket}` {}: {ADVICE}", held(&foreign));
        problems.push((place, ArgumentProblem { path: Path::attribute("force_destroy"), message }));
    }
    problems
}

/// An error unless all of these versions are of objects that `ha` put there. `is_page` says that
/// there are more versions than these.
pub(super) async fn refuse_foreign(
    aws: &AwsClients,
    bucket: &str,
    versions: &[ObjectVersion],
    is_page: bool,
) -> Result<(), Error> {
    let foreign = foreign_keys(aws, bucket, versions.iter()).await?;
    let cause = if !foreign.is_empty() {
        format!("it {}", held(&foreign))
    } else if is_page {
        // Pages are deleted one by one, and a foreign object on a later page would be found when
        // those of the first are deleted already.
        "it holds more than 1000 versions of objects".to_owned()
    } else {
        return Ok(());
    };
    Err(Error::new(format!("delete the bucket `{bucket}`"), cause)
        .help(ADVICE)
        .outcome(CallOutcome::Refused))
}

/// The keys of those versions that do not bear the metadata of `ha`, each once.
async fn foreign_keys<'a>(
    aws: &AwsClients,
    bucket: &str,
    versions: impl Iterator<Item = &'a ObjectVersion>,
) -> Result<BTreeSet<String>, Error> {
    let looks: Vec<_> = versions
        .map(async |version| {
            let key = key(version);
            let call = aws.s3.head_object().bucket(bucket).key(key);
            match call.set_version_id(version.version_id().map(str::to_owned)).send().await {
                Err(error) if error::is_missing(&error) => Ok(None),
                // An object that may not be read counts as foreign: deleting it cannot be undone.
                Err(error) if error::status(&error) == Some(403) => Ok(Some(key.to_owned())),
                other => {
                    let head = other.attempting(format!("look at the object `{bucket}/{key}`"))?;
                    Ok::<_, Error>((!is_ours(head.metadata())).then(|| key.to_owned()))
                }
            }
        })
        .collect();
    let found: Vec<Option<String>> =
        stream::iter(looks).buffered(reading::AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

fn key(version: &ObjectVersion) -> &str {
    version.key().unwrap_or_default()
}

fn held(keys: &BTreeSet<String>) -> String {
    let keys: Vec<String> = keys.iter().map(|it| format!("`{it}`")).collect();
    format!("holds objects that `ha` did not put there: {}", choices::some_of(&keys))
}
