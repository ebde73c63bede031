//! Buckets and objects.

use ha_provider::{CallOutcome, ReadingValue};
use ha_value::Value;
use serde_json::{Value as Json, json};

use crate::emulator::{call, call_for};
use crate::kill::{create_under_kills, create_with_a_lost_answer, update_under_kills};
use crate::world::{World, attempt, name, object, text};

const BUCKET: &str = "aws_s3_bucket";
const OBJECT: &str = "aws_s3_object";

fn bucket() -> Json {
    json!({"bucket": name("bucket"), "force_destroy": true, "tags": {"owner": "ci"}})
}

#[tokio::test]
async fn creates_updates_and_deletes_a_bucket() {
    let world = World::new().await;
    let wanted = bucket();
    let made = world.create(BUCKET, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "region"), "eu-west-1");
    let relabelled =
        json!({"bucket": wanted["bucket"], "force_destroy": true, "tags": {"cost": "7"}});
    let made = world.update(BUCKET, &made, relabelled).await;
    let plain = json!({"bucket": wanted["bucket"], "force_destroy": true});
    let made = world.update(BUCKET, &made, plain).await;
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn refuses_to_create_an_existing_bucket() {
    let world = World::new().await;
    let wanted = bucket();
    let made = world.create(BUCKET, wanted.clone()).await;
    let error = world.try_create(BUCKET, &wanted, &mut attempt(BUCKET)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn creates_a_bucket_once_under_kills() {
    for (world, wanted, made) in create_under_kills(BUCKET, bucket).await {
        assert_eq!(Value::from(wanted["bucket"].as_str().unwrap()), made.arguments["bucket"]);
        world.remove(BUCKET, &made).await;
    }
}

#[tokio::test]
async fn creates_updates_and_deletes_settings_of_a_bucket() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let of = |rest: Json| {
        let mut all = rest;
        all["bucket"] = json!(made.id);
        all
    };
    let kind = "aws_s3_bucket_versioning";
    let versioning =
        world.create(kind, of(json!({"versioning_configuration": {"status": "Enabled"}}))).await;
    let versioning = world
        .update(kind, &versioning, of(json!({"versioning_configuration": {"status": "Suspended"}})))
        .await;

    let kind = "aws_s3_bucket_server_side_encryption_configuration";
    let by = |algorithm: &str| json!({"rule": [{"apply_server_side_encryption_by_default": {"sse_algorithm": algorithm}}]});
    let encryption = world.create(kind, of(by("aws:kms"))).await;
    let encryption = world.update(kind, &encryption, of(by("AES256"))).await;

    let kind = "aws_s3_bucket_public_access_block";
    let block = world
        .create(kind, of(json!({"block_public_acls": true, "block_public_policy": true})))
        .await;
    let block = world
        .update(
            kind,
            &block,
            of(json!({"restrict_public_buckets": true, "ignore_public_acls": true})),
        )
        .await;
    world.delete(kind, &block).await;

    world.delete(BUCKET, &made).await;
    for (kind, it) in [
        ("aws_s3_bucket_versioning", versioning),
        ("aws_s3_bucket_server_side_encryption_configuration", encryption),
        ("aws_s3_bucket_public_access_block", block),
    ] {
        assert_eq!(world.read(kind, &it).await, ReadingValue::Gone, "{kind}");
    }
}

#[tokio::test]
async fn force_destroy_deletes_foreign_versions_and_delete_markers() {
    let world = World::new().await;
    for suspended in [false, true] {
        let made = world.create(BUCKET, bucket()).await;
        let kept = |status: &str| json!({"bucket": made.id, "versioning_configuration": {"status": status}});
        let versioning = world.create("aws_s3_bucket_versioning", kept("Enabled")).await;
        let object = format!("/{}/left", made.id);
        for _ in 0..2 {
            call(&format!("PUT {object}"), "s3", "of somebody").await;
        }
        call_for(204, &format!("DELETE {object}"), "s3", "").await;
        if suspended {
            world.update("aws_s3_bucket_versioning", &versioning, kept("Suspended")).await;
            call(&format!("PUT {object}"), "s3", "of somebody").await;
            call_for(204, &format!("DELETE {object}"), "s3", "").await;
        }
        let listed = call(&format!("GET /{}?versions", made.id), "s3", "").await;
        assert!(listed.contains("<DeleteMarker>") && listed.contains("<Version>"), "{listed}");
        world.delete(BUCKET, &made).await;
    }
}

#[tokio::test]
async fn a_bucket_with_a_foreign_deleted_version_is_not_deleted() {
    let world = World::new().await;
    let made = world.create(BUCKET, json!({"bucket": name("bucket")})).await;
    let versions = json!({"bucket": made.id, "versioning_configuration": {"status": "Enabled"}});
    world.create("aws_s3_bucket_versioning", versions).await;
    call(&format!("PUT /{}/left", made.id), "s3", "of somebody").await;
    call_for(204, &format!("DELETE /{}/left", made.id), "s3", "").await;
    let driver = world.drivers.resource(BUCKET).unwrap().clone();
    let error = driver.delete(&world.client, &made, &mut attempt(BUCKET)).await.unwrap_err();
    assert!(
        error.to_string().contains("did not put there") && error.help[0].contains("force_destroy"),
        "{error:?}"
    );
    let forced =
        world.update(BUCKET, &made, json!({"bucket": made.id, "force_destroy": true})).await;
    world.delete(BUCKET, &forced).await;
}

#[tokio::test]
async fn refuses_to_plan_the_deletion_of_a_bucket_with_foreign_objects() {
    let world = World::new().await;
    let made = world.create(BUCKET, json!({"bucket": name("bucket")})).await;
    let own = json!({"bucket": made.id, "key": "own", "content": "a"});
    let object = world.create(OBJECT, own).await;
    let both = [(BUCKET, &made), (OBJECT, &object)];
    assert_eq!(world.objections_to_deletion(&both).await, Vec::<String>::new());
    call(&format!("PUT /{}/left", made.id), "s3", "of somebody").await;
    let refused = world.objections_to_deletion(&both).await;
    assert!(refused.len() == 1 && refused[0].contains("did not put there: `left`"), "{refused:?}");
    let forced =
        world.update(BUCKET, &made, json!({"bucket": made.id, "force_destroy": true})).await;
    let both = [(BUCKET, &forced), (OBJECT, &object)];
    assert_eq!(world.objections_to_deletion(&both).await, Vec::<String>::new());
    world.delete(BUCKET, &forced).await;
}

#[tokio::test]
async fn creates_updates_and_deletes_an_object() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let versions = json!({"bucket": made.id, "versioning_configuration": {"status": "Enabled"}});
    world.create("aws_s3_bucket_versioning", versions).await;
    let first = json!({
        "bucket": made.id, "key": "conf/settings.conf", "content": "a = ü\n", "content_type": "text/plain",
        "cache_control": "no-store", "metadata": {"purpose": "test"}, "tags": {"stage": "a=b c"},
        "server_side_encryption": "AES256",
    });
    let object = world.create(OBJECT, first).await;
    let version = text(&object.outputs, "version_id");

    let relabelled = json!({
        "bucket": made.id, "key": "conf/settings.conf", "content": "a = ü\n", "content_type": "text/plain",
        "cache_control": "no-store", "metadata": {"purpose": "test"}, "tags": {"stage": "live"},
        "server_side_encryption": "AES256",
    });
    let object = world.update(OBJECT, &object, relabelled).await;
    assert_eq!(text(&object.outputs, "version_id"), version, "labels make no version");

    let unlabelled = json!({
        "bucket": made.id, "key": "conf/settings.conf", "content": "a = ü\n", "content_type": "text/plain",
        "cache_control": "no-store", "metadata": {"purpose": "test"}, "server_side_encryption": "AES256",
    });
    let object = world.update(OBJECT, &object, unlabelled).await;
    assert_eq!(text(&object.outputs, "version_id"), version, "nor does their end");

    let changed = json!({"bucket": made.id, "key": "conf/settings.conf", "content": "b", "content_type": "text/plain"});
    let object = world.update(OBJECT, &object, changed).await;
    assert_ne!(text(&object.outputs, "version_id"), version);

    let binary = json!({"bucket": made.id, "key": "conf/settings.conf", "content_base64": "/wD/", "content_type": "text/plain"});
    let object = world.update(OBJECT, &object, binary).await;
    world.delete(OBJECT, &object).await;

    let empty = world.create(OBJECT, json!({"bucket": made.id, "key": "empty"})).await;
    world.delete(OBJECT, &empty).await;
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn an_update_retains_what_is_left_to_the_service() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let chosen = [
        ("content_type", "text/x"),
        ("storage_class", "STANDARD_IA"),
        ("server_side_encryption", "aws:kms"),
    ];
    let mut said = json!({"bucket": made.id, "key": "k", "content": "first"});
    for (name, value) in chosen {
        said[name] = json!(value);
    }
    let object = world.create(OBJECT, said).await;
    let object = world
        .update(OBJECT, &object, json!({"bucket": made.id, "key": "k", "content": "second"}))
        .await;
    let (seen, _) = world.found(OBJECT, &object).await;
    assert_eq!(seen.arguments["content"], Value::from("second"));
    for (name, value) in chosen {
        assert_eq!(seen.arguments[name], Value::from(value), "{name}");
    }
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn an_object_that_others_changed_shows_what_it_holds() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let wanted = json!({"bucket": made.id, "key": "k", "content": "ours"});
    let object = world.create(OBJECT, wanted.clone()).await;
    // A step of another state.
    let other = world
        .update(OBJECT, &object, json!({"bucket": made.id, "key": "k", "content": "theirs"}))
        .await;
    assert_eq!(other.arguments["content"], Value::from("theirs"));
    let (seen, _) = world.found(OBJECT, &object).await;
    assert_eq!(seen.arguments["content"], Value::from("theirs"));
    assert_eq!(world.differences(OBJECT, &wanted, &seen.arguments).len(), 1);
    // And one with binary content.
    world
        .update(OBJECT, &object, json!({"bucket": made.id, "key": "k", "content_base64": "/w=="}))
        .await;
    let (seen, _) = world.found(OBJECT, &object).await;
    assert_eq!(seen.arguments.get("content"), None);
    assert_eq!(seen.arguments["content_base64"], Value::from("/w=="));
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn an_object_that_exists_is_not_overwritten() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let wanted = json!({"bucket": made.id, "key": "k", "content": "first"});
    let object = world.create(OBJECT, wanted).await;
    let second = json!({"bucket": made.id, "key": "k", "content": "second"});
    let error = world.try_create(OBJECT, &second, &mut attempt(OBJECT)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let (seen, _) = world.found(OBJECT, &object).await;
    assert_eq!(seen.arguments["content"], Value::from("first"));
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn an_object_has_one_version_for_each_change_under_kills() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let versions = json!({"bucket": made.id, "versioning_configuration": {"status": "Enabled"}});
    world.create("aws_s3_bucket_versioning", versions).await;
    let wanted = || json!({"bucket": made.id, "key": name("key"), "content": "first"});
    for (world, wanted, object) in create_under_kills(OBJECT, wanted).await {
        assert_eq!(versions_of(&made.id, wanted["key"].as_str().unwrap()).await, 1);
        world.remove(OBJECT, &object).await;
    }
    let afresh = async || world.create(OBJECT, wanted()).await;
    let changed = |before: &ha_provider::RecordedValue| json!({"bucket": made.id, "key": text(&before.arguments, "key"), "content": "second"});
    update_under_kills(OBJECT, changed, &afresh, async |_, object| {
        assert_eq!(versions_of(&made.id, &text(&object.arguments, "key")).await, 2);
    })
    .await;
    world.delete(BUCKET, &made).await;
}

#[tokio::test]
async fn a_lost_answer_is_not_a_second_version() {
    let world = World::new().await;
    let made = world.create(BUCKET, bucket()).await;
    let versions = json!({"bucket": made.id, "versioning_configuration": {"status": "Enabled"}});
    world.create("aws_s3_bucket_versioning", versions).await;
    create_with_a_lost_answer(OBJECT, &json!({"bucket": made.id, "key": "k", "content": "x"}))
        .await;
    assert_eq!(versions_of(&made.id, "k").await, 1);
    world.delete(BUCKET, &made).await;
}

/// The number of versions, read by another client.
async fn versions_of(bucket: &str, key: &str) -> usize {
    call(&format!("GET /{bucket}?versions&prefix={key}"), "s3", "")
        .await
        .matches("<VersionId>")
        .count()
}

#[tokio::test]
async fn own_objects_are_deleted_with_a_bucket_and_foreign_ones_prevent_it() {
    let world = World::new().await;
    let name = name("bucket");
    let made = world.create(BUCKET, json!({"bucket": name})).await;
    world.create(OBJECT, json!({"bucket": name, "key": "ours", "content": "x"})).await;
    call(&format!("PUT /{name}/theirs"), "s3", "x").await;
    let driver = world.drivers.resource(BUCKET).unwrap().clone();
    let error = driver.delete(&world.client, &made, &mut attempt(BUCKET)).await.unwrap_err();
    let said = format!("{error} {:?}", error.help);
    assert!(said.contains("`theirs`") && said.contains("force_destroy"), "{said}");
    let kept = world.update(BUCKET, &made, json!({"bucket": name, "force_destroy": true})).await;
    world.delete(BUCKET, &kept).await;

    let made = world.create(BUCKET, json!({"bucket": name})).await;
    let object = world.create(OBJECT, json!({"bucket": name, "key": "ours", "content": "x"})).await;
    world.delete(BUCKET, &made).await;
    assert_eq!(world.read(OBJECT, &object).await, ReadingValue::Gone);
}

#[tokio::test]
async fn secrets_stay_out_of_errors() {
    let world = World::new().await;
    let wanted =
        json!({"bucket": name("no-such-bucket"), "key": "k", "content": "hunter2-and-more"});
    let error = world.try_create(OBJECT, &wanted, &mut attempt(OBJECT)).await.unwrap_err();
    assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    assert_eq!(error.code.as_deref(), Some("NoSuchBucket"));
    assert_eq!(error.outcome, CallOutcome::Refused);
    assert!(object(&wanted).contains_key("content"));
}
