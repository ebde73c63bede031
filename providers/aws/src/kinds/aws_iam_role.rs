//! An IAM role.

mod foreign_policies;
mod policies;

use std::collections::BTreeSet;

use aws_sdk_iam::operation::delete_role::DeleteRoleError;
use aws_sdk_iam::types::Role as Found;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, Chosen, CreatedResource, DiscoveryTarget, Error,
    ExistingResource, Immutable, IntendedChange, OwnedResource, RecordedResource, Resource,
    ResourceHooks, ResourceReading, UnsupportedNames, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::policies::InlinePolicy;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::forms::{self, Form};
use crate::policy::NormalizedPolicy;
use crate::reading::CachedReading;
use crate::tags::{self, ResourceTags};
use crate::wait::{WaitCondition, WaitStatus, appearing, lasting};
use crate::{AwsClients, iam, reading};

/// An IAM role that services or users can assume.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IamRole {
    /// Name, unique in the account.
    name: Immutable<String>,
    /// Trust policy, as JSON: who may assume the role.
    assume_role_policy: NormalizedPolicy,
    /// Description.
    description: Option<String>,
    /// Path in IAM; begins and ends with `/`.
    #[serde(default = "iam::root")]
    path: Immutable<String>,
    /// Maximum duration of a session in seconds, 3600 to 43200.
    #[serde(default = "an_hour")]
    max_session_duration: i32,
    /// ARN of the policy that limits the role's permissions.
    permissions_boundary: Option<String>,
    /// All inline policies of the role: others are deleted, and `[]` deletes all. Left out, inline
    /// policies are not managed here, and `aws_iam_role_policy` may add some.
    inline_policy: Option<Chosen<BTreeSet<InlinePolicy>>>,
    /// ARNs of all attached policies: others are detached, and `[]` detaches all. Left out,
    /// attached policies are not managed here, and `aws_iam_role_policy_attachment` may add some.
    managed_policy_arns: Option<Chosen<BTreeSet<String>>>,
    /// Whether a deletion removes policies and instance profiles that others added. Without it a
    /// role with such is refused.
    #[serde(default)]
    force_detach_policies: bool,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct IamRoleOutputs {
    /// ARN of the role.
    arn: String,
    /// Time of creation.
    create_date: String,
    /// Unique id, which differs from that of an earlier role of the same name.
    unique_id: String,
}

fn an_hour() -> i32 {
    3600
}

static FORMS: [(&str, Form); 2] =
    [("permissions_boundary", forms::POLICY), ("managed_policy_arns", forms::POLICY)];

