//! Arguments of Terraform's `aws_db_instance` that are not supported, and what to write instead.

use ha_provider::UnsupportedNames;

pub(super) const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(&["name"], "write `db_name = …`"),
    UnsupportedNames::new(
        &["identifier_prefix"],
        "write the whole name: `identifier = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    ),
    UnsupportedNames::new(
        &["security_group_ids", "security_group_names"],
        "write `vpc_security_group_ids = […]`",
    ),
    UnsupportedNames::new(
        &["snapshot_identifier", "restore_to_point_in_time", "s3_import"],
        "leave it out: restoring is not supported yet; restore the instance with AWS, and import it with an `import` block",
    ),
    UnsupportedNames::new(
        &["replicate_source_db", "replica_mode"],
        "leave it out: read replicas are not supported yet; `multi_az = true` runs a standby",
    ),
    UnsupportedNames::new(
        &["password_wo", "password_wo_version"],
        "write `password = …`: it is stored in the encrypted state and never shown",
    ),
    UnsupportedNames::new(
        &["availability_zone"],
        "leave it out: RDS chooses; `multi_az = true` uses two",
    ),
    UnsupportedNames::new(
        &["final_snapshot_identifier_prefix"],
        "write `final_snapshot_identifier = …`",
    ),
    UnsupportedNames::new(
        &[
            "domain*",
            "blue_green_update",
            "character_set_name",
            "nchar_character_set_name",
            "timezone",
            "customer_owned_ip_enabled",
            "custom_iam_instance_profile",
            "backup_target",
            "dedicated_log_volume",
            "database_insights_mode",
            "engine_lifecycle_support",
            "upgrade_storage_config",
        ],
        "leave it out: it is not supported yet, and a setting made outside of `ha` stays as it is",
    ),
];
