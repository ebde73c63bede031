//! Tags: those of the configuration, and the three by which `ha` recognises an object that it
//! created. The latter, and those that AWS reserves, are invisible to the configuration.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Attempt, ExistingResource, OwnedResource, OwnershipMark};
use ha_value::Path;
use serde::Deserialize;

/// Tags of the configuration.
pub(crate) type ResourceTags = BTreeMap<String, String>;

/// Key of the tag with the token of the step that created the object.
pub(crate) const TOKEN: &str = "ha:token";
/// Key of the tag with the address of the instance.
pub(crate) const ADDRESS: &str = "ha:address";
/// Key of the tag with the lineage of the state.
const STATE: &str = "ha:state";
const RESERVED: [&str; 2] = ["ha:", "aws:"];

/// A tag type of a service's SDK.
pub(crate) trait Tag {
    /// A tag with this key and value.
    fn new(key: &str, value: &str) -> Self;
    /// The tag's key.
    fn name(&self) -> &str;
    /// The tag's value.
    fn content(&self) -> &str;
}

macro_rules! labels {
    ($($ty:ty => |$it:ident| $built:expr, $key:expr, $value:expr;)*) => {$(
        impl Tag for $ty {
            fn new(key: &str, value: &str) -> Self {
                let $it = <$ty>::builder().key(key).value(value).build();
                $built
            }
            fn name(&self) -> &str {
                let $it = self;
                $key
            }
            fn content(&self) -> &str {
                let $it = self;
                $value
            }
        }
    )*};
}

const HAS_BOTH: &str = "key and value are set";
labels! {
    aws_sdk_autoscaling::types::TagDescription => |it| it, it.key().unwrap_or_default(), it.value().unwrap_or_default();
    aws_sdk_ec2::types::Tag => |it| it, it.key().unwrap_or_default(), it.value().unwrap_or_default();
    aws_sdk_rds::types::Tag => |it| it, it.key().unwrap_or_default(), it.value().unwrap_or_default();
    aws_sdk_iam::types::Tag => |it| it.expect(HAS_BOTH), it.key(), it.value();
    aws_sdk_s3::types::Tag => |it| it.expect(HAS_BOTH), it.key(), it.value();
}

/// The tags of an object that is about to be created: those of the configuration and those of `ha`.
pub(crate) fn with_ownership<L: Tag>(tags: &ResourceTags, attempt: &Attempt) -> Vec<L> {
    // Three tags of `ha` are part of the create call, so that there is no moment in which an object
    // exists without its mark.
    let ours =
        [L::new(TOKEN, attempt.token()), L::new(ADDRESS, &attempt.address().in_plain_letters())];
    let state = attempt.state().map(|it| L::new(STATE, it));
    labels(tags).into_iter().chain(ours).chain(state).collect()
}

/// The ownership mark in an object's tags; `None` for an object that `ha` did not create.
pub(crate) fn ownership<L: Tag>(found: &[L]) -> Option<OwnershipMark> {
    let tag =
        |key: &str| found.iter().find(|it| it.name() == key).map(|it| it.content().to_owned());
    Some(OwnershipMark { address: tag(ADDRESS)?, state: tag(STATE) })
}

/// The tags of the configuration alone.
pub(crate) fn labels<L: Tag>(tags: &ResourceTags) -> Vec<L> {
    tags.iter().map(|(key, value)| L::new(key, value)).collect()
}

/// An object with its ownership mark; `None` for an object without one.
pub(crate) fn owned<L: Tag>(known: ExistingResource, found: &[L]) -> Option<OwnedResource> {
    ownership(found).map(|trace| OwnedResource { known, trace })
}

/// The tags that the configuration can see.
pub(crate) fn visible<L: Tag>(found: &[L]) -> ResourceTags {
    let visible = found.iter().filter(|it| !is_reserved(it.name()));
    visible.map(|it| (it.name().to_owned(), it.content().to_owned())).collect()
}

