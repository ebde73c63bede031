//! Checks of a group's arguments while planning, by the rules that Auto Scaling applies to a call.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, MaybeUnknown, ResourceHooks};
use ha_value::{Path, duration};
use serde::Deserialize;

use super::blocks::{GroupTag, LaunchTemplateBlock, MaintenancePolicy};
use crate::forms::{self, Form};
use crate::{choices, tags};

/// The hooks with all checks.
pub(super) fn all(hooks: ResourceHooks) -> ResourceHooks {
    hooks
        .check(check_sizes)
        .check(check_template)
        .check(check_place)
        .check(check_names)
        .check(check_rest)
        .check(check_name)
        .check(forms::check(&FORMS))
}

/// Whether this deletion protection prevents a deletion, with or without `force_delete`.
pub(super) fn is_protected(protection: &str, by_force: bool) -> bool {
    protection == PROTECTED || (protection == PROTECTED_FROM_FORCE && by_force)
}

const UNPROTECTED: &str = "none";
const PROTECTED: &str = "prevent-all-deletion";
const PROTECTED_FROM_FORCE: &str = "prevent-force-deletion";

static FORMS: [(&str, Form); 6] = [
    ("launch_template.id", forms::TEMPLATE),
    ("launch_template.name", forms::TEMPLATE_NAME),
    ("vpc_zone_identifier", forms::SUBNET),
    ("availability_zones", forms::ZONE),
    ("target_group_arns", forms::TARGET_GROUP),
    ("service_linked_role_arn", forms::ROLE),
];

#[derive(Deserialize)]
struct NameFormatArguments {
    name: String,
}

fn check_name(NameFormatArguments { name }: NameFormatArguments) -> Vec<ArgumentProblem> {
    let message = if !(1..=255).contains(&name.chars().count()) {
        format!("a group's name has 1 to 255 characters, and this has {}", name.chars().count())
    } else if let Some(odd) =
        name.chars().find(|it| !(it.is_ascii_graphic() || *it == ' ') || *it == ':')
    {
        format!(
            "a group's name is printable ASCII without `:`, and `{name}` holds `{}`",
            odd.escape_debug()
        )
    } else {
        return Vec::new();
    };
    vec![ArgumentProblem { path: Path::attribute("name"), message }]
}

#[derive(Deserialize)]
struct GroupSizes {
    min_size: i32,
    max_size: i32,
    desired_capacity: Option<i32>,
}

fn check_sizes(it: GroupSizes) -> Vec<ArgumentProblem> {
    let problem =
        |at: &str, message: String| ArgumentProblem { path: Path::attribute(at), message };
    let GroupSizes { min_size, max_size, desired_capacity } = it;
    let mut problems = Vec::new();
    if min_size < 0 {
        problems.push(problem("min_size", format!("a group cannot have {min_size} instances")));
    }
    if max_size < min_size {
        problems.push(problem(
            "max_size",
            format!("max_size ({max_size}) is less than min_size ({min_size})"),
        ));
    } else if let Some(desired) = desired_capacity.filter(|it| !(min_size..=max_size).contains(it))
    {
        let message = format!(
            "desired_capacity ({desired}) is not between min_size ({min_size}) and max_size ({max_size})"
        );
        problems.push(problem("desired_capacity", message));
    }
    problems
}

#[derive(Deserialize)]
struct GroupLaunchSource {
    launch_template: Option<LaunchTemplateBlock>,
}

fn check_template(it: GroupLaunchSource) -> Vec<ArgumentProblem> {
    let odd = |it: &str| {
        !(matches!(it, "$Latest" | "$Default") || it.parse::<u64>().is_ok_and(|it| it > 0))
    };
    let message = match it.launch_template {
        Some(LaunchTemplateBlock { version: Some(version), .. }) if odd(&version) => {
            let message =
                format!("a version is a number from 1, `$Latest` or `$Default`, not `{version}`");
            return vec![ArgumentProblem {
                path: Path::attribute("launch_template").name("version"),
                message,
            }];
        }
        None => "a group needs a `launch_template`",
        Some(LaunchTemplateBlock { id: None, name: None, .. }) => {
            "the template is named by `id` or by `name`"
        }
        Some(LaunchTemplateBlock { id: Some(_), name: Some(_), .. }) => {
            "the template is named by `id` or by `name`, not both"
        }
        Some(_) => return Vec::new(),
    };
    vec![ArgumentProblem { path: Path::attribute("launch_template"), message: message.into() }]
}

