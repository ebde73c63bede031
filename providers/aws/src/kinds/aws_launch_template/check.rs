//! Checks of a launch template's arguments while planning: EC2 accepts most mistakes, and then
//! every launch fails.

use std::collections::BTreeSet;

use ha_provider::{ArgumentProblem, MaybeUnknown, ResourceHooks};
use ha_value::Path;
use serde::Deserialize;

use super::blocks::{
    BlockDevice, CreditSpecification, EbsBlock, MetadataOptions, NetworkInterface, PlacementBlock,
    ProfileBlock, TagSpecification,
};
use super::user_data;
use crate::forms::{self, Form};
use crate::{choices, ec2, tags};

/// The hooks with all checks.
pub(super) fn all(hooks: ResourceHooks) -> ResourceHooks {
    let hooks =
        hooks.check(tags::check).check(user_data::check).check(named).check(disks).check(profile);
    hooks
        .check(metadata)
        .check(words)
        .check(placed)
        .check(reached)
        .check(described)
        .check(forms::check(&FORMS))
}

static FORMS: [(&str, Form); 8] = [
    ("image_id", forms::IMAGE),
    ("instance_type", forms::MACHINE),
    ("vpc_security_group_ids", forms::SECURITY_GROUP),
    ("network_interfaces.security_groups", forms::SECURITY_GROUP),
    ("network_interfaces.subnet_id", forms::SUBNET),
    ("network_interfaces.network_interface_id", forms::INTERFACE),
    ("block_device_mappings.ebs.snapshot_id", forms::SNAPSHOT),
    ("iam_instance_profile.arn", forms::PROFILE),
];

#[derive(Deserialize)]
struct DescriptionArguments {
    description: Option<String>,
}

fn described(it: DescriptionArguments) -> Vec<ArgumentProblem> {
    let long = it.description.filter(|it| it.chars().count() > 255);
    let problem = |_| {
        problem(
            Path::attribute("description"),
            "a version's description has at most 255 characters",
        )
    };
    long.map(problem).into_iter().collect()
}

fn problem(path: Path, message: impl Into<String>) -> ArgumentProblem {
    ArgumentProblem { path, message: message.into() }
}

#[derive(Deserialize)]
struct TemplateNameArguments {
    name: String,
}

fn named(TemplateNameArguments { name }: TemplateNameArguments) -> Vec<ArgumentProblem> {
    let odd = name.chars().find(|it| !(it.is_ascii_alphanumeric() || "().-/_".contains(*it)));
    let message = match odd {
        Some(odd) => format!(
            "a launch template's name is made of letters, digits and `().-/_`, and `{name}` holds `{odd}`"
        ),
        None if !(3..=128).contains(&name.len()) => {
            format!("a launch template's name has 3 to 128 characters, not {}", name.len())
        }
        None => return Vec::new(),
    };
    vec![problem(Path::attribute("name"), message)]
}

#[derive(Deserialize)]
struct DiskArguments {
    block_device_mappings: Option<Vec<BlockDevice>>,
}

fn disks(it: DiskArguments) -> Vec<ArgumentProblem> {
    let each = |(index, disk): (usize, &BlockDevice)| {
        let at = Path::attribute("block_device_mappings").index(index);
        let several = [disk.ebs.is_some(), disk.no_device.is_some(), disk.virtual_name.is_some()];
        if several.into_iter().filter(|it| *it).count() > 1 {
            return vec![problem(at, "a disk is one of `ebs`, `virtual_name` and `no_device`")];
        }
        disk.ebs.as_ref().map(|it| volume(&at.name("ebs"), it)).unwrap_or_default()
    };
    it.block_device_mappings.iter().flatten().enumerate().flat_map(each).collect()
}

const VOLUMES: [&str; 7] = ["gp3", "gp2", "io1", "io2", "st1", "sc1", "standard"];

