//! Properties for random configurations, edits and failures.

use std::collections::BTreeSet;

use ha_plan::{Plan, PlanMode, StepKind};
use proptest::prelude::*;

use crate::mock::{Fault, World};
use crate::project::Project;
use crate::show;
use crate::sketch::{Limits, Sketch, edits};

const ANYTHING: Limits = Limits { blocks: 6, replaces: true, all_first: false };

fn project() -> Project {
    let project = Project::new();
    for size in 0..3 {
        project.world.fact(&format!("known{size}"), &format!("fact {size}"));
    }
    project
}

/// Runs to completion with a runtime of its own.
fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime can be built")
        .block_on(future)
}

/// So many cases, or as many as `PROPTEST_CASES` says.
fn config(cases: u32) -> ProptestConfig {
    let cases =
        std::env::var("PROPTEST_CASES").ok().and_then(|it| it.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..ProptestConfig::default()
    }
}

/// Every step comes after those it waits for, and every change has its steps.
fn assert_steps_are_sound(plan: &Plan) {
    let mut done: Vec<BTreeSet<&'static str>> = vec![BTreeSet::new(); plan.changes.len()];
    for (index, step) in plan.steps.iter().enumerate() {
        assert!(step.after.iter().all(|it| *it < index), "step {index} waits for {:?}", step.after);
        let (change, what) = match step.what {
            StepKind::Create(change) => (change, "make"),
            StepKind::Update(change) => (change, "change"),
            StepKind::Delete(change) | StepKind::Forget(change) => (change, "delete"),
            StepKind::Read(change) => (change, "read"),
            StepKind::Junction => continue,
        };
        assert!(done[change].insert(what), "{} of {} twice", what, plan.changes[change].address);
    }
    for (change, done) in plan.changes.iter().zip(done) {
        let mut expected = BTreeSet::new();
        if change.action.makes() {
            expected.insert("make");
        }
        if change.action.destroys() {
            expected.insert("delete");
        }
        match change.action {
            ha_value::Action::Update => drop(expected.insert("change")),
            ha_value::Action::Read => drop(expected.insert("read")),
            _ => {}
        }
        assert_eq!(done, expected, "of {}", change.address);
    }
}

async fn plan_of(project: &Project, text: &str) -> Plan {
    match project.try_plan(text).await {
        Ok(plan) => plan,
        Err(failure) => panic!("there is no plan:\n{}\nof\n{text}", show::failure(&failure)),
    }
}

