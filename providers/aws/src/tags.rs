//! Tags: the user's, and the two by which we know again what we made. The latter, and those that AWS keeps for itself,
//! are invisible to the configuration.

use std::collections::BTreeMap;

use ha_kind::{Address, Attempt, Path, Problem};
use serde::Deserialize;

/// Tags as the configuration has them.
pub(crate) type Tags = BTreeMap<String, String>;

/// Which step made it.
pub(crate) const TOKEN: &str = "ha:token";
/// For whom; only people read it.
const ADDRESS: &str = "ha:address";
const RESERVED: [&str; 2] = ["ha:", "aws:"];

/// A tag of some service.
pub(crate) trait Label {
    /// A tag of this key and value.
    fn new(key: &str, value: &str) -> Self;
    /// The tag's key.
    fn name(&self) -> &str;
    /// The tag's value.
    fn content(&self) -> &str;
}

macro_rules! labels {
    ($($ty:ty => |$it:ident| $built:expr, $key:expr, $value:expr;)*) => {$(
        impl Label for $ty {
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
pub(crate) fn ours<L: Label>(tags: &Tags, attempt: &Attempt) -> Vec<L> {
    let ours = [L::new(TOKEN, attempt.token()), L::new(ADDRESS, &written(attempt.address()))];
    labels(tags).into_iter().chain(ours).collect()
}

/// The configuration's tags alone.
pub(crate) fn labels<L: Label>(tags: &Tags) -> Vec<L> {
    tags.iter().map(|(key, value)| L::new(key, value)).collect()
}

/// Those of the tags found that the configuration may see.
pub(crate) fn visible<L: Label>(found: &[L]) -> Tags {
    let visible = found.iter().filter(|it| !is_reserved(it.name()));
    visible.map(|it| (it.name().to_owned(), it.content().to_owned())).collect()
}

/// Those of the tags found that the configuration may not see, and which stay.
pub(crate) fn hidden<L: Label>(found: &[L]) -> Vec<L> {
    found.iter().filter(|it| is_reserved(it.name())).map(|it| L::new(it.name(), it.content())).collect()
}

/// Whether this step made what bears these tags.
pub(crate) fn are_from<L: Label>(found: &[L], attempt: &Attempt) -> bool {
    found.iter().any(|it| it.name() == TOKEN && it.content() == attempt.token())
}

/// The keys that are to go.
pub(crate) fn dropped(before: &Tags, after: &Tags) -> Vec<String> {
    before.keys().filter(|key| !after.contains_key(*key)).cloned().collect()
}

/// Whether a key is not the configuration's to set.
pub(crate) fn is_reserved(key: &str) -> bool {
    RESERVED.iter().any(|it| key.starts_with(it))
}

/// An address in the letters that every service takes in a tag.
pub(crate) fn written(address: &Address) -> String {
    let mut written = String::new();
    for c in address.to_string().chars() {
        match c {
            '[' => written.push('/'),
            ']' | '"' => {}
            c if c.is_ascii_alphanumeric() || "+-=._:/@ ".contains(c) => written.push(c),
            _ => written.push('_'),
        }
    }
    written.truncate(256);
    written
}

#[derive(Deserialize)]
pub(crate) struct Tagged {
    #[serde(default)]
    tags: Tags,
}

/// A check for every kind that has `tags`.
pub(crate) fn check(it: Tagged) -> Vec<Problem> {
    let at = |key: &str| Path::attribute("tags").name(key);
    let mut problems = Vec::new();
    for (key, value) in &it.tags {
        if is_reserved(key) {
            let message = format!("the tag `{key}` begins with a prefix that is reserved (`ha:` and `aws:`)");
            problems.push(Problem { path: at(key), message });
        } else if key.is_empty() || key.chars().count() > 128 {
            problems.push(Problem { path: at(key), message: "a tag's key has 1 to 128 characters".into() });
        } else if value.chars().count() > 256 {
            problems.push(Problem { path: at(key), message: "a tag's value has at most 256 characters".into() });
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_tags_are_invisible_and_refused() {
        let found: Vec<aws_sdk_ec2::types::Tag> =
            [("ha:token", "t"), ("aws:cloudformation:stack", "s"), ("Name", "web")].map(|(k, v)| Label::new(k, v)).into();
        assert_eq!(visible(&found), Tags::from([("Name".into(), "web".into())]));
        assert_eq!(hidden(&found).len(), 2);
        let tagged = Tagged { tags: Tags::from([("ha:token".into(), "x".into()), ("Name".into(), "web".into())]) };
        assert_eq!(check(tagged).len(), 1);
    }

    #[test]
    fn addresses_are_written_in_plain_letters() {
        let address: Address = "module.m[0].aws_s3_bucket.a[\"x y$\"]".parse().unwrap();
        assert_eq!(written(&address), "module.m/0.aws_s3_bucket.a/x y_");
    }
}
