//! Rules as blocks of a configuration, each with several peers.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::ArgumentProblem;
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cidr::CidrBlock;
use crate::security_rules::{Ec2Rule, IpProtocol, RulePeer, described, protocol};

/// A block of rules that share protocol, ports and description.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(super) struct RuleBlock {
    /// First port; the ICMP type with `icmp`; 0 with all protocols.
    from_port: i32,
    /// Last port; the ICMP code with `icmp`; 0 with all protocols.
    to_port: i32,
    /// Protocol: `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    protocol: IpProtocol,
    /// IPv4 address ranges, in CIDR notation.
    #[serde(default)]
    cidr_blocks: BTreeSet<CidrBlock>,
    /// IPv6 address ranges, in CIDR notation.
    #[serde(default)]
    ipv6_cidr_blocks: BTreeSet<CidrBlock>,
    /// Ids of prefix lists.
    #[serde(default)]
    prefix_list_ids: BTreeSet<String>,
    /// Ids of security groups whose members are peers.
    #[serde(default)]
    security_groups: BTreeSet<String>,
    /// Whether members of this group itself are peers.
    #[serde(default, rename = "self")]
    own: bool,
    /// Description of the rules.
    #[serde(default)]
    description: String,
}

/// The single rules of EC2 that these blocks describe.
pub(super) fn single_rules(rules: &BTreeSet<RuleBlock>, own: &str) -> BTreeSet<Ec2Rule> {
    rules.iter().flat_map(|it| single_rules_of(it, own)).collect()
}

fn single_rules_of(rule: &RuleBlock, own: &str) -> Vec<Ec2Rule> {
    let blocks =
        rule.cidr_blocks.iter().chain(&rule.ipv6_cidr_blocks).map(|it| RulePeer::Block(*it));
    let groups = rule.security_groups.iter().map(|it| RulePeer::Group(it.clone()));
    let lists = rule.prefix_list_ids.iter().map(|it| RulePeer::List(it.clone()));
    // `self` becomes a rule with the group's own id, as EC2 stores and returns it.
    let own = rule.own.then(|| RulePeer::Group(own.to_owned()));
    let atom = |peer| Ec2Rule {
        protocol: rule.protocol.clone(),
        ports: (!rule.protocol.is_any()).then_some((rule.from_port, rule.to_port)),
        peer,
        description: rule.description.clone(),
    };
    blocks.chain(groups).chain(lists).chain(own).map(atom).collect()
}

/// Blocks for the rules of a group: the known blocks with those of their peers that are still
/// there, then new blocks for other rules. EC2 does not store blocks, so without the known ones
/// every plan would regroup the rules.
pub(super) fn rule_blocks(
    known: BTreeSet<RuleBlock>,
    there: &BTreeSet<Ec2Rule>,
    own: &str,
) -> BTreeSet<RuleBlock> {
    let mut rest = there.clone();
    let mut rules = BTreeSet::new();
    for mut rule in known {
        let mut keep = |peer: RulePeer| {
            let ports = (!rule.protocol.is_any()).then_some((rule.from_port, rule.to_port));
            let atom = Ec2Rule {
                protocol: rule.protocol.clone(),
                ports,
                peer,
                description: rule.description.clone(),
            };
            rest.remove(&atom);
            there.contains(&atom)
        };
        let own_is_there = rule.own && keep(RulePeer::Group(own.to_owned()));
        let cidr_blocks =
            rule.cidr_blocks.iter().copied().filter(|it| keep(RulePeer::Block(*it))).collect();
        let ipv6_cidr_blocks =
            rule.ipv6_cidr_blocks.iter().copied().filter(|it| keep(RulePeer::Block(*it))).collect();
        let prefix_list_ids = rule
            .prefix_list_ids
            .iter()
            .filter(|it| keep(RulePeer::List((*it).clone())))
            .cloned()
            .collect();
        let security_groups = rule
            .security_groups
            .iter()
            .filter(|it| keep(RulePeer::Group((*it).clone())))
            .cloned()
            .collect();
        rule = RuleBlock {
            own: own_is_there,
            cidr_blocks,
            ipv6_cidr_blocks,
            prefix_list_ids,
            security_groups,
            ..rule
        };
        if !single_rules_of(&rule, own).is_empty() {
            rules.insert(rule);
        }
    }
    let mut others = BTreeMap::new();
    for Ec2Rule { protocol, ports, peer, description } in rest {
        let key = (protocol.clone(), ports, description.clone());
        let (from_port, to_port) = ports.unwrap_or((0, 0));
        let rule: &mut RuleBlock = others.entry(key).or_insert_with(|| RuleBlock {
            from_port,
            to_port,
            protocol,
            cidr_blocks: BTreeSet::new(),
            ipv6_cidr_blocks: BTreeSet::new(),
            prefix_list_ids: BTreeSet::new(),
            security_groups: BTreeSet::new(),
            own: false,
            description,
        });
        match peer {
            RulePeer::Block(block) if block.is_ipv6() => drop(rule.ipv6_cidr_blocks.insert(block)),
            RulePeer::Block(block) => drop(rule.cidr_blocks.insert(block)),
            RulePeer::Group(group) if group == own => rule.own = true,
            RulePeer::Group(group) => drop(rule.security_groups.insert(group)),
            RulePeer::List(list) => drop(rule.prefix_list_ids.insert(list)),
        }
    }
    rules.extend(others.into_values());
    rules
}

