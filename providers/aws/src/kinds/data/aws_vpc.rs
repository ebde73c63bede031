//! A network that exists.

use std::collections::BTreeSet;

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::ec2::{self, Ec2Filter, filter};
use crate::error::AwsErrorContext as _;
use crate::tags::{self, ResourceTags};

/// A network that exists. All that is said must be true of it, and of no other.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct VpcData {
    /// Amazon's name for it.
    id: Option<String>,
    /// Whether it is the region's default one.
    default: Option<bool>,
    /// Its addresses.
    cidr_block: Option<String>,
    /// `available` or `pending`.
    state: Option<String>,
    /// Its DHCP options.
    dhcp_options_id: Option<String>,
    /// Labels that it bears among others.
    #[serde(default)]
    tags: ResourceTags,
    /// Conditions of EC2.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct VpcOutputs {
    /// Amazon's name for it.
    id: String,
    /// Its full name.
    arn: String,
    /// Its addresses.
    cidr_block: String,
    /// Its addresses of IPv6.
    ipv6_cidr_block: Option<String>,
    /// Whether it is the region's default one.
    default: bool,
    /// `available` or `pending`.
    state: String,
    /// Its DHCP options.
    dhcp_options_id: String,
    /// Whether its machines share hardware with others.
    instance_tenancy: String,
    /// The account it is in.
    owner_id: String,
    /// Its labels.
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
        let what = "find a network";
        let mut pages =
            aws.ec2.describe_vpcs().set_filters(Some(conditions)).into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(vpc) = pages.next().await {
            found.push(vpc.attempting_first(what)?);
        }
        let vpc = match found.as_slice() {
            [vpc] => vpc,
            [] => {
                let cause =
                    format!("there is none in {} of which all that is said is true", aws.region);
                return Err(Error::new(what, cause).help(
                    "check the region and the conditions; `default = true` finds the region's own",
                ));
            }
            [first, second, ..] => {
                let name =
                    |it: &aws_sdk_ec2::types::Vpc| it.vpc_id().unwrap_or_default().to_owned();
                let cause = format!(
                    "there are {}, such as {} and {}",
                    found.len(),
                    name(first),
                    name(second)
                );
                return Err(Error::new(what, cause).help("say more about it, or name it by `id`"));
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
