//! A single rule of a security group, in either direction.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use aws_sdk_ec2::types::{
    ResourceType, SecurityGroupRule as Found, SecurityGroupRuleRequest, SecurityGroupRuleUpdate,
};
use ha_provider::{
    ArgumentProblem, Attempt, CreatedResource, DiscoveryTarget, Error, ExistingResource, Immutable,
    OwnedResource, RecordedResource, Resource, ResourceHooks, ResourceReading,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cidr::CidrBlock;
use crate::ec2::{self, filter};
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::forms::{self, Form};
use crate::reading::ListableResource;
use crate::security_rules::{Ec2Rule, IpProtocol, RulePeer, described, protocol};
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus, appearing};
use crate::{AwsClients, reading};

/// The direction of a rule.
pub(crate) trait RuleDirection: Send + Sync + 'static {
    /// Name of the resource type.
    const KIND: &'static str;
    /// Whether it is an egress rule.
    const OUT: bool;
}

/// A single rule of a security group.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(bound = "")]
#[schemars(bound = "")]
pub(crate) struct SecurityGroupRule<D> {
    /// Id of the security group.
    security_group_id: Immutable<String>,
    /// Protocol: `tcp`, `udp`, `icmp`, a number, or `-1` for all.
    ip_protocol: IpProtocol,
    /// First port; the ICMP type with `icmp`.
    from_port: Option<i32>,
    /// Last port; the ICMP code with `icmp`.
    to_port: Option<i32>,
    /// IPv4 address range, in CIDR notation.
    cidr_ipv4: Option<CidrBlock>,
    /// IPv6 address range, in CIDR notation.
    cidr_ipv6: Option<CidrBlock>,
    /// Id of a prefix list.
    prefix_list_id: Option<String>,
    /// Id of the security group whose members are the peers.
    referenced_security_group_id: Option<String>,
    /// Description of the rule.
    description: Option<String>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
    #[serde(skip)]
    direction: PhantomData<fn() -> D>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SecurityGroupRuleOutputs {
    /// ARN of the rule.
    arn: String,
    /// Id of the rule.
    security_group_rule_id: String,
}

static FORMS: [(&str, Form); 3] = [
    ("security_group_id", forms::SECURITY_GROUP),
    ("referenced_security_group_id", forms::PEER_GROUP),
    ("prefix_list_id", forms::PREFIX_LIST),
];

impl<D: RuleDirection> Resource for SecurityGroupRule<D> {
    const KIND: &'static str = D::KIND;
    const WITHIN: &'static [&'static str] = &["aws_security_group"];
    type Provider = AwsClients;
    type Outputs = SecurityGroupRuleOutputs;

