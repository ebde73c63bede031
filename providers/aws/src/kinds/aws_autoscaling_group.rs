//! An Auto Scaling group.

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

/// A group of EC2 instances of a given size: an instance that fails is replaced.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AutoScalingGroup {
    /// Name, unique in the account and region.
    name: Immutable<String>,
    /// Minimum number of instances.
    min_size: i32,
    /// Maximum number of instances.
    max_size: i32,
    /// Desired number of instances. Left out, scaling policies decide, and a plan does not change
    /// it.
    desired_capacity: Option<Chosen<i32>>,
    /// Launch template of the instances.
    launch_template: Option<LaunchTemplateBlock>,
    /// Ids of the subnets of the instances.
    vpc_zone_identifier: Option<Chosen<BTreeSet<String>>>,
    /// Availability zones of the instances, in the default VPC.
    availability_zones: Option<Chosen<BTreeSet<String>>>,
    /// Source of health checks: `EC2`, or `ELB` to include those of the load balancer.
    health_check_type: Option<Chosen<String>>,
    /// Seconds after a launch during which failed health checks are ignored.
    #[serde(default = "five_minutes")]
    health_check_grace_period: i32,
    /// Seconds until a new instance counts in the group's metrics.
    default_instance_warmup: Option<i32>,
    /// Seconds between two scaling activities.
    default_cooldown: Option<Chosen<i32>>,
    /// Order in which instances are terminated, such as `OldestInstance`.
    termination_policies: Option<Vec<String>>,
    /// Suspended processes, such as `ReplaceUnhealthy`; none when left out.
    #[serde(default)]
    suspended_processes: BTreeSet<String>,
    /// ARNs of target groups of load balancers.
    target_group_arns: Option<Chosen<BTreeSet<String>>>,
    /// Whether new instances are protected from scale-in.
    #[serde(default)]
    protect_from_scale_in: bool,
    /// Whether spot instances at risk of interruption are replaced before it.
    capacity_rebalance: Option<bool>,
    /// Maximum age of an instance in seconds; 0 for no limit.
    max_instance_lifetime: Option<i32>,
    /// Limits of the group's size while instances are replaced.
    instance_maintenance_policy: Option<MaintenancePolicy>,
    /// Name of the placement group.
    placement_group: Option<String>,
    /// ARN of the service-linked role.
    service_linked_role_arn: Option<Chosen<String>>,
    /// Tags.
    #[serde(default)]
    tag: BTreeSet<GroupTag>,
    /// Deletion protection: `none`, `prevent-force-deletion` (deletion only without instances) or
    /// `prevent-all-deletion`. A plan that it prevents is refused.
    deletion_protection: Option<Chosen<String>>,
    /// Whether a deletion terminates the instances at once, without scaling the group to 0 first.
    #[serde(default)]
    force_delete: bool,
    /// How long to wait for healthy instances, such as `10m`; `0` does not wait.
    #[serde(default = "ten_minutes")]
    wait_for_capacity_timeout: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct AutoScalingGroupOutputs {
    /// ARN of the group.
    arn: String,
}

fn five_minutes() -> i32 {
    300
}

fn ten_minutes() -> String {
    "10m".into()
}

/// How long instances may take to terminate.
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
        let found = match self.create_group(aws, attempt).await? {
            CreationOutcome::New => self.wait_until_visible(aws, attempt).await?,
            CreationOutcome::Before => match appearing(attempt, || find(aws, name)).await? {
                Some(found) if tags::are_from(found.tags(), attempt) => found,
                _ => return Err(error::foreign("Auto Scaling group", name)),
            },
        };
        self.set_suspended_processes(aws, &found).await?;
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
            let group = group.attempting("look for Auto Scaling groups by their tags")?;
            let name = group.auto_scaling_group_name().unwrap_or_default();
            marked.extend(tags::owned(
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
                format!("change the Auto Scaling group `{name}`"),
                "it no longer exists",
            )
            .help("plan again"));
        };
        // Tags, processes and target groups have calls of their own. They come before the change of
        // the group, so that instances that it launches get the new tags and registrations.
        self.set_tags(aws, &found).await?;
        self.set_suspended_processes(aws, &found).await?;
        self.set_target_groups(aws, &found).await?;
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
        let what = format!("delete the Auto Scaling group `{name}`");
        let Some(found) = find(aws, name).await? else { return Ok(()) };
        // The protection is checked before the group is scaled to 0: Auto Scaling itself would
        // refuse only the deletion, when the instances are gone already.
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
                        Ok(error::waiting("busy with its instances", &error))
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
                Ok(WaitStatus::Pending(format!(
                    "deleting, with {} instances left",
                    found.instances().len()
                )))
            })
            .await
    }
}

