//! Security groups and launch templates.

use ha_provider::{CallOutcome, RecordedValue};
use ha_value::Value;
use serde_json::{Value as Json, json};

use crate::emulator::call;
use crate::kill::{create_under_kills, update_under_kills};
use crate::world::{World, attempt, name, text};

pub(crate) const GROUP: &str = "aws_security_group";
pub(crate) const TEMPLATE: &str = "aws_launch_template";

fn group(network: &str) -> Json {
    json!({
        "name": name("group"), "description": "of a test", "vpc_id": network, "tags": {"owner": "ci"},
        "ingress": [
            {"from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["10.1.2.3/8"], "description": "inside"},
            {"from_port": 443, "to_port": 443, "protocol": "6", "cidr_blocks": ["192.168.0.0/16"], "self": true},
        ],
        "egress": [{"from_port": 0, "to_port": 0, "protocol": "all", "cidr_blocks": ["0.0.0.0/0"]}],
    })
}

#[tokio::test]
async fn creates_updates_and_deletes_a_security_group() {
    let world = World::new().await;
    let wanted = group(&world.network().await);
    let made = world.create(GROUP, wanted.clone()).await;
    let changed = json!({
        "name": wanted["name"], "description": "of a test", "vpc_id": wanted["vpc_id"], "tags": {"cost": "7"},
        "ingress": [
            {"from_port": 443, "to_port": 443, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"], "description": "outside"},
            {"from_port": 53, "to_port": 53, "protocol": "udp", "ipv6_cidr_blocks": ["2001:DB8::/32"]},
        ],
        "egress": [],
    });
    let made = world.update(GROUP, &made, changed).await;
    let silent =
        json!({"name": wanted["name"], "description": "of a test", "vpc_id": wanted["vpc_id"]});
    let made = world.update(GROUP, &made, silent).await;
    let error = world.try_create(GROUP, &wanted, &mut attempt(GROUP)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    assert_eq!(error.outcome, CallOutcome::Refused);
    world.delete(GROUP, &made).await;
}

#[tokio::test]
async fn a_group_without_rules_allows_no_egress() {
    let world = World::new().await;
    let made = world.create(GROUP, json!({"name": name("group")})).await;
    assert_eq!(text(&made.arguments, "description"), "Managed by ha");
    // Rules that the configuration does not set are not read; with `egress` set, none are found.
    assert!(!made.arguments.contains_key("egress"));
    let mut claimed = made.clone();
    claimed.arguments.insert("egress".into(), Value::set([]));
    let (seen, _) = world.found(GROUP, &claimed).await;
    assert_eq!(seen.arguments["egress"].children().count(), 0);
    world.delete(GROUP, &made).await;
}

#[tokio::test]
async fn deletes_groups_that_reference_each_other() {
    let world = World::new().await;
    let network = world.network().await;
    let of = |name: String, other: Option<&str>| {
        let rule = other.map(
            |it| json!({"from_port": 1, "to_port": 2, "protocol": "tcp", "security_groups": [it]}),
        );
        json!({"name": name, "vpc_id": network, "revoke_rules_on_delete": true, "ingress": rule.into_iter().collect::<Vec<_>>()})
    };
    let one = world.create(GROUP, of(name("group"), None)).await;
    let other = world.create(GROUP, of(name("group"), Some(&one.id))).await;
    let one = world.update(GROUP, &one, of(text(&one.arguments, "name"), Some(&other.id))).await;
    // The first deletion revokes its own rules; the rule of the other group must be removed before.
    let emptied = world.update(GROUP, &other, of(text(&other.arguments, "name"), None)).await;
    world.delete(GROUP, &one).await;
    world.delete(GROUP, &emptied).await;
}

/// A security group of another program, by its id.
async fn foreign_group(network: &str) -> String {
    let name = name("foreign");
    let created = call(
        "POST /",
        "ec2",
        &format!(
            "Action=CreateSecurityGroup&Version=2016-11-15&GroupName={name}\
             &GroupDescription=foreign&VpcId={network}"
        ),
    )
    .await;
    let id = created.split("<groupId>").nth(1).and_then(|it| it.split('<').next());
    id.expect("EC2 answers with the id").to_owned()
}

async fn rule_of_foreign_group(action: &str, group: &str, peer: &str) {
    let rule = "IpPermissions.1.IpProtocol=tcp&IpPermissions.1.FromPort=5432\
                &IpPermissions.1.ToPort=5432";
    let asked = format!(
        "Action={action}&Version=2016-11-15&GroupId={group}&{rule}\
         &IpPermissions.1.Groups.1.GroupId={peer}"
    );
    call("POST /", "ec2", &asked).await;
}

#[tokio::test]
async fn names_the_foreign_rules_that_prevent_the_deletion_of_a_group() {
    let world = World::new().await;
    let network = world.network().await;
    let foreign = foreign_group(&network).await;
    for revoke in [false, true] {
        let mut wanted = group(&network);
        wanted["revoke_rules_on_delete"] = json!(revoke);
        let made = world.create(GROUP, wanted.clone()).await;
        rule_of_foreign_group("AuthorizeSecurityGroupIngress", &foreign, &made.id).await;
        let driver = world.drivers.resource(GROUP).unwrap().clone();
        let error = driver.delete(&world.client, &made, &mut attempt(GROUP)).await.unwrap_err();
        let named = format!("the ingress rule `tcp 5432-5432` of the security group `{foreign}`");
        assert!(error.to_string().contains(&named), "{error}");
        assert_eq!(error.outcome, CallOutcome::Refused);
        // Its own rules are still there, also where they are revoked before the deletion.
        let (there, _) = world.found(GROUP, &made).await;
        let differences = world.differences(GROUP, &wanted, &there.arguments);
        assert_eq!(differences, Vec::<String>::new());
        rule_of_foreign_group("RevokeSecurityGroupIngress", &foreign, &made.id).await;
        world.delete(GROUP, &made).await;
    }
}

#[tokio::test]
async fn names_the_foreign_interface_that_prevents_the_deletion_of_a_group() {
    let world = World::new().await;
    let made = world.create(GROUP, group(&world.network().await)).await;
    let subnet = &world.subnets().await[0];
    let asked = format!(
        "Action=CreateNetworkInterface&Version=2016-11-15&SubnetId={subnet}\
         &SecurityGroupId.1={}&Description=foreign",
        made.id
    );
    let created = call("POST /", "ec2", &asked).await;
    let id = created.split("<networkInterfaceId>").nth(1).and_then(|it| it.split('<').next());
    let id = id.expect("EC2 answers with the id");
    let driver = world.drivers.resource(GROUP).unwrap().clone();
    let error = driver.delete(&world.client, &made, &mut attempt(GROUP)).await.unwrap_err();
    assert!(error.to_string().contains(&format!("`{id}` (foreign)")), "{error}");
    let asked = format!("Action=DeleteNetworkInterface&Version=2016-11-15&NetworkInterfaceId={id}");
    call("POST /", "ec2", &asked).await;
    world.delete(GROUP, &made).await;
}

#[tokio::test]
async fn a_security_group_survives_kills() {
    let world = World::new().await;
    let network = world.network().await;
    for (world, _, made) in create_under_kills(GROUP, || group(&network)).await {
        world.remove(GROUP, &made).await;
    }
    let changed = |before: &RecordedValue| {
        json!({
            "name": text(&before.arguments, "name"), "description": "of a test", "vpc_id": network,
            "ingress": [{"from_port": 22, "to_port": 22, "protocol": "tcp", "cidr_blocks": ["10.0.0.0/8"]}],
            "egress": [], "tags": {"cost": "7"},
        })
    };
    update_under_kills(
        GROUP,
        changed,
        async || world.create(GROUP, group(&network)).await,
        async |world, made| {
            world.remove(GROUP, &made).await;
        },
    )
    .await;
}

pub(crate) fn template(text: &str) -> Json {
    json!({
        "name": name("template"), "description": "first", "image_id": "ami-12c6146b", "instance_type": "m5.large",
        "user_data_text": text, "update_default_version": true,
        "metadata_options": {"http_endpoint": "enabled", "http_tokens": "required", "http_put_response_hop_limit": 2},
        "block_device_mappings": [
            {"device_name": "/dev/sda1", "ebs": {"volume_size": 50, "volume_type": "gp3", "encrypted": true, "delete_on_termination": true}},
        ],
        "monitoring": {"enabled": true},
        "tag_specifications": [{"resource_type": "instance", "tags": {"Name": "services"}}],
        "tags": {"owner": "ci"},
    })
}

#[tokio::test]
async fn creates_updates_and_deletes_a_launch_template() {
    let world = World::new().await;
    let mut wanted = template("#!/bin/sh\necho first\n");
    let made = world.create(TEMPLATE, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "latest_version"), "1");
    wanted["tags"] = json!({"cost": "7"});
    let made = world.update(TEMPLATE, &made, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "latest_version"), "1", "labels make no version");
    wanted["user_data_text"] = json!("#!/bin/sh\necho second\n");
    let made = world.update(TEMPLATE, &made, wanted.clone()).await;
    assert_eq!(
        (text(&made.outputs, "latest_version"), text(&made.outputs, "default_version")),
        ("2".into(), "2".into())
    );
    wanted["update_default_version"] = json!(false);
    wanted["instance_type"] = json!("m5.xlarge");
    wanted.as_object_mut().unwrap().remove("monitoring");
    wanted["metadata_options"] = json!({"http_tokens": "required"});
    let made = world.update(TEMPLATE, &made, wanted.clone()).await;
    assert_eq!(
        (text(&made.outputs, "latest_version"), text(&made.outputs, "default_version")),
        ("3".into(), "2".into())
    );
    // Fewer fields in a block make a new version too.
    wanted["metadata_options"] = json!({"http_endpoint": "enabled"});
    let made = world.update(TEMPLATE, &made, wanted.clone()).await;
    assert_eq!(text(&made.outputs, "latest_version"), "4");
    wanted.as_object_mut().unwrap().remove("user_data_text");
    wanted["user_data"] = json!("//8A");
    let made = world.update(TEMPLATE, &made, wanted.clone()).await;
    let error = world.try_create(TEMPLATE, &wanted, &mut attempt(TEMPLATE)).await.unwrap_err();
    assert!(error.to_string().contains("exists already"), "{error}");
    world.delete(TEMPLATE, &made).await;
}

#[tokio::test]
async fn a_launch_template_has_one_version_for_each_change_under_kills() {
    let world = World::new().await;
    for (world, _, made) in create_under_kills(TEMPLATE, || template("one")).await {
        assert_eq!(text(&made.outputs, "latest_version"), "1");
        world.remove(TEMPLATE, &made).await;
    }
    let changed = |before: &RecordedValue| {
        let mut wanted = template("two");
        wanted["name"] = json!(text(&before.arguments, "name"));
        wanted["tags"] = json!({"cost": "7"});
        wanted
    };
    update_under_kills(
        TEMPLATE,
        changed,
        async || world.create(TEMPLATE, template("one")).await,
        async |world, made| {
            assert_eq!(
                (text(&made.outputs, "latest_version"), text(&made.outputs, "default_version")),
                ("2".into(), "2".into())
            );
            world.remove(TEMPLATE, &made).await;
        },
    )
    .await;
}

#[tokio::test]
async fn refuses_too_much_user_data_while_planning() {
    let world = World::new().await;
    let problems = world.problems(TEMPLATE, &template(&"x".repeat(16385)));
    assert_eq!(problems.len(), 1);
    assert!(problems[0].message.contains("16384"), "{problems:?}");
}

#[tokio::test]
async fn creates_updates_and_deletes_single_rules() {
    let world = World::new().await;
    let group = world.create(GROUP, json!({"name": name("group")})).await;
    for kind in ["aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"] {
        let rule = |port: i32| {
            json!({
                "security_group_id": group.id, "ip_protocol": "TCP", "from_port": port, "to_port": port,
                "cidr_ipv4": "10.1.2.3/8", "description": "of a test", "tags": {"owner": "ci"},
            })
        };
        let made = world.create(kind, rule(443)).await;
        // Rules that are resources of their own do not show in a group without rules.
        let (seen, _) = world.found(GROUP, &group).await;
        assert!(
            !seen.arguments.contains_key("ingress") && !seen.arguments.contains_key("egress"),
            "{seen:?}"
        );
        let error = world.try_create(kind, &rule(443), &mut attempt(kind)).await.unwrap_err();
        assert!(error.to_string().contains("exists already"), "{error}");
        let mut changed = rule(8443);
        changed["tags"] = json!({});
        let made = world.update(kind, &made, changed).await;
        world.delete(kind, &made).await;

        let all = json!({"security_group_id": group.id, "ip_protocol": "-1", "referenced_security_group_id": group.id});
        let made = world.create(kind, all).await;
        world.delete(kind, &made).await;
        let port = std::sync::atomic::AtomicI32::new(20);
        let another = || rule(port.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
        for (world, _, made) in create_under_kills(kind, another).await {
            world.remove(kind, &made).await;
        }
        assert_eq!(
            world.problems(kind, &json!({"security_group_id": "sg-1", "ip_protocol": "tcp"})).len(),
            2
        );
    }
    world.delete(GROUP, &group).await;
}
