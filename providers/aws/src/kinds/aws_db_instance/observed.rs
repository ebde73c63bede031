//! The arguments and outputs of a DB instance, from RDS's description of it.

use std::collections::BTreeSet;

use aws_sdk_rds::types::DbInstance as Found;
use ha_provider::{Chosen, Immutable, RecordedResource, ResourceReading, Volatile};

use super::{DbInstance, DbInstanceOutputs, MasterSecret, wait_until_available};
use crate::engine_version::EngineVersion;
use crate::tags;

/// The reading of an instance. A change that waits for the maintenance window counts as applied,
/// and a remark reports it: otherwise each plan until then would show it again.
pub(super) fn reading(
    recorded: &RecordedResource<DbInstance>,
    found: &Found,
) -> ResourceReading<DbInstance> {
    let mut there = actual(&recorded.arguments, found);
    let mut remarks = pending(&mut there, found);
    let status = found.db_instance_status().unwrap_or_default();
    if !wait_until_available::is_well(status) {
        let advice =
            wait_until_available::advice(status).map_or_else(String::new, |it| format!("; {it}"));
        remarks.push(format!("the database `{}` is {status}{advice}", recorded.id));
    }
    for group in found
        .db_parameter_groups()
        .iter()
        .filter(|it| it.parameter_apply_status() == Some("pending-reboot"))
    {
        let group = group.db_parameter_group_name().unwrap_or_default();
        remarks.push(format!(
            "the database `{}` must be rebooted for the parameters of `{group}`",
            recorded.id
        ));
    }
    ResourceReading::Found { arguments: there, outputs: outputs(found), remarks }
}

/// The arguments in force. Those that RDS does not return are as recorded.
pub(super) fn actual(known: &DbInstance, found: &Found) -> DbInstance {
    let text = |it: Option<&str>| it.map(|it| Chosen(it.to_owned()));
    let fixed = |it: Option<&str>| it.map(|it| Chosen(Immutable(it.to_owned())));
    let groups = found.vpc_security_groups().iter().filter(|it| it.status() != Some("removing"));
    let groups: BTreeSet<String> =
        groups.filter_map(|it| it.vpc_security_group_id().map(str::to_owned)).collect();
    // A limit that equals the size means the same as 0: no autoscaling.
    let is_none = |it: &i32| *it == 0 || Some(*it) == found.allocated_storage();
    let limit = found.max_allocated_storage().or(known.max_allocated_storage.filter(is_none));
    DbInstance {
        identifier: found.db_instance_identifier().unwrap_or_default().to_owned(),
        engine: found.engine().unwrap_or_default().to_owned().into(),
        engine_version: found.engine_version().map(|it| Chosen(version(known, it))),
        instance_class: found.db_instance_class().unwrap_or_default().to_owned(),
        allocated_storage: found.allocated_storage().map(Chosen),
        max_allocated_storage: limit,
        storage_type: text(found.storage_type()),
        iops: found.iops().filter(|it| *it != 0).map(Chosen),
        storage_throughput: found.storage_throughput().filter(|it| *it != 0).map(Chosen),
        storage_encrypted: found.storage_encrypted().unwrap_or(false).into(),
        kms_key_id: fixed(found.kms_key_id()),
        username: fixed(found.master_username()),
        password: known.password.clone(),
        manage_master_user_password: match found.master_user_secret() {
            Some(_) => Some(true),
            None => known.manage_master_user_password.map(|_| false),
        },
        master_user_authentication_type: known.master_user_authentication_type.clone(),
        master_user_secret_kms_key_id: text(
            found.master_user_secret().and_then(|it| it.kms_key_id()),
        ),
        db_name: fixed(found.db_name().filter(|it| !it.is_empty())),
        port: found.endpoint().and_then(|it| it.port()).map(Chosen),
        multi_az: found.multi_az().map(Chosen),
        backup_retention_period: found.backup_retention_period().map(Chosen),
        backup_window: found.preferred_backup_window().and_then(|it| it.parse().ok()).map(Chosen),
        maintenance_window: found
            .preferred_maintenance_window()
            .and_then(|it| it.parse().ok())
            .map(Chosen),
        deletion_protection: found.deletion_protection().unwrap_or(false),
        skip_final_snapshot: known.skip_final_snapshot,
        final_snapshot_identifier: known.final_snapshot_identifier.clone(),
        delete_automated_backups: known.delete_automated_backups,
        publicly_accessible: found.publicly_accessible().unwrap_or(false),
        vpc_security_group_ids: Some(Chosen(groups)),
        db_subnet_group_name: text(
            found.db_subnet_group().and_then(|it| it.db_subnet_group_name()),
        ),
        parameter_group_name: text(
            found.db_parameter_groups().first().and_then(|it| it.db_parameter_group_name()),
        ),
        option_group_name: text(
            found.option_group_memberships().first().and_then(|it| it.option_group_name()),
        ),
        apply_immediately: known.apply_immediately,
        allow_major_version_upgrade: known.allow_major_version_upgrade,
        auto_minor_version_upgrade: found.auto_minor_version_upgrade().unwrap_or(false),
        copy_tags_to_snapshot: found.copy_tags_to_snapshot().unwrap_or(false),
        performance_insights_enabled: found.performance_insights_enabled().unwrap_or(false),
        performance_insights_kms_key_id: fixed(found.performance_insights_kms_key_id()),
        performance_insights_retention_period: found
            .performance_insights_retention_period()
            .map(Chosen),
        monitoring_interval: found.monitoring_interval().unwrap_or(0),
        monitoring_role_arn: text(found.monitoring_role_arn()),
        enabled_cloudwatch_logs_exports: found
            .enabled_cloudwatch_logs_exports()
            .iter()
            .cloned()
            .collect(),
        iam_database_authentication_enabled: found
            .iam_database_authentication_enabled()
            .unwrap_or(false),
        ca_cert_identifier: text(found.ca_certificate_identifier()),
        network_type: text(found.network_type()),
        license_model: text(found.license_model()),
        tags: tags::visible(found.tag_list()),
    }
}

