//! IAM policies: JSON that can express one policy in several ways.

use std::fmt;

use ha_value::Text;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value as Json};

/// A policy in normal form: policies with the same meaning are the same string. It has several
/// lines, so that a plan shows a changed permission as a changed line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct NormalizedPolicy(String);

const ORDER: [&str; 12] = [
    "Version",
    "Id",
    "Statement",
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

impl NormalizedPolicy {
    /// The normal form of a policy.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let json: Json = serde_json::from_str(text)
            .map_err(|error| format!("the policy is not JSON: {error}"))?;
        let Json::Object(fields) = json else {
            return Err(
                "a policy is a JSON object: {\"Version\": \"2012-10-17\", \"Statement\": [...]}"
                    .into(),
            );
        };
        let normal = ordered(fields, |name, value| match name {
            "Statement" => Json::Array(as_list(value).into_iter().map(statement).collect()),
            _ => value,
        });
        Ok(Self(serde_json::to_string_pretty(&normal).expect("a value of JSON can be written")))
    }

    /// A policy from a response of IAM, which is percent-encoded. A string that is no policy stays
    /// as it is, and shows as a difference.
    pub(crate) fn answered(text: &str) -> Self {
        let decoded = percent_encoding::percent_decode_str(text).decode_utf8_lossy();
        Self::parse(&decoded).unwrap_or_else(|_| Self(decoded.into_owned()))
    }

    /// The policy as JSON.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn statement(statement: Json) -> Json {
    let Json::Object(fields) = statement else { return statement };
    ordered(fields, |name, value| match name {
        "Action" | "NotAction" | "Resource" | "NotResource" => choices(value),
        "Principal" | "NotPrincipal" => principal(value),
        "Condition" => condition(value),
        _ => value,
    })
}

fn principal(value: Json) -> Json {
    let Json::Object(by_type) = value else { return value };
    let each = |(ty, names): (String, Json)| {
        let names = match ty.as_str() {
            "AWS" => Json::Array(as_list(names).into_iter().map(account).collect()),
            _ => names,
        };
        (ty, choices(names))
    };
    Json::Object(sorted(by_type.into_iter().map(each)))
}

/// The account id for the ARN of the account's root, in any partition: IAM treats both alike and
/// returns either.
fn account(name: Json) -> Json {
    let id = name
        .as_str()
        .and_then(|it| it.strip_prefix("arn:")?.strip_suffix(":root")?.split_once(":iam::"))
        .map(|(_, id)| id);
    match id {
        Some(id) if id.len() == 12 && id.bytes().all(|it| it.is_ascii_digit()) => {
            id.to_owned().into()
        }
        _ => name,
    }
}

fn condition(value: Json) -> Json {
    let Json::Object(by_operator) = value else { return value };
    let of_operator = |(operator, tests): (String, Json)| match tests {
        Json::Object(by_key) => {
            let each = by_key.into_iter().map(|(key, values)| (key, choices(values)));
            (operator, Json::Object(sorted(each)))
        }
        other => (operator, other),
    };
    Json::Object(sorted(by_operator.into_iter().map(of_operator)))
}

/// A list of alternatives in normal form: sorted, a single one without a list, numbers and booleans
/// as strings.
fn choices(value: Json) -> Json {
    let text = |it: Json| match it {
        Json::Bool(it) => it.to_string().into(),
        Json::Number(it) => it.to_string().into(),
        it => it,
    };
    let mut all: Vec<Json> = as_list(value).into_iter().map(text).collect();
    // The order of statements has a meaning to readers and is preserved; that of alternatives
    // inside one has none.
    all.sort_by(|a, b| a.as_str().cmp(&b.as_str()));
    all.dedup();
    match all.len() {
        1 => all.remove(0),
        _ => Json::Array(all),
    }
}

fn as_list(value: Json) -> Vec<Json> {
    match value {
        Json::Array(items) => items,
        one => vec![one],
    }
}

fn ordered(fields: Map<String, Json>, rewrite: impl Fn(&str, Json) -> Json) -> Json {
    let mut fields: Vec<(String, Json)> =
        fields.into_iter().map(|(name, it)| (name.clone(), rewrite(&name, it))).collect();
    let place = |name: &str| ORDER.iter().position(|it| *it == name).unwrap_or(ORDER.len());
    fields.sort_by(|(a, _), (b, _)| place(a).cmp(&place(b)).then_with(|| a.cmp(b)));
    Json::Object(fields.into_iter().collect())
}

fn sorted(items: impl Iterator<Item = (String, Json)>) -> Map<String, Json> {
    let mut items: Vec<_> = items.collect();
    items.sort_by(|(a, _), (b, _)| a.cmp(b));
    items.into_iter().collect()
}

/// A text as a JSON string, with its unknown and secret parts.
pub(crate) fn quoted(text: &Text) -> Text {
    let escaped = text.map(|it| {
        let written = serde_json::to_string(it).expect("a string can be written");
        written[1..written.len() - 1].to_owned()
    });
    let mut quoted = Text::from("\"");
    quoted.push(&escaped);
    quoted.push_str("\"");
    quoted
}

impl<'de> Deserialize<'de> for NormalizedPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        NormalizedPolicy::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for NormalizedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

crate::string_schema::string_schema!(NormalizedPolicy);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_with_one_meaning_have_one_normal_form() {
        let one = r#"{"Statement":{"Action":["s3:GetObject"],"Effect":"Allow","Resource":["b","a"],
            "Principal":{"AWS":"123456789012"},"Condition":{"Bool":{"aws:SecureTransport":true}}},"Version":"2012-10-17"}"#;
        let other = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:root"]},
            "Action":"s3:GetObject","Resource":["a","b"],"Condition":{"Bool":{"aws:SecureTransport":["true"]}}}]}"#;
        assert_eq!(NormalizedPolicy::parse(one).unwrap(), NormalizedPolicy::parse(other).unwrap());
        let elsewhere = other.replace("arn:aws:", "arn:aws-eusc:");
        assert_eq!(
            NormalizedPolicy::parse(one).unwrap(),
            NormalizedPolicy::parse(&elsewhere).unwrap()
        );
    }

    #[test]
    fn policies_that_differ_stay_different() {
        let allow =
            r#"{"Statement":[{"Effect":"Allow","Action":"a"},{"Effect":"Deny","Action":"b"}]}"#;
        let deny =
            r#"{"Statement":[{"Effect":"Deny","Action":"a"},{"Effect":"Allow","Action":"b"}]}"#;
        assert_ne!(NormalizedPolicy::parse(allow).unwrap(), NormalizedPolicy::parse(deny).unwrap());
    }

    #[test]
    fn the_normal_form_is_stable() {
        let text = r#"{"Statement":[{"Resource":"*","Action":["b","a"],"Effect":"Allow","Sid":"x"}],"Version":"2012-10-17"}"#;
        let once = NormalizedPolicy::parse(text).unwrap();
        assert_eq!(NormalizedPolicy::parse(once.as_str()).unwrap(), once);
        assert!(once.as_str().starts_with("{\n  \"Version\""), "{}", once.as_str());
    }

    #[test]
    fn an_invalid_policy_is_refused_with_the_reason() {
        assert!(NormalizedPolicy::parse("{").unwrap_err().contains("not JSON"));
        assert!(NormalizedPolicy::parse("[]").unwrap_err().contains("object"));
    }

    #[test]
    fn quoting_retains_secret_parts() {
        let mut text = Text::from("a\"");
        text.push(&Text::secret("b\\"));
        assert_eq!(quoted(&text).known().unwrap(), r#""a\"b\\""#);
        assert!(!quoted(&text).is_clear());
    }
}
