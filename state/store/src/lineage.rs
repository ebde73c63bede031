//! Lineages: the identity of a state from its first frame to its last.

/// A random lineage for a new state. A plan that is made before its state exists has one, as does
/// its key; the first apply gives it to the state.
#[must_use]
pub fn new_lineage() -> String {
    let hex = random_hex(16);
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]);
    format!("{a}-{b}-{c}-{d}-{e}")
}

/// Whether a string may be a lineage. Key files are named by it, so it must hold no path
/// separators.
pub(crate) fn is_lineage(text: &str) -> bool {
    (8..=64).contains(&text.len())
        && text.bytes().all(|it| it.is_ascii_digit() || it.is_ascii_lowercase() || it == b'-')
}

/// So many random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut random = vec![0; bytes];
    rand::fill(random.as_mut_slice());
    to_hex(&random)
}

pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|it| [it >> 4, it & 15])
        .map(|it| char::from(DIGITS[usize::from(it)]))
        .collect()
}

pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lineages_differ_and_are_file_names() {
        assert_ne!(new_lineage(), new_lineage());
        assert!(is_lineage(&new_lineage()));
        for text in ["", "../../etc/passwd", "a/b-cdefgh", "ABCDEFGH", "12345678 "] {
            assert!(!is_lineage(text), "{text}");
        }
    }

    #[test]
    fn hexadecimal_parses_back() {
        assert_eq!(from_hex(&to_hex(&[0, 15, 16, 255])), Some(vec![0, 15, 16, 255]));
        assert_eq!(from_hex("0"), None);
        assert_eq!(from_hex("0g"), None);
    }
}
