//! What changed although nobody used `ha`.

use snapbox::{assert_data_eq, str};

use ha_run::RefreshMode;

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
async fn what_was_changed_is_changed_back() {
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
async fn what_is_gone_is_made_again_and_what_refers_to_it_follows() {
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
    // Gone and no longer wanted: there is nothing to do but to forget it.
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
async fn what_cannot_be_looked_at_counts_as_recorded() {
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
async fn nobody_looks_when_told_not_to() {
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
