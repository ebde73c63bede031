//! Finds what a misspelt word means among words that do not change.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use ha_value::closest;

/// The most answers that are remembered.
const REMEMBERED: usize = 1000;

/// Words that a misspelt one may mean. The answers are those of `closest`, which compares a word
/// with each of them and is far too slow to be called for each literal of a large file.
pub(super) struct SimilarWords {
    /// Each with the number of its letters.
    known: Vec<(usize, String)>,
    answers: RwLock<HashMap<String, Option<String>>>,
}

impl SimilarWords {
    pub(super) fn new<'a>(known: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            known: known.into_iter().map(|it| (letters(it), it.to_owned())).collect(),
            answers: RwLock::default(),
        }
    }

    /// Returns the known word that is closest to a word, if one is close enough.
    pub(super) fn closest(&self, word: &str) -> Option<String> {
        let answers = self.answers.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = answers.get(word) {
            return answer.clone();
        }
        drop(answers);
        // A third of the letters may be wrong, and each capital may begin a word of its own, so that
        // no word outside of these lengths can be close enough.
        let capitals = word.chars().filter(|it| it.is_uppercase()).count();
        let length = letters(word);
        let most = (word.chars().count() + capitals).max(3) / 3;
        let known = self.known.iter().filter(|(it, _)| it.abs_diff(length) <= most);
        let answer = closest(word, known.map(|(_, it)| it.as_str()));
        let mut answers = self.answers.write().unwrap_or_else(PoisonError::into_inner);
        // The words that a file repeats come early. Labels, which do not repeat, must not fill the
        // memory.
        if answers.len() < REMEMBERED {
            answers.insert(word.to_owned(), answer.clone());
        }
        answer
    }
}

fn letters(word: &str) -> usize {
    word.chars().filter(|it| !matches!(it, '_' | '-')).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_those_of_a_comparison_with_every_word() {
        const KNOWN: [&str; 6] =
            ["aws_db_instance", "password", "master_password", "content", "pin", "token"];
        let similar = SimilarWords::new(KNOWN);
        for word in [
            "pasword",
            "passwordx",
            "masterPassword",
            "master-pasword",
            "tokn",
            "pn",
            "PIN",
            "x",
            "awsDbInstance",
            "aws_dbinstance",
            "aws_instance",
            "contents",
            "ctnt",
            "token",
        ] {
            for _ in 0..2 {
                assert_eq!(similar.closest(word), closest(word, KNOWN), "{word}");
            }
        }
    }
}
