//! A policy that is part of a role.

use ha_provider::{Attempt, Created, Error, Hooks, Immutable, Known, Reading, Recorded, Resource, UnsupportedNames, known_text};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::Attempting as _;
use crate::policy::PolicyDocument;
use crate::reading::LookedAt;
use crate::wait::{Seen, Wait};
use crate::{Aws, iam, reading};

/// A policy that is part of a role, and goes with it.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct RolePolicy {
    /// Name, unique in the role.
    name: Immutable<String>,
    /// The role's name.
    role: Immutable<String>,
    /// What the role may do.
    policy: PolicyDocument,
}

#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Outputs {}

/// The note that the role had no policy of this name before.
const ABSENT: &str = "absent";

impl Resource for RolePolicy {
    const KIND: &'static str = "aws_iam_role_policy";
    const WITHIN: &'static [&'static str] = &["aws_iam_role"];
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id` that is drawn once and kept",
    )];
    type Provider = Aws;
    type Outputs = Outputs;

    fn hooks() -> Hooks {
        #[derive(Deserialize)]
        struct OfRole {
            role: String,
        }
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        #[derive(Deserialize)]
        struct Placed {
            role: String,
            name: String,
        }
        Hooks::new()
            .unique(&["role", "name"])
            .check(|it: Named| iam::name_problems("name", &it.name, 128))
            .check(|it: OfRole| iam::name_problems("role", &it.role, 64))
            .predict("id", |it: Placed| format!("{}:{}", it.role, it.name))
            .inside("aws_iam_role", &[("name", "role")])
    }

    async fn create(&self, aws: &Aws, attempt: &mut Attempt) -> Result<Created<Self>, Error> {
        // The call that makes one would as well overwrite one, and there is nowhere to put our token.
        if attempt.noted(ABSENT).is_none() {
            if find(aws, &self.role, &self.name).await?.is_some() {
                return Err(error::foreign("role policy", &self.id()));
            }
            attempt.note(ABSENT, "yes").await?;
        }
        self.put(aws, attempt).await?;
        Ok(Created { id: self.id(), outputs: Outputs {} })
    }

    fn known_by(id: &str) -> Result<Known, String> {
        let (role, name) = id.split_once(':').ok_or("the id of a role policy is `ROLE:NAME`")?;
        Ok(Known::by(id).argument("role", role).argument("name", name).argument("policy", "{}"))
    }

    fn named(arguments: &ha_value::Object) -> Option<String> {
        Some(format!("{}:{}", known_text(arguments, "role")?, known_text(arguments, "name")?))
    }

    async fn read(aws: &Aws, known: &[Recorded<Self>]) -> Result<Vec<Reading<Self>>, Error> {
        reading::each(aws, known).await
    }

    async fn update(&self, aws: &Aws, _: &Recorded<Self>, attempt: &mut Attempt) -> Result<Outputs, Error> {
        self.put(aws, attempt).await?;
        Ok(Outputs {})
    }

    async fn delete(aws: &Aws, recorded: &Recorded<Self>, _: &mut Attempt) -> Result<(), Error> {
        let it = &recorded.arguments;
        match aws.iam.delete_role_policy().role_name(it.role.as_str()).policy_name(it.name.as_str()).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other.map(drop).attempting_first(format!("delete the role policy `{}`", recorded.id)),
        }
    }
}

impl RolePolicy {
    fn id(&self) -> String {
        format!("{}:{}", self.role, self.name)
    }

    async fn put(&self, aws: &Aws, attempt: &Attempt) -> Result<(), Error> {
        let what = format!("put the role policy `{}`", self.id());
        Wait::new(&what, iam::PROPAGATION)
            .until(attempt, || async {
                let call = aws.iam.put_role_policy().role_name(self.role.as_str()).policy_name(self.name.as_str());
                match call.policy_document(self.policy.as_str()).send().await {
                    Err(error) if error::is_missing(&error) && aws.is_young(&self.role, attempt) => {
                        Ok(error::waiting("waiting for its role", &error))
                    }
                    other => other.map(|_| Seen::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl LookedAt for RolePolicy {
    async fn look(aws: &Aws, recorded: &Recorded<Self>) -> Result<Reading<Self>, Error> {
        let Self { role, name, .. } = &recorded.arguments;
        Ok(match find(aws, role, name).await? {
            Some(policy) => Reading::found(Self { role: role.clone(), name: name.clone(), policy }, Outputs {}),
            None => Reading::Gone,
        })
    }
}

async fn find(aws: &Aws, role: &str, name: &str) -> Result<Option<PolicyDocument>, Error> {
    match aws.iam.get_role_policy().role_name(role).policy_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other.attempting_first(format!("look at the role policy `{role}:{name}`"))?;
            Ok(Some(PolicyDocument::answered(found.policy_document())))
        }
    }
}
