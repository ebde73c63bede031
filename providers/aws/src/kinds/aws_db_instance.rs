//! A DB instance of RDS.

mod changes;
mod check;
mod engine;
mod impact;
mod named;
mod objections;
mod observed;
mod refused_changes;
mod storage;
mod unsupported;
mod wait_until_available;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_rds::types::DbInstance as Found;
use aws_smithy_types::error::metadata::ProvideErrorMetadata as _;
use ha_provider::{
    ArgumentProblem, Attempt, CallOutcome, Chosen, CreatedResource, DiscoveryTarget, Error,
    ExistingResource, Immutable, IntendedChange, OwnedResource, RecordedResource, Resource,
    ResourceHooks, ResourceReading, Secret, UnsupportedNames, Volatile, known_text,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::engine::takes_family;
use crate::engine_version::EngineVersion;
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::ListableResource;
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus, appearing};
use crate::windows::{DailyWindow, WeeklyWindow};
use crate::{AwsClients, rds, reading};

/// A DB instance of RDS.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbInstance {
    /// Name of the instance, in lower case, unique in the account and region. Changing it renames
    /// the instance at once, outside of any maintenance window.
    identifier: String,
    /// Database engine, such as `postgres`.
    engine: Immutable<String>,
    /// Version of the engine, or its first parts: `14` accepts `14.11`.
    engine_version: Option<Chosen<EngineVersion>>,
    /// Instance class, such as `db.m5.large`. Changing it restarts the instance.
    instance_class: String,
    /// Size of the disk in GiB. It can only be raised.
    allocated_storage: Option<Chosen<i32>>,
    /// Size in GiB up to which RDS enlarges the disk by itself; 0 turns autoscaling off.
    max_allocated_storage: Option<i32>,
    /// Storage type: `gp3`, `gp2`, `io1`, `io2` or `standard`; `gp3` when left out.
    storage_type: Option<Chosen<String>>,
    /// Provisioned operations per second, for `gp3`, `io1` and `io2`.
    iops: Option<Chosen<i32>>,
    /// Provisioned throughput in MiB per second, for `gp3`.
    storage_throughput: Option<Chosen<i32>>,
    /// Whether the disk is encrypted. It cannot be changed in place.
    #[serde(default)]
    storage_encrypted: Immutable<bool>,
    /// ARN of the KMS key that encrypts the disk.
    kms_key_id: Option<Chosen<Immutable<String>>>,
    /// Name of the master user.
    username: Option<Chosen<Immutable<String>>>,
    /// Password of the master user.
    password: Option<Secret<String>>,
    /// Whether RDS generates the master password and stores it in Secrets Manager.
    manage_master_user_password: Option<bool>,
    /// How the master user authenticates: `password`, or `iam-db-auth` for IAM credentials
    /// (postgres only).
    master_user_authentication_type: Option<String>,
    /// KMS key that encrypts the password in Secrets Manager.
    master_user_secret_kms_key_id: Option<Chosen<String>>,
    /// Name of the database that RDS creates with the instance; none when left out.
    db_name: Option<Chosen<Immutable<String>>>,
    /// TCP port. Changing it restarts the instance at once.
    port: Option<Chosen<i32>>,
    /// Whether RDS runs a standby in another availability zone.
    multi_az: Option<Chosen<bool>>,
    /// Days for which automated backups are retained, 0 to 35; 0 turns backups off.
    backup_retention_period: Option<Chosen<i32>>,
    /// Daily window for backups, in UTC: `09:46-10:16`.
    backup_window: Option<Chosen<DailyWindow>>,
    /// Weekly window for maintenance, in UTC: `sun:04:00-sun:04:30`.
    maintenance_window: Option<Chosen<WeeklyWindow>>,
    /// Whether RDS refuses to delete the instance. A plan that deletes it is refused while this is
    /// on.
    #[serde(default)]
    deletion_protection: bool,
    /// Whether the instance is deleted without a final snapshot.
    #[serde(default)]
    skip_final_snapshot: bool,
    /// Name of the final snapshot; no other snapshot may have it.
    final_snapshot_identifier: Option<String>,
    /// Whether automated backups are deleted with the instance.
    #[serde(default = "yes")]
    delete_automated_backups: bool,
    /// Whether the instance has a public IP address.
    #[serde(default)]
    publicly_accessible: bool,
    /// Ids of the VPC security groups of the instance.
    vpc_security_group_ids: Option<Chosen<BTreeSet<String>>>,
    /// Name of the DB subnet group. Changing it moves the instance to another network.
    db_subnet_group_name: Option<Chosen<String>>,
    /// Name of the DB parameter group.
    parameter_group_name: Option<Chosen<String>>,
    /// Name of the option group.
    option_group_name: Option<Chosen<String>>,
    /// Whether changes are applied at once and not in the next maintenance window.
    #[serde(default)]
    apply_immediately: bool,
    /// Whether `engine_version` may name another major version.
    #[serde(default)]
    allow_major_version_upgrade: bool,
    /// Whether RDS installs minor versions in maintenance windows.
    #[serde(default = "yes")]
    auto_minor_version_upgrade: bool,
    /// Whether snapshots get the tags of the instance.
    #[serde(default)]
    copy_tags_to_snapshot: bool,
    /// Whether Performance Insights is on.
    #[serde(default)]
    performance_insights_enabled: bool,
    /// KMS key that encrypts the data of Performance Insights.
    performance_insights_kms_key_id: Option<Chosen<Immutable<String>>>,
    /// Days for which the data of Performance Insights are retained: 7, 731, or 1 to 23 times 31.
    performance_insights_retention_period: Option<Chosen<i32>>,
    /// Interval of Enhanced Monitoring in seconds; 0 turns it off.
    #[serde(default)]
    monitoring_interval: i32,
    /// ARN of the IAM role for Enhanced Monitoring.
    monitoring_role_arn: Option<Chosen<String>>,
    /// Logs that RDS exports to CloudWatch, such as `postgresql`.
    #[serde(default)]
    enabled_cloudwatch_logs_exports: BTreeSet<String>,
    /// Whether database users can authenticate with IAM credentials.
    #[serde(default)]
    iam_database_authentication_enabled: bool,
    /// Certificate authority of the instance's certificate, such as `rds-ca-rsa2048-g1`.
    ca_cert_identifier: Option<Chosen<String>>,
    /// Network type: `IPV4` or `DUAL`.
    network_type: Option<Chosen<String>>,
    /// License model of the engine, such as `license-included`.
    license_model: Option<Chosen<String>>,
    /// Tags.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct DbInstanceOutputs {
    /// Host name of the endpoint.
    address: String,
    /// Host name and port of the endpoint: `HOST:PORT`.
    endpoint: Volatile<String>,
    /// ARN of the instance.
    arn: String,
    /// Resource id, which differs from that of an earlier instance of the same name.
    resource_id: String,
    /// Id of the Route 53 hosted zone of the host name.
    hosted_zone_id: Option<String>,
    /// Status of the instance; `available` also during a backup.
    status: Volatile<String>,
    /// Full version of the engine.
    engine_version_actual: Volatile<String>,
    /// Availability zone of the primary.
    availability_zone: Option<Volatile<String>>,
    /// The secret in Secrets Manager, where RDS manages the master password.
    master_user_secret: Option<Volatile<MasterSecret>>,
}

