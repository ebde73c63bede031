//! The operator's selection: `--target` and `--exclude` as data.

use std::fmt;
use std::str::FromStr;

use ha_value::{Address, BlockAddress, InstanceKey, Name, ResourceMode};
use serde::{Deserialize, Serialize};

/// The instances that a plan covers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Patterns to include, with everything that these instances depend on; all instances when
    /// empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<AddressPattern>,
    /// Patterns to exclude, with everything that depends on these instances.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excludes: Vec<AddressPattern>,
}

impl Selection {
    /// Whether nothing is left out.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.targets.is_empty() && self.excludes.is_empty()
    }

    /// Returns all patterns.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = &AddressPattern> {
        self.targets.iter().chain(&self.excludes)
    }
}

/// A pattern for instances: `aws_s3_bucket.site`, `aws_s3_*.*`, `module.db`, `module.db.*`,
/// `module.host["a"].data.*`, `mongodb_host.db[0]`, or a kind alone, in any module. A `*` matches
/// any characters of a name. Without a key all instances match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressPattern {
    written: String,
    module: Vec<(NameGlob, KeyPattern)>,
    what: PatternTarget,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PatternTarget {
    /// Everything in the module and below.
    All,
    /// All resources or all data sources in the module and below.
    Mode(ResourceMode),
    /// All blocks of a kind in the module and below.
    Kind(ResourceMode, NameGlob),
    /// Blocks of the module.
    Block { mode: ResourceMode, kind: NameGlob, name: NameGlob, key: KeyPattern },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum KeyPattern {
    Any,
    Index(u64),
    Name(NameGlob),
}

/// A name in which `*` matches any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NameGlob(String);

/// How many of several instances a pattern matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Coverage {
    Nothing,
    Some,
    All,
}

impl AddressPattern {
    /// Whether an instance matches.
    #[must_use]
    pub fn matches(&self, address: &Address) -> bool {
        let names: Vec<&Name> = address.block.module.iter().map(|(name, _)| name).collect();
        let keys_match =
            |((_, pattern), (_, key)): (&(NameGlob, KeyPattern), &(Name, InstanceKey))| {
                pattern.matches(key)
            };
        self.extent(&names, &address.block) > Coverage::Nothing
            && self.module.iter().zip(address.block.module.iter()).all(keys_match)
            && match &self.what {
                PatternTarget::Block { key, .. } => key.matches(&address.key),
                _ => true,
            }
    }

    /// Whether the pattern means whole modules.
    pub(crate) fn is_module(&self) -> bool {
        self.what == PatternTarget::All
    }

    /// Returns how many instances of a module match as a whole.
    pub(crate) fn extent_of_module<N: AsRef<str>>(&self, module: &[N]) -> Coverage {
        let is_below = self.is_module()
            && !self.module.is_empty()
            && module.len() >= self.module.len()
            && self
                .module
                .iter()
                .zip(module)
                .all(|((pattern, _), name)| pattern.matches(name.as_ref()));
        match (is_below, self.module.iter().all(|(_, key)| *key == KeyPattern::Any)) {
            (false, _) => Coverage::Nothing,
            (true, false) => Coverage::Some,
            (true, true) => Coverage::All,
        }
    }

    /// Returns how many instances of a block match; `module` holds the names of its modules.
    pub(crate) fn extent<N: AsRef<str>>(&self, module: &[N], block: &BlockAddress) -> Coverage {
        let BlockAddress { mode, kind, name, .. } = block;
        let is_below = module.len() >= self.module.len()
            && self
                .module
                .iter()
                .zip(module)
                .all(|((pattern, _), name)| pattern.matches(name.as_ref()));
        let is_meant = match &self.what {
            PatternTarget::All => true,
            PatternTarget::Mode(of) => of == mode,
            PatternTarget::Kind(of, pattern) => of == mode && pattern.matches(kind),
            PatternTarget::Block { mode: of, kind: kinds, name: names, .. } => {
                module.len() == self.module.len()
                    && of == mode
                    && kinds.matches(kind)
                    && names.matches(name)
            }
        };
        let own = if let PatternTarget::Block { key, .. } = &self.what { Some(key) } else { None };
        let mut keys = self.module.iter().map(|(_, key)| key).chain(own);
        match (is_below && is_meant, keys.all(|it| *it == KeyPattern::Any)) {
            (false, _) => Coverage::Nothing,
            (true, false) => Coverage::Some,
            (true, true) => Coverage::All,
        }
    }
}

