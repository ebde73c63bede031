//! What is wrong with a group's arguments, said before AWS says it.

use std::collections::BTreeSet;

use ha_kind::{Hooks, Path, Problem};
use serde::Deserialize;

use super::blocks::{GroupTag, Maintenance, Template};
use crate::{duration, tags};

/// With all checks.
pub(super) fn all(hooks: Hooks) -> Hooks {
    hooks.check(check_sizes).check(check_template).check(check_rest)
}

#[derive(Deserialize)]
struct Sizes {
    min_size: i32,
    max_size: i32,
    desired_capacity: Option<i32>,
}

fn check_sizes(it: Sizes) -> Vec<Problem> {
    let problem = |at: &str, message: String| Problem { path: Path::attribute(at), message };
    let Sizes { min_size, max_size, desired_capacity } = it;
    let mut problems = Vec::new();
    if min_size < 0 {
        problems.push(problem("min_size", format!("a group cannot have {min_size} machines")));
    }
    if max_size < min_size {
        problems.push(problem("max_size", format!("max_size ({max_size}) is less than min_size ({min_size})")));
    } else if let Some(desired) = desired_capacity.filter(|it| !(min_size..=max_size).contains(it)) {
        let message = format!("desired_capacity ({desired}) is not between min_size ({min_size}) and max_size ({max_size})");
        problems.push(problem("desired_capacity", message));
    }
    problems
}

#[derive(Deserialize)]
struct Launched {
    launch_template: Option<Template>,
}

fn check_template(it: Launched) -> Vec<Problem> {
    let message = match it.launch_template {
        None => "a group needs a `launch_template`",
        Some(Template { id: None, name: None, .. }) => "the template is named by `id` or by `name`",
        Some(Template { id: Some(_), name: Some(_), .. }) => "the template is named by `id` or by `name`, not both",
        Some(_) => return Vec::new(),
    };
    vec![Problem { path: Path::attribute("launch_template"), message: message.into() }]
}

#[derive(Deserialize)]
struct Rest {
    health_check_grace_period: i32,
    max_instance_lifetime: Option<i32>,
    instance_maintenance_policy: Option<Maintenance>,
    wait_for_capacity_timeout: String,
    #[serde(default)]
    tag: BTreeSet<GroupTag>,
}

fn check_rest(it: Rest) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut problem = |at: &str, message: String| problems.push(Problem { path: Path::attribute(at), message });
    if it.health_check_grace_period < 0 {
        problem("health_check_grace_period", "a number of seconds is 0 or more".into());
    }
    if let Some(age) = it.max_instance_lifetime.filter(|it| *it != 0 && !(86_400..=31_536_000).contains(it)) {
        problem("max_instance_lifetime", format!("a machine lives 86400 to 31536000 seconds, or any time with 0, not {age}"));
    }
    if let Some(Maintenance { min_healthy_percentage: min, max_healthy_percentage: max }) = it.instance_maintenance_policy
        && !((0..=100).contains(&min) && (100..=200).contains(&max) && max - min <= 100)
    {
        let message = "min_healthy_percentage is 0 to 100, max_healthy_percentage 100 to 200, and they are at most 100 apart";
        problem("instance_maintenance_policy", message.into());
    }
    if let Err(message) = duration::parse(&it.wait_for_capacity_timeout) {
        problem("wait_for_capacity_timeout", message);
    }
    if let Some(reserved) = it.tag.iter().find(|it| tags::is_reserved(&it.key)) {
        problem("tag", format!("the tag `{}` begins with a prefix that is reserved (`ha:` and `aws:`)", reserved.key));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_in_order() {
        let sizes = |min_size, max_size, desired_capacity| check_sizes(Sizes { min_size, max_size, desired_capacity }).len();
        assert_eq!(sizes(1, 1, Some(1)), 0);
        assert_eq!(sizes(0, 0, None), 0);
        assert_eq!(sizes(2, 1, Some(1)), 1);
        assert_eq!(sizes(1, 2, Some(3)), 1);
        assert_eq!(sizes(-1, 2, None), 1);
    }
}
