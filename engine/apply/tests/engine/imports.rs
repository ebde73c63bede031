//! Imports.

use ha_plan::PlanMode;
use snapbox::{assert_data_eq, str};

use crate::mock::World;
use crate::project::Project;

/// A project in a world with an unrecorded object.
async fn with_a_thing(name: &str) -> (Project, String) {
    let project = Project::new();
    let other = Project::over(
        project.world.clone(),
        std::sync::Arc::new(ha_state_store::MemoryStore::new()),
    );
    other.apply(&format!("resource \"thing\" \"x\" {{\n name = \"{name}\"\n size = 5\n}}")).await;
    let id = project.world.id("thing", name);
    project.world.look().calls.clear();
    (project, id)
}

fn calls(world: &World, call: &str) -> usize {
    world.look().calls.get(call).copied().unwrap_or_default()
}

#[tokio::test]
async fn an_existing_object_is_imported() {
    let (project, id) = with_a_thing("a").await;
    let text = format!(
        "resource \"thing\" \"mine\" {{\n name = \"a\"\n size = 5\n}}\nimport {{\n to = thing.mine\n id = \"{id}\"\n}}"
    );
    let plan = project.try_plan(&text).await.unwrap();
    assert!(!plan.is_empty() && plan.steps.is_empty());
    assert_eq!(plan.counts().import, 1);
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
= thing.mine imported thing-a-1

"#]]
    );
    assert_eq!(project.world.count(), 1);
    assert_eq!((calls(&project.world, "create"), calls(&project.world, "update")), (0, 0));
    assert_data_eq!(
        project.plan(&text).await,
        str![[r#"
nothing

"#]]
    );
}

#[tokio::test]
async fn an_imported_object_is_updated_in_the_same_apply() {
    let (project, id) = with_a_thing("a").await;
    let text = format!(
        r#"
        resource "thing" "mine" {{
          for_each = {{ k = "a" }}
          name     = each.value
          size     = 6
        }}
        resource "thing" "user" {{
          name = "u"
          note = thing.mine["k"].id
        }}
        locals {{
          known = {{ k = "{id}" }}
        }}
        import {{
          for_each = local.known
          to       = thing.mine[each.key]
          id       = each.value
        }}
        "#
    );
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
~ thing.mine["k"] imported thing-a-1 revision: 1 -> ?(thing.mine["k"].revision), size: 5 -> 6
+ thing.user digest="digest of thing-a-1", name="u", note="thing-a-1", size=1 because of thing.mine

"#]]
    );
    assert_eq!(project.state().records.len(), 2);
}

#[tokio::test]
async fn a_missing_import_is_reported_and_not_created() {
    let project = Project::new();
    let text = "resource \"thing\" \"mine\" { name = \"a\" }\nimport {\n to = thing.mine\n id = \"nowhere\"\n}";
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
there is no `thing` with the id `nowhere` to import [thing.mine]

"#]]
    );
    let text = "resource \"thing\" \"mine\" {\n count = 1\n name = \"a\"\n}\nimport {\n to = thing.mine[1]\n id = \"x\"\n}";
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
the configuration has no `thing.mine[1]` to import into [thing.mine[1]]

"#]]
    );
}

#[tokio::test]
async fn an_import_id_must_be_known() {
    let (project, id) = with_a_thing("a").await;
    project.world.fact("which", &id);
    let text = r#"
        data "fact" "which" {
          key = "which"
        }
        resource "thing" "mine" {
          name = "a"
          size = 5
        }
        import {
          to = thing.mine
          id = data.fact.which.value
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
= thing.mine imported thing-a-1

"#]]
    );
    let text = "resource \"thing\" \"other\" { name = \"o\" }\nresource \"thing\" \"new\" { name = \"n\" }\nimport {\n to = thing.new\n id = thing.other.id\n}";
    let (project, _) = with_a_thing("a").await;
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
the id of something to import must be known while planning: It waits for `thing.other.id`. [thing.new]

"#]]
    );
}

#[tokio::test]
async fn the_import_command_changes_no_object() {
    let (mut project, id) = with_a_thing("a").await;
    let text = "resource \"thing\" \"mine\" {\n name = \"a\"\n size = 6\n}\nresource \"thing\" \"other\" { name = \"o\" }";
    let address: ha_value::Address = "thing.mine".parse().unwrap();
    project.imports = vec![(address.clone(), id.clone())];
    project.selection.targets = vec!["thing.mine".parse().unwrap()];
    let plan = project.try_plan(text).await.unwrap().only_imports();
    assert_eq!((plan.mode, plan.steps.len(), plan.settled.len()), (PlanMode::RefreshOnly, 0, 1));
    let applied = project.apply_plan(text, &plan).await;
    assert!(applied.is_complete());
    let state = project.state();
    assert_eq!((state.records.len(), &state.records[&address].id), (1, &id));
    assert_eq!((calls(&project.world, "create"), calls(&project.world, "update")), (0, 0));
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
`thing.mine` is recorded already [thing.mine]

"#]]
    );
    project.imports = vec![("thing.missing".parse().unwrap(), id)];
    project.selection.targets.clear();
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
the configuration has no `thing.missing` to import into [thing.missing]

"#]]
    );
}

#[tokio::test]
async fn an_imported_object_that_was_deleted_is_created() {
    let (project, id) = with_a_thing("a").await;
    let text = format!(
        "resource \"thing\" \"mine\" {{\n name = \"a\"\n size = 5\n}}\nimport {{\n to = thing.mine\n id = \"{id}\"\n}}"
    );
    project.apply(&text).await;
    project.world.take_away("thing", "a");
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
+ thing.mine [Gone] digest="digest of nothing", name="a", size=5
! thing.mine gone

"#]]
    );
}
