//! The blocks of a group, to the words of Auto Scaling and back.

use aws_sdk_autoscaling::types::{InstanceMaintenancePolicy, LaunchTemplateSpecification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What machines are launched from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct LaunchTemplateBlock {
    /// The template by what Amazon calls it.
    pub(super) id: Option<String>,
    /// The template by its name.
    pub(super) name: Option<String>,
    /// The version's number, `$Latest` or `$Default`.
    pub(super) version: Option<String>,
}

/// How machines are replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MaintenancePolicy {
    /// How much of the group stays meanwhile.
    pub(super) min_healthy_percentage: i32,
    /// How much more than the group there may be meanwhile.
    pub(super) max_healthy_percentage: i32,
}

/// A label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(super) struct GroupTag {
    /// Its name.
    pub(super) key: String,
    /// Its value.
    pub(super) value: String,
    /// Whether machines launched from now on get it too.
    pub(super) propagate_at_launch: bool,
}

impl LaunchTemplateBlock {
    pub(super) fn told(&self) -> LaunchTemplateSpecification {
        LaunchTemplateSpecification::builder()
            .set_launch_template_id(self.id.clone())
            .set_launch_template_name(self.name.clone().filter(|_| self.id.is_none()))
            .set_version(self.version.clone())
            .build()
    }

    pub(super) fn answered(it: &LaunchTemplateSpecification) -> Self {
        Self {
            id: it.launch_template_id.clone(),
            name: it.launch_template_name.clone(),
            version: it.version.clone(),
        }
    }
}

impl MaintenancePolicy {
    pub(super) fn told(&self) -> InstanceMaintenancePolicy {
        InstanceMaintenancePolicy::builder()
            .min_healthy_percentage(self.min_healthy_percentage)
            .max_healthy_percentage(self.max_healthy_percentage)
            .build()
    }

    pub(super) fn answered(it: &InstanceMaintenancePolicy) -> Option<Self> {
        let (min, max) = it.min_healthy_percentage().zip(it.max_healthy_percentage())?;
        (min >= 0).then_some(Self { min_healthy_percentage: min, max_healthy_percentage: max })
    }
}
