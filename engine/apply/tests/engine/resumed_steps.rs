//! Interrupted creations: resumed, updated or deleted by the next run.

use snapbox::{assert_data_eq, str};

use crate::mock::Fault;
use crate::project::Project;

fn text(name: &str, size: u32) -> String {
    format!("resource \"thing\" \"a\" {{\n name = \"{name}\"\n size = {size}\n}}\n")
}

#[tokio::test]
async fn a_resumed_creation_is_updated_to_the_current_arguments() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let project = Project::new();
        project.world.fail("create thing.a", fault);
        project.try_apply(&text("a", 1)).await;
        project.world.take_log();
        project.apply(&text("a", 2)).await;
        assert_eq!(project.world.take_calls(), ["resume thing.a", "update thing.a"]);
        assert_eq!(project.world.count(), 1);
    }
}

#[tokio::test]
async fn a_resumed_creation_is_replaced_for_immutable_arguments() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("a", 1)).await;
    project.world.take_log();
    project.apply(&text("z", 1)).await;
    assert_eq!(project.world.take_calls(), ["resume thing.a", "delete thing.a", "create thing.a"]);
    assert_eq!(project.world.names(), ["thing z"]);
}

#[tokio::test]
async fn an_unwanted_interrupted_creation_is_deleted() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let project = Project::new();
        project.world.fail("create thing.a", fault);
        project.try_apply(&text("a", 1)).await;
        assert_data_eq!(
            project.apply("").await,
            str![[r#"
- thing.a (deposed) [Abandoned] (an earlier run may have created it before it failed: could not create it: the [..] was lost)

"#]]
        );
        assert_eq!(project.world.count(), 0);
    }
}

#[tokio::test]
async fn an_interrupted_creation_of_a_removed_instance_is_deleted() {
    let project = Project::new();
    let text = |count: u32| {
        format!("resource \"thing\" \"a\" {{\n count = {count}\n name = \"a${{count.index}}\"\n}}")
    };
    project.world.fail("create thing.a[1]", Fault::AnswerLost);
    project.try_apply(&text(2)).await;
    assert_eq!(project.world.count(), 2);
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
- thing.a[1] (deposed) [Abandoned] (an earlier run may have created it before it failed: could not create it: the answer was lost)

"#]]
    );
    assert_eq!(project.world.count(), 1);
}

#[tokio::test]
async fn a_destroy_deletes_an_interrupted_creation() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("a", 1)).await;
    project.destroy(&text("a", 1)).await;
    assert_eq!(project.world.count(), 0);
}

#[tokio::test]
async fn a_refusal_on_resume_keeps_the_intent() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("a", 1)).await;
    project.world.fail("resume thing.a", Fault::Refused);
    project.try_apply(&text("a", 1)).await;
    assert_eq!(project.state().unfinished.len(), 1);
    project.apply(&text("a", 1)).await;
    assert_eq!(project.world.count(), 1);
}

#[tokio::test]
async fn corrected_arguments_resume_a_refused_creation() {
    let project = Project::new();
    // Nothing was created, which is unknown; a creation with the earlier arguments is refused.
    project.world.fail("create thing.a", Fault::RequestLost);
    project.try_apply(&text("a", 1)).await;
    project.world.fail("resume thing.a", Fault::Refused);
    project.apply(&text("a", 2)).await;
    assert_eq!(project.world.count(), 1);
}

#[tokio::test]
async fn an_abandoned_creation_that_is_refused_is_reported() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::RequestLost);
    project.try_apply(&text("a", 1)).await;
    project.world.fail("resume thing.a", Fault::Refused);
    let (_, applied) = project.run("", ha_plan::PlanMode::Normal).await.unwrap();
    let [(_, _, ha_apply::StepError::Provider(error))] = applied.failed.as_slice() else {
        panic!("one fails")
    };
    assert!(error.help.iter().any(|it| it.contains("forgets")), "{error:?}");
    assert!(project.state().unfinished.is_empty());
    project.apply("").await;
}

#[tokio::test]
async fn an_interrupted_replacement_is_resumed() {
    for first in ["true", "false"] {
        let text = |name: &str| {
            text(name, 1)
                .replace("size", &format!("lifecycle {{ create_before_destroy = {first} }}\n size"))
        };
        for fault in [Fault::AnswerLost, Fault::RequestLost] {
            let project = Project::new();
            project.apply(&text("a")).await;
            project.world.fail("create thing.a", fault);
            project.try_apply(&text("z")).await;
            project.apply(&text("z")).await;
            assert_eq!(project.world.names(), ["thing z"]);
            assert_eq!(project.world.count(), 1);
        }
    }
}

#[tokio::test]
async fn an_abandoned_replacement_keeps_the_old_object() {
    let text = |name: &str| {
        text(name, 1).replace("size", "lifecycle { create_before_destroy = true }\n size")
    };
    let project = Project::new();
    project.apply(&text("a")).await;
    let id = project.world.id("thing", "a");
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("z")).await;
    assert_eq!(project.world.count(), 2);
    assert_data_eq!(
        project.apply(&text("a")).await,
        str![[r#"
- thing.a (deposed) [Abandoned] (an earlier run may have created it before it failed: could not create it: the answer was lost)

"#]]
    );
    assert_eq!(project.world.id("thing", "a"), id);
    assert_eq!(project.world.count(), 1);
}
