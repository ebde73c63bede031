//! Refresh modes, and refresh-only plans.

use ha_apply::RefreshMode;
use ha_plan::PlanMode;
use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::show;

const THREE: &str = r#"
    variable "size" {
      default = 1
    }
    resource "thing" "a" {
      name = "a"
      size = var.size
    }
    resource "thing" "b" {
      name = "b"
      note = thing.a.id
    }
    resource "thing" "apart" {
      name = "apart"
    }
    output "size" {
      value = thing.apart.size
    }
    output "never" {
      value = thing.a.size
    }
"#;

#[tokio::test]
async fn refresh_changed_reads_changes_and_dependents() {
    let mut project = Project::new();
    project.apply(THREE).await;
    project.world.change("thing", "b", "size", 8);
    project.world.change("thing", "apart", "size", 9);
    project.refresh = RefreshMode::Changed;
    project.world.look().calls.clear();
    assert_data_eq!(
        project.plan(THREE).await,
        str![[r#"
nothing

"#]]
    );
    assert!(
        !project.world.look().calls.contains_key("read"),
        "nothing differs from what was applied"
    );
    project.variables.insert("size".into(), 2.into());
    assert_data_eq!(
        project.plan(THREE).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
~ thing.b revision: 1 -> ?(thing.b.revision), size: 8 -> 1 because of thing.a
! thing.b size
output never: 1 -> 2

"#]]
    );
}

#[tokio::test]
async fn refresh_only_accepts_drift() {
    let project = Project::new();
    project.apply(THREE).await;
    project.world.change("thing", "apart", "size", 9);
    project.world.take_away("thing", "b");
    project.world.look().calls.clear();
    let request = project.request(THREE, PlanMode::RefreshOnly).unwrap();
    let plan = project.engine().plan(&request, &project.state(), &*project.events).await.unwrap();
    assert_data_eq!(
        show::plan(&plan),
        str![[r#"
! thing.apart size
! thing.b gone
output size: 1 -> 9

"#]]
    );
    assert!(!plan.is_empty() && plan.steps.is_empty() && plan.changes.is_empty());
    let applied = project.apply_plan(THREE, &plan).await;
    assert!(applied.is_complete());
    let calls = project.world.look().calls.clone();
    assert!(["create", "update", "delete"].iter().all(|it| !calls.contains_key(*it)), "{calls:?}");
    let state = project.state();
    assert_eq!(state.records.len(), 2);
    assert_eq!(state.outputs["size"].value, 9.into());
    let again = project.engine().plan(&request, &state, &*project.events).await.unwrap();
    assert!(again.is_empty() && !again.has_work());
}

#[tokio::test]
async fn drift_shows_whether_it_causes_a_change() {
    let project = Project::new();
    let text = r#"
        resource "thing" "undone" {
          name = "undone"
          size = 3
        }
        resource "thing" "ignored" {
          name = "ignored"
          lifecycle {
            ignore_changes = [size]
          }
        }
        resource "thing" "read" {
          name = "read"
          lifecycle {
            ignore_changes = [note]
          }
        }
        resource "thing" "reader" {
          name = "reader"
          note = thing.read.note
        }
    "#;
    project.apply(text).await;
    project.world.change("thing", "undone", "size", 4);
    project.world.change("thing", "ignored", "size", 4);
    project.world.change("thing", "read", "note", "new");
    let plan = project.try_plan(text).await.unwrap();
    let contributes: Vec<(String, bool)> =
        plan.drift.iter().map(|it| (it.address.to_string(), it.contributes)).collect();
    let expected = [("thing.ignored", false), ("thing.read", true), ("thing.undone", true)];
    assert_eq!(contributes, expected.map(|(address, it)| (address.to_owned(), it)));
}
