//! Subnets that exist.

use std::collections::BTreeSet;

use ha_provider::{Data, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Aws;
use crate::ec2::{self, Filter};
use crate::error::Attempting as _;
use crate::tags::Tags;

/// The subnets of which all that is said is true.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Subnets {
    /// Conditions of EC2, such as `vpc-id`.
    #[serde(default)]
    filter: BTreeSet<Filter>,
    /// Labels that they bear among others.
    #[serde(default)]
    tags: Tags,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// The region they are in.
    id: String,
    /// Amazon's names for them, in order.
    ids: Vec<String>,
}

impl Data for Subnets {
    const KIND: &'static str = "aws_subnets";
    type Provider = Aws;
    type Outputs = Outputs;

    async fn read(&self, aws: &Aws) -> Result<Outputs, Error> {
        let conditions = ec2::conditions(&self.filter, &self.tags);
        let mut pages = aws.ec2.describe_subnets().set_filters(Some(conditions)).into_paginator().items().send();
        let mut ids = BTreeSet::new();
        while let Some(subnet) = pages.next().await {
            ids.insert(subnet.attempting_first("find subnets")?.subnet_id.unwrap_or_default());
        }
        Ok(Outputs { id: aws.region.clone(), ids: ids.into_iter().collect() })
    }
}
