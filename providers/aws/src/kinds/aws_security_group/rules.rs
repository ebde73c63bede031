//! Rules as a configuration writes them: several peers in one block.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::ArgumentProblem;
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cidr::CidrBlock;
use crate::security_rules::{Ec2Rule, IpProtocol, RulePeer, described, protocol};

/// What may pass.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(super) struct RuleBlock {
    /// The first port; the type with `icmp`; 0 with all protocols.
    from_port: i32,
    /// The last port; the code with `icmp`; 0 with all protocols.
    to_port: i32,
    /// `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    protocol: IpProtocol,
    /// Addresses.
    #[serde(default)]
    cidr_blocks: BTreeSet<CidrBlock>,
    /// Addresses of IPv6.
    #[serde(default)]
    ipv6_cidr_blocks: BTreeSet<CidrBlock>,
    /// Lists of addresses.
    #[serde(default)]
    prefix_list_ids: BTreeSet<String>,
    /// Members of these groups.
    #[serde(default)]
    security_groups: BTreeSet<String>,
    /// Members of this group itself.
    #[serde(default, rename = "self")]
    own: bool,
    /// What it is for.
    #[serde(default)]
    description: String,
}

/// The rules of blocks, one by one.
pub(super) fn taken_apart(rules: &BTreeSet<RuleBlock>, own: &str) -> BTreeSet<Ec2Rule> {
    rules.iter().flat_map(|it| rule_atoms(it, own)).collect()
}

fn rule_atoms(rule: &RuleBlock, own: &str) -> Vec<Ec2Rule> {
    let blocks =
        rule.cidr_blocks.iter().chain(&rule.ipv6_cidr_blocks).map(|it| RulePeer::Block(*it));
    let groups = rule.security_groups.iter().map(|it| RulePeer::Group(it.clone()));
    let lists = rule.prefix_list_ids.iter().map(|it| RulePeer::List(it.clone()));
    let own = rule.own.then(|| RulePeer::Group(own.to_owned()));
    let atom = |peer| Ec2Rule {
        protocol: rule.protocol.clone(),
        ports: (!rule.protocol.is_any()).then_some((rule.from_port, rule.to_port)),
        peer,
        description: rule.description.clone(),
    };
    blocks.chain(groups).chain(lists).chain(own).map(atom).collect()
}

/// What is there in blocks: those known as far as they still hold, and whatever else there is in
/// blocks of its own.
pub(super) fn put_together(
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
        if !rule_atoms(&rule, own).is_empty() {
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

/// What is wrong with the rules of one direction.
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
        if rule_atoms(rule, "own").is_empty() {
            problem(
                "a rule names somebody: cidr_blocks, ipv6_cidr_blocks, prefix_list_ids, security_groups or self",
            );
        }
        if rule.cidr_blocks.iter().any(|it| it.is_ipv6())
            || rule.ipv6_cidr_blocks.iter().any(|it| !it.is_ipv6())
        {
            problem("addresses of IPv6 are in ipv6_cidr_blocks, the others in cidr_blocks");
        }
        if let Some(message) = described(&rule.description)
            .or_else(|| protocol(&rule.protocol, Some((rule.from_port, rule.to_port))))
        {
            problem(&message);
        }
    }
    problems.extend(twice(at, &rules));
    problems
}

/// The same rule in two blocks that describe it differently: EC2 has room for one description.
fn twice(at: &str, rules: &BTreeSet<RuleBlock>) -> Vec<ArgumentProblem> {
    let mut seen = BTreeMap::new();
    let mut problems = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        // What is said of the group itself cannot be known from what is said of it by its id.
        for Ec2Rule { protocol, ports, peer, description } in rule_atoms(rule, "self") {
            let earlier =
                seen.entry((protocol, ports, peer.clone())).or_insert_with(|| description.clone());
            if *earlier != description {
                let peer = peer.written();
                let message = format!(
                    "this lets the same through for {peer} as another rule, described as \"{earlier}\" there and as \"{description}\" here: EC2 takes it once; give both one description, or remove one"
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
    fn blocks_come_back_as_they_were_written() {
        let known = BTreeSet::from([
            rule(&["10.0.0.0/8"], false),
            rule(&["10.1.0.0/16", "10.2.0.0/16"], true),
        ]);
        let there = taken_apart(&known, "sg-1");
        assert_eq!(put_together(known.clone(), &there, "sg-1"), known);
    }

    #[test]
    fn what_others_changed_shows() {
        let known = BTreeSet::from([rule(&["10.1.0.0/16", "10.2.0.0/16"], true)]);
        let there =
            taken_apart(&BTreeSet::from([rule(&["10.2.0.0/16", "10.3.0.0/16"], false)]), "sg-1");
        let expected =
            BTreeSet::from([rule(&["10.2.0.0/16"], false), rule(&["10.3.0.0/16"], false)]);
        assert_eq!(put_together(known, &there, "sg-1"), expected);
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
        // The same twice is the same once.
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
