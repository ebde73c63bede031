//! The arguments of a group, from Auto Scaling's description of it.

use std::collections::BTreeSet;

use aws_sdk_autoscaling::types::{AutoScalingGroup as Found, Instance, TagDescription};
use ha_provider::{Chosen, RecordedResource, ResourceReading};

use super::blocks::{GroupTag, LaunchTemplateBlock, MaintenancePolicy};
use super::{AutoScalingGroup, DEFAULT_POLICY, outputs};
use crate::reading::as_configured;
use crate::tags;

/// The reading of a group.
pub(super) fn reading(
    recorded: &RecordedResource<AutoScalingGroup>,
    found: &Found,
) -> ResourceReading<AutoScalingGroup> {
    let known = &recorded.arguments;
    let template = as_configured(
        known.launch_template.as_ref(),
        found.launch_template().map(LaunchTemplateBlock::answered),
    );
    let policies = found.termination_policies();
    let is_left_out =
        known.termination_policies.is_none() && policies.iter().all(|it| it == DEFAULT_POLICY);
    let subnets = found
        .vpc_zone_identifier()
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|it| !it.is_empty());
    let there = AutoScalingGroup {
        name: known.name.clone(),
        min_size: found.min_size().unwrap_or(0),
        max_size: found.max_size().unwrap_or(0),
        desired_capacity: found.desired_capacity().map(Chosen),
        launch_template: template,
        vpc_zone_identifier: Some(Chosen(subnets.map(str::to_owned).collect())),
        availability_zones: Some(Chosen(found.availability_zones().iter().cloned().collect())),
        health_check_type: found.health_check_type().map(|it| Chosen(it.to_owned())),
        health_check_grace_period: found.health_check_grace_period().unwrap_or(0),
        default_instance_warmup: found.default_instance_warmup().filter(|it| *it >= 0),
        default_cooldown: found.default_cooldown().map(Chosen),
        termination_policies: (!is_left_out && !policies.is_empty()).then(|| policies.to_vec()),
        suspended_processes: suspended(found),
        target_group_arns: Some(Chosen(found.target_group_arns().iter().cloned().collect())),
        protect_from_scale_in: found.new_instances_protected_from_scale_in().unwrap_or(false),
        capacity_rebalance: found
            .capacity_rebalance()
            .filter(|it| *it || known.capacity_rebalance.is_some()),
        max_instance_lifetime: found
            .max_instance_lifetime()
            .filter(|it| *it != 0 || known.max_instance_lifetime.is_some()),
        instance_maintenance_policy: found
            .instance_maintenance_policy()
            .and_then(MaintenancePolicy::answered),
        placement_group: found.placement_group().filter(|it| !it.is_empty()).map(str::to_owned),
        service_linked_role_arn: found.service_linked_role_arn().map(|it| Chosen(it.to_owned())),
        tag: group_tags(found),
        deletion_protection: found.deletion_protection().map(|it| Chosen(it.as_str().to_owned())),
        force_delete: known.force_delete,
        wait_for_capacity_timeout: known.wait_for_capacity_timeout.clone(),
    };
    let remarks = left_behind(found).into_iter().chain(kept(found)).collect();
    ResourceReading::Found { remarks, arguments: there, outputs: outputs(found) }
}

/// A remark for each instance that has left the group and still runs.
fn kept(found: &Found) -> Vec<String> {
    let name = found.auto_scaling_group_name().unwrap_or_default();
    let remark = |id: &str| {
        format!(
            "instance {id} of `{name}` is not in service and is retained (Terminating:Retained); terminate it when it is no longer needed"
        )
    };
    retained(found).iter().map(|id| remark(id)).collect()
}

/// The instances that are retained until a person terminates them.
pub(super) fn retained(found: &Found) -> Vec<String> {
    let is_retained = |it: &&Instance| {
        it.lifecycle_state().is_some_and(|it| it.as_str().ends_with("Terminating:Retained"))
    };
    found
        .instances()
        .iter()
        .filter(is_retained)
        .filter_map(|it| it.instance_id().map(str::to_owned))
        .collect()
}

/// A remark for each instance that runs another version of the launch template.
fn left_behind(found: &Found) -> Vec<String> {
    let Some(wanted) =
        found.launch_template().and_then(|it| it.version()).filter(|it| !it.starts_with('$'))
    else {
        return Vec::new();
    };
    let remark = |it: &Instance| {
        let runs = it.launch_template()?.version().filter(|it| *it != wanted)?;
        let name = found.auto_scaling_group_name().unwrap_or_default();
        let id = it.instance_id().unwrap_or_default();
        Some(format!(
            "instance {id} of `{name}` was launched from version {runs} of its template; the group is at {wanted}"
        ))
    };
    found.instances().iter().filter_map(remark).collect()
}

/// The tags without those of `ha` and AWS.
pub(super) fn group_tags(found: &Found) -> BTreeSet<GroupTag> {
    let visible = found.tags().iter().filter(|it| !tags::is_reserved(it.key().unwrap_or_default()));
    let tag = |it: &TagDescription| GroupTag {
        key: it.key().unwrap_or_default().to_owned(),
        value: it.value().unwrap_or_default().to_owned(),
        propagate_at_launch: it.propagate_at_launch().unwrap_or(false),
    };
    visible.map(tag).collect()
}

/// The suspended processes.
pub(super) fn suspended(found: &Found) -> BTreeSet<String> {
    found
        .suspended_processes()
        .iter()
        .filter_map(|it| it.process_name().map(str::to_owned))
        .collect()
}
