//! Requests and checks that several EC2 resource types use.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter as Asked, ResourceType, Tag, TagSpecification};
use ha_provider::{Attempt, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus};

/// The tags of an object that is about to be created.
pub(crate) fn tag_specification(
    what: ResourceType,
    tags: &ResourceTags,
    attempt: &Attempt,
) -> TagSpecification {
    TagSpecification::builder()
        .resource_type(what)
        .set_tags(Some(tags::with_ownership(tags, attempt)))
        .build()
}

/// Changes the tags of `id` from `before` to `after`.
pub(crate) async fn set_tags(
    aws: &AwsClients,
    id: &str,
    before: &ResourceTags,
    after: &ResourceTags,
    attempt: &Attempt,
) -> Result<(), Error> {
    let what = format!("tag `{id}`");
    let dropped = tags::removed_keys(before, after);
    if !dropped.is_empty() {
        let keys = dropped.iter().map(|key| Tag::builder().key(key).build()).collect();
        aws.ec2.delete_tags().resources(id).set_tags(Some(keys)).send().await.attempting(&what)?;
    }
    if after == before || after.is_empty() {
        return Ok(());
    }
    WaitCondition::new(&what, PROPAGATION)
        .until(attempt, || async {
            match aws
                .ec2
                .create_tags()
                .resources(id)
                .set_tags(Some(tags::labels(after)))
                .send()
                .await
            {
                Err(error) if error::is_missing(&error) && aws.is_recently_created(id, attempt) => {
                    Ok(error::waiting("not visible yet", &error))
                }
                other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
            }
        })
        .await
}

/// A filter block of a data source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Ec2Filter {
    /// Name of the filter, such as `vpc-id` or `tag:Name`.
    name: String,
    /// Values, any of which may match; `*` and `?` are wildcards.
    values: std::collections::BTreeSet<String>,
}

impl Ec2Filter {
    fn asked(&self) -> Asked {
        filter(&self.name, self.values.iter().cloned())
    }
}

/// A filter of a Describe call.
pub(crate) fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Asked {
    Asked::builder().name(name).set_values(Some(values.into_iter().collect())).build()
}

/// The filters of a data source: its own, and one for each tag.
pub(crate) fn conditions(
    filters: &std::collections::BTreeSet<Ec2Filter>,
    tags: &BTreeMap<String, String>,
) -> Vec<Asked> {
    let by_tag = tags.iter().map(|(key, value)| filter(&format!("tag:{key}"), [value.clone()]));
    filters.iter().map(Ec2Filter::asked).chain(by_tag).collect()
}

/// The ARN of an EC2 object.
pub(crate) fn arn(aws: &AwsClients, owner: &str, kind: &str, id: &str) -> String {
    format!("arn:{}:ec2:{}:{owner}:{kind}/{id}", aws.partition().name, aws.region)
}

/// A problem of `iops` for a volume of this type and size in GiB.
pub(crate) fn too_many_iops(ty: &str, size: Option<i32>, iops: Option<i32>) -> Option<String> {
    let iops = iops?;
    let per_gib = match ty {
        "io1" => 50,
        "io2" => 1000,
        "gp3" if iops <= 3000 => return None,
        "gp3" => 500,
        "gp2" | "st1" | "sc1" | "standard" => {
            return Some(format!("a disk of type {ty} takes no iops; io1, io2 and gp3 do"));
        }
        _ => return None,
    };
    let size = size?;
    let most = size.saturating_mul(per_gib);
    (iops > most).then(|| {
        let needed = (iops - 1) / per_gib + 1;
        format!("{iops} iops on {size} GiB of {ty} exceed {per_gib} a GiB (at most {most}); take {needed} GiB or more")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn iops_are_limited_by_size() {
        assert_eq!(too_many_iops("io1", Some(400), Some(20000)), None);
        let message = too_many_iops("io1", Some(300), Some(20000)).unwrap();
        assert!(message.contains("at most 15000") && message.contains("400 GiB"), "{message}");
        assert_eq!(too_many_iops("gp3", Some(1), Some(3000)), None);
        assert!(too_many_iops("gp2", Some(100), Some(100)).is_some());
        assert_eq!(too_many_iops("io1", None, Some(20000)), None);
    }
}
