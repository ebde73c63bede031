//! What an earlier run may have made is found again: taken up, changed, or deleted.

use snapbox::{assert_data_eq, str};

use crate::mock::Fault;
use crate::project::Project;

fn text(name: &str, size: u32) -> String {
    format!("resource \"thing\" \"a\" {{\n name = \"{name}\"\n size = {size}\n}}\n")
}

#[tokio::test]
async fn it_is_brought_to_the_arguments_of_now() {
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
async fn it_is_made_anew_when_it_cannot_be_changed() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("a", 1)).await;
    project.world.take_log();
    project.apply(&text("z", 1)).await;
    assert_eq!(project.world.take_calls(), ["resume thing.a", "delete thing.a", "create thing.a"]);
    assert_eq!(project.world.names(), ["thing z"]);
}

#[tokio::test]
async fn it_is_deleted_when_it_is_no_longer_wanted() {
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
async fn an_instance_that_is_no_longer_wanted_goes_though_its_block_stays() {
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
async fn it_goes_when_everything_goes() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::AnswerLost);
    project.try_apply(&text("a", 1)).await;
    project.destroy(&text("a", 1)).await;
    assert_eq!(project.world.count(), 0);
}

#[tokio::test]
async fn what_is_refused_the_second_time_is_not_forgotten() {
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
async fn arguments_that_were_wrong_can_be_mended() {
    let project = Project::new();
    // Nothing was made, and no one knew; made with the arguments of then it is refused.
    project.world.fail("create thing.a", Fault::RequestLost);
    project.try_apply(&text("a", 1)).await;
    project.world.fail("resume thing.a", Fault::Refused);
    project.apply(&text("a", 2)).await;
    assert_eq!(project.world.count(), 1);
}

#[tokio::test]
async fn what_cannot_be_found_again_is_forgotten_aloud() {
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
async fn a_replacement_is_taken_up_where_it_stopped() {
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
async fn a_replacement_that_is_given_up_leaves_the_old_one() {
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
