//! Kinds of Amazon Web Services, by the names and arguments that Terraform's provider gives them.

mod call_log;
mod choices;
mod cidr;
mod ec2;
mod engine_version;
mod error;
mod families;
mod forms;
mod iam;
mod kinds;
mod kms;
mod owners;
mod partition;
mod policy;
mod provider;
mod rds;
mod reading;
mod recently_created;
mod retries;
mod security_rule;
mod security_rules;
mod store;
mod tags;
mod unsupported;
mod wait;
mod windows;

use ha_provider::Registry;

pub use kms::{KmsKeys, KmsSettings};
pub use provider::{Aws, Settings};
pub use store::{S3, S3Store, Settings as S3Settings};

/// Enters the provider and its kinds.
#[must_use]
pub fn register(registry: Registry) -> Registry {
    registry
        .together(families::TOGETHER)
        .together(owners::TOGETHER)
        .provider::<Aws>()
        .unsupported(unsupported::KINDS)
        .resource::<kinds::aws_autoscaling_group::Group>()
        .resource::<kinds::aws_db_instance::Instance>()
        .resource::<kinds::aws_db_parameter_group::ParameterGroup>()
        .resource::<kinds::aws_db_subnet_group::SubnetGroup>()
        .resource::<kinds::aws_iam_instance_profile::InstanceProfile>()
        .resource::<kinds::aws_iam_role::Role>()
        .resource::<kinds::aws_iam_role_policy::RolePolicy>()
        .resource::<kinds::aws_iam_role_policy_attachment::Attachment>()
        .resource::<kinds::aws_launch_template::LaunchTemplate>()
        .resource::<kinds::aws_s3_bucket::Bucket>()
        .resource::<kinds::aws_s3_bucket_public_access_block::PublicAccessBlock>()
        .resource::<kinds::aws_s3_bucket_server_side_encryption_configuration::Encryption>()
        .resource::<kinds::aws_s3_bucket_versioning::Versioning>()
        .resource::<kinds::aws_s3_object::Object>()
        .resource::<kinds::aws_security_group::SecurityGroup>()
        .resource::<kinds::aws_vpc_security_group_egress_rule::EgressRule>()
        .resource::<kinds::aws_vpc_security_group_ingress_rule::IngressRule>()
        .data::<kinds::data::aws_ami::Ami>()
        .data::<kinds::data::aws_availability_zones::AvailabilityZones>()
        .data::<kinds::data::aws_caller_identity::CallerIdentity>()
        .document::<kinds::data::aws_iam_policy_document::PolicyDocument>()
        .data::<kinds::data::aws_region::Region>()
        .data::<kinds::data::aws_subnets::Subnets>()
        .data::<kinds::data::aws_vpc::Vpc>()
}
