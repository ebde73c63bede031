//! The data source of subnets.

use std::collections::BTreeSet;

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::ec2::{self, Ec2Filter};
use crate::error::AwsErrorContext as _;
use crate::tags::ResourceTags;

/// The subnets for which all conditions hold.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct SubnetsData {
    /// Filters of DescribeSubnets, such as `vpc-id`.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
    /// Tags that the subnets have, perhaps among others.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SubnetsOutputs {
    /// Region of the subnets.
    id: String,
    /// Ids of the subnets, sorted.
    ids: Vec<String>,
}

impl DataSource for SubnetsData {
    const KIND: &'static str = "aws_subnets";
    type Provider = AwsClients;
    type Outputs = SubnetsOutputs;

    async fn read(&self, aws: &AwsClients) -> Result<SubnetsOutputs, Error> {
        let conditions = ec2::conditions(&self.filter, &self.tags);
        let mut pages = aws
            .ec2
            .describe_subnets()
            .set_filters(Some(conditions))
            .into_paginator()
            .items()
            .send();
        let mut ids = BTreeSet::new();
        while let Some(subnet) = pages.next().await {
            ids.insert(subnet.attempting_first("find subnets")?.subnet_id.unwrap_or_default());
        }
        Ok(SubnetsOutputs { id: aws.region.clone(), ids: ids.into_iter().collect() })
    }
}
