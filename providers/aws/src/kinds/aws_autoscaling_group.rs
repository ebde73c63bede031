//! A group of machines that keeps its number.

mod blocks;
mod capacity;
mod check;
mod impact;
mod objections;
mod observed;
mod unsupported;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use aws_sdk_autoscaling::types::{AutoScalingGroup as Found, Filter, Tag, TagDescription};
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, Chosen, CreatedResource, DiscoveryTarget, Error,
    ExistingResource, Immutable, IntendedChange, OwnedResource, RecordedResource, Resource,
    ResourceHooks, ResourceReading, UnsupportedNames, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::blocks::{GroupTag, LaunchTemplateBlock, MaintenancePolicy};
use self::capacity::LaunchPeriod;
use self::observed::{group_tags, suspended};
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::ListableResource;
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus, appearing};
use crate::{AwsClients, reading, tags};

/// A group of machines of EC2 that keeps its number: who dies is replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AutoScalingGroup {
    /// Name, unique in the account and region.
    name: Immutable<String>,
    /// The fewest machines.
    min_size: i32,
    /// The most machines.
    max_size: i32,
    /// How many machines there should be; whatever scales the group decides when left out.
    desired_capacity: Option<Chosen<i32>>,
    /// What they are launched from.
    launch_template: Option<LaunchTemplateBlock>,
    /// The subnets they are in.
    vpc_zone_identifier: Option<Chosen<BTreeSet<String>>>,
    /// The zones they are in, in the default network.
    availability_zones: Option<Chosen<BTreeSet<String>>>,
    /// Who says whether a machine is well: `EC2`, or `ELB` for a load balancer too.
    health_check_type: Option<Chosen<String>>,
    /// How long a new machine may take before it must be well, in seconds.
    #[serde(default = "five_minutes")]
    health_check_grace_period: i32,
    /// How long a new machine takes until it does its work, in seconds.
    default_instance_warmup: Option<i32>,
    /// How long to wait between two scalings, in seconds.
    default_cooldown: Option<Chosen<i32>>,
    /// Which machine goes first.
    termination_policies: Option<Vec<String>>,
    /// What is not done at present, such as `ReplaceUnhealthy`; nothing when left out.
    #[serde(default)]
    suspended_processes: BTreeSet<String>,
    /// Target groups of load balancers.
    target_group_arns: Option<Chosen<BTreeSet<String>>>,
    /// Whether new machines are spared when the group shrinks.
    #[serde(default)]
    protect_from_scale_in: bool,
    /// Whether spot machines about to be taken away are replaced before.
    capacity_rebalance: Option<bool>,
    /// How old a machine may get, in seconds; 0 for any age.
    max_instance_lifetime: Option<i32>,
    /// How machines are replaced.
    instance_maintenance_policy: Option<MaintenancePolicy>,
    /// The placement group.
    placement_group: Option<String>,
    /// The role with which the service acts.
    service_linked_role_arn: Option<Chosen<String>>,
    /// Labels.
    #[serde(default)]
    tag: BTreeSet<GroupTag>,
    /// Whether it can be deleted: `none` for yes, `prevent-force-deletion` for only without
    /// machines, `prevent-all-deletion` for no.
    deletion_protection: Option<Chosen<String>>,
    /// Whether destroying it takes its machines with it at once, without shrinking it first.
    #[serde(default)]
    force_delete: bool,
    /// How long to wait for its machines; `0` is not at all.
    #[serde(default = "ten_minutes")]
    wait_for_capacity_timeout: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AutoScalingGroupOutputs {
    /// Amazon's name for it.
    arn: String,
}

fn five_minutes() -> i32 {
    300
}

fn ten_minutes() -> String {
    "10m".into()
}

/// How long machines may take to go.
const DRAINING: Duration = Duration::from_mins(20);
const BUSY: [&str; 2] = ["ScalingActivityInProgress", "ResourceContention"];

