//! Partitions of AWS, such as `aws-cn`. Each has its own accounts, regions and domain, and its name
//! is part of every ARN. The SDK's table says which region is in which partition.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use futures::FutureExt as _;
use serde::Deserialize;

/// A partition of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsPartition {
    /// Name of the partition, the second part of an ARN.
    pub(crate) name: String,
    /// Domain of the partition's services.
    pub(crate) suffix: String,
}

/// The commercial partition.
const COMMON: &str = "aws";
/// Two regions that are in no common partition.
const APART: [&str; 2] = ["cn-north-1", "us-east-1"];

/// The provider settings that determine the region. Without a region in them, planning assumes the
/// commercial partition, and a client with a region of another one refuses to connect.
#[derive(Deserialize)]
pub(crate) struct RegionSettings {
    region: Option<String>,
}

impl RegionSettings {
    /// The ARN of a bucket or of an object in it.
    pub(crate) fn s3_arn(&self, path: &str) -> String {
        s3_arn(&self.partition().name, path)
    }

    /// Domain of the services of the region.
    pub(crate) fn suffix(&self) -> String {
        self.partition().suffix
    }

    fn partition(&self) -> AwsPartition {
        AwsPartition::from_region(self.region.as_deref().unwrap_or("us-east-1"))
    }
}

/// The ARN of a bucket or of an object in it.
pub(crate) fn s3_arn(partition: &str, path: &str) -> String {
    format!("arn:{partition}:s3:::{path}")
}

impl AwsPartition {
    /// The partition of a region.
    pub(crate) fn from_region(region: &str) -> Self {
        static KNOWN: Mutex<BTreeMap<String, AwsPartition>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(region.to_owned()).or_insert_with(|| Self::asked(region)).clone()
    }

    /// The partition of a region by the SDK's table.
    fn asked(region: &str) -> Self {
        let name =
            APART.iter().find_map(|it| other_than(region, it)).unwrap_or_else(|| COMMON.to_owned());
        let suffix = suffix(region).unwrap_or_else(|| "amazonaws.com".to_owned());
        Self { name, suffix }
    }

    /// Whether it is the commercial partition.
    pub(crate) fn is_common(&self) -> bool {
        self.name == COMMON
    }
}

/// The partition's name, from the SDK's error for a region outside of it. The SDK's table itself is
/// not public.
fn other_than(region: &str, other: &str) -> Option<String> {
    let arn = format!("arn:aws:s3:{other}:123456789012:accesspoint:a");
    let params = Params::builder().region(region).bucket(arn).build().ok()?;
    let refusal = DefaultResolver::new().resolve_endpoint(&params).now_or_never()?.err()?;
    let said = refusal.to_string();
    let (_, rest) = said.split_once("partition `")?;
    Some(rest.split_once('`')?.0.to_owned())
}

fn suffix(region: &str) -> Option<String> {
    let params =
        Params::builder().region(region).use_fips(false).use_dual_stack(false).build().ok()?;
    let endpoint = DefaultResolver::new().resolve_endpoint(&params).now_or_never()?.ok()?;
    endpoint.url().split_once(&format!("{region}.")).map(|(_, suffix)| suffix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_region_is_in_its_partition() {
        for (region, name, suffix) in [
            ("eu-west-1", "aws", "amazonaws.com"),
            ("us-east-1", "aws", "amazonaws.com"),
            ("mx-central-1", "aws", "amazonaws.com"),
            ("cn-north-1", "aws-cn", "amazonaws.com.cn"),
            ("cn-northwest-1", "aws-cn", "amazonaws.com.cn"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-gov-east-1", "aws-us-gov", "amazonaws.com"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("eu-isoe-west-1", "aws-iso-e", "cloud.adc-e.uk"),
            ("us-isof-south-1", "aws-iso-f", "csp.hci.ic.gov"),
            // A region that is not in the table, but matches a rule of it.
            ("eu-north-9", "aws", "amazonaws.com"),
            ("eusc-de-west-7", "aws-eusc", "amazonaws.eu"),
        ] {
            assert_eq!(
                AwsPartition::from_region(region),
                AwsPartition { name: name.into(), suffix: suffix.into() },
                "{region}"
            );
        }
        assert!(
            AwsPartition::from_region("eu-west-1").is_common()
                && !AwsPartition::from_region("eusc-de-east-1").is_common()
        );
    }

    #[test]
    fn names_begin_with_the_partition() {
        let place = |region: Option<&str>| RegionSettings { region: region.map(str::to_owned) };
        assert_eq!(place(None).s3_arn("b"), "arn:aws:s3:::b");
        assert_eq!(place(Some("eusc-de-east-1")).s3_arn("b/k"), "arn:aws-eusc:s3:::b/k");
    }
}
