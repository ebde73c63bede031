//! The order of steps, as the calls show it.

use snapbox::{assert_data_eq, str};

use crate::mock::{Pace, World};
use crate::project::Project;

/// Blocks of type `thing`: name and content.
fn things(blocks: &[(&str, &str)]) -> String {
    let block = |(name, body): &(&str, &str)| {
        let name_line =
            if body.contains("name =") { String::new() } else { format!("name = \"{name}\"") };
        format!("resource \"thing\" \"{name}\" {{\n {name_line}\n {body}\n}}\n")
    };
    blocks.iter().map(block).collect()
}

/// Applies one configuration, then another, and returns the calls.
async fn check(
    before: &[(&str, &str)],
    after: &[(&str, &str)],
    calls: &[&str],
    pairs: &[(&str, &str)],
) {
    let project = Project::new();
    project.apply(&things(before)).await;
    project.world.take_log();
    project.apply(&things(after)).await;
    project.world.assert_done_in_order(calls, pairs);
}

#[tokio::test]
async fn dependents_are_created_last_and_deleted_first() {
    let blocks = [("a", ""), ("b", "uses = [thing.a.id]"), ("c", "uses = [thing.b.id]")];
    let project = Project::new();
    let text = things(&blocks);
    project.apply(&text).await;
    let calls = ["create thing.a", "create thing.b", "create thing.c"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[1], calls[2])]);
    project.destroy(&text).await;
    let calls = ["delete thing.c", "delete thing.b", "delete thing.a"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[1], calls[2])]);
}

#[tokio::test]
async fn deletions_are_ordered_without_a_configuration() {
    let blocks =
        [("a", ""), ("b", "uses = [thing.a.id]"), ("c", "depends_on = [thing.b]"), ("d", "")];
    let calls = ["delete thing.c", "delete thing.b", "delete thing.a", "delete thing.d"];
    check(&blocks, &[], &calls, &[(calls[0], calls[1]), (calls[1], calls[2])]).await;
}

#[tokio::test]
async fn deletions_are_ordered_through_unchanged_instances() {
    // b stays between c and a, without being touched.
    let before = [("a", ""), ("b", "depends_on = [thing.a]"), ("c", "depends_on = [thing.b]")];
    let after = [("b", "")];
    check(
        &before,
        &after,
        &["delete thing.c", "delete thing.a"],
        &[("delete thing.c", "delete thing.a")],
    )
    .await;
}

#[tokio::test]
async fn replaces_a_dependency_and_its_dependent() {
    let before = [("a", "at = \"1\""), ("b", "at = thing.a.id\n uses = [thing.a.id]")];
    let after = [("a", "at = \"2\""), ("b", "at = thing.a.id\n uses = [thing.a.id]")];
    let calls = ["delete thing.b", "delete thing.a", "create thing.a", "create thing.b"];
    check(
        &before,
        &after,
        &calls,
        &[(calls[0], calls[1]), (calls[1], calls[2]), (calls[2], calls[3])],
    )
    .await;
}

#[tokio::test]
async fn replaces_both_when_only_the_dependency_is_created_first() {
    let first = |at: &str| format!("at = \"{at}\"\n lifecycle {{ create_before_destroy = true }}");
    let user = "at = thing.a.id\n uses = [thing.a.id]";
    let calls = ["delete thing.b", "create thing.a", "create thing.b", "delete thing.a"];
    let pairs = [(calls[0], calls[2]), (calls[1], calls[2]), (calls[2], calls[3])];
    check(&[("a", &first("1")), ("b", user)], &[("a", &first("2")), ("b", user)], &calls, &pairs)
        .await;
}

#[tokio::test]
async fn an_update_waits_for_the_deletion_of_dependents() {
    let before = [("a", "size = 1"), ("b", "uses = [thing.a.id]")];
    let after = [("a", "size = 2")];
    check(
        &before,
        &after,
        &["delete thing.b", "update thing.a"],
        &[("delete thing.b", "update thing.a")],
    )
    .await;
}