async fn apply_all(project: &Project, sketches: &[Sketch]) {
    for sketch in sketches {
        let text = sketch.text();
        let plan = plan_of(project, &text).await;
        assert_steps_are_sound(&plan);
        let again = plan_of(project, &text).await;
        assert_eq!(
            serde_json::to_string(&plan).unwrap(),
            serde_json::to_string(&again).unwrap(),
            "the same plan twice"
        );
        project.apply(&text).await;
        project.assert_one_of_each();
    }
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn a_plan_after_apply_is_empty(sketches in edits(ANYTHING, 3)) {
        block_on(async {
            let project = project();
            apply_all(&project, &sketches).await;
            project.destroy(&sketches.last().unwrap().text()).await;
            prop_assert_eq!(project.world.count(), 0);
            Ok(())
        })?;
    }

    #[test]
    fn nothing_is_deleted_while_it_is_used(sketches in edits(Limits { replaces: false, ..ANYTHING }, 3)) {
        block_on(async {
            let project = project();
            project.world.look().strict = true;
            apply_all(&project, &sketches).await;
            project.destroy("").await;
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn nothing_is_deleted_while_it_is_used_when_new_ones_are_made_first(
        sketches in edits(Limits { all_first: true, ..ANYTHING }, 3)
    ) {
        block_on(async {
            let project = project();
            project.world.look().strict = true;
            apply_all(&project, &sketches).await;
            project.destroy("").await;
            Ok::<(), TestCaseError>(())
        })?;
    }

    #[test]
    fn any_failure_converges_without_duplicates(
        sketches in edits(ANYTHING, 2),
        faults in prop::collection::vec((0..4_usize, 0..4_usize, 0..6_usize, 0..3_usize), 0..6),
        gives_up in any::<bool>(),
    ) {
        block_on(async {
            let project = project();
            for (run, sketch) in sketches.iter().enumerate() {
                for (_, call, place, fault) in faults.iter().filter(|it| it.0 == run) {
                    arrange(&project.world, *call, *place, *fault);
                }
                let text = sketch.text();
                for _ in 0..12 {
                    let (_, applied) = match project.run(&text, PlanMode::Normal).await {
                        Ok(it) => it,
                        Err(failure) => panic!("there is no plan:\n{}", show::failure(&failure)),
                    };
                    // Sometimes the configuration changes before it was applied completely.
                    if applied.is_complete() || gives_up {
                        break;
                    }
                }
            }
            project.world.look().faults.clear();
            project.apply(&sketches.last().unwrap().text()).await;
            project.assert_one_of_each();
            project.destroy("").await;
            prop_assert_eq!(project.world.count(), 0);
            Ok(())
        })?;
    }
}

/// A server, databases in it and extensions in these, as drawn.
#[derive(Clone, Debug)]
struct Contents {
    size: u8,
    first: [bool; 2],
    /// The databases that are there, and which name each has.
    databases: [Option<u8>; 3],
    /// Whether each of them has an extension.
    extensions: [bool; 3],
}

fn contents() -> impl Strategy<Value = Contents> {
    let databases = prop::array::uniform3(prop::option::weighted(0.8, 0..2_u8));
    (0..2_u8, prop::array::uniform2(any::<bool>()), databases, prop::array::uniform3(any::<bool>()))
        .prop_map(|(size, first, databases, extensions)| Contents {
            size,
            first,
            databases,
            extensions,
        })
}

impl Contents {
    fn text(&self) -> String {
        let named =
            |(at, name): (usize, &Option<u8>)| name.map(|name| format!("k{at} = \"d{at}-{name}\""));
        let names: Vec<String> = self.databases.iter().enumerate().filter_map(named).collect();
        let has = |at: &usize| self.extensions[*at] && self.databases[*at].is_some();
        let extended: Vec<String> = (0..3).filter(has).map(|at| format!("\"k{at}\"")).collect();
        format!(
            r#"
            resource "server" "s" {{
              name = "s"
              size = {}
              lifecycle {{ create_before_destroy = {} }}
            }}
            provider "db" {{
              address  = server.s.address
              password = "hush"
            }}
            resource "database" "d" {{
              for_each = {{ {} }}
              name     = each.value
              lifecycle {{ create_before_destroy = {} }}
            }}
            resource "extension" "x" {{
              for_each = toset([{}])
              name     = "x"
              database = database.d[each.key].name
            }}
            "#,
            self.size + 1,
            self.first[0],
            names.join(", "),
            self.first[1],
            extended.join(", ")
        )
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn contents_share_the_fate_of_their_container(drawn in prop::collection::vec(contents(), 4)) {
        block_on(async {
            let project = project();
            for contents in &drawn {
                let text = contents.text();
                assert_steps_are_sound(&plan_of(&project, &text).await);
                project.world.take_log();
                project.apply(&text).await;
                project.assert_one_of_each();
            }
            project.destroy(&drawn.last().unwrap().text()).await;
            prop_assert_eq!(project.world.count(), 0);
            Ok(())
        })?;
    }
}

/// Makes some call fail.
fn arrange(world: &World, call: usize, place: usize, fault: usize) {
    let call = ["create", "update", "delete", "resume"][call];
    let fault = [Fault::Refused, Fault::AnswerLost, Fault::RequestLost][fault];
    for key in ["", "[0]", "[1]", "[\"k1\"]"] {
        world.fail(&format!("{call} thing.b{place}{key}"), fault);
    }
}
