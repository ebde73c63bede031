//! The availability zones of the region.

use std::collections::{BTreeMap, BTreeSet};

use ha_provider::{DataSource, Error};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::ec2::{self, Ec2Filter, filter};
use crate::error::AwsErrorContext as _;
use crate::tags::ResourceTags;

/// The availability zones of the region.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AvailabilityZones {
    /// State: `available`, `information`, `impaired` or `unavailable`; any when left out.
    state: Option<String>,
    /// Whether zones that the account has not opted into are included.
    #[serde(default)]
    all_availability_zones: bool,
    /// Names of zones to exclude.
    #[serde(default)]
    exclude_names: BTreeSet<String>,
    /// Ids of zones to exclude.
    #[serde(default)]
    exclude_zone_ids: BTreeSet<String>,
    /// Filters of DescribeAvailabilityZones.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AvailabilityZonesOutputs {
    /// Name of the region.
    id: String,
    /// Names of the zones, sorted.
    names: Vec<String>,
    /// Ids of the zones, which are the same in all accounts, in the order of `names`.
    zone_ids: Vec<String>,
    /// Names of the zones' groups.
    group_names: BTreeSet<String>,
}

impl DataSource for AvailabilityZones {
    const KIND: &'static str = "aws_availability_zones";
    type Provider = AwsClients;
    type Outputs = AvailabilityZonesOutputs;

    async fn read(&self, aws: &AwsClients) -> Result<AvailabilityZonesOutputs, Error> {
        let state = self.state.clone().map(|it| filter("state", [it]));
        let conditions =
            ec2::conditions(&self.filter, &ResourceTags::new()).into_iter().chain(state).collect();
        let call = aws.ec2.describe_availability_zones().set_filters(Some(conditions));
        let call = call.set_all_availability_zones(self.all_availability_zones.then_some(true));
        let found = call.send().await.attempting_first("list the zones of the region")?;
        let mut zones = BTreeMap::new();
        let mut group_names = BTreeSet::new();
        for zone in found.availability_zones() {
            let (name, id) =
                (zone.zone_name().unwrap_or_default(), zone.zone_id().unwrap_or_default());
            if self.exclude_names.contains(name) || self.exclude_zone_ids.contains(id) {
                continue;
            }
            zones.insert(name.to_owned(), id.to_owned());
            group_names.extend(zone.group_name().map(str::to_owned));
        }
        let (names, zone_ids) = zones.into_iter().unzip();
        Ok(AvailabilityZonesOutputs { id: aws.region.clone(), names, zone_ids, group_names })
    }
}
