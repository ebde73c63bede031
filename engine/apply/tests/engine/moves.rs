//! Moved instances.

use ha_apply::RefreshMode;
use ha_value::InstanceKey;
use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::terraform::check;

#[tokio::test]
async fn a_moved_instance_changes_only_its_address() {
    let project = Project::new();
    project
        .apply("resource \"thing\" \"a\" { name = \"a\" }\nresource \"thing\" \"user\" {\n name = \"u\"\n note = thing.a.id\n}")
        .await;
    let id = project.world.id("thing", "a");
    project.world.look().calls.clear();
    let text = r#"
        resource "thing" "b" {
          name = "a"
        }
        resource "thing" "user" {
          name = "u"
          note = thing.b.id
        }
        moved {
          from = thing.a
          to   = thing.b
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
> thing.a thing.b

"#]]
    );
    let state = project.state();
    assert_eq!(state.records[&"thing.b".parse().unwrap()].id, id);
    assert_eq!(state.records.len(), 2);
    let calls = project.world.look().calls.clone();
    assert!(["create", "update", "delete"].iter().all(|it| !calls.contains_key(*it)), "{calls:?}");
    // The block may stay for states to which it was not applied yet.
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
nothing

"#]]
    );
}

#[tokio::test]
async fn a_move_may_come_with_a_change() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    let text = "resource \"thing\" \"b\" {\n name = \"a\"\n size = 7\n}\nmoved {\n from = thing.a\n to = thing.b\n}";
    let plan = project.try_plan(text).await.unwrap();
    assert_eq!(plan.changes[0].moved_from, Some("thing.a".parse().unwrap()));
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
> thing.a thing.b
~ thing.b revision: 1 -> ?(thing.b.revision), size: 1 -> 7

"#]]
    );
}

#[tokio::test]
async fn a_plan_with_moves_is_stale_when_what_moves_has_changed() {
    let mut project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    let text =
        "resource \"thing\" \"b\" { name = \"a\" }\nmoved {\n from = thing.a\n to = thing.b\n}";
    let plan = project.try_plan(text).await.unwrap();
    assert!(!plan.is_empty() && plan.has_work());
    assert_eq!(plan.outdated(&project.state()), []);
    project.refresh = RefreshMode::None;
    project.apply("resource \"thing\" \"a\" {\n name = \"a\"\n size = 3\n}").await;
    assert_eq!(plan.outdated(&project.state()), ["thing.a".parse().unwrap()]);
}

#[tokio::test]
async fn a_move_to_a_recorded_address_is_refused() {
    let project = Project::new();
    project
        .apply(
            "resource \"thing\" \"a\" { name = \"a\" }\nresource \"thing\" \"b\" { name = \"b\" }",
        )
        .await;
    let text =
        "resource \"thing\" \"b\" { name = \"b\" }\nmoved {\n from = thing.a\n to = thing.b\n}";
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
- thing.a [NoConfiguration]
warning: `thing.a` is not moved to `thing.b`: that address is in use

"#]]
    );
}

#[tokio::test]
async fn another_kind_is_refused() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    let text = "resource \"memo\" \"b\" {}\nmoved {\n from = thing.a\n to = memo.b\n}";
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
`thing` cannot become `memo`: they are kinds of their own

"#]]
    );
}

#[tokio::test]
async fn moves_precede_a_destroy() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    project
        .destroy(
            "resource \"thing\" \"b\" { name = \"a\" }\nmoved {\n from = thing.a\n to = thing.b\n}",
        )
        .await;
    assert_eq!(project.world.count(), 0);
    assert!(project.state().records.is_empty());
}