impl Resource for IamRole {
    const KIND: &'static str = "aws_iam_role";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    )];
    type Provider = AwsClients;
    type Outputs = IamRoleOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct RoleNameArguments {
            name: String,
        }
        #[derive(Deserialize)]
        struct RolePathArguments {
            path: String,
        }
        #[derive(Deserialize)]
        struct RoleDescriptionArguments {
            description: Option<String>,
        }
        #[derive(Deserialize)]
        struct SessionDurationArguments {
            max_session_duration: i32,
        }
        #[derive(Deserialize)]
        struct ForceDetachArguments {
            force_detach_policies: bool,
        }
        let duration = |it: SessionDurationArguments| match (3600..=43200)
            .contains(&it.max_session_duration)
        {
            true => Vec::new(),
            false => vec![ArgumentProblem {
                path: ha_value::Path::attribute("max_session_duration"),
                message: format!(
                    "a session lasts 3600 to 43200 seconds, not {}",
                    it.max_session_duration
                ),
            }],
        };
        #[derive(Deserialize)]
        struct InlinePolicyArguments {
            inline_policy: Option<BTreeSet<InlinePolicy>>,
        }
        let named =
            |it: InlinePolicyArguments| policies::odd_names(&it.inline_policy.unwrap_or_default());
        let once = |it: InlinePolicyArguments| {
            let twice = it.inline_policy.as_ref().and_then(policies::repeated_name);
            let problem = |name| ArgumentProblem {
                path: ha_value::Path::attribute("inline_policy"),
                message: format!("two inline policies have the name `{name}`"),
            };
            twice.map(problem).into_iter().collect()
        };
        ResourceHooks::new()
            .unique(&["name"])
            .in_any_case()
            .check(tags::check_letters)
            .check(duration)
            .check(once)
            .check(named)
            .check(forms::check(&FORMS))
            .check(|it: RoleNameArguments| iam::name_problems("name", &it.name, 64))
            .check(|it: RolePathArguments| iam::path_problems(&it.path))
            .check(|it: RoleDescriptionArguments| description_problems(it.description.as_deref()))
            .predict("id", |it: RoleNameArguments| it.name)
            .contents_go(|it: ForceDetachArguments| it.force_detach_policies)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let call = aws
            .iam
            .create_role()
            .role_name(name)
            .path(self.path.as_str())
            .assume_role_policy_document(self.assume_role_policy.as_str())
            .set_description(self.description.clone())
            .max_session_duration(self.max_session_duration)
            .set_permissions_boundary(self.permissions_boundary.clone())
            .set_tags(Some(tags::with_ownership(&self.tags, attempt)));
        match call.send().await {
            Err(error) if error::is(&error, &["EntityAlreadyExists"]) => {
                let found = appearing(attempt, || find(aws, name)).await?;
                if !found.is_some_and(|it| tags::are_from(it.tags(), attempt)) {
                    return Err(error::foreign("role", name));
                }
            }
            other => drop(other.attempting_first(format!("create the role `{name}`"))?),
        }
        aws.recently_created.add(name);
        let wait = WaitCondition::new(
            format!("see the role `{name}` after it was created"),
            iam::PROPAGATION,
        );
        let found = wait
            .until(attempt, || async {
                Ok(match find(aws, name).await? {
                    Some(found) => WaitStatus::Ready(found),
                    None => WaitStatus::Pending("not visible yet".into()),
                })
            })
            .await?;
        policies::set_policies(aws, self, attempt).await?;
        Ok(CreatedResource { id: name.to_owned(), outputs: outputs(&found) })
    }

    const OBJECTS: bool = true;

    async fn objections(
        aws: &AwsClients,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        foreign_policies::objections(aws, planned).await
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        // The argument is required, and an empty string is no policy. The first read replaces this
        // one.
        Ok(ExistingResource::by(id).argument("assume_role_policy", "{}"))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn list_owned(
        aws: &AwsClients,
        targets: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        // ListRoles returns no tags, so only roles with a known name are looked up.
        let names: Vec<String> =
            targets.iter().filter_map(|it| Self::import_id(&it.arguments)).collect();
        let looks: Vec<_> = names.iter().map(|name| find(aws, name)).collect();
        let found: Vec<_> = stream::iter(looks).buffered(reading::AT_ONCE).try_collect().await?;
        let marked = names
            .into_iter()
            .zip(found)
            .map(|(name, it)| tags::owned(ExistingResource::by(name), it?.tags()));
        Ok(marked.flatten().collect())
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
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<IamRoleOutputs, Error> {
        let name = before.id.as_str();
        let was = &before.arguments;
        let what = |change: &str| format!("{change} of the role `{name}`");
        if self.assume_role_policy != was.assume_role_policy {
            let call = aws
                .iam
                .update_assume_role_policy()
                .role_name(name)
                .policy_document(self.assume_role_policy.as_str());
            call.send()
                .await
                .attempting(format!("change the trust policy of the role `{name}`"))?;
        }
        if self.description != was.description
            || self.max_session_duration != was.max_session_duration
        {
            let call = aws
                .iam
                .update_role()
                .role_name(name)
                .max_session_duration(self.max_session_duration);
            let call = call.description(self.description.clone().unwrap_or_default());
            call.send().await.attempting(what("change the description"))?;
        }
        match &self.permissions_boundary {
            same if *same == was.permissions_boundary => {}
            Some(policy) => {
                let call = aws
                    .iam
                    .put_role_permissions_boundary()
                    .role_name(name)
                    .permissions_boundary(policy);
                call.send().await.attempting(what("set the permissions boundary"))?;
            }
            None => match aws.iam.delete_role_permissions_boundary().role_name(name).send().await {
                Err(error) if error::is_missing(&error) => {}
                other => drop(other.attempting(what("remove the permissions boundary"))?),
            },
        }
        policies::set_policies(aws, self, attempt).await?;
        if self.tags != was.tags {
            let dropped = tags::removed_keys(&was.tags, &self.tags);
            if !dropped.is_empty() {
                let call = aws.iam.untag_role().role_name(name).set_tag_keys(Some(dropped));
                call.send().await.attempting(what("remove tags"))?;
            }
            if !self.tags.is_empty() {
                let call =
                    aws.iam.tag_role().role_name(name).set_tags(Some(tags::labels(&self.tags)));
                call.send().await.attempting(what("set tags"))?;
            }
        }
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let what = format!("delete the role `{name}`");
        match recorded.arguments.force_detach_policies {
            true => policies::remove_all(aws, name).await?,
            false => {
                // IAM refuses to delete a role that has any policy left. Foreign ones are looked
                // for before the role's own policies are removed, so that a refused deletion leaves
                // a working role.
                let foreign =
                    lasting(attempt, || policies::foreign(aws, &recorded.arguments, attempt));
                if let Some(foreign) = foreign.await? {
                    return Err(Error::new(what, format!("it has {foreign}"))
                        .help(foreign_policies::ADVICE)
                        .outcome(CallOutcome::Refused));
                }
                policies::remove_own(aws, &recorded.arguments, attempt).await?;
            }
        }
        match aws.iam.delete_role().role_name(name).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            Err(error)
                if error
                    .as_service_error()
                    .is_some_and(DeleteRoleError::is_delete_conflict_exception) =>
            {
                Err(error::refusal(what, &error).help(foreign_policies::ADVICE))
            }
            other => other.map(drop).attempting_first(what),
        }
    }
}

