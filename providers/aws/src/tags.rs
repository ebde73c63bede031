//! Tags: the user's, and the three by which we know again what we made. The latter, and those that
//! AWS keeps for itself, are invisible to the configuration.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, Attempt, ExistingResource, OwnedResource, OwnershipMark};
use ha_value::Path;
use serde::Deserialize;

/// Tags as the configuration has them.
pub(crate) type ResourceTags = BTreeMap<String, String>;

/// Which step made it.
pub(crate) const TOKEN: &str = "ha:token";
/// For which instance.
pub(crate) const ADDRESS: &str = "ha:address";
/// The lineage of the state it is recorded in.
const STATE: &str = "ha:state";
const RESERVED: [&str; 2] = ["ha:", "aws:"];

/// A tag of some service.
pub(crate) trait Tag {
    /// A tag of this key and value.
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

/// The configuration's tags and ours, for something about to be made.
pub(crate) fn ours<L: Tag>(tags: &ResourceTags, attempt: &Attempt) -> Vec<L> {
    let ours =
        [L::new(TOKEN, attempt.token()), L::new(ADDRESS, &attempt.address().in_plain_letters())];
    let state = attempt.state().map(|it| L::new(STATE, it));
    labels(tags).into_iter().chain(ours).chain(state).collect()
}

/// What tells for which instance something was made, where its tags do.
pub(crate) fn trace<L: Tag>(found: &[L]) -> Option<OwnershipMark> {
    let tag =
        |key: &str| found.iter().find(|it| it.name() == key).map(|it| it.content().to_owned());
    Some(OwnershipMark { address: tag(ADDRESS)?, state: tag(STATE) })
}

/// The configuration's tags alone.
pub(crate) fn labels<L: Tag>(tags: &ResourceTags) -> Vec<L> {
    tags.iter().map(|(key, value)| L::new(key, value)).collect()
}

/// Something with the trace that its tags are, where they are one.
pub(crate) fn marked<L: Tag>(known: ExistingResource, found: &[L]) -> Option<OwnedResource> {
    trace(found).map(|trace| OwnedResource { known, trace })
}

/// Those of the tags found that the configuration may see.
pub(crate) fn visible<L: Tag>(found: &[L]) -> ResourceTags {
    let visible = found.iter().filter(|it| !is_reserved(it.name()));
    visible.map(|it| (it.name().to_owned(), it.content().to_owned())).collect()
}

/// Those of the tags found that the configuration may not see, and which stay.
pub(crate) fn hidden<L: Tag>(found: &[L]) -> Vec<L> {
    found
        .iter()
        .filter(|it| is_reserved(it.name()))
        .map(|it| L::new(it.name(), it.content()))
        .collect()
}

/// Whether this step made what bears these tags.
pub(crate) fn are_from<L: Tag>(found: &[L], attempt: &Attempt) -> bool {
    found.iter().any(|it| it.name() == TOKEN && it.content() == attempt.token())
}

/// The keys that are to go.
pub(crate) fn dropped(before: &ResourceTags, after: &ResourceTags) -> Vec<String> {
    before.keys().filter(|key| !after.contains_key(*key)).cloned().collect()
}

/// Whether a key is not the configuration's to set.
pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.iter().any(|it| key.starts_with(it))
}

#[derive(Deserialize)]
pub(crate) struct TagArguments {
    #[serde(default)]
    tags: ResourceTags,
}

/// A check for every kind that has `tags`.
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

/// The same for the services that take letters, digits, spaces and few other signs in tags.
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
        assert_eq!(trace(&found), None);
        let tagged = TagArguments {
            tags: ResourceTags::from([
                ("ha:token".into(), "x".into()),
                ("Name".into(), "web".into()),
            ]),
        };
        assert_eq!(check(tagged).len(), 1);
    }

    #[test]
    fn tags_tell_for_which_instance_of_which_state_something_was_made() {
        let found: Vec<aws_sdk_ec2::types::Tag> =
            [("ha:address", "a.b/0"), ("ha:state", "s")].map(|(k, v)| Tag::new(k, v)).into();
        assert_eq!(
            trace(&found),
            Some(OwnershipMark { address: "a.b/0".into(), state: Some("s".into()) })
        );
        // What was made before states were written down.
        assert_eq!(
            trace(&found[..1]),
            Some(OwnershipMark { address: "a.b/0".into(), state: None })
        );
    }
}
