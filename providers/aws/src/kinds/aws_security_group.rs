//! A security group with its rules.

mod dependents;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use aws_sdk_ec2::types::{IpPermission, ResourceType, SecurityGroup as Found};
use ha_provider::{
    ArgumentProblem, Attempt, Chosen, CreatedResource, DiscoveryTarget, Error, ExistingResource,
    Immutable, OwnedResource, RecordedResource, Resource, ResourceHooks, ResourceReading,
    UnsupportedNames,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::dependents::Dependents;
use self::rules::{RuleBlock, rule_blocks, rule_problems, single_rules};
use crate::ec2::{self, filter};
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::forms::{self, Form};
use crate::reading::ListableResource;
use crate::security_rules::{Ec2Rule, RulePeer, atoms};
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus, appearing, lasting};
use crate::{AwsClients, reading};

/// A security group: the traffic that is allowed to and from its members.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SecurityGroup {
    /// Name, unique in the VPC.
    name: Immutable<String>,
    /// Description; `Managed by ha` when left out.
    description: Option<Chosen<Immutable<String>>>,
    /// Id of the VPC; the default one when left out.
    vpc_id: Option<Chosen<Immutable<String>>>,
    /// All ingress rules: others are revoked, and `[]` revokes all. Left out, ingress rules are not
    /// managed here.
    ingress: Option<Chosen<BTreeSet<RuleBlock>>>,
    /// All egress rules: others are revoked, and `[]` revokes all. Left out, egress rules are not
    /// managed here, and a new group has none.
    egress: Option<Chosen<BTreeSet<RuleBlock>>>,
    /// Whether a deletion revokes the group's rules first, for groups that reference each other.
    #[serde(default)]
    revoke_rules_on_delete: bool,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct SecurityGroupOutputs {
    /// ARN of the security group.
    arn: String,
    /// Id of the account that owns the group.
    owner_id: String,
}

const DESCRIPTION: &str = "Managed by ha";
const STILL_USED: Duration = Duration::from_mins(15);

