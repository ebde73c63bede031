//! The intended differences from Terraform's values, each with the reason.

use ha_diagnostics::{Diagnostic, code};
use ha_lang::{EmptyScope, EvaluationContext, expression};
use serde_json::Value as Json;

/// The number of decimal digits that 512 bits always hold.
const PRECISE: usize = 150;

/// The answer of one of the two for an expression.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The value as JSON; `None` if the expression has no value.
    pub(crate) json: Option<String>,
    pub(crate) ty: String,
}

/// Whether two answers are the same.
pub(crate) fn agree(given: &Answer, said: &Answer) -> bool {
    given.json == said.json && (given.json.is_none() || given.ty == said.ty)
}

/// The reason why two answers may differ; `None` if the difference is a fault.
pub(crate) fn reason(text: &str, given: &Answer, said: &Answer) -> Option<&'static str> {
    let has = |parts: &[&str]| parts.iter().any(|it| text.contains(it));
    match (&given.json, &said.json) {
        (Some(given), Some(said)) => {
            if without_signs_of_zero(said) == *given {
                return Some("zero has no sign here");
            }
            if has(&["set"]) && in_order(given) == in_order(said) {
                return Some(
                    "sets have an order of their own where nulls, collections and mixed elements are in them",
                );
            }
            if has_negative_zero(text)
                || has(&["log("]) && said.replace("\"-0\"", "\"0\"") == *given
            {
                return Some("zero has no sign here, not even in a string");
            }
            if has(&["pow("]) && nearly_equal(given, said) {
                return Some(
                    "terraform works out the exponential of a fraction by a method of its own, so that the last digits differ",
                );
            }
            if has(&["base64gzip("]) {
                return Some(
                    "what is compressed reads the same, but there are many ways to say what is repeated",
                );
            }
            if has(&["parseint("]) && given.get(..PRECISE).is_some_and(|it| said.starts_with(it)) {
                return Some("a number has 512 bits here, also one that is read by `parseint`");
            }
            if has(&["can("]) && differ_in_truth(given, said) {
                return why_refused(text);
            }
            if has(&[" ? "]) && given.replace('"', "") == said.replace('"', "") {
                return Some(
                    "an arm that is not taken and has no value has no type here, so that the other is not converted to it",
                );
            }
        }
        (None, Some(said)) => {
            if said.contains("Inf") {
                return Some(
                    "what is greater than all numbers is no value here, and no string either",
                );
            }
            if expression("<drawn>", text).is_err() {
                return Some(
                    "calls with too many or too few arguments are refused before anything is evaluated, even within `can` and `try`",
                );
            }
            if has(&[" % "]) && problems(text).iter().any(|it| it.summary.contains("zero")) {
                return Some("a remainder of a division by zero has no value");
            }
            if has(&["pow(", "log("])
                && problems(text)
                    .iter()
                    .any(|it| it.summary.contains("pow") || it.summary.contains("log"))
            {
                return Some(
                    "what is greater than all numbers is no value here, where terraform has an infinity that no JSON can hold",
                );
            }
            if has(&[" ? "])
                && problems(text).iter().any(|it| it.summary.starts_with("the two results"))
            {
                return Some(
                    "an arm of a condition in an arm does not count where it has no value",
                );
            }
            if has(&["cidrhost("]) {
                return Some("a host is inside of its network");
            }
            if has(&["cidrsubnet(", "cidrsubnets("]) {
                return Some("a subnet is not larger than its network");
            }
            if has_negative_zero(text) {
                return Some("zero has no sign here, so that its logarithm has no value");
            }
            if has(&["null"]) && problems(text).iter().any(|it| it.code == Some(code::NULL)) {
                return Some(
                    "a call with a null of no type is wrong at once, not of unknown value",
                );
            }
        }
        (Some(_), None) => return why_refused(text),
        (None, None) => {}
    }
    None
}

/// The reason why Terraform refuses an expression that has a value here; `None` for a fault.
fn why_refused(text: &str) -> Option<&'static str> {
    let has = |parts: &[&str]| parts.iter().any(|it| text.contains(it));
    if has(&[" ? "]) {
        return Some(
            "an arm that is not taken and has no value does not count, whatever its type would be",
        );
    }
    if has(&["tolist([])", "toset([])", "tomap({})"]) {
        return Some(
            "a tuple becomes a list or set here beside an empty collection of anything as well",
        );
    }
    if has(&["[for ", "{ for "]) {
        return Some("what would be made of the elements of an empty collection is not looked at");
    }
    if has(&["&&", "||"]) {
        return Some(
            "the right operand is not looked at where the left one decides, as in terraform 1.12",
        );
    }
    None
}

/// Whether two strings differ only in `true` and `false`.
fn differ_in_truth(given: &str, said: &str) -> bool {
    given.replace("true", "false") == said.replace("true", "false")
}

/// Whether two strings differ only in the last of many digits.
fn nearly_equal(a: &str, b: &str) -> bool {
    const DIGITS: usize = 12;
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    a[..same].bytes().rev().take_while(|it| it.is_ascii_digit() || *it == b'.').count() >= DIGITS
}

/// The diagnostics of an expression.
fn problems(text: &str) -> Vec<Diagnostic> {
    let evaluated = expression("<drawn>", text)
        .and_then(|it| it.evaluate(&EvaluationContext::new(&EmptyScope, &EmptyScope)));
    evaluated.err().unwrap_or_default()
}

/// Whether an expression contains a negative zero, which is no part of a fraction.
pub(crate) fn has_negative_zero(text: &str) -> bool {
    text.match_indices("-0").any(|(at, _)| {
        !text[at + 2..].starts_with(|it: char| it == '.' || it.is_ascii_alphanumeric())
    })
}

/// The JSON with all lists sorted.
fn in_order(json: &str) -> String {
    fn sorted(value: Json) -> Json {
        match value {
            Json::Array(items) => {
                let mut items: Vec<Json> = items.into_iter().map(sorted).collect();
                items.sort_by_key(Json::to_string);
                Json::Array(items)
            }
            Json::Object(items) => {
                Json::Object(items.into_iter().map(|(name, it)| (name, sorted(it))).collect())
            }
            other => other,
        }
    }
    serde_json::from_str(json).map(|it| sorted(it).to_string()).unwrap_or_default()
}

fn without_signs_of_zero(json: &str) -> String {
    json.replace("-0,", "0,").replace("-0]", "0]").replace("-0}", "0}")
}
