//! Search for known secrets in strings that carry no marks: error messages, progress messages and
//! parts of other values, in any common encoding.

mod escapes;
mod finder;
pub(crate) mod passwords;
mod pem;
pub(crate) mod redaction;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use ha_value::{Text, TextPart, Value};

use self::escapes::origins;
use self::finder::{MatchBounds, SecretFinder, SecretPattern};
pub use self::passwords::passwords;
use self::pem::key_lines;

/// The replacement for a secret.
pub(crate) const SENSITIVE: &str = "(sensitive)";
/// Strings of this many characters are secrets wherever they occur.
const LONG: usize = 8;
/// Strings of this many characters are secrets where they occur as words. Shorter ones count
/// between quotes only: a secret `a` must not hide every `a` of a message.
const WORD: usize = 4;

/// Secret strings to search for.
#[derive(Default)]
pub struct SecretTexts {
    finder: SecretFinder,
}

impl SecretTexts {
    /// Returns the secrets in these values.
    #[must_use]
    pub fn within<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        Self { finder: texts(values).iter().flat_map(|it| spellings(it)).collect() }
    }

    /// Returns the secrets that are too short to be searched for outside quotes, to be found as
    /// words. For attributes of the same resource, in which they are likely to occur.
    #[must_use]
    pub fn short_within<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        Self { finder: texts(values).into_iter().filter_map(|it| short(&it)).collect() }
    }

    /// Returns the secrets in these values, short ones as words: for strings that may quote a part
    /// of a secret.
    #[must_use]
    pub fn within_words<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        Self::within_a_name(values)
    }

    /// Whether there are no secrets to search for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finder.is_empty()
    }

    /// Returns the secrets for a search in a single name, where short ones count as words.
    pub(crate) fn within_a_name<'a>(values: impl IntoIterator<Item = &'a Value>) -> Self {
        let texts = texts(values);
        Self {
            finder: texts
                .iter()
                .flat_map(|it| spellings(it).into_iter().chain(short(it)))
                .collect(),
        }
    }

    /// Returns the places of secrets in a string, in order. Overlapping places are joined.
    #[must_use]
    pub fn places(&self, text: &str) -> Vec<Range<usize>> {
        if self.finder.is_empty() {
            return Vec::new();
        }
        let mut places = self.finder.places(text);
        // The searched string is unescaped instead of escaping each secret: there are many ways to
        // escape, and the finder is built once for all strings.
        for plain in origins(text) {
            places.extend(self.finder.places(&plain.text).into_iter().map(|it| plain.origin(&it)));
        }
        overlapping(places)
    }

    /// Returns the string with `(sensitive)` in place of secrets.
    #[must_use]
    pub fn masked(&self, text: &str) -> String {
        replaced(text, &self.places(text), |_| SENSITIVE.to_owned())
    }

    /// Returns the string with secrets replaced by as many bytes, so that positions in it stay
    /// valid.
    #[must_use]
    pub fn blotted(&self, text: &str) -> String {
        blotted(text, self.places(text))
    }
}

/// Returns the string with these places replaced by as many `*`. Line breaks stay.
#[must_use]
pub fn blotted(text: &str, places: Vec<Range<usize>>) -> String {
    replaced(text, &overlapping(places), |secret| {
        secret
            .bytes()
            .map(|it| if matches!(it, b'\n' | b'\r') { char::from(it) } else { '*' })
            .collect()
    })
}

/// Returns the string with `(sensitive)` in these places.
#[must_use]
pub fn masked(text: &str, places: Vec<Range<usize>>) -> String {
    replaced(text, &overlapping(places), |_| SENSITIVE.to_owned())
}

fn replaced(text: &str, places: &[Range<usize>], by: impl Fn(&str) -> String) -> String {
    let mut written = String::with_capacity(text.len());
    let mut done = 0;
    for place in places {
        written += &text[done..place.start];
        written += &by(&text[place.clone()]);
        done = place.end;
    }
    written + &text[done..]
}