    fn hooks() -> ResourceHooks {
        let group = [("id", "security_group_id")];
        // The description is not part of the key: EC2 refuses a second rule that differs only in
        // its description.
        let unique = ["security_group_id", "ip_protocol", "from_port", "to_port"];
        let peers = ["cidr_ipv4", "cidr_ipv6", "prefix_list_id", "referenced_security_group_id"];
        let hooks = ResourceHooks::new()
            .unique(&[&unique[..], &peers[..]].concat())
            .inside("aws_security_group", &group);
        hooks
            .check(tags::check)
            .check(check_peer)
            .check(check_ports)
            .check(check_description)
            .check(forms::check(&FORMS))
            .anew(other_peers)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let group = self.security_group_id.as_str();
        let made = match attempt.is_resumed() {
            true => reading::look_twice(|| find_ours(aws, group, attempt)).await?,
            false => None,
        };
        let found = match made {
            Some(found) => found,
            None => match self.authorize(aws, attempt).await? {
                Some(found) => found,
                None => appearing(attempt, || find_ours(aws, group, attempt)).await?.ok_or_else(
                    || error::foreign("rule", &format!("{} of {group}", self.written())),
                )?,
            },
        };
        let id = found.security_group_rule_id().unwrap_or_default().to_owned();
        Ok(CreatedResource { outputs: outputs(aws, &found), id })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    const LISTED: bool = true;

    async fn list_owned(
        aws: &AwsClients,
        _: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        let ours = filter("tag-key", [tags::ADDRESS.to_owned()]);
        let mut pages =
            aws.ec2.describe_security_group_rules().filters(ours).into_paginator().items().send();
        let mut marked = Vec::new();
        while let Some(rule) = pages.next().await {
            let rule = rule.attempting("look for rules of security groups by their tags")?;
            // DescribeSecurityGroupRules lists both directions.
            if rule.is_egress().unwrap_or_default() == D::OUT {
                marked.extend(tags::owned(
                    ExistingResource::by(rule.security_group_rule_id().unwrap_or_default()),
                    rule.tags(),
                ));
            }
        }
        Ok(marked)
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::listed(aws, known).await
    }

    async fn update(
        &self,
        aws: &AwsClients,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<SecurityGroupRuleOutputs, Error> {
        let rule = SecurityGroupRuleRequest::builder()
            .ip_protocol(self.ip_protocol.as_str())
            .set_from_port(self.from_port.or(self.ip_protocol.is_any().then_some(-1)))
            .set_to_port(self.to_port.or(self.ip_protocol.is_any().then_some(-1)))
            .set_cidr_ipv4(self.cidr_ipv4.map(|it| it.to_string()))
            .set_cidr_ipv6(self.cidr_ipv6.map(|it| it.to_string()))
            .set_prefix_list_id(self.prefix_list_id.clone())
            .set_referenced_group_id(self.referenced_security_group_id.clone())
            // EC2 leaves a description alone that the call does not name, so an empty one removes
            // it.
            .description(self.description.as_deref().unwrap_or_default())
            .build();
        let update = SecurityGroupRuleUpdate::builder()
            .security_group_rule_id(&before.id)
            .security_group_rule(rule)
            .build();
        let call = aws
            .ec2
            .modify_security_group_rules()
            .group_id(self.security_group_id.as_str())
            .security_group_rules(update);
        call.send().await.attempting_first(format!(
            "change the rule `{}` of {}",
            before.id, self.security_group_id
        ))?;
        ec2::set_tags(aws, &before.id, &before.arguments.tags, &self.tags, attempt).await?;
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let group = recorded.arguments.security_group_id.as_str();
        let what = format!("revoke the rule `{}` of {group}", recorded.id);
        if D::OUT {
            let call = aws
                .ec2
                .revoke_security_group_egress()
                .group_id(group)
                .security_group_rule_ids(&recorded.id);
            match call.send().await {
                Err(error) if error::is_missing(&error) => Ok(()),
                other => other.map(drop).attempting_first(what),
            }
        } else {
            let call = aws
                .ec2
                .revoke_security_group_ingress()
                .group_id(group)
                .security_group_rule_ids(&recorded.id);
            match call.send().await {
                Err(error) if error::is_missing(&error) => Ok(()),
                other => other.map(drop).attempting_first(what),
            }
        }
    }
}

impl<D: RuleDirection> SecurityGroupRule<D> {
    /// Creates the rule; `None` where the same rule exists already.
    async fn authorize(&self, aws: &AwsClients, attempt: &Attempt) -> Result<Option<Found>, Error> {
        let group = self.security_group_id.as_str();
        let what = format!("add the rule `{}` to {group}", self.written());
        let peer = self.referenced_security_group_id.as_deref();
        let is_recently_created = || {
            aws.is_recently_created(group, attempt)
                || peer.is_some_and(|it| aws.is_recently_created(it, attempt))
        };
        let permission = self.atom().permission();
        let tagged = ec2::tag_specification(ResourceType::SecurityGroupRule, &self.tags, attempt);
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                macro_rules! made {
                    ($call:expr) => {
                        match $call.send().await {
                            Err(error) if error::is(&error, &["InvalidPermission.Duplicate"]) => {
                                Ok(WaitStatus::Ready(None))
                            }
                            Err(error)
                                if error::is(&error, &["InvalidGroup.NotFound"])
                                    && is_recently_created() =>
                            {
                                Ok(error::waiting("waiting for its group", &error))
                            }
                            other => {
                                let made = other
                                    .attempting_first(&what)?
                                    .security_group_rules
                                    .unwrap_or_default();
                                Ok(WaitStatus::Ready(made.into_iter().next()))
                            }
                        }
                    };
                }
                let (permission, tagged) = (permission.clone(), tagged.clone());
                match D::OUT {
                    true => made!(
                        aws.ec2
                            .authorize_security_group_egress()
                            .group_id(group)
                            .ip_permissions(permission)
                            .tag_specifications(tagged)
                    ),
                    false => made!(
                        aws.ec2
                            .authorize_security_group_ingress()
                            .group_id(group)
                            .ip_permissions(permission)
                            .tag_specifications(tagged)
                    ),
                }
            })
            .await
    }

