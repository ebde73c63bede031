//! Deletions that a group's deletion protection prevents.

use ha_provider::{ArgumentProblem, IntendedChange, Resource as _};
use ha_value::Path;
use serde::Deserialize;

use super::AutoScalingGroup;
use super::check::is_protected;

/// A group that the plan deletes or replaces.
#[derive(Deserialize)]
struct DeletedGroup {
    name: String,
    deletion_protection: Option<String>,
    #[serde(default)]
    force_delete: bool,
}

/// The planned deletions of protected groups.
pub(super) fn objections(planned: &[IntendedChange]) -> Vec<(usize, ArgumentProblem)> {
    let deleted = planned
        .iter()
        .enumerate()
        .filter(|(_, change)| &*change.kind == AutoScalingGroup::KIND && change.action.destroys());
    deleted.filter_map(|(place, change)| Some((place, protection(change)?))).collect()
}

fn protection(change: &IntendedChange) -> Option<ArgumentProblem> {
    #[derive(Deserialize)]
    struct PlannedProtection {
        deletion_protection: Option<String>,
    }
    let group: DeletedGroup = change.before()?;
    let protection = group.deletion_protection.unwrap_or_default();
    if !is_protected(&protection, group.force_delete) {
        return None;
    }
    // A replacement deletes the old group as it is: no step of the plan changes it before.
    let is_turned_off = change
        .after()
        .and_then(|it: PlannedProtection| it.deletion_protection)
        .is_some_and(|it| !is_protected(&it, group.force_delete));
    let advice = match is_turned_off {
        true => {
            "apply `deletion_protection = \"none\"` alone first, and the replacement after that"
        }
        false => "set `deletion_protection = \"none\"` and apply that first",
    };
    let message = format!(
        "the Auto Scaling group `{}` is protected against deletion ({protection}), and this plan \
         {} it: {advice}",
        group.name,
        if change.action.is_replace() { "replaces" } else { "deletes" },
    );
    Some(ArgumentProblem { path: Path::attribute("deletion_protection"), message })
}
