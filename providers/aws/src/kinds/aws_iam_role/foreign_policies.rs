//! Policies and instance profiles of a role that neither the role nor another resource of the plan
//! puts there, and that keep a role without `force_detach_policies` from being deleted.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, Error, IntendedChange, Resource};
use ha_value::Path;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::aws_iam_instance_profile::{InstanceProfile, find};
use super::super::aws_iam_role_policy::IamRolePolicy;
use super::super::aws_iam_role_policy_attachment::RolePolicyAttachment;
use super::IamRole;
use super::policies::{attached, inline_names, profiles};
use crate::{AwsClients, choices, tags};

pub(super) const ADVICE: &str =
    "detach or delete them, or set `force_detach_policies = true` on the role and apply that first";

/// What a role has, or a part of it.
#[derive(Default)]
pub(super) struct RoleContents {
    /// ARNs of attached policies.
    pub(super) attached: BTreeSet<String>,
    /// Names of inline policies.
    pub(super) inline: BTreeSet<String>,
    /// Names of instance profiles.
    pub(super) profiles: BTreeSet<String>,
}

impl RoleContents {
    /// What the role has now; nothing where there is no such role.
    pub(super) async fn of(aws: &AwsClients, role: &str) -> Result<Self, Error> {
        let profiles = profiles(aws, role).await?;
        Ok(Self {
            attached: attached(aws, role).await?.unwrap_or_default(),
            inline: inline_names(aws, role).await?.unwrap_or_default().into_iter().collect(),
            profiles: profiles.into_iter().map(|it| it.instance_profile_name).collect(),
        })
    }

    /// These without those of `own`.
    pub(super) fn without(self, own: &Self) -> Self {
        Self {
            attached: self.attached.difference(&own.attached).cloned().collect(),
            inline: self.inline.difference(&own.inline).cloned().collect(),
            profiles: self.profiles.difference(&own.profiles).cloned().collect(),
        }
    }

    /// The contents in one phrase; `None` where there are none.
    pub(super) fn described(&self) -> Option<String> {
        let named = |what: &'static str, names: &BTreeSet<String>| {
            names.iter().map(|it| format!("the {what} `{it}`")).collect::<Vec<_>>()
        };
        let all = [
            named("attached policy", &self.attached),
            named("inline policy", &self.inline),
            named("instance profile", &self.profiles),
        ]
        .concat();
        (!all.is_empty()).then(|| choices::some_of(&all))
    }
}

/// A role that the plan deletes or replaces.
#[derive(Deserialize)]
struct DeletedRole {
    name: String,
    #[serde(default)]
    force_detach_policies: bool,
    #[serde(default)]
    managed_policy_arns: Option<BTreeSet<String>>,
    #[serde(default)]
    inline_policy: Option<Vec<InlinePolicyName>>,
}

#[derive(Deserialize)]
struct InlinePolicyName {
    name: String,
}

/// The planned deletions of roles that have foreign policies or instance profiles.
pub(super) async fn objections(
    aws: &AwsClients,
    planned: &[IntendedChange],
) -> Vec<(usize, ArgumentProblem)> {
    let mut problems = Vec::new();
    for (place, change) in planned.iter().enumerate() {
        if &*change.kind != IamRole::KIND || !change.action.destroys() {
            continue;
        }
        let Some(role) = change.before::<DeletedRole>().filter(|it| !it.force_detach_policies)
        else {
            continue;
        };
        // A role that may not be asked about is found out by its deletion.
        let Ok(mut there) = RoleContents::of(aws, &role.name).await else { continue };
        // The plan does not know its state's lineage, so the profile of any state counts as taken
        // care of; the deletion asks again, with the lineage.
        let Ok(managed) = managed_profiles(aws, &there.profiles).await else { continue };
        there.profiles.retain(|it| !managed.contains(it));
        let name = role.name.clone();
        if let Some(foreign) = there.without(&removed_by_plan(role, planned)).described() {
            let message =
                format!("the role `{name}` has {foreign}, which this plan leaves there: {ADVICE}");
            let path = Path::attribute("force_detach_policies");
            problems.push((place, ArgumentProblem { path, message }));
        }
    }
    problems
}

/// Those of the instance profiles that a resource of some state created.
async fn managed_profiles(
    aws: &AwsClients,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, Error> {
    let mut managed = BTreeSet::new();
    for name in names {
        if find(aws, name).await?.is_some_and(|it| tags::ownership(it.tags()).is_some()) {
            managed.insert(name.clone());
        }
    }
    Ok(managed)
}

/// What the deletion of the role or another change of the plan removes from the role.
fn removed_by_plan(role: DeletedRole, planned: &[IntendedChange]) -> RoleContents {
    #[derive(Deserialize)]
    struct Attachment {
        role: String,
        policy_arn: String,
    }
    #[derive(Deserialize)]
    struct RolePolicy {
        role: String,
        name: String,
    }
    #[derive(Deserialize)]
    struct Profile {
        role: String,
        name: String,
    }
    fn before<R: Resource, T: DeserializeOwned>(
        planned: &[IntendedChange],
    ) -> impl Iterator<Item = T> {
        planned.iter().filter(|it| &*it.kind == R::KIND).filter_map(IntendedChange::before)
    }
    let DeletedRole { name, managed_policy_arns, inline_policy, .. } = role;
    let attachments = before::<RolePolicyAttachment, Attachment>(planned);
    let policies = before::<IamRolePolicy, RolePolicy>(planned);
    let profiles = before::<InstanceProfile, Profile>(planned);
    let inline = inline_policy.into_iter().flatten().map(|it| it.name);
    RoleContents {
        attached: attachments
            .filter(|it| it.role == name)
            .map(|it| it.policy_arn)
            .chain(managed_policy_arns.into_iter().flatten())
            .collect(),
        inline: policies.filter(|it| it.role == name).map(|it| it.name).chain(inline).collect(),
        profiles: profiles.filter(|it| it.role == name).map(|it| it.name).collect(),
    }
}