/// The problems of the rules of one direction.
pub(super) fn rule_problems(at: &str, rules: BTreeSet<RuleBlock>) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut problem = |message: &str| {
            problems.push(ArgumentProblem {
                path: Path::attribute(at).index(index),
                message: message.to_owned(),
            });
        };
        if rule.protocol.is_any() && (rule.from_port, rule.to_port) != (0, 0) {
            problem("a rule for all protocols is for all ports: from_port and to_port are 0");
        }
        if matches!(rule.protocol.as_str(), "tcp" | "udp")
            && !(0 <= rule.from_port && rule.from_port <= rule.to_port && rule.to_port <= 65535)
        {
            problem("ports go from 0 to 65535, the first one first");
        }
        if single_rules_of(rule, "own").is_empty() {
            problem(
                "a rule needs a peer: cidr_blocks, ipv6_cidr_blocks, prefix_list_ids, security_groups or self",
            );
        }
        if rule.cidr_blocks.iter().any(|it| it.is_ipv6())
            || rule.ipv6_cidr_blocks.iter().any(|it| !it.is_ipv6())
        {
            problem("IPv6 ranges belong in ipv6_cidr_blocks, IPv4 ranges in cidr_blocks");
        }
        if let Some(message) = described(&rule.description)
            .or_else(|| protocol(&rule.protocol, Some((rule.from_port, rule.to_port))))
        {
            problem(&message);
        }
    }
    problems.extend(conflicting_descriptions(at, &rules));
    problems
}

/// The problems of rules that two blocks describe differently: EC2 stores one description for each
/// rule.
fn conflicting_descriptions(at: &str, rules: &BTreeSet<RuleBlock>) -> Vec<ArgumentProblem> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        // A rule for `self` and one for the group's id cannot be compared here: the id is not known
        // while planning a new group.
        for Ec2Rule { protocol, ports, peer, description } in single_rules_of(rule, "self") {
            let earlier =
                seen.entry((protocol, ports, peer.clone())).or_insert_with(|| description.clone());
            if *earlier != description {
                let peer = peer.written();
                let message = format!(
                    "this allows the same traffic for {peer} as another rule, which has the description \"{earlier}\", not \"{description}\": EC2 stores one description; give both the same, or remove one"
                );
                problems.push(ArgumentProblem { path: Path::attribute(at).index(index), message });
            }
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(blocks: &[&str], own: bool) -> RuleBlock {
        RuleBlock {
            from_port: 80,
            to_port: 80,
            protocol: IpProtocol::new("tcp"),
            cidr_blocks: blocks.iter().map(|it| it.parse().unwrap()).collect(),
            ipv6_cidr_blocks: BTreeSet::new(),
            prefix_list_ids: BTreeSet::new(),
            security_groups: BTreeSet::new(),
            own,
            description: String::new(),
        }
    }

    #[test]
    fn blocks_read_back_as_written() {
        let known = BTreeSet::from([
            rule(&["10.0.0.0/8"], false),
            rule(&["10.1.0.0/16", "10.2.0.0/16"], true),
        ]);
        let there = single_rules(&known, "sg-1");
        assert_eq!(rule_blocks(known.clone(), &there, "sg-1"), known);
    }

    #[test]
    fn foreign_changes_show() {
        let known = BTreeSet::from([rule(&["10.1.0.0/16", "10.2.0.0/16"], true)]);
        let there =
            single_rules(&BTreeSet::from([rule(&["10.2.0.0/16", "10.3.0.0/16"], false)]), "sg-1");
        let expected =
            BTreeSet::from([rule(&["10.2.0.0/16"], false), rule(&["10.3.0.0/16"], false)]);
        assert_eq!(rule_blocks(known, &there, "sg-1"), expected);
    }

    #[test]
    fn rules_are_checked() {
        assert!(
            rule_problems("ingress", BTreeSet::from([rule(&["10.0.0.0/8"], false)])).is_empty()
        );
        assert_eq!(rule_problems("ingress", BTreeSet::from([rule(&[], false)])).len(), 1);
        assert_eq!(rule_problems("ingress", BTreeSet::from([rule(&["::/0"], false)])).len(), 1);
        let all = RuleBlock { protocol: IpProtocol::new("-1"), ..rule(&["0.0.0.0/0"], false) };
        assert_eq!(rule_problems("egress", BTreeSet::from([all])).len(), 1);
        let odd = RuleBlock { description: "mit ümlaut".into(), ..rule(&["10.0.0.0/8"], false) };
        assert_eq!(rule_problems("ingress", BTreeSet::from([odd])).len(), 1);
        let no_protocol =
            RuleBlock { protocol: IpProtocol::new("http"), ..rule(&["10.0.0.0/8"], false) };
        assert_eq!(rule_problems("ingress", BTreeSet::from([no_protocol])).len(), 1);
    }

    #[test]
    fn a_rule_is_described_once() {
        let described = |blocks: &[&str], text: &str| RuleBlock {
            description: text.into(),
            ..rule(blocks, false)
        };
        let judged = |rules: [RuleBlock; 2]| rule_problems("ingress", BTreeSet::from(rules));
        let both = judged([
            described(&["10.0.0.0/8"], "a"),
            described(&["10.0.0.0/8", "10.1.0.0/16"], "b"),
        ]);
        assert_eq!(both.len(), 1);
        assert!(
            both[0].message.contains("10.0.0.0/8") && both[0].message.contains("\"a\""),
            "{}",
            both[0].message
        );
        assert!(
            judged([described(&["10.0.0.0/8"], "a"), described(&["10.1.0.0/16"], "b")]).is_empty()
        );
        // A rule that is written twice with one description is no problem.
        assert!(
            judged([
                described(&["10.0.0.0/8"], "a"),
                described(&["10.0.0.0/8", "10.1.0.0/16"], "a")
            ])
            .is_empty()
        );
        let own = |text: &str| RuleBlock { description: text.into(), ..rule(&[], true) };
        assert_eq!(judged([own("a"), own("b")]).len(), 1);
    }
}
