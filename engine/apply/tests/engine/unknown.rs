//! Values that are unknown during planning and become known during apply.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn an_update_may_turn_out_to_change_nothing() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            resource "thing" "b" {{
              name = "b"
              note = thing.a.revision > 0 ? "there" : "not there"
            }}
            "#
        )
    };
    project.apply(&text(1)).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
~ thing.b digest: "digest of there" -> ?(thing.b.digest), note: "there" -> ?(thing.a.revision), revision: 1 -> ?(thing.b.revision) because of thing.a

"#]]
    );
    project.world.assert_done_in_order(&["update thing.a"], &[]);
}

#[tokio::test]
async fn an_unknown_immutable_argument_replaces() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            resource "thing" "b" {{
              name = "b"
              at   = "revision ${{thing.a.revision}}"
            }}
            resource "thing" "c" {{
              name = "c"
              rule {{
                port = 5
                note = "revision ${{thing.a.revision}}"
              }}
            }}
            "#
        )
    };
    project.apply(&text(1)).await;
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
-+ thing.b [CannotUpdate] at!: "revision 1" -> "revision "+?(thing.a.revision) because of thing.a
~ thing.c revision: 1 -> ?(thing.c.revision), rule: {{note="revision 1", port=5}} -> {{note="revision "+?(thing.a.revision), port=5}} because of thing.a

"#]]
    );
}

#[tokio::test]
async fn predicted_outputs_are_known_before_creation() {
    let project = Project::new();
    let text = |note: &str| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              note = {note}
            }}
            resource "thing" "b" {{
              name = "b"
              note = thing.a.digest
            }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text("\"one\"")).await,
        str![[r#"
+ thing.a digest="digest of one", name="a", note="one", size=1
+ thing.b digest="digest of digest of one", name="b", note="digest of one", size=1 because of thing.a

"#]]
    );
    assert_data_eq!(
        project.apply(&text("\"two\"")).await,
        str![[r#"
~ thing.a digest: "digest of one" -> "digest of two", note: "one" -> "two", revision: 1 -> ?(thing.a.revision)
~ thing.b digest: "digest of digest of one" -> "digest of digest of two", note: "digest of one" -> "digest of two", revision: 1 -> ?(thing.b.revision) because of thing.a

"#]]
    );
    // The recorded value does not count when its arguments are unknown.
    let unknown = text("\"of ${thing.c.arn}\"") + "resource \"thing\" \"c\" { name = \"c\" }";
    assert_data_eq!(
        project.apply(&unknown).await,
        str![[r#"
~ thing.a digest: "digest of two" -> ?(thing.a.digest), note: "two" -> "of "+?(thing.c.arn), revision: 2 -> ?(thing.a.revision) because of thing.c
~ thing.b digest: "digest of digest of two" -> ?(thing.b.digest), note: "digest of two" -> ?(thing.a.digest), revision: 2 -> ?(thing.b.revision) because of thing.a
+ thing.c digest="digest of nothing", name="c", size=1

"#]]
    );
}

#[tokio::test]
async fn strings_keep_their_known_parts() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        resource "thing" "b" {
          name = "b"
          note = "before ${thing.a.arn} after"
        }
        output "sentence" { value = "b says: ${thing.b.note}" }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.b name="b", note="before "+?(thing.a.arn)+" after", size=1 because of thing.a
output sentence: none -> "b says: before "+?(thing.a.arn)+" after"

"#]]
    );
}

#[tokio::test]
async fn collections_may_hold_unknown_values() {
    let project = Project::new();
    let text = |name: &str| {
        format!(
            r#"
            resource "thing" "a" {{ name = "{name}" }}
            resource "memo" "m" {{
              input = {{ list = ["x", thing.a.arn], deep = {{ arn = thing.a.arn, plain = 5 }} }}
            }}
            output "arn"   {{ value = memo.m.output.deep.arn }}
            output "plain" {{ value = memo.m.output.deep.plain }}
            "#
        )
    };
    assert_data_eq!(
        project.apply(&text("a")).await,
        str![[r#"
+ memo.m input={deep={arn=?(thing.a.arn), plain=5}, list=["x", ?(thing.a.arn)]}, output={deep={arn=?(thing.a.arn), plain=5}, list=["x", ?(thing.a.arn)]} because of thing.a
+ thing.a digest="digest of nothing", name="a", size=1
output arn: none -> ?(thing.a.arn)
output plain: none -> 5

"#]]
    );
    assert_data_eq!(
        project.apply(&text("z")).await,
        str![[r#"
~ memo.m input: {deep={arn="arn:thing-a-1", plain=5}, list=["x", "arn:thing-a-1"]} -> {deep={arn=?(thing.a.arn), plain=5}, list=["x", ?(thing.a.arn)]}, output: {deep={arn="arn:thing-a-1", plain=5}, list=["x", "arn:thing-a-1"]} -> {deep={arn=?(thing.a.arn), plain=5}, list=["x", ?(thing.a.arn)]} because of thing.a
-+ thing.a [CannotUpdate] name!: "a" -> "z"
output arn: "arn:thing-a-1" -> ?(thing.a.arn)

"#]]
    );
}

#[tokio::test]
async fn dependents_of_a_failure_are_not_planned() {
    let project = Project::new();
    let text = |input: &str| {
        format!(
            r#"
            variable "m" {{ default = "text" }}
            resource "memo" "a" {{ input = {input} }}
            locals {{ passed_on = memo.a.output }}
            resource "memo" "b" {{ triggers_replace = local.passed_on }}
            resource "thing" "c" {{
              name = "c"
              note = memo.b.id
            }}
            data "fact" "of_b" {{ key = memo.b.triggers_replace }}
            resource "thing" "beyond" {{
              name = "beyond"
              note = data.fact.of_b.value
            }}
            resource "thing" "apart" {{ name = "apart" }}
            output "told" {{ value = thing.c.note }}
            "#
        )
    };
    project.world.fact("x", "told of x");
    project.apply(&text("\"x\"")).await;
    project.world.look().calls.clear();
    let failing = text("lookup(var.m, \"k\", \"x\")")
        + "resource \"thing\" \"new\" { name = memo.b.id }\nresource \"thing\" \"free\" { name = \"f\" }";
    let failure = project.try_plan(&failing).await.unwrap_err();
    assert_eq!(failure.diagnostics.len(), 1, "{}", crate::show::failure(&failure));
    let so_far = failure.plan.expect("something is planned");
    assert_data_eq!(
        crate::show::plan(&so_far),
        str![[r#"
+ thing.free digest="digest of nothing", name="f", size=1
left out: memo.b, thing.beyond, thing.c, thing.new, data.fact.of_b

"#]]
    );
    assert!(so_far.errored);
    assert_eq!(
        project.world.look().calls.get("fact"),
        None,
        "no one is asked with values that are not there"
    );
}
