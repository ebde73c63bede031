//! The difference between two versions of a DB instance's arguments, as one ModifyDBInstance call.

use std::collections::BTreeSet;

use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, DbInstance as Found};
use ha_provider::{Chosen, Immutable};

use super::DbInstance;
use super::check::BY_IAM;
use super::storage::{has_grown, larger_by_a_tenth};
use crate::AwsClients;

/// Arguments that only say how `ha` makes a change, or that other calls change.
const NOT_IN_THE_CALL: [&str; 7] = [
    "allow_major_version_upgrade",
    "apply_immediately",
    "delete_automated_backups",
    "final_snapshot_identifier",
    "identifier",
    "skip_final_snapshot",
    "tags",
];

/// The authentication type of a master user when the argument is left out.
const BY_PASSWORD: &str = "password";

/// The arguments that a call must change, without those that the configuration leaves to RDS.
pub(super) fn names(before: &DbInstance, after: &DbInstance) -> BTreeSet<&'static str> {
    macro_rules! differing {
        ($($name:ident),* $(,)?) => {
            // All fields are named, so that a new argument does not compile until it is compared
            // here.
            match (before, after) {
                (DbInstance { $($name: _),* }, _) => [$((stringify!($name), differs(&before.$name, &after.$name))),*],
            }
        };
    }
    let all = differing!(
        identifier,
        engine,
        engine_version,
        instance_class,
        allocated_storage,
        max_allocated_storage,
        storage_type,
        iops,
        storage_throughput,
        storage_encrypted,
        kms_key_id,
        username,
        password,
        manage_master_user_password,
        master_user_authentication_type,
        master_user_secret_kms_key_id,
        db_name,
        port,
        multi_az,
        backup_retention_period,
        backup_window,
        maintenance_window,
        deletion_protection,
        skip_final_snapshot,
        final_snapshot_identifier,
        delete_automated_backups,
        publicly_accessible,
        vpc_security_group_ids,
        db_subnet_group_name,
        parameter_group_name,
        option_group_name,
        apply_immediately,
        allow_major_version_upgrade,
        auto_minor_version_upgrade,
        copy_tags_to_snapshot,
        performance_insights_enabled,
        performance_insights_kms_key_id,
        performance_insights_retention_period,
        monitoring_interval,
        monitoring_role_arn,
        enabled_cloudwatch_logs_exports,
        iam_database_authentication_enabled,
        ca_cert_identifier,
        network_type,
        license_model,
        tags,
    );
    let named =
        all.into_iter().filter(|(name, differs)| *differs && !NOT_IN_THE_CALL.contains(name));
    let mut names: BTreeSet<&'static str> = named.map(|(name, _)| name).collect();
    // Leaving the argument out means that RDS does not manage the password.
    if before.is_managed() == after.is_managed() {
        names.remove("manage_master_user_password");
    }
    // A disk that storage autoscaling has enlarged is as wanted, and RDS never shrinks one.
    let sizes = before.allocated_storage.zip(after.allocated_storage);
    if sizes.is_some_and(|(there, asked)| has_grown(asked.0, there.0, after.max_allocated_storage))
    {
        names.remove("allocated_storage");
    }
    names
}

impl DbInstance {
    fn is_managed(&self) -> bool {
        self.manage_master_user_password == Some(true)
    }

    fn is_by_iam(&self) -> bool {
        self.master_user_authentication_type.as_deref() == Some(BY_IAM)
    }
}

/// Whether an argument differs, where the configuration sets it.
trait ArgumentDiff {
    fn differs(&self, after: &Self) -> bool;
}

fn differs<T: ArgumentDiff>(before: &T, after: &T) -> bool {
    before.differs(after)
}

macro_rules! always {
    ($($ty:ty),*) => {$(
        impl ArgumentDiff for $ty {
            fn differs(&self, after: &Self) -> bool {
                self != after
            }
        }
    )*};
}
always!(
    bool,
    i32,
    String,
    BTreeSet<String>,
    crate::tags::ResourceTags,
    Immutable<String>,
    Immutable<bool>,
    Option<bool>,
    Option<i32>,
    Option<String>
);

/// Whether the password differs. No password is no difference: the master user then authenticates
/// in a way that another argument names.
impl ArgumentDiff for Option<ha_provider::Secret<String>> {
    fn differs(&self, after: &Self) -> bool {
        after.is_some() && self != after
    }
}

impl<T: PartialEq> ArgumentDiff for Option<Chosen<T>> {
    fn differs(&self, after: &Self) -> bool {
        after.is_some() && self != after
    }
}