#[tokio::test]
async fn a_deletion_waits_for_updates_that_drop_the_reference() {
    let before = [("a", ""), ("b", "uses = [thing.a.id]")];
    let after = [("b", "uses = []")];
    check(
        &before,
        &after,
        &["update thing.b", "delete thing.a"],
        &[("update thing.b", "delete thing.a")],
    )
    .await;
}

#[tokio::test]
async fn a_dependent_moves_to_the_new_object_before_the_old_is_deleted() {
    let before = [("a", ""), ("user", "uses = [thing.a.id]")];
    let after = [("b", ""), ("user", "uses = [thing.b.id]")];
    let calls = ["create thing.b", "update thing.user", "delete thing.a"];
    check(&before, &after, &calls, &[(calls[0], calls[1]), (calls[1], calls[2])]).await;
}

#[tokio::test]
async fn an_optional_order_that_closes_a_cycle_is_dropped() {
    // a goes and is used by b, which is to let go of it first; but b waits for the new c, which
    // waits until the old c is gone, which waits until a, which depends on it, is gone.
    let before = [("c", "at = \"1\""), ("a", "depends_on = [thing.c]"), ("b", "note = thing.a.id")];
    let after = [("c", "at = \"2\""), ("b", "note = thing.c.id")];
    let calls = ["delete thing.a", "delete thing.c", "create thing.c", "update thing.b"];
    check(
        &before,
        &after,
        &calls,
        &[(calls[0], calls[1]), (calls[1], calls[2]), (calls[2], calls[3])],
    )
    .await;
}

#[tokio::test]
async fn a_dependency_may_be_reversed() {
    let before = [("a", "note = thing.b.id"), ("b", "at = \"1\"")];
    let after = [("a", "at = \"2\""), ("b", "at = \"2\"\n note = thing.a.id")];
    let calls = ["delete thing.a", "delete thing.b", "create thing.a", "create thing.b"];
    let pairs =
        [(calls[0], calls[1]), (calls[0], calls[2]), (calls[1], calls[3]), (calls[2], calls[3])];
    check(&before, &after, &calls, &pairs).await;
}

#[tokio::test]
async fn dependencies_through_locals_and_data_sources_count() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        locals { id = thing.a.id }
        data "fact" "of_a" { key = local.id }
        resource "thing" "b" {
          name = "b"
          note = data.fact.of_a.value
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.b name="b", note=?(data.fact.of_a.value), size=1 because of data.fact.of_a
<= data.fact.of_a [ArgumentsUnknown] key=?(thing.a.id) because of thing.a

"#]]
    );
    let record = &project.state().records[&"thing.b".parse().unwrap()];
    assert_eq!(
        record.dependencies.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["thing.a"]
    );
    project.world.take_log();
    project.destroy(text).await;
    project.world.assert_done_in_order(
        &["delete thing.b", "delete thing.a"],
        &[("delete thing.b", "delete thing.a")],
    );
}

#[tokio::test]
async fn dependencies_that_are_added_later_are_recorded() {
    let project = Project::new();
    project.apply(&things(&[("a", ""), ("b", "")])).await;
    project
        .run(&things(&[("a", "depends_on = [thing.b]"), ("b", "")]), ha_plan::PlanMode::Normal)
        .await
        .unwrap();
    project.world.take_log();
    project.destroy("").await;
    project.world.assert_done_in_order(
        &["delete thing.a", "delete thing.b"],
        &[("delete thing.a", "delete thing.b")],
    );
}

#[tokio::test]
async fn parallelism_limits_running_steps() {
    let text = "resource \"thing\" \"a\" {\n count = 9\n name = \"${count.index}\"\n}";
    for parallelism in [1, 4] {
        let mut world = World::default();
        world.pace = Pace::Meets(parallelism);
        let project = Project { parallelism, world, ..Project::new() };
        project.apply(text).await;
        assert_eq!(project.world.look().at_once, parallelism);
    }
}
