//! Addresses of blocks and instances, as in Terraform: `module.db["a"].aws_s3_bucket.site[0]`.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Number;
use crate::value::Name;

/// Whether `ha` manages a resource or only reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceMode {
    /// Of a `resource` block: created, updated and deleted.
    Managed,
    /// Of a `data` block: only read.
    Data,
}

/// Identifies one instance of a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceKey {
    /// The only instance of a block without `count` and `for_each`.
    None,
    /// An instance of `count`, from 0.
    Index(u64),
    /// An instance of `for_each`, by its key.
    Name(Name),
}

impl InstanceKey {
    /// Whether an index of an expression selects this key. A number and a string with the same
    /// digits are equal here, because the language converts the index to the type of the
    /// collection.
    #[must_use]
    pub fn is_indexed_by(&self, index: &InstanceKey) -> bool {
        match (self, index) {
            (InstanceKey::Index(own), InstanceKey::Name(text)) => {
                // Parsed as a number of the language, so that `"1.0"` selects the instance 1 as
                // well.
                text.parse::<Number>().is_ok_and(|it| it.as_i64() == i64::try_from(*own).ok())
            }
            (InstanceKey::Name(own), InstanceKey::Index(number)) => **own == number.to_string(),
            _ => self == index,
        }
    }
}

/// The address of a resource or data block, with all its instances.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockAddress {
    /// The module instance that contains the block, outermost module first; empty for the root
    /// module.
    pub module: Arc<[(Name, InstanceKey)]>,
    /// Whether the block is a `resource` or a `data` block.
    pub mode: ResourceMode,
    /// The kind (resource type), such as `aws_s3_bucket`.
    pub kind: Name,
    /// The name of the block.
    pub name: Name,
}

/// The address of one instance of a resource or data block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The block of the instance.
    pub block: BlockAddress,
    /// The key of the instance.
    pub key: InstanceKey,
}

/// The address of a module, a block or an instance, as `moved` blocks and `--target` take it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetAddress {
    /// The modules, outermost first. A module without a key means all its instances.
    pub module: Arc<[(Name, InstanceKey)]>,
    /// The block inside the module, by mode, kind and name; `None` for the module itself.
    pub block: Option<(ResourceMode, Name, Name)>,
    /// The key of the instance; `InstanceKey::None` means all instances.
    pub key: InstanceKey,
}

impl TargetAddress {
    /// Whether an instance is the target or is contained in it.
    #[must_use]
    pub fn contains(&self, address: &Address) -> bool {
        let module_matches =
            |((name, key), (own, own_key)): (&(Name, InstanceKey), &(Name, InstanceKey))| {
                name == own && (*key == InstanceKey::None || key == own_key)
            };
        let inside = address.block.module.len() >= self.module.len()
            && self.module.iter().zip(address.block.module.iter()).all(module_matches);
        inside
            && match &self.block {
                None => true,
                Some((mode, kind, name)) => {
                    address.block.module.len() == self.module.len()
                        && (address.block.mode, &address.block.kind, &address.block.name)
                            == (*mode, kind, name)
                        && (self.key == InstanceKey::None || self.key == address.key)
                }
            }
    }

    /// The address as seen from the root, where `self` is relative to the module instance `outer`.
    #[must_use]
    pub fn within(&self, outer: &[(Name, InstanceKey)]) -> Self {
        Self { module: outer.iter().chain(self.module.iter()).cloned().collect(), ..self.clone() }
    }
}

impl From<Address> for TargetAddress {
    fn from(address: Address) -> Self {
        let Address { block, key } = address;
        Self { module: block.module, block: Some((block.mode, block.kind, block.name)), key }
    }
}

impl Address {
    /// The address in characters that every service accepts in a tag value, cut to 256 bytes. Other
    /// characters become `_`, so that two addresses may be written alike.
    #[must_use]
    pub fn in_plain_letters(&self) -> String {
        let mut written = String::new();
        for c in self.to_string().chars() {
            match c {
                '[' => written.push('/'),
                ']' | '"' => {}
                c if c.is_ascii_alphanumeric() || "+-=._:/@ ".contains(c) => written.push(c),
                _ => written.push('_'),
            }
        }
        written.truncate(MAX_TAG_LENGTH);
        written
    }

