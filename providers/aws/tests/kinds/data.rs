//! What is only read, and documents.

use ha_value::Value;
use serde_json::json;

use crate::world::{World, text};

#[tokio::test]
async fn a_network_and_its_subnets_are_found() {
    let world = World::new().await;
    let network = world.data("aws_vpc", json!({"default": true})).await.unwrap();
    let id = text(&network, "id");
    assert_eq!(text(&network, "arn"), format!("arn:aws:ec2:eu-west-1:123456789012:vpc/{id}"));
    let same = world.data("aws_vpc", json!({"id": id})).await.unwrap();
    assert_eq!(same, network);
    let error = world.data("aws_vpc", json!({"id": "vpc-12345678"})).await.unwrap_err();
    assert!(error.to_string().contains("no VPC in"), "{error}");
    let subnets = world
        .data("aws_subnets", json!({"filter": [{"name": "vpc-id", "values": [id]}]}))
        .await
        .unwrap();
    assert_eq!(subnets["ids"].children().count(), 3);
    let none = world.data("aws_subnets", json!({"tags": {"no": "such"}})).await.unwrap();
    assert_eq!(none["ids"].children().count(), 0);
}

#[tokio::test]
async fn the_newest_image_is_found() {
    let world = World::new().await;
    let wanted = json!({"owners": ["099720109477"], "filter": [{"name": "name", "values": ["ubuntu/images/*"]}]});
    let error = world.data("aws_ami", wanted.clone()).await.unwrap_err();
    assert!(error.help[0].contains("most_recent"), "{error:?}");
    let mut newest = wanted;
    newest["most_recent"] = json!(true);
    let image = world.data("aws_ami", newest.clone()).await.unwrap();
    assert!(text(&image, "name").starts_with("ubuntu/images/"));
    newest["name_regex"] = json!("^no such");
    assert!(world.data("aws_ami", newest).await.is_err());
}

#[tokio::test]
async fn the_caller_and_the_place_are_known() {
    let world = World::new().await;
    let caller = world.data("aws_caller_identity", json!({})).await.unwrap();
    assert_eq!(text(&caller, "account_id"), "123456789012");
    let region = world.data("aws_region", json!({})).await.unwrap();
    assert_eq!(text(&region, "name"), "eu-west-1");
    let zones = world
        .data(
            "aws_availability_zones",
            json!({"state": "available", "exclude_names": ["eu-west-1a"]}),
        )
        .await;
    let names: Vec<Value> = zones.unwrap()["names"].children().cloned().collect();
    assert_eq!(names, ["eu-west-1b", "eu-west-1c"].map(Value::from));
}

#[tokio::test]
async fn a_rendered_policy_is_what_iam_gives_back() {
    let world = World::new().await;
    let rendered = world.document(
        "aws_iam_policy_document",
        &json!({"statement": [{"actions": ["sts:AssumeRole"], "principals": [{"type": "Service", "identifiers": ["ec2.amazonaws.com"]}]}]}),
    );
    let role =
        json!({"name": crate::world::name("role"), "assume_role_policy": text(&rendered, "json")});
    let made = world.create("aws_iam_role", role).await;
    world.delete("aws_iam_role", &made).await;
}
