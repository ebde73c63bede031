//! Drift.

use snapbox::{assert_data_eq, str};

use ha_apply::RefreshMode;

use crate::project::Project;

const TWO: &str = r#"
    resource "thing" "a" {
      name = "a"
      size = 5
      note = "n"
    }
    resource "thing" "b" {
      name = "b"
      note = thing.a.id
    }
"#;

#[tokio::test]
async fn drift_is_reverted() {
    let project = Project::new();
    project.apply(TWO).await;
    project.world.change("thing", "a", "size", 7);
    let id = project.world.id("thing", "a");
    project.world.look().remarks.insert(id.clone(), "somebody was here".into());
    assert_data_eq!(
        project.plan(TWO).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 7 -> 5 (somebody was here)
! thing.a size (somebody was here)

"#]]
    );
    project.world.look().remarks.clear();
    project.apply(TWO).await;
    assert_eq!(project.world.look().things[&id].arguments["size"], 5.into());
}

#[tokio::test]
async fn remarks_are_shown_without_a_change() {
    let project = Project::new();
    project.apply(TWO).await;
    let id = project.world.id("thing", "a");
    project.world.look().remarks.insert(id, "it is not running".into());
    assert_data_eq!(
        project.plan(TWO).await,
        str![[r#"
= thing.a (it is not running)

"#]]
    );
    let plan = project.try_plan(TWO).await.unwrap();
    assert!(plan.is_empty());
    let read: ha_plan::Plan = serde_json::from_str(&serde_json::to_string(&plan).unwrap()).unwrap();
    assert_eq!(read.remarks, [("thing.a".parse().unwrap(), "it is not running".to_owned())]);
    // With a change or drift, they are shown there.
    assert_data_eq!(
        project.plan(&TWO.replace("size = 5", "size = 6")).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 5 -> 6 (it is not running)

"#]]
    );
    project.world.change("thing", "a", "size", 7);
    let ignoring = TWO.replace("size = 5", "size = 5\n lifecycle { ignore_changes = [size] }");
    assert_data_eq!(
        project.plan(&ignoring).await,
        str![[r#"
! thing.a size (it is not running)

"#]]
    );
}

#[tokio::test]
async fn a_missing_object_is_created_again_and_dependents_follow() {
    let project = Project::new();
    project.apply(TWO).await;
    project.world.take_away("thing", "a");
    assert_data_eq!(
        project.apply(TWO).await,
        str![[r#"
+ thing.a [Gone] digest="digest of n", name="a", note="n", size=5
~ thing.b digest: "digest of thing-a-1" -> ?(thing.b.digest), note: "thing-a-1" -> ?(thing.a.id), revision: 1 -> ?(thing.b.revision) because of thing.a
! thing.a gone

"#]]
    );
    assert_eq!(project.world.count(), 2);
    // Deleted outside and no longer configured: only the record is removed.
    project.world.take_away("thing", "b");
    let less = "resource \"thing\" \"a\" {\n name = \"a\"\n size = 5\n note = \"n\"\n}";
    assert_data_eq!(
        project.apply(less).await,
        str![[r#"
! thing.b gone

"#]]
    );
    assert_eq!(project.state().records.len(), 1);
}

#[tokio::test]
async fn an_unreadable_object_counts_as_recorded() {
    let project = Project::new();
    project.apply(TWO).await;
    project.world.change("thing", "a", "size", 7);
    let id = project.world.id("thing", "a");
    project.world.look().unchecked.insert(id, "no route to it".into());
    assert_data_eq!(
        project.plan(TWO).await,
        str![[r#"
? thing.a no route to it

"#]]
    );
}

#[tokio::test]
async fn refresh_none_reads_nothing() {
    let mut project = Project::new();
    project.apply(TWO).await;
    project.world.change("thing", "a", "size", 7);
    project.refresh = RefreshMode::None;
    project.world.look().calls.clear();
    assert_data_eq!(
        project.plan(TWO).await,
        str![[r#"
nothing

"#]]
    );
    assert!(!project.world.look().calls.contains_key("read"));
}

#[tokio::test]
async fn only_reverted_drift_is_shown_as_reverted() {
    let project = Project::new();
    let text = |name: &str| {
        format!(
            "resource \"thing\" \"a\" {{\n name = \"a\"\n labels = {{ name = \"{name}\" }}\n lifecycle {{ ignore_changes = [labels[\"by\"]] }}\n}}"
        )
    };
    project.apply(&text("one")).await;
    let labels = |items: &[(&str, &str)]| {
        let items =
            items.iter().map(|(name, value)| ((*name).into(), ha_value::Value::from(*value)));
        ha_value::Value::Map(std::sync::Arc::new(items.collect()))
    };
    project.world.change("thing", "a", "labels", labels(&[("name", "one"), ("by", "somebody")]));
    let plan = project.try_plan(&text("two")).await.unwrap();
    assert!(!plan.drift[0].contributes, "what is ignored stays as it is");
    project.world.change("thing", "a", "labels", labels(&[("name", "else"), ("by", "somebody")]));
    let plan = project.try_plan(&text("two")).await.unwrap();
    assert!(plan.drift[0].contributes);
}
