//! All secret texts a command knows of, so that none shows up where its mark was lost: in the text of an error, in a
//! progress message, inside of another value.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use ha_kind::{Part, Text, Value};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::shown::SENSITIVE;

/// Shorter texts are too likely to be part of something else.
const SHORTEST: usize = 8;

/// What a URI need not escape.
const UNRESERVED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Secret texts, to be found in other texts.
#[derive(Default)]
pub(crate) struct Secrets {
    finder: Option<AhoCorasick>,
}

impl Secrets {
    /// The secrets in these values.
    pub(crate) fn within<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let mut texts = BTreeSet::new();
        for value in values {
            collect(value, &mut texts);
        }
        let spellings: BTreeSet<String> = texts.iter().flat_map(|it| spellings(it)).collect();
        if spellings.is_empty() {
            return Self::default();
        }
        let finder = AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(spellings);
        Self { finder: Some(finder.expect("secrets take far less than the finder's four thousand million bytes")) }
    }

    /// Where secrets are in a text.
    pub(crate) fn places<'t>(&'t self, text: &'t str) -> impl Iterator<Item = std::ops::Range<usize>> + 't {
        self.finder.iter().flat_map(move |it| it.find_iter(text)).map(|it| it.range())
    }

    /// The text with secrets replaced.
    pub(crate) fn masked(&self, text: &str) -> String {
        let mut masked = String::with_capacity(text.len());
        let mut done = 0;
        for place in self.places(text) {
            masked.push_str(&text[done..place.start]);
            masked.push_str(SENSITIVE);
            done = place.end;
        }
        masked.push_str(&text[done..]);
        masked
    }

    /// The text with secrets replaced by as many bytes, so that places in it stay what they are.
    pub(crate) fn blotted(&self, text: &str) -> String {
        let mut blotted = String::with_capacity(text.len());
        let mut done = 0;
        for place in self.places(text) {
            blotted.push_str(&text[done..place.start]);
            blotted.extend(text[place.clone()].bytes().map(|it| if it == b'\n' { '\n' } else { '*' }));
            done = place.end;
        }
        blotted.push_str(&text[done..]);
        blotted
    }
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Composed(parts) => {
            let is_whole = parts.iter().all(|it| matches!(it, Part::Secret(_) | Part::Unknown { secret: true, .. }));
            if is_whole {
                // What was clear in it and what was not cannot be told apart any more. `https://` is no secret.
                texts.extend(Text::from_iter(parts.iter().cloned()).known());
                return;
            }
            let secret = |it: &Part| match it {
                Part::Secret(text) => Some(text.to_string()),
                Part::Clear(_) | Part::Unknown { .. } => None,
            };
            texts.extend(parts.iter().filter_map(secret));
        }
        Value::Sensitive(inner) => collect_all(&inner.revealed(), texts),
        other => other.children().for_each(|it| collect(it, texts)),
    }
}

fn collect_all(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::String(_) | Value::Number(_) => {
            texts.extend(Text::of(value).and_then(|it| it.known()));
        }
        other => other.children().for_each(|it| collect_all(it, texts)),
    }
}

/// The forms a secret takes when it is put into something else. Of a text of many lines only those that hold a key are
/// secret by themselves: the others may be said anywhere.
fn spellings(secret: &str) -> Vec<String> {
    let secret = secret.trim_end_matches('\n');
    if secret.chars().count() < SHORTEST {
        return Vec::new();
    }
    // One line of a private key is as bad as all.
    if secret.contains('\n') {
        return secret.lines().filter(|it| is_key_material(it)).map(str::to_owned).collect();
    }
    let json = serde_json::Value::from(secret).to_string();
    let base64 = base64::engine::general_purpose::STANDARD_NO_PAD.encode(secret);
    vec![
        secret.to_owned(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        utf8_percent_encode(secret, &UNRESERVED).to_string(),
        json[1..json.len() - 1].to_owned(),
        base64,
    ]
}

fn is_key_material(line: &str) -> bool {
    line.len() >= 40 && line.bytes().all(|it| it.is_ascii_alphanumeric() || matches!(it, b'+' | b'/' | b'='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> Secrets {
        let password = Value::from("pa$$/word@1").sensitive();
        Secrets::within([&Value::object([("deep".into(), Value::list([password]))]), &Value::from("clear text").clone()])
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        for text in ["pa$$/word@1", "pa%24%24%2Fword%401", "cGEkJC93b3JkQDE"] {
            assert_eq!(secrets().masked(&format!("<{text}>")), "<(sensitive)>");
        }
        assert_eq!(secrets().masked("clear text"), "clear text");
    }

    #[test]
    fn blotting_keeps_places() {
        assert_eq!(secrets().blotted("a = \"pa$$/word@1\" # b"), "a = \"***********\" # b");
    }

    #[test]
    fn short_texts_are_left_alone() {
        let secrets = Secrets::within([&Value::from("secret").sensitive()]);
        assert_eq!(secrets.masked("a secret"), "a secret");
    }

    #[test]
    fn what_is_clear_around_a_secret_is_not_taken_for_one() {
        use super::super::samples::{clear, parts, secret};
        let uri = parts([clear("mongodb://circle:"), secret("a password of ours"), clear("@db-1:27017")]);
        let settings = Value::from("[settings]\nlist:\n  - x\n").sensitive();
        let secrets = Secrets::within([&uri.clone().sensitive(), &uri, &settings]);
        let masked = secrets.masked("mongodb://circle:a password of ours@db-2:27017\n[settings]\nlist:\n  - x\n");
        assert_eq!(masked, "mongodb://circle:(sensitive)@db-2:27017\n[settings]\nlist:\n  - x\n");
        assert_eq!(secrets.masked("<mongodb://circle:a password of ours@db-1:27017>"), "<(sensitive)>");
    }

    #[test]
    fn numbers_and_lines_of_keys_are_secrets() {
        let line = "A".repeat(64);
        let key = Value::from(format!("-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n")).sensitive();
        let pin = Value::from(1_234_567_890).sensitive();
        let secrets = Secrets::within([&key, &pin]);
        assert_eq!(secrets.masked(&format!("bad line {line}: 1234567890")), "bad line (sensitive): (sensitive)");
    }
}
