//! Making again, for each of the reasons there are.

use ha_value::Action;
use snapbox::{assert_data_eq, str};

use crate::project::Project;

const TWO: &str = r#"
    resource "thing" "a" {
      name = "a"
    }
    resource "thing" "b" {
      name = "b"
      uses = [thing.a.id]
    }
"#;

#[tokio::test]
async fn an_immutable_change_replaces() {
    let project = Project::new();
    let text = |name: &str| {
        format!(
            "resource \"thing\" \"a\" {{ name = \"{name}\" }}\nresource \"thing\" \"b\" {{\n name = \"b\"\n note = thing.a.id\n}}"
        )
    };
    project.apply(&text("a")).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text("z")).await,
        str![[r#"
-+ thing.a [CannotUpdate] name!: "a" -> "z"
~ thing.b digest: "digest of thing-a-1" -> ?(thing.b.digest), note: "thing-a-1" -> ?(thing.a.id), revision: 1 -> ?(thing.b.revision) because of thing.a

"#]]
    );
    let calls = ["delete thing.a", "create thing.a", "update thing.b"];
    project.world.assert_done_in_order(
        &calls,
        &[("delete thing.a", "create thing.a"), ("create thing.a", "update thing.b")],
    );
    assert_eq!(project.world.count(), 2);
}

#[tokio::test]
async fn create_before_destroy_creates_first() {
    let project = Project::new();
    let text = |name: &str| {
        TWO.replace(
            "name = \"a\"",
            &format!("name = \"{name}\"\n lifecycle {{ create_before_destroy = true }}"),
        )
    };
    project.apply(&text("a")).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text("z")).await,
        str![[r#"
+- thing.a [CannotUpdate] name!: "a" -> "z"
~ thing.b revision: 1 -> ?(thing.b.revision), uses: ["thing-a-1"] -> [?(thing.a.id)] because of thing.a

"#]]
    );
    let calls = ["create thing.a", "update thing.b", "delete thing.a"];
    let pairs = [("create thing.a", "update thing.b"), ("update thing.b", "delete thing.a")];
    project.world.assert_done_in_order(&calls, &pairs);
    assert_eq!(project.world.names(), ["thing b", "thing z"]);
    assert!(project.state().records[&"thing.a".parse().unwrap()].create_before_destroy);
}

#[tokio::test]
async fn create_before_destroy_extends_to_dependencies() {
    let project = Project::new();
    let text = |name: &str| {
        format!(
            r#"
            resource "thing" "base" {{
              name = "{name}"
            }}
            locals {{
              base = thing.base.id
            }}
            resource "thing" "user" {{
              name = "user"
              at   = local.base
              uses = [local.base]
              lifecycle {{
                create_before_destroy = true
              }}
            }}
            "#
        )
    };
    project.apply(&text("a")).await;
    assert!(project.state().records[&"thing.base".parse().unwrap()].create_before_destroy);
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text("z")).await,
        str![[r#"
+- thing.base [CannotUpdate] name!: "a" -> "z"
+- thing.user [CannotUpdate] at!: "thing-a-1" -> ?(thing.base.id), uses: ["thing-a-1"] -> [?(thing.base.id)] because of thing.base

"#]]
    );
    let calls =
        ["create thing.base", "create thing.user", "delete thing.user", "delete thing.base"];
    let pairs = [
        ("create thing.base", "create thing.user"),
        ("create thing.user", "delete thing.user"),
        ("delete thing.user", "delete thing.base"),
    ];
    project.world.assert_done_in_order(&calls, &pairs);
}

