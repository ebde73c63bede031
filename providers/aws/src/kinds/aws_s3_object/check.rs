//! What is wrong with an object's arguments.

use std::collections::BTreeMap;

use ha_kind::{Path, Problem};
use serde::Deserialize;

use super::{TOKEN, bytes};
use crate::tags::Tags;

#[derive(Deserialize)]
pub(super) struct Checked {
    key: String,
    content: Option<ha_kind::Value>,
    content_base64: Option<String>,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    tags: Tags,
}

/// What is wrong with them.
pub(super) fn check(it: Checked) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |name: &str, message: String| problems.push(Problem { path: Path::attribute(name), message });
    if it.key.is_empty() || it.key.len() > 1024 {
        problem("key", "an object's key has 1 to 1024 bytes".into());
    }
    if it.content.is_some() && it.content_base64.is_some() {
        problem("content_base64", "an object has either `content` or `content_base64`".into());
    } else if bytes(None, it.content_base64.as_deref()).is_none() {
        problem("content_base64", "this is not Base64".into());
    }
    if let Some(odd) = it.metadata.keys().find(|it| it.chars().any(char::is_uppercase)) {
        problem("metadata", format!("S3 keeps names of metadata in lower case, and `{odd}` is not"));
    }
    if it.metadata.contains_key(TOKEN) {
        problem("metadata", format!("`{TOKEN}` is reserved"));
    }
    if it.tags.len() > 10 {
        problem("tags", format!("an object has at most 10 tags, and these are {}", it.tags.len()));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_comes_in_one_way() {
        let checked = |content: Option<&str>, encoded: Option<&str>| Checked {
            key: "k".into(),
            content: content.map(ha_kind::Value::from),
            content_base64: encoded.map(str::to_owned),
            metadata: BTreeMap::new(),
            tags: Tags::new(),
        };
        assert!(check(checked(Some("a"), None)).is_empty());
        assert!(check(checked(None, Some("YQ=="))).is_empty());
        assert_eq!(check(checked(Some("a"), Some("YQ=="))).len(), 1);
        assert_eq!(check(checked(None, Some("?"))).len(), 1);
    }
}