    /// Parses the result of [`Self::in_plain_letters`]; `None` where it is not an address. A key of
    /// digits is read as an index, as the quotes are lost.
    #[must_use]
    pub fn from_plain_letters(written: &str) -> Option<Self> {
        let key = |text: &str| {
            text.parse().map_or_else(|_| InstanceKey::Name(text.into()), InstanceKey::Index)
        };
        let keyed = |text: &str| match text.split_once('/') {
            Some((name, of)) => (Name::from(name), key(of)),
            None => (Name::from(text), InstanceKey::None),
        };
        let (mut module, mut rest) = (Vec::new(), written);
        while let Some((step, inside)) =
            rest.strip_prefix("module.").and_then(|it| it.split_once('.'))
        {
            module.push(keyed(step));
            rest = inside;
        }
        let (kind, name) = rest.split_once('.')?;
        let (name, key) = keyed(name);
        let address = BlockAddress {
            module: module.into(),
            mode: ResourceMode::Managed,
            kind: kind.into(),
            name,
        }
        .instance(key);
        // A name with a dot or a space in it would give an address that cannot be parsed again.
        address.to_string().parse::<Self>().is_ok_and(|it| it == address).then_some(address)
    }
}

/// Longest tag value, in bytes: EC2 and S3 accept 256 characters, and all that are written here are
/// ASCII.
const MAX_TAG_LENGTH: usize = 256;

impl BlockAddress {
    /// The address of a block of the root module.
    #[must_use]
    pub fn root(mode: ResourceMode, kind: impl Into<Name>, name: impl Into<Name>) -> Self {
        Self { module: Arc::new([]), mode, kind: kind.into(), name: name.into() }
    }

    /// The address of one instance of the block.
    #[must_use]
    pub fn instance(&self, key: InstanceKey) -> Address {
        Address { block: self.clone(), key }
    }
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstanceKey::None => Ok(()),
            InstanceKey::Index(index) => write!(f, "[{index}]"),
            InstanceKey::Name(name) => write!(f, "[{}]", QuotedString(name)),
        }
    }
}

/// A string in quotes, with the escapes of the language.
struct QuotedString<'a>(&'a str);

impl fmt::Display for QuotedString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for c in self.0.chars() {
            match c {
                '"' => f.write_str("\\\"")?,
                '\\' => f.write_str("\\\\")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => write!(f, "{c}")?,
            }
        }
        f.write_str("\"")
    }
}

impl fmt::Display for BlockAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, key) in self.module.iter() {
            write!(f, "module.{name}{key}.")?;
        }
        if self.mode == ResourceMode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{}.{}", self.kind, self.name)
    }
}

impl fmt::Display for TargetAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, key)) in self.module.iter().enumerate() {
            let dot = if place == 0 { "" } else { "." };
            write!(f, "{dot}module.{name}{key}")?;
        }
        let Some((mode, kind, name)) = &self.block else { return Ok(()) };
        if !self.module.is_empty() {
            f.write_str(".")?;
        }
        if *mode == ResourceMode::Data {
            f.write_str("data.")?;
        }
        write!(f, "{kind}.{name}{}", self.key)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.block, self.key)
    }
}

/// The error of a string that is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressParseError;

impl fmt::Display for AddressParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "an address looks like `aws_s3_bucket.site`, `mongodb_host.db[\"a\"]` or \
            `module.m.data.aws_vpc.main`",
        )
    }
}

impl std::error::Error for AddressParseError {}

impl FromStr for Address {
    type Err = AddressParseError;

    fn from_str(text: &str) -> Result<Self, AddressParseError> {
        let TargetAddress { module, block, key } = text.parse()?;
        let (mode, kind, name) = block.ok_or(AddressParseError)?;
        Ok(BlockAddress { module, mode, kind, name }.instance(key))
    }
}

impl FromStr for TargetAddress {
    type Err = AddressParseError;

