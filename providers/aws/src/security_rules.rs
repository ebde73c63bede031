//! Single rules of security groups as EC2 stores them: one protocol, one range of ports, one peer.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{IpPermission, IpRange, Ipv6Range, PrefixListId, UserIdGroupPair};
use serde::{Deserialize, Deserializer, Serialize};

use crate::cidr::CidrBlock;

/// A protocol by the name that EC2 returns.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub(crate) struct IpProtocol(String);

impl IpProtocol {
    /// The protocol with this name or number.
    pub(crate) fn new(text: &str) -> Self {
        let text = text.trim().to_lowercase();
        Self(match text.as_str() {
            "all" => "-1".into(),
            "6" => "tcp".into(),
            "17" => "udp".into(),
            "1" => "icmp".into(),
            "58" => "icmpv6".into(),
            _ => text,
        })
    }

    /// Name of the protocol; `-1` for all.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it means all protocols.
    pub(crate) fn is_any(&self) -> bool {
        self.0 == "-1"
    }
}

impl<'de> Deserialize<'de> for IpProtocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::new(&String::deserialize(deserializer)?))
    }
}

crate::string_schema::string_schema!(IpProtocol);

/// The peer of a rule: the source of ingress or the destination of egress traffic.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RulePeer {
    /// An address range.
    Block(CidrBlock),
    /// The members of the security group with this id.
    Group(String),
    /// The address ranges of the prefix list with this id.
    List(String),
}

impl RulePeer {
    /// The peer, for a message.
    pub(crate) fn written(&self) -> String {
        match self {
            Self::Block(block) => block.to_string(),
            Self::Group(name) | Self::List(name) => name.clone(),
        }
    }
}

/// A problem of a rule's description.
pub(crate) fn described(text: &str) -> Option<String> {
    let odd = text
        .chars()
        .find(|it| !(it.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*it)));
    match odd {
        Some(odd) => Some(format!("EC2 takes no `{odd}` in the description of a rule")),
        None => (text.len() > 255).then(|| {
            format!("the description of a rule has at most 255 characters, not {}", text.len())
        }),
    }
}

/// A problem of a protocol and its ports, or ICMP type and code.
pub(crate) fn protocol(protocol: &IpProtocol, ports: Option<(i32, i32)>) -> Option<String> {
    match (protocol.as_str(), ports) {
        ("tcp" | "udp" | "-1", _) => None,
        ("icmp" | "icmpv6", Some((ty, code)))
            if [ty, code].iter().any(|it| !(-1..=255).contains(it)) =>
        {
            Some(format!("types and codes of {} go from -1, for all, to 255", protocol.as_str()))
        }
        ("icmp" | "icmpv6", Some((-1, code))) if code != -1 => {
            Some("all types have all codes: with type -1 the code is -1".into())
        }
        ("icmp" | "icmpv6", _) => None,
        (text, _) if text.parse::<u8>().is_ok() => None,
        (text, _) => Some(format!(
            "a protocol is `tcp`, `udp`, `icmp`, `icmpv6`, a number from 0 to 255, or `-1` for all, not `{text}`"
        )),
    }
}

/// One rule as EC2 stores it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ec2Rule {
    pub(crate) protocol: IpProtocol,
    /// First and last port, or ICMP type and code; `None` for all protocols.
    pub(crate) ports: Option<(i32, i32)>,
    pub(crate) peer: RulePeer,
    pub(crate) description: String,
}

impl Ec2Rule {
    /// The protocol and the ports, for a message: `tcp 443-443`.
    pub(crate) fn traffic(&self) -> String {
        match self.ports {
            Some((from, to)) => format!("{} {from}-{to}", self.protocol.as_str()),
            None => self.protocol.as_str().to_owned(),
        }
    }

    /// The rule for a request.
    pub(crate) fn permission(&self) -> IpPermission {
        let described = (!self.description.is_empty()).then(|| self.description.clone());
        let permission = IpPermission::builder()
            .ip_protocol(self.protocol.as_str())
            .set_from_port(self.ports.map(|it| it.0))
            .set_to_port(self.ports.map(|it| it.1));
        match &self.peer {
            RulePeer::Block(block) if block.is_ipv6() => {
                let range =
                    Ipv6Range::builder().cidr_ipv6(block.to_string()).set_description(described);
                permission.ipv6_ranges(range.build())
            }
            RulePeer::Block(block) => {
                let range =
                    IpRange::builder().cidr_ip(block.to_string()).set_description(described);
                permission.ip_ranges(range.build())
            }
            RulePeer::Group(group) => {
                let pair = UserIdGroupPair::builder().group_id(group).set_description(described);
                permission.user_id_group_pairs(pair.build())
            }
            RulePeer::List(list) => {
                let list = PrefixListId::builder().prefix_list_id(list).set_description(described);
                permission.prefix_list_ids(list.build())
            }
        }
        .build()
    }
}

/// The single rules in a response of EC2.
pub(crate) fn atoms(permissions: &[IpPermission]) -> BTreeSet<Ec2Rule> {
    permissions.iter().flat_map(atoms_of).collect()
}

fn atoms_of(permission: &IpPermission) -> Vec<Ec2Rule> {
    let protocol = IpProtocol::new(permission.ip_protocol().unwrap_or("-1"));
    let ports = permission.from_port().zip(permission.to_port()).filter(|_| !protocol.is_any());
    let atom = |peer: RulePeer, description: Option<&str>| Ec2Rule {
        protocol: protocol.clone(),
        ports,
        peer,
        description: description.unwrap_or_default().to_owned(),
    };
    let block = |text: Option<&str>| text.and_then(|it| it.parse().ok()).map(RulePeer::Block);
    let ranges = permission
        .ip_ranges()
        .iter()
        .filter_map(|it| Some(atom(block(it.cidr_ip())?, it.description())));
    let wider = permission
        .ipv6_ranges()
        .iter()
        .filter_map(|it| Some(atom(block(it.cidr_ipv6())?, it.description())));
    let pairs = permission.user_id_group_pairs().iter();
    let groups = pairs.map(|it| {
        atom(RulePeer::Group(it.group_id().unwrap_or_default().to_owned()), it.description())
    });
    let lists = permission.prefix_list_ids().iter();
    let lists = lists.map(|it| {
        atom(RulePeer::List(it.prefix_list_id().unwrap_or_default().to_owned()), it.description())
    });
    ranges.chain(wider).chain(groups).chain(lists).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_survives_the_way_to_ec2_and_back() {
        let rules: BTreeSet<Ec2Rule> = [
            ("tcp", Some((443, 443)), RulePeer::Block("10.0.0.0/8".parse().unwrap()), "inside"),
            ("tcp", Some((443, 443)), RulePeer::Block("2001:db8::/32".parse().unwrap()), ""),
            ("-1", None, RulePeer::Group("sg-1".into()), "ours"),
            ("icmp", Some((-1, -1)), RulePeer::List("pl-1".into()), ""),
        ]
        .into_iter()
        .map(|(protocol, ports, peer, description)| Ec2Rule {
            protocol: IpProtocol::new(protocol),
            ports,
            peer,
            description: description.into(),
        })
        .collect();
        let permissions: Vec<IpPermission> = rules.iter().map(Ec2Rule::permission).collect();
        assert_eq!(atoms(&permissions), rules);
    }

    #[test]
    fn numbers_of_protocols_are_their_names() {
        assert_eq!(IpProtocol::new("6"), IpProtocol::new("TCP"));
        assert!(IpProtocol::new("all").is_any());
    }
}
