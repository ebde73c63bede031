//! The region.

use ha_provider::{Data, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Aws;

/// The region that the provider works in.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct Region {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Outputs {
    /// Its name, such as `eu-west-1`.
    id: String,
    /// The same.
    name: String,
    /// The same.
    region: String,
    /// Where its EC2 is reached.
    endpoint: String,
}

impl Data for Region {
    const KIND: &'static str = "aws_region";
    type Provider = Aws;
    type Outputs = Outputs;

    async fn read(&self, aws: &Aws) -> Result<Outputs, Error> {
        let region = aws.region.clone();
        let endpoint = format!("ec2.{region}.{}", aws.partition().suffix);
        Ok(Outputs { id: region.clone(), name: region.clone(), region, endpoint })
    }
}