impl Resource for AutoScalingGroup {
    const KIND: &'static str = "aws_autoscaling_group";
    const UNSUPPORTED: &'static [UnsupportedNames] = unsupported::UNSUPPORTED;
    type Provider = AwsClients;
    type Outputs = AutoScalingGroupOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct GroupNameArguments {
            name: String,
        }
        let hooks = ResourceHooks::new()
            .unique(&["name"])
            .predict("id", |it: GroupNameArguments| it.name)
            .manner(&["wait_for_capacity_timeout"]);
        check::all(hooks).impact(impact::impact)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let found = match self.make(aws, attempt).await? {
            CreationOutcome::New => self.seen(aws, attempt).await?,
            CreationOutcome::Before => match appearing(attempt, || find(aws, name)).await? {
                Some(found) if tags::are_from(found.tags(), attempt) => found,
                _ => return Err(error::foreign("auto scaling group", name)),
            },
        };
        self.bring_processes(aws, &found).await?;
        capacity::wait(aws, self, LaunchPeriod::All, attempt).await?;
        Ok(CreatedResource { id: name.to_owned(), outputs: outputs(&found) })
    }

    const OBJECTS: bool = true;

    async fn objections(
        _: &AwsClients,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::objections(planned)
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("name", id))
    }

    const LISTED: bool = true;

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn list_owned(
        aws: &AwsClients,
        _: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        let ours = Filter::builder().name("tag-key").values(tags::ADDRESS).build();
        let mut pages = aws
            .autoscaling
            .describe_auto_scaling_groups()
            .filters(ours)
            .into_paginator()
            .items()
            .send();
        let mut marked = Vec::new();
        while let Some(group) = pages.next().await {
            let group = group.attempting("look for auto scaling groups by their tags")?;
            let name = group.auto_scaling_group_name().unwrap_or_default();
            marked.extend(tags::marked(
                ExistingResource::by(name).argument("name", name),
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
    ) -> Result<AutoScalingGroupOutputs, Error> {
        let name = before.id.as_str();
        let Some(found) = find(aws, name).await? else {
            return Err(Error::new(
                format!("change the auto scaling group `{name}`"),
                "it is gone",
            )
            .help("plan again"));
        };
        self.bring_tags(aws, &found).await?;
        self.bring_processes(aws, &found).await?;
        self.bring_targets(aws, &found).await?;
        self.change(aws, &before.arguments, attempt).await?;
        capacity::wait(aws, self, LaunchPeriod::New, attempt).await?;
        Ok(outputs(&found))
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let what = format!("delete the auto scaling group `{name}`");
        let Some(found) = find(aws, name).await? else { return Ok(()) };
        // Before its machines are taken away.
        if found.status().is_none() {
            may_be_deleted(&found, recorded.arguments.force_delete, &what, attempt)?;
        }
        if !recorded.arguments.force_delete {
            capacity::drain(aws, name, attempt).await?;
        }
        WaitCondition::new(&what, attempt.patience(DRAINING))
            .until(attempt, || async {
                let call =
                    aws.autoscaling.delete_auto_scaling_group().auto_scaling_group_name(name);
                match call.force_delete(recorded.arguments.force_delete).send().await {
                    Err(error) if error::is(&error, &BUSY) => {
                        Ok(error::waiting("busy with its machines", &error))
                    }
                    Err(error) if is_absent(error.message()) => Ok(WaitStatus::Ready(())),
                    other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
                }
            })
            .await?;
        WaitCondition::new(&what, attempt.patience(DRAINING))
            .until(attempt, || async {
                let Some(found) = find(aws, name).await? else { return Ok(WaitStatus::Ready(())) };
                capacity::expect_none_retained(&found, &what)?;
                Ok(WaitStatus::Pending(format!("there, with {} machines", found.instances().len())))
            })
            .await
    }
}

/// An error where the group is protected against the deletion that is about to be asked for.
fn may_be_deleted(
    found: &Found,
    by_force: bool,
    what: &str,
    attempt: &Attempt,
) -> Result<(), Error> {
    let protection = found.deletion_protection().map(|it| it.as_str()).unwrap_or_default();
    if !check::is_protected(protection, by_force) {
        return Ok(());
    }
    let address = attempt.address();
    let cause = format!(
        "it is protected against deletion ({protection}), and nothing was done to its machines"
    );
    Err(Error::new(what, cause)
        .help(format!(
            "set `deletion_protection = \"none\"` on `{address}` and apply; then destroy"
        ))
        .outcome(CallOutcome::Refused))
}

/// Whether a create made something now or had done so before.
enum CreationOutcome {
    New,
    Before,
}

impl AutoScalingGroup {
    async fn make(&self, aws: &AwsClients, attempt: &Attempt) -> Result<CreationOutcome, Error> {
        let name = self.name.as_str();
        let what = format!("create the auto scaling group `{name}`");
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .autoscaling
                    .create_auto_scaling_group()
                    .auto_scaling_group_name(name)
                    .min_size(self.min_size)
                    .max_size(self.max_size)
                    .set_desired_capacity(self.desired_capacity.map(|it| it.0))
                    .set_launch_template(
                        self.launch_template.as_ref().map(LaunchTemplateBlock::told),
                    )
                    .set_vpc_zone_identifier(self.vpc_zone_identifier.as_ref().map(joined))
                    .set_availability_zones(
                        self.availability_zones.as_ref().map(|it| it.iter().cloned().collect()),
                    )
                    .set_health_check_type(self.health_check_type.as_ref().map(|it| it.0.clone()))
                    .health_check_grace_period(self.health_check_grace_period)
                    .set_default_instance_warmup(self.default_instance_warmup)
                    .set_default_cooldown(self.default_cooldown.map(|it| it.0))
                    .set_termination_policies(self.termination_policies.clone())
                    .set_target_group_arns(
                        self.target_group_arns.as_ref().map(|it| it.iter().cloned().collect()),
                    )
                    .new_instances_protected_from_scale_in(self.protect_from_scale_in)
                    .set_capacity_rebalance(self.capacity_rebalance)
                    .set_max_instance_lifetime(self.max_instance_lifetime)
                    .set_instance_maintenance_policy(
                        self.instance_maintenance_policy.as_ref().map(MaintenancePolicy::told),
                    )
                    .set_placement_group(self.placement_group.clone())
                    .set_service_linked_role_arn(
                        self.service_linked_role_arn.as_ref().map(|it| it.0.clone()),
                    )
                    .set_deletion_protection(
                        self.deletion_protection.as_ref().map(|it| it.as_str().into()),
                    )
                    .set_tags(Some(self.all_tags(attempt)));
                match call.send().await {
                    Err(error) if error::is(&error, &["AlreadyExists", "AlreadyExistsFault"]) => {
                        Ok(WaitStatus::Ready(CreationOutcome::Before))
                    }
                    Err(error) if self.is_too_early(error.message(), aws, attempt) => {
                        Ok(error::waiting("waiting for its template and profile", &error))
                    }
                    other => other
                        .map(|_| WaitStatus::Ready(CreationOutcome::New))
                        .attempting_first(&what),
                }
            })
            .await
    }

    async fn seen(&self, aws: &AwsClients, attempt: &Attempt) -> Result<Found, Error> {
        let name = self.name.as_str();
        WaitCondition::new(
            format!("see the auto scaling group `{name}` after it was created"),
            PROPAGATION,
        )
        .until(attempt, || async {
            Ok(match find(aws, name).await? {
                Some(found) => WaitStatus::Ready(found),
                None => WaitStatus::Pending("not visible yet".into()),
            })
        })
        .await
    }

    /// Brings to these arguments what one call can.
    async fn change(
        &self,
        aws: &AwsClients,
        before: &Self,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let name = self.name.as_str();
        let what = format!("change the auto scaling group `{name}`");
        let removed = |was: bool, is: bool| was && !is;
        let warmup = removed(
            before.default_instance_warmup.is_some(),
            self.default_instance_warmup.is_some(),
        )
        .then_some(-1);
        let lifetime =
            removed(before.max_instance_lifetime.is_some(), self.max_instance_lifetime.is_some())
                .then_some(0);
        let policies =
            removed(before.termination_policies.is_some(), self.termination_policies.is_some());
        let placement = removed(before.placement_group.is_some(), self.placement_group.is_some());
        let rebalance =
            removed(before.capacity_rebalance.is_some(), self.capacity_rebalance.is_some())
                .then_some(false);
        let maintenance = removed(
            before.instance_maintenance_policy.is_some(),
            self.instance_maintenance_policy.is_some(),
        );
        let maintenance = maintenance.then_some(&MaintenancePolicy {
            min_healthy_percentage: -1,
            max_healthy_percentage: -1,
        });
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .autoscaling
                    .update_auto_scaling_group()
                    .auto_scaling_group_name(name)
                    .min_size(self.min_size)
                    .max_size(self.max_size)
                    .set_desired_capacity(self.desired_capacity.map(|it| it.0))
                    .set_launch_template(
                        self.launch_template.as_ref().map(LaunchTemplateBlock::told),
                    )
                    .set_vpc_zone_identifier(self.vpc_zone_identifier.as_ref().map(joined))
                    .set_availability_zones(
                        self.availability_zones.as_ref().map(|it| it.iter().cloned().collect()),
                    )
                    .set_health_check_type(self.health_check_type.as_ref().map(|it| it.0.clone()))
                    .health_check_grace_period(self.health_check_grace_period)
                    .set_default_instance_warmup(self.default_instance_warmup.or(warmup))
                    .set_default_cooldown(self.default_cooldown.map(|it| it.0))
                    .set_termination_policies(
                        self.termination_policies
                            .clone()
                            .or_else(|| policies.then(|| vec![DEFAULT_POLICY.to_owned()])),
                    )
                    .new_instances_protected_from_scale_in(self.protect_from_scale_in)
                    .set_capacity_rebalance(self.capacity_rebalance.or(rebalance))
                    .set_max_instance_lifetime(self.max_instance_lifetime.or(lifetime))
                    .set_instance_maintenance_policy(
                        self.instance_maintenance_policy
                            .as_ref()
                            .or(maintenance)
                            .map(MaintenancePolicy::told),
                    )
                    .set_placement_group(
                        self.placement_group.clone().or_else(|| placement.then(String::new)),
                    )
                    .set_service_linked_role_arn(
                        self.service_linked_role_arn.as_ref().map(|it| it.0.clone()),
                    )
                    .set_deletion_protection(
                        self.deletion_protection.as_ref().map(|it| it.as_str().into()),
                    );
                match call.send().await {
                    Err(error) if error::is(&error, &BUSY) => {
                        Ok(error::waiting("busy with its machines", &error))
                    }
                    Err(error) if self.is_too_early(error.message(), aws, attempt) => {
                        Ok(error::waiting("waiting for its template and profile", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
                }
            })
            .await
    }

    fn all_tags(&self, attempt: &Attempt) -> Vec<Tag> {
        let ours: Vec<TagDescription> = tags::ours(&tags::ResourceTags::new(), attempt);
        let ours = ours.iter().map(|it| {
            self.tag(it.key().unwrap_or_default(), it.value().unwrap_or_default(), false)
        });
        self.own_tags().into_iter().chain(ours).collect()
    }

    fn own_tags(&self) -> Vec<Tag> {
        self.tag.iter().map(|it| self.tag(&it.key, &it.value, it.propagate_at_launch)).collect()
    }

    fn tag(&self, key: &str, value: &str, propagate: bool) -> Tag {
        Tag::builder()
            .resource_id(self.name.as_str())
            .resource_type("auto-scaling-group")
            .key(key)
            .value(value)
            .propagate_at_launch(propagate)
            .build()
    }

    async fn bring_tags(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
        let what = format!("label the auto scaling group `{}`", self.name);
        let there = group_tags(found);
        let surplus = there.iter().filter(|it| !self.tag.iter().any(|own| own.key == it.key));
        let surplus: Vec<Tag> =
            surplus.map(|it| self.tag(&it.key, &it.value, it.propagate_at_launch)).collect();
        if !surplus.is_empty() {
            aws.autoscaling.delete_tags().set_tags(Some(surplus)).send().await.attempting(&what)?;
        }
        if !self.tag.is_subset(&there) {
            let call = aws.autoscaling.create_or_update_tags().set_tags(Some(self.own_tags()));
            call.send().await.attempting(&what)?;
        }
        Ok(())
    }

    async fn bring_processes(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
        let (wanted, there) = (&self.suspended_processes, suspended(found));
        let name = self.name.as_str();
        let suspend: Vec<String> = wanted.difference(&there).cloned().collect();
        if !suspend.is_empty() {
            let call = aws
                .autoscaling
                .suspend_processes()
                .auto_scaling_group_name(name)
                .set_scaling_processes(Some(suspend));
            call.send()
                .await
                .attempting(format!("suspend processes of the auto scaling group `{name}`"))?;
        }
        let resume: Vec<String> = there.difference(wanted).cloned().collect();
        if !resume.is_empty() {
            let call = aws
                .autoscaling
                .resume_processes()
                .auto_scaling_group_name(name)
                .set_scaling_processes(Some(resume));
            call.send()
                .await
                .attempting(format!("resume processes of the auto scaling group `{name}`"))?;
        }
        Ok(())
    }

    async fn bring_targets(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
        let Some(wanted) = &self.target_group_arns else { return Ok(()) };
        let there: BTreeSet<String> = found.target_group_arns().iter().cloned().collect();
        let name = self.name.as_str();
        let attach: Vec<String> = wanted.difference(&there).cloned().collect();
        if !attach.is_empty() {
            let call =
                aws.autoscaling.attach_load_balancer_target_groups().auto_scaling_group_name(name);
            let call = call.set_target_group_arns(Some(attach));
            call.send()
                .await
                .attempting(format!("attach target groups to the auto scaling group `{name}`"))?;
        }
        let detach: Vec<String> = there.difference(wanted).cloned().collect();
        if !detach.is_empty() {
            let call =
                aws.autoscaling.detach_load_balancer_target_groups().auto_scaling_group_name(name);
            let call = call.set_target_group_arns(Some(detach));
            call.send()
                .await
                .attempting(format!("detach target groups from the auto scaling group `{name}`"))?;
        }
        Ok(())
    }

    /// Whether a profile or template that was just made is not known to the service yet.
    fn is_too_early(&self, message: Option<&str>, aws: &AwsClients, attempt: &Attempt) -> bool {
        let template = self.launch_template.as_ref().and_then(|it| it.id.as_deref());
        let is_new = || template.is_some_and(|it| aws.is_young(it, attempt));
        message.is_some_and(|it| {
            it.contains("Invalid IAM Instance Profile")
                || (it.contains("launch template") && it.contains("does not exist") && is_new())
        })
    }

    /// How many machines to wait for.
    fn expected(&self) -> i32 {
        self.desired_capacity.map_or(self.min_size, |it| it.0)
    }
}

impl ListableResource for AutoScalingGroup {
    const AT_ONCE: usize = 50;

    async fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        let names = recorded.iter().map(|it| it.id.clone()).collect();
        let call = aws
            .autoscaling
            .describe_auto_scaling_groups()
            .set_auto_scaling_group_names(Some(names));
        let mut pages = call.into_paginator().items().send();
        let mut found = BTreeMap::new();
        while let Some(group) = pages.next().await {
            let group = group.attempting("list auto scaling groups")?;
            // One that is being deleted is as good as gone.
            if group.status().is_none() {
                found.insert(group.auto_scaling_group_name().unwrap_or_default().to_owned(), group);
            }
        }
        Ok(recorded
            .iter()
            .map(|it| {
                found
                    .get(&it.id)
                    .map_or(ResourceReading::Gone, |found| observed::reading(it, found))
            })
            .collect())
    }
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    let call = aws.autoscaling.describe_auto_scaling_groups().auto_scaling_group_names(name);
    let found = call.send().await.attempting(format!("look at the auto scaling group `{name}`"))?;
    Ok(found.auto_scaling_groups.unwrap_or_default().into_iter().next())
}

const DEFAULT_POLICY: &str = "Default";

fn joined(subnets: &Chosen<BTreeSet<String>>) -> String {
    subnets.iter().map(String::as_str).collect::<Vec<_>>().join(",")
}

fn is_absent(message: Option<&str>) -> bool {
    message.is_some_and(|it| it.contains("not found"))
}

fn outputs(found: &Found) -> AutoScalingGroupOutputs {
    AutoScalingGroupOutputs { arn: found.auto_scaling_group_arn().unwrap_or_default().to_owned() }
}
