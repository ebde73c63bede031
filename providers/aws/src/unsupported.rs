//! Resource types and settings of Terraform's AWS provider and S3 backend that are not supported,
//! and what to use instead.

use ha_provider::UnsupportedNames;

/// Resource types. The first entry that matches a name applies.
pub(crate) const KINDS: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["aws_s3_bucket_object"],
        "use `aws_s3_object`, which takes the same arguments",
    ),
    UnsupportedNames::new(
        &["aws_launch_configuration"],
        "use `aws_launch_template`; AWS accepts no new launch configurations",
    ),
    UnsupportedNames::new(
        &["aws_instance", "aws_spot_instance_request"],
        "use `aws_launch_template` and an `aws_autoscaling_group` with `min_size = 1` and `max_size = 1`, which replaces the instance when it fails; a single instance is not supported yet",
    ),
    UnsupportedNames::new(
        &["aws_ebs_volume", "aws_volume_attachment"],
        "disks are created with their instance: `block_device_mappings` of `aws_launch_template`",
    ),
    UnsupportedNames::new(
        &["aws_security_group_rule"],
        "use `aws_vpc_security_group_ingress_rule` or `aws_vpc_security_group_egress_rule`, one for each range of addresses",
    ),
    UnsupportedNames::new(
        &["aws_iam_policy", "aws_iam_policy_attachment"],
        "use `aws_iam_role_policy` for a policy of one role; `aws_iam_role_policy_attachment` attaches an existing one, by its `policy_arn`",
    ),
    UnsupportedNames::new(
        &["aws_db_snapshot", "aws_db_snapshot_copy"],
        "snapshots are taken every day with `backup_retention_period` of `aws_db_instance`, and at its end with `final_snapshot_identifier`; a single one is not supported yet",
    ),
    UnsupportedNames::new(
        &["aws_rds_cluster*", "aws_db_cluster*", "aws_docdb_*"],
        "use `aws_db_instance` with `multi_az = true`; clusters are not supported yet",
    ),
    UnsupportedNames::new(
        &["aws_db_option_group"],
        "it is not supported yet; `option_group_name` of `aws_db_instance` names an existing one",
    ),
    UnsupportedNames::new(
        &[
            "aws_vpc",
            "aws_subnet",
            "aws_internet_gateway",
            "aws_nat_gateway",
            "aws_route",
            "aws_route_table*",
            "aws_eip*",
            "aws_network_*",
        ],
        "networks cannot be created yet: name an existing one with `data \"aws_vpc\"` and `data \"aws_subnets\"` or by a variable",
    ),
    UnsupportedNames::new(
        &[
            "aws_s3_bucket_policy",
            "aws_s3_bucket_acl",
            "aws_s3_bucket_lifecycle_configuration",
            "aws_s3_bucket_ownership_controls",
            "aws_s3_bucket_*",
        ],
        "it is not supported yet, and a setting made outside of `ha` stays as it is",
    ),
    UnsupportedNames::new(
        &["aws_kms_key", "aws_kms_alias"],
        "keys cannot be created yet: name an existing one by `kms_key_id` and a variable",
    ),
    UnsupportedNames::new(
        &["aws_secretsmanager_*", "aws_ssm_parameter"],
        "secrets are stored in the encrypted state: `random_password` generates one, and a `sensitive` variable passes one in",
    ),
    UnsupportedNames::new(
        &["aws_key_pair"],
        "it is not supported yet: `key_name` of `aws_launch_template` names an existing one",
    ),
    UnsupportedNames::new(
        &["aws_route53_*", "aws_lb", "aws_lb_*", "aws_alb*", "aws_elb*"],
        "it is not supported yet: create it elsewhere, and name it by a variable, such as in `target_group_arns`",
    ),
    UnsupportedNames::new(
        &["aws_autoscaling_*"],
        "it is not supported yet; the settings of a group are part of `aws_autoscaling_group`",
    ),
];

