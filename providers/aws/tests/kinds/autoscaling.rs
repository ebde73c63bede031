//! Auto scaling groups.

use ha_provider::{CallOutcome, RecordedValue};
use serde_json::{Value as Json, json};

use crate::ec2::{TEMPLATE, template};
use crate::kill::{create_under_kills, update_under_kills};
use crate::world::{World, attempt, name, text};

const GROUP: &str = "aws_autoscaling_group";

fn group(template: &RecordedValue, subnets: &[String]) -> Json {
    json!({
        "name": name("group"), "min_size": 1, "max_size": 1, "desired_capacity": 1,
        "launch_template": {"id": template.id, "version": text(&template.outputs, "latest_version")},
        "vpc_zone_identifier": subnets, "health_check_type": "EC2", "health_check_grace_period": 1200,
        "default_instance_warmup": 600, "termination_policies": ["OldestInstance"],
        "tag": [{"key": "Name", "value": "services", "propagate_at_launch": true}],
        "force_delete": true,
    })
}

#[tokio::test]
async fn creates_updates_and_deletes_a_group() {
    let world = World::new().await;
    let first = world.create(TEMPLATE, template("one")).await;
    let subnets = world.subnets().await[..2].to_vec();
    let mut wanted = group(&first, &subnets);
    let made = world.create(GROUP, wanted.clone()).await;
    let error = world.try_create(GROUP, &wanted, &mut attempt(GROUP)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);

    let mut next = template("two");
    next["name"] = json!(text(&first.arguments, "name"));
    let second = world.update(TEMPLATE, &first, next).await;
    wanted["launch_template"]["version"] = json!("2");
    wanted["health_check_grace_period"] = json!(900);
    wanted["tag"] = json!([{"key": "cost", "value": "7", "propagate_at_launch": false}]);
    let made = world.update(GROUP, &made, wanted.clone()).await;
    let (_, remarks) = world.found(GROUP, &made).await;
    assert!(
        remarks.len() == 1 && remarks[0].contains("version 1 of its template; the group is at 2"),
        "{remarks:?}"
    );

    wanted["max_size"] = json!(2);
    wanted["desired_capacity"] = json!(2);
    for gone in ["default_instance_warmup", "termination_policies", "tag"] {
        wanted.as_object_mut().unwrap().remove(gone);
    }
    wanted["suspended_processes"] = json!(["AZRebalance"]);
    wanted["force_delete"] = json!(false);
    let made = world.update(GROUP, &made, wanted.clone()).await;
    assert_eq!(made.arguments.get("default_instance_warmup"), None);
    wanted["suspended_processes"] = json!([]);
    let made = world.update(GROUP, &made, wanted).await;
    world.delete(GROUP, &made).await;
    world.delete(TEMPLATE, &second).await;
}

#[tokio::test]
async fn a_refused_deletion_leaves_a_protected_group_unchanged() {
    let world = World::new().await;
    let first = world.create(TEMPLATE, template("one")).await;
    let subnets = world.subnets().await[..2].to_vec();
    let mut wanted = group(&first, &subnets);
    for (protection, force) in [("prevent-all-deletion", false), ("prevent-force-deletion", true)] {
        wanted["name"] = json!(name("group"));
        wanted["deletion_protection"] = json!(protection);
        wanted["force_delete"] = json!(force);
        let made = world.create(GROUP, wanted.clone()).await;
        let driver = world.drivers.resource(GROUP).unwrap().clone();
        let error = driver.delete(&world.client, &made, &mut attempt(GROUP)).await.unwrap_err();
        assert!(error.to_string().contains(protection), "{error}");
        assert_eq!(error.outcome, CallOutcome::Refused);
        let refused = world.objections_to_deletion(&[(GROUP, &made)]).await;
        assert!(refused.len() == 1 && refused[0].contains(protection), "{refused:?}");
        let (there, _) = world.found(GROUP, &made).await;
        assert_eq!(
            world.differences(GROUP, &wanted, &there.arguments),
            Vec::<String>::new(),
            "it is as it was"
        );
        wanted["deletion_protection"] = json!("none");
        let made = world.update(GROUP, &made, wanted.clone()).await;
        let refused = world.objections_to_deletion(&[(GROUP, &made)]).await;
        assert_eq!(refused, Vec::<String>::new());
        world.delete(GROUP, &made).await;
    }
    world.delete(TEMPLATE, &first).await;
}

#[tokio::test]
async fn a_group_survives_kills() {
    let world = World::new().await;
    let first = world.create(TEMPLATE, template("one")).await;
    let subnets = world.subnets().await[..2].to_vec();
    for (world, _, made) in create_under_kills(GROUP, || group(&first, &subnets)).await {
        world.remove(GROUP, &made).await;
    }
    let changed = |before: &RecordedValue| {
        let mut wanted = group(&first, &subnets);
        wanted["name"] = json!(before.id);
        wanted["max_size"] = json!(2);
        wanted["tag"] = json!([]);
        wanted["suspended_processes"] = json!(["AZRebalance"]);
        wanted
    };
    let afresh = async || world.create(GROUP, group(&first, &subnets)).await;
    update_under_kills(GROUP, changed, afresh, async |world, made| {
        world.remove(GROUP, &made).await;
    })
    .await;
    world.delete(TEMPLATE, &first).await;
}
