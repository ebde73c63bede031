//! Roles, their policies, and profiles.

use ha_provider::{CallOutcome, RecordedValue};
use serde_json::{Value as Json, json};

use crate::emulator::call;
use crate::kill::{create_under_kills, update_under_kills};
use crate::world::{World, attempt, name, text};

const ROLE: &str = "aws_iam_role";
const PROFILE: &str = "aws_iam_instance_profile";

fn trust(service: &str) -> String {
    let trust = json!({"Version": "2012-10-17", "Statement": {
        "Effect": "Allow", "Principal": {"Service": [service]}, "Action": "sts:AssumeRole",
    }});
    trust.to_string()
}

fn role() -> Json {
    json!({
        "name": name("role"), "assume_role_policy": trust("ec2.amazonaws.com"), "description": "of a test",
        "max_session_duration": 7200, "tags": {"owner": "ci"},
    })
}

#[tokio::test]
async fn creates_updates_and_deletes_a_role() {
    let world = World::new().await;
    let wanted = role();
    let made = world.create(ROLE, wanted.clone()).await;
    assert!(text(&made.outputs, "arn").ends_with(&format!(":role/{}", made.id)));
    let changed = json!({
        "name": wanted["name"], "assume_role_policy": trust("ssm.amazonaws.com"), "path": "/",
        "permissions_boundary": "arn:aws:iam::aws:policy/ReadOnlyAccess", "tags": {"cost": "7"},
    });
    let made = world.update(ROLE, &made, changed).await;
    let plain = json!({"name": wanted["name"], "assume_role_policy": trust("ssm.amazonaws.com")});
    let made = world.update(ROLE, &made, plain).await;
    world.delete(ROLE, &made).await;
}

#[tokio::test]
async fn refuses_to_create_an_existing_role() {
    let world = World::new().await;
    let wanted = role();
    let made = world.create(ROLE, wanted.clone()).await;
    let error = world.try_create(ROLE, &wanted, &mut attempt(ROLE)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);
    world.delete(ROLE, &made).await;
}

#[tokio::test]
async fn creates_a_role_once_under_kills() {
    for (world, _, made) in create_under_kills(ROLE, role).await {
        world.remove(ROLE, &made).await;
    }
}