/// Sorts places and joins those that overlap.
#[must_use]
pub fn overlapping(mut places: Vec<Range<usize>>) -> Vec<Range<usize>> {
    places.sort_by_key(|it| (it.start, std::cmp::Reverse(it.end)));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(places.len());
    for place in places {
        match joined.last_mut() {
            Some(last) if place.start < last.end => last.end = last.end.max(place.end),
            _ => joined.push(place),
        }
    }
    joined
}

/// Returns the secret strings in these values, and the passwords inside those strings.
fn texts<'a>(values: impl IntoIterator<Item = &'a Value>) -> BTreeSet<String> {
    let mut texts = BTreeSet::new();
    for value in values {
        collect(value, &mut texts);
    }
    // A server may report a password without the rest of the URL that was marked as secret.
    let inside: Vec<String> = texts.iter().flat_map(|it| passwords(it)).collect();
    texts.extend(inside);
    texts
}

fn collect(value: &Value, texts: &mut BTreeSet<String>) {
    match value {
        Value::Composed(parts) => {
            let is_whole = parts.iter().all(|it| {
                matches!(it, TextPart::Secret(_) | TextPart::Unknown { secret: true, .. })
            });
            if is_whole {
                // The string was marked as a whole, so its public parts are not known any more. A
                // part such as `https://` must not become a secret of its own.
                texts.extend(Text::from_iter(parts.iter().cloned()).known());
                return;
            }
            let secret = |it: &TextPart| match it {
                TextPart::Secret(text) => Some(text.to_string()),
                TextPart::Clear(_) | TextPart::Unknown { .. } => None,
            };
            texts.extend(parts.iter().filter_map(secret));
        }
        Value::Sensitive(inner) => match text_of(inner) {
            Some(text) => drop(texts.insert(text)),
            // The marks inside are more precise: a password among hosts and ports.
            None if inner.contains_sensitive() => collect(inner, texts),
            None => collect_all(inner, texts),
        },
        other => other.children().for_each(|it| collect(it, texts)),
    }
}

/// Collects the strings of a collection that is secret as a whole. Short strings in it are ports
/// and names far more often than passwords, and are skipped.
fn collect_all(value: &Value, texts: &mut BTreeSet<String>) {
    match text_of(value) {
        Some(text) => texts.extend((text.chars().count() >= LONG).then_some(text)),
        None => value.children().for_each(|it| collect_all(it, texts)),
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(_) | Value::Number(_) => Text::from_value(value).and_then(|it| it.known()),
        _ => None,
    }
}

/// Returns the encodings of a secret. Escapes are undone in the searched string instead. Of a
/// string with several lines only lines of private keys are secret by themselves: other lines
/// occur in public text.
fn spellings(secret: &str) -> Vec<SecretPattern> {
    let secret = secret.trim_end_matches('\n');
    // A single line of a private key must not be shown either.
    if secret.contains('\n') {
        return key_lines(secret).into_iter().flat_map(encodings).collect();
    }
    match secret.chars().count() {
        0 => Vec::new(),
        LONG.. => encodings(secret),
        // The encoded forms hardly occur by chance; only the plain form must be a whole word.
        WORD.. => {
            let mut all = encodings(secret);
            all.iter_mut()
                .filter(|it| it.text.len() == secret.len())
                .for_each(|it| it.bounds = MatchBounds::Word);
            all
        }
        // Both quotes must be the same character.
        _ => ['"', '\'', '`']
            .into_iter()
            .map(|quote| SecretPattern::inside(format!("{quote}{secret}{quote}")))
            .collect(),
    }
}

/// Returns the pattern for a short secret as a word.
fn short(secret: &str) -> Option<SecretPattern> {
    (secret.chars().count() < WORD)
        .then(|| SecretPattern { text: secret.to_owned(), bounds: MatchBounds::Word })
}