    fn atom(&self) -> Ec2Rule {
        let block = self.cidr_ipv4.or(self.cidr_ipv6).map(RulePeer::Block);
        let group = self.referenced_security_group_id.clone().map(RulePeer::Group);
        let list = self.prefix_list_id.clone().map(RulePeer::List);
        Ec2Rule {
            protocol: self.ip_protocol.clone(),
            ports: self.from_port.zip(self.to_port).filter(|_| !self.ip_protocol.is_any()),
            peer: block.or(group).or(list).unwrap_or_else(|| RulePeer::List(String::new())),
            description: self.description.clone().unwrap_or_default(),
        }
    }

    /// The rule, for a message.
    fn written(&self) -> String {
        let peer = self.atom().peer.written();
        match (self.from_port, self.to_port) {
            (Some(from), Some(to)) => format!("{} {from}-{to} {peer}", self.ip_protocol.as_str()),
            _ => format!("{} {peer}", self.ip_protocol.as_str()),
        }
    }
}

impl<D: RuleDirection> ListableResource for SecurityGroupRule<D> {
    const AT_ONCE: usize = 200;

    async fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let ids = recorded.iter().map(|it| it.id.clone());
        let call =
            aws.ec2.describe_security_group_rules().filters(filter("security-group-rule-id", ids));
        let mut pages = call.into_paginator().items().send();
        let mut found = BTreeMap::new();
        while let Some(rule) = pages.next().await {
            let rule = rule.attempting("list rules of security groups")?;
            found.insert(rule.security_group_rule_id().unwrap_or_default().to_owned(), rule);
        }
        Ok(recorded
            .iter()
            .map(|it| found.get(&it.id).map_or(ResourceReading::Gone, |found| seen(aws, it, found)))
            .collect())
    }
}

fn seen<D: RuleDirection>(
    aws: &AwsClients,
    recorded: &RecordedResource<SecurityGroupRule<D>>,
    found: &Found,
) -> ResourceReading<SecurityGroupRule<D>> {
    let known = &recorded.arguments;
    let ip_protocol = IpProtocol::new(found.ip_protocol().unwrap_or("-1"));
    // With all protocols, EC2 returns -1 for both ports, which means the same as no ports.
    let port =
        |known: Option<i32>, there: Option<i32>| if ip_protocol.is_any() { known } else { there };
    let block = |it: Option<&str>| it.and_then(|it| it.parse().ok());
    let there = SecurityGroupRule {
        security_group_id: found.group_id().unwrap_or_default().to_owned().into(),
        from_port: port(known.from_port, found.from_port()),
        to_port: port(known.to_port, found.to_port()),
        ip_protocol,
        cidr_ipv4: block(found.cidr_ipv4()),
        cidr_ipv6: block(found.cidr_ipv6()),
        prefix_list_id: found.prefix_list_id().map(str::to_owned),
        referenced_security_group_id: found
            .referenced_group_info()
            .and_then(|it| it.group_id())
            .map(str::to_owned),
        description: found.description().filter(|it| !it.is_empty()).map(str::to_owned),
        tags: tags::visible(found.tags()),
        direction: PhantomData,
    };
    ResourceReading::found(there, outputs(aws, found))
}

async fn find_ours(
    aws: &AwsClients,
    group: &str,
    attempt: &Attempt,
) -> Result<Option<Found>, Error> {
    let call =
        aws.ec2.describe_security_group_rules().filters(filter("group-id", [group.to_owned()]));
    let mut pages = call.into_paginator().items().send();
    while let Some(rule) = pages.next().await {
        let rule = rule.attempting(format!("look for the rule of an earlier try in {group}"))?;
        if tags::are_from(rule.tags(), attempt) {
            return Ok(Some(rule));
        }
    }
    Ok(None)
}

fn outputs(aws: &AwsClients, found: &Found) -> SecurityGroupRuleOutputs {
    let owner = found.group_owner_id().or(aws.account()).unwrap_or_default();
    let id = found.security_group_rule_id().unwrap_or_default();
    SecurityGroupRuleOutputs {
        arn: ec2::arn(aws, owner, "security-group-rule", id),
        security_group_rule_id: id.to_owned(),
    }
}

