//! Arguments of Terraform's `aws_autoscaling_group` that are not supported, and what to write
//! instead.

use ha_provider::UnsupportedNames;

pub(super) const UNSUPPORTED: &[UnsupportedNames] = &[
    UnsupportedNames::new(
        &["launch_configuration"],
        "write `launch_template { … }` with the `id` of an `aws_launch_template`; AWS accepts no new launch configurations",
    ),
    UnsupportedNames::new(
        &["instance_refresh"],
        "leave it out: an instance refresh is not supported yet; see `ha schema aws_autoscaling_group`",
    ),
    UnsupportedNames::new(
        &["name_prefix"],
        "write the whole name: `name = \"PREFIX-${random_id.NAME.hex}\"`, with a `random_id`, which is generated once and stored",
    ),
    UnsupportedNames::new(
        &["tags"],
        "write a block `tag` for each, with `key`, `value` and `propagate_at_launch`",
    ),
    UnsupportedNames::new(
        &["mixed_instances_policy"],
        "leave it out, and write `launch_template { … }`: a group launches instances from one template",
    ),
    UnsupportedNames::new(&["load_balancers", "traffic_source"], "write `target_group_arns = […]`"),
    UnsupportedNames::new(
        &["min_elb_capacity", "wait_for_elb_capacity"],
        "leave it out: `wait_for_capacity_timeout` sets how long to wait for instances",
    ),
    UnsupportedNames::new(
        &["initial_lifecycle_hook", "warm_pool", "enabled_metrics", "metrics_granularity"],
        "leave it out: it is not supported yet, and a setting made outside of `ha` stays as it is",
    ),
    UnsupportedNames::new(
        &[
            "ignore_failed_scaling_activities",
            "force_delete_warm_pool",
            "context",
            "desired_capacity_type",
            "availability_zone_distribution",
        ],
        "leave it out",
    ),
];
