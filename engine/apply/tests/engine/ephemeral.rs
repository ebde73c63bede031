//! Ephemeral values.

use ha_plan::{Plan, PlanMode};
use ha_value::Value;

use crate::project::Project;
use crate::show;

const TEXT: &str = r#"
    variable "token" {
      ephemeral = true
    }
    variable "other" {
      ephemeral = true
      sensitive = true
      default   = "canary-default"
    }
    resource "thing" "a" { name = "a" }
    resource "thing" "b" {
      name = "b"
      note = thing.a.id
      lifecycle {
        precondition {
          condition     = var.token == "canary-token" && var.other == "canary-default" && thing.a.id != ""
          error_message = "it is another token"
        }
      }
    }
"#;

#[tokio::test]
async fn a_saved_plan_needs_ephemeral_values_again() {
    let mut project = Project::new();
    project.variables = [("token".into(), "canary-token".into())].into();
    let plan = project.try_plan(TEXT).await.unwrap();
    let mut written = serde_json::to_value(&plan).unwrap();
    written["snapshot"]["sources"] = serde_json::json!([]);
    assert!(!written.to_string().contains("canary"), "{written}");
    let kept: Plan = serde_json::from_value(written).unwrap();
    assert!(kept.snapshot.variables.is_empty());
    let request = project.request(TEXT, PlanMode::Normal).unwrap();
    let writer = std::sync::Arc::new(project.open());
    let engine = project.engine();
    let apply = async |plan: &Plan| {
        engine
            .apply(
                plan,
                &request.configuration,
                &request.files,
                &writer,
                &project.observer,
                &project.cancel,
            )
            .await
    };
    let told = show::diagnostics(&apply(&kept).await.unwrap_err());
    assert!(told.starts_with("the variable `token` needs its value again"), "{told}");
    assert!(project.world.names().is_empty() && writer.read(|it| it.records.is_empty()));
    let given = |value: &str| {
        let mut plan = kept.clone();
        let own: Value = "of the plan".into();
        plan.snapshot.give(
            &request.configuration,
            [("token".into(), value.into()), ("unknown".into(), own)].into(),
        );
        plan
    };
    assert!(!given("canary-token").snapshot.ephemeral.contains_key("unknown"));
    let applied = apply(&given("another")).await.unwrap();
    assert_eq!(applied.failed.len(), 1, "{}", show::applied(&applied));
    assert_eq!(project.world.names(), ["thing a"]);
}

#[tokio::test]
async fn an_ephemeral_default_need_not_be_given_again() {
    let text =
        TEXT.replace("variable \"token\" {", "variable \"token\" {\n default = \"canary-token\"");
    let project = Project::new();
    project.apply(&text).await;
    let state = project.state();
    let written =
        serde_json::to_string(&(state.records.values().collect::<Vec<_>>(), &state.outputs))
            .unwrap();
    assert!(!written.contains("canary"), "{written}");
    let kept: Plan = serde_json::from_str(
        &serde_json::to_string(&project.try_plan(&text).await.unwrap()).unwrap(),
    )
    .unwrap();
    assert!(project.apply_plan(&text, &kept).await.is_complete());
}