/// An error where the group is protected against this deletion.
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
        "it is protected against deletion ({protection}), and its instances were not changed"
    );
    Err(Error::new(what, cause)
        .help(format!(
            "set `deletion_protection = \"none\"` on `{address}` and apply; then destroy"
        ))
        .outcome(CallOutcome::Refused))
}

/// Whether this call created the group, or an earlier one.
enum CreationOutcome {
    New,
    Before,
}

impl AutoScalingGroup {
    async fn create_group(
        &self,
        aws: &AwsClients,
        attempt: &Attempt,
    ) -> Result<CreationOutcome, Error> {
        let name = self.name.as_str();
        let what = format!("create the Auto Scaling group `{name}`");
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
                        self.launch_template.as_ref().map(LaunchTemplateBlock::to_request),
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
                        self.instance_maintenance_policy
                            .as_ref()
                            .map(MaintenancePolicy::to_request),
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
                        Ok(error::waiting(
                            "waiting for its launch template and instance profile",
                            &error,
                        ))
                    }
                    other => other
                        .map(|_| WaitStatus::Ready(CreationOutcome::New))
                        .attempting_first(&what),
                }
            })
            .await
    }

    async fn wait_until_visible(
        &self,
        aws: &AwsClients,
        attempt: &Attempt,
    ) -> Result<Found, Error> {
        let name = self.name.as_str();
        WaitCondition::new(
            format!("see the Auto Scaling group `{name}` after it was created"),
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

    /// Changes the arguments that UpdateAutoScalingGroup takes.
    async fn change(
        &self,
        aws: &AwsClients,
        before: &Self,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let name = self.name.as_str();
        let what = format!("change the Auto Scaling group `{name}`");
        // Auto Scaling leaves alone what a call does not name. These values are its way to unset an
        // argument that the configuration no longer has.
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
                        self.launch_template.as_ref().map(LaunchTemplateBlock::to_request),
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
                            .map(MaintenancePolicy::to_request),
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
                        Ok(error::waiting("busy with its instances", &error))
                    }
                    Err(error) if self.is_too_early(error.message(), aws, attempt) => {
                        Ok(error::waiting(
                            "waiting for its launch template and instance profile",
                            &error,
                        ))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
                }
            })
            .await
    }

    fn all_tags(&self, attempt: &Attempt) -> Vec<Tag> {
        let ours: Vec<TagDescription> = tags::with_ownership(&tags::ResourceTags::new(), attempt);
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

    async fn set_tags(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
        let what = format!("tag the Auto Scaling group `{}`", self.name);
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

    async fn set_suspended_processes(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
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
                .attempting(format!("suspend processes of the Auto Scaling group `{name}`"))?;
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
                .attempting(format!("resume processes of the Auto Scaling group `{name}`"))?;
        }
        Ok(())
    }

    async fn set_target_groups(&self, aws: &AwsClients, found: &Found) -> Result<(), Error> {
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
                .attempting(format!("attach target groups to the Auto Scaling group `{name}`"))?;
        }
        let detach: Vec<String> = there.difference(wanted).cloned().collect();
        if !detach.is_empty() {
            let call =
                aws.autoscaling.detach_load_balancer_target_groups().auto_scaling_group_name(name);
            let call = call.set_target_group_arns(Some(detach));
            call.send()
                .await
                .attempting(format!("detach target groups from the Auto Scaling group `{name}`"))?;
        }
        Ok(())
    }

    /// Whether Auto Scaling does not know a recently created instance profile or template yet.
    fn is_too_early(&self, message: Option<&str>, aws: &AwsClients, attempt: &Attempt) -> bool {
        let template = self.launch_template.as_ref().and_then(|it| it.id.as_deref());
        let is_new = || template.is_some_and(|it| aws.is_recently_created(it, attempt));
        message.is_some_and(|it| {
            it.contains("Invalid IAM Instance Profile")
                || (it.contains("launch template") && it.contains("does not exist") && is_new())
        })
    }

    /// The number of instances to wait for.
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
            let group = group.attempting("list Auto Scaling groups")?;
            // A group that is being deleted counts as deleted.
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
    let found = call.send().await.attempting(format!("look at the Auto Scaling group `{name}`"))?;
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
