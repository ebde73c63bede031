//! Requests and checks that several RDS resource types use.

use aws_sdk_rds::types::{Filter, Tag};
use ha_provider::{ArgumentProblem, Error};
use ha_value::Path;

use crate::AwsClients;
use crate::error::AwsErrorContext as _;
use crate::tags::{self, ResourceTags};

/// A filter of a Describe call.
pub(crate) fn filter(name: &str, values: impl IntoIterator<Item = String>) -> Filter {
    let values = Some(values.into_iter().collect());
    Filter::builder().name(name).set_values(values).build()
}

/// Changes the tags of `arn` from `before` to `after`.
pub(crate) async fn set_tags(
    aws: &AwsClients,
    arn: &str,
    before: &ResourceTags,
    after: &ResourceTags,
) -> Result<(), Error> {
    let what = format!("tag `{arn}`");
    let dropped = tags::removed_keys(before, after);
    if !dropped.is_empty() {
        let call =
            aws.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(dropped));
        call.send().await.attempting(&what)?;
    }
    if after != before && !after.is_empty() {
        let call =
            aws.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags::labels(after)));
        call.send().await.attempting(&what)?;
    }
    Ok(())
}

/// The tags of `arn`.
pub(crate) async fn tags_of(aws: &AwsClients, arn: &str) -> Result<Vec<Tag>, Error> {
    let found = aws.rds.list_tags_for_resource().resource_name(arn).send().await;
    Ok(found.attempting(format!("read the tags of `{arn}`"))?.tag_list.unwrap_or_default())
}

/// Whether RDS refused a call because it does not know a new IAM role yet.
pub(crate) fn is_too_early(message: Option<&str>) -> bool {
    message.is_some_and(|it| {
        it.contains("IAM role ARN value is invalid") || it.contains("ENHANCED_MONITORING")
    })
}

/// The problems of a name in RDS.
pub(crate) fn name_problems(at: &str, name: &str, longest: usize) -> Vec<ArgumentProblem> {
    let message = if name.is_empty() || name.len() > longest {
        format!("this name has 1 to {longest} characters, and `{name}` has {}", name.len())
    } else if let Some(odd) =
        name.chars().find(|it| !(it.is_ascii_lowercase() || it.is_ascii_digit() || *it == '-'))
    {
        format!(
            "this name is made of lower-case letters, digits and `-`, and `{name}` holds `{odd}`"
        )
    } else if !name.starts_with(|it: char| it.is_ascii_lowercase()) {
        format!("this name begins with a letter, and `{name}` does not")
    } else if name.ends_with('-') || name.contains("--") {
        format!("this name does not end with `-` or hold two of them in a row: `{name}`")
    } else {
        return Vec::new();
    };
    vec![ArgumentProblem { path: Path::attribute(at), message }]
}
