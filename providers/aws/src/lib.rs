//! The provider for Amazon Web Services, with the resource types and arguments of Terraform's
//! provider.

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
mod string_schema;
mod tags;
mod unsupported;
mod wait;
mod windows;

use ha_provider::ProviderRegistry;

pub use kms::{KmsKeys, KmsSettings};
pub use provider::{AwsClients, AwsSettings};
pub use store::{S3Backend, S3Settings, S3Store};

/// Registers the provider, its resource types and its data sources.
#[must_use]
pub fn register(registry: ProviderRegistry) -> ProviderRegistry {
    registry
        .together(families::TOGETHER)
        .together(owners::TOGETHER)
        .provider::<AwsClients>()
        .unsupported(unsupported::KINDS)
        .resource::<kinds::aws_autoscaling_group::AutoScalingGroup>()
        .resource::<kinds::aws_db_instance::DbInstance>()
        .resource::<kinds::aws_db_parameter_group::DbParameterGroup>()
        .resource::<kinds::aws_db_subnet_group::DbSubnetGroup>()
        .resource::<kinds::aws_iam_instance_profile::InstanceProfile>()
        .resource::<kinds::aws_iam_role::IamRole>()
        .resource::<kinds::aws_iam_role_policy::IamRolePolicy>()
        .resource::<kinds::aws_iam_role_policy_attachment::RolePolicyAttachment>()
        .resource::<kinds::aws_launch_template::LaunchTemplate>()
        .resource::<kinds::aws_s3_bucket::S3Bucket>()
        .resource::<kinds::aws_s3_bucket_public_access_block::PublicAccessBlock>()
        .resource::<kinds::aws_s3_bucket_server_side_encryption_configuration::BucketEncryption>()
        .resource::<kinds::aws_s3_bucket_versioning::BucketVersioning>()
        .resource::<kinds::aws_s3_object::S3Object>()
        .resource::<kinds::aws_security_group::SecurityGroup>()
        .resource::<kinds::aws_vpc_security_group_egress_rule::EgressRule>()
        .resource::<kinds::aws_vpc_security_group_ingress_rule::IngressRule>()
        .data::<kinds::data::aws_ami::AmiData>()
        .data::<kinds::data::aws_availability_zones::AvailabilityZones>()
        .data::<kinds::data::aws_caller_identity::CallerIdentity>()
        .document::<kinds::data::aws_iam_policy_document::PolicyDocumentData>()
        .data::<kinds::data::aws_region::RegionData>()
        .data::<kinds::data::aws_subnets::SubnetsData>()
        .data::<kinds::data::aws_vpc::VpcData>()
}