fn volume(at: &Path, ebs: &EbsBlock) -> Vec<ArgumentProblem> {
    // Without a type the volume has the type of the image's disk, or gp2.
    let Some(ty) = ebs.volume_type.as_deref() else { return encrypted(at, ebs) };
    if let Some(problem) = choices::problem(at.name("volume_type"), Some(ty), &VOLUMES) {
        return vec![problem];
    }
    let mut problems = encrypted(at, ebs);
    let (least, most) = match ty {
        "gp2" => (1, 16384),
        "gp3" => (1, 65536),
        "io1" => (4, 16384),
        "io2" => (4, 65536),
        "st1" | "sc1" => (125, 16384),
        _ => (1, 1024),
    };
    if let Some(size) = ebs.volume_size.filter(|it| !(least..=most).contains(it)) {
        problems.push(problem(
            at.name("volume_size"),
            format!("a disk of type {ty} has {least} to {most} GiB, not {size}"),
        ));
    }
    let operations = match ty {
        "gp3" => Some((3000, 80_000)),
        "io1" => Some((100, 64_000)),
        "io2" => Some((100, 256_000)),
        _ => None,
    };
    match (ebs.iops, operations) {
        (None, Some(_)) if ty != "gp3" => {
            problems.push(problem(at.name("iops"), format!("a disk of type {ty} needs `iops`")))
        }
        (Some(iops), Some((least, most))) if !(least..=most).contains(&iops) => {
            problems.push(problem(
                at.name("iops"),
                format!("a disk of type {ty} has {least} to {most} iops, not {iops}"),
            ));
        }
        _ => problems.extend(
            ec2::too_many_iops(ty, ebs.volume_size, ebs.iops)
                .map(|it| problem(at.name("iops"), it)),
        ),
    }
    let throughput = ebs.throughput.map(|it| match ty {
        "gp3" if !(125..=2000).contains(&it) => {
            Some(format!("a disk of gp3 moves 125 to 2000 MiB a second, not {it}"))
        }
        "gp3" if it > ebs.iops.unwrap_or(3000) / 4 => {
            Some(format!("{it} MiB a second need {} iops or more", it * 4))
        }
        "gp3" => None,
        _ => Some(format!("throughput is for gp3, not {ty}")),
    });
    problems.extend(throughput.flatten().map(|it| problem(at.name("throughput"), it)));
    problems
}