impl KeyPattern {
    fn matches(&self, key: &InstanceKey) -> bool {
        match (self, key) {
            (KeyPattern::Any, _) => true,
            (KeyPattern::Index(pattern), InstanceKey::Index(index)) => pattern == index,
            (KeyPattern::Name(pattern), InstanceKey::Name(name)) => pattern.matches(name),
            _ => false,
        }
    }
}

impl NameGlob {
    fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else { return self.0 == text };
        let Some(mut text) = text.strip_prefix(first) else { return false };
        let mut pieces: Vec<&str> = rest.split('*').collect();
        let last = pieces.pop().expect("a split has a last piece");
        // Matching each piece at its first position leaves the longest rest for the pieces behind,
        // so no backtracking is needed.
        for piece in pieces {
            match text.find(piece) {
                Some(at) => text = &text[at + piece.len()..],
                None => return false,
            }
        }
        text.ends_with(last)
    }
}

/// A string that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternParseError;

impl fmt::Display for PatternParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write `aws_s3_bucket.site`, `aws_s3_*.*`, `module.db`, `module.db.*`, `mongodb_host.db[\"a\"]` or a kind")
    }
}

impl std::error::Error for PatternParseError {}

impl FromStr for AddressPattern {
    type Err = PatternParseError;

    fn from_str(text: &str) -> Result<Self, PatternParseError> {
        let mut steps = steps(text)?.into_iter().peekable();
        let mut module = Vec::new();
        while steps.next_if(|(name, key)| name == "module" && *key == KeyPattern::Any).is_some() {
            let (name, key) = steps.next().ok_or(PatternParseError)?;
            module.push((NameGlob(name), key));
        }
        let mode = steps
            .next_if(|(name, key)| name == "data" && *key == KeyPattern::Any)
            .map(|_| ResourceMode::Data);
        let what = match (steps.next(), steps.next(), steps.next()) {
            (None, None, None) => match mode {
                None if !module.is_empty() => PatternTarget::All,
                None => return Err(PatternParseError),
                Some(mode) => PatternTarget::Mode(mode),
            },
            (Some((name, KeyPattern::Any)), None, None) if name == "*" => {
                mode.map_or(PatternTarget::All, PatternTarget::Mode)
            }
            (Some((kind, KeyPattern::Any)), None, None) => {
                PatternTarget::Kind(mode.unwrap_or(ResourceMode::Managed), NameGlob(kind))
            }
            (Some((kind, KeyPattern::Any)), Some((name, key)), None) => PatternTarget::Block {
                mode: mode.unwrap_or(ResourceMode::Managed),
                kind: NameGlob(kind),
                name: NameGlob(name),
                key,
            },
            _ => return Err(PatternParseError),
        };
        Ok(Self { written: text.to_owned(), module, what })
    }
}

/// Splits a pattern at its dots into names and keys.
fn steps(text: &str) -> Result<Vec<(String, KeyPattern)>, PatternParseError> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let (name, behind) = rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len()));
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || c == ']' || c == '"') {
            return Err(PatternParseError);
        }
        let (key, behind) = key(behind)?;
        steps.push((name.to_owned(), key));
        match behind.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if behind.is_empty() => return Ok(steps),
            None => return Err(PatternParseError),
        }
    }
}

