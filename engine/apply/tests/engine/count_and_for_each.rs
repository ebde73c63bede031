//! `count`, `for_each` and `enabled`.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn count_grows_and_shrinks() {
    let project = Project::new();
    let text = |count: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              count = {count}
              name  = "a${{count.index}}"
            }}
            output "arns" {{ value = thing.a[*].arn }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
+ thing.a[0] digest="digest of nothing", name="a0", size=1
+ thing.a[1] digest="digest of nothing", name="a1", size=1
output arns: none -> [?(thing.a[0].arn), ?(thing.a[1].arn)]

"#]]
    );
    assert_data_eq!(
        project.apply(&text(3)).await,
        str![[r#"
+ thing.a[2] digest="digest of nothing", name="a2", size=1
output arns: ["arn:thing-a0-1", "arn:thing-a1-1"] -> ["arn:thing-a0-1", "arn:thing-a1-1", ?(thing.a[2].arn)]

"#]]
    );
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
- thing.a[1] [CountIndex]
- thing.a[2] [CountIndex]
output arns: ["arn:thing-a0-1", "arn:thing-a1-1", "arn:thing-a2-1"] -> ["arn:thing-a0-1"]

"#]]
    );
    assert_data_eq!(
        project.apply(&text(0)).await,
        str![[r#"
- thing.a[0] [CountIndex]
output arns: ["arn:thing-a0-1"] -> []

"#]]
    );
}

#[tokio::test]
async fn for_each_grows_and_shrinks() {
    let project = Project::new();
    let text = |keys: &str| {
        format!(
            r#"
            resource "thing" "a" {{
              for_each = {{ {keys} }}
              name     = each.key
              note     = each.value
            }}
            resource "thing" "b" {{
              for_each = thing.a
              name     = "b-${{each.key}}"
              note     = each.value.arn
            }}
            "#
        )
    };
    project.apply(&text("x = \"1\", \"y.z\" = \"2\"")).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text("x = \"3\", w = \"4\"")).await,
        str![[r#"
+ thing.a["w"] digest="digest of 4", name="w", note="4", size=1
~ thing.a["x"] digest: "digest of 1" -> "digest of 3", note: "1" -> "3", revision: 1 -> ?(thing.a["x"].revision)
- thing.a["y.z"] [EachKey]
+ thing.b["w"] name="b-w", note=?(thing.a["w"].arn), size=1 because of thing.a
- thing.b["y.z"] [EachKey]

"#]]
    );
    let calls = [
        "create thing.a[\"w\"]",
        "create thing.b[\"w\"]",
        "update thing.a[\"x\"]",
        "delete thing.a[\"y.z\"]",
        "delete thing.b[\"y.z\"]",
    ];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[4], calls[3])]);
}

#[tokio::test]
async fn keys_must_be_known_and_values_need_not_be() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        resource "thing" "b" {
          for_each = { one = thing.a.arn, two = "2" }
          name     = each.key
          note     = each.value
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.b["one"] name="one", note=?(thing.a.arn), size=1 because of thing.a
+ thing.b["two"] digest="digest of 2", name="two", note="2", size=1 because of thing.a

"#]]
    );
    let unknown = r#"
        resource "thing" "a" { name = "a" }
        resource "thing" "c" { name = "c" }
        resource "thing" "b" {
          for_each = { (thing.c.arn) = "1" }
          name     = each.key
        }
        resource "thing" "d" {
          count = thing.c.revision
          name  = "d"
        }
        resource "thing" "e" {
          name = "e"
          lifecycle { enabled = thing.c.arn == "x" }
        }
    "#;
    assert_data_eq!(
        project.plan(unknown).await,
        str![[r#"
the keys of `for_each` must be known while planning: Which instances there will be is not known yet (it waits for `thing.c.arn`). Give it a map whose keys are known; its values need not be. [thing.b]
`count` must be known while planning: How many there will be is not known yet (it waits for `thing.c.revision`). [thing.d]
`enabled` must be known while planning: Whether it holds is not known yet (it waits for `thing.c.arn`). [thing.e]

"#]]
    );
}

#[tokio::test]
async fn enabled_controls_the_one_instance() {
    let project = Project::new();
    let text = |enabled: &str| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              lifecycle {{ enabled = {enabled} }}
            }}
            output "there" {{ value = thing.a != null }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text("true")).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
output there: none -> true

"#]]
    );
    assert_data_eq!(
        project.apply(&text("false")).await,
        str![[r#"
- thing.a [NotEnabled]
output there: true -> false

"#]]
    );
    assert_data_eq!(
        project.apply(&text("true")).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
output there: false -> true

"#]]
    );
}

#[tokio::test]
async fn a_block_may_become_many() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    assert_data_eq!(
        project.apply("resource \"thing\" \"a\" {\n count = 1\n name = \"a\"\n}").await,
        str![[r#"
> thing.a thing.a[0]

"#]]
    );
}

#[tokio::test]
async fn a_reference_to_a_missing_instance_is_reported() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          count = 2
          name  = "a"
        }
        output "third" { value = thing.a[2].name }
    "#;
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
there is no instance `thing.a[2]`

"#]]
    );
}
