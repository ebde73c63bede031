//! Making, changing, replacing and deleting.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn what_is_new_is_made_and_then_there_is_nothing_to_do() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          name = "a"
        }
    "#;
    assert_data_eq!(project.apply(text).await, str![[r#"
+ thing.a arn=?(thing.a.arn), digest="digest of nothing", id=?(thing.a.id), name="a", revision=?(thing.a.revision), size=1, zone=?(thing.a.zone)

"#]]);
    assert_data_eq!(project.plan(text).await, str![[r#"
nothing

"#]]);
}