#[derive(Deserialize)]
struct GroupPlacement {
    vpc_zone_identifier: Option<MaybeUnknown<BTreeSet<String>>>,
    availability_zones: Option<MaybeUnknown<BTreeSet<String>>>,
}

fn check_place(it: GroupPlacement) -> Vec<ArgumentProblem> {
    let is_said = |it: &Option<MaybeUnknown<BTreeSet<String>>>| match it {
        Some(MaybeUnknown::Known(places)) => !places.is_empty(),
        Some(MaybeUnknown::Unknown) => true,
        None => false,
    };
    if is_said(&it.vpc_zone_identifier) || is_said(&it.availability_zones) {
        return Vec::new();
    }
    let message = "a group needs `vpc_zone_identifier` (subnets) or `availability_zones`";
    vec![ArgumentProblem { path: Path::attribute("vpc_zone_identifier"), message: message.into() }]
}

#[derive(Deserialize)]
struct GroupNames {
    health_check_type: Option<String>,
    #[serde(default)]
    suspended_processes: BTreeSet<String>,
    termination_policies: Option<Vec<String>>,
    deletion_protection: Option<String>,
}

const HEALTH_CHECKS: [&str; 4] = ["EC2", "EBS", "ELB", "VPC_LATTICE"];
const PROCESSES: [&str; 9] = [
    "AddToLoadBalancer",
    "AlarmNotification",
    "AZRebalance",
    "HealthCheck",
    "InstanceRefresh",
    "Launch",
    "ReplaceUnhealthy",
    "ScheduledActions",
    "Terminate",
];
const POLICIES: [&str; 7] = [
    "AllocationStrategy",
    "ClosestToNextInstanceHour",
    "Default",
    "NewestInstance",
    "OldestInstance",
    "OldestLaunchConfiguration",
    "OldestLaunchTemplate",
];

fn check_names(it: GroupNames) -> Vec<ArgumentProblem> {
    let checks =
        it.health_check_type.iter().flat_map(|it| it.split(',')).map(str::trim).map(str::to_owned);
    let policies = it
        .termination_policies
        .unwrap_or_default()
        .into_iter()
        .filter(|it| !it.starts_with("arn:"));
    let protections = [UNPROTECTED, PROTECTED_FROM_FORCE, PROTECTED];
    let said: [(&str, Vec<String>, &[&str]); 4] = [
        ("health_check_type", checks.collect(), &HEALTH_CHECKS),
        ("suspended_processes", it.suspended_processes.into_iter().collect(), &PROCESSES),
        ("termination_policies", policies.collect(), &POLICIES),
        ("deletion_protection", it.deletion_protection.into_iter().collect(), &protections),
    ];
    let wrong = |(at, said, known): (&str, Vec<String>, &[&str])| {
        said.iter().find_map(|it| choices::problem(Path::attribute(at), Some(it), known))
    };
    said.into_iter().filter_map(wrong).collect()
}

#[derive(Deserialize)]
struct GroupLimits {
    health_check_grace_period: i32,
    max_instance_lifetime: Option<i32>,
    instance_maintenance_policy: Option<MaintenancePolicy>,
    wait_for_capacity_timeout: String,
    #[serde(default)]
    tag: BTreeSet<GroupTag>,
}