/// Returns a secret in clear, in base64 at each offset, in hexadecimal, and with `+` for spaces.
fn encodings(secret: &str) -> Vec<SecretPattern> {
    let mut all = BTreeSet::from([secret.to_owned(), secret.replace(' ', "+")]);
    for before in 0..3 {
        let whole = [&[0; 2][..before], secret.as_bytes()].concat();
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            // The first and last characters of base64 also hold bits of the neighbouring bytes, so
            // only those in between are fixed.
            let (first, last) = ((before * 8).div_ceil(6), whole.len() * 8 / 6);
            all.extend(engine.encode(&whole).get(first..last).map(str::to_owned));
        }
    }
    let hexadecimal = secret.bytes().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    });
    all.insert(hexadecimal.to_ascii_uppercase());
    all.insert(hexadecimal);
    all.into_iter().map(SecretPattern::anywhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "pa$$ /w\"o'r\\d@1ü";

    fn one(secret: &str) -> SecretTexts {
        SecretTexts::within([&Value::from(secret).sensitive()])
    }

    #[test]
    fn finds_secrets_in_every_encoding() {
        let base64 = |before: &str| STANDARD_NO_PAD.encode(format!("{before}{SECRET} and more"));
        let spellings = [
            SECRET.to_owned(),
            "pa%24%24%20%2Fw%22o%27r%5Cd%401%C3%BC".to_owned(),
            "pa$$%20/w%22o'r%5cd@1%c3%bc".to_owned(),
            "pa%24%24+%2Fw%22o%27r%5Cd%401%C3%BC".to_owned(),
            r#"pa$$ /w\"o'r\\d@1ü"#.to_owned(),
            r#"pa$$ \/w\"o\u0027r\\d@1\u00fc"#.to_owned(),
            r#"pa$$ /w\\\"o'r\\\\d@1ü"#.to_owned(),
            r#"pa$$ /w"o'\''r\d@1ü"#.to_owned(),
            "pa$$ /w&quot;o&#39;r\\d@1&#xfc;".to_owned(),
            SECRET.bytes().map(|it| format!("{it:02x}")).collect(),
            SECRET.bytes().map(|it| format!("{it:02X}")).collect(),
        ];
        for text in spellings {
            assert_eq!(one(SECRET).masked(&format!("<{text}>")), "<(sensitive)>", "{text}");
        }
        for before in ["", "a", "ab"] {
            let masked = one(SECRET).masked(&base64(before));
            assert!(masked.contains(SENSITIVE) && masked.len() < base64(before).len(), "{masked}");
        }
        assert_eq!(one(SECRET).masked("clear & text 100%"), "clear & text 100%");
    }

    #[test]
    fn finds_secrets_that_contain_escape_sequences() {
        let secret = "new+%41'&lt;\\n!${it}";
        for text in [
            "new+%41'\\''&lt;\\n!${it}",
            "new+%41'&lt;\\\\n!$${it}",
            "new%2B%2541%27%26lt%3B%5Cn%21%24%7Bit%7D",
            "new+%41'&amp;lt;\\n!${it}",
        ] {
            assert_eq!(one(secret).masked(text), SENSITIVE, "{text}");
        }
    }

    #[test]
    fn a_password_inside_a_secret_url_is_a_secret() {
        let address = "postgres://ops:pa%24%24%40word@h/d";
        for value in [
            Value::from(address).sensitive(),
            Value::from(Text::from_iter([TextPart::Secret(address.into())])),
        ] {
            let secrets = SecretTexts::within([&value]);
            assert_eq!(
                secrets.masked("no pa$$@word at h, nor pa%24%24%40word"),
                "no (sensitive) at h, nor (sensitive)"
            );
        }
    }

    #[test]
    fn keeps_the_spelling_around_a_secret() {
        assert_eq!(
            one("pa$$/word@1").masked("\\\"a%20b\\\" pa%24%24/word@1\\n%zz"),
            "\\\"a%20b\\\" (sensitive)\\n%zz"
        );
    }

    #[test]
    fn blotting_keeps_positions() {
        assert_eq!(
            one("pa$$/word@1").blotted("a = \"pa$$/word@1\" # b"),
            "a = \"***********\" # b"
        );
    }

    #[test]
    fn overlapping_secrets_are_masked_as_one() {
        let values = ["abcdefgh", "efghijkl", "fgh"].map(|it| Value::from(it).sensitive());
        assert_eq!(SecretTexts::within(&values).masked("<abcdefghijkl>"), "<(sensitive)>");
    }

    #[test]
    fn short_secrets_match_only_as_words_or_in_quotes() {
        let masked = |secret: &str, text: &str| one(secret).masked(text);
        assert_eq!(masked("hunter2", "hunter2: no hunter22"), "(sensitive): no hunter22");
        assert_eq!(masked("hunter2", "user:hunter2@host"), "user:(sensitive)@host");
        assert_eq!(
            masked("a1", "a1 is \"a1\", `a1` or 'a1'"),
            "a1 is \"(sensitive)\", `(sensitive)` or '(sensitive)'"
        );
        assert_eq!(masked("", "\"\""), "\"\"");
    }

    #[test]
    fn short_strings_of_a_secret_collection_are_no_secrets() {
        let database =
            [("host".into(), Value::from("db-1.internal")), ("port".into(), Value::from(5432))];
        let secrets = SecretTexts::within([&Value::object(database).sensitive()]);
        assert_eq!(secrets.masked("db-1.internal:5432"), "(sensitive):5432");
    }

    #[test]
    fn marks_inside_a_secret_collection_decide() {
        let password = Value::from("a password of ours").sensitive();
        let database = Value::object([
            ("host".into(), Value::from("db-1.internal")),
            ("password".into(), password),
        ]);
        let secrets = SecretTexts::within([&database.sensitive()]);
        assert_eq!(
            secrets.masked("db-1.internal: a password of ours"),
            "db-1.internal: (sensitive)"
        );
    }

    #[test]
    fn clear_parts_of_a_composed_string_are_no_secrets() {
        let clear = |it: &str| TextPart::Clear(it.into());
        let parts = [
            clear("mongodb://circle:"),
            TextPart::Secret("a password of ours".into()),
            clear("@db-1:27017"),
        ];
        let uri = Value::from(Text::from_iter(parts));
        let settings = Value::from("[settings]\nlist:\n  - x\n").sensitive();
        let secrets = SecretTexts::within([&uri.clone().sensitive(), &uri, &settings]);
        let masked = secrets
            .masked("mongodb://circle:a password of ours@db-2:27017\n[settings]\nlist:\n  - x\n");
        assert_eq!(masked, "mongodb://circle:(sensitive)@db-2:27017\n[settings]\nlist:\n  - x\n");
        assert_eq!(
            secrets.masked("<mongodb://circle:a password of ours@db-1:27017>"),
            "<(sensitive)>"
        );
    }

    #[test]
    fn certificates_beside_a_private_key_are_public() {
        let (certified, key) = ("C".repeat(64), "K".repeat(64));
        let block = |label: &str, line: &str| {
            format!("-----BEGIN {label}-----\n{line}\n-----END {label}-----\n")
        };
        let bundle = block("CERTIFICATE", &certified)
            + &block("RSA PRIVATE KEY", &key)
            + &block("PUBLIC KEY", &certified);
        for value in [
            Value::from(bundle.as_str()).sensitive(),
            Value::tuple([Value::from(bundle.as_str())]).sensitive(),
        ] {
            let secrets = SecretTexts::within([&value]);
            assert_eq!(secrets.masked(&certified), certified);
            assert_eq!(secrets.masked(&key), SENSITIVE);
        }
    }

    #[test]
    fn finds_secret_numbers_and_lines_of_keys() {
        let line = "A".repeat(64);
        let key = Value::from(format!(
            "-----BEGIN PRIVATE KEY-----\n{line}\n-----END PRIVATE KEY-----\n"
        ))
        .sensitive();
        let pin = Value::from(1_234_567_890).sensitive();
        let secrets = SecretTexts::within([&key, &pin]);
        assert_eq!(
            secrets.masked(&format!("bad line {line}: 1234567890")),
            "bad line (sensitive): (sensitive)"
        );
    }
}