#[tokio::test]
async fn deposed_objects_move_with_their_instance() {
    let project = Project::new();
    let text = |name: &str, block: &str| {
        format!(
            "resource \"thing\" \"{block}\" {{\n name = \"{name}\"\n lifecycle {{\n create_before_destroy = true\n }}\n}}"
        )
    };
    project.apply(&text("one", "a")).await;
    project.world.fail("delete thing.a", crate::mock::Fault::Refused);
    project.run(&text("two", "a"), ha_plan::PlanMode::Normal).await.unwrap();
    assert_eq!(project.state().deposed.len(), 1);
    let moved = format!("{}\nmoved {{\n from = thing.a\n to = thing.b\n}}", text("two", "b"));
    assert_data_eq!(
        project.apply(&moved).await,
        str![[r#"
> thing.a thing.b
- thing.b (deposed) [Deposed]

"#]]
    );
    assert_eq!(project.world.names(), ["thing two"]);
}

#[tokio::test]
async fn chained_moves_and_swapped_keys_match_terraform() {
    let without_x = "\n=== inner/main.hcl\nresource \"memo\" \"y\" {\n count = 2\n input = 2\n}\n";
    let inner = "\n=== inner/main.hcl\nresource \"memo\" \"x\" {\n input = 1\n}\nresource \"memo\" \"y\" {\n count = 2\n input = 2\n}\n";
    let old = format!(
        r#"
        resource "memo" "one" {{
          input = 1
        }}
        resource "memo" "many" {{
          for_each = {{ a = 1, b = 2 }}
          input    = each.value
        }}
        module "m" {{
          source = "./inner"
        }}
        {inner}"#
    );
    let new = format!(
        r#"
        resource "memo" "three" {{
          count = 2
          input = 1
        }}
        resource "memo" "other" {{
          for_each = {{ b = 2, c = 1 }}
          input    = each.value
        }}
        resource "memo" "out" {{
          input = 1
        }}
        module "n" {{
          source   = "./inner"
          for_each = toset(["k"])
        }}
        moved {{
          from = memo.two
          to   = memo.three
        }}
        moved {{
          from = memo.one
          to   = memo.two
        }}
        moved {{
          from = memo.many
          to   = memo.other
        }}
        moved {{
          from = memo.other["a"]
          to   = memo.other["c"]
        }}
        moved {{
          from = module.m
          to   = module.n["k"]
        }}
        moved {{
          from = module.n["k"].memo.x
          to   = memo.out
        }}
        {without_x}"#
    );
    check(&[
        (
            &old,
            &[
                "+ memo.many[\"a\"]",
                "+ memo.many[\"b\"]",
                "+ memo.one",
                "+ module.m.memo.x",
                "+ module.m.memo.y[0]",
                "+ module.m.memo.y[1]",
            ],
        ),
        (
            &new,
            &[
                "= memo.other[\"b\"]",
                "= memo.other[\"c\"]",
                "= memo.out",
                "- memo.three",
                "+ memo.three[0]",
                "+ memo.three[1]",
                "= module.n[\"k\"].memo.y[0]",
                "= module.n[\"k\"].memo.y[1]",
            ],
        ),
        (&new, &[]),
    ])
    .await;
}

#[tokio::test]
async fn count_implies_moves() {
    let text = |x: &str, y: &str| {
        format!(
            "resource \"memo\" \"x\" {{\n {x}\n input = 1\n}}\nresource \"memo\" \"y\" {{\n {y}\n input = 1\n}}"
        )
    };
    check(&[
        (&text("", "count = 2"), &["+ memo.x", "+ memo.y[0]", "+ memo.y[1]"]),
        (&text("count = 1", ""), &["= memo.x[0]", "= memo.y", "- memo.y[1]"]),
        (&text("for_each = { a = 1 }", ""), &["+ memo.x[\"a\"]", "- memo.x[0]"]),
    ])
    .await;
}

#[tokio::test]
async fn a_thousand_instances_move_at_once() {
    let project = Project::new();
    let text = |name: &str, moved: &str| {
        format!(
            "resource \"memo\" \"{name}\" {{\n count = 1000\n input = count.index\n}}\nresource \"memo\" \"user\" {{\n input = memo.{name}[*].output\n}}\n{moved}"
        )
    };
    project.apply(&text("a", "")).await;
    let moved: String = (0..1000)
        .map(|it| format!("moved {{\n from = memo.a[{it}]\n to = memo.b[{it}]\n}}\n"))
        .collect();
    let text = text("b", &moved);
    let plan = project.try_plan(&text).await.unwrap();
    assert_eq!(plan.moves.len(), 1000);
    assert!(plan.changes.is_empty());
    project.apply(&text).await;
    let state = project.state();
    assert!(state.records.keys().all(|it| &*it.block.name != "a"));
    assert!(state.records.keys().any(|it| it.key == InstanceKey::Index(999)));
}

/// An instance, a resource or a module that is still asked for has not moved away, whatever its
/// keys are.
#[tokio::test]
async fn a_configured_source_is_not_moved() {
    let thing = |name: &str, keys: &str| {
        format!(
            "resource \"memo\" \"{name}\" {{\n for_each = toset([{keys}])\n input = each.key\n}}\n"
        )
    };
    let moved = |from: &str, to: &str| format!("moved {{\n from = {from}\n to = {to}\n}}\n");
    let both = |keys: &str| thing("a", keys) + &thing("b", "\"x\"");
    let (one, other) = ("memo.a[\"x\"]", "memo.a[\"y\"]");
    for (text, is_there) in [
        (thing("a", "\"x\", \"y\"") + &moved(one, other), true),
        (thing("a", "\"x\"") + &moved(one, other), true),
        (thing("a", "\"y\"") + &moved(one, other), false),
        (both("\"x\"") + &moved(one, "memo.b[\"x\"]"), true),
        (both("\"z\"") + &moved(one, "memo.b[\"x\"]"), false),
        (both("\"x\"") + &moved("memo.a", "memo.b"), true),
        (both("") + &moved("memo.a", "memo.b"), false),
        (thing("b", "\"x\"") + &moved("memo.a", "memo.b"), false),
        (thing("a", "\"x\"") + &moved("memo.a", one), false),
    ] {
        let project = Project::new();
        let told = project.plan(&text).await;
        assert_eq!(told.contains("is still in the configuration"), is_there, "{text}\n{told}");
    }
}
