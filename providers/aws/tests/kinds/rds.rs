//! DB instances.

use ha_provider::{CallOutcome, RecordedValue};
use ha_value::Action;
use serde_json::{Value as Json, json};

use crate::kill::{create_under_kills, create_with_a_lost_answer, update_under_kills};
use crate::world::{Journal, World, attempt, name, text, token, try_of};

const INSTANCE: &str = "aws_db_instance";

/// An instance of an engine that the emulator runs no server for.
fn instance() -> Json {
    json!({
        "identifier": name("database"), "engine": "mysql", "engine_version": "8.0", "instance_class": "db.m5.large",
        "allocated_storage": 20, "max_allocated_storage": 100, "storage_type": "gp2", "storage_encrypted": true,
        "username": "circle", "password": "correct-horse-battery", "db_name": "circle", "port": 3307,
        "multi_az": true, "backup_retention_period": 7, "backup_window": "02:00-03:00",
        "maintenance_window": "Sun:04:00-Sun:05:00", "skip_final_snapshot": true, "copy_tags_to_snapshot": true,
        "apply_immediately": true, "tags": {"owner": "ci"},
    })
}

#[tokio::test]
async fn creates_updates_and_deletes_a_database() {
    let world = World::new().await;
    let mut wanted = instance();
    let made = world.create(INSTANCE, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "status"), "available");
    assert!(text(&made.outputs, "endpoint").ends_with(":3307"));
    let error = world.try_create(INSTANCE, &wanted, &mut attempt(INSTANCE)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);

    wanted["instance_class"] = json!("db.m5.xlarge");
    wanted["allocated_storage"] = json!(40);
    wanted["backup_retention_period"] = json!(14);
    wanted["backup_window"] = json!("01:00-02:00");
    wanted["password"] = json!("another-horse-battery");
    wanted["deletion_protection"] = json!(true);
    wanted["tags"] = json!({"cost": "7"});
    let made = world.update(INSTANCE, &made, wanted.clone()).await;

    // Arguments for the deletion only: RDS would refuse a call that changes nothing.
    wanted["skip_final_snapshot"] = json!(false);
    wanted["final_snapshot_identifier"] = json!(name("last"));
    wanted["delete_automated_backups"] = json!(false);
    let made = world.update(INSTANCE, &made, wanted.clone()).await;

    let driver = world.drivers.resource(INSTANCE).unwrap().clone();
    let error = driver.delete(&world.client, &made, &mut attempt(INSTANCE)).await.unwrap_err();
    assert!(
        error.help[0].contains("deletion_protection = false")
            && error.help[0].contains("aws_db_instance.test"),
        "{error:?}"
    );
    assert_eq!(error.outcome, CallOutcome::Refused);
    wanted["deletion_protection"] = json!(false);
    let made = world.update(INSTANCE, &made, wanted).await;
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn refuses_to_plan_the_deletion_of_a_protected_database() {
    let world = World::new().await;
    let mut wanted = instance();
    wanted["deletion_protection"] = json!(true);
    let made = world.create(INSTANCE, wanted.clone()).await;
    let refused = world.objections_to_deletion(&[(INSTANCE, &made)]).await;
    assert!(refused.len() == 1 && refused[0].contains("apply that first"), "{refused:?}");
    // A replacement that turns the protection off has nothing that turns it off before.
    wanted["deletion_protection"] = json!(false);
    let replaced = (INSTANCE, Action::DeleteThenCreate, &made, Some(wanted.clone()));
    let refused = world.objections(&[replaced]).await;
    assert!(refused.len() == 1 && refused[0].contains("alone first"), "{refused:?}");
    let made = world.update(INSTANCE, &made, wanted).await;
    assert_eq!(world.objections_to_deletion(&[(INSTANCE, &made)]).await, Vec::<String>::new());
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn refuses_to_plan_a_final_snapshot_whose_name_is_taken() {
    let world = World::new().await;
    let snapshot = name("last");
    let mut wanted = instance();
    wanted["skip_final_snapshot"] = json!(false);
    wanted["final_snapshot_identifier"] = json!(snapshot);
    let made = world.create(INSTANCE, wanted.clone()).await;
    assert_eq!(world.objections_to_deletion(&[(INSTANCE, &made)]).await, Vec::<String>::new());
    wanted["identifier"] = json!(name("database"));
    let other = world.create(INSTANCE, wanted).await;
    let both = [(INSTANCE, &made), (INSTANCE, &other)];
    let refused = world.objections_to_deletion(&both).await;
    assert!(refused.len() == 1 && refused[0].contains(&made.id), "{refused:?}");
    world.remove(INSTANCE, &made).await;
    let refused = world.objections_to_deletion(&[(INSTANCE, &other)]).await;
    assert!(
        refused.len() == 1 && refused[0].contains(&format!("a snapshot `{snapshot}` already")),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_database_is_renamed_in_place() {
    let world = World::new().await;
    let mut wanted = instance();
    let made = world.create(INSTANCE, wanted.clone()).await;
    wanted["identifier"] = json!(name("renamed"));
    wanted["backup_retention_period"] = json!(9);
    let renamed = world.try_update(INSTANCE, &made, &wanted, &mut attempt(INSTANCE)).await.unwrap();
    assert_eq!(renamed.outputs["id"].as_str(), wanted["identifier"].as_str());
    assert_eq!(
        text(&renamed.outputs, "resource_id"),
        text(&made.outputs, "resource_id"),
        "it is the same database"
    );
    // After a kill between rename and result, the state has the old name and still finds the
    // instance.
    let (there, _) = world.found(INSTANCE, &made).await;
    assert_eq!(world.differences(INSTANCE, &wanted, &there.arguments), Vec::<String>::new());
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn a_small_growth_is_as_large_as_rds_makes_it() {
    let world = World::new().await;
    let mut wanted = instance();
    wanted["allocated_storage"] = json!(40);
    let made = world.create(INSTANCE, wanted.clone()).await;
    wanted["allocated_storage"] = json!(42);
    let made = world.update(INSTANCE, &made, wanted).await;
    assert_eq!(made.arguments["allocated_storage"], ha_value::Value::from(44));
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn a_change_that_waits_for_the_window_is_no_difference() {
    let world = World::new().await;
    let mut wanted = instance();
    wanted["apply_immediately"] = json!(false);
    let made = world.create(INSTANCE, wanted.clone()).await;
    wanted["instance_class"] = json!("db.m5.xlarge");
    let made = world.update(INSTANCE, &made, wanted.clone()).await;
    let (_, remarks) = world.found(INSTANCE, &made).await;
    assert!(
        remarks.iter().any(|it| it.contains("instance_class") || it.contains("class")),
        "{remarks:?}"
    );
    // A change at once applies the waiting one too.
    wanted["apply_immediately"] = json!(true);
    wanted["backup_retention_period"] = json!(9);
    let made = world.update(INSTANCE, &made, wanted).await;
    assert!(world.found(INSTANCE, &made).await.1.is_empty());
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn a_database_that_is_not_ready_in_time_is_resumed() {
    let (world, wanted) = (World::new().await, instance());
    let (token, journal) = (token(), std::sync::Arc::default());
    let mut hurried =
        try_of(INSTANCE, &token, false, &journal).within(Some(std::time::Duration::ZERO));
    let error = world.try_create(INSTANCE, &wanted, &mut hurried).await.unwrap_err();
    assert!(hurried.is_late() && error.outcome == ha_provider::CallOutcome::Interrupted, "{error}");
    let hour = Some(std::time::Duration::from_hours(1));
    let mut again = try_of(INSTANCE, &token, true, &journal).within(hour);
    let made = world.try_create(INSTANCE, &wanted, &mut again).await.unwrap();
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn creates_updates_and_deletes_a_real_database() {
    let world = World::new().await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut wanted = instance();
    wanted["engine"] = json!("postgres");
    wanted["engine_version"] = json!("15");
    wanted["port"] = json!(port);
    let made = world.create(INSTANCE, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "address"), "127.0.0.1");
    assert_eq!(text(&made.arguments, "engine_version"), "15");
    assert!(text(&made.outputs, "engine_version_actual").starts_with("15."));
    wanted["password"] = json!("another-horse-battery");
    let made = world.update(INSTANCE, &made, wanted).await;
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn creates_a_database_once_under_kills() {
    for (world, _, made) in create_under_kills(INSTANCE, instance).await {
        world.remove(INSTANCE, &made).await;
    }
}

#[tokio::test]
async fn a_change_survives_kills() {
    let world = World::new().await;
    let changed = |before: &RecordedValue| {
        let mut wanted = instance();
        wanted["identifier"] = json!(before.id);
        wanted["instance_class"] = json!("db.m5.xlarge");
        wanted["tags"] = json!({"cost": "7"});
        wanted
    };
    let afresh = async || world.create(INSTANCE, instance()).await;
    update_under_kills(INSTANCE, changed, afresh, async |world, made| {
        world.remove(INSTANCE, &made).await;
    })
    .await;
}

#[tokio::test]
async fn a_foreign_database_is_not_adopted_after_a_kill() {
    let world = World::new().await;
    let wanted = instance();
    // A kill before the first call; then someone else creates an instance with the name.
    let (token, journal) = (token(), std::sync::Arc::new(Journal::default()));
    let theirs = world.create(INSTANCE, wanted.clone()).await;
    let error = world
        .try_create(INSTANCE, &wanted, &mut try_of(INSTANCE, &token, true, &journal))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    world.delete(INSTANCE, &theirs).await;
}

#[tokio::test]
async fn a_lost_answer_is_not_a_second_database() {
    let (world, made) = create_with_a_lost_answer(INSTANCE, &instance()).await;
    world.delete(INSTANCE, &made).await;
}

#[tokio::test]
async fn creates_updates_and_deletes_a_subnet_group() {
    let kind = "aws_db_subnet_group";
    let world = World::new().await;
    let (network, subnets) = (world.network().await, world.subnets().await);
    let group =
        || json!({"name": name("group"), "subnet_ids": subnets[..2], "tags": {"owner": "ci"}});
    let wanted = group();
    let made = world.create(kind, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "vpc_id"), network);
    let error = world.try_create(kind, &wanted, &mut attempt(kind)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let changed = json!({"name": wanted["name"], "subnet_ids": subnets, "description": "all", "tags": {"cost": "7"}});
    let made = world.update(kind, &made, changed).await;
    let named = json!({"name": wanted["name"], "subnet_ids": subnets, "description": "all"});
    let made = world.update(kind, &made, named).await;

    let mut within = instance();
    within["db_subnet_group_name"] = json!(made.id);
    let database = world.create(INSTANCE, within).await;
    world.delete(INSTANCE, &database).await;
    world.delete(kind, &made).await;
    for (world, _, made) in create_under_kills(kind, group).await {
        world.remove(kind, &made).await;
    }
    assert_eq!(
        world.problems(kind, &json!({"name": "Default", "subnet_ids": ["subnet-1"]})).len(),
        2
    );
}

#[tokio::test]
async fn creates_updates_and_deletes_a_parameter_group() {
    let kind = "aws_db_parameter_group";
    let world = World::new().await;
    let group = || {
        json!({
            "name": name("group"), "family": "mysql8.0", "tags": {"owner": "ci"},
            "parameter": [
                {"name": "max_connections", "value": "100"},
                {"name": "innodb_log_file_size", "value": "134217728", "apply_method": "pending-reboot"},
            ],
        })
    };
    let wanted = group();
    let made = world.create(kind, wanted.clone()).await;
    let error = world.try_create(kind, &wanted, &mut attempt(kind)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let mut changed = wanted;
    changed["parameter"][0]["value"] = json!("200");
    changed["tags"] = json!({});
    let made = world.update(kind, &made, changed).await;

    let mut within = instance();
    within["parameter_group_name"] = json!(made.id);
    let database = world.create(INSTANCE, within).await;
    world.delete(INSTANCE, &database).await;
    world.delete(kind, &made).await;
    for (world, _, made) in create_under_kills(kind, group).await {
        world.remove(kind, &made).await;
    }
    let twice = json!({"name": "g", "family": "mysql8.0", "parameter": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]});
    assert_eq!(world.problems(kind, &twice).len(), 1);
}
