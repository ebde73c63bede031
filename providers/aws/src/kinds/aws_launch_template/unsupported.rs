//! Arguments of Terraform's `aws_launch_template` that are not supported, and what to write
//! instead.

use ha_provider::UnsupportedNames;

pub(super) const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    ),
    UnsupportedNames::new(
        &["user_data_base64"],
        "write `user_data = …`, which takes Base64, or `user_data_text = …` for the text itself",
    ),
    UnsupportedNames::new(
        &["user_data_replace_on_change"],
        "leave it out: a changed text is a new version of the template",
    ),
    UnsupportedNames::new(
        &["associate_public_ip_address", "subnet_id", "private_ip"],
        "write it inside of `network_interfaces { … }`",
    ),
    UnsupportedNames::new(&["ami"], "write `image_id = …`"),
    UnsupportedNames::new(&["security_groups"], "write `vpc_security_group_ids = […]`"),
    UnsupportedNames::new(
        &["ebs_block_device", "root_block_device"],
        "write `block_device_mappings { … }`",
    ),
    UnsupportedNames::new(
        &["default_version"],
        "leave it out: `update_default_version = true` makes each new version the default",
    ),
    UnsupportedNames::new(
        &[
            "instance_market_options",
            "instance_requirements",
            "capacity_reservation_specification",
            "cpu_options",
            "elastic_gpu_specifications",
            "elastic_inference_accelerator",
            "enclave_options",
            "hibernation_options",
            "kernel_id",
            "license_specification",
            "maintenance_options",
            "private_dns_name_options",
            "ram_disk_id",
        ],
        "leave it out: it is not supported yet",
    ),
];