/// The reserved tags, which a change must retain.
pub(crate) fn hidden<L: Tag>(found: &[L]) -> Vec<L> {
    found
        .iter()
        .filter(|it| is_reserved(it.name()))
        .map(|it| L::new(it.name(), it.content()))
        .collect()
}

/// Whether this step created the object with these tags.
pub(crate) fn are_from<L: Tag>(found: &[L], attempt: &Attempt) -> bool {
    found.iter().any(|it| it.name() == TOKEN && it.content() == attempt.token())
}

/// The keys that a change removes.
pub(crate) fn removed_keys(before: &ResourceTags, after: &ResourceTags) -> Vec<String> {
    before.keys().filter(|key| !after.contains_key(*key)).cloned().collect()
}

/// Whether a key is reserved for `ha` or AWS.
pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.iter().any(|it| key.starts_with(it))
}

#[derive(Deserialize)]
pub(crate) struct TagArguments {
    #[serde(default)]
    tags: ResourceTags,
}

/// A check for each resource type that has `tags`.
pub(crate) fn check(it: TagArguments) -> Vec<ArgumentProblem> {
    let at = |key: &str| Path::attribute("tags").name(key);
    let mut problems = Vec::new();
    for (key, value) in &it.tags {
        if is_reserved(key) {
            let message =
                format!("the tag `{key}` begins with a prefix that is reserved (`ha:` and `aws:`)");
            problems.push(ArgumentProblem { path: at(key), message });
        } else if key.is_empty() || key.chars().count() > 128 {
            problems.push(ArgumentProblem {
                path: at(key),
                message: "a tag's key has 1 to 128 characters".into(),
            });
        } else if value.chars().count() > 256 {
            problems.push(ArgumentProblem {
                path: at(key),
                message: "a tag's value has at most 256 characters".into(),
            });
        }
    }
    problems
}

/// The same for services that accept only letters, digits, spaces and a few other characters in
/// tags.
pub(crate) fn check_letters(it: TagArguments) -> Vec<ArgumentProblem> {
    let is_taken = |it: char| {
        it.is_alphanumeric() || (it.is_whitespace() && !it.is_control()) || "_.:/=+-@".contains(it)
    };
    let odd = |text: &str| text.chars().find(|it| !is_taken(*it));
    let mut problems = Vec::new();
    for (key, value) in &it.tags {
        if let Some(odd) = odd(key).or_else(|| odd(value)) {
            let odd = odd.escape_debug();
            let message = format!(
                "a tag is made of letters, digits, spaces and `_.:/=+-@` here, and this one holds `{odd}`"
            );
            problems.push(ArgumentProblem {
                path: Path::attribute("tags").name(key.as_str()),
                message,
            });
        }
    }
    problems.extend(check(it));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_tags_are_invisible_and_refused() {
        let found: Vec<aws_sdk_ec2::types::Tag> =
            [("ha:token", "t"), ("aws:cloudformation:stack", "s"), ("Name", "web")]
                .map(|(k, v)| Tag::new(k, v))
                .into();
        assert_eq!(visible(&found), ResourceTags::from([("Name".into(), "web".into())]));
        assert_eq!(hidden(&found).len(), 2);
        assert_eq!(ownership(&found), None);
        let tagged = TagArguments {
            tags: ResourceTags::from([
                ("ha:token".into(), "x".into()),
                ("Name".into(), "web".into()),
            ]),
        };
        assert_eq!(check(tagged).len(), 1);
    }

    #[test]
    fn tags_identify_the_instance_and_the_state() {
        let found: Vec<aws_sdk_ec2::types::Tag> =
            [("ha:address", "a.b/0"), ("ha:state", "s")].map(|(k, v)| Tag::new(k, v)).into();
        assert_eq!(
            ownership(&found),
            Some(OwnershipMark { address: "a.b/0".into(), state: Some("s".into()) })
        );
        // An object of an early version of `ha`, which set no tag for the state.
        assert_eq!(
            ownership(&found[..1]),
            Some(OwnershipMark { address: "a.b/0".into(), state: None })
        );
    }
}
