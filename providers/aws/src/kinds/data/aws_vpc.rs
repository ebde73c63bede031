//! The data source of a VPC.

use std::collections::BTreeSet;

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::ec2::{self, Ec2Filter, filter};
use crate::error::AwsErrorContext as _;
use crate::tags::{self, ResourceTags};

/// An existing VPC. All conditions must hold for it and for no other.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VpcData {
    /// Id of the VPC.
    id: Option<String>,
    /// Whether it is the default VPC of the region.
    default: Option<bool>,
    /// IPv4 address range, in CIDR notation.
    cidr_block: Option<String>,
    /// State: `available` or `pending`.
    state: Option<String>,
    /// Id of the DHCP options.
    dhcp_options_id: Option<String>,
    /// Tags that the VPC has, perhaps among others.
    #[serde(default)]
    tags: ResourceTags,
    /// Filters of DescribeVpcs.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VpcOutputs {
    /// Id of the VPC.
    id: String,
    /// ARN of the VPC.
    arn: String,
    /// IPv4 address range, in CIDR notation.
    cidr_block: String,
    /// IPv6 address range, in CIDR notation.
    ipv6_cidr_block: Option<String>,
    /// Whether it is the default VPC of the region.
    default: bool,
    /// State: `available` or `pending`.
    state: String,
    /// Id of the DHCP options.
    dhcp_options_id: String,
    /// Tenancy of instances: `default` or `dedicated`.
    instance_tenancy: String,
    /// Account id of the owner.
    owner_id: String,
    /// Tags of the VPC.
    tags: ResourceTags,
}

impl DataSource for VpcData {
    const KIND: &'static str = "aws_vpc";
    type Provider = AwsClients;
    type Outputs = VpcOutputs;

    async fn read(&self, aws: &AwsClients) -> Result<VpcOutputs, Error> {
        let given = [
            ("vpc-id", self.id.clone()),
            ("is-default", self.default.map(|it| it.to_string())),
            ("cidr", self.cidr_block.clone()),
            ("state", self.state.clone()),
            ("dhcp-options-id", self.dhcp_options_id.clone()),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some(filter(name, [value?])));
        let conditions: Vec<_> = given.chain(ec2::conditions(&self.filter, &self.tags)).collect();
        let what = "find the VPC";
        let mut pages =
            aws.ec2.describe_vpcs().set_filters(Some(conditions)).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(vpc) = pages.next().await {
            found.push(vpc.attempting_first(what)?);
        }
        let vpc = match found.as_slice() {
            [vpc] => vpc,
            [] => {
                let cause = format!("no VPC in {} matches all conditions", aws.region);
                return Err(Error::new(what, cause).help(
                    "check the region and the conditions; `default = true` finds the default VPC",
                ));
            }
            [first, second, ..] => {
                let name =
                    |it: &aws_sdk_ec2::types::Vpc| it.vpc_id().unwrap_or_default().to_owned();
                let cause = format!(
                    "{} VPCs match, such as {} and {}",
                    found.len(),
                    name(first),
                    name(second)
                );
                return Err(Error::new(what, cause).help("add conditions, or set `id`"));
            }
        };
        let id = vpc.vpc_id().unwrap_or_default().to_owned();
        let owner = vpc.owner_id().or(aws.account()).unwrap_or_default().to_owned();
        Ok(VpcOutputs {
            arn: ec2::arn(aws, &owner, "vpc", &id),
            id,
            cidr_block: vpc.cidr_block().unwrap_or_default().to_owned(),
            ipv6_cidr_block: vpc
                .ipv6_cidr_block_association_set()
                .first()
                .and_then(|it| it.ipv6_cidr_block.clone()),
            default: vpc.is_default().unwrap_or(false),
            state: vpc.state().map_or_else(String::new, |it| it.as_str().to_owned()),
            dhcp_options_id: vpc.dhcp_options_id().unwrap_or_default().to_owned(),
            instance_tenancy: vpc
                .instance_tenancy()
                .map_or_else(String::new, |it| it.as_str().to_owned()),
            owner_id: owner,
            tags: tags::visible(vpc.tags()),
        })
    }
}