#[derive(Deserialize)]
struct RuleSourceArguments {
    cidr_ipv4: Option<ha_provider::MaybeUnknown<CidrBlock>>,
    cidr_ipv6: Option<ha_provider::MaybeUnknown<CidrBlock>>,
    prefix_list_id: Option<ha_provider::MaybeUnknown<String>>,
    referenced_security_group_id: Option<ha_provider::MaybeUnknown<String>>,
}

fn check_peer(it: RuleSourceArguments) -> Vec<ArgumentProblem> {
    let problem = |at: &str, message: &str| ArgumentProblem {
        path: Path::attribute(at),
        message: message.into(),
    };
    let said = [
        it.cidr_ipv4.is_some(),
        it.cidr_ipv6.is_some(),
        it.prefix_list_id.is_some(),
        it.referenced_security_group_id.is_some(),
    ];
    let mut problems = Vec::new();
    if said.into_iter().filter(|it| *it).count() != 1 {
        let message = "a rule names one of cidr_ipv4, cidr_ipv6, prefix_list_id and referenced_security_group_id";
        problems.push(ArgumentProblem { path: Path::root(), message: message.into() });
    }
    let is_of = |it: &Option<ha_provider::MaybeUnknown<CidrBlock>>, ipv6: bool| match it {
        Some(ha_provider::MaybeUnknown::Known(block)) => block.is_ipv6() == ipv6,
        _ => true,
    };
    if !is_of(&it.cidr_ipv4, false) {
        problems.push(problem("cidr_ipv4", "IPv6 ranges belong in cidr_ipv6"));
    }
    if !is_of(&it.cidr_ipv6, true) {
        problems.push(problem("cidr_ipv6", "IPv4 ranges belong in cidr_ipv4"));
    }
    problems
}

/// The arguments for which the kind of peer changes. EC2 changes the addresses of a rule in place,
/// but not a CIDR peer into a security group.
fn other_peers(there: RuleSourceArguments, wanted: RuleSourceArguments) -> BTreeSet<&'static str> {
    let changes = [
        ("cidr_ipv4", there.cidr_ipv4.is_some() != wanted.cidr_ipv4.is_some()),
        ("cidr_ipv6", there.cidr_ipv6.is_some() != wanted.cidr_ipv6.is_some()),
        ("prefix_list_id", there.prefix_list_id.is_some() != wanted.prefix_list_id.is_some()),
        (
            "referenced_security_group_id",
            there.referenced_security_group_id.is_some()
                != wanted.referenced_security_group_id.is_some(),
        ),
    ];
    changes.into_iter().filter(|(_, changes)| *changes).map(|(name, _)| name).collect()
}

#[derive(Deserialize)]
struct RulePortArguments {
    ip_protocol: IpProtocol,
    from_port: Option<i32>,
    to_port: Option<i32>,
}

fn check_ports(it: RulePortArguments) -> Vec<ArgumentProblem> {
    let said = it.from_port.zip(it.to_port);
    let message = match (it.ip_protocol.as_str(), said) {
        ("-1", None | Some((-1, -1))) if it.from_port.is_some() == it.to_port.is_some() => {
            return Vec::new();
        }
        ("-1", _) => "a rule for all protocols is for all ports: leave from_port and to_port out",
        ("tcp" | "udp", Some((from, to))) if 0 <= from && from <= to && to <= 65535 => {
            return Vec::new();
        }
        ("tcp" | "udp", None) => "a rule for tcp or udp has from_port and to_port",
        ("tcp" | "udp", _) => "ports go from 0 to 65535, the first one first",
        _ => {
            let wrong = protocol(&it.ip_protocol, said);
            return wrong
                .map(|message| ArgumentProblem { path: Path::attribute("ip_protocol"), message })
                .into_iter()
                .collect();
        }
    };
    vec![ArgumentProblem { path: Path::attribute("from_port"), message: message.into() }]
}

#[derive(Deserialize)]
struct RuleDescriptionArguments {
    description: Option<String>,
}

fn check_description(it: RuleDescriptionArguments) -> Vec<ArgumentProblem> {
    let wrong = it.description.and_then(|it| described(&it));
    wrong
        .map(|message| ArgumentProblem { path: Path::attribute("description"), message })
        .into_iter()
        .collect()
}
