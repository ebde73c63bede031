//! CIDR blocks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A CIDR block in normal form: no bits set behind the prefix, IPv6 in its shortest form. AWS
/// returns blocks so, and any other spelling would be a difference in each plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct CidrBlock {
    base: IpAddr,
    prefix: u8,
}

impl CidrBlock {
    /// Whether it is an IPv6 block.
    pub(crate) fn is_ipv6(self) -> bool {
        self.base.is_ipv6()
    }
}

impl FromStr for CidrBlock {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("`{text}` is not a CIDR block; one looks like 10.0.0.0/16 or 2001:db8::/32");
        let (base, prefix) = text.trim().split_once('/').ok_or_else(wrong)?;
        let base: IpAddr = base.parse().map_err(|_| wrong())?;
        let prefix: u8 = prefix.parse().map_err(|_| wrong())?;
        let base = match base {
            IpAddr::V4(it) if prefix <= 32 => {
                // A shift by the full width overflows; the mask of /0 is 0.
                let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V4(Ipv4Addr::from_bits(it.to_bits() & mask))
            }
            IpAddr::V6(it) if prefix <= 128 => {
                let mask = u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0);
                IpAddr::V6(Ipv6Addr::from_bits(it.to_bits() & mask))
            }
            _ => return Err(wrong()),
        };
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for CidrBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

impl Serialize for CidrBlock {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CidrBlock {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

crate::string_schema::string_schema!(CidrBlock);

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> String {
        text.parse::<CidrBlock>().unwrap().to_string()
    }

    #[test]
    fn equal_blocks_are_written_alike() {
        assert_eq!(normal("10.1.2.3/16"), "10.1.0.0/16");
        assert_eq!(normal("0.0.0.0/0"), "0.0.0.0/0");
        assert_eq!(normal("2001:0DB8:0:0::1/32"), "2001:db8::/32");
        assert_eq!(normal("::/0"), "::/0");
        assert_eq!(normal("10.0.0.7/32"), "10.0.0.7/32");
    }

    #[test]
    fn refuses_what_is_no_cidr_block() {
        for text in ["10.0.0.0", "10.0.0.0/33", "::/129", "a/8", "10.0.0/8", ""] {
            assert!(text.parse::<CidrBlock>().is_err(), "{text}");
        }
    }
}
