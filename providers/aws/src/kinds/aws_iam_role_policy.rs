//! An inline policy of a role.

use ha_provider::{
    Attempt, CreatedResource, Error, ExistingResource, Immutable, RecordedResource, Resource,
    ResourceHooks, ResourceReading, UnsupportedNames, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::policy::NormalizedPolicy;
use crate::reading::CachedReading;
use crate::wait::{WaitCondition, WaitStatus};
use crate::{AwsClients, iam, reading};

/// An inline policy of a role, which is deleted with the role.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IamRolePolicy {
    /// Name, unique in the role.
    name: Immutable<String>,
    /// Name of the role.
    role: Immutable<String>,
    /// Policy, as JSON.
    policy: NormalizedPolicy,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IamRolePolicyOutputs {}

/// The note that the role had no policy of this name before the first call.
const ABSENT: &str = "absent";

impl Resource for IamRolePolicy {
    const KIND: &'static str = "aws_iam_role_policy";
    const WITHIN: &'static [&'static str] = &["aws_iam_role"];
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    )];
    type Provider = AwsClients;
    type Outputs = IamRolePolicyOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct RolePolicyRoleArguments {
            role: String,
        }
        #[derive(Deserialize)]
        struct RolePolicyNameArguments {
            name: String,
        }
        #[derive(Deserialize)]
        struct RolePolicyIdArguments {
            role: String,
            name: String,
        }
        ResourceHooks::new()
            .unique(&["role", "name"])
            .check(|it: RolePolicyNameArguments| iam::name_problems("name", &it.name, 128))
            .check(|it: RolePolicyRoleArguments| iam::name_problems("role", &it.role, 64))
            .predict("id", |it: RolePolicyIdArguments| format!("{}:{}", it.role, it.name))
            .inside("aws_iam_role", &[("name", "role")])
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        // PutRolePolicy overwrites an existing policy, and an inline policy has no tags for the
        // step's token.
        if attempt.noted(ABSENT).is_none() {
            if find(aws, &self.role, &self.name).await?.is_some() {
                return Err(error::foreign("role policy", &self.id()));
            }
            attempt.note(ABSENT, "yes").await?;
        }
        self.put(aws, attempt).await?;
        Ok(CreatedResource { id: self.id(), outputs: IamRolePolicyOutputs {} })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        let (role, name) = id.split_once(':').ok_or("the id of a role policy is `ROLE:NAME`")?;
        Ok(ExistingResource::by(id)
            .argument("role", role)
            .argument("name", name)
            .argument("policy", "{}"))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        Some(format!("{}:{}", known_text(arguments, "role")?, known_text(arguments, "name")?))
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(
        &self,
        aws: &AwsClients,
        _: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<IamRolePolicyOutputs, Error> {
        self.put(aws, attempt).await?;
        Ok(IamRolePolicyOutputs {})
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let it = &recorded.arguments;
        match aws
            .iam
            .delete_role_policy()
            .role_name(it.role.as_str())
            .policy_name(it.name.as_str())
            .send()
            .await
        {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other
                .map(drop)
                .attempting_first(format!("delete the role policy `{}`", recorded.id)),
        }
    }
}

impl IamRolePolicy {
    fn id(&self) -> String {
        format!("{}:{}", self.role, self.name)
    }

    async fn put(&self, aws: &AwsClients, attempt: &Attempt) -> Result<(), Error> {
        let what = format!("put the role policy `{}`", self.id());
        WaitCondition::new(&what, iam::PROPAGATION)
            .until(attempt, || async {
                let call = aws
                    .iam
                    .put_role_policy()
                    .role_name(self.role.as_str())
                    .policy_name(self.name.as_str());
                match call.policy_document(self.policy.as_str()).send().await {
                    Err(error)
                        if error::is_missing(&error)
                            && aws.is_recently_created(&self.role, attempt) =>
                    {
                        Ok(error::waiting("waiting for its role", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl CachedReading for IamRolePolicy {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Self { role, name, .. } = &recorded.arguments;
        Ok(match find(aws, role, name).await? {
            Some(policy) => ResourceReading::found(
                Self { role: role.clone(), name: name.clone(), policy },
                IamRolePolicyOutputs {},
            ),
            None => ResourceReading::Gone,
        })
    }
}

async fn find(aws: &AwsClients, role: &str, name: &str) -> Result<Option<NormalizedPolicy>, Error> {
    match aws.iam.get_role_policy().role_name(role).policy_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found =
                other.attempting_first(format!("look at the role policy `{role}:{name}`"))?;
            Ok(Some(NormalizedPolicy::answered(found.policy_document())))
        }
    }
}
