//! An instance profile.

use aws_sdk_iam::types::InstanceProfile as Found;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{
    Attempt, CreatedResource, DiscoveryTarget, Error, ExistingResource, Immutable, OwnedResource,
    RecordedResource, Resource, ResourceHooks, ResourceReading, UnsupportedNames, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::CachedReading;
use crate::tags::{self, ResourceTags};
use crate::wait::{WaitCondition, WaitStatus, appearing};
use crate::{AwsClients, iam, reading};

/// An instance profile, which gives EC2 instances an IAM role.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct InstanceProfile {
    /// Name, unique in the account.
    name: Immutable<String>,
    /// Path in IAM; begins and ends with `/`.
    #[serde(default = "iam::root")]
    path: Immutable<String>,
    /// Name of the role.
    role: Option<String>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct InstanceProfileOutputs {
    /// ARN of the instance profile.
    arn: String,
    /// Time of creation.
    create_date: String,
    /// Unique id, which differs from that of an earlier profile of the same name.
    unique_id: String,
}

impl Resource for InstanceProfile {
    const KIND: &'static str = "aws_iam_instance_profile";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[
        UnsupportedNames::new(
            &["name_prefix"],
            "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
        ),
        UnsupportedNames::new(&["roles"], "write `role = …`: a profile has one"),
    ];
    type Provider = AwsClients;
    type Outputs = InstanceProfileOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct ProfileNameArguments {
            name: String,
        }
        #[derive(Deserialize)]
        struct ProfileRoleArguments {
            role: String,
        }
        #[derive(Deserialize)]
        struct ProfilePathArguments {
            path: String,
        }
        ResourceHooks::new()
            .unique(&["name"])
            .in_any_case()
            .check(tags::check_letters)
            .check(|it: ProfileNameArguments| iam::name_problems("name", &it.name, 128))
            .check(|it: ProfilePathArguments| iam::path_problems(&it.path))
            .check(|it: ProfileRoleArguments| iam::name_problems("role", &it.role, 64))
            .predict("id", |it: ProfileNameArguments| it.name)
            .holds("role", "aws_iam_role")
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let call =
            aws.iam.create_instance_profile().instance_profile_name(name).path(self.path.as_str());
        match call.set_tags(Some(tags::with_ownership(&self.tags, attempt))).send().await {
            Err(error) if error::is(&error, &["EntityAlreadyExists"]) => {
                let found = appearing(attempt, || find(aws, name)).await?;
                if !found.is_some_and(|it| tags::are_from(it.tags(), attempt)) {
                    return Err(error::foreign("instance profile", name));
                }
            }
            other => drop(other.attempting_first(format!("create the instance profile `{name}`"))?),
        }
        aws.recently_created.add(name);
        let wait = WaitCondition::new(
            format!("see the instance profile `{name}` after it was created"),
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
        self.give_role(aws, &found, attempt).await?;
        Ok(CreatedResource { id: name.to_owned(), outputs: outputs(&found) })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
    }

    async fn list_owned(
        aws: &AwsClients,
        targets: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        // ListInstanceProfiles returns no tags, so only profiles with a known name are looked up.
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
    ) -> Result<InstanceProfileOutputs, Error> {
        let name = before.id.as_str();
        let was = &before.arguments;
        // The recorded role may have been removed from the profile since, by the deletion of the
        // role.
        let found = find(aws, name).await?.ok_or_else(|| {
            Error::new(format!("change the instance profile `{name}`"), "it no longer exists")
                .help("plan again")
        })?;
        self.give_role(aws, &found, attempt).await?;
        if self.tags != was.tags {
            let what = format!("tag the instance profile `{name}`");
            let dropped = tags::removed_keys(&was.tags, &self.tags);
            if !dropped.is_empty() {
                let call = aws
                    .iam
                    .untag_instance_profile()
                    .instance_profile_name(name)
                    .set_tag_keys(Some(dropped));
                call.send().await.attempting(&what)?;
            }
            if !self.tags.is_empty() {
                let call = aws.iam.tag_instance_profile().instance_profile_name(name);
                call.set_tags(Some(tags::labels(&self.tags))).send().await.attempting(&what)?;
            }
        }
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let Some(found) = find(aws, name).await? else { return Ok(()) };
        // IAM refuses to delete a profile that still has a role.
        for role in found.roles() {
            take_role(aws, name, role.role_name()).await?;
        }
        match aws.iam.delete_instance_profile().instance_profile_name(name).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => other.map(drop).attempting(format!("delete the instance profile `{name}`")),
        }
    }
}

impl InstanceProfile {
    /// Makes the configured role the only one of the profile.
    async fn give_role(
        &self,
        aws: &AwsClients,
        found: &Found,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let name = self.name.as_str();
        let others = found
            .roles()
            .iter()
            .map(|it| it.role_name())
            .filter(|it| Some(*it) != self.role.as_deref());
        for other in others {
            take_role(aws, name, other).await?;
        }
        let Some(role) = &self.role else { return Ok(()) };
        if found.roles().iter().any(|it| it.role_name() == role) {
            return Ok(());
        }
        let what = format!("give the instance profile `{name}` the role `{role}`");
        WaitCondition::new(&what, iam::PROPAGATION)
            .until(attempt, || async {
                match aws
                    .iam
                    .add_role_to_instance_profile()
                    .instance_profile_name(name)
                    .role_name(role)
                    .send()
                    .await
                {
                    Err(error)
                        if error::is_missing(&error)
                            && (aws.is_recently_created(role, attempt)
                                || aws.is_recently_created(name, attempt)) =>
                    {
                        Ok(error::waiting("waiting for its role", &error))
                    }
                    // A profile has at most one role. After a lost response of an earlier call, it
                    // is this one.
                    Err(error) if error::is(&error, &["LimitExceeded"]) => match find(aws, name)
                        .await?
                    {
                        Some(found) if found.roles().iter().any(|it| it.role_name() == role) => {
                            Ok(WaitStatus::Ready(()))
                        }
                        _ => Err(error).attempting(&what),
                    },
                    other => other.map(|_| WaitStatus::Ready(())).attempting(&what),
                }
            })
            .await
    }
}

impl CachedReading for InstanceProfile {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Some(found) = find(aws, &recorded.id).await? else { return Ok(ResourceReading::Gone) };
        let there = Self {
            name: found.instance_profile_name().to_owned().into(),
            path: found.path().to_owned().into(),
            role: found.roles().first().map(|it| it.role_name().to_owned()),
            tags: tags::visible(found.tags()),
        };
        Ok(ResourceReading::found(there, outputs(&found)))
    }
}

pub(super) async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    match aws.iam.get_instance_profile().instance_profile_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            Ok(other.attempting(format!("look at the instance profile `{name}`"))?.instance_profile)
        }
    }
}

pub(super) async fn take_role(aws: &AwsClients, name: &str, role: &str) -> Result<(), Error> {
    match aws
        .iam
        .remove_role_from_instance_profile()
        .instance_profile_name(name)
        .role_name(role)
        .send()
        .await
    {
        Err(error) if error::is_missing(&error) => Ok(()),
        other => other
            .map(drop)
            .attempting(format!("take the role `{role}` from the instance profile `{name}`")),
    }
}

fn outputs(found: &Found) -> InstanceProfileOutputs {
    InstanceProfileOutputs {
        arn: found.arn().to_owned(),
        create_date: iam::written(found.create_date()),
        unique_id: found.instance_profile_id().to_owned(),
    }
}
