//! A launch template: a name, and versions that never change.

mod blocks;
mod check;
mod cloud_init;
mod unsupported;
mod user_data;

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types as ec2_types;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use ha_provider::{
    Attempt, CreatedResource, DiscoveryTarget, Error, ExistingResource, Immutable, OwnedResource,
    RecordedResource, Resource, ResourceHooks, ResourceReading, UnsupportedNames, Volatile,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::blocks::{
    BlockDevice, CreditSpecification, MetadataOptions, MonitoringBlock, NetworkInterface,
    PlacementBlock, ProfileBlock, TagSpecification,
};
use crate::ec2::{self, filter};
use crate::error;
use crate::error::AwsErrorContext as _;
use crate::reading::{ListableResource, as_configured};
use crate::tags::{self, ResourceTags};
use crate::wait::{PROPAGATION, WaitCondition, WaitStatus, appearing};
use crate::{AwsClients, reading};

/// The template that EC2 instances are launched from. Every change creates a new version; running
/// instances are not changed.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LaunchTemplate {
    /// Name, unique in the account and region.
    name: Immutable<String>,
    /// Description of the version.
    description: Option<String>,
    /// Id of the AMI.
    image_id: Option<String>,
    /// Instance type, such as `m5.large`.
    instance_type: Option<String>,
    /// Name of the key pair for SSH.
    key_name: Option<String>,
    /// User data of an instance, as text; at most 16384 bytes.
    user_data_text: Option<String>,
    /// User data in Base64, for binary content.
    user_data: Option<String>,
    /// Ids of the instance's security groups.
    vpc_security_group_ids: Option<BTreeSet<String>>,
    /// Names of the instance's security groups, in the default VPC.
    security_group_names: Option<BTreeSet<String>>,
    /// Instance profile, which gives the instance its IAM role.
    iam_instance_profile: Option<ProfileBlock>,
    /// Options of the instance metadata service.
    metadata_options: Option<MetadataOptions>,
    /// Disks of the instance.
    block_device_mappings: Option<Vec<BlockDevice>>,
    /// Network interfaces of the instance.
    network_interfaces: Option<Vec<NetworkInterface>>,
    /// Placement of the instance.
    placement: Option<PlacementBlock>,
    /// Detailed monitoring.
    monitoring: Option<MonitoringBlock>,
    /// CPU credits of burstable instance types.
    credit_specification: Option<CreditSpecification>,
    /// Whether the instance is EBS-optimized.
    ebs_optimized: Option<bool>,
    /// Whether the instance is protected against being stopped.
    disable_api_stop: Option<bool>,
    /// Whether the instance is protected against being terminated.
    disable_api_termination: Option<bool>,
    /// What a shutdown from inside the instance does: `stop` or `terminate`.
    instance_initiated_shutdown_behavior: Option<String>,
    /// Tags of the objects that a launch creates.
    tag_specifications: Option<Vec<TagSpecification>>,
    /// Whether every new version becomes the default version.
    #[serde(default)]
    update_default_version: bool,
    /// Tags of the template itself.
    #[serde(default)]
    tags: ResourceTags,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LaunchTemplateOutputs {
    /// ARN of the template.
    arn: String,
    /// Number of the newest version.
    latest_version: Volatile<i64>,
    /// Number of the default version.
    default_version: Volatile<i64>,
}

/// The arguments that are not part of a version.
const OF_THE_WHOLE: [&str; 3] = ["name", "tags", "update_default_version"];

impl Resource for LaunchTemplate {
    const KIND: &'static str = "aws_launch_template";
    const UNSUPPORTED: &'static [UnsupportedNames] = unsupported::UNSUPPORTED;
    type Provider = AwsClients;
    type Outputs = LaunchTemplateOutputs;

    fn hooks() -> ResourceHooks {
        check::all(
            ResourceHooks::new().ways_to_say(&["user_data_text", "user_data"]).unique(&["name"]),
        )
    }

    async fn create(
        &self,
        aws: &AwsClients,
        attempt: &mut Attempt,
    ) -> Result<CreatedResource<Self>, Error> {
        let name = self.name.as_str();
        let call = aws
            .ec2
            .create_launch_template()
            .launch_template_name(name)
            .client_token(attempt.token())
            .set_version_description(self.description.clone())
            .launch_template_data(self.data())
            .tag_specifications(ec2::tag_specification(
                ec2_types::ResourceType::LaunchTemplate,
                &self.tags,
                attempt,
            ));
        match call.send().await {
            Err(error)
                if error::is(&error, &["InvalidLaunchTemplateName.AlreadyExistsException"]) =>
            {
                let found = appearing(attempt, || find(aws, name)).await?;
                if !found.is_some_and(|it| tags::are_from(it.tags(), attempt)) {
                    return Err(error::foreign("launch template", name));
                }
            }
            other => drop(other.attempting_first(format!("create the launch template `{name}`"))?),
        }
        let wait = WaitCondition::new(
            format!("see the launch template `{name}` after it was created"),
            PROPAGATION,
        );
        let found = wait
            .until(attempt, || async {
                Ok(match find(aws, name).await? {
                    Some(found) => WaitStatus::Ready(found),
                    None => WaitStatus::Pending("not visible yet".into()),
                })
            })
            .await?;
        let id = found.launch_template_id().unwrap_or_default().to_owned();
        aws.recently_created.add(&id);
        Ok(CreatedResource { outputs: outputs(aws, &found, &id), id })
    }

    fn from_import_id(id: &str) -> Result<ExistingResource, String> {
        Ok(ExistingResource::by(id))
    }

    const LISTED: bool = true;

    async fn list_owned(
        aws: &AwsClients,
        _: &[DiscoveryTarget],
    ) -> Result<Vec<OwnedResource>, Error> {
        let ours = filter("tag-key", [tags::ADDRESS.to_owned()]);
        let mut pages =
            aws.ec2.describe_launch_templates().filters(ours).into_paginator().items().send();
        let mut marked = Vec::new();
        while let Some(template) = pages.next().await {
            let template = template.attempting("look for launch templates by their tags")?;
            let name = template.launch_template_name().unwrap_or_default();
            let known = ExistingResource::by(template.launch_template_id().unwrap_or_default())
                .argument("name", name);
            marked.extend(tags::owned(known, template.tags()));
        }
        Ok(marked)
    }

    async fn read(
        aws: &AwsClients,
        known: &[RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        reading::listed(aws, known).await
    }

    async fn update(
        &self,
        aws: &AwsClients,
        before: &RecordedResource<Self>,
        attempt: &mut Attempt,
    ) -> Result<LaunchTemplateOutputs, Error> {
        let id = before.id.as_str();
        let what = |change: &str| format!("{change} the launch template `{}`", self.name);
        let Some(found) =
            find(aws, &self.name).await?.filter(|it| it.launch_template_id() == Some(id))
        else {
            return Err(Error::new(what("change"), "it no longer exists").help("plan again"));
        };
        let mut outputs = outputs(aws, &found, id);
        let newest = newest(aws, id).await?;
        let number =
            newest.as_ref().and_then(|it| it.version_number).unwrap_or(outputs.latest_version.0);
        outputs.latest_version = number.into();
        // An interrupted try may have created the version already.
        let is_made = number > before.outputs.latest_version.0
            && newest.is_some_and(|it| self.answered(&it).version() == self.version());
        if self.version() != before.arguments.version() && !is_made {
            let call = aws
                .ec2
                .create_launch_template_version()
                .launch_template_id(id)
                .client_token(attempt.token());
            let call = call
                .set_version_description(self.description.clone())
                .launch_template_data(self.data());
            let made = call.send().await.attempting_first(what("create a new version of"))?;
            let number = made.launch_template_version().and_then(|it| it.version_number());
            outputs.latest_version = number.unwrap_or(outputs.latest_version.0 + 1).into();
        }
        if self.update_default_version && outputs.default_version != outputs.latest_version {
            let number = outputs.latest_version.to_string();
            let call =
                aws.ec2.modify_launch_template().launch_template_id(id).default_version(&number);
            call.send().await.attempting(what(&format!("make version {number} the default of")))?;
            outputs.default_version = outputs.latest_version;
        }
        ec2::set_tags(aws, id, &before.arguments.tags, &self.tags, attempt).await?;
        Ok(outputs)
    }

    async fn delete(
        aws: &AwsClients,
        recorded: &RecordedResource<Self>,
        _: &mut Attempt,
    ) -> Result<(), Error> {
        match aws.ec2.delete_launch_template().launch_template_id(&recorded.id).send().await {
            Err(error) if error::is_missing(&error) => Ok(()),
            other => {
                let what = format!("delete the launch template `{}`", recorded.arguments.name);
                other.map(drop).attempting_first(what)
            }
        }
    }
}

impl LaunchTemplate {
    /// All data of a version. No source version is named in the call, because EC2 would add the
    /// values of that version to whatever is left out.
    fn data(&self) -> ec2_types::RequestLaunchTemplateData {
        let texts =
            |it: &Option<BTreeSet<String>>| it.as_ref().map(|it| it.iter().cloned().collect());
        ec2_types::RequestLaunchTemplateData::builder()
            .set_image_id(self.image_id.clone())
            .set_instance_type(self.instance_type.as_deref().map(Into::into))
            .set_key_name(self.key_name.clone())
            .set_user_data(user_data::encoded(
                self.user_data.as_deref(),
                self.user_data_text.as_deref(),
            ))
            .set_security_group_ids(texts(&self.vpc_security_group_ids))
            .set_security_groups(texts(&self.security_group_names))
            .set_iam_instance_profile(
                self.iam_instance_profile.as_ref().map(ProfileBlock::to_request),
            )
            .set_metadata_options(self.metadata_options.as_ref().map(MetadataOptions::to_request))
            .set_block_device_mappings(all(&self.block_device_mappings, BlockDevice::to_request))
            .set_network_interfaces(all(&self.network_interfaces, NetworkInterface::to_request))
            .set_placement(self.placement.as_ref().map(PlacementBlock::to_request))
            .set_monitoring(self.monitoring.as_ref().map(|it| {
                ec2_types::LaunchTemplatesMonitoringRequest::builder()
                    .set_enabled(it.enabled)
                    .build()
            }))
            .set_credit_specification(self.credit_specification.as_ref().map(|it| {
                let credits = it.cpu_credits.clone().unwrap_or_default();
                ec2_types::CreditSpecificationRequest::builder().cpu_credits(credits).build()
            }))
            .set_ebs_optimized(self.ebs_optimized)
            .set_disable_api_stop(self.disable_api_stop)
            .set_disable_api_termination(self.disable_api_termination)
            .set_instance_initiated_shutdown_behavior(
                self.instance_initiated_shutdown_behavior.as_deref().map(Into::into),
            )
            .set_tag_specifications(all(&self.tag_specifications, TagSpecification::to_request))
            .build()
    }

    /// The arguments of a version, with only those optional block fields that the configuration
    /// sets.
    fn answered(&self, version: &ec2_types::LaunchTemplateVersion) -> Self {
        let empty = ec2_types::ResponseLaunchTemplateData::builder().build();
        let data = version.launch_template_data().unwrap_or(&empty);
        let texts = |it: &[String]| (!it.is_empty()).then(|| it.iter().cloned().collect());
        let (user_data, user_data_text) =
            user_data::answered(data.user_data(), self.user_data.as_deref());
        let profile = data.iam_instance_profile().map(ProfileBlock::answered);
        let credits = data
            .credit_specification()
            .map(|it| CreditSpecification { cpu_credits: it.cpu_credits.clone() });
        Self {
            name: self.name.clone(),
            description: version
                .version_description()
                .filter(|it| !it.is_empty())
                .map(str::to_owned),
            image_id: data.image_id().map(str::to_owned),
            instance_type: data.instance_type().map(|it| it.as_str().to_owned()),
            key_name: data.key_name().map(str::to_owned),
            user_data_text,
            user_data,
            vpc_security_group_ids: texts(data.security_group_ids()),
            security_group_names: texts(data.security_groups()),
            iam_instance_profile: as_configured(self.iam_instance_profile.as_ref(), profile),
            metadata_options: as_configured(
                self.metadata_options.as_ref(),
                data.metadata_options().map(MetadataOptions::answered),
            ),
            block_device_mappings: as_configured(
                self.block_device_mappings.as_ref(),
                some(data.block_device_mappings(), BlockDevice::answered),
            ),
            network_interfaces: as_configured(
                self.network_interfaces.as_ref(),
                some(data.network_interfaces(), NetworkInterface::answered),
            ),
            placement: as_configured(
                self.placement.as_ref(),
                data.placement().map(PlacementBlock::answered),
            ),
            monitoring: as_configured(
                self.monitoring.as_ref(),
                data.monitoring().map(|it| MonitoringBlock { enabled: it.enabled }),
            ),
            credit_specification: as_configured(self.credit_specification.as_ref(), credits),
            ebs_optimized: data.ebs_optimized(),
            disable_api_stop: data.disable_api_stop(),
            disable_api_termination: data.disable_api_termination(),
            instance_initiated_shutdown_behavior: data
                .instance_initiated_shutdown_behavior()
                .map(|it| it.as_str().to_owned()),
            tag_specifications: some(data.tag_specifications(), TagSpecification::answered),
            update_default_version: self.update_default_version,
            tags: self.tags.clone(),
        }
    }

    /// The arguments that belong to a version, in a form that can be compared.
    fn version(&self) -> serde_json::Value {
        let mut fields =
            serde_json::to_value(self).expect("its fields have names that are strings");
        let object = fields.as_object_mut().expect("a struct is an object");
        // An argument that is left out is not compared with the value that EC2 fills in.
        object.retain(|name, it| !OF_THE_WHOLE.contains(&name.as_str()) && !it.is_null());
        if let Some(text) =
            user_data::encoded(self.user_data.as_deref(), self.user_data_text.as_deref())
        {
            object.remove("user_data_text");
            object.insert("user_data".into(), text.into());
        }
        fields
    }
}

impl ListableResource for LaunchTemplate {
    const AT_ONCE: usize = 200;

    async fn list(
        aws: &AwsClients,
        recorded: &[&RecordedResource<Self>],
    ) -> Result<Vec<ResourceReading<Self>>, Error> {
        // DescribeLaunchTemplates has no filter by id, and a call with ids fails as a whole when
        // one of them is deleted.
        let (named, unnamed): (Vec<&&RecordedResource<Self>>, Vec<_>) =
            recorded.iter().partition(|it| !it.arguments.name.is_empty());
        let names = named.iter().map(|it| it.arguments.name.to_string());
        let call =
            aws.ec2.describe_launch_templates().filters(filter("launch-template-name", names));
        let mut pages = call.into_paginator().items().send();
        let mut found = BTreeMap::new();
        while let Some(template) = pages.next().await {
            let template = template.attempting("list launch templates")?;
            found.insert(template.launch_template_id().unwrap_or_default().to_owned(), template);
        }
        // During an import the name may be unknown; then the template is looked up by id.
        for it in unnamed {
            match aws.ec2.describe_launch_templates().launch_template_ids(&it.id).send().await {
                Err(error) if error::is_missing(&error) => {}
                other => {
                    let there =
                        other.attempting(format!("look at the launch template `{}`", it.id))?;
                    found.extend(
                        there
                            .launch_templates
                            .unwrap_or_default()
                            .into_iter()
                            .map(|found| (it.id.clone(), found)),
                    );
                }
            }
        }
        let looks: Vec<_> = recorded.iter().map(|it| seen(aws, it, found.get(&it.id))).collect();
        stream::iter(looks).buffered(8).try_collect().await
    }
}

async fn seen(
    aws: &AwsClients,
    recorded: &RecordedResource<LaunchTemplate>,
    found: Option<&ec2_types::LaunchTemplate>,
) -> Result<ResourceReading<LaunchTemplate>, Error> {
    let Some(found) = found else { return Ok(ResourceReading::Gone) };
    let Some(newest) = newest(aws, &recorded.id).await? else { return Ok(ResourceReading::Gone) };
    let mut there = recorded.arguments.answered(&newest);
    there.name = found.launch_template_name().unwrap_or_default().to_owned().into();
    there.tags = tags::visible(found.tags());
    Ok(ResourceReading::found(there, outputs(aws, found, &recorded.id)))
}

async fn find(aws: &AwsClients, name: &str) -> Result<Option<ec2_types::LaunchTemplate>, Error> {
    let call = aws
        .ec2
        .describe_launch_templates()
        .filters(filter("launch-template-name", [name.to_owned()]));
    let found = call.send().await.attempting(format!("look at the launch template `{name}`"))?;
    Ok(found.launch_templates.unwrap_or_default().into_iter().next())
}

async fn newest(
    aws: &AwsClients,
    id: &str,
) -> Result<Option<ec2_types::LaunchTemplateVersion>, Error> {
    match aws
        .ec2
        .describe_launch_template_versions()
        .launch_template_id(id)
        .versions("$Latest")
        .send()
        .await
    {
        Err(error) if error::is_missing(&error) => Ok(None),
        other => {
            let found = other
                .attempting(format!("look at the newest version of the launch template `{id}`"))?;
            Ok(found.launch_template_versions.unwrap_or_default().into_iter().next())
        }
    }
}

fn all<T, U>(items: &Option<Vec<T>>, to_request: impl Fn(&T) -> U) -> Option<Vec<U>> {
    items.as_ref().map(|it| it.iter().map(to_request).collect())
}

fn some<T, U>(items: &[T], answered: impl Fn(&T) -> U) -> Option<Vec<U>> {
    (!items.is_empty()).then(|| items.iter().map(answered).collect())
}

fn outputs(aws: &AwsClients, found: &ec2_types::LaunchTemplate, id: &str) -> LaunchTemplateOutputs {
    // EC2 describes a template without its owner, which is always the caller's account.
    let owner = aws.account().unwrap_or_default();
    LaunchTemplateOutputs {
        arn: ec2::arn(aws, owner, "launch-template", id),
        latest_version: found.latest_version_number().unwrap_or(1).into(),
        default_version: found.default_version_number().unwrap_or(1).into(),
    }
}
