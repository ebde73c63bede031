//! An image that machines begin as.

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

/// An image that exists. All that is said must be true of it, and of no other unless the newest is
/// wanted.
#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct AmiData {
    /// Whose: accounts, `self`, `amazon` or `aws-marketplace`.
    #[serde(default)]
    owners: Vec<String>,
    /// Who may launch it: accounts, `self` or `all`.
    #[serde(default)]
    executable_users: Vec<String>,
    /// Whether the newest of several is taken.
    #[serde(default)]
    most_recent: bool,
    /// What its name looks like.
    name_regex: Option<String>,
    /// Whether it may be one that its owner has given up.
    #[serde(default)]
    include_deprecated: bool,
    /// Conditions of EC2, such as `name` and `architecture`.
    #[serde(default)]
    filter: BTreeSet<Ec2Filter>,
}

#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AmiOutputs {
    /// Amazon's name for it.
    id: String,
    /// The same.
    image_id: String,
    /// Its full name.
    arn: String,
    /// Its name.
    name: String,
    /// What it is for.
    description: Option<String>,
    /// `x86_64` or `arm64`.
    architecture: String,
    /// When it was made.
    creation_date: String,
    /// Whose it is.
    owner_id: String,
    /// `windows`, where it is.
    platform: Option<String>,
    /// Where it is.
    image_location: String,
    /// The name of its first disk.
    root_device_name: Option<String>,
    /// `ebs` or `instance-store`.
    root_device_type: String,
    /// The snapshot of its first disk.
    root_snapshot_id: Option<String>,
    /// `available`.
    state: String,
    /// `hvm` or `paravirtual`.
    virtualization_type: String,
    /// Its labels.
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
        let what = "find an image";
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
            let cause = format!("there are {} of which all that is said is true", found.len());
            return Err(Error::new(what, cause)
                .help("say more about it, or set `most_recent = true` to take the newest"));
        }
        let newest = found.pop().ok_or_else(|| {
            let cause =
                format!("there is none in {} of which all that is said is true", aws.region);
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
        // Images are named without an account.
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