fn check_rest(it: GroupLimits) -> Vec<ArgumentProblem> {
    let mut problems = Vec::new();
    let mut problem = |at: &str, message: String| {
        problems.push(ArgumentProblem { path: Path::attribute(at), message })
    };
    if it.health_check_grace_period < 0 {
        problem("health_check_grace_period", "a number of seconds is 0 or more".into());
    }
    if let Some(age) =
        it.max_instance_lifetime.filter(|it| *it != 0 && !(86_400..=31_536_000).contains(it))
    {
        problem(
            "max_instance_lifetime",
            format!(
                "the maximum age of an instance is 86400 to 31536000 seconds, or 0 for no limit, not {age}"
            ),
        );
    }
    if let Some(MaintenancePolicy { min_healthy_percentage: min, max_healthy_percentage: max }) =
        it.instance_maintenance_policy
        && !((0..=100).contains(&min) && (100..=200).contains(&max) && max - min <= 100)
    {
        let message = "min_healthy_percentage is 0 to 100, max_healthy_percentage 100 to 200, and they are at most 100 apart";
        problem("instance_maintenance_policy", message.into());
    }
    if let Err(message) = duration::parse(&it.wait_for_capacity_timeout) {
        problem("wait_for_capacity_timeout", message);
    }
    let keys: Vec<&str> = it.tag.iter().map(|it| it.key.as_str()).collect();
    if let Some(twice) = keys.windows(2).find(|it| it[0] == it[1]) {
        problem("tag", format!("the tag `{}` is set twice", twice[0]));
    }
    if let Some(reserved) = it.tag.iter().find(|it| tags::is_reserved(&it.key)) {
        problem(
            "tag",
            format!(
                "the tag `{}` begins with a prefix that is reserved (`ha:` and `aws:`)",
                reserved.key
            ),
        );
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_ordered() {
        let sizes = |min_size, max_size, desired_capacity| {
            check_sizes(GroupSizes { min_size, max_size, desired_capacity }).len()
        };
        assert_eq!(sizes(1, 1, Some(1)), 0);
        assert_eq!(sizes(0, 0, None), 0);
        assert_eq!(sizes(2, 1, Some(1)), 1);
        assert_eq!(sizes(1, 2, Some(3)), 1);
        assert_eq!(sizes(-1, 2, None), 1);
    }

    #[test]
    fn a_group_needs_subnets_or_zones() {
        let judged = |subnets: Option<MaybeUnknown<BTreeSet<String>>>| {
            check_place(GroupPlacement { vpc_zone_identifier: subnets, availability_zones: None })
                .len()
        };
        assert_eq!((judged(None), judged(Some(MaybeUnknown::Known(BTreeSet::new())))), (1, 1));
        assert_eq!(
            (
                judged(Some(MaybeUnknown::Unknown)),
                judged(Some(MaybeUnknown::Known(BTreeSet::from(["subnet-1".into()]))))
            ),
            (0, 0)
        );
    }

    #[test]
    fn accepts_the_names_of_auto_scaling() {
        let judged = |health: &str, process: &str, policy: &str, protection: &str| {
            let names = GroupNames {
                health_check_type: Some(health.into()),
                suspended_processes: BTreeSet::from([process.into()]),
                termination_policies: Some(vec![policy.into()]),
                deletion_protection: Some(protection.into()),
            };
            check_names(names).len()
        };
        assert_eq!(judged("EC2,ELB", "ReplaceUnhealthy", "OldestInstance", "none"), 0);
        assert_eq!(
            judged(
                "EBS",
                "AZRebalance",
                "arn:aws:lambda:eu-west-1:1:function:f",
                "prevent-all-deletion"
            ),
            0
        );
        assert_eq!(judged("HTTP", "ReplaceHealthy", "Oldest", "true"), 4);
    }

    #[test]
    fn deletion_protection_has_two_levels() {
        assert!(is_protected(PROTECTED, false) && is_protected(PROTECTED_FROM_FORCE, true));
        assert!(
            !is_protected(PROTECTED_FROM_FORCE, false)
                && !is_protected(UNPROTECTED, true)
                && !is_protected("", true)
        );
    }
}
