//! The parts that AWS is in, which know nothing of each other: each has accounts, regions and a
//! domain of its own, and a name that all names of things begin with. Which region is in which says
//! the SDK's own table.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint as _};
use futures::FutureExt as _;
use serde::Deserialize;

/// A part of AWS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AwsPartition {
    /// What names of things begin with after `arn:`.
    pub(crate) name: String,
    /// The domain that its services are in.
    pub(crate) suffix: String,
}

/// The partition of which most people think.
const COMMON: &str = "aws";
/// Two regions of which no partition has both.
const APART: [&str; 2] = ["cn-north-1", "us-east-1"];

/// The settings of a provider that say where it works. Where they say nothing of the region, it is
/// one of the common partition: a client of any other refuses to connect.
#[derive(Deserialize)]
pub(crate) struct RegionSettings {
    region: Option<String>,
}

impl RegionSettings {
    /// Amazon's name for a bucket, or for something in one.
    pub(crate) fn s3_arn(&self, path: &str) -> String {
        s3_arn(&self.partition().name, path)
    }

    /// The domain of services.
    pub(crate) fn suffix(&self) -> String {
        self.partition().suffix
    }

    fn partition(&self) -> AwsPartition {
        AwsPartition::from_region(self.region.as_deref().unwrap_or("us-east-1"))
    }
}

/// Amazon's name for a bucket, or for something in one.
pub(crate) fn s3_arn(partition: &str, path: &str) -> String {
    format!("arn:{partition}:s3:::{path}")
}

impl AwsPartition {
    /// The partition that a region is in.
    pub(crate) fn from_region(region: &str) -> Self {
        static KNOWN: Mutex<BTreeMap<String, AwsPartition>> = Mutex::new(BTreeMap::new());
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(region.to_owned()).or_insert_with(|| Self::asked(region)).clone()
    }

    /// What the SDK's table says.
    fn asked(region: &str) -> Self {
        let name =
            APART.iter().find_map(|it| other_than(region, it)).unwrap_or_else(|| COMMON.to_owned());
        let suffix = suffix(region).unwrap_or_else(|| "amazonaws.com".to_owned());
        Self { name, suffix }
    }

    /// Whether it is the one of which most people think.
    pub(crate) fn is_common(&self) -> bool {
        self.name == COMMON
    }
}

/// The partition's name, where another region is not in it: then the SDK refuses to go there, and
/// says the name.
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
            // One that the table does not have yet, but has a rule for.
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