fn description_problems(description: Option<&str>) -> Vec<ArgumentProblem> {
    let is_taken = |it: char| matches!(it, '\t' | '\n' | '\r' | ' '..='~' | '\u{a1}'..='\u{ff}');
    let message = match description {
        Some(text) if text.chars().count() > 1000 => {
            "a role's description has at most 1000 characters".to_owned()
        }
        Some(text) => match text.chars().find(|it| !is_taken(*it)) {
            Some(odd) => format!("IAM takes no `{odd}` in a role's description"),
            None => return Vec::new(),
        },
        None => return Vec::new(),
    };
    vec![ArgumentProblem { path: ha_value::Path::attribute("description"), message }]
}

impl CachedReading for IamRole {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Some(found) = find(aws, &recorded.id).await? else { return Ok(ResourceReading::Gone) };
        let known = &recorded.arguments;
        // Only arguments that the configuration sets are read: everything else belongs to other
        // resources.
        let inline_policy = match &known.inline_policy {
            Some(_) => policies::inline(aws, &recorded.id).await?.map(Chosen),
            None => None,
        };
        let managed_policy_arns = match &known.managed_policy_arns {
            Some(_) => policies::attached(aws, &recorded.id).await?.map(Chosen),
            None => None,
        };
        let there = Self {
            name: found.role_name().to_owned().into(),
            assume_role_policy: NormalizedPolicy::answered(
                found.assume_role_policy_document().unwrap_or_default(),
            ),
            description: found.description().filter(|it| !it.is_empty()).map(str::to_owned),
            path: found.path().to_owned().into(),
            max_session_duration: found.max_session_duration().unwrap_or_else(an_hour),
            permissions_boundary: found
                .permissions_boundary()
                .and_then(|it| it.permissions_boundary_arn())
                .map(str::to_owned),
            inline_policy,
            managed_policy_arns,
            force_detach_policies: known.force_detach_policies,
            tags: tags::visible(found.tags()),
        };
        Ok(ResourceReading::found(there, outputs(&found)))
    }
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    match aws.iam.get_role().role_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => Ok(other.attempting(format!("look at the role `{name}`"))?.role),
    }
}

fn outputs(found: &Found) -> IamRoleOutputs {
    IamRoleOutputs {
        arn: found.arn().to_owned(),
        create_date: iam::written(found.create_date()),
        unique_id: found.role_id().to_owned(),
    }
}