/// Parses the key in brackets at the beginning of a string, and returns the rest.
fn key(text: &str) -> Result<(KeyPattern, &str), PatternParseError> {
    let Some(inside) = text.strip_prefix('[') else { return Ok((KeyPattern::Any, text)) };
    if let Some(behind) = inside.strip_prefix("*]") {
        return Ok((KeyPattern::Any, behind));
    }
    let Some(quoted) = inside.strip_prefix('"') else {
        let (index, behind) = inside.split_once(']').ok_or(PatternParseError)?;
        return Ok((KeyPattern::Index(index.parse().map_err(|_| PatternParseError)?), behind));
    };
    let (mut name, mut escaped) = (String::new(), false);
    for (at, c) in quoted.char_indices() {
        match c {
            '"' if !escaped => {
                let behind = quoted[at + 1..].strip_prefix(']').ok_or(PatternParseError)?;
                return Ok((KeyPattern::Name(NameGlob(name)), behind));
            }
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            c => name.push(c),
        }
        escaped = false;
    }
    Err(PatternParseError)
}

impl fmt::Display for AddressPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl Serialize for AddressPattern {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for AddressPattern {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &str) -> Vec<&'static str> {
        let all = [
            "a_x.one",
            "a_y.one[0]",
            "a_y.one[1]",
            "b.two[\"k.1\"]",
            "data.b.two",
            "module.m.a_x.one",
            "module.m.module.n[\"p\"].a_x.one",
            "module.n[0].b.two",
        ];
        let pattern: AddressPattern = pattern.parse().unwrap();
        all.into_iter().filter(|it| pattern.matches(&it.parse().unwrap())).collect()
    }

    #[test]
    fn patterns_match_the_instances_that_they_name() {
        assert_eq!(matched("a_x.one"), ["a_x.one"]);
        assert_eq!(matched("a_*.*"), ["a_x.one", "a_y.one[0]", "a_y.one[1]"]);
        assert_eq!(matched("a_y.one[1]"), ["a_y.one[1]"]);
        assert_eq!(matched("b.two[\"k.*\"]"), ["b.two[\"k.1\"]"]);
        assert_eq!(matched("b.two[0]"), [""; 0]);
        assert_eq!(
            matched("a_x"),
            ["a_x.one", "module.m.a_x.one", "module.m.module.n[\"p\"].a_x.one"]
        );
        assert_eq!(matched("data.*"), ["data.b.two"]);
        assert_eq!(matched("data.b.*"), ["data.b.two"]);
        assert_eq!(matched("module.m"), ["module.m.a_x.one", "module.m.module.n[\"p\"].a_x.one"]);
        assert_eq!(matched("module.m.*"), matched("module.m"));
        assert_eq!(matched("module.*.a_x.*"), ["module.m.a_x.one"]);
        assert_eq!(
            matched("module.*"),
            ["module.m.a_x.one", "module.m.module.n[\"p\"].a_x.one", "module.n[0].b.two"]
        );
        assert_eq!(matched("module.n[0]"), ["module.n[0].b.two"]);
        assert_eq!(matched("module.n[1].b.two"), [""; 0]);
        assert_eq!(matched("module.m.module.n[\"*\"].a_x"), ["module.m.module.n[\"p\"].a_x.one"]);
        assert_eq!(matched("*").len(), 8);
    }

    #[test]
    fn rejects_strings_that_are_no_patterns() {
        for text in [
            "", ".", "a.", "a.b.c", "a[0].b", "module", "a.b[", "a.b[x]", "a b.c", "a.b[\"x]",
            "a.b]",
        ] {
            assert_eq!(text.parse::<AddressPattern>(), Err(PatternParseError), "{text}");
        }
        let pattern: AddressPattern = "module.m[\"a\\\"b\"].x.*".parse().unwrap();
        assert_eq!(pattern.to_string(), "module.m[\"a\\\"b\"].x.*");
    }

    #[test]
    fn a_star_matches_any_characters() {
        let matches = |pattern: &str, text: &str| NameGlob(pattern.into()).matches(text);
        assert!(
            matches("a*b*c", "aXbYbZc")
                && matches("*", "")
                && matches("a*", "a")
                && matches("*b", "ab")
        );
        assert!(!matches("a*a", "a") && !matches("a*b*c", "acb") && !matches("a", "ab"));
    }
}
