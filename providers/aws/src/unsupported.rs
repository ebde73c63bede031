//! What others have under the provider's name and is not here: kinds, and settings of whatever is
//! reached at AWS.

use ha_provider::UnsupportedNames;

/// Kinds. The first that holds a name counts.
pub(crate) const KINDS: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["aws_s3_bucket_object"],
        "use `aws_s3_object`, which takes the same arguments",
    ),
    UnsupportedNames::new(
        &["aws_launch_configuration"],
        "use `aws_launch_template`; AWS takes no new launch configurations",
    ),
    UnsupportedNames::new(
        &["aws_instance", "aws_spot_instance_request"],
        "use `aws_launch_template` and an `aws_autoscaling_group` with `min_size = 1` and `max_size = 1`, which makes the machine again when it dies; a machine by itself is not there yet",
    ),
    UnsupportedNames::new(
        &["aws_ebs_volume", "aws_volume_attachment"],
        "disks are made with their machine: `block_device_mappings` of `aws_launch_template`",
    ),
    UnsupportedNames::new(
        &["aws_security_group_rule"],
        "use `aws_vpc_security_group_ingress_rule` or `aws_vpc_security_group_egress_rule`, one for each range of addresses",
    ),
    UnsupportedNames::new(
        &["aws_iam_policy", "aws_iam_policy_attachment"],
        "use `aws_iam_role_policy` for a policy of one role; `aws_iam_role_policy_attachment` attaches one that is there, by its `policy_arn`",
    ),
    UnsupportedNames::new(
        &["aws_db_snapshot", "aws_db_snapshot_copy"],
        "snapshots are taken every day with `backup_retention_period` of `aws_db_instance`, and at its end with `final_snapshot_identifier`; one by itself is not there yet",
    ),
    UnsupportedNames::new(
        &["aws_rds_cluster*", "aws_db_cluster*", "aws_docdb_*"],
        "use `aws_db_instance` with `multi_az = true`; clusters are not there yet",
    ),
    UnsupportedNames::new(
        &["aws_db_option_group"],
        "it is not there yet; `option_group_name` of `aws_db_instance` names one that is there",
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
        "networks are not made here yet: name one that is there, with `data \"aws_vpc\"` and `data \"aws_subnets\"` or by a variable",
    ),
    UnsupportedNames::new(
        &[
            "aws_s3_bucket_policy",
            "aws_s3_bucket_acl",
            "aws_s3_bucket_lifecycle_configuration",
            "aws_s3_bucket_ownership_controls",
            "aws_s3_bucket_*",
        ],
        "it is not there yet: what is set so outside of `ha` stays as it is",
    ),
    UnsupportedNames::new(
        &["aws_kms_key", "aws_kms_alias"],
        "keys are not made here yet: name one that is there, by `kms_key_id` and a variable",
    ),
    UnsupportedNames::new(
        &["aws_secretsmanager_*", "aws_ssm_parameter"],
        "secrets are kept in the sealed state: `random_password` draws one, and a `sensitive` variable brings one",
    ),
    UnsupportedNames::new(
        &["aws_key_pair"],
        "it is not there yet: `key_name` of `aws_launch_template` names one that is there",
    ),
    UnsupportedNames::new(
        &["aws_route53_*", "aws_lb", "aws_lb_*", "aws_alb*", "aws_elb*"],
        "it is not there yet: make it elsewhere, and name it by a variable, such as in `target_group_arns`",
    ),
    UnsupportedNames::new(
        &["aws_autoscaling_*"],
        "it is not there yet; what belongs to a group is part of `aws_autoscaling_group`",
    ),
];

/// Roles are taken by profiles.
const ROLES: UnsupportedNames = UnsupportedNames::new(
    &["assume_role", "assume_role_with_web_identity"],
    "leave it out, and take the role by a profile: `role_arn` and `source_profile` in `~/.aws/config`, and here `profile = …`; a web identity is taken from AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
);
/// Files of the shared configuration.
const FILES: UnsupportedNames = UnsupportedNames::new(
    &["shared_config_files", "shared_credentials_file", "shared_credentials_files"],
    "leave it out: AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name other files",
);
/// Whom TLS trusts.
const AUTHORITIES: UnsupportedNames = UnsupportedNames::new(
    &["custom_ca_bundle", "insecure"],
    "leave it out: the authorities are trusted that this machine trusts, and TLS is always checked",
);
/// Ways to the services.
const PROXIES: UnsupportedNames = UnsupportedNames::new(
    &["http_proxy", "https_proxy", "no_proxy"],
    "leave it out: AWS is called directly; a proxy cannot be named yet",
);
/// Where an instance is told of itself.
const METADATA: UnsupportedNames = UnsupportedNames::new(
    &["ec2_metadata_service_endpoint", "ec2_metadata_service_endpoint_mode"],
    "leave it out: AWS_EC2_METADATA_SERVICE_ENDPOINT and AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE say so",
);
/// Which addresses of the services.
const ENDPOINTS: UnsupportedNames = UnsupportedNames::new(
    &["use_fips_endpoint", "use_dualstack_endpoint"],
    "leave it out: AWS_USE_FIPS_ENDPOINT and AWS_USE_DUALSTACK_ENDPOINT say so",
);

/// Settings of the provider.
pub(crate) const PROVIDER: &[UnsupportedNames] = &[
    UnsupportedNames::new(&["s3_force_path_style"], "write `s3_use_path_style = …`"),
    UnsupportedNames::new(
        &["ignore_tags"],
        "leave it out: `lifecycle { ignore_changes = [tags[\"KEY\"]] }` leaves a tag alone that others set",
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
        "leave it out: nothing is asked that it would skip",
    ),
    AUTHORITIES,
    PROXIES,
    UnsupportedNames::new(
        &["retry_mode"],
        "leave it out: `max_retries` says how often a call is tried, with growing pauses",
    ),
    METADATA,
    ENDPOINTS,
];

/// Settings of the place for states.
pub(crate) const BACKEND: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["dynamodb_table", "dynamodb_endpoint"],
        "leave it out: the lock lies in the bucket beside the state, as `KEY.lock`; the table can go once no one uses Terraform there",
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
        "leave it out, and take the role by a profile: `role_arn` and `source_profile` in `~/.aws/config`, and here `profile = …`; a web identity is taken from AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE",
    ),
    UnsupportedNames::new(
        &["acl"],
        "leave it out: what is written belongs to the bucket's owner, and who may read it says the bucket's policy",
    ),
    UnsupportedNames::new(
        &["sse_customer_key"],
        "leave it out: the state is sealed before it leaves this machine; which key that takes says the block `encryption`",
    ),
    UnsupportedNames::new(&["force_path_style"], "write `use_path_style = …`"),
    UnsupportedNames::new(
        &["iam_endpoint", "sts_endpoint", "sts_region"],
        "leave it out: only the bucket's service is called",
    ),
    UnsupportedNames::new(
        &["allowed_account_ids", "forbidden_account_ids"],
        "leave it out here: `provider \"aws\"` takes it, for all that is changed",
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
        "leave it out: nothing is asked that it would skip",
    ),
    AUTHORITIES,
    PROXIES,
    UnsupportedNames::new(
        &["retry_mode"],
        "leave it out: `max_retries` says how often a call is tried, with growing pauses",
    ),
    METADATA,
    ENDPOINTS,
];