/// The configured version where it covers the actual one, so that a minor upgrade is no difference.
fn version(known: &DbInstance, actual: &str) -> EngineVersion {
    match &known.engine_version {
        Some(Chosen(version)) if version.covers(actual) => version.clone(),
        _ => EngineVersion::from(actual),
    }
}

/// Puts the changes that wait for the maintenance window into `there`, and returns a remark for
/// each.
fn pending(there: &mut DbInstance, found: &Found) -> Vec<String> {
    let Some(pending) = found.pending_modified_values() else { return Vec::new() };
    let mut waiting = Vec::new();
    if let Some(it) = pending.db_instance_class() {
        waiting.push(format!("instance_class {it}"));
        it.clone_into(&mut there.instance_class);
    }
    if let Some(it) = pending.engine_version() {
        waiting.push(format!("engine_version {it}"));
        there.engine_version = Some(Chosen(version(there, it)));
    }
    if let Some(it) = pending.storage_type() {
        waiting.push(format!("storage_type {it}"));
        there.storage_type = Some(Chosen(it.to_owned()));
    }
    if let Some(it) = pending.ca_certificate_identifier() {
        waiting.push(format!("ca_cert_identifier {it}"));
        there.ca_cert_identifier = Some(Chosen(it.to_owned()));
    }
    if let Some(it) = pending.db_subnet_group_name() {
        waiting.push(format!("db_subnet_group_name {it}"));
        there.db_subnet_group_name = Some(Chosen(it.to_owned()));
    }
    if let Some(it) = pending.license_model() {
        waiting.push(format!("license_model {it}"));
        there.license_model = Some(Chosen(it.to_owned()));
    }
    if let Some(it) = pending.multi_az() {
        waiting.push(format!("multi_az {it}"));
        there.multi_az = Some(Chosen(it));
    }
    if let Some(it) = pending.iam_database_authentication_enabled() {
        waiting.push(format!("iam_database_authentication_enabled {it}"));
        there.iam_database_authentication_enabled = it;
    }
    let numbers = [
        ("allocated_storage", pending.allocated_storage(), &mut there.allocated_storage),
        (
            "backup_retention_period",
            pending.backup_retention_period(),
            &mut there.backup_retention_period,
        ),
        ("iops", pending.iops(), &mut there.iops),
        ("port", pending.port(), &mut there.port),
        ("storage_throughput", pending.storage_throughput(), &mut there.storage_throughput),
    ];
    for (name, number, place) in numbers {
        if let Some(it) = number {
            waiting.push(format!("{name} {it}"));
            *place = Some(Chosen(it));
        }
    }
    if pending.master_user_password().is_some() {
        waiting.push("the new password".into());
    }
    let window = found.preferred_maintenance_window().unwrap_or("to come");
    let name = there.identifier.as_str();
    waiting
        .into_iter()
        .map(|it| format!("`{name}`: {it} waits for the maintenance window {window}"))
        .collect()
}

/// Whether a change waits to be applied.
pub(super) fn is_pending(found: &Found) -> bool {
    let mut nothing = Vec::new();
    if let Some(it) = found.pending_modified_values() {
        let texts = [
            it.db_instance_class(),
            it.engine_version(),
            it.storage_type(),
            it.ca_certificate_identifier(),
        ];
        let others = [it.db_subnet_group_name(), it.license_model(), it.master_user_password()];
        let numbers = [
            it.allocated_storage(),
            it.backup_retention_period(),
            it.iops(),
            it.port(),
            it.storage_throughput(),
        ];
        nothing.extend(texts.into_iter().chain(others).map(|it| it.is_none()));
        nothing.extend(numbers.into_iter().map(|it| it.is_none()));
        nothing
            .extend([it.multi_az().is_none(), it.iam_database_authentication_enabled().is_none()]);
    }
    nothing.contains(&false)
}

/// The outputs.
pub(super) fn outputs(found: &Found) -> DbInstanceOutputs {
    let endpoint = found.endpoint();
    let address = endpoint.and_then(|it| it.address()).unwrap_or_default().to_owned();
    let port = endpoint.and_then(|it| it.port()).unwrap_or_default();
    let status = found.db_instance_status().unwrap_or_default();
    let status = if wait_until_available::is_well(status) { "available" } else { status };
    DbInstanceOutputs {
        endpoint: Volatile(format!("{address}:{port}")),
        address,
        arn: found.db_instance_arn().unwrap_or_default().to_owned(),
        resource_id: found.dbi_resource_id().unwrap_or_default().to_owned(),
        hosted_zone_id: endpoint.and_then(|it| it.hosted_zone_id()).map(str::to_owned),
        status: Volatile(status.to_owned()),
        engine_version_actual: Volatile(found.engine_version().unwrap_or_default().to_owned()),
        availability_zone: found.availability_zone().map(|it| Volatile(it.to_owned())),
        master_user_secret: found.master_user_secret().map(|it| {
            Volatile(MasterSecret {
                secret_arn: it.secret_arn().unwrap_or_default().to_owned(),
                secret_status: it.secret_status().unwrap_or_default().to_owned(),
                kms_key_id: it.kms_key_id().map(str::to_owned),
            })
        }),
    }
}
