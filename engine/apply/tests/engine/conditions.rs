//! Preconditions and postconditions.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn failed_preconditions_are_reported_before_any_step() {
    let project = Project::new();
    let text = r#"
        variable "size" { default = 5 }
        data "fact" "city" {
          key = "city"
          lifecycle {
            postcondition {
              condition     = self.value == "Basel"
              error_message = "it is ${self.value}"
            }
          }
        }
        resource "thing" "a" {
          count = 2
          name  = "a${count.index}"
          size  = var.size
          lifecycle {
            precondition {
              condition     = var.size > 5
              error_message = "${var.size} is too small for ${count.index}"
            }
            postcondition {
              condition     = self.size > 6
              error_message = "${self.name} has ${self.size}"
            }
          }
        }
        output "size" {
          value = var.size
          precondition {
            condition     = var.size > 7
            error_message = "too small to tell"
          }
        }
    "#;
    project.world.fact("city", "Bern");
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
a condition does not hold: 5 is too small for 0 [thing.a[0]]
a condition does not hold: 5 is too small for 1 [thing.a[1]]
a condition does not hold: a0 has 5 [thing.a[0]]
a condition does not hold: a1 has 5 [thing.a[1]]
a condition does not hold: too small to tell [output.size]

"#]]
    );
}

#[tokio::test]
async fn unknown_conditions_are_checked_during_apply() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" {
          name = "a"
          lifecycle {
            postcondition {
              condition     = self.revision > 1
              error_message = "its revision is ${self.revision}"
            }
          }
        }
        resource "thing" "b" {
          name = "b"
          note = thing.a.arn
        }
        resource "thing" "c" { name = "c" }
        resource "thing" "d" {
          name = "d"
          lifecycle {
            precondition {
              condition     = thing.c.revision > 1
              error_message = "the revision of c is ${thing.c.revision}"
            }
          }
        }
    "#;
    assert_data_eq!(
        project.try_apply(text).await,
        str![[r#"
Create thing.a failed: a condition does not hold: its revision is 1 [thing.a]
Create thing.d failed: a condition does not hold: the revision of c is 1 [thing.d]
Create thing.b not started: needs thing.a

"#]]
    );
    // Created instances stay.
    assert_eq!(project.world.names(), ["thing a", "thing c"]);
    assert_eq!(project.state().records.len(), 2);
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
a condition does not hold: its revision is 1 [thing.a]
a condition does not hold: the revision of c is 1 [thing.d]

"#]]
    );
}

#[tokio::test]
async fn output_conditions_are_checked_at_the_end() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        output "arn" {
          value = thing.a.arn
          precondition {
            condition     = thing.a.revision > 1
            error_message = "too early"
          }
        }
    "#;
    assert_data_eq!(
        project.try_apply(text).await,
        str![[r#"
a condition does not hold: too early [output.arn]

"#]]
    );
}
