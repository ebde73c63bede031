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
async fn what_cannot_be_read_for_a_check_stops_nothing() {
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
    // What is not asked for by a check must be there.
    let outside = "data \"fact\" \"city\" { key = \"city\" }";
    assert_data_eq!(
        project.plan(outside).await,
        str![[r#"
could not look up it (`data.fact.city`): nothing is known of `city`

"#]]
    );
}

#[tokio::test]
async fn conditions_of_what_a_check_reads_warn() {
    let project = Project::new();
    project.world.fact("city", "Bern");
    let condition = "condition = self.value == \"Basel\"\n error_message = \"not ${self.value}\"";
    let text = TEXT.replace("depends_on", &format!("lifecycle {{\n postcondition {{\n {condition}\n }}\n }}\n depends_on"));
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
