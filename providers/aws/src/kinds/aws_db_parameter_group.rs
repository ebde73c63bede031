//! A DB parameter group.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_rds::types::{ApplyMethod, DbParameterGroup as Found, Parameter as RequestParameter};
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

/// A DB parameter group of RDS.
#[derive(Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbParameterGroup {
    /// Name, unique in the account and region, in lower case.
    name: Immutable<String>,
    /// Parameter group family: engine and major version, such as `postgres15`.
    family: Immutable<String>,
    /// Description; `Managed by ha` when left out.
    description: Option<Chosen<Immutable<String>>>,
    /// Parameters that differ from the defaults of the family.
    #[serde(default)]
    parameter: BTreeSet<DbParameter>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

/// A parameter of the group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
struct DbParameter {
    /// Name of the parameter.
    name: String,
    /// Value of the parameter.
    value: String,
    /// When a change takes effect: `immediate`, or `pending-reboot`, which static parameters need.
    #[serde(default)]
    apply_method: ParameterApplyMethod,
}

/// When a change of a parameter takes effect.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
enum ParameterApplyMethod {
    #[default]
    Immediate,
    PendingReboot,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbParameterGroupOutputs {
    /// ARN of the parameter group.
    arn: String,
}

const DESCRIPTION: &str = "Managed by ha";
const STILL_USED: Duration = Duration::from_mins(15);
/// The maximum number of parameters in one call.
const AT_ONCE: usize = 20;

const FAMILY: Form = Form::new(
    "(aurora-(mysql|postgresql)|mariadb|mysql|postgres|((custom-)?(oracle|sqlserver)|db2)(-[a-z0-9]+)+-)[0-9]+([.][0-9]+)*",
    "a family of RDS: an engine, and the first numbers of its version",
    "postgres15",
);
static FORMS: [(&str, Form); 1] = [("family", FAMILY)];

impl Resource for DbParameterGroup {
    const KIND: &'static str = "aws_db_parameter_group";
    const UNSUPPORTED: &'static [UnsupportedNames] = &[UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    )];
    type Provider = AwsClients;
    type Outputs = DbParameterGroupOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct DbParameterGroupNameArguments {
            name: String,
        }
        #[derive(Deserialize)]
        struct ParameterArguments {
            parameter: BTreeSet<DbParameter>,
        }
        let once = |it: ParameterArguments| {
            let names: Vec<&String> = it.parameter.iter().map(|it| &it.name).collect();
            let twice = names.windows(2).find(|it| it[0] == it[1]);
            let problem = |name: &String| ArgumentProblem {
                path: Path::attribute("parameter"),
                message: format!("`{name}` is set twice"),
            };
            twice.map(|it| problem(it[0])).into_iter().collect()
        };
        ResourceHooks::new()
            .unique(&["name"])
            .check(tags::check_letters)
            .check(|it: DbParameterGroupNameArguments| rds::name_problems("name", &it.name, 255))
            .check(once)
            .check(forms::check(&FORMS))
            .predict("id", |it: DbParameterGroupNameArguments| it.name)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let call = aws
            .rds
            .create_db_parameter_group()
            .db_parameter_group_name(name)
            .db_parameter_group_family(self.family.as_str())
            .description(self.description.as_ref().map_or(DESCRIPTION, |it| it.as_str()))
            .set_tags(Some(tags::with_ownership(&self.tags, attempt)));
        let found = match call.send().await {
            Err(error) if error::is(&error, &["DBParameterGroupAlreadyExists"]) => {
                let found = appearing(attempt, || find(aws, name))
                    .await?
                    .ok_or_else(|| error::foreign("DB parameter group", name))?;
                let labels =
                    rds::tags_of(aws, found.db_parameter_group_arn().unwrap_or_default()).await?;
                if !tags::are_from(&labels, attempt) {
                    return Err(error::foreign("DB parameter group", name));
                }
                Some(found)
            }
            other => {
                other
                    .attempting_first(format!("create the DB parameter group `{name}`"))?
                    .db_parameter_group
            }
        };
        let found = found.ok_or_else(|| {
            Error::new(format!("create the DB parameter group `{name}`"), "AWS answered without it")
        })?;
        // After an interrupted try some parameters may be set already; setting them again changes
        // nothing.
        self.set_parameters(aws, BTreeSet::new()).await?;
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
    ) -> Result<DbParameterGroupOutputs, Error> {
        let there = parameters(aws, &before.id).await?.unwrap_or_default();
        self.set_parameters(aws, there).await?;
        rds::set_tags(aws, &before.outputs.arn, &before.arguments.tags, &self.tags).await?;
        Ok(before.outputs.clone())
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        let name = recorded.id.as_str();
        let what = format!("delete the DB parameter group `{name}`");
        WaitCondition::new(&what, attempt.patience(STILL_USED))
            .until(attempt, || async {
                match aws.rds.delete_db_parameter_group().db_parameter_group_name(name).send().await
                {
                    Err(error) if error::is_missing(&error) => Ok(WaitStatus::Ready(())),
                    Err(error) if error::is(&error, &["InvalidDBParameterGroupState"]) => {
                        Ok(WaitStatus::Pending("used by a database".into()))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl DbParameterGroup {
    /// Makes the parameters of the group those of the arguments.
    async fn set_parameters(
        &self,
        aws: &AwsClients,
        there: BTreeSet<DbParameter>,
    ) -> Result<(), Error> {
        let name = self.name.as_str();
        let what = format!("set parameters of the DB parameter group `{name}`");
        let surplus =
            there.iter().filter(|it| !self.parameter.iter().any(|own| own.name == it.name));
        let surplus: Vec<RequestParameter> = surplus.map(DbParameter::to_request).collect();
        for some in surplus.chunks(AT_ONCE) {
            let call = aws
                .rds
                .reset_db_parameter_group()
                .db_parameter_group_name(name)
                .reset_all_parameters(false);
            call.set_parameters(Some(some.to_vec())).send().await.attempting(&what)?;
        }
        let missing: Vec<RequestParameter> =
            self.parameter.difference(&there).map(DbParameter::to_request).collect();
        for some in missing.chunks(AT_ONCE) {
            let call = aws.rds.modify_db_parameter_group().db_parameter_group_name(name);
            call.set_parameters(Some(some.to_vec())).send().await.attempting(&what)?;
        }
        Ok(())
    }
}

impl DbParameter {
    fn to_request(&self) -> RequestParameter {
        let method = match self.apply_method {
            ParameterApplyMethod::Immediate => ApplyMethod::Immediate,
            ParameterApplyMethod::PendingReboot => ApplyMethod::PendingReboot,
        };
        RequestParameter::builder()
            .parameter_name(&self.name)
            .parameter_value(&self.value)
            .apply_method(method)
            .build()
    }
}

impl CachedReading for DbParameterGroup {
    async fn look(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
    ) -> Result<ResourceReading<Self>, Error> {
        let Some(found) = find(aws, &recorded.id).await? else { return Ok(ResourceReading::Gone) };
        let Some(parameter) = parameters(aws, &recorded.id).await? else {
            return Ok(ResourceReading::Gone);
        };
        let labels = rds::tags_of(aws, found.db_parameter_group_arn().unwrap_or_default()).await?;
        let there = Self {
            name: recorded.id.clone().into(),
            family: found.db_parameter_group_family().unwrap_or_default().to_owned().into(),
            description: found.description().map(|it| Chosen(it.to_owned().into())),
            parameter,
            tags: tags::visible(&labels),
        };
        Ok(ResourceReading::found(there, outputs(&found)))
    }
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    match aws.rds.describe_db_parameter_groups().db_parameter_group_name(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other.attempting(format!("look at the DB parameter group `{name}`"))?;
            Ok(found.db_parameter_groups.unwrap_or_default().into_iter().next())
        }
    }
}

/// The parameters that are not defaults; `None` when there is no group.
async fn parameters(aws: &AwsClients, group: &str) -> Result<Option<BTreeSet<DbParameter>>, Error> {
    let call = aws.rds.describe_db_parameters().db_parameter_group_name(group).source("user");
    let mut pages = call.into_paginator().items().send();
    let mut found = BTreeSet::new();
    while let Some(parameter) = pages.next().await {
        let parameter = match parameter {
            Err(error) if error::is_missing(&error) => return Ok(None),
            other => other
                .attempting(format!("read the parameters of the DB parameter group `{group}`"))?,
        };
        let Some((name, value)) = parameter.parameter_name.zip(parameter.parameter_value) else {
            continue;
        };
        let apply_method = match parameter.apply_method {
            Some(ApplyMethod::PendingReboot) => ParameterApplyMethod::PendingReboot,
            _ => ParameterApplyMethod::Immediate,
        };
        found.insert(DbParameter { name, value, apply_method });
    }
    Ok(Some(found))
}

fn outputs(found: &Found) -> DbParameterGroupOutputs {
    DbParameterGroupOutputs { arn: found.db_parameter_group_arn().unwrap_or_default().to_owned() }
}
