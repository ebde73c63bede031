//! The policies of a role that manages all of them, and their removal before the role is deleted.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_iam::types::InstanceProfile;
use ha_provider::{ArgumentProblem, Attempt, Chosen, Error};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::super::aws_iam_instance_profile::{find, take_role};
use super::IamRole;
use super::foreign_policies::RoleContents;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::policy::NormalizedPolicy;
use crate::wait::{WaitCondition, WaitStatus};
use crate::{AwsClients, iam, tags};

/// An inline policy of the role.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(super) struct InlinePolicy {
    /// Name, unique in the role.
    name: String,
    /// Policy, as JSON.
    policy: NormalizedPolicy,
}

/// All inline policies of a role; `None` where there is no such role.
pub(super) async fn inline(
    aws: &AwsClients,
    role: &str,
) -> Result<Option<BTreeSet<InlinePolicy>>, Error> {
    let Some(names) = inline_names(aws, role).await? else { return Ok(None) };
    let mut found = BTreeSet::new();
    for name in names {
        match aws.iam.get_role_policy().role_name(role).policy_name(&name).send().await {
            Err(error) if error::is_missing(&error) => {}
            other => {
                let answer =
                    other.attempting(format!("look at the role policy `{role}:{name}`"))?;
                found.insert(InlinePolicy {
                    name,
                    policy: NormalizedPolicy::answered(answer.policy_document()),
                });
            }
        }
    }
    Ok(Some(found))
}

pub(super) async fn inline_names(
    aws: &AwsClients,
    role: &str,
) -> Result<Option<Vec<String>>, Error> {
    let mut pages = aws.iam.list_role_policies().role_name(role).into_paginator().send();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        match page {
            Err(error) if error::is_missing(&error) => return Ok(None),
            other => names.extend(
                other.attempting(format!("list the policies of the role `{role}`"))?.policy_names,
            ),
        }
    }
    Ok(Some(names))
}

/// ARNs of all policies attached to a role; `None` where there is no such role.
pub(super) async fn attached(
    aws: &AwsClients,
    role: &str,
) -> Result<Option<BTreeSet<String>>, Error> {
    let mut pages = aws.iam.list_attached_role_policies().role_name(role).into_paginator().send();
    let mut found = BTreeSet::new();
    while let Some(page) = pages.next().await {
        match page {
            Err(error) if error::is_missing(&error) => return Ok(None),
            other => {
                let page =
                    other.attempting(format!("list the policies attached to the role `{role}`"))?;
                found.extend(
                    page.attached_policies()
                        .iter()
                        .filter_map(|it| it.policy_arn().map(str::to_owned)),
                );
            }
        }
    }
    Ok(Some(found))
}

/// Makes the role's policies those of its arguments, where they are set. Additions come first, so
/// that the role never lacks a permission that both versions have.
pub(super) async fn set_policies(
    aws: &AwsClients,
    role: &IamRole,
    attempt: &Attempt,
) -> Result<(), Error> {
    let name = role.name.as_str();
    if let Some(Chosen(wanted)) = &role.inline_policy {
        let there = inline(aws, name).await?.unwrap_or_default();
        for policy in wanted.difference(&there) {
            put(aws, name, policy, attempt).await?;
        }
        // A policy with a changed text was overwritten above by its name, and is no surplus.
        let surplus = there.iter().filter(|it| !wanted.iter().any(|own| own.name == it.name));
        for policy in surplus {
            delete_inline(aws, name, &policy.name).await?;
        }
    }
    if let Some(Chosen(wanted)) = &role.managed_policy_arns {
        let there = attached(aws, name).await?.unwrap_or_default();
        for arn in wanted.difference(&there) {
            attach(aws, name, arn, attempt).await?;
        }
        for arn in there.difference(wanted) {
            detach(aws, name, arn).await?;
        }
    }
    Ok(())
}

async fn put(
    aws: &AwsClients,
    role: &str,
    policy: &InlinePolicy,
    attempt: &Attempt,
) -> Result<(), Error> {
    let what = format!("put the role policy `{role}:{}`", policy.name);
    WaitCondition::new(&what, iam::PROPAGATION)
        .until(attempt, || async {
            let call = aws.iam.put_role_policy().role_name(role).policy_name(&policy.name);
            match call.policy_document(policy.policy.as_str()).send().await {
                Err(error)
                    if error::is_missing(&error) && aws.is_recently_created(role, attempt) =>
                {
                    Ok(error::waiting("waiting for its role", &error))
                }
                other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
            }
        })
        .await
}

async fn attach(aws: &AwsClients, role: &str, arn: &str, attempt: &Attempt) -> Result<(), Error> {
    let what = format!("attach the policy `{arn}` to the role `{role}`");
    WaitCondition::new(&what, iam::PROPAGATION)
        .until(attempt, || async {
            match aws.iam.attach_role_policy().role_name(role).policy_arn(arn).send().await {
                Err(error)
                    if error::is_missing(&error) && aws.is_recently_created(role, attempt) =>
                {
                    Ok(error::waiting("waiting for its role and policy", &error))
                }
                other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
            }
        })
        .await
}