/// The call that makes the change; `None` when nothing differs.
pub(super) fn call(
    aws: &AwsClients,
    before: &DbInstance,
    after: &DbInstance,
    found: &Found,
) -> Option<ModifyDBInstanceFluentBuilder> {
    let mut names = names(before, after);
    if after
        .engine_version
        .as_ref()
        .zip(found.engine_version())
        .is_some_and(|(it, actual)| it.covers(actual))
    {
        // RDS may have installed the minor version since the plan, and refuses an upgrade to the
        // present version.
        names.remove("engine_version");
    }
    if names.is_empty() {
        return None;
    }
    let differs = |name: &str| names.contains(name);
    let text = |name: &str, it: &Option<Chosen<String>>| {
        it.as_ref().filter(|_| differs(name)).map(|it| it.0.clone())
    };
    let number = |name: &str, it: Option<Chosen<i32>>| it.filter(|_| differs(name)).map(|it| it.0);
    let switch = |name: &str, it: bool| differs(name).then_some(it);
    // RDS takes size, type, IOPS and throughput only together, and no size below the present one,
    // which storage autoscaling may have raised since the plan.
    let storage = ["allocated_storage", "iops", "storage_throughput", "storage_type"]
        .iter()
        .any(|it| differs(it));
    let size = after.allocated_storage.map(|it| it.0.max(found.allocated_storage().unwrap_or(0)));
    let size = size.filter(|_| storage);
    // RDS requires IOPS in a call that changes a disk of type io1 or io2, also where only the size
    // changes.
    let provisioned =
        matches!(found.storage_type(), Some("io1" | "io2")) && after.storage_type.is_none();
    let iops =
        after.iops.map(|it| it.0).or(found.iops().filter(|_| provisioned)).filter(|_| storage);
    // RDS deletes its managed password, so the call must set another one.
    let (takes_over, gives_up) =
        (after.is_managed() && !before.is_managed(), before.is_managed() && !after.is_managed());
    // A master user that authenticated with IAM has no password yet.
    let from_iam = before.is_by_iam() && !after.is_by_iam();
    let password = after.password.as_ref().filter(|_| differs("password") || gives_up || from_iam);
    let limit = match after.max_allocated_storage {
        _ if !differs("max_allocated_storage") => None,
        // A limit that equals the size turns storage autoscaling off.
        None | Some(0) => found.allocated_storage().map(|there| match size {
            Some(asked) if asked > there => asked.max(larger_by_a_tenth(there)),
            _ => there,
        }),
        limit => limit,
    };
    let call = aws
        .rds
        .modify_db_instance()
        .db_instance_identifier(after.identifier.as_str())
        .apply_immediately(after.apply_immediately)
        .set_engine_version(
            after
                .engine_version
                .as_ref()
                .filter(|_| differs("engine_version"))
                .map(|it| it.as_str().to_owned()),
        )
        .set_allow_major_version_upgrade(
            (differs("engine_version") && after.allow_major_version_upgrade).then_some(true),
        )
        .set_db_instance_class(differs("instance_class").then(|| after.instance_class.clone()))
        .set_allocated_storage(size)
        .set_max_allocated_storage(limit)
        .set_storage_type(after.storage_type.as_ref().filter(|_| storage).map(|it| it.0.clone()))
        .set_iops(iops)
        .set_storage_throughput(after.storage_throughput.filter(|_| storage).map(|it| it.0))
        .set_master_user_password(password.map(|it| it.0.clone()))
        .set_manage_master_user_password((takes_over || gives_up).then_some(takes_over))
        .set_master_user_authentication_type(differs("master_user_authentication_type").then(
            || after.master_user_authentication_type.as_deref().unwrap_or(BY_PASSWORD).into(),
        ))
        .set_master_user_secret_kms_key_id(text(
            "master_user_secret_kms_key_id",
            &after.master_user_secret_kms_key_id,
        ))
        .set_db_port_number(number("port", after.port))
        .set_multi_az(after.multi_az.filter(|_| differs("multi_az")).map(|it| it.0))
        .set_backup_retention_period(number(
            "backup_retention_period",
            after.backup_retention_period,
        ))
        .set_preferred_backup_window(
            after.backup_window.filter(|_| differs("backup_window")).map(|it| it.to_string()),
        )
        .set_preferred_maintenance_window(
            after
                .maintenance_window
                .filter(|_| differs("maintenance_window"))
                .map(|it| it.to_string()),
        )
        .set_deletion_protection(switch("deletion_protection", after.deletion_protection))
        .set_publicly_accessible(switch("publicly_accessible", after.publicly_accessible))
        .set_vpc_security_group_ids(
            after
                .vpc_security_group_ids
                .as_ref()
                .filter(|_| differs("vpc_security_group_ids"))
                .map(|it| it.iter().cloned().collect()),
        )
        .set_db_subnet_group_name(text("db_subnet_group_name", &after.db_subnet_group_name))
        .set_db_parameter_group_name(text("parameter_group_name", &after.parameter_group_name))
        .set_option_group_name(text("option_group_name", &after.option_group_name))
        .set_auto_minor_version_upgrade(switch(
            "auto_minor_version_upgrade",
            after.auto_minor_version_upgrade,
        ))
        .set_copy_tags_to_snapshot(switch("copy_tags_to_snapshot", after.copy_tags_to_snapshot))
        .set_enable_performance_insights(switch(
            "performance_insights_enabled",
            after.performance_insights_enabled,
        ))
        .set_performance_insights_retention_period(number(
            "performance_insights_retention_period",
            after.performance_insights_retention_period,
        ))
        .set_monitoring_interval(
            differs("monitoring_interval").then_some(after.monitoring_interval),
        )
        .set_monitoring_role_arn(text("monitoring_role_arn", &after.monitoring_role_arn))
        .set_cloudwatch_logs_export_configuration(
            differs("enabled_cloudwatch_logs_exports").then(|| exports(before, after)),
        )
        .set_enable_iam_database_authentication(switch(
            "iam_database_authentication_enabled",
            after.iam_database_authentication_enabled,
        ))
        .set_ca_certificate_identifier(text("ca_cert_identifier", &after.ca_cert_identifier))
        .set_network_type(text("network_type", &after.network_type))
        .set_license_model(text("license_model", &after.license_model));
    Some(call)
}

fn exports(before: &DbInstance, after: &DbInstance) -> CloudwatchLogsExportConfiguration {
    let (was, is) =
        (&before.enabled_cloudwatch_logs_exports, &after.enabled_cloudwatch_logs_exports);
    CloudwatchLogsExportConfiguration::builder()
        .set_enable_log_types(Some(is.difference(was).cloned().collect()))
        .set_disable_log_types(Some(was.difference(is).cloned().collect()))
        .build()
}
