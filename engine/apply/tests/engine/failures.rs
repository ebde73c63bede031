//! Failures: what continues, and what is recorded afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_apply::Event;
use ha_provider::CallOutcome;
use snapbox::{assert_data_eq, str};

use crate::mock::Fault;
use crate::project::Project;

const TREE: &str = r#"
    resource "thing" "a" {
      name = "a"
    }
    resource "thing" "b" {
      name = "b"
      note = thing.a.arn
    }
    resource "thing" "c" {
      name = "c"
      note = thing.b.arn
    }
    resource "thing" "d" {
      name = "d"
    }
    resource "thing" "e" {
      name = "e"
      note = thing.d.arn
    }
"#;

#[tokio::test]
async fn independent_branches_continue_after_a_failure() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::Refused);
    assert_data_eq!(
        project.try_apply(TREE).await,
        str![[r#"
Create thing.a failed: could not create it: it was refused
Create thing.b not started: needs thing.a
Create thing.c not started: needs thing.a

"#]]
    );
    assert_eq!(project.world.names(), ["thing d", "thing e"]);
    assert!(project.state().unfinished.is_empty(), "what was refused leaves nothing to look for");
    project.apply(TREE).await;
}

#[tokio::test]
async fn an_unsettled_creation_is_resumed() {
    for fault in [Fault::AnswerLost, Fault::RequestLost] {
        let project = Project::new();
        project.world.fail("create thing.b", fault);
        assert_data_eq!(
            project.try_apply(TREE).await,
            str![[r#"
Create thing.b failed: could not create it: the [..] was lost
Create thing.c not started: needs thing.b

"#]]
        );
        let state = project.state();
        let unfinished: Vec<_> = state.unfinished.values().collect();
        assert_eq!(unfinished.len(), 1);
        assert!(unfinished[0].failure.as_deref().is_some_and(|it| it.contains("lost")));
        project.world.take_log();
        project.apply(TREE).await;
        assert!(project.world.take_calls().contains(&"resume thing.b".to_owned()));
        assert_eq!(project.world.count(), 5);
    }
}

#[tokio::test]
async fn a_failed_update_or_deletion_is_seen_by_the_next_run() {
    for fault in [Fault::Refused, Fault::AnswerLost, Fault::RequestLost] {
        let project = Project::new();
        project.apply(TREE).await;
        let changed = TREE.replace("name = \"d\"", "name = \"d\"\n size = 4\n");
        project.world.fail("update thing.d", fault);
        project.try_apply(&changed).await;
        project.apply(&changed).await;
        project.world.fail("delete thing.d", fault);
        let less = &TREE[..TREE.find("resource \"thing\" \"d\"").unwrap()];
        project.try_apply(less).await;
        project.apply(less).await;
        assert_eq!(project.world.count(), 3);
    }
}

#[tokio::test]
async fn a_stop_lets_running_steps_finish() {
    let project = Project { parallelism: 2, ..Project::new() };
    project.world.fail("create thing.a", Fault::Hangs);
    let cancel = project.cancel.clone();
    let stop = async {
        while project.world.look().calls.get("create").is_none_or(|it| *it < 2) {
            tokio::task::yield_now().await;
        }
        cancel.ask();
    };
    let (outcome, ()) = tokio::join!(project.try_apply(TREE), stop);
    assert_data_eq!(
        outcome,
        str![[r#"
Create thing.a failed: could not create it: it was stopped
Create thing.b not started: needs thing.a
Create thing.c not started: needs thing.a
Create thing.e not started: interrupted
interrupted

"#]]
    );
    let state = project.state();
    assert_eq!(state.unfinished.len(), 1, "it may have been made");
    assert!(state.outputs.is_empty());
    let project = Project { cancel: ha_apply::CancelSignal::new(), ..project };
    project.apply(TREE).await;
    assert_eq!(project.world.count(), 5);
}

#[tokio::test]
async fn a_late_stop_is_no_interruption() {
    let project = Project::new();
    let writer = std::sync::Arc::new(project.open());
    let request = project.request(TREE, ha_plan::PlanMode::Normal).unwrap();
    let engine = project.engine();
    let plan = engine.plan(&request, &writer.snapshot(), &*project.events).await.unwrap();
    let observer: std::sync::Arc<dyn ha_apply::EventObserver> =
        std::sync::Arc::new(StopsAtTheEnd(project.cancel.clone()));
    let applied = engine
        .apply(&plan, &request.configuration, &request.files, &writer, &observer, &project.cancel)
        .await
        .unwrap();
    assert!(project.cancel.is_asked() && applied.is_complete() && !applied.interrupted);
    assert!(applied.outputs.is_some());
}

/// Asks to stop when the last step is done.
struct StopsAtTheEnd(ha_apply::CancelSignal);

impl ha_apply::EventObserver for StopsAtTheEnd {
    fn observe(&self, event: ha_apply::Event) {
        if matches!(event, ha_apply::Event::StepDone { ref address, .. } if address.to_string() == "thing.c")
        {
            self.0.ask();
        }
    }
}

#[tokio::test]
async fn no_step_begins_after_a_failed_write() {
    let store = crate::mock::FailingStore::new();
    let project =
        Project { parallelism: 1, ..Project::over(crate::mock::World::default(), store.clone()) };
    // The provider, the intent of the first thing and its note are written, and its result is not.
    store.fail_after(3);
    assert_data_eq!(
        project.try_apply(TREE).await,
        str![[r#"
Create thing.a failed: state: could not write the state: the disk is gone
Create thing.b not started: state unwritable
Create thing.c not started: state unwritable
Create thing.d not started: state unwritable
Create thing.e not started: state unwritable

"#]]
    );
    assert_eq!(project.world.count(), 1);
    store.fail_after(usize::MAX);
    project.apply(TREE).await;
    assert_eq!(project.world.count(), 5);
}

#[tokio::test]
async fn no_step_begins_when_the_lease_is_short() {
    let store = crate::mock::FailingStore::new();
    let project =
        Project { parallelism: 1, ..Project::over(crate::mock::World::default(), store.clone()) };
    store.lasts(Some(124));
    let told = project.try_apply(TREE).await;
    let why = "it lasts for 124 more seconds, and a call may take 125";
    assert!(
        told.starts_with(
            "Create thing.a failed: state: could not change anything more under the lock of"
        ) && told.contains(why),
        "{told}"
    );
    assert_eq!(told.matches("not started: state unwritable").count(), 4, "{told}");
    assert!(project.world.take_log().is_empty() && project.state().unfinished.is_empty());
    store.lasts(Some(125));
    project.apply(TREE).await;
    assert_eq!(project.world.count(), 5);
    store.lasts(Some(0));
    project.try_apply("").await;
    assert_eq!(project.world.count(), 5);
}

#[tokio::test]
async fn no_call_begins_when_the_lease_is_short() {
    let store = crate::mock::FailingStore::new();
    let mut project =
        Project { parallelism: 1, ..Project::over(crate::mock::World::default(), store.clone()) };
    let shortens = store.clone();
    // The step has begun by then, and has the first of its calls before it.
    project.world.looks_on = Some(Arc::new(move |attempt| {
        if attempt.address().to_string() == "thing.b" {
            shortens.lasts(Some(124));
        }
    }));
    assert_data_eq!(
        project.try_apply(TREE).await,
        str![[r#"
Create thing.b failed: could not change anything more under the lock of [..]: it lasts for 124 more seconds, and a call may take 125: the store was not heard of lately, or the lock is lost
Create thing.e failed: state: could not change anything more under the lock of [..]: it lasts for 124 more seconds, and a call may take 125: the store was not heard of lately, or the lock is lost
Create thing.c not started: state unwritable

"#]]
    );
    assert_eq!(project.world.names(), ["thing a", "thing d"]);
    assert_eq!(project.state().unfinished.len(), 1, "what was begun stays on record");
    project.world.looks_on = None;
    store.lasts(None);
    project.world.take_log();
    project.apply(TREE).await;
    project.assert_one_of_each();
    assert!(
        project.world.take_log().contains(&"resume thing.b".to_owned()),
        "it is taken up again with the same token"
    );
}

#[tokio::test]
async fn a_lost_lock_stops_the_run_after_running_steps() {
    let store = crate::mock::FailingStore::new();
    let project =
        Project { parallelism: 1, ..Project::over(crate::mock::World::default(), store.clone()) };
    let losing = LosesTheLock { store, at: "thing.a" };
    let writer = std::sync::Arc::new(project.open());
    let request = project.request(TREE, ha_plan::PlanMode::Normal).unwrap();
    let plan = project.engine().plan(&request, &writer.snapshot(), &*project.events).await.unwrap();
    let (configuration, files) = (&request.configuration, &request.files);
    let observer: std::sync::Arc<dyn ha_apply::EventObserver> = std::sync::Arc::new(losing);
    let applied = project
        .engine()
        .apply(&plan, configuration, files, &writer, &observer, &project.cancel)
        .await
        .unwrap();
    assert!(!applied.is_complete() && !applied.interrupted);
    assert_eq!(applied.done.len(), 1, "what is under way ends, and its result is written down");
    assert_eq!((project.world.count(), project.state().records.len()), (1, 1));
}

#[tokio::test]
async fn pure_steps_stop_when_the_store_fails() {
    const MEMOS: &str = "resource \"memo\" \"all\" {\n  count = 600\n  input = count.index\n}\n";
    let store = crate::mock::FailingStore::new();
    let beside = tempfile::tempdir().expect("there is a place for temporary files");
    let refuge = ha_state_store::UnsentJournalStore::new(Box::new((*store).clone()), beside.path());
    let project = Project::over(crate::mock::World::default(), Arc::new(refuge));
    // The provider frames of the first steps are written; their results find the store unreachable.
    store.fail_after(1);
    let (_, applied) = project.run(MEMOS, ha_plan::PlanMode::Normal).await.unwrap();
    let [(_, _, ha_apply::StepError::State(why))] = applied.failed.as_slice() else {
        panic!("{:?}", applied.failed)
    };
    assert!(why.contains("could not change anything more"), "{why}");
    let unwritable =
        |it: &&(_, _, ha_apply::UnstartedStep)| it.2 == ha_apply::UnstartedStep::StateUnwritable;
    let (done, not_started) =
        (applied.done.len(), applied.not_started.iter().filter(unwritable).count());
    assert!(
        done > 0 && done + 1 + not_started == 600 && done < 300,
        "{done} of those under way were done"
    );
    assert_eq!(project.state().records.len(), done, "what was done is kept");
    store.fail_after(usize::MAX);
    project.apply(MEMOS).await;
    assert_eq!(project.state().records.len(), 600);
}

/// The lock does not last any more once this step has begun.
struct LosesTheLock {
    store: std::sync::Arc<crate::mock::FailingStore>,
    at: &'static str,
}

impl ha_apply::EventObserver for LosesTheLock {
    fn observe(&self, event: ha_apply::Event) {
        if matches!(event, ha_apply::Event::StepDone { ref address, .. } if address.to_string() == self.at)
        {
            self.store.lasts(Some(3));
        }
    }
}

#[tokio::test]
async fn no_step_begins_when_observations_cannot_be_written() {
    let store = crate::mock::FailingStore::new();
    let project = Project::over(crate::mock::World::default(), store.clone());
    project.apply(TREE).await;
    project.world.change("thing", "a", "size", 7);
    project.world.take_log();
    store.fail_after(0);
    assert_data_eq!(
        project.try_apply(TREE).await,
        str![[r#"
Update thing.a not started: state unwritable
the state could not be written: could not write the state: the disk is gone

"#]]
    );
    assert!(project.world.take_log().is_empty());
}

#[tokio::test]
async fn a_stale_plan_is_refused() {
    let project = Project::new();
    project.apply(TREE).await;
    let changed = TREE.replace("name = \"d\"", "name = \"d\"\n size = 4\n");
    let request = project.request(&changed, ha_plan::PlanMode::Normal).unwrap();
    let engine = project.engine();
    let plan = engine.plan(&request, &project.state(), &*project.events).await.unwrap();
    // Records that the plan does not use may change meanwhile.
    project.apply(&TREE.replace("name = \"c\"", "name = \"c\"\n size = 4\n")).await;
    assert!(plan.outdated(&project.state()).is_empty());
    project.apply(&TREE.replace("name = \"d\"", "name = \"d\"\n size = 5\n")).await;
    let writer = std::sync::Arc::new(project.open());
    let observer: std::sync::Arc<dyn ha_apply::EventObserver> = project.events.clone();
    let refused = engine
        .apply(&plan, &request.configuration, &request.files, &writer, &observer, &project.cancel)
        .await;
    assert_data_eq!(
        crate::show::diagnostics(&refused.unwrap_err()),
        str![[r#"
the plan is stale: what it touches or reads has changed since it was made [thing.d]

"#]]
    );
}

#[tokio::test]
async fn errors_keep_the_outcome_of_the_call() {
    let project = Project::new();
    project.world.fail("create thing.d", Fault::RequestLost);
    let (_, applied) = project.run(TREE, ha_plan::PlanMode::Normal).await.unwrap();
    let [(address, _, ha_apply::StepError::Provider(error))] = applied.failed.as_slice() else {
        panic!("one fails")
    };
    assert_eq!((address.to_string().as_str(), error.outcome), ("thing.d", CallOutcome::Unknown));
}

#[tokio::test]
async fn an_intent_precedes_the_creation() {
    let mut project = Project::new();
    let (store, key) = (project.store.clone(), project.key.clone());
    let seen = Arc::new(AtomicUsize::new(0));
    let count = seen.clone();
    project.world.looks_on = Some(Arc::new(move |attempt| {
        let state = ha_state_store::open_for_reading(&*store, &key).unwrap();
        let begun = state.unfinished.values().find(|it| it.intent.token == attempt.token());
        let begun = begun.expect("its intent is on disk");
        assert_eq!(&begun.intent.address, attempt.address());
        assert!(begun.intent.arguments.contains_key("name"));
        count.fetch_add(1, Ordering::SeqCst);
    }));
    project.apply(TREE).await;
    assert_eq!(seen.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_run_emits_events() {
    let project = Project::new();
    project.world.fail("create thing.b", Fault::Refused);
    project.try_apply(TREE).await;
    let events = project.events.0.lock().unwrap();
    let told: Vec<String> = events.iter().map(told).collect();
    let at = |line: &str| {
        told.iter()
            .position(|it| it == line)
            .unwrap_or_else(|| panic!("`{line}` is not in {told:?}"))
    };
    assert!(
        at("apply 5") < at("start thing.a") && at("start thing.a") < at("done thing.a thing-a-1")
    );
    assert!(
        at("done thing.a thing-a-1") < at("start thing.b")
            && at("start thing.b") < at("failed thing.b")
    );
    assert!(!told.iter().any(|it| it == "start thing.c"));
}

fn told(event: &Event) -> String {
    match event {
        Event::ApplyStarted { total } => format!("apply {total}"),
        Event::StepStarted { address, .. } => format!("start {address}"),
        Event::StepDone { address, id, .. } => {
            format!("done {address} {}", id.as_deref().unwrap_or_default())
        }
        Event::StepFailed { address, .. } => format!("failed {address}"),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn a_partial_plan_is_shown_after_an_error() {
    let project = Project::new();
    project.apply("resource \"thing\" \"a\" { name = \"a\" }").await;
    let text = r#"
        resource "thing" "a" {
          name = "a"
          size = 2
        }
        resource "thing" "b" {
          name = "b"
          size = 2000
        }
    "#;
    let failure = project.try_plan(text).await.unwrap_err();
    assert_eq!(failure.diagnostics.len(), 1);
    let plan = failure.plan.expect("something was planned");
    assert!(plan.errored);
    assert_data_eq!(
        crate::show::plan(&plan),
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2

"#]]
    );
    let request = project.request(text, ha_plan::PlanMode::Normal).unwrap();
    let writer = std::sync::Arc::new(project.open());
    let (files, observer) = (&request.files, &project.observer);
    let refused = project
        .engine()
        .apply(&plan, &request.configuration, files, &writer, observer, &project.cancel)
        .await;
    assert_eq!(refused.unwrap_err()[0].summary, "this plan is incomplete: planning failed");
    assert_eq!(project.world.names(), ["thing a"]);
}

#[tokio::test]
async fn after_an_error_nothing_is_said_of_what_waits_for_a_read() {
    let project = Project::new();
    project.world.fact("x", "fact of x");
    let text = |size: u32| {
        format!(
            r#"
            data "fact" "x" {{ key = "x" }}
            resource "thing" "reader" {{
              name = "reader"
              note = data.fact.x.value
            }}
            resource "thing" "dependent" {{
              name = "dependent"
              note = thing.reader.id
            }}
            resource "thing" "other" {{
              name = "other"
              size = 2
            }}
            resource "thing" "wrong" {{
              name = "wrong"
              size = {size}
            }}
            output "read" {{ value = data.fact.x.value }}
            "#
        )
    };
    project.apply(&text(1)).await;
    let failing = text(2000).replace("size = 2\n", "size = 3\n");
    let failure = project.try_plan(&failing).await.unwrap_err();
    assert_eq!(failure.diagnostics.len(), 1, "{}", crate::show::failure(&failure));
    assert_data_eq!(
        crate::show::plan(&failure.plan.expect("something is planned")),
        str![[r#"
~ thing.other revision: 1 -> ?(thing.other.revision), size: 2 -> 3
left out: thing.dependent, thing.reader, data.fact.x

"#]]
    );
}