/// The secret in which RDS stores the master password.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct MasterSecret {
    /// ARN of the secret.
    secret_arn: String,
    /// Status of the secret, such as `active`.
    secret_status: String,
    /// KMS key that encrypts the secret.
    kms_key_id: Option<String>,
}

fn yes() -> bool {
    true
}

impl Resource for DbInstance {
    const KIND: &'static str = "aws_db_instance";
    const UNSUPPORTED: &'static [UnsupportedNames] = unsupported::UNSUPPORTED;
    type Provider = AwsClients;
    type Outputs = DbInstanceOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct DbInstanceNameArguments {
            identifier: String,
        }
        let hooks = ResourceHooks::new()
            .unique(&["identifier"])
            .check(tags::check_letters)
            .predict("id", |it: DbInstanceNameArguments| it.identifier)
            .renewed_by("address", &["identifier"])
            .renewed_by("arn", &["identifier"])
            .same(refused_changes::same)
            .manner(&["allow_major_version_upgrade", "apply_immediately"])
            .impact(impact::impact);
        check::all(hooks)
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.identifier.as_str();
        let what = format!("create the database `{name}`");
        WaitCondition::new(&what, PROPAGATION)
            .until(attempt, || async {
                match self.creation(aws, attempt).send().await {
                    Err(error) if error::is(&error, &["DBInstanceAlreadyExists"]) => {
                        match appearing(attempt, || find(aws, name)).await? {
                            Some(found) if tags::are_from(found.tag_list(), attempt) => {
                                Ok(WaitStatus::Ready(()))
                            }
                            _ => Err(error::foreign("database", name)),
                        }
                    }
                    Err(error) if rds::is_too_early(error.message()) => {
                        Ok(error::waiting("waiting for its role", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await?;
        let found = wait_until_available::created(aws, name, attempt).await?;
        Ok(CreatedResource { id: name.to_owned(), outputs: observed::outputs(&found) })
    }

    const OBJECTS: bool = true;

    async fn objections(
        aws: &AwsClients,
        planned: &[IntendedChange],
    ) -> Vec<(usize, ArgumentProblem)> {
        objections::objections(aws, planned).await
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id).argument("identifier", id))
    }

    const LISTED: bool = true;

    fn import_id(arguments: &ha_value::Object) -> Option<String> {
        known_text(arguments, "identifier").map(str::to_owned)
    }

    async fn list_owned(
        aws: &AwsClients,
        _: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        // DescribeDBInstances has no filter by tag, so all instances of the region are listed.
        let mut pages = aws.rds.describe_db_instances().into_paginator().items().send();
        let mut marked = Vec::new();
        while let Some(instance) = pages.next().await {
            let instance = instance.attempting("look for databases by their tags")?;
            let name = instance.db_instance_identifier().unwrap_or_default();
            marked.extend(tags::owned(
                ExistingResource::by(name).argument("identifier", name),
                instance.tag_list(),
            ));
        }
        Ok(marked)
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::listed(aws, known).await
    }

    async fn update(
        &self,
        aws: &AwsClients,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<DbInstanceOutputs, Error> {
        let was = &before.arguments;
        if self.tags != was.tags {
            rds::set_tags(aws, &before.outputs.arn, &was.tags, &self.tags).await?;
        }
        // The rename comes first because all later calls name the instance. An update that was
        // interrupted after the rename finds the instance by its resource id.
        let renamed = self.rename(aws, before, attempt).await?;
        let name = self.identifier.as_str();
        // A change of arguments for the deletion only needs no call: RDS refuses one that changes
        // nothing.
        let names = changes::names(was, self);
        if names.is_empty() {
            return Ok(
                renamed.map_or_else(|| before.outputs.clone(), |found| observed::outputs(&found))
            );
        }
        let what = format!("change the database `{name}`");
        WaitCondition::new(&what, attempt.patience(wait_until_available::BUSY))
            .until(attempt, || async {
                let found = wait_until_available::ready_for_change(aws, name, attempt).await?;
                // The call is computed from the latest look, because an earlier try may have made
                // the change already.
                let Some(call) = changes::call(aws, was, self, &found) else {
                    return Ok(WaitStatus::Ready(()));
                };
                match call.send().await {
                    // RDS has begun a change since the last look, perhaps this one, of which the
                    // response was lost. The next look compares the instance with the wanted
                    // arguments again.
                    Err(error) if error::is(&error, &["InvalidDBInstanceState"]) => {
                        Ok(error::waiting("busy with an earlier change", &error))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await?;
        let found = wait_until_available::changed(aws, self, &names, attempt).await?;
        Ok(observed::outputs(&found))
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<(), Error> {
        // The plan refuses a protected instance, but the protection may have been turned on since
        // then.
        let Some(found) = find_again(aws, recorded).await? else { return Ok(()) };
        let name = found.db_instance_identifier().unwrap_or(&recorded.id);
        if found.deletion_protection() == Some(true) {
            let address = attempt.address();
            return Err(Error::new(format!("delete the database `{name}`"), "it is protected against deletion")
                .help(format!(
                    "set `deletion_protection = false` on `{address}` and apply, which shows as a change of its own; then destroy"
                ))
                .outcome(CallOutcome::Refused));
        }
        // An interrupted deletion has left the instance in `deleting`; then only the wait is left.
        let status = found.db_instance_status().unwrap_or_default();
        if status != "deleting" {
            recorded.arguments.request_deletion(aws, name, status, attempt).await?;
        }
        wait_until_available::gone(aws, name, attempt).await
    }
}

impl DbInstance {
    fn creation(
        &self,
        aws: &AwsClients,
        attempt: &Attempt,
    ) -> aws_sdk_rds::operation::create_db_instance::builders::CreateDBInstanceFluentBuilder {
        let text = |it: &Option<Chosen<String>>| it.as_ref().map(|it| it.0.clone());
        let fixed = |it: &Option<Chosen<Immutable<String>>>| it.as_ref().map(|it| it.to_string());
        aws.rds
            .create_db_instance()
            .db_instance_identifier(self.identifier.as_str())
            .engine(self.engine.as_str())
            .set_engine_version(self.engine_version.as_ref().map(|it| it.as_str().to_owned()))
            .db_instance_class(&self.instance_class)
            .set_allocated_storage(self.allocated_storage.map(|it| it.0))
            // RDS rejects 0, and a limit that equals the size turns autoscaling off as leaving it
            // out does.
            .set_max_allocated_storage(
                self.max_allocated_storage
                    .filter(|it| *it != 0 && Some(*it) != self.allocated_storage.map(|it| it.0)),
            )
            .set_storage_type(text(&self.storage_type))
            .set_iops(self.iops.map(|it| it.0))
            .set_storage_throughput(self.storage_throughput.map(|it| it.0))
            .storage_encrypted(self.storage_encrypted.0)
            .set_kms_key_id(fixed(&self.kms_key_id))
            .set_master_username(fixed(&self.username))
            .set_master_user_password(self.password.as_ref().map(|it| it.0.clone()))
            .set_manage_master_user_password(self.manage_master_user_password)
            .set_master_user_authentication_type(
                self.master_user_authentication_type.as_deref().map(Into::into),
            )
            .set_master_user_secret_kms_key_id(text(&self.master_user_secret_kms_key_id))
            .set_db_name(fixed(&self.db_name))
            .set_port(self.port.map(|it| it.0))
            .set_multi_az(self.multi_az.map(|it| it.0))
            .set_backup_retention_period(self.backup_retention_period.map(|it| it.0))
            .set_preferred_backup_window(self.backup_window.map(|it| it.to_string()))
            .set_preferred_maintenance_window(self.maintenance_window.map(|it| it.to_string()))
            .deletion_protection(self.deletion_protection)
            .publicly_accessible(self.publicly_accessible)
            .set_vpc_security_group_ids(
                self.vpc_security_group_ids.as_ref().map(|it| it.iter().cloned().collect()),
            )
            .set_db_subnet_group_name(text(&self.db_subnet_group_name))
            .set_db_parameter_group_name(text(&self.parameter_group_name))
            .set_option_group_name(text(&self.option_group_name))
            .auto_minor_version_upgrade(self.auto_minor_version_upgrade)
            .copy_tags_to_snapshot(self.copy_tags_to_snapshot)
            .enable_performance_insights(self.performance_insights_enabled)
            .set_performance_insights_kms_key_id(fixed(&self.performance_insights_kms_key_id))
            .set_performance_insights_retention_period(
                self.performance_insights_retention_period.map(|it| it.0),
            )
            .set_monitoring_interval(
                (self.monitoring_interval != 0).then_some(self.monitoring_interval),
            )
            .set_monitoring_role_arn(text(&self.monitoring_role_arn))
            .set_enable_cloudwatch_logs_exports(
                (!self.enabled_cloudwatch_logs_exports.is_empty())
                    .then(|| self.enabled_cloudwatch_logs_exports.iter().cloned().collect()),
            )
            .enable_iam_database_authentication(self.iam_database_authentication_enabled)
            .set_ca_certificate_identifier(text(&self.ca_cert_identifier))
            .set_network_type(text(&self.network_type))
            .set_license_model(text(&self.license_model))
            .set_tags(Some(tags::with_ownership(&self.tags, attempt)))
    }

    /// Renames the instance at once: while a new name waited for the maintenance window, neither
    /// name could be relied on.
    async fn rename(
        &self,
        aws: &AwsClients,
        before: &RecordedResource<Self>,
        attempt: &Attempt,
    ) -> Result<Option<Found>, Error> {
        let (old, new) = (before.arguments.identifier.as_str(), self.identifier.as_str());
        if old == new {
            return Ok(None);
        }
        let what = format!("rename the database `{old}` to `{new}`");
        WaitCondition::new(&what, attempt.patience(wait_until_available::BUSY))
            .until(attempt, || async {
                let found = wait_until_available::ready_for_change(aws, old, attempt).await?;
                let name = found.db_instance_identifier().unwrap_or(old);
                let call = aws
                    .rds
                    .modify_db_instance()
                    .db_instance_identifier(name)
                    .new_db_instance_identifier(new);
                match call.apply_immediately(true).send().await {
                    Err(error) if error::is(&error, &["InvalidDBInstanceState"]) => {
                        Ok(error::waiting("busy with an earlier change", &error))
                    }
                    Err(error) if error::is(&error, &["DBInstanceAlreadyExists"]) => {
                        Err(error::refusal(&what, &error).help(
                            "a database of that name exists already; choose another `identifier`",
                        ))
                    }
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await?;
        wait_until_available::renamed(aws, before, new, attempt).await.map(Some)
    }

    /// Calls DeleteDBInstance with the recorded choice about the final snapshot.
    async fn request_deletion(
        &self,
        aws: &AwsClients,
        name: &str,
        status: &str,
        attempt: &Attempt,
    ) -> Result<(), Error> {
        let what = format!("delete the database `{name}`");
        let snapshot = self.final_snapshot_identifier.clone().filter(|_| !self.skip_final_snapshot);
        if snapshot.is_none() && !self.skip_final_snapshot {
            return Err(Error::new(what, "the state does not say whether its data may be lost")
                .help("set `final_snapshot_identifier`, or `skip_final_snapshot = true` if no one needs the data; apply; then destroy")
                .outcome(CallOutcome::Refused));
        }
        if snapshot.is_some() && wait_until_available::is_past_snapshots(status) {
            return Err(Error::new(what, format!("its status is {status}, in which RDS takes no final snapshot"))
                .help("fix it, or set `skip_final_snapshot = true`, apply, and destroy again: without a final snapshot only earlier snapshots and backups remain")
                .outcome(CallOutcome::Refused));
        }
        WaitCondition::new(&what, attempt.patience(wait_until_available::BUSY))
            .until(attempt, || async {
                let call = aws
                    .rds
                    .delete_db_instance()
                    .db_instance_identifier(name)
                    .skip_final_snapshot(self.skip_final_snapshot)
                    .set_final_db_snapshot_identifier(snapshot.clone())
                    .delete_automated_backups(self.delete_automated_backups);
                match call.send().await {
                    Err(error) if error::is(&error, &["DBInstanceNotFound"]) => Ok(WaitStatus::Ready(())),
                    Err(error) if error.message().is_some_and(|it| it.contains("already being deleted")) => {
                        Ok(WaitStatus::Ready(()))
                    }
                    Err(error) if error::is(&error, &["InvalidDBInstanceState"]) => {
                        Ok(error::waiting("busy with an earlier change", &error))
                    }
                    Err(error) if error::is(&error, &["DBSnapshotAlreadyExists"]) => Err(error::refusal(&what, &error)
                        .help("give `final_snapshot_identifier` a name that no snapshot has, apply, and destroy again")),
                    other => other.map(|_| WaitStatus::Ready(())).attempting_first(&what),
                }
            })
            .await
    }
}

impl ListableResource for DbInstance {
    const AT_ONCE: usize = 50;

    async fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        // The resource id stays the same when the instance is renamed. During an import only the
        // name is known.
        let mut found = BTreeMap::new();
        for (filter, keys) in [
            (
                BY_RESOURCE,
                recorded
                    .iter()
                    .map(|it| it.outputs.resource_id.clone())
                    .collect::<BTreeSet<String>>(),
            ),
            (
                BY_NAME,
                recorded
                    .iter()
                    .filter(|it| it.outputs.resource_id.is_empty())
                    .map(|it| it.id.clone())
                    .collect(),
            ),
        ] {
            let keys: Vec<String> = keys.into_iter().filter(|it| !it.is_empty()).collect();
            if keys.is_empty() {
                continue;
            }
            let mut pages = aws
                .rds
                .describe_db_instances()
                .filters(rds::filter(filter, keys))
                .into_paginator()
                .items()
                .send();
            while let Some(instance) = pages.next().await {
                let instance = instance.attempting("list databases")?;
                let key = if filter == BY_RESOURCE {
                    instance.dbi_resource_id()
                } else {
                    instance.db_instance_identifier()
                };
                found.insert(key.unwrap_or_default().to_owned(), instance);
            }
        }
        let key = |it: &RecordedResource<Self>| match it.outputs.resource_id.as_str() {
            "" => it.id.clone(),
            id => id.to_owned(),
        };
        let reading = |it: &&RecordedResource<Self>| {
            found.get(&key(it)).map_or(ResourceReading::Gone, |found| observed::reading(it, found))
        };
        Ok(recorded.iter().map(reading).collect())
    }
}

/// Filters of DescribeDBInstances: by resource id and by name.
const BY_RESOURCE: &str = "dbi-resource-id";
const BY_NAME: &str = "db-instance-id";

/// The recorded instance, under its present name; `None` when it is deleted.
async fn find_again(
    aws: &AwsClients,
    recorded: &RecordedResource<DbInstance>,
) -> Result<Option<Found>, Error> {
    if recorded.outputs.resource_id.is_empty() {
        return find(aws, &recorded.id).await;
    }
    let filter = rds::filter(BY_RESOURCE, [recorded.outputs.resource_id.clone()]);
    let found = aws.rds.describe_db_instances().filters(filter).send().await;
    let found = found.attempting(format!("look at the database `{}`", recorded.id))?;
    Ok(found.db_instances.unwrap_or_default().into_iter().next())
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<Found>, Error> {
    match aws.rds.describe_db_instances().db_instance_identifier(name).send().await {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other.attempting(format!("look at the database `{name}`"))?;
            Ok(found.db_instances.unwrap_or_default().into_iter().next())
        }
    }
}
