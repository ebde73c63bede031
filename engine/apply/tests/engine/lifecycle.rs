//! Making, changing and deleting.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn new_resources_are_created_once() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          name = "a"
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1

"#]]
    );
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
nothing

"#]]
    );
}

#[tokio::test]
async fn an_update_affects_volatile_outputs_only() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            resource "thing" "of_arn" {{
              name = "b"
              note = thing.a.arn
            }}
            resource "thing" "of_revision" {{
              name = "c"
              note = "revision ${{thing.a.revision}}"
            }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.of_arn name="b", note=?(thing.a.arn), size=1 because of thing.a
+ thing.of_revision name="c", note="revision "+?(thing.a.revision), size=1 because of thing.a

"#]]
    );
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
~ thing.of_revision digest: "digest of revision 1" -> ?(thing.of_revision.digest), note: "revision 1" -> "revision "+?(thing.a.revision), revision: 1 -> ?(thing.of_revision.revision) because of thing.a

"#]]
    );
    let pairs = [("update thing.a", "update thing.of_revision")];
    project.world.assert_done_in_order(&["update thing.a", "update thing.of_revision"], &pairs);
}

#[tokio::test]
async fn only_a_configured_argument_differs_when_omitted() {
    let project = Project::new();
    let set = r#"
        resource "thing" "a" {
          name   = "a"
          size   = 5
          note   = "n"
          zone   = "mine"
          labels = { x = "y" }
        }
    "#;
    project.apply(set).await;
    let left_out = r#"
        resource "thing" "a" {
          name   = "a"
          labels = null
        }
    "#;
    assert_data_eq!(
        project.apply(left_out).await,
        str![[r#"
~ thing.a digest: "digest of n" -> "digest of nothing", labels: {x="y"} -> none, note: "n" -> none, revision: 1 -> ?(thing.a.revision), size: 5 -> 1

"#]]
    );
    // From now on the argument is to be unset, also when it was set outside.
    project.world.change("thing", "a", "note", "set by hand");
    assert_data_eq!(
        project.apply(left_out).await,
        str![[r#"
~ thing.a digest: "digest of set by hand" -> "digest of nothing", note: "set by hand" -> none, revision: 2 -> ?(thing.a.revision)
! thing.a note, digest

"#]]
    );
}

#[tokio::test]
async fn arguments_that_were_never_configured_are_ignored() {
    let project = Project::new();
    let plain = "resource \"thing\" \"a\" {\n name = \"a\"\n}";
    project.apply(plain).await;
    project.world.change("thing", "a", "note", "set by hand");
    project.world.change("thing", "a", "zone", "theirs");
    assert_data_eq!(
        project.apply(plain).await,
        str![[r#"
! thing.a zone, digest

"#]]
    );
    // Not even when something else changes.
    let sized = plain.replace("}", "size = 7\n}");
    assert_data_eq!(
        project.apply(&sized).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 7

"#]]
    );
    assert_eq!(
        project.world.look().things.values().next().unwrap().arguments["note"],
        "set by hand".into()
    );
}

#[tokio::test]
async fn null_counts_as_omitted() {
    let project = Project::new();
    let text = |note: &str| {
        format!(
            "variable \"note\" {{ default = {note} }}\nresource \"thing\" \"a\" {{\n name = \"a\"\n note = var.note\n}}"
        )
    };
    project.apply(&text("\"n\"")).await;
    assert_data_eq!(
        project.apply(&text("null")).await,
        str![[r#"
~ thing.a digest: "digest of n" -> "digest of nothing", note: "n" -> none, revision: 1 -> ?(thing.a.revision)

"#]]
    );
    assert_data_eq!(
        project.apply(&text("\"n\"")).await,
        str![[r#"
~ thing.a digest: "digest of nothing" -> "digest of n", note="n", revision: 2 -> ?(thing.a.revision)

"#]]
    );
}

#[tokio::test]
async fn unconfigured_instances_are_deleted() {
    let project = Project::new();
    project
        .apply(
            "resource \"thing\" \"a\" { name = \"a\" }\nresource \"thing\" \"b\" { name = \"b\" }",
        )
        .await;
    let less = "resource \"thing\" \"b\" { name = \"b\" }";
    assert_data_eq!(
        project.apply(less).await,
        str![[r#"
- thing.a [NoConfiguration]

"#]]
    );
    assert_eq!(project.world.names(), ["thing b"]);
    assert_data_eq!(
        project.destroy(less).await,
        str![[r#"
- thing.b [Destroy]

"#]]
    );
    assert_eq!(project.world.count(), 0);
}

#[tokio::test]
async fn set_elements_are_matched_by_immutable_arguments() {
    let project = Project::new();
    let text = |rules: &str| format!("resource \"thing\" \"a\" {{\n name = \"a\"\n {rules}\n}}");
    project.apply(&text("rule { port = 1 }\n rule {\n port = 2\n note = \"x\"\n }")).await;
    // In another order, nothing differs.
    assert_data_eq!(
        project.apply(&text("rule {\n port = 2\n note = \"x\"\n }\n rule { port = 1 }")).await,
        str![[r#"
nothing

"#]]
    );
    assert_data_eq!(
        project.apply(&text("rule { port = 1 }\n rule {\n port = 2\n note = \"y\"\n }")).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), rule: {{note="x", port=2}, {port=1}} -> {{note="y", port=2}, {port=1}}

"#]]
    );
    assert_data_eq!(
        project.apply(&text("rule { port = 1 }\n rule { port = 3 }")).await,
        str![[r#"
-+ thing.a [CannotUpdate] rule!: {{note="y", port=2}, {port=1}} -> {{port=1}, {port=3}}

"#]]
    );
    assert_data_eq!(
        project.apply(&text("rule { port = 1 }")).await,
        str![[r#"
-+ thing.a [CannotUpdate] rule!: {{port=1}, {port=3}} -> {{port=1}}

"#]]
    );
    assert_data_eq!(
        project.apply(&text("")).await,
        str![[r#"
-+ thing.a [CannotUpdate] rule!: {{port=1}} -> none

"#]]
    );
}

#[tokio::test]
async fn service_choices_in_a_block_are_no_difference() {
    let project = Project::new();
    let text =
        |listeners: &str| format!("resource \"thing\" \"a\" {{\n name = \"a\"\n {listeners}\n}}");
    project.apply(&text("listener { port = 1 }\n listener { port = 2 }")).await;
    assert_data_eq!(
        project.apply(&text("listener { port = 1 }\n listener { port = 3 }")).await,
        str![[r#"
~ thing.a listener: [{port=1, protocol="picked"}, {port=2, protocol="picked"}] -> [{port=1, protocol="picked"}, {port=3, protocol="picked"}], revision: 1 -> ?(thing.a.revision)

"#]]
    );
    assert_data_eq!(
        project.apply(&text("listener {\n port = 1\n protocol = \"udp\"\n }")).await,
        str![[r#"
~ thing.a listener: [{port=1, protocol="picked"}, {port=3, protocol="picked"}] -> [{port=1, protocol="udp"}], revision: 2 -> ?(thing.a.revision)

"#]]
    );
}

#[tokio::test]
async fn all_mistakes_are_reported_with_locations() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          size = "many"
          nme  = "a"
        }
        resource "thing" "large" {
          name = "large"
          size = 5000
        }
        resource "thin" "b" {
        }
        resource "thing" "c" {
          name     = "c"
          provider = db
        }
        resource "thing" "d" {
          name     = "d"
          provider = mock.east
        }
        resource "database" "e" {
          name = "e"
        }
    "#;
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
there is no argument `nme` here [thing.a]
that is too large [thing.large]
there is no kind of resource `thin`
`thing` cannot be made by the provider `db` [thing.c]
the provider `mock.east` is not configured [thing.d]
the provider `db` is not configured: the argument `address` is required [database.e]

"#]]
    );
    assert_data_eq!(
        project.validate(text),
        str![[r#"
there is no argument `nme` here [thing.a]
that is too large [thing.large]
there is no kind of resource `thin`
`thing` cannot be made by the provider `db` [thing.c]
the provider `mock.east` is not configured [thing.d]
the provider `db` is not configured: the argument `address` is required [database.e]

"#]]
    );
}

#[tokio::test]
async fn a_self_reference_is_reported() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          name = "a"
          note = thing.b.arn
        }
        resource "thing" "b" {
          name = "b"
          note = local.it
        }
        locals {
          it = thing.a.arn
        }
    "#;
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
these refer to each other in a circle: `thing.a` refers to `thing.b`, `thing.b` refers to `local.it`, `local.it` refers to `thing.a`.

"#]]
    );
}

#[tokio::test]
async fn required_arguments_are_checked_and_ephemeral_values_not_stored() {
    let project = Project::new();
    let text = r#"
        ha {
          required_providers {
            mock = { source = "example/mock" }
            nothing = { version = "1" }
          }
        }
        variable "once" {
          ephemeral = true
          default   = "o"
        }
        resource "thing" "a" {
          name = "a"
          note = var.once
        }
    "#;
    assert_data_eq!(
        project.validate(text),
        str![[r#"
there is no provider `nothing`
`note` is stored in the state, but `var.once` is ephemeral

"#]]
    );
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
there is no provider `nothing`
`note` is stored in the state, but `var.once` is ephemeral

"#]]
    );
}
