//! Documents: strings that are worked out like a function, with what is secret or unknown in them
//! kept apart.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

const LETTER: &str = r#"
    variable "password" {
      default   = "hush"
      sensitive = true
    }
    resource "thing" "a" { name = "a" }
    data "letter" "l" {
      text = "a is ${thing.a.arn}, the password ${var.password}"
    }
    data "letter" "around" {
      text = "he wrote: ${data.letter.l.whole}"
    }
    resource "thing" "b" {
      name = "b"
      note = data.letter.around.whole
    }
    output "letter" {
      value     = data.letter.l.whole
      sensitive = true
    }
"#;

#[tokio::test]
async fn a_document_is_partly_known_until_apply() {
    let project = Project::new();
    assert_data_eq!(
        project.apply(LETTER).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
+ thing.b name="b", note="Dear all,/nHE WROTE: DEAR ALL,/nA IS "+?(thing.a.arn)+", THE PASSWORD "+secret+"/n/n", size=1 because of data.letter.around from data.letter.l from thing.a
output letter: none -> secret+secret ?(thing.a.arn)+secret+secret+secret

"#]]
    );
    let id = project.world.id("thing", "b");
    let note = project.world.look().things[&id].arguments["note"].clone();
    assert_data_eq!(
        note.as_str().unwrap().to_owned(),
        str![[r#"
Dear all,
HE WROTE: DEAR ALL,
A IS ARN:THING-A-1, THE PASSWORD HUSH


"#]]
    );
    // One word changes, and the plan shows which.
    let changed = LETTER.replace("the password", "the new password");
    assert_data_eq!(
        project.apply(&changed).await,
        str![[r#"
~ thing.b digest: secret -> secret, note: "Dear all,/nHE WROTE: DEAR ALL,/nA IS ARN:THING-A-1, THE PASSWORD "+secret+"/n/n" -> "Dear all,/nHE WROTE: DEAR ALL,/nA IS ARN:THING-A-1, THE NEW PASSWORD "+secret+"/n/n", revision: 1 -> ?(thing.b.revision)
output letter: secret+secret+secret -> secret+secret+secret

"#]]
    );
}

#[tokio::test]
async fn an_unknown_argument_makes_a_document_unknown() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        data "letter" "l" {
          text = "hello"
          to   = thing.a.arn
          lifecycle {
            postcondition {
              condition     = self.whole != ""
              error_message = "it is empty"
            }
          }
        }
        output "letter" { value = data.letter.l.whole }
    "#;
    assert_data_eq!(
        project.apply(text).await,
        str![[r#"
+ thing.a digest="digest of nothing", name="a", size=1
output letter: none -> ?(thing.a.arn)

"#]]
    );
    let wrong = text.replace("!= \"\"", "== \"\"");
    assert_data_eq!(
        project.plan(&wrong).await,
        str![[r#"
a condition does not hold: it is empty [data.letter.l]

"#]]
    );
}

#[tokio::test]
async fn a_secret_argument_makes_a_document_secret() {
    let project = Project::new();
    let text = r#"
        variable "name" {
          default   = "secret name"
          sensitive = true
        }
        resource "thing" "a" { name = "a" }
        data "letter" "l" {
          text = "hello ${thing.a.arn}"
          to   = var.name
        }
        output "letter" { value = data.letter.l.whole }
    "#;
    assert_data_eq!(
        project.plan(text).await,
        str![[r#"
the output `letter` holds a secret

"#]]
    );
}

#[tokio::test]
async fn document_conditions_are_checked_when_known() {
    let project = Project::new();
    let text = r#"
        resource "thing" "a" { name = "a" }
        data "letter" "l" {
          text = "hello ${thing.a.arn}"
          lifecycle {
            postcondition {
              condition     = length(self.whole) < 2
              error_message = "it is ${self.whole}"
            }
          }
        }
        resource "thing" "b" {
          name = "b"
          note = data.letter.l.whole
        }
    "#;
    assert_data_eq!(
        project.try_apply(text).await,
        str![[r#"
Create thing.b failed: a condition does not hold: it is Dear all,
HELLO ARN:THING-A-1
 [data.letter.l]

"#]]
    );
    assert_eq!(project.world.names(), ["thing a"]);
}
