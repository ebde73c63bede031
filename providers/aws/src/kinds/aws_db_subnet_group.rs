//! A DB subnet group.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_rds::types::DbSubnetGroup as Found;
use ha_provider::{
    ArgumentProblem, Attempt, Chosen, CreatedResource, Error, ExistingResource, Immutable,
    RecordedResource, Resource, ResourceHooks, ResourceReading, UnsupportedNames, known_text,
};
use ha_value::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::error;
use crate::error::AwsErrorContext as _;
use crate::forms::{self, Form};
use crate::reading::CachedReading;
use crate::tags::{self, ResourceTags};
use crate::wait::{WaitCondition, WaitStatus, appearing};
use crate::{AwsClients, rds, reading};

/// A DB subnet group of RDS, with subnets in at least two availability zones.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbSubnetGroup {
    /// Name, unique in the account and region, in lower case.
    name: Immutable<String>,
    /// Description; `Managed by ha` when left out.
    description: Option<Chosen<String>>,
    /// Ids of the subnets, in at least two availability zones.
    subnet_ids: BTreeSet<String>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbSubnetGroupOutputs {
    /// ARN of the subnet group.
    arn: String,
    /// Id of the VPC of the subnets.
    vpc_id: String,
}

const DESCRIPTION: &str = "Managed by ha";
const STILL_USED: Duration = Duration::from_mins(15);

static FORMS: [(&str, Form); 1] = [("subnet_ids", forms::SUBNET)];

impl Resource for DbSubnetGroup {
    const KIND: &'static str = "aws_db_subnet_group";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    )];
    type Provider = AwsClients;
    type Outputs = DbSubnetGroupOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct DbSubnetGroupNameArguments {
            name: String,
        }
        #[derive(Deserialize)]
        struct SubnetArguments {
            subnet_ids: BTreeSet<String>,
        }
        let zones = |it: SubnetArguments| match it.subnet_ids.len() {
            0 | 1 => {
                let message =
                    "a DB subnet group needs subnets in at least two availability zones".to_owned();
                vec![ArgumentProblem { path: Path::attribute("subnet_ids"), message }]
            }
            _ => Vec::new(),
        };
        ResourceHooks::new()
            .unique(&["name"])
            .check(tags::check_letters)
            .check(|it: DbSubnetGroupNameArguments| name_problems(&it.name))
            .check(zones)
            .check(forms::check(&FORMS))
            .predict("id", |it: DbSubnetGroupNameArguments| it.name)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let call = aws
            .rds
            .create_db_subnet_group()
            .db_subnet_group_name(name)
            .db_subnet_group_description(
                self.description.as_ref().map_or(DESCRIPTION, |it| it.as_str()),
            )
            .set_subnet_ids(Some(self.subnet_ids.iter().cloned().collect()))
            .set_tags(Some(tags::with_ownership(&self.tags, attempt)));
        let found = match call.send().await {
            Err(error) if error::is(&error, &["DBSubnetGroupAlreadyExists"]) => {
                let found = appearing(attempt, || find(aws, name))
                    .await?
                    .ok_or_else(|| error::foreign("DB subnet group", name))?;
                let labels =
                    rds::tags_of(aws, found.db_subnet_group_arn().unwrap_or_default()).await?;
                if !tags::are_from(&labels, attempt) {
                    return Err(error::foreign("DB subnet group", name));
                }
                Some(found)
            }
            other => {
                other
                    .attempting_first(format!("create the DB subnet group `{name}`"))?
                    .db_subnet_group
            }
        };
        let found = found.ok_or_else(|| {
            Error::new(format!("create the DB subnet group `{name}`"), "AWS answered without it")
        })?;
        Ok(CreatedResource { id: name.to_owned(), outputs: outputs(&found) })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "name").map(str::to_owned)
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
        _: &mut Attempt,
    ) -> Result<DbSubnetGroupOutputs, Error> {
        let name = before.id.as_str();
        let was = &before.arguments;
        let described =
            self.description.as_ref().filter(|it| Some(*it) != was.description.as_ref());
        if described.is_some() || self.subnet_ids != was.subnet_ids {
            let call = aws
                .rds
                .modify_db_subnet_group()
                .db_subnet_group_name(name)
                .set_db_subnet_group_description(described.map(|it| it.0.clone()))
                .set_subnet_ids(Some(self.subnet_ids.iter().cloned().collect()));
            call.send().await.attempting_first(format!("change the DB subnet group `{name}`"))?;
        }
        rds::set_tags(aws, &before.outputs.arn, &was.tags, &self.tags).await?;
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let what = format!("delete the DB subnet group `{name}`");
        WaitCondition::new(&what, attempt.patience(STILL_USED))
            .until(attempt, || async {
                match aws.rds.delete_db_subnet_group().db_subnet_group_name(name).send().await {
                    Err(error) if error::is_missing(&error) => Ok(WaitStatus::Ready(())),
                    // An instance that is being deleted uses its subnet group until the end.
                    Err(error) if error::is(&error, &["InvalidDBSubnetGroupStateFault"]) => {
                        Ok(WaitStatus::Pending("used by a database".into()))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl CachedReading for DbSubnetGroup {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Some(found) = find(aws, &recorded.id).await? else { return Ok(ResourceReading::Gone) };
        let labels = rds::tags_of(aws, found.db_subnet_group_arn().unwrap_or_default()).await?;
        let there = Self {
            name: recorded.id.clone().into(),
            description: found.db_subnet_group_description().map(|it| Chosen(it.to_owned())),
            subnet_ids: found
                .subnets()
                .iter()
                .filter_map(|it| it.subnet_identifier().map(str::to_owned))
                .collect(),
            tags: tags::visible(&labels),
        };
        Ok(ResourceReading::found(there, outputs(&found)))
    }
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    match aws.rds.describe_db_subnet_groups().db_subnet_group_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other.attempting(format!("look at the DB subnet group `{name}`"))?;
            Ok(found.db_subnet_groups.unwrap_or_default().into_iter().next())
        }
    }
}

fn outputs(found: &Found) -> DbSubnetGroupOutputs {
    DbSubnetGroupOutputs {
        arn: found.db_subnet_group_arn().unwrap_or_default().to_owned(),
        vpc_id: found.vpc_id().unwrap_or_default().to_owned(),
    }
}

fn name_problems(name: &str) -> Vec<ArgumentProblem> {
    let odd = name
        .chars()
        .find(|it| !(it.is_ascii_lowercase() || it.is_ascii_digit() || "._- ".contains(*it)));
    let message = match odd {
        Some(odd) => format!(
            "this name is made of lower-case letters, digits, `.`, `_`, `-` and spaces, and holds `{odd}`"
        ),
        None if name == "default" => "RDS keeps the name `default` for itself".to_owned(),
        None if !(1..=255).contains(&name.len()) => {
            format!("this name has 1 to 255 characters, not {}", name.len())
        }
        None => return Vec::new(),
    };
    vec![ArgumentProblem { path: Path::attribute("name"), message }]
}