fn encrypted(at: &Path, ebs: &EbsBlock) -> Vec<ArgumentProblem> {
    match (&ebs.kms_key_id, ebs.encrypted) {
        (Some(_), Some(false)) => {
            vec![problem(at.name("kms_key_id"), "a key needs `encrypted = true`")]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct ProfileArguments {
    iam_instance_profile: Option<ProfileBlock>,
}

fn profile(it: ProfileArguments) -> Vec<ArgumentProblem> {
    match it.iam_instance_profile {
        Some(ProfileBlock { arn: Some(_), name: Some(_) }) => {
            vec![problem(
                Path::attribute("iam_instance_profile"),
                "a profile is named by `name` or by `arn`, not both",
            )]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct MetadataArguments {
    metadata_options: Option<MetadataOptions>,
}

fn metadata(it: MetadataArguments) -> Vec<ArgumentProblem> {
    let Some(it) = it.metadata_options else { return Vec::new() };
    let at = |name: &str| Path::attribute("metadata_options").name(name);
    let switches = [
        ("http_endpoint", &it.http_endpoint),
        ("http_protocol_ipv6", &it.http_protocol_ipv6),
        ("instance_metadata_tags", &it.instance_metadata_tags),
    ];
    let switched = switches.into_iter();
    let mut problems: Vec<ArgumentProblem> = switched
        .filter_map(|(name, said)| {
            choices::problem(at(name), said.as_deref(), &["enabled", "disabled"])
        })
        .collect();
    problems.extend(choices::problem(
        at("http_tokens"),
        it.http_tokens.as_deref(),
        &["required", "optional"],
    ));
    if let Some(hops) = it.http_put_response_hop_limit.filter(|it| !(1..=64).contains(it)) {
        problems.push(problem(
            at("http_put_response_hop_limit"),
            format!("the hop limit is 1 to 64, not {hops}"),
        ));
    }
    problems
}

#[derive(Deserialize)]
struct KeywordArguments {
    credit_specification: Option<CreditSpecification>,
    instance_initiated_shutdown_behavior: Option<String>,
    tag_specifications: Option<Vec<TagSpecification>>,
}

const TAGGED: [&str; 4] = ["instance", "volume", "network-interface", "spot-instances-request"];

fn words(it: KeywordArguments) -> Vec<ArgumentProblem> {
    let credits = it.credit_specification.and_then(|it| it.cpu_credits);
    let said = [
        (
            Path::attribute("credit_specification").name("cpu_credits"),
            credits,
            ["standard", "unlimited"],
        ),
        (
            Path::attribute("instance_initiated_shutdown_behavior"),
            it.instance_initiated_shutdown_behavior,
            ["stop", "terminate"],
        ),
    ];
    let mut problems: Vec<ArgumentProblem> = said
        .into_iter()
        .filter_map(|(at, said, known)| choices::problem(at, said.as_deref(), &known))
        .collect();
    let mut labelled = BTreeSet::new();
    for (index, labels) in it.tag_specifications.iter().flatten().enumerate() {
        let at = Path::attribute("tag_specifications").index(index).name("resource_type");
        let ty = labels.resource_type.as_str();
        if !labelled.insert(ty) {
            problems
                .push(problem(at, format!("the tags of `{ty}` are set in one block, not in two")));
        } else {
            problems.extend(choices::problem(at, Some(ty), &TAGGED));
        }
    }
    problems
}

#[derive(Deserialize)]
struct PlacementArguments {
    placement: Option<PlacementBlock>,
}

fn placed(it: PlacementArguments) -> Vec<ArgumentProblem> {
    let Some(it) = it.placement else { return Vec::new() };
    let at = |name: &str| Path::attribute("placement").name(name);
    let known = ["default", "dedicated", "host"];
    if let Some(problem) = choices::problem(at("tenancy"), it.tenancy.as_deref(), &known) {
        return vec![problem];
    }
    match (it.host_id, it.tenancy.as_deref()) {
        (Some(_), Some("default" | "dedicated")) => {
            vec![problem(at("host_id"), "a host needs `tenancy = \"host\"`")]
        }
        _ => Vec::new(),
    }
}

#[derive(Deserialize)]
struct SecurityGroupArguments {
    vpc_security_group_ids: Option<MaybeUnknown<BTreeSet<String>>>,
    security_group_names: Option<MaybeUnknown<BTreeSet<String>>>,
    network_interfaces: Option<MaybeUnknown<Vec<NetworkInterface>>>,
}

fn reached(it: SecurityGroupArguments) -> Vec<ArgumentProblem> {
    let some =
        |it: &Option<MaybeUnknown<BTreeSet<String>>>| it.as_ref().is_some_and(|it| !is_empty(it));
    let at = match (some(&it.vpc_security_group_ids), some(&it.security_group_names)) {
        (true, true) => {
            let message = "security groups are named by `vpc_security_group_ids` or by `security_group_names`, not both";
            return vec![problem(Path::attribute("security_group_names"), message)];
        }
        (true, false) => "vpc_security_group_ids",
        (false, true) => "security_group_names",
        (false, false) => return Vec::new(),
    };
    match it.network_interfaces {
        Some(MaybeUnknown::Known(interfaces)) if !interfaces.is_empty() => {
            let message = "with `network_interfaces` the groups are those of each interface: set `security_groups` there";
            vec![problem(Path::attribute(at), message)]
        }
        _ => Vec::new(),
    }
}

fn is_empty(it: &MaybeUnknown<BTreeSet<String>>) -> bool {
    matches!(it, MaybeUnknown::Known(names) if names.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// The problems of a template with these arguments, all of which are known.
    fn judged(arguments: Json) -> Vec<String> {
        fn found<N: serde::de::DeserializeOwned>(
            arguments: &Json,
            check: fn(N) -> Vec<ArgumentProblem>,
        ) -> Vec<String> {
            let named = serde_json::from_value(arguments.clone())
                .expect("the arguments are of their types");
            check(named).into_iter().map(|it| it.message).collect()
        }
        let mut all = found(&arguments, disks);
        all.extend(found(&arguments, metadata));
        all.extend(found(&arguments, words));
        all.extend(found(&arguments, placed));
        all.extend(found(&arguments, reached));
        all
    }

    #[test]
    fn accepts_templates_that_launch() {
        let disk = |ebs: Json| json!({"block_device_mappings": [{"device_name": "/dev/sda1", "ebs": ebs}]});
        for arguments in [
            disk(
                json!({"volume_type": "gp3", "volume_size": 100, "iops": 4000, "throughput": 1000}),
            ),
            disk(
                json!({"volume_type": "io2", "volume_size": 100, "iops": 50_000, "encrypted": true, "kms_key_id": "k"}),
            ),
            disk(json!({"volume_size": 8})),
            json!({"metadata_options": {"http_tokens": "required", "http_put_response_hop_limit": 2}}),
            json!({"vpc_security_group_ids": ["sg-1"]}),
            json!({"network_interfaces": [{"device_index": 0, "security_groups": ["sg-1"]}], "vpc_security_group_ids": []}),
            json!({"placement": {"tenancy": "host", "host_id": "h-1"}}),
        ] {
            assert_eq!(judged(arguments.clone()), Vec::<String>::new(), "{arguments}");
        }
    }

    #[test]
    fn refuses_templates_that_never_launch() {
        let disk = |ebs: Json| json!({"block_device_mappings": [{"device_name": "/dev/sda1", "ebs": ebs}]});
        for arguments in [
            disk(json!({"volume_type": "gp4"})),
            disk(json!({"volume_type": "io1", "volume_size": 100})),
            disk(json!({"volume_type": "io2", "volume_size": 100})),
            disk(json!({"volume_type": "io1", "volume_size": 10, "iops": 501})),
            disk(json!({"volume_type": "gp2", "volume_size": 10, "iops": 300})),
            disk(json!({"volume_type": "gp3", "volume_size": 10, "iops": 2999})),
            disk(json!({"volume_type": "gp3", "volume_size": 10, "throughput": 751})),
            disk(json!({"volume_type": "gp2", "volume_size": 10, "throughput": 125})),
            disk(json!({"volume_type": "st1", "volume_size": 124})),
            disk(json!({"encrypted": false, "kms_key_id": "k"})),
            json!({"block_device_mappings": [{"device_name": "/dev/sdb", "virtual_name": "ephemeral0", "ebs": {"volume_size": 1}}]}),
            json!({"metadata_options": {"http_tokens": "yes"}}),
            json!({"metadata_options": {"http_put_response_hop_limit": 65}}),
            json!({"credit_specification": {"cpu_credits": "none"}}),
            json!({"instance_initiated_shutdown_behavior": "hibernate"}),
            json!({"tag_specifications": [{"resource_type": "launch-template", "tags": {}}]}),
            json!({"tag_specifications": [{"resource_type": "volume", "tags": {}}, {"resource_type": "volume", "tags": {}}]}),
            json!({"placement": {"tenancy": "dedicated", "host_id": "h-1"}}),
            json!({"vpc_security_group_ids": ["sg-1"], "security_group_names": ["a"]}),
            json!({"vpc_security_group_ids": ["sg-1"], "network_interfaces": [{"device_index": 0}]}),
        ] {
            assert_eq!(judged(arguments.clone()).len(), 1, "{arguments}");
        }
    }
}
