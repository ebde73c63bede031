//! Checks of an object's arguments.

use std::collections::BTreeMap;

use ha_provider::{ArgumentProblem, MaybeUnknown};
use ha_value::Path;
use serde::Deserialize;

use super::{TOKEN, bytes};
use crate::choices;
use crate::tags::ResourceTags;

#[derive(Deserialize)]
pub(super) struct ObjectArguments {
    key: String,
    content: Option<ha_value::Value>,
    content_base64: Option<String>,
    server_side_encryption: Option<String>,
    kms_key_id: Option<MaybeUnknown<String>>,
    storage_class: Option<String>,
    #[serde(flatten)]
    headers: Headers,
    #[serde(default)]
    metadata: BTreeMap<String, String>,
    #[serde(default)]
    tags: ResourceTags,
}

/// The arguments that become request headers.
#[derive(Default, Deserialize)]
struct Headers {
    content_type: Option<MaybeUnknown<String>>,
    cache_control: Option<String>,
    content_disposition: Option<String>,
    content_encoding: Option<String>,
    content_language: Option<String>,
}

impl Headers {
    fn problems(&self) -> impl Iterator<Item = (&'static str, String)> {
        let content_type = match &self.content_type {
            Some(MaybeUnknown::Known(it)) => Some(it),
            _ => None,
        };
        let all = [
            ("content_type", content_type),
            ("cache_control", self.cache_control.as_ref()),
            ("content_disposition", self.content_disposition.as_ref()),
            ("content_encoding", self.content_encoding.as_ref()),
            ("content_language", self.content_language.as_ref()),
        ];
        all.into_iter().filter_map(|(name, value)| {
            Some((name, format!("`{name}` {}", header_problem(value?)?)))
        })
    }
}

/// A problem of a value that becomes a header.
fn header_problem(value: &str) -> Option<&'static str> {
    match value {
        _ if value.chars().any(char::is_control) => {
            Some("has a line break or another control character in it")
        }
        _ if value != value.trim() => Some("begins or ends with a space, which S3 does not keep"),
        _ => None,
    }
}

const ENCRYPTIONS: [&str; 3] = ["AES256", "aws:kms", "aws:kms:dsse"];
const CLASSES: [&str; 9] = [
    "STANDARD",
    "REDUCED_REDUNDANCY",
    "STANDARD_IA",
    "ONEZONE_IA",
    "INTELLIGENT_TIERING",
    "GLACIER",
    "DEEP_ARCHIVE",
    "GLACIER_IR",
    "EXPRESS_ONEZONE",
];

/// Checks metadata, tags and headers.
pub(super) fn check(it: ObjectArguments) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    let mut problem = |name: &str, message: String| {
        problems.push(ArgumentProblem { path: Path::attribute(name), message })
    };
    if it.key.is_empty() || it.key.len() > 1024 {
        problem("key", "an object's key has 1 to 1024 bytes".into());
    }
    if it.content.is_some() && it.content_base64.is_some() {
        problem("content_base64", "an object has either `content` or `content_base64`".into());
    } else if bytes(None, it.content_base64.as_deref()).is_none() {
        problem("content_base64", "this is not Base64".into());
    }
    if let Some(odd) = it.metadata.keys().find(|it| it.chars().any(char::is_uppercase)) {
        problem(
            "metadata",
            format!("S3 keeps names of metadata in lower case, and `{odd}` is not"),
        );
    }
    if let Some((name, why)) =
        it.metadata.iter().find_map(|(name, value)| Some((name, header_problem(value)?)))
    {
        problem("metadata", format!("the value of `{name}` {why}"));
    }
    it.headers.problems().for_each(|(name, message)| problem(name, message));
    if it.metadata.contains_key(TOKEN) {
        problem("metadata", format!("`{TOKEN}` is reserved"));
    }
    if it.kms_key_id.is_some() && it.server_side_encryption.as_deref() == Some("AES256") {
        problem(
            "kms_key_id",
            "a key needs `aws:kms`; with `AES256` S3 uses a key of its own".into(),
        );
    }
    if it.tags.len() > 10 {
        problem("tags", format!("an object has at most 10 tags, and these are {}", it.tags.len()));
    }
    let said = [
        ("server_side_encryption", it.server_side_encryption, ENCRYPTIONS.as_slice()),
        ("storage_class", it.storage_class, &CLASSES),
    ];
    let odd = |(at, said, known): (&str, Option<String>, &[&str])| {
        choices::problem(Path::attribute(at), said.as_deref(), known)
    };
    problems.extend(said.into_iter().filter_map(odd));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_is_set_by_one_argument() {
        let checked = |content: Option<&str>, encoded: Option<&str>| ObjectArguments {
            key: "k".into(),
            content: content.map(ha_value::Value::from),
            content_base64: encoded.map(str::to_owned),
            server_side_encryption: None,
            kms_key_id: None,
            storage_class: None,
            headers: Headers::default(),
            metadata: BTreeMap::new(),
            tags: ResourceTags::new(),
        };
        assert!(check(checked(Some("a"), None)).is_empty());
        assert!(check(checked(None, Some("YQ=="))).is_empty());
        assert_eq!(check(checked(Some("a"), Some("YQ=="))).len(), 1);
        assert_eq!(check(checked(None, Some("?"))).len(), 1);
        for (value, is_wrong) in
            [("no-cache", false), (" no-cache", true), ("a\nb", true), ("ü", false)]
        {
            let headers = Headers { cache_control: Some(value.to_owned()), ..Headers::default() };
            let metadata = BTreeMap::from([("a".to_owned(), value.to_owned())]);
            let wrong =
                check(ObjectArguments { headers, metadata, ..checked(Some("a"), None) }).len();
            assert_eq!(wrong, if is_wrong { 2 } else { 0 }, "{value:?}");
        }
        let (server_side_encryption, storage_class) =
            (Some("AES256".to_owned()), Some("COLD".to_owned()));
        let kms_key_id = Some(MaybeUnknown::Known("own".to_owned()));
        let odd = ObjectArguments {
            server_side_encryption,
            kms_key_id,
            storage_class,
            ..checked(Some("a"), None)
        };
        assert_eq!(check(odd).len(), 2);
    }
}
