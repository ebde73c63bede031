//! Masks the covered literals of a line in the messages about that line, which may quote them in
//! whole or in part.

use std::collections::BTreeSet;

use ha_plan::{blotted, masked};
use ha_value::Value;

use super::secrets::SecretTexts;

/// The most characters of a token that the parser quotes.
const QUOTED: usize = 40;

/// The covered literals on the lines of a diagnostic.
pub(crate) struct Nearby {
    /// Whole literals, masked anywhere in a message.
    whole: SecretTexts,
    /// Parts of literals that the parser may have read as tokens; messages quote tokens between
    /// backticks.
    parts: SecretTexts,
}

impl Nearby {
    /// Takes covered literals, and their lines as they are shown: a word that is visible there is
    /// not masked as a part of a literal.
    pub(crate) fn new(texts: &[&str], shown: &str) -> Self {
        let secret = |it: String| Value::from(it).sensitive();
        let whole: Vec<Value> = texts.iter().flat_map(|it| spellings(it)).map(secret).collect();
        // A word that is visible on the line anyway is not revealed by a message, and masking it
        // would make the message unreadable.
        let words: BTreeSet<&str> = shown.split(|it| !is_of_name(it)).collect();
        let parts = texts.iter().flat_map(|it| parts(it)).filter(|it| !words.contains(it.as_str()));
        let parts: Vec<Value> = parts.map(secret).collect();
        Self { whole: SecretTexts::within(&whole), parts: SecretTexts::within_words(&parts) }
    }

    /// Masks the literals in a message.
    pub(crate) fn masked(&self, text: &str) -> String {
        if self.parts.is_empty() {
            return text.to_owned();
        }
        let mut places = self.whole.places(text);
        // A backtick within a covered literal does not open a quote.
        let blotted = blotted(text, places.clone());
        let mut start = 0;
        for (at, piece) in blotted.split('`').enumerate() {
            let end = start + piece.len();
            // Pieces with an odd index are between two backticks.
            if at % 2 == 1 {
                places.extend(
                    self.parts
                        .places(&text[start..end])
                        .into_iter()
                        .map(|it| start + it.start..start + it.end),
                );
            }
            start = end + 1;
        }
        masked(text, places)
    }
}

/// Returns the forms of a literal in messages: as written, unescaped, and cut to the quoted length.
fn spellings(text: &str) -> Vec<String> {
    let read =
        text.replace("\\\"", "\"").replace("\\\\", "\\").replace("$${", "${").replace("%%{", "%{");
    let begin = text.chars().take(QUOTED).collect();
    vec![text.to_owned(), read, begin]
}

/// Returns the parts of a literal that the parser may read as a token: `Sec` of `Sec#ret`, `1F` of
/// `0x1F`.
fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = spellings(text);
    parts.extend([text.replace('_', ""), text.get(2..).unwrap_or_default().to_owned()]);
    for word in text.split(|it| !is_of_name(it)).chain(text.split_whitespace()) {
        parts.push(word.to_owned());
        parts.extend(word.split(|it: char| !it.is_alphanumeric()).map(str::to_owned));
        let digits = word.find(|it: char| !it.is_ascii_digit()).unwrap_or(word.len());
        parts.extend([word[..digits].to_owned(), word[digits..].to_owned()]);
    }
    parts.retain(|it| it.chars().any(char::is_alphanumeric));
    parts
}

fn is_of_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_quoted_parts_of_literals_are_masked() {
        let masked = |text: &str| {
            let texts = [
                "Sec#ret the",
                "12ab",
                "0x1Fed",
                "a long secret of more than forty characters is cut",
                "his word",
            ];
            Nearby::new(&texts, "word = [\"********\"]").masked(text)
        };
        for (text, expected) in [
            ("found `Sec`", "found `(sensitive)`"),
            ("`\"ret\"` of the line", "`\"(sensitive)\"` of the line"),
            (
                "a variable is `var.Sec`, `Sec.NAME`",
                "a variable is `var.(sensitive)`, `(sensitive).NAME`",
            ),
            ("`parseint(\"1Fed\", 16)`", "`parseint(\"(sensitive)\", 16)`"),
            ("found `a long secret of more than forty characters`", "found `(sensitive)`"),
            ("write `null`", "write `null`"),
            ("`var.word` is no `his word`", "`var.word` is no `(sensitive)`"),
        ] {
            assert_eq!(masked(text), expected);
        }
        assert_eq!(Nearby::new(&[], "").masked("`a`"), "`a`");
    }
}
