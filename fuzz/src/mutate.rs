//! Mutations of inputs.

use crate::chance::RandomSequence;

/// The longest input in bytes.
const LONGEST: usize = 16 * 1024;

/// Returns a mutation of `seed`, which may have parts of `other` and of `words`.
pub(crate) fn mutated(
    seed: &[u8],
    other: &[u8],
    words: &[&str],
    chance: &mut RandomSequence,
) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=chance.below(6) {
        change(&mut bytes, other, words, chance);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], words: &[&str], chance: &mut RandomSequence) {
    let at = chance.below(bytes.len() + 1);
    let stretch = chance.stretch(bytes.len());
    match chance.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << chance.below(8),
        1 if at < bytes.len() => bytes[at] = chance.number().to_le_bytes()[0],
        2 => drop(bytes.drain(stretch)),
        3 => {
            let copy = bytes[stretch].to_vec();
            bytes.splice(at..at, copy);
        }
        4 => {
            let part = other[chance.stretch(other.len())].to_vec();
            bytes.splice(at..at, part);
        }
        5 => {
            let part = other[chance.stretch(other.len())].to_vec();
            bytes.splice(stretch, part);
        }
        6 if chance.below(8) == 0 => bytes.truncate(at),
        7 if chance.below(8) == 0 && !stretch.is_empty() => {
            let many = bytes[stretch].repeat(chance.below(300));
            bytes.splice(at..at, many);
        }
        _ => {
            let word = words[chance.below(words.len())];
            bytes.splice(at..at, word.bytes());
        }
    }
}
