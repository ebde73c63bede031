//! Obligations: the next run finishes first what a run left.

use ha_apply::{StepError, UnfinishedWork};
use ha_plan::PlanMode;

use crate::mock::Fault;
use crate::project::Project;

fn text(size: u32) -> String {
    format!(
        "resource \"thing\" \"a\" {{\n name = \"a\"\n size = {size}\n}}\nresource \"thing\" \"b\" {{\n name = \"b\"\n}}\n"
    )
}

/// A thing whose change was left half done.
async fn half_done() -> Project {
    let project = Project::new();
    project.apply(&text(1)).await;
    project.world.fail("update thing.a", Fault::LeavesHalf);
    project.try_apply(&text(2)).await;
    let owed: Vec<_> = project.state().obligations.into_values().collect();
    let [owed] = owed.as_slice() else { panic!("{owed:?}") };
    assert_eq!((owed.verb.as_str(), owed.target.as_str()), ("mend", "what is half done"));
    project.world.take_log();
    project
}

#[tokio::test]
async fn an_obligation_is_finished_before_planning() {
    let project = half_done().await;
    let (_, applied, recovery) = project.run_and_recover(&text(2), PlanMode::Normal).await.unwrap();
    assert!(applied.is_complete());
    let left = UnfinishedWork::Owing { verb: "mend".into(), target: "what is half done".into() };
    assert_eq!(recovery.finished, [("thing.a".parse().unwrap(), left)]);
    assert_eq!(project.world.take_calls(), ["meet thing.a", "update thing.a"]);
    assert!(project.state().obligations.is_empty());
}

#[tokio::test]
async fn an_obligation_is_finished_without_a_change() {
    let project = half_done().await;
    project.apply(&text(1)).await;
    assert_eq!(project.world.take_calls(), ["meet thing.a"]);
    assert!(project.state().obligations.is_empty());
}

#[tokio::test]
async fn an_obligation_that_fails_twice_is_left_to_the_plan() {
    let project = half_done().await;
    project.world.fail("meet thing.a", Fault::Refused);
    let (_, _, recovery) = project.run_and_recover(&text(1), PlanMode::Normal).await.unwrap();
    let [(_, UnfinishedWork::Owing { .. }, StepError::Provider(error))] =
        recovery.unfinished.as_slice()
    else {
        panic!("{recovery:?}");
    };
    assert!(error.to_string().contains("it was refused"), "{error}");
    assert_eq!(project.state().obligations.len(), 1, "it is still owed");
    project.world.take_log();
    project.world.fail("meet thing.a", Fault::Refused);
    let (_, applied, recovery) = project.run_and_recover(&text(3), PlanMode::Normal).await.unwrap();
    assert!(recovery.unfinished.is_empty() && applied.is_complete(), "no one insists");
    assert_eq!(project.world.take_calls(), ["meet thing.a", "update thing.a"]);
    assert!(project.state().obligations.is_empty(), "the change has done it");
}

#[tokio::test]
async fn a_failed_obligation_is_finished_later() {
    let project = half_done().await;
    project.world.fail("meet thing.a", Fault::Refused);
    project.try_apply(&text(1)).await;
    project.apply(&text(1)).await;
    assert!(project.state().obligations.is_empty());
}

#[tokio::test]
async fn a_deleted_instance_has_no_obligations() {
    let project = half_done().await;
    project.world.fail("meet thing.a", Fault::Refused);
    project.try_apply(&text(1)).await;
    project.destroy(&text(1)).await;
    assert!(project.state().obligations.is_empty());
    assert_eq!(project.world.count(), 0);
}

#[tokio::test]
async fn an_instance_in_creation_has_no_obligations() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::LeavesHalf);
    project.try_apply(&text(1)).await;
    assert!(project.state().obligations.is_empty());
    project.apply(&text(1)).await;
}
