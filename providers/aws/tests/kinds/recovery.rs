//! Things of which no record is left.

use ha_provider::{DiscoveryResult, DiscoveryTarget, RecordedValue};
use ha_value::{Address, Object, Type, Value};
use serde_json::{Value as Json, json};

use crate::ec2::template;
use crate::world::{Journal, World, name, object, text, token};

/// Makes one for an instance in a state.
async fn made(
    world: &World,
    kind: &str,
    arguments: &Json,
    address: &Address,
    state: &str,
) -> RecordedValue {
    let journal = std::sync::Arc::new(Journal::default());
    let attempt = ha_provider::Attempt::new(
        address.clone(),
        token(),
        false,
        journal.notes(),
        journal.clone(),
    );
    let made = world.try_create(kind, arguments, &mut attempt.in_state(state)).await;
    made.unwrap_or_else(|it| panic!("{kind}: {it}"))
}

async fn find(
    world: &World,
    kind: &str,
    address: &Address,
    arguments: Object,
    state: Option<&str>,
) -> DiscoveryResult {
    let target = [DiscoveryTarget { address: address.clone(), arguments }];
    let found = world
        .drivers
        .resource(kind)
        .expect("the kind is registered")
        .find(&world.client, &target, state)
        .await;
    found.unwrap_or_else(|it| panic!("{kind}: {it}")).remove(0)
}

/// These arguments, with one of them not known yet.
fn without(arguments: &Json, unknown: &str) -> Object {
    let mut arguments = object(arguments);
    arguments.insert(unknown.into(), Value::unknown(Type::String, None));
    arguments
}

fn id(search: &DiscoveryResult) -> &str {
    match search {
        DiscoveryResult::Found(found) => &found.imported.recorded.id,
        other => panic!("it was not found: {other:?}"),
    }
}

#[tokio::test]
async fn what_has_no_name_that_is_known_is_found_by_what_was_written_on_it() {
    let world = World::new().await;
    let network = world.network().await;
    let (mine, theirs) = (token(), token());
    let address =
        |kind: &str| -> Address { format!("module.m[0].{kind}.a[\"x y\"]").parse().unwrap() };
    let of = |kind: &str| match kind {
        "aws_security_group" => (json!({"name": name("group"), "vpc_id": network}), "vpc_id"),
        "aws_launch_template" => (template("#!/bin/sh\n"), "user_data_text"),
        _ => (json!({"bucket": name("bucket"), "force_destroy": true}), "bucket"),
    };
    for kind in ["aws_security_group", "aws_launch_template", "aws_s3_bucket"] {
        let address = address(kind);
        let ((wanted, unknown), (other, _)) = (of(kind), of(kind));
        let one = made(&world, kind, &wanted, &address, &mine).await;
        let two = made(&world, kind, &other, &address, &theirs).await;
        let target = without(&wanted, unknown);
        // Two states have such an instance; only their lineages distinguish them.
        let several = find(&world, kind, &address, target.clone(), None).await;
        assert!(
            matches!(&several, DiscoveryResult::Several(all) if all.len() >= 2),
            "{kind}: {several:?}"
        );
        assert_eq!(id(&find(&world, kind, &address, target.clone(), Some(&mine)).await), one.id);
        assert_eq!(id(&find(&world, kind, &address, target, Some(&theirs)).await), two.id);
        // What no one configures any more is listed, and what it has is read back.
        let listed = world
            .drivers
            .resource(kind)
            .expect("the kind is registered")
            .list_owned(&world.client, &mine)
            .await
            .unwrap();
        let [(found, it)] = listed.as_slice() else { panic!("{kind}: {listed:?}") };
        assert_eq!(
            (found, &it.imported.recorded.id, it.state.as_ref()),
            (&address, &one.id, Some(&mine))
        );
        for it in [one, two] {
            world.remove(kind, &it).await;
        }
    }
}

#[tokio::test]
async fn an_object_whose_key_holds_a_checksum_that_was_lost_is_found_with_its_content() {
    let world = World::new().await;
    let bucket = world
        .create("aws_s3_bucket", json!({"bucket": name("bucket"), "force_destroy": true}))
        .await;
    let kind = "aws_s3_object";
    let address: Address = "aws_s3_object.file[\"settings.conf\"]".parse().unwrap();
    let wanted =
        json!({"bucket": bucket.id, "key": "settings/abc", "content": "{\"passphrase\": \"…\"}"});
    let one = made(&world, kind, &wanted, &address, "lineage").await;
    made(
        &world,
        kind,
        &json!({"bucket": bucket.id, "key": "other", "content": "x"}),
        &"aws_s3_object.o".parse().unwrap(),
        "lineage",
    )
    .await;
    let mut target = without(&wanted, "key");
    target.insert("content".into(), Value::unknown(Type::String, None));
    let found = find(&world, kind, &address, target, None).await;
    assert_eq!(id(&found), one.id);
    let DiscoveryResult::Found(found) = found else { unreachable!("it was just found") };
    assert_eq!(text(&found.imported.recorded.arguments, "content"), "{\"passphrase\": \"…\"}");
    assert_eq!(
        found.imported.recorded.arguments["metadata"],
        Value::Map(Default::default()),
        "ours are not shown"
    );
    assert_eq!(found.state.as_deref(), Some("lineage"));
    world.remove("aws_s3_bucket", &bucket).await;
}

#[tokio::test]
async fn a_deleted_object_is_not_found_and_a_secret_is_not_taken_from_the_configuration() {
    let world = World::new().await;
    let kind = "aws_db_instance";
    let address: Address = "aws_db_instance.pg".parse().unwrap();
    let wanted = json!({
        "identifier": name("db"), "engine": "mysql", "engine_version": "8.0", "instance_class": "db.m5.large",
        "allocated_storage": 20, "username": "master", "password": "correct-horse", "skip_final_snapshot": true,
        "apply_immediately": true,
    });
    let target = object(&wanted);
    assert_eq!(find(&world, kind, &address, target.clone(), None).await, DiscoveryResult::Nothing);
    let one = made(&world, kind, &wanted, &address, "lineage").await;
    let found = find(&world, kind, &address, target, Some("lineage")).await;
    assert_eq!(id(&found), one.id);
    let DiscoveryResult::Found(found) = found else { unreachable!("it was just found") };
    assert_eq!(
        found.imported.recorded.arguments["password"].revealed(),
        Value::from(""),
        "no one says which one it is"
    );
    // The name belongs to another state.
    assert_eq!(
        find(&world, kind, &address, object(&wanted), Some("another")).await,
        DiscoveryResult::Nothing
    );
    world.remove(kind, &one).await;
}