/// Settings for assuming a role, which a profile can do.
const ROLES: UnsupportedNames = UnsupportedNames::new(
    &["assume_role", "assume_role_with_web_identity"],
    "leave it out, and assume the role with a profile: `role_arn` and `source_profile` in `~/.aws/config`, and here `profile = …`; a web identity is taken from AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
);
/// Settings for the shared configuration files.
const FILES: UnsupportedNames = UnsupportedNames::new(
    &["shared_config_files", "shared_credentials_file", "shared_credentials_files"],
    "leave it out: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files",
);
/// Settings for TLS.
const AUTHORITIES: UnsupportedNames = UnsupportedNames::new(
    &["custom_ca_bundle", "insecure"],
    "leave it out: the certificate authorities of this machine are trusted, and TLS is always verified",
);
/// Settings for proxies.
const PROXIES: UnsupportedNames = UnsupportedNames::new(
    &["http_proxy", "https_proxy", "no_proxy"],
    "leave it out: AWS is called directly; a proxy is not supported yet",
);
/// Settings for the instance metadata service.
const METADATA: UnsupportedNames = UnsupportedNames::new(
    &["ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode"],
    "leave it out: AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE set it",
);
/// Settings for endpoint variants.
const ENDPOINTS: UnsupportedNames = UnsupportedNames::new(
    &["use_fips_endpoint", "use_dualstack_endpoint"],
    "leave it out: AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT set it",
);

/// Settings of the provider.
pub(crate) const PROVIDER: &[UnsupportedNames] = &[
    UnsupportedNames::new(&["s3_force_path_style"], "write `s3_use_path_style = …`"),
    UnsupportedNames::new(
        &["ignore_tags"],
        "leave it out: `lifecycle { ignore_changes = [tags[\"KEY\"]] }` ignores a tag that others set",
    ),
    UnsupportedNames::new(
        &["s3_us_east_1_regional_endpoint", "token_bucket_rate_limiter_capacity"],
        "leave it out",
    ),
    ROLES,
    FILES,
    UnsupportedNames::new(
        &[
            "skip_metadata_api_check",
            "skip_region_validation",
            "skip_requesting_account_id",
            "skip_s3_checksum",
            "skip_get_ec2_platforms",
            "use_legacy_workflow",
        ],
        "leave it out: `ha` makes no call that it would skip",
    ),
    AUTHORITIES,
    PROXIES,
    UnsupportedNames::new(
        &["retry_mode"],
        "leave it out: `max_retries` sets the number of tries, with growing pauses",
    ),
    METADATA,
    ENDPOINTS,
];

/// Settings of the S3 backend.
pub(crate) const BACKEND: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["dynamodb_table", "dynamodb_endpoint"],
        "leave it out: the lock is an object in the bucket beside the state, `KEY.lock`; the table can be deleted once no one uses Terraform there",
    ),
    UnsupportedNames::new(
        &[
            "assume_role_duration_seconds",
            "assume_role_policy",
            "assume_role_policy_arns",
            "assume_role_tags",
            "assume_role_transitive_tag_keys",
            "external_id",
            "role_arn",
            "session_name",
        ],
        "leave it out, and assume the role with a profile: `role_arn` and `source_profile` in `~/.aws/config`, and here `profile = …`; a web identity is taken from AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    ),
    UnsupportedNames::new(
        &["acl"],
        "leave it out: objects belong to the bucket's owner, and the bucket's policy says who may read them",
    ),
    UnsupportedNames::new(
        &["sse_customer_key"],
        "leave it out: the state is encrypted before it leaves this machine; the block `encryption` names the key",
    ),
    UnsupportedNames::new(&["force_path_style"], "write `use_path_style = …`"),
    UnsupportedNames::new(
        &["iam_endpoint", "sts_endpoint", "sts_region"],
        "leave it out: only the bucket's service is called",
    ),
    UnsupportedNames::new(
        &["allowed_account_ids", "forbidden_account_ids"],
        "leave it out here: `provider \"aws\"` has it",
    ),
    ROLES,
    FILES,
    UnsupportedNames::new(
        &[
            "skip_credentials_validation",
            "skip_metadata_api_check",
            "skip_region_validation",
            "skip_requesting_account_id",
            "skip_s3_checksum",
            "skip_get_ec2_platforms",
            "use_legacy_workflow",
        ],
        "leave it out: `ha` makes no call that it would skip",
    ),
    AUTHORITIES,
    PROXIES,
    UnsupportedNames::new(
        &["retry_mode"],
        "leave it out: `max_retries` sets the number of tries, with growing pauses",
    ),
    METADATA,
    ENDPOINTS,
];
