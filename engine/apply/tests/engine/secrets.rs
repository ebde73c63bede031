//! Secrets, from input to storage.

use snapbox::{assert_data_eq, str};

use crate::mock::Fault;
use crate::project::Project;

const TEXT: &str = r#"
    variable "word" {
      default   = "canary-one"
      sensitive = true
    }
    resource "thing" "a" {
      name     = "a"
      password = "canary-two"
      note     = "say ${var.word}!"
      labels   = { open = "x", closed = var.word }
      anything = { deep = [var.word] }
    }
    resource "memo" "m" {
      input = { word = var.word }
    }
    resource "thing" "b" {
      name = "b"
      note = "a says ${thing.a.note} to ${thing.a.labels.closed} of ${thing.a.password} and ${memo.m.output.word}"
    }
"#;

#[tokio::test]
async fn sensitive_marks_follow_values() {
    let project = Project::new();
    assert_data_eq!(
        project.apply(TEXT).await,
        str![[r#"
+ memo.m input={word=secret}, output={word=secret}
+ thing.a anything={deep=[secret]}, digest=secret, labels={closed=secret, open="x"}, name="a", note="say "+secret+"!", password=secret, size=1
+ thing.b digest=secret, name="b", note="a says say "+secret+"! to "+secret+" of "+secret+" and "+secret, size=1 because of memo.m, thing.a

"#]]
    );
    let state = project.state();
    let record = &state.records[&"thing.a".parse().unwrap()];
    assert_data_eq!(
        crate::show::value(&ha_value::Value::object(record.arguments.clone())),
        str![[
            r#"{anything={deep=[secret]}, labels={closed=secret, open="x"}, name="a", note="say "+secret+"!", password=secret, size=1, zone="zone-a"}"#
        ]]
    );
    // Refresh removes no marks.
    project.world.change("thing", "a", "note", "say canary-three!");
    assert_data_eq!(
        project.plan(TEXT).await,
        str![[r#"
~ thing.a digest: secret -> secret, note: secret -> "say "+secret+"!", revision: 1 -> ?(thing.a.revision)
! thing.a note, digest

"#]]
    );
    project.apply(TEXT).await;
    // Afterwards it is as the configuration says, piece by piece.
    let record = &project.state().records[&"thing.a".parse().unwrap()];
    assert_data_eq!(crate::show::value(&record.arguments["note"]), str![[r#""say "+secret+"!""#]]);
}

#[tokio::test]
async fn a_new_sensitive_mark_needs_no_call() {
    let project = Project::new();
    let open = TEXT.replace("sensitive = true", "");
    project.apply(&open).await;
    project.world.take_log();
    let (plan, applied) = project.run(TEXT, ha_plan::PlanMode::Normal).await.unwrap();
    assert!(plan.is_empty() && plan.has_work() && applied.is_complete());
    assert!(project.world.take_log().is_empty());
    let state = project.state();
    assert!(state.records[&"thing.a".parse().unwrap()].arguments["note"].is_sensitive());
    assert!(state.records[&"memo.m".parse().unwrap()].outputs["output"].contains_sensitive());
    project.assert_settled(TEXT).await;
}

#[tokio::test]
async fn drivers_get_secrets_and_events_do_not() {
    let project = Project::new();
    project.apply(TEXT).await;
    let id = project.world.id("thing", "a");
    assert_eq!(project.world.look().things[&id].arguments["password"], "canary-two".into());
    let events = format!("{:?}", project.events.0.lock().unwrap());
    assert!(!events.contains("canary"), "{events}");
}

#[tokio::test]
async fn secrets_in_service_errors_are_redacted() {
    let project = Project::new();
    let check = |outcome: String| {
        assert!(outcome.contains("(sensitive)") && !outcome.contains("canary"), "{outcome}");
        let events = format!("{:?}", project.events.0.lock().unwrap());
        assert!(events.contains("asking for") && !events.contains("canary"), "{events}");
    };
    for address in ["thing.a", "thing.b"] {
        project.world.fail(&format!("create {address}"), Fault::Quotes);
        check(project.try_apply(TEXT).await);
    }
    project.apply(TEXT).await;
    project.world.fail("update thing.a", Fault::Quotes);
    check(project.try_apply(&TEXT.replace("say $", "tell $")).await);
    project.world.fail("delete thing.b", Fault::Quotes);
    let (_, applied) = project.run(TEXT, ha_plan::PlanMode::Destroy).await.unwrap();
    check(crate::show::applied(&applied));
}

#[tokio::test]
async fn drift_is_as_secret_as_the_configuration_in_plans_that_do_not_follow_it() {
    let project = Project::new();
    project.apply(&TEXT.replace("sensitive = true", "")).await;
    project.world.change("thing", "a", "note", "say canary-three!");
    for mode in [ha_plan::PlanMode::RefreshOnly, ha_plan::PlanMode::Destroy] {
        let request = project.request(TEXT, mode).unwrap();
        let state = project.state();
        let plan = project.engine().plan(&request, &state, &*project.events).await.unwrap();
        let drift = plan.drift.iter().find(|it| it.address.to_string() == "thing.a").unwrap();
        assert!(drift.after.as_ref().unwrap()["note"].is_sensitive(), "{mode:?}");
        let read = plan.changes.iter().find(|it| it.address.to_string() == "thing.a");
        assert!(read.is_none_or(|it| it.before.as_ref().unwrap()["note"].is_sensitive()));
        let settled = plan.settled.iter().find(|it| it.address().to_string() == "thing.a");
        if let Some(ha_plan::RefreshUpdate::Seen(record)) = settled {
            assert!(record.arguments["note"].is_sensitive(), "{mode:?}");
        }
    }
}
