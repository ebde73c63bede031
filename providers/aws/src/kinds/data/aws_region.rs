//! The region.

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;

/// The region that the provider works in.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RegionData {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RegionOutputs {
    /// Its name, such as `eu-west-1`.
    id: String,
    /// The same.
    name: String,
    /// The same.
    region: String,
    /// Where its EC2 is reached.
    endpoint: String,
}

impl DataSource for RegionData {
    const KIND: &'static str = "aws_region";
    type Provider = AwsClients;
    type Outputs = RegionOutputs;

    async fn read(&self, aws: &AwsClients) -> Result<RegionOutputs, Error> {
        let region = aws.region.clone();
        let endpoint = format!("ec2.{region}.{}", aws.partition().suffix);
        Ok(RegionOutputs { id: region.clone(), name: region.clone(), region, endpoint })
    }
}
