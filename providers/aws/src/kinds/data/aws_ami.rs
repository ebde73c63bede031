//! The data source of an AMI.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::Image;
use ha_provider::{ArgumentProblem, DataSource, Error, ResourceHooks};
use ha_value::Path;
use regex::Regex;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::AwsClients;
use crate::ec2::{self, Ec2Filter};
use crate::error::AwsErrorContext as _;
use crate::tags::{self, ResourceTags};

/// An existing AMI. All conditions must hold for it, and for no other unless `most_recent` is set.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AmiData {
    /// Owners: account ids, `self`, `amazon` or `aws-marketplace`.
    #[serde(default)]
    owners: Vec<String>,
    /// Who may launch the image: account ids, `self` or `all`.
    #[serde(default)]
    executable_users: Vec<String>,
    /// Whether the newest of several matches is returned.
    #[serde(default)]
    most_recent: bool,
    /// Regular expression for the name.
    name_regex: Option<String>,
    /// Whether deprecated images match.
    #[serde(default)]
    include_deprecated: bool,
    /// Filters of DescribeImages, such as `name` and `architecture`.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AmiOutputs {
    /// Id of the image.
    id: String,
    /// Id of the image, as `id`.
    image_id: String,
    /// ARN of the image.
    arn: String,
    /// Name of the image.
    name: String,
    /// Description of the image.
    description: Option<String>,
    /// Architecture: `x86_64` or `arm64`.
    architecture: String,
    /// Time of creation.
    creation_date: String,
    /// Account id of the owner.
    owner_id: String,
    /// `windows` for a Windows image; otherwise none.
    platform: Option<String>,
    /// Location of the image in S3.
    image_location: String,
    /// Device name of the root disk.
    root_device_name: Option<String>,
    /// Type of the root disk: `ebs` or `instance-store`.
    root_device_type: String,
    /// Id of the root disk's snapshot.
    root_snapshot_id: Option<String>,
    /// State of the image, such as `available`.
    state: String,
    /// Virtualization type: `hvm` or `paravirtual`.
    virtualization_type: String,
    /// Tags of the image.
    tags: ResourceTags,
}

impl DataSource for AmiData {
    const KIND: &'static str = "aws_ami";
    type Provider = AwsClients;
    type Outputs = AmiOutputs;

    fn hooks() -> ResourceHooks {
        #[derive(Deserialize)]
        struct AmiNameRegex {
            name_regex: Option<String>,
        }
        ResourceHooks::new().check(|it: AmiNameRegex| {
            match it.name_regex.map(|it| Regex::new(&it)) {
                Some(Err(error)) => {
                    vec![ArgumentProblem {
                        path: Path::attribute("name_regex"),
                        message: format!("this is no regular expression: {error}"),
                    }]
                }
                _ => Vec::new(),
            }
        })
    }

    async fn read(&self, aws: &AwsClients) -> Result<AmiOutputs, Error> {
        let what = "find the image";
        let shape = self
            .name_regex
            .as_deref()
            .map(Regex::new)
            .transpose()
            .map_err(|it| Error::from_error(what, &it))?;
        let some = |it: &Vec<String>| (!it.is_empty()).then(|| it.clone());
        let call = aws
            .ec2
            .describe_images()
            .set_owners(some(&self.owners))
            .set_executable_users(some(&self.executable_users))
            .include_deprecated(self.include_deprecated)
            .set_filters(Some(ec2::conditions(&self.filter, &ResourceTags::new())));
        let mut pages = call.into_paginator().items().send();
        let mut found = Vec::new();
        while let Some(image) = pages.next().await {
            let image = image.attempting_first(what)?;
            if shape.as_ref().is_none_or(|it| it.is_match(image.name().unwrap_or_default())) {
                found.push(image);
            }
        }
        let key = |it: &Image| {
            (
                it.creation_date().unwrap_or_default().to_owned(),
                it.image_id().unwrap_or_default().to_owned(),
            )
        };
        found.sort_by_key(key);
        if found.len() > 1 && !self.most_recent {
            let cause = format!("{} images match all conditions", found.len());
            return Err(Error::new(what, cause)
                .help("add conditions, or set `most_recent = true` for the newest"));
        }
        let newest = found.pop().ok_or_else(|| {
            let cause = format!("no image in {} matches all conditions", aws.region);
            Error::new(what, cause).help("check the region, the owners and the conditions")
        })?;
        Ok(outputs(aws, &newest))
    }
}

fn outputs(aws: &AwsClients, image: &Image) -> AmiOutputs {
    let id = image.image_id().unwrap_or_default().to_owned();
    let own = |it: Option<&str>| it.filter(|it| !it.is_empty()).map(str::to_owned);
    let root = image
        .block_device_mappings()
        .iter()
        .find(|it| it.device_name() == image.root_device_name());
    AmiOutputs {
        image_id: id.clone(),
        // The ARN of an image has no account.
        arn: ec2::arn(aws, "", "image", &id),
        id,
        name: image.name().unwrap_or_default().to_owned(),
        description: own(image.description()),
        architecture: image.architecture().map_or_else(String::new, |it| it.as_str().to_owned()),
        creation_date: image.creation_date().unwrap_or_default().to_owned(),
        owner_id: image.owner_id().unwrap_or_default().to_owned(),
        platform: image.platform().map(|it| it.as_str().to_owned()),
        image_location: image.image_location().unwrap_or_default().to_owned(),
        root_device_name: own(image.root_device_name()),
        root_device_type: image
            .root_device_type()
            .map_or_else(String::new, |it| it.as_str().to_owned()),
        root_snapshot_id: root.and_then(|it| it.ebs()).and_then(|it| own(it.snapshot_id())),
        state: image.state().map_or_else(String::new, |it| it.as_str().to_owned()),
        virtualization_type: image
            .virtualization_type()
            .map_or_else(String::new, |it| it.as_str().to_owned()),
        tags: tags::visible(image.tags()),
    }
}
