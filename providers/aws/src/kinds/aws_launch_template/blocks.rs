//! The blocks of a launch template, to EC2's words and back.

use std::collections::BTreeSet;

use aws_sdk_ec2::types as ec2;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::tags::{self, ResourceTags};

/// A disk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct BlockDevice {
    /// Where the machine sees it, such as `/dev/sda1`.
    pub(super) device_name: Option<String>,
    /// What kind of disk it is.
    pub(super) ebs: Option<EbsBlock>,
    /// Anything here takes away the image's disk of this name.
    pub(super) no_device: Option<String>,
    /// The name of a disk that is part of the machine, such as `ephemeral0`.
    pub(super) virtual_name: Option<String>,
}

/// What kind of disk it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct EbsBlock {
    /// Whether it goes with the machine.
    delete_on_termination: Option<bool>,
    /// Whether it is encrypted.
    pub(super) encrypted: Option<bool>,
    /// Operations in a second, with `gp3`, `io1` and `io2`.
    pub(super) iops: Option<i32>,
    /// The key that it is encrypted with.
    pub(super) kms_key_id: Option<String>,
    /// The snapshot that it begins as.
    snapshot_id: Option<String>,
    /// MiB in a second, with `gp3`.
    pub(super) throughput: Option<i32>,
    /// GiB.
    pub(super) volume_size: Option<i32>,
    /// `gp3`, `gp2`, `io1`, `io2`, `st1`, `sc1` or `standard`.
    pub(super) volume_type: Option<String>,
}

impl BlockDevice {
    pub(super) fn told(&self) -> ec2::LaunchTemplateBlockDeviceMappingRequest {
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

/// How the machine is told about itself, at 169.254.169.254.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MetadataOptions {
    /// `enabled` or `disabled`.
    pub(super) http_endpoint: Option<String>,
    /// `required` for version 2 only, which needs a token; `optional` for version 1 too.
    pub(super) http_tokens: Option<String>,
    /// How many hops an answer may take; containers need 2.
    pub(super) http_put_response_hop_limit: Option<i32>,
    /// Whether it is answered over IPv6: `enabled` or `disabled`.
    pub(super) http_protocol_ipv6: Option<String>,
    /// Whether the machine can read its tags: `enabled` or `disabled`.
    pub(super) instance_metadata_tags: Option<String>,
}

impl MetadataOptions {
    pub(super) fn told(&self) -> ec2::LaunchTemplateInstanceMetadataOptionsRequest {
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

/// The profile that gives the machine its role: one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct ProfileBlock {
    /// Amazon's name for it.
    pub(super) arn: Option<String>,
    /// Its name.
    pub(super) name: Option<String>,
}

impl ProfileBlock {
    pub(super) fn told(&self) -> ec2::LaunchTemplateIamInstanceProfileSpecificationRequest {
        ec2::LaunchTemplateIamInstanceProfileSpecificationRequest::builder()
            .set_arn(self.arn.clone())
            .set_name(self.name.clone())
            .build()
    }

    pub(super) fn answered(it: &ec2::LaunchTemplateIamInstanceProfileSpecification) -> Self {
        Self { arn: it.arn.clone(), name: it.name.clone() }
    }
}

/// A network interface.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct NetworkInterface {
    /// Whether it has a public address.
    associate_public_ip_address: Option<bool>,
    /// Whether it goes with the machine.
    delete_on_termination: Option<bool>,
    /// What it is for.
    description: Option<String>,
    /// Which of the machine's interfaces it is; 0 for the first.
    device_index: Option<i32>,
    /// An interface that exists.
    network_interface_id: Option<String>,
    /// Its address.
    private_ip_address: Option<String>,
    /// Who may talk to it.
    security_groups: Option<BTreeSet<String>>,
    /// The subnet it is in.
    subnet_id: Option<String>,
}

impl NetworkInterface {
    pub(super) fn told(&self) -> ec2::LaunchTemplateInstanceNetworkInterfaceSpecificationRequest {
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

/// Where the machine is put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct PlacementBlock {
    /// The zone.
    availability_zone: Option<String>,
    /// The placement group.
    group_name: Option<String>,
    /// The host, with `host`.
    pub(super) host_id: Option<String>,
    /// `default`, `dedicated` or `host`.
    pub(super) tenancy: Option<String>,
}

impl PlacementBlock {
    pub(super) fn told(&self) -> ec2::LaunchTemplatePlacementRequest {
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

/// Whether the machine is measured every minute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct MonitoringBlock {
    /// Whether it is.
    pub(super) enabled: Option<bool>,
}

/// Whether a machine of type T may go beyond its share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct CreditSpecification {
    /// `standard` or `unlimited`.
    pub(super) cpu_credits: Option<String>,
}

/// Labels of what a launch makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub(super) struct TagSpecification {
    /// What gets them: `instance`, `volume`, `network-interface` and others.
    pub(super) resource_type: String,
    /// The labels.
    #[serde(default)]
    pub(super) tags: ResourceTags,
}

impl TagSpecification {
    pub(super) fn told(&self) -> ec2::LaunchTemplateTagSpecificationRequest {
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
