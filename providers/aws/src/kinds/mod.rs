//! The resource types, one file each, with the same names.

pub(crate) mod data;

pub(crate) mod aws_autoscaling_group;
pub(crate) mod aws_db_instance;
pub(crate) mod aws_db_parameter_group;
pub(crate) mod aws_db_subnet_group;
pub(crate) mod aws_iam_instance_profile;
pub(crate) mod aws_iam_role;
pub(crate) mod aws_iam_role_policy;
pub(crate) mod aws_iam_role_policy_attachment;
pub(crate) mod aws_launch_template;
pub(crate) mod aws_s3_bucket;
pub(crate) mod aws_s3_bucket_public_access_block;
pub(crate) mod aws_s3_bucket_server_side_encryption_configuration;
pub(crate) mod aws_s3_bucket_versioning;
pub(crate) mod aws_s3_object;
pub(crate) mod aws_security_group;
pub(crate) mod aws_vpc_security_group_egress_rule;
pub(crate) mod aws_vpc_security_group_ingress_rule;
