//! The blocks of a launch template, and their conversion to and from EC2's types.

use std::collections::BTreeSet;

use aws_sdk_ec2::types as ec2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tags::{self, ResourceTags};

/// A disk of the instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct BlockDevice {
    /// Device name, such as `/dev/sda1`.
    pub(super) device_name: Option<String>,
    /// The EBS volume of a device.
    pub(super) ebs: Option<EbsBlock>,
    /// Any value removes the image's disk with this device name.
    pub(super) no_device: Option<String>,
    /// Name of an instance store disk, such as `ephemeral0`.
    pub(super) virtual_name: Option<String>,
}

/// The EBS volume of a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct EbsBlock {
    /// Whether termination of the instance deletes it.
    delete_on_termination: Option<bool>,
    /// Whether the volume is encrypted.
    pub(super) encrypted: Option<bool>,
    /// Provisioned operations per second, for `gp3`, `io1` and `io2`.
    pub(super) iops: Option<i32>,
    /// KMS key that encrypts the volume.
    pub(super) kms_key_id: Option<String>,
    /// Id of the snapshot that the volume is created from.
    snapshot_id: Option<String>,
    /// Throughput in MiB per second, for `gp3`.
    pub(super) throughput: Option<i32>,
    /// Size in GiB.
    pub(super) volume_size: Option<i32>,
    /// Volume type: `gp3`, `gp2`, `io1`, `io2`, `st1`, `sc1` or `standard`.
    pub(super) volume_type: Option<String>,
}

impl BlockDevice {
    pub(super) fn to_request(&self) -> ec2::LaunchTemplateBlockDeviceMappingRequest {
        let ebs = self.ebs.as_ref().map(|it| {
            ec2::LaunchTemplateEbsBlockDeviceRequest::builder()
                .set_delete_on_termination(it.delete_on_termination)
                .set_encrypted(it.encrypted)
                .set_iops(it.iops)
                .set_kms_key_id(it.kms_key_id.clone())
                .set_snapshot_id(it.snapshot_id.clone())
                .set_throughput(it.throughput)
                .set_volume_size(it.volume_size)
                .set_volume_type(it.volume_type.as_deref().map(ec2::VolumeType::from))
                .build()
        });
        ec2::LaunchTemplateBlockDeviceMappingRequest::builder()
            .set_device_name(self.device_name.clone())
            .set_ebs(ebs)
            .set_no_device(self.no_device.clone())
            .set_virtual_name(self.virtual_name.clone())
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateBlockDeviceMapping) -> Self {
        let ebs = |it: &ec2::LaunchTemplateEbsBlockDevice| EbsBlock {
            delete_on_termination: it.delete_on_termination,
            encrypted: it.encrypted,
            iops: it.iops,
            kms_key_id: it.kms_key_id.clone(),
            snapshot_id: it.snapshot_id.clone(),
            throughput: it.throughput,
            volume_size: it.volume_size,
            volume_type: it.volume_type.as_ref().map(|it| it.as_str().to_owned()),
        };
        Self {
            device_name: it.device_name.clone(),
            ebs: it.ebs.as_ref().map(ebs),
            no_device: it.no_device.clone(),
            virtual_name: it.virtual_name.clone(),
        }
    }
}

/// Options of the instance metadata service at 169.254.169.254.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MetadataOptions {
    /// `enabled` or `disabled`.
    pub(super) http_endpoint: Option<String>,
    /// `required` for IMDSv2 only, which needs a token; `optional` to allow IMDSv1 too.
    pub(super) http_tokens: Option<String>,
    /// Maximum number of network hops of a response, 1 to 64; containers need 2.
    pub(super) http_put_response_hop_limit: Option<i32>,
    /// Whether the service is reachable over IPv6: `enabled` or `disabled`.
    pub(super) http_protocol_ipv6: Option<String>,
    /// Whether the instance can read its tags: `enabled` or `disabled`.
    pub(super) instance_metadata_tags: Option<String>,
}

impl MetadataOptions {
    pub(super) fn to_request(&self) -> ec2::LaunchTemplateInstanceMetadataOptionsRequest {
        ec2::LaunchTemplateInstanceMetadataOptionsRequest::builder()
            .set_http_endpoint(self.http_endpoint.as_deref().map(Into::into))
            .set_http_tokens(self.http_tokens.as_deref().map(Into::into))
            .set_http_put_response_hop_limit(self.http_put_response_hop_limit)
            .set_http_protocol_ipv6(self.http_protocol_ipv6.as_deref().map(Into::into))
            .set_instance_metadata_tags(self.instance_metadata_tags.as_deref().map(Into::into))
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateInstanceMetadataOptions) -> Self {
        Self {
            http_endpoint: it.http_endpoint.as_ref().map(|it| it.as_str().to_owned()),
            http_tokens: it.http_tokens.as_ref().map(|it| it.as_str().to_owned()),
            http_put_response_hop_limit: it.http_put_response_hop_limit,
            http_protocol_ipv6: it.http_protocol_ipv6.as_ref().map(|it| it.as_str().to_owned()),
            instance_metadata_tags: it
                .instance_metadata_tags
                .as_ref()
                .map(|it| it.as_str().to_owned()),
        }
    }
}