#[tokio::test]
async fn the_next_run_deletes_a_deposed_object() {
    let project = Project::new();
    let text = |name: &str| {
        TWO.replace(
            "name = \"a\"",
            &format!("name = \"{name}\"\n lifecycle {{ create_before_destroy = true }}"),
        )
    };
    project.apply(&text("a")).await;
    project.world.fail("delete thing.a", crate::mock::Fault::Refused);
    assert_data_eq!(
        project.try_apply(&text("z")).await,
        str![[r#"
Delete thing.a failed: could not delete it: it was refused

"#]]
    );
    assert_eq!(project.state().deposed.len(), 1);
    // Once more, so that two are left behind.
    project.world.fail("delete thing.a", crate::mock::Fault::Refused);
    project.world.fail("delete thing.a", crate::mock::Fault::Refused);
    assert_data_eq!(
        project.try_apply(&text("y")).await,
        str![[r#"
Delete thing.a failed: could not delete it: it was refused
Delete thing.a failed: could not delete it: it was refused

"#]]
    );
    assert_eq!(project.state().deposed.len(), 2);
    assert_data_eq!(
        project.apply(&text("x")).await,
        str![[r#"
+- thing.a [CannotUpdate] name!: "y" -> "x"
- thing.a (deposed) [Deposed]
- thing.a (deposed) [Deposed]
~ thing.b revision: 3 -> ?(thing.b.revision), uses: ["thing-y-1"] -> [?(thing.a.id)] because of thing.a

"#]]
    );
    assert_eq!(project.world.names(), ["thing b", "thing x"]);
    assert!(project.state().deposed.is_empty());
}

#[tokio::test]
async fn a_failed_creation_keeps_the_old_object() {
    let project = Project::new();
    let text = |name: &str| {
        TWO.replace(
            "name = \"a\"",
            &format!("name = \"{name}\"\n lifecycle {{ create_before_destroy = true }}"),
        )
    };
    project.apply(&text("a")).await;
    project.world.fail("create thing.a", crate::mock::Fault::Refused);
    assert_data_eq!(
        project.try_apply(&text("z")).await,
        str![[r#"
Create thing.a failed: could not create it: it was refused
Delete thing.a not started: needs thing.a
Update thing.b not started: needs thing.a

"#]]
    );
    assert_eq!(project.world.names(), ["thing a", "thing b"]);
    project.apply(&text("a")).await;
}

#[tokio::test]
async fn a_tainted_instance_is_replaced() {
    let project = Project::new();
    project.apply(TWO).await;
    let address = "thing.b".parse().unwrap();
    let record =
        ha_state_model::Record { tainted: true, ..project.state().records[&address].clone() };
    let outcome = ha_state_model::StepOutcome::Recorded(Box::new(record));
    let writer = project.open();
    writer.append(ha_state_model::Frame::Result { attempt: None, outcome }).await.unwrap();
    writer.finish().unwrap();
    assert_data_eq!(
        project.apply(TWO).await,
        str![[r#"
-+ thing.b [Tainted]

"#]]
    );
}

#[tokio::test]
async fn a_requested_replacement_is_planned() {
    let mut project = Project::new();
    project.apply(TWO).await;
    project.replace = vec!["thing.b".parse().unwrap()];
    assert_data_eq!(
        project.apply(TWO).await,
        str![[r#"
-+ thing.b [Requested]

"#]]
    );
}

#[tokio::test]
async fn triggers_replace_by_block_by_instance_and_by_attribute() {
    let project = Project::new();
    let text = |size: u32, note: &str| {
        format!(
            r#"
            resource "thing" "a" {{
              count = 2
              name  = "a${{count.index}}"
              size  = count.index == 0 ? {size} : 1
              note  = count.index == 0 ? "{note}" : "n"
            }}
            resource "thing" "by_block" {{
              name = "b"
              lifecycle {{ replace_triggered_by = [thing.a] }}
            }}
            resource "thing" "by_first" {{
              name = "c"
              lifecycle {{ replace_triggered_by = [thing.a[0]] }}
            }}
            resource "thing" "by_second" {{
              name = "d"
              lifecycle {{ replace_triggered_by = [thing.a[1]] }}
            }}
            resource "thing" "by_note" {{
              name = "e"
              lifecycle {{ replace_triggered_by = [thing.a[0].note] }}
            }}
            resource "thing" "by_own" {{
              count = 2
              name  = "f${{count.index}}"
              lifecycle {{ replace_triggered_by = [thing.a[count.index]] }}
            }}
            "#
        )
    };
    // A new trigger alone replaces nothing.
    project.apply(&text(1, "n")).await;
    assert_data_eq!(
        project.apply(&text(2, "n")).await,
        str![[r#"
~ thing.a[0] revision: 1 -> ?(thing.a[0].revision), size: 1 -> 2
-+ thing.by_block [triggered by thing.a] because of thing.a
-+ thing.by_first [triggered by thing.a[0]] because of thing.a
-+ thing.by_own[0] [triggered by thing.a[0]] because of thing.a

"#]]
    );
    assert_data_eq!(
        project.apply(&text(2, "m")).await,
        str![[r#"
~ thing.a[0] digest: "digest of n" -> "digest of m", note: "n" -> "m", revision: 2 -> ?(thing.a[0].revision)
-+ thing.by_block [triggered by thing.a] because of thing.a
-+ thing.by_first [triggered by thing.a[0]] because of thing.a
-+ thing.by_note [triggered by thing.a[0].note] because of thing.a
-+ thing.by_own[0] [triggered by thing.a[0]] because of thing.a

"#]]
    );
}

#[tokio::test]
async fn ignored_changes_are_not_planned() {
    let project = Project::new();
    let text = |name: &str, size: u32, ignored: &str| {
        format!(
            r#"
            resource "thing" "a" {{
              name   = "{name}"
              size   = {size}
              note   = "configured"
              labels = {{ mine = "configured", theirs = "configured" }}
              lifecycle {{
                ignore_changes = {ignored}
              }}
            }}
            output "note" {{ value = thing.a.note }}
            "#
        )
    };
    let some = "[note, labels[\"theirs\"], labels[\"new\"]]";
    project.apply(&text("a", 1, some)).await;
    project.world.change("thing", "a", "note", "set by hand");
    let labels = ["mine", "theirs", "new"].map(|it| (it.into(), "set by hand".into()));
    project.world.change(
        "thing",
        "a",
        "labels",
        ha_value::Value::Map(std::sync::Arc::new(labels.into())),
    );
    assert_data_eq!(
        project.apply(&text("a", 2, some)).await,
        str![[r#"
~ thing.a labels: {mine="set by hand", new="set by hand", theirs="set by hand"} -> {mine="configured", new="set by hand", theirs="set by hand"}, revision: 1 -> ?(thing.a.revision), size: 1 -> 2
! thing.a labels, note, digest
output note: "configured" -> "set by hand"

"#]]
    );
    let note = |project: &Project| {
        project.world.look().things.values().next().unwrap().arguments["note"].clone()
    };
    assert_eq!(note(&project), "set by hand".into());
    assert_data_eq!(
        project.apply(&text("z", 3, "all")).await,
        str![[r#"
nothing

"#]]
    );
    // A replacement is created as configured.
    assert_data_eq!(
        project.apply(&text("z", 3, some)).await,
        str![[r#"
-+ thing.a [CannotUpdate] digest: "digest of set by hand" -> "digest of configured", labels: {mine="configured", new="set by hand", theirs="set by hand"} -> {mine="configured", theirs="configured"}, name!: "a" -> "z", note: "set by hand" -> "configured", size: 2 -> 3
output note: "set by hand" -> "configured"

"#]]
    );
    assert_eq!(note(&project), "configured".into());
}

#[tokio::test]
async fn prevent_destroy_refuses_the_plan() {
    let project = Project::new();
    let text = |name: &str, protect: bool| {
        format!(
            "resource \"thing\" \"a\" {{\n name = \"{name}\"\n lifecycle {{ prevent_destroy = {protect} }}\n}}"
        )
    };
    project.apply(&text("a", false)).await;
    // Protecting it changes nothing but the record.
    let (plan, _) = project.run(&text("a", true), ha_plan::PlanMode::Normal).await.unwrap();
    assert!(plan.is_empty() && plan.has_work());
    assert_data_eq!(
        project.plan(&text("z", true)).await,
        str![[r#"
`thing.a` is protected, and this plan would destroy it: It would be replaced because of `name`. [thing.a]

"#]]
    );
    assert_data_eq!(
        project.plan("").await,
        str![[r#"
`thing.a` is protected, and this plan would destroy it: It would be deleted. [thing.a]

"#]]
    );
    let refused = project.run(&text("a", true), ha_plan::PlanMode::Destroy).await.unwrap_err();
    assert_data_eq!(
        crate::show::failure(&refused),
        str![[r#"
`thing.a` is protected, and this plan would destroy it: It would be deleted. [thing.a]

"#]]
    );
    let refused = project.run("", ha_plan::PlanMode::Destroy).await.unwrap_err();
    assert_data_eq!(
        crate::show::failure(&refused),
        str![[r#"
`thing.a` is protected, and this plan would destroy it: It would be deleted. [thing.a]

"#]]
    );
    assert_data_eq!(
        project.destroy(&text("a", false)).await,
        str![[r#"
- thing.a [Destroy]

"#]]
    );
}

#[tokio::test]
async fn create_before_destroy_is_evaluated_per_module_instance() {
    let project = Project::new();
    let text = |name: &str| {
        format!(
            r#"
            locals {{
              first = {{ a = true, b = false, c = false }}
            }}
            resource "thing" "shared" {{ name = "shared{name}" }}
            module "m" {{
              source   = "./m"
              for_each = local.first
              key      = each.key
              first    = each.value
              name     = "{name}"
              shared   = each.value ? thing.shared.id : thing.shared.id
            }}
=== m/main.hcl
            variable "key" {{}}
            variable "first" {{}}
            variable "name" {{}}
            variable "shared" {{}}
            resource "thing" "base" {{ name = "base${{var.key}}${{var.name}}" }}
            module "n" {{
              source = "../n"
              base   = thing.base.id
              name   = "inner${{var.key}}${{var.name}}"
            }}
            resource "thing" "it" {{
              name = "${{var.key}}${{var.name}}"
              note = "${{module.n.id}} ${{var.shared}}"
              lifecycle {{ create_before_destroy = var.first }}
            }}
=== n/main.hcl
            variable "base" {{}}
            variable "name" {{}}
            resource "thing" "inner" {{
              name = var.name
              note = var.base
            }}
            output "id" {{ value = thing.inner.id }}
            "#
        )
    };
    project.apply(&text("")).await;
    let first =
        |address: &str| project.state().records[&address.parse().unwrap()].create_before_destroy;
    for (key, is_first) in [("a", true), ("b", false), ("c", false)] {
        for block in ["thing.base", "module.n.thing.inner", "thing.it"] {
            assert_eq!(
                first(&format!("module.m[\"{key}\"].{block}")),
                is_first,
                "{block} of {key}"
            );
        }
    }
    // A dependency of several instances is created first if any of them is.
    assert!(first("thing.shared"));
    let plan = project.try_plan(&text("!")).await.unwrap();
    for change in &plan.changes {
        let expected = if first(&change.address.to_string()) {
            Action::CreateThenDelete
        } else {
            Action::DeleteThenCreate
        };
        assert_eq!(change.action, expected, "{}", change.address);
    }
    assert_eq!(plan.changes.len(), 10);
    project.apply(&text("!")).await;
    project.assert_one_of_each();
}