    fn from_str(text: &str) -> Result<Self, AddressParseError> {
        let mut steps = split_steps(text).ok_or(AddressParseError)?.into_iter().peekable();
        let mut module = Vec::new();
        // `module` and `data` are reserved and cannot be kinds, so the grammar is unambiguous
        // without look-ahead.
        while steps.next_if(|(name, key)| name == "module" && *key == InstanceKey::None).is_some() {
            let (name, key) = steps.next().ok_or(AddressParseError)?;
            module.push((Name::from(name), key));
        }
        let module = Arc::from(module);
        let Some((mut kind, mut key)) = steps.next() else {
            return Ok(Self { module, block: None, key: InstanceKey::None });
        };
        let mode = if kind == "data" { ResourceMode::Data } else { ResourceMode::Managed };
        if mode == ResourceMode::Data {
            (kind, key) = steps.next().ok_or(AddressParseError)?;
        }
        let (name, last) = steps.next().ok_or(AddressParseError)?;
        if key != InstanceKey::None || steps.next().is_some() {
            return Err(AddressParseError);
        }
        Ok(Self { module, block: Some((mode, kind.into(), name.into())), key: last })
    }
}

/// The names between dots, each with the key that follows it.
fn split_steps(text: &str) -> Option<Vec<(String, InstanceKey)>> {
    let mut steps = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        if name.is_empty() || name.contains(char::is_whitespace) {
            return None;
        }
        rest = behind;
        let mut key = InstanceKey::None;
        if let Some(inside) = rest.strip_prefix('[') {
            if let Some(quoted) = inside.strip_prefix('"') {
                let (name, behind) = unquote(quoted)?;
                key = InstanceKey::Name(name.into());
                rest = behind.strip_prefix(']')?;
            } else {
                let (index, behind) = inside.split_once(']')?;
                key = InstanceKey::Index(index.parse().ok()?);
                rest = behind;
            }
        }
        steps.push((name.to_owned(), key));
        match rest.strip_prefix('.') {
            Some(behind) => rest = behind,
            None if rest.is_empty() => return Some(steps),
            None => return None,
        }
    }
}

/// The content of a quoted string whose opening quote is consumed, and the text behind the closing
/// one.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut name = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((name, &text[at + 1..])),
            '\\' => name.push(match chars.next()?.1 {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                c => c,
            }),
            c => name.push(c),
        }
    }
    None
}

macro_rules! as_text {
    ($($ty:ident),*) => {$(
        impl Serialize for $ty {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
as_text!(Address, BlockAddress);

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for BlockAddress {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Address::deserialize(deserializer).map(|it| it.block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_what_it_displays() {
        for text in ["a.b", "a.b[3]", "data.a.b[\"x.y\\\"]\"]", "module.m[\"k\"].module.n.data.a.b"]
        {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["", "a", "a.b.c", "a.b[", "a..b", "a[0].b", "module.m", "module[0].m.a.b"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn plain_letters_parse_back_where_nothing_was_lost() {
        let written = |text: &str| text.parse::<Address>().unwrap().in_plain_letters();
        assert_eq!(
            written("module.m[0].aws_s3_bucket.a[\"x y$\"]"),
            "module.m/0.aws_s3_bucket.a/x y_"
        );
        assert_eq!(written(&format!("a.b[\"{}\"]", "x".repeat(300))).len(), 256);
        for text in
            ["a.b", "a.b[3]", "a.b[\"settings.conf\"]", "module.m[\"k\"].module.n.a.b[\"x/y z\"]"]
        {
            assert_eq!(Address::from_plain_letters(&written(text)).unwrap().to_string(), text);
        }
        for text in ["", "a", "module.m", "a.", ".b"] {
            assert_eq!(Address::from_plain_letters(text), None, "{text}");
        }
    }

    #[test]
    fn a_target_contains_the_instances_below_it() {
        let holds = |place: &str, address: &str| {
            place.parse::<TargetAddress>().unwrap().contains(&address.parse().unwrap())
        };
        for place in [
            "module.m",
            "module.m[\"k\"].module.n",
            "module.m.module.n[1].a.b",
            "module.m.module.n.a.b[0]",
        ] {
            assert_eq!(place.parse::<TargetAddress>().unwrap().to_string(), place);
            assert!(holds(place, "module.m[\"k\"].module.n[1].a.b[0]"), "{place}");
        }
        for place in [
            "module.n",
            "module.m[\"l\"]",
            "module.m.a.b",
            "a.b",
            "module.m.module.n.a.b[1]",
            "module.m.module.n.a.c",
        ] {
            assert!(!holds(place, "module.m[\"k\"].module.n[1].a.b[0]"), "{place}");
        }
    }
}
