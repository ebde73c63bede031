//! The data source of the provider's region.

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;

/// The region of the provider.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RegionData {}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RegionOutputs {
    /// Name, such as `eu-west-1`.
    id: String,
    /// Name, as `id`.
    name: String,
    /// Name, as `id`.
    region: String,
    /// Host name of the EC2 endpoint.
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
