//! `removed` blocks and `prevent_destroy`.

use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::terraform::check;

const TWO: &str = r#"
    resource "thing" "a" {
      name = "a"
    }
    resource "thing" "b" {
      name = "b"
      note = thing.a.id
    }
"#;

#[tokio::test]
async fn a_forgotten_object_is_not_deleted() {
    let project = Project::new();
    project.apply(TWO).await;
    project.world.look().calls.clear();
    let text = r#"
        resource "thing" "b" {
          name = "b"
          note = "thing-a-1"
        }
        removed {
          from = thing.a
          lifecycle {
            destroy = false
          }
        }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
. thing.a [NoConfiguration]

"#]]
    );
    assert_eq!(project.world.names(), ["thing a", "thing b"]);
    assert_eq!(project.state().records.len(), 1);
    assert!(!project.world.look().calls.contains_key("delete"));
}

#[tokio::test]
async fn prevent_destroy_allows_forgetting() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" {\n name = \"a\"\n lifecycle {\n prevent_destroy = true\n }\n}").await;
    let text = "removed {\n from = thing.a\n lifecycle {\n destroy = false\n }\n}";
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
. thing.a [NoConfiguration]

"#]]
    );
    assert_eq!(project.world.count(), 1);
}

#[tokio::test]
async fn plans_match_terraform() {
    let inner = "\n=== inner/main.hcl\nresource \"memo\" \"x\" {\n count = 2\n input = 1\n}\n";
    let before = format!(
        "resource \"memo\" \"a\" {{}}\nresource \"memo\" \"b\" {{}}\nmodule \"m\" {{\n source = \"./inner\"\n}}\n{inner}"
    );
    let removed = |from: &str, destroy: bool| {
        format!("removed {{\n from = {from}\n lifecycle {{\n destroy = {destroy}\n }}\n}}\n")
    };
    let after = removed("memo.a", false) + &removed("memo.b", true) + &removed("module.m", false);
    check(&[
        (&before, &["+ memo.a", "+ memo.b", "+ module.m.memo.x[0]", "+ module.m.memo.x[1]"]),
        (&after, &[". memo.a", "- memo.b", ". module.m.memo.x[0]", ". module.m.memo.x[1]"]),
        (&after, &[]),
    ])
    .await;
}
