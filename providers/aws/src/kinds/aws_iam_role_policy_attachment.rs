//! A policy attached to a role.

use ha_provider::{Attempt, Created, Error, Hooks, Immutable, Known, Reading, Recorded, Resource, known_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::Attempting as _;
use crate::forms::{self, Form};
use crate::reading::LookedAt;
use crate::wait::{Seen, Wait};
use crate::{Aws, iam, reading};

/// A policy of its own, attached to a role.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Attachment {
    /// The role's name.
    role: Immutable<String>,
    /// Amazon's name for the policy.
    policy_arn: Immutable<String>,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

/// The note that it was not attached before.
const ABSENT: &str = "absent";

static FORMS: [(&str, Form); 1] = [("policy_arn", forms::POLICY)];

impl Resource for Attachment {
    const KIND: &'static str = "aws_iam_role_policy_attachment";
    const WITHIN: &'static [&'static str] = &["aws_iam_role"];
    type Provider = Aws;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        #[derive(Deserialize)]
        struct OfRole {
            role: String,
        }
        Hooks::new()
            .unique(&["role", "policy_arn"])
            .check(forms::check(&FORMS))
            .check(|it: OfRole| iam::name_problems("role", &it.role, 64))
            .predict("id", |it: Attachment| it.id())
            .inside("aws_iam_role", &[("name", "role")])
    }

    async fn create(&self, aws: &Aws, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        if attempt.noted(ABSENT).is_none() {
            if is_attached(aws, &self.role, &self.policy_arn).await? {
                return Err(error::foreign("attachment", &self.id()));
            }
            attempt.note(ABSENT, "yes").await?;
        }
        let what = format!("attach the policy `{}` to the role `{}`", self.policy_arn, self.role);
        Wait::new(&what, iam::PROPAGATION)
            .until(attempt, || async {
                let call = aws.iam.attach_role_policy().role_name(self.role.as_str()).policy_arn(self.policy_arn.as_str());
                match call.send().await {
                    Err(error) if error::is_missing(&error) && aws.is_young(&self.role, attempt) => {
                        Ok(error::waiting("waiting for its role and policy", &error))
                    }
                    other => other.map(|_| Seen::Ready(())).attempting_first(&what),
                }
            })
            .await?;
        Ok(Created { id: self.id(), outputs: Outputs {} })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        let (role, policy_arn) = id.split_once('/').ok_or("the id of an attachment is `ROLE/POLICY_ARN`")?;
        Ok(Known::by(id).argument("role", role).argument("policy_arn", policy_arn))
    }

    fn named(arguments: &ha_value::Object) -> Option<String> {
        Some(format!("{}/{}", known_text(arguments, "role")?, known_text(arguments, "policy_arn")?))
    }

    async fn read(aws: &Aws, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(&self, _: &Aws, _: &Recorded<Self>, _: &mut Attempt) -> Result<Outputs, Error> {
        // Whatever changes makes a new one.
        Ok(Outputs {})
    }

    async fn delete(aws: &Aws, recorded: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        let Self { role, policy_arn } = &recorded.arguments;
        match aws.iam.detach_role_policy().role_name(role.as_str()).policy_arn(policy_arn.as_str()).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other.map(drop).attempting_first(format!("detach the policy `{policy_arn}` from the role `{role}`")),
        }
    }
}

impl Attachment {
    fn id(&self) -> String {
        format!("{}/{}", self.role, self.policy_arn)
    }
}

impl LookedAt for Attachment {
    async fn look(aws: &Aws, recorded: &Recorded<Self>) -> Result<Reading<Self>, Error> {
        let Self { role, policy_arn } = &recorded.arguments;
        Ok(match is_attached(aws, role, policy_arn).await? {
            true => Reading::found(Self { role: role.clone(), policy_arn: policy_arn.clone() }, Outputs {}),
            false => Reading::Gone,
        })
    }
}

async fn is_attached(aws: &Aws, role: &str, policy: &str) -> Result<bool, Error> {
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