/// The instance profile, by `arn` or by `name`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct ProfileBlock {
    /// ARN of the instance profile.
    pub(super) arn: Option<String>,
    /// Name of the instance profile.
    pub(super) name: Option<String>,
}

impl ProfileBlock {
    pub(super) fn to_request(&self) -> ec2::LaunchTemplateIamInstanceProfileSpecificationRequest {
        ec2::LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .set_arn(self.arn.clone())
            .set_name(self.name.clone())
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateIamInstanceProfileSpecification) -> Self {
        Self { arn: it.arn.clone(), name: it.name.clone() }
    }
}

/// A network interface of the instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct NetworkInterface {
    /// Whether the interface gets a public IP address.
    associate_public_ip_address: Option<bool>,
    /// Whether termination of the instance deletes it.
    delete_on_termination: Option<bool>,
    /// Description of the interface.
    description: Option<String>,
    /// Device index; 0 for the primary interface.
    device_index: Option<i32>,
    /// Id of an existing interface.
    network_interface_id: Option<String>,
    /// Primary private IPv4 address.
    private_ip_address: Option<String>,
    /// Ids of the interface's security groups.
    security_groups: Option<BTreeSet<String>>,
    /// Id of the subnet.
    subnet_id: Option<String>,
}

impl NetworkInterface {
    pub(super) fn to_request(
        &self,
    ) -> ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
        ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest::builder()
            .set_associate_public_ip_address(self.associate_public_ip_address)
            .set_delete_on_termination(self.delete_on_termination)
            .set_description(self.description.clone())
            .set_device_index(self.device_index)
            .set_network_interface_id(self.network_interface_id.clone())
            .set_private_ip_address(self.private_ip_address.clone())
            .set_groups(self.security_groups.as_ref().map(|it| it.iter().cloned().collect()))
            .set_subnet_id(self.subnet_id.clone())
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateInstanceNetworkInterfaceSpecification) -> Self {
        Self {
            associate_public_ip_address: it.associate_public_ip_address,
            delete_on_termination: it.delete_on_termination,
            description: it.description.clone().filter(|it| !it.is_empty()),
            device_index: it.device_index,
            network_interface_id: it.network_interface_id.clone(),
            private_ip_address: it.private_ip_address.clone(),
            security_groups: (!it.groups().is_empty())
                .then(|| it.groups().iter().cloned().collect()),
            subnet_id: it.subnet_id.clone(),
        }
    }
}

/// Placement of the instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PlacementBlock {
    /// Availability zone.
    availability_zone: Option<String>,
    /// Name of the placement group.
    group_name: Option<String>,
    /// Id of the dedicated host, with `tenancy = "host"`.
    pub(super) host_id: Option<String>,
    /// Tenancy: `default`, `dedicated` or `host`.
    pub(super) tenancy: Option<String>,
}

impl PlacementBlock {
    pub(super) fn to_request(&self) -> ec2::LaunchTemplatePlacementRequest {
        ec2::LaunchTemplatePlacementRequest::builder()
            .set_availability_zone(self.availability_zone.clone())
            .set_group_name(self.group_name.clone())
            .set_host_id(self.host_id.clone())
            .set_tenancy(self.tenancy.as_deref().map(Into::into))
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplatePlacement) -> Self {
        Self {
            availability_zone: it.availability_zone.clone(),
            group_name: it.group_name.clone(),
            host_id: it.host_id.clone(),
            tenancy: it.tenancy.as_ref().map(|it| it.as_str().to_owned()),
        }
    }
}

/// Detailed monitoring.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MonitoringBlock {
    /// Whether metrics are collected every minute instead of every five.
    pub(super) enabled: Option<bool>,
}

/// CPU credits of burstable instance types.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct CreditSpecification {
    /// Credit option: `standard` or `unlimited`.
    pub(super) cpu_credits: Option<String>,
}

/// Tags of one kind of objects that a launch creates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct TagSpecification {
    /// Type of the tagged objects: `instance`, `volume`, `network-interface` and others.
    pub(super) resource_type: String,
    /// The tags.
    #[serde(default)]
    pub(super) tags: ResourceTags,
}

impl TagSpecification {
    pub(super) fn to_request(&self) -> ec2::LaunchTemplateTagSpecificationRequest {
        ec2::LaunchTemplateTagSpecificationRequest::builder()
            .resource_type(self.resource_type.as_str().into())
            .set_tags(Some(tags::labels(&self.tags)))
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateTagSpecification) -> Self {
        let resource_type =
            it.resource_type().map_or_else(String::new, |it| it.as_str().to_owned());
        Self { resource_type, tags: tags::visible(it.tags()) }
    }
}
