//! The attachment of a managed policy to a role.

use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, RecordedResource, Resource,
    ResourceHooks, ResourceReading, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::forms::{self, Form};
use crate::reading::CachedReading;
use crate::wait::{WaitCondition, WaitStatus};
use crate::{AwsClients, iam, reading};

/// The attachment of a managed policy to a role.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RolePolicyAttachment {
    /// Name of the role.
    role: Immutable<String>,
    /// ARN of the policy.
    policy_arn: Immutable<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RolePolicyAttachmentOutputs {}

/// The note that the policy was not attached before the first call. AttachRolePolicy succeeds for
/// an attached policy too, so an existing attachment could not be distinguished from a new one.
const ABSENT: &str = "absent";

static FORMS: [(&str, Form); 1] = [("policy_arn", forms::POLICY)];

impl Resource for RolePolicyAttachment {
    const KIND: &'static str = "aws_iam_role_policy_attachment";
    const WITHIN: &'static [&'static str] = &["aws_iam_role"];
    type Provider = AwsClients;
    type Outputs = RolePolicyAttachmentOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct AttachmentRoleArguments {
            role: String,
        }
        ResourceHooks::new()
            .unique(&["role", "policy_arn"])
            .check(forms::check(&FORMS))
            .check(|it: AttachmentRoleArguments| iam::name_problems("role", &it.role, 64))
            .predict("id", |it: RolePolicyAttachment| it.id())
            .inside("aws_iam_role", &[("name", "role")])
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        if attempt.noted(ABSENT).is_none() {
            if is_attached(aws, &self.role, &self.policy_arn).await? {
                return Err(error::foreign("attachment", &self.id()));
            }
            attempt.note(ABSENT, "yes").await?;
        }
        let what = format!("attach the policy `{}` to the role `{}`", self.policy_arn, self.role);
        WaitCondition::new(&what, iam::PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .iam
                    .attach_role_policy()
                    .role_name(self.role.as_str())
                    .policy_arn(self.policy_arn.as_str());
                match call.send().await {
                    Err(error)
                        if error::is_missing(&error)
                            && aws.is_recently_created(&self.role, attempt) =>
                    {
                        Ok(error::waiting("waiting for its role and policy", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await?;
        Ok(CreatedResource { id: self.id(), outputs: RolePolicyAttachmentOutputs {} })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let (role, policy_arn) =
            id.split_once('/').ok_or("the id of an attachment is `ROLE/POLICY_ARN`")?;
        Ok(ExistingResource::by(id).argument("role", role).argument("policy_arn", policy_arn))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        Some(format!("{}/{}", known_text(arguments, "role")?, known_text(arguments, "policy_arn")?))
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(
        &self,
        _: &AwsClients,
        _: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<RolePolicyAttachmentOutputs, Error> {
        // All arguments are immutable, so there is never an update.
        Ok(RolePolicyAttachmentOutputs {})
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let Self { role, policy_arn } = &recorded.arguments;
        match aws
            .iam
            .detach_role_policy()
            .role_name(role.as_str())
            .policy_arn(policy_arn.as_str())
            .send()
            .await
        {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other.map(drop).attempting_first(format!(
                "detach the policy `{policy_arn}` from the role `{role}`"
            )),
        }
    }
}

impl RolePolicyAttachment {
    fn id(&self) -> String {
        format!("{}/{}", self.role, self.policy_arn)
    }
}

impl CachedReading for RolePolicyAttachment {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Self { role, policy_arn } = &recorded.arguments;
        Ok(match is_attached(aws, role, policy_arn).await? {
            true => ResourceReading::found(
                Self { role: role.clone(), policy_arn: policy_arn.clone() },
                RolePolicyAttachmentOutputs {},
            ),
            false => ResourceReading::Gone,
        })
    }
}

async fn is_attached(aws: &AwsClients, role: &str, policy: &str) -> Result<bool, Error> {
    let mut pages = aws.iam.list_attached_role_policies().role_name(role).into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = match page {
            Err(error) if error::is_missing(&error) => return Ok(false),
            other => other.attempting_first(format!("list the policies of the role `{role}`"))?,
        };
        if page.attached_policies().iter().any(|it| it.policy_arn() == Some(policy)) {
            return Ok(true);
        }
    }
    Ok(false)
}