#[tokio::test]
async fn creates_updates_and_deletes_policies_of_a_role() {
    let world = World::new().await;
    let role = world.create(ROLE, role()).await;
    let kind = "aws_iam_role_policy";
    let wanted = json!({"name": "read", "role": role.id, "policy": may("s3:GetObject")});
    let policy = world.create(kind, wanted.clone()).await;
    let error = world.try_create(kind, &wanted, &mut attempt(kind)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let policy = world
        .update(kind, &policy, json!({"name": "read", "role": role.id, "policy": may("s3:*")}))
        .await;
    world.delete(kind, &policy).await;
    let wanted = || json!({"name": name("policy"), "role": role.id, "policy": may("s3:GetObject")});
    for (world, _, made) in create_under_kills(kind, wanted).await {
        world.remove(kind, &made).await;
    }

    let kind = "aws_iam_role_policy_attachment";
    let arn = foreign_policy().await;
    let wanted = || json!({"role": role.id, "policy_arn": arn});
    let attachment = world.create(kind, wanted()).await;
    let error = world.try_create(kind, &wanted(), &mut attempt(kind)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");

    let driver = world.drivers.resource(ROLE).unwrap().clone();
    let error = driver.delete(&world.client, &role, &mut attempt(ROLE)).await.unwrap_err();
    assert!(error.help.iter().any(|it| it.contains("force_detach_policies")), "{error:?}");
    world.delete(kind, &attachment).await;
    world.delete(ROLE, &role).await;
}

#[tokio::test]
async fn refuses_to_plan_and_to_begin_the_deletion_of_a_role_with_foreign_policies() {
    let world = World::new().await;
    let (own, foreign) = (foreign_policy().await, foreign_policy().await);
    let mut wanted = role();
    wanted["inline_policy"] = json!([{"name": "own", "policy": may("s3:*")}]);
    let role = world.create(ROLE, wanted.clone()).await;
    let attached = |arn: &str| json!({"role": role.id, "policy_arn": arn});
    let attachment = world.create("aws_iam_role_policy_attachment", attached(&own)).await;
    let both = [(ROLE, &role), ("aws_iam_role_policy_attachment", &attachment)];
    assert_eq!(world.objections_to_deletion(&both).await, Vec::<String>::new());
    let asked = |action: &str| {
        format!("Action={action}&Version=2010-05-08&RoleName={}&PolicyArn={foreign}", role.id)
    };
    call("POST /", "iam", &asked("AttachRolePolicy")).await;
    let refused = world.objections_to_deletion(&both).await;
    assert!(refused.len() == 1 && refused[0].contains(&foreign), "{refused:?}");
    assert!(!refused[0].contains(&own), "{refused:?}");
    world.delete("aws_iam_role_policy_attachment", &attachment).await;
    let driver = world.drivers.resource(ROLE).unwrap().clone();
    let error = driver.delete(&world.client, &role, &mut attempt(ROLE)).await.unwrap_err();
    assert!(error.to_string().contains(&foreign), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);
    // It still has its own policy.
    let (there, _) = world.found(ROLE, &role).await;
    assert_eq!(world.differences(ROLE, &wanted, &there.arguments), Vec::<String>::new());
    call("POST /", "iam", &asked("DetachRolePolicy")).await;
    world.delete(ROLE, &role).await;
}

fn may(action: &str) -> String {
    json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": [action], "Resource": "*"}]}).to_string()
}

#[tokio::test]
async fn a_role_that_manages_its_policies_has_no_others() {
    let world = World::new().await;
    let (own, other) = (foreign_policy().await, foreign_policy().await);
    let mut wanted = role();
    wanted["inline_policy"] = json!([{"name": "read", "policy": may("s3:GetObject")}]);
    wanted["managed_policy_arns"] = json!([own]);
    let made = world.create(ROLE, wanted.clone()).await;
    // Someone else attaches and detaches policies.
    let role = &made.id;
    world
        .create(
            "aws_iam_role_policy",
            json!({"name": "write", "role": role, "policy": may("s3:*")}),
        )
        .await;
    world
        .create("aws_iam_role_policy_attachment", json!({"role": role, "policy_arn": other}))
        .await;
    let detach =
        format!("Action=DetachRolePolicy&Version=2010-05-08&RoleName={role}&PolicyArn={own}");
    call("POST /", "iam", &detach).await;
    let (there, _) = world.found(ROLE, &made).await;
    assert_eq!(world.differences(ROLE, &wanted, &there.arguments).len(), 2);
    let made = world.update(ROLE, &there, wanted.clone()).await;
    wanted["inline_policy"] = json!([]);
    wanted["managed_policy_arns"] = json!([]);
    let made = world.update(ROLE, &made, wanted).await;
    world.delete(ROLE, &made).await;
}

#[tokio::test]
async fn force_detach_policies_removes_foreign_policies_and_profiles() {
    let world = World::new().await;
    let mut wanted = role();
    wanted["force_detach_policies"] = json!(true);
    let made = world.create(ROLE, wanted).await;
    let role = &made.id;
    world
        .create(
            "aws_iam_role_policy",
            json!({"name": "foreign", "role": role, "policy": may("s3:*")}),
        )
        .await;
    let foreign = foreign_policy().await;
    world
        .create("aws_iam_role_policy_attachment", json!({"role": role, "policy_arn": foreign}))
        .await;
    let profile = world.create(PROFILE, json!({"name": name("profile"), "role": role})).await;
    world.delete(ROLE, &made).await;
    world.delete(PROFILE, &profile).await;
}

/// Creates a managed policy and returns its ARN.
async fn foreign_policy() -> String {
    let name = name("policy");
    let document = "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22s3%3AGetObject%22%2C%22Resource%22%3A%22%2A%22%7D%5D%7D";
    let asked = format!(
        "Action=CreatePolicy&Version=2010-05-08&PolicyName={name}&PolicyDocument={document}"
    );
    call("POST /", "iam", &asked).await;
    format!("arn:aws:iam::123456789012:policy/{name}")
}

#[tokio::test]
async fn force_detach_policies_removes_attached_policies() {
    let world = World::new().await;
    let mut wanted = role();
    wanted["force_detach_policies"] = json!(true);
    let made = world.create(ROLE, wanted).await;
    let attached = json!({"role": made.id, "policy_arn": foreign_policy().await});
    world.create("aws_iam_role_policy_attachment", attached).await;
    world.delete(ROLE, &made).await;
}

#[tokio::test]
async fn creates_updates_and_deletes_a_profile_under_kills() {
    let world = World::new().await;
    let (one, other) = (world.create(ROLE, role()).await, world.create(ROLE, role()).await);
    let wanted = json!({"name": name("profile"), "role": one.id, "tags": {"owner": "ci"}});
    let made = world.create(PROFILE, wanted.clone()).await;
    let error = world.try_create(PROFILE, &wanted, &mut attempt(PROFILE)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    let made =
        world.update(PROFILE, &made, json!({"name": wanted["name"], "role": other.id})).await;
    let made = world.update(PROFILE, &made, json!({"name": wanted["name"]})).await;
    world.delete(PROFILE, &made).await;

    let wanted = || json!({"name": name("profile"), "role": one.id, "tags": {"owner": "ci"}});
    for (world, _, made) in create_under_kills(PROFILE, wanted).await {
        world.remove(PROFILE, &made).await;
    }
    let changed = |before: &RecordedValue| json!({"name": before.id, "role": other.id, "tags": {"cost": "7"}});
    update_under_kills(
        PROFILE,
        changed,
        async || world.create(PROFILE, wanted()).await,
        async |world, made| {
            world.remove(PROFILE, &made).await;
        },
    )
    .await;
    world.delete(ROLE, &one).await;
    world.delete(ROLE, &other).await;
}
