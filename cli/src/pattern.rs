//! Addresses by what they look like: `module.db`, `aws_s3_bucket.*`, `mongodb_host.db["a"]`.

use std::fmt;
use std::str::FromStr;

use ha_kind::{Address, Place};

/// What addresses look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Pattern {
    /// All at a place and below it.
    Place(Place),
    /// All that are so written, `*` and `?` standing for anything, and all below those.
    Glob(String),
    /// All of a kind.
    Kind(String),
}

impl Pattern {
    /// Whether an address looks so.
    pub(crate) fn matches(&self, address: &Address) -> bool {
        match self {
            Pattern::Place(place) => place.contains(address),
            Pattern::Glob(glob) => {
                let text = address.to_string();
                // A name ends where the next one or a key begins.
                let ends = text.match_indices(['.', '[']).map(|(at, _)| at).chain([text.len()]);
                ends.into_iter().any(|end| is_like(glob.as_bytes(), &text.as_bytes()[..end]))
            }
            Pattern::Kind(kind) => *address.block.kind == **kind,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Place(place) => place.fmt(f),
            Pattern::Glob(text) | Pattern::Kind(text) => f.write_str(text),
        }
    }
}

impl FromStr for Pattern {
    type Err = ha_kind::NotAnAddress;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // A key between quotes is meant as it is.
        if text.split('"').step_by(2).any(|it| it.contains(['*', '?'])) {
            return Ok(Pattern::Glob(text.to_owned()));
        }
        if let Ok(place) = text.parse() {
            return Ok(Pattern::Place(place));
        }
        let kind = text.strip_suffix('.').unwrap_or(text);
        let is_name = !kind.is_empty() && kind.chars().all(|it| it.is_alphanumeric() || it == '_' || it == '-');
        if is_name { Ok(Pattern::Kind(kind.to_owned())) } else { Err(ha_kind::NotAnAddress) }
    }
}

/// Whether a text is like a pattern. Goes back to the last star only, so the work is bounded by one times the other.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut in_pattern, mut in_text) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while in_text < text.len() {
        match pattern.get(in_pattern) {
            Some(b'*') => {
                star = Some((in_pattern, in_text));
                in_pattern += 1;
            }
            Some(it) if *it == b'?' || *it == text[in_text] => {
                in_pattern += 1;
                in_text += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (in_pattern, in_text) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[in_pattern..].iter().all(|it| *it == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_by_place_kind_and_look() {
        let address = "module.m[\"k\"].mongodb_host.db[0]".parse().unwrap();
        let matches = |pattern: &str| pattern.parse::<Pattern>().unwrap().matches(&address);
        for pattern in
            ["module.m", "module.m[\"k\"].mongodb_host.db", "mongodb_host", "mongodb_host.", "*.mongodb_host.*", "module.?", "*"]
        {
            assert!(matches(pattern), "{pattern}");
        }
        for pattern in ["module.n", "mongodb_hos", "mongodb_host.db", "module.m*.mongodb_host.d", "?", "*[1]"] {
            assert!(!matches(pattern), "{pattern}");
        }
        assert!("a b".parse::<Pattern>().is_err() && "".parse::<Pattern>().is_err());
    }

    #[test]
    fn many_stars_take_no_time() {
        let address = ("a.".to_owned() + &"a".repeat(5_000)).parse().unwrap();
        assert!(!("*a".repeat(500) + "b").parse::<Pattern>().unwrap().matches(&address));
    }
}