static FORMS: [(&str, Form); 5] = [
    ("vpc_id", forms::NETWORK),
    ("ingress.security_groups", forms::PEER_GROUP),
    ("ingress.prefix_list_ids", forms::PREFIX_LIST),
    ("egress.security_groups", forms::PEER_GROUP),
    ("egress.prefix_list_ids", forms::PREFIX_LIST),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum TrafficDirection {
    In,
    Out,
}

impl Resource for SecurityGroup {
    const KIND: &'static str = "aws_security_group";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    )];
    type Provider = AwsClients;
    type Outputs = SecurityGroupOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct GroupNamePrefixArguments {
            name: String,
            description: Option<String>,
        }
        #[derive(Deserialize)]
        struct IngressArguments {
            ingress: Option<BTreeSet<RuleBlock>>,
        }
        #[derive(Deserialize)]
        struct EgressArguments {
            egress: Option<BTreeSet<RuleBlock>>,
        }
        ResourceHooks::new()
            .unique(&["vpc_id", "name"])
            .check(tags::check)
            .check(|it: GroupNamePrefixArguments| {
                name_problems(&it.name, it.description.as_deref())
            })
            .check(forms::check(&FORMS))
            .check(|it: IngressArguments| rule_problems("ingress", it.ingress.unwrap_or_default()))
            .check(|it: EgressArguments| rule_problems("egress", it.egress.unwrap_or_default()))
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let made = match attempt.is_resumed() {
            true => reading::look_twice(|| find_ours(aws, attempt)).await?,
            false => None,
        };
        let id = match made {
            Some(id) => id,
            None => {
                let call = aws
                    .ec2
                    .create_security_group()
                    .group_name(name)
                    .description(self.description.as_ref().map_or(DESCRIPTION, |it| it.as_str()))
                    .set_vpc_id(self.vpc_id.as_ref().map(|it| it.to_string()))
                    .tag_specifications(ec2::tag_specification(
                        ResourceType::SecurityGroup,
                        &self.tags,
                        attempt,
                    ));
                match call.send().await {
                    Err(error) if error::is(&error, &["InvalidGroup.Duplicate"]) => {
                        let ours = appearing(attempt, || find_ours(aws, attempt)).await?;
                        ours.ok_or_else(|| error::foreign("security group", name))?
                    }
                    other => {
                        let made = other
                            .attempting_first(format!("create the security group `{name}`"))?;
                        made.group_id.unwrap_or_default()
                    }
                }
            }
        };
        aws.recently_created.add(&id);
        let wait = WaitCondition::new(
            format!("see the security group `{id}` after it was created"),
            PROPAGATION,
        );
        let found = wait
            .until(attempt, || async {
                Ok(match find(aws, &id).await? {
                    Some(found) => WaitStatus::Ready(found),
                    None => WaitStatus::Pending("not visible yet".into()),
                })
            })
            .await?;
        // EC2 gives a new group an egress rule for all traffic, which the configuration does not
        // have.
        self.set_rules(
            aws,
            &found,
            TrafficDirection::Out,
            self.egress.clone().unwrap_or_default().0,
            attempt,
        )
        .await?;
        if let Some(rules) = &self.ingress {
            self.set_rules(aws, &found, TrafficDirection::In, rules.0.clone(), attempt).await?;
        }
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
            aws.ec2.describe_security_groups().filters(ours).into_paginator().items().send();
        let mut marked = Vec::new();
        while let Some(group) = pages.next().await {
            let group = group.attempting("look for security groups by their tags")?;
            marked.extend(tags::owned(
                ExistingResource::by(group.group_id().unwrap_or_default()),
                group.tags(),
            ));
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
    ) -> Result<SecurityGroupOutputs, Error> {
        let found = find(aws, &before.id).await?.ok_or_else(|| {
            Error::new(format!("change the security group `{}`", before.id), "it no longer exists")
                .help("plan again")
        })?;
        for (direction, rules) in
            [(TrafficDirection::In, &self.ingress), (TrafficDirection::Out, &self.egress)]
        {
            if let Some(rules) = rules {
                self.set_rules(aws, &found, direction, rules.0.clone(), attempt).await?;
            }
        }
        ec2::set_tags(aws, &before.id, &before.arguments.tags, &self.tags, attempt).await?;
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let id = recorded.id.as_str();
        let what = format!("delete the security group `{id}`");
        if recorded.arguments.revoke_rules_on_delete
            && let Some(found) = find(aws, id).await?
        {
            // A group whose rules are revoked and that then cannot be deleted would leave its
            // members cut off, so foreign dependents are looked for before the first rule is revoked.
            let foreign =
                lasting(attempt, async || Ok(Dependents::of(aws, id, attempt).await?.foreign()));
            if let Some(foreign) = foreign.await? {
                return Err(foreign.refusal(&what));
            }
            for direction in [TrafficDirection::In, TrafficDirection::Out] {
                recorded
                    .arguments
                    .set_rules(aws, &found, direction, BTreeSet::new(), attempt)
                    .await?;
            }
        }
        // Instances and databases that are being deleted use the group until their network
        // interfaces are deleted, some minutes later.
        let began = Instant::now();
        WaitCondition::new(&what, attempt.patience(STILL_USED))
            .until(attempt, || async {
                match aws.ec2.delete_security_group().group_id(id).send().await {
                    Err(error) if error::is_missing(&error) => Ok(WaitStatus::Ready(())),
                    Err(error)
                        if error::is(&error, &["DependencyViolation", "InvalidGroup.InUse"]) =>
                    {
                        let dependents = Dependents::of(aws, id, attempt).await?;
                        if dependents.are_overdue(began.elapsed()) {
                            return Err(dependents.refusal(&what));
                        }
                        Ok(WaitStatus::Pending(format!("used by {}", dependents.described())))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl SecurityGroup {
    /// Makes these the rules of one direction. After a lost response the SDK repeats the call, and
    /// EC2 refuses it because the rules are there or revoked already; then the difference is
    /// computed again.
    async fn set_rules(
        &self,
        aws: &AwsClients,
        found: &Found,
        direction: TrafficDirection,
        wanted: BTreeSet<RuleBlock>,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let id = found.group_id().unwrap_or_default();
        let wanted = single_rules(&wanted, id);
        let brought = set_rules_once(aws, found, direction, &wanted, attempt).await;
        let is_done =
            |error: &Error| error.code.as_deref().is_some_and(|it| DONE_ALREADY.contains(&it));
        if brought.as_ref().is_err_and(is_done)
            && let Some(found) = find(aws, id).await?
        {
            return set_rules_once(aws, &found, direction, &wanted, attempt).await;
        }
        brought
    }
}

/// Revokes surplus rules, then adds missing ones. EC2 refuses a rule that differs from an existing
/// one only in its description, so the old one must be revoked first.
async fn set_rules_once(
    aws: &AwsClients,
    found: &Found,
    direction: TrafficDirection,
    wanted: &BTreeSet<Ec2Rule>,
    attempt: &Attempt,
) -> Result<(), Error> {
    let id = found.group_id().unwrap_or_default();
    let there = match direction {
        TrafficDirection::In => atoms(found.ip_permissions()),
        TrafficDirection::Out => atoms(found.ip_permissions_egress()),
    };
    let permissions = |some: &mut dyn Iterator<Item = &Ec2Rule>| -> Vec<IpPermission> {
        some.map(Ec2Rule::permission).collect()
    };
    let surplus = permissions(&mut there.difference(wanted));
    let missing = permissions(&mut wanted.difference(&there));
    let is_recently_created = || {
        let is_peer_recent = |it: &Ec2Rule| matches!(&it.peer, RulePeer::Group(group) if aws.is_recently_created(group, attempt));
        aws.is_recently_created(id, attempt) || wanted.iter().any(is_peer_recent)
    };
    let what = |change: &str| format!("{change} rules of the security group `{id}`");
    macro_rules! call {
        ($operation:ident, $rules:ident, $what:expr) => {{
            let what = what($what);
            let call = || async {
                match aws
                    .ec2
                    .$operation()
                    .group_id(id)
                    .set_ip_permissions(Some($rules.clone()))
                    .send()
                    .await
                {
                    Err(error)
                        if error::is(&error, &["InvalidGroup.NotFound"])
                            && is_recently_created() =>
                    {
                        Ok(error::waiting("waiting for its groups", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
                }
            };
            if !$rules.is_empty() {
                WaitCondition::new(&what, PROPAGATION).until(attempt, call).await?;
            }
        }};
    }
    match direction {
        TrafficDirection::In => {
            call!(revoke_security_group_ingress, surplus, "revoke incoming");
            call!(authorize_security_group_ingress, missing, "add incoming");
        }
        TrafficDirection::Out => {
            call!(revoke_security_group_egress, surplus, "revoke outgoing");
            call!(authorize_security_group_egress, missing, "add outgoing");
        }
    }
    Ok(())
}

const DONE_ALREADY: [&str; 2] = ["InvalidPermission.Duplicate", "InvalidPermission.NotFound"];

impl ListableResource for SecurityGroup {
    const AT_ONCE: usize = 200;

    async fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let ids = recorded.iter().map(|it| it.id.clone());
        let mut pages = aws
            .ec2
            .describe_security_groups()
            .filters(filter("group-id", ids))
            .into_paginator()
            .items()
            .send();
        let mut found = BTreeMap::new();
        while let Some(group) = pages.next().await {
            let group = group.attempting("list security groups")?;
            found.insert(group.group_id().unwrap_or_default().to_owned(), group);
        }
        Ok(recorded
            .iter()
            .map(|it| found.get(&it.id).map_or(ResourceReading::Gone, |found| seen(aws, it, found)))
            .collect())
    }
}

fn seen(
    aws: &AwsClients,
    recorded: &RecordedResource<SecurityGroup>,
    found: &Found,
) -> ResourceReading<SecurityGroup> {
    let known = &recorded.arguments;
    // Only arguments that the configuration sets are read: other rules belong to resources of their
    // own.
    let rules = |known: &Option<Chosen<BTreeSet<RuleBlock>>>, there: &[IpPermission]| {
        known.as_ref().map(|it| Chosen(rule_blocks(it.0.clone(), &atoms(there), &recorded.id)))
    };
    let there = SecurityGroup {
        name: found.group_name().unwrap_or_default().to_owned().into(),
        description: found.description().map(|it| Chosen(it.to_owned().into())),
        vpc_id: found.vpc_id().map(|it| Chosen(it.to_owned().into())),
        ingress: rules(&known.ingress, found.ip_permissions()),
        egress: rules(&known.egress, found.ip_permissions_egress()),
        revoke_rules_on_delete: known.revoke_rules_on_delete,
        tags: tags::visible(found.tags()),
    };
    ResourceReading::found(there, outputs(aws, found))
}

async fn find(aws: &AwsClients, id: &str) -> Result<Option<Found>, Error> {
    let call = aws.ec2.describe_security_groups().filters(filter("group-id", [id.to_owned()]));
    let found = call.send().await.attempting(format!("look at the security group `{id}`"))?;
    Ok(found.security_groups.unwrap_or_default().into_iter().next())
}

async fn find_ours(aws: &AwsClients, attempt: &Attempt) -> Result<Option<String>, Error> {
    let ours = filter(&format!("tag:{}", tags::TOKEN), [attempt.token().to_owned()]);
    let found = aws.ec2.describe_security_groups().filters(ours).send().await;
    let found = found.attempting("look for the security group of an earlier try")?;
    Ok(found.security_groups().first().and_then(|it| it.group_id()).map(str::to_owned))
}

fn outputs(aws: &AwsClients, found: &Found) -> SecurityGroupOutputs {
    let owner = found.owner_id().unwrap_or_default();
    SecurityGroupOutputs {
        arn: ec2::arn(aws, owner, "security-group", found.group_id().unwrap_or_default()),
        owner_id: owner.to_owned(),
    }
}

fn name_problems(name: &str, description: Option<&str>) -> Vec<ArgumentProblem> {
    let problem =
        |at: &str, message: String| ArgumentProblem { path: Path::attribute(at), message };
    let odd = |text: &str| {
        text.chars()
            .find(|it| !(it.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(*it)))
    };
    let mut problems = Vec::new();
    if name.is_empty() || name.len() > 255 || name.starts_with("sg-") {
        problems.push(problem(
            "name",
            "a security group's name has 1 to 255 characters and does not begin with `sg-`".into(),
        ));
    }
    if description.is_some_and(|it| it.is_empty() || it.len() > 255) {
        problems.push(problem(
            "description",
            "a security group's description has 1 to 255 characters".into(),
        ));
    }
    for (at, text) in [("name", Some(name)), ("description", description)] {
        if let Some(odd) = text.and_then(odd) {
            problems.push(problem(at, format!("EC2 takes no `{odd}` here")));
        }
    }
    problems
}
