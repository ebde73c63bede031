//! Discovery after a state was lost.

use ha_apply::RediscoveryResult;
use ha_plan::{PlanMode, RefreshUpdate};
use ha_provider::DiscoveryResult;
use ha_state_model::State;
use ha_state_store::MemoryStore;
use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::show;

const TEXT: &str = r#"
    resource "drawn" "master" {
      length = 8
    }
    resource "server" "s" {
      name = "s"
    }
    resource "thing" "a" {
      name     = "a"
      size     = 5
      password = drawn.master.result
      uses     = [server.s.id]
    }
    resource "thing" "named" {
      name = "after ${thing.a.arn}"
    }
    provider "db" {
      address  = server.s.address
      password = drawn.master.result
    }
    resource "database" "d" {
      name = "d"
    }
    resource "memo" "m" {
      input = thing.a.arn
    }
"#;

/// The same world, with an empty state.
async fn lost(text: &str) -> Project {
    let before = Project::new();
    before.apply(text).await;
    before.world.look().calls.clear();
    Project::over(before.world.clone(), std::sync::Arc::new(MemoryStore::new()))
}

async fn rediscovered(project: &Project, text: &str) -> RediscoveryResult {
    let request = project.request(text, PlanMode::Normal).unwrap();
    let found = project.engine().rediscover(&request, None, &*project.events).await;
    found.unwrap_or_else(|it| panic!("{}", show::failure(&it)))
}

/// Records the discovered objects.
fn record(project: &Project, found: &RediscoveryResult) {
    let settled = found.plan.settled.iter().filter_map(|it| match it {
        RefreshUpdate::Seen(record) => Some((**record).clone()),
        RefreshUpdate::Gone(_) => None,
    });
    let records =
        settled.chain(found.strays.iter().cloned()).map(|it| (it.address.clone(), it)).collect();
    let providers = found.plan.providers.clone();
    project.open().replace(State { records, providers, ..State::default() }).unwrap();
}

#[tokio::test]
async fn discovery_follows_dependencies() {
    let project = lost(TEXT).await;
    let (count, things) = (project.world.count(), project.world.look().things.clone());
    let found = rediscovered(&project, TEXT).await;
    assert_data_eq!(
        show::plan(&found.plan),
        str![[r#"
= database.d imported database-d-1 because of provider.db from drawn.master
-+ drawn.master imported (lost) [Lost] result=secret ?(drawn.master.result)
+ memo.m input="arn:thing-a-1", output="arn:thing-a-1" because of thing.a
= server.s imported server-s-1
~ thing.a imported thing-a-1 password: secret -> secret ?(drawn.master.result), revision: 1 -> ?(thing.a.revision) because of drawn.master
= thing.named imported thing-after arn:thing-a-1-1 because of thing.a

"#]]
    );
    let database = &found.searches[&"database.d".parse().unwrap()];
    assert!(
        matches!(database, DiscoveryResult::Unasked(_, why) if why.contains("drawn.master.result")),
        "{database:?}"
    );
    assert_eq!(
        (project.world.count(), &project.world.look().things),
        (count, &things),
        "looking changes nothing"
    );
    record(&project, &found);
    // Nothing is created twice, and missing objects are created.
    assert_data_eq!(
        project.plan(TEXT).await,
        str![[r#"
-+ drawn.master [Lost] result=secret ?(drawn.master.result)
+ memo.m input="arn:thing-a-1", output="arn:thing-a-1" because of thing.a
~ thing.a password: secret -> secret ?(drawn.master.result), revision: 1 -> ?(thing.a.revision) because of drawn.master

"#]]
    );
    project.apply(TEXT).await;
    assert_eq!(project.world.count(), count);
    assert_data_eq!(
        project.plan(TEXT).await,
        str![[r#"
nothing

"#]]
    );
}

#[tokio::test]
async fn instances_of_one_type_are_discovered_in_one_call() {
    let text = "resource \"thing\" \"a\" {\n count = 50\n name = \"n${count.index}\"\n}";
    let project = lost(text).await;
    rediscovered(&project, text).await;
    assert_eq!(project.world.look().calls["find"], 1);
}

#[tokio::test]
async fn ambiguous_matches_are_not_recorded() {
    let project = lost("resource \"thing\" \"x\" {\n count = 2\n name = \"a\"\n}").await;
    let found = rediscovered(&project, TEXT).await;
    assert!(
        matches!(&found.searches[&"thing.a".parse().unwrap()], DiscoveryResult::Several(all) if all.len() == 2)
    );
    // The server is not there, and so nothing is in it, although it cannot be asked.
    assert!(!found.searches.contains_key(&"database.d".parse().unwrap()));
    assert!(
        found
            .plan
            .settled
            .iter()
            .all(|it| matches!(it, RefreshUpdate::Seen(record) if record.is_lost()))
    );
}

#[tokio::test]
async fn unconfigured_objects_are_recorded_with_dependencies() {
    let kept = "resource \"thing\" \"kept\" {\n name = \"kept\"\n}";
    let others = "resource \"thing\" \"a\" {\n name = \"a\"\n}\nresource \"thing\" \"b\" {\n name = \"b\"\n uses = [thing.a.id]\n}";
    let project = lost(&format!("{kept}\n{others}")).await;
    let strays = ["a", "b"]
        .map(|it| (project.world.id("thing", it), format!("thing.{it}").parse().unwrap()));
    project.world.look().strays.extend(strays);
    project.world.look().belongs = Some("lineage".into());
    let found = rediscovered(&project, kept).await;
    assert_eq!(found.lineage.as_deref(), Some("lineage"));
    record(&project, &found);
    project.world.take_log();
    assert_data_eq!(
        project.apply(kept).await,
        str![[r#"
- thing.a [NoConfiguration]
- thing.b [NoConfiguration]

"#]]
    );
    project.world.assert_done_in_order(
        &["delete thing.b", "delete thing.a"],
        &[("delete thing.b", "delete thing.a")],
    );
    assert_eq!(project.world.count(), 1);
}
