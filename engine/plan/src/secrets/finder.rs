//! Search for many strings at once.

use std::collections::HashMap;
use std::ops::Range;

/// A string to search for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SecretPattern {
    pub(super) text: String,
    pub(super) bounds: MatchBounds,
}

/// Where a match counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MatchBounds {
    /// Everywhere.
    Anywhere,
    /// Where neither neighbour is a letter or digit.
    Word,
    /// Everywhere; the first and last character are not part of the match.
    Inside,
}

impl SecretPattern {
    pub(super) fn anywhere(text: String) -> Self {
        Self { text, bounds: MatchBounds::Anywhere }
    }

    pub(super) fn inside(text: String) -> Self {
        Self { text, bounds: MatchBounds::Inside }
    }
}

/// The length of the prefix by which most patterns can be distinguished.
const HEAD: usize = 8;
/// The length of the shortest pattern: one character between quotes.
const SHORT_HEAD: usize = 3;

/// Patterns by their prefixes. Building this is far cheaper than an automaton for tens of
/// thousands of patterns.
#[derive(Default)]
pub(super) struct SecretFinder {
    long: PrefixTable<HEAD>,
    short: PrefixTable<SHORT_HEAD>,
}

#[derive(Default)]
struct PrefixTable<const N: usize> {
    patterns: HashMap<[u8; N], Vec<SecretPattern>>,
    /// Whether some prefix has a digest: most positions of a string need no lookup.
    digests: Vec<bool>,
}

impl SecretFinder {
    pub(super) fn is_empty(&self) -> bool {
        self.long.patterns.is_empty() && self.short.patterns.is_empty()
    }

    /// Returns all matches, overlapping ones included.
    pub(super) fn places(&self, text: &str) -> Vec<Range<usize>> {
        let mut places = Vec::new();
        self.long.find(text, &mut places);
        self.short.find(text, &mut places);
        places
    }
}

impl FromIterator<SecretPattern> for SecretFinder {
    fn from_iter<T: IntoIterator<Item = SecretPattern>>(patterns: T) -> Self {
        let mut finder = Self::default();
        for pattern in patterns {
            if let Err(pattern) = finder.long.put(pattern) {
                // Patterns shorter than three bytes never arise: `spellings` quotes short secrets.
                let _ = finder.short.put(pattern);
            }
        }
        finder.long.finish();
        finder.short.finish();
        finder
    }
}

impl<const N: usize> PrefixTable<N> {
    fn put(&mut self, pattern: SecretPattern) -> Result<(), SecretPattern> {
        let Some(head) = pattern.text.as_bytes().first_chunk::<N>().copied() else {
            return Err(pattern);
        };
        let same = self.patterns.entry(head).or_default();
        if !same.contains(&pattern) {
            same.push(pattern);
        }
        Ok(())
    }

    fn finish(&mut self) {
        // Sixteen times as many entries as patterns keep accidental matches near one in sixteen; a
        // power of two turns the remainder into a bit mask.
        self.digests = vec![false; (self.patterns.len() * 16).next_power_of_two()];
        for head in self.patterns.keys() {
            let digest = self.digest(head);
            self.digests[digest] = true;
        }
    }

    fn digest(&self, head: &[u8; N]) -> usize {
        let number = head.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // The upper half of the product depends on all bytes of the prefix.
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        usize::try_from(mixed).expect("32 bits fit") & (self.digests.len() - 1)
    }

    fn find(&self, text: &str, places: &mut Vec<Range<usize>>) {
        if self.patterns.is_empty() {
            return;
        }
        for (start, head) in text.as_bytes().windows(N).enumerate() {
            let head: &[u8; N] = head.try_into().expect("windows are as long as heads");
            let Some(patterns) =
                self.digests[self.digest(head)].then(|| self.patterns.get(head)).flatten()
            else {
                continue;
            };
            let fitting =
                |it: &&SecretPattern| text.as_bytes()[start..].starts_with(it.text.as_bytes());
            for pattern in patterns.iter().filter(fitting) {
                let whole = start..start + pattern.text.len();
                match pattern.bounds {
                    MatchBounds::Anywhere => places.push(whole),
                    MatchBounds::Word if is_word(text, &whole) => places.push(whole),
                    MatchBounds::Word => {}
                    MatchBounds::Inside => places.push(whole.start + 1..whole.end - 1),
                }
            }
        }
    }
}

fn is_word(text: &str, place: &Range<usize>) -> bool {
    let before = text[..place.start].chars().next_back();
    let behind = text[place.end..].chars().next();
    !before.into_iter().chain(behind).any(char::is_alphanumeric)
}
