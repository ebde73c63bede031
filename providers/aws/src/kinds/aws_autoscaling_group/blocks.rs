//! The blocks of a group, and their conversion to request types.

use aws_sdk_autoscaling::types::{InstanceMaintenancePolicy, LaunchTemplateSpecification};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The launch template of the instances, by `id` or by `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct LaunchTemplateBlock {
    /// Id of the launch template.
    pub(super) id: Option<String>,
    /// Name of the launch template.
    pub(super) name: Option<String>,
    /// Version: a number, `$Latest` or `$Default`.
    pub(super) version: Option<String>,
}

/// Limits of the group's size while instances are replaced.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MaintenancePolicy {
    /// Percentage of the desired capacity that stays in service, 0 to 100.
    pub(super) min_healthy_percentage: i32,
    /// Maximum size in percent of the desired capacity, 100 to 200.
    pub(super) max_healthy_percentage: i32,
}

/// A tag of the group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(super) struct GroupTag {
    /// Key of the tag.
    pub(super) key: String,
    /// Value of the tag.
    pub(super) value: String,
    /// Whether instances launched from now on get the tag.
    pub(super) propagate_at_launch: bool,
}

impl LaunchTemplateBlock {
    pub(super) fn to_request(&self) -> LaunchTemplateSpecification {
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
    pub(super) fn to_request(&self) -> InstanceMaintenancePolicy {
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
