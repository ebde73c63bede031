//! What `check` blocks read and say.

use ha_plan::PlanMode;
use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::show;

const TEXT: &str = r#"
    resource "thing" "it" { name = "it" }
    check "city" {
      data "fact" "city" {
        key        = "city"
        depends_on = [thing.it]
      }
      assert {
        condition     = data.fact.city.value == "Bern"
        error_message = "it is ${data.fact.city.value}"
      }
    }
"#;

#[tokio::test]
async fn a_failed_read_for_a_check_is_a_warning() {
    let project = Project::new();
    let (plan, applied) = project.run(TEXT, PlanMode::Normal).await.unwrap();
    assert_data_eq!(
        show::plan(&plan),
        str![[r#"
+ thing.it digest="digest of nothing", name="it", size=1
<= data.fact.city [ForCheck] key="city" because of thing.it

"#]]
    );
    assert!(applied.is_complete(), "{}", show::applied(&applied));
    assert_data_eq!(
        show::diagnostics(&applied.diagnostics),
        str![[r#"
could not look up it: nothing is known of `city` [data.fact.city]

"#]]
    );
    // Nothing changes, so it is read while planning.
    assert_data_eq!(
        project.plan(TEXT).await,
        str![[r#"
warning: could not look up it (`data.fact.city`)

"#]]
    );
    let (plan, applied) = project.run(TEXT, PlanMode::Normal).await.unwrap();
    assert!(plan.is_empty() && applied.is_complete(), "{}", show::applied(&applied));
    // An instance that no check needs must exist.
    let outside = "data \"fact\" \"city\" { key = \"city\" }";
    assert_data_eq!(
        project.plan(outside).await,
        str![[r#"
could not look up it (`data.fact.city`): nothing is known of `city`

"#]]
    );
}

#[tokio::test]
async fn failed_conditions_in_a_check_are_warnings() {
    let project = Project::new();
    project.world.fact("city", "Bern");
    let condition = "condition = self.value == \"Basel\"\n error_message = \"not ${self.value}\"";
    let text = TEXT.replace(
        "depends_on",
        &format!("lifecycle {{\n postcondition {{\n {condition}\n }}\n }}\n depends_on"),
    );
    let (_, applied) = project.run(&text, PlanMode::Normal).await.unwrap();
    assert!(applied.is_complete(), "{}", show::applied(&applied));
    assert_data_eq!(
        show::diagnostics(&applied.diagnostics),
        str![[r#"
a condition does not hold: not Bern [data.fact.city]

"#]]
    );
    assert_data_eq!(
        project.plan(&text).await,
        str![[r#"
warning: a condition does not hold

"#]]
    );
}

#[tokio::test]
async fn an_invalid_condition_in_a_check_is_an_error() {
    let project = Project::new();
    let check = |condition: &str| {
        format!(
            "resource \"thing\" \"it\" {{ name = \"it\" }}\ncheck \"c\" {{\n assert {{\n  condition = {condition}\n  error_message = \"no\"\n }}\n}}\noutput \"id\" {{ value = thing.it.id }}"
        )
    };
    assert_data_eq!(
        project.plan(&check("[1][length(thing.it.name)] == 1")).await,
        str![[r#"
there is no element 2

"#]]
    );
    // Also where that is known only at apply, created instances are recorded.
    let (_, applied) =
        project.run(&check("[1][length(thing.it.id)] == 1"), PlanMode::Normal).await.unwrap();
    assert!(!applied.is_complete());
    assert_data_eq!(
        show::diagnostics(&applied.diagnostics),
        str![[r#"
there is no element 10

"#]]
    );
    assert_eq!(project.state().outputs["id"].value, "thing-it-1".into());
}

#[tokio::test]
async fn a_plan_lists_the_results_of_all_conditions() {
    let project = Project::new();
    let text = r#"
        variable "size" {
          default = 3
          validation {
            condition     = var.size > 1
            error_message = "too small"
          }
        }
        resource "thing" "it" {
          for_each = toset(["a", "b"])
          name     = each.key
          lifecycle {
            precondition {
              condition     = var.size == 3
              error_message = "not three"
            }
            postcondition {
              condition     = self.id != ""
              error_message = "no id"
            }
          }
        }
        check "later" {
          assert {
            condition     = thing.it["a"].id == "b"
            error_message = "it is ${thing.it["a"].id}"
          }
        }
        check "now" {
          assert {
            condition     = var.size == 4
            error_message = "it is ${var.size}"
          }
        }
        output "o" {
          value = 1
          precondition {
            condition     = var.size != 5
            error_message = "five"
          }
        }
    "#;
    let standing = |plan: &ha_plan::Plan| {
        let each = |it: &ha_plan::CheckResult| {
            format!("{} {:?} {}", it.address, it.standing, it.problems.join("; "))
        };
        plan.checks.iter().map(|it| each(it).trim_end().to_owned()).collect::<Vec<_>>()
    };
    let (plan, applied) = project.run(text, PlanMode::Normal).await.unwrap();
    let expected = [
        "check.later Unknown",
        "check.now Fail it is 3",
        "output.o Pass",
        "thing.it[\"a\"] Unknown",
        "thing.it[\"b\"] Unknown",
        "var.size Pass",
    ];
    assert_eq!(standing(&plan), expected);
    assert!(applied.is_complete(), "{}", show::applied(&applied));
    assert_data_eq!(
        show::diagnostics(&applied.diagnostics),
        str![[r#"
a condition does not hold: it is thing-a-1 [check.later]

"#]]
    );
    let plan = project.try_plan(text).await.unwrap();
    assert_eq!(standing(&plan)[0], "check.later Fail it is thing-a-1");
    assert_eq!(standing(&plan)[3], "thing.it[\"a\"] Pass");
}