async fn detach(aws: &AwsClients, role: &str, arn: &str) -> Result<(), Error> {
    match aws.iam.detach_role_policy().role_name(role).policy_arn(arn).send().await {
        Err(error) if error::is_missing(&error) => Ok(()),
        other => {
            other.map(drop).attempting(format!("detach the policy `{arn}` from the role `{role}`"))
        }
    }
}

async fn delete_inline(aws: &AwsClients, role: &str, policy: &str) -> Result<(), Error> {
    match aws.iam.delete_role_policy().role_name(role).policy_name(policy).send().await {
        Err(error) if error::is_missing(&error) => Ok(()),
        other => other.map(drop).attempting(format!("delete the role policy `{role}:{policy}`")),
    }
}

/// Removes all policies of a role and its membership in instance profiles, also those of others.
pub(super) async fn remove_all(aws: &AwsClients, role: &str) -> Result<(), Error> {
    for arn in attached(aws, role).await?.unwrap_or_default() {
        detach(aws, role, &arn).await?;
    }
    for policy in inline_names(aws, role).await?.unwrap_or_default() {
        delete_inline(aws, role, &policy).await?;
    }
    for profile in profiles(aws, role).await? {
        take_role(aws, profile.instance_profile_name(), role).await?;
    }
    Ok(())
}

/// Removes the policies of the role's own arguments, and the role from the instance profiles of the
/// same state: a later step gives those the new role.
pub(super) async fn remove_own(
    aws: &AwsClients,
    role: &IamRole,
    attempt: &Attempt,
) -> Result<(), Error> {
    let name = role.name.as_str();
    for arn in role.managed_policy_arns.iter().flat_map(|it| it.iter()) {
        detach(aws, name, arn).await?;
    }
    for policy in role.inline_policy.iter().flat_map(|it| it.iter()) {
        delete_inline(aws, name, &policy.name).await?;
    }
    for profile in profiles_of_state(aws, name, attempt).await? {
        take_role(aws, &profile, name).await?;
    }
    Ok(())
}

/// What the role has that `remove_own` leaves there, for a message; `None` where that is nothing.
pub(super) async fn foreign(
    aws: &AwsClients,
    role: &IamRole,
    attempt: &Attempt,
) -> Result<Option<String>, Error> {
    let name = role.name.as_str();
    let own = RoleContents {
        attached: role.managed_policy_arns.iter().flat_map(|it| it.iter().cloned()).collect(),
        inline: role
            .inline_policy
            .iter()
            .flat_map(|it| it.iter().map(|policy| policy.name.clone()))
            .collect(),
        profiles: profiles_of_state(aws, name, attempt).await?,
    };
    Ok(RoleContents::of(aws, name).await?.without(&own).described())
}

/// The names of the role's instance profiles that are recorded in the same state.
async fn profiles_of_state(
    aws: &AwsClients,
    role: &str,
    attempt: &Attempt,
) -> Result<BTreeSet<String>, Error> {
    let mut names = BTreeSet::new();
    for profile in profiles(aws, role).await? {
        // ListInstanceProfilesForRole returns profiles without their tags.
        let found = find(aws, profile.instance_profile_name()).await?;
        let state = found.and_then(|it| tags::ownership(it.tags())?.state);
        if state.is_some() && state.as_deref() == attempt.state() {
            names.insert(profile.instance_profile_name);
        }
    }
    Ok(names)
}

pub(super) async fn profiles(aws: &AwsClients, role: &str) -> Result<Vec<InstanceProfile>, Error> {
    let mut pages =
        aws.iam.list_instance_profiles_for_role().role_name(role).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(profile) = pages.next().await {
        match profile {
            Err(error) if error::is_missing(&error) => return Ok(Vec::new()),
            other => found.push(
                other.attempting(format!("list the instance profiles of the role `{role}`"))?,
            ),
        }
    }
    Ok(found)
}

/// A name that two inline policies of one role have, where there is one.
pub(super) fn repeated_name(policies: &BTreeSet<InlinePolicy>) -> Option<String> {
    let mut seen = BTreeMap::new();
    policies.iter().find(|it| seen.insert(it.name.clone(), ()).is_some()).map(|it| it.name.clone())
}

/// The problems of the names of inline policies.
pub(super) fn odd_names(policies: &BTreeSet<InlinePolicy>) -> Vec<ArgumentProblem> {
    let place = |index: usize| Path::attribute("inline_policy").index(index).name("name");
    let named = |(index, it): (usize, &InlinePolicy)| {
        let wrong = iam::name_problems("name", &it.name, 128);
        wrong
            .into_iter()
            .map(move |it| ArgumentProblem { path: place(index), ..it })
            .collect::<Vec<_>>()
    };
    policies.iter().enumerate().flat_map(named).collect()
}
