//! A process that applies is killed at random instants. The next runs must converge: no object
//! twice, none left over.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ha_apply::{Event, EventObserver};
use ha_plan::PlanMode;
use ha_state_store::LocalStore;
use rand::{RngExt, SeedableRng};

use crate::mock::{Pace, World};
use crate::project::Project;
use crate::show;

const KILLS: u32 = 24;
const SEED: u64 = 20_260_301;
/// Set in the child that is killed: the directory, and which configuration to apply in it.
const CHILD: &str = "HA_TEST_TO_BE_KILLED";

/// Three configurations, each with many changes from the others.
fn configuration(which: usize) -> String {
    let (count, size, name) = [(4, 1, "x"), (2, 2, "y"), (5, 2, "z")][which % 3];
    let mut configuration = format!(
        r#"
        resource "thing" "base" {{
          name = "base-{name}"
          lifecycle {{ create_before_destroy = true }}
        }}
        resource "thing" "many" {{
          count    = {count}
          name     = "many-${{count.index}}"
          size     = {size}
          anything = [thing.base.id]
        }}
        resource "memo" "kept" {{
          input = [for it in thing.many : it.id]
        }}
        resource "thing" "last" {{
          name     = "last-{size}"
          anything = memo.kept.output
        }}
        output "all" {{ value = memo.kept.output }}
        "#
    );
    if which % 3 != 1 {
        configuration
            .push_str(&crate::providers::SERVER.replace("size = 1", &format!("size = {size}")));
    }
    configuration
}

fn project(directory: &Path) -> Project {
    let world = World::in_files(directory.join("world"));
    Project { parallelism: 4, ..Project::over(world, Arc::new(LocalStore::new(directory))) }
}

#[tokio::test]
async fn a_killed_apply_is_recovered() {
    if let Ok(child_arguments) = std::env::var(CHILD) {
        return run_as_child(&child_arguments).await;
    }
    let directory = tempfile::tempdir().expect("there is a place for temporary files");
    let mut random = rand::rngs::StdRng::seed_from_u64(SEED);
    // The first child is not killed: its duration bounds the instants of the kills.
    let (mut child, _out) = start(directory.path(), 0);
    let started = Instant::now();
    assert!(child.wait().expect("the child has ended").success());
    let duration = started.elapsed();
    let (mut interrupted, mut unfinished) = (0, 0);
    for kill in 0..KILLS {
        let which: usize = random.random_range(0..3);
        let (mut child, _out) = start(directory.path(), which);
        std::thread::sleep(duration.mul_f64(random.random_range(0.0..1.0)));
        child.kill().expect("the child can be killed");
        let ended = child.wait().expect("the child has ended");
        // A child that is not killed in time must succeed.
        assert!(
            ended.success() || ended.code().is_none(),
            "the child for configuration {which} failed"
        );
        interrupted += u32::from(ended.code().is_none());
        let state = project(directory.path()).state();
        unfinished += state.unfinished.len();
        // Most are recovered by a run that is killed as well, some by one that is not.
        if kill % 4 == 3 {
            let which: usize = random.random_range(0..3);
            let project = project(directory.path());
            let (plan, applied) = project
                .run(&configuration(which), PlanMode::Normal)
                .await
                .expect("there is a plan");
            assert_eq!(show::applied(&applied), "complete\n", "of {}", show::plan(&plan));
            project.assert_settled(&configuration(which)).await;
            project.assert_one_of_each();
        }
    }
    assert!(interrupted > KILLS / 3, "only {interrupted} were killed while they were at work");
    assert!(unfinished > 5, "only {unfinished} steps were under way");
    let project = project(directory.path());
    project.destroy(&configuration(0)).await;
    assert_eq!(project.world.count(), 0);
}

/// A running child, and its output.
fn start(directory: &Path, which: usize) -> (Child, impl BufRead) {
    let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
    command.args(["kill::a_killed_apply_is_recovered", "--exact", "--nocapture"]);
    command.env(CHILD, format!("{which}:{}", directory.display()));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .expect("this program can be run");
    let mut out = BufReader::new(child.stdout.take().expect("it was piped"));
    let mut line = String::new();
    while !line.contains("at work") {
        line.clear();
        assert!(
            out.read_line(&mut line).expect("the child says how far it is") > 0,
            "the child ended before it began"
        );
    }
    (child, out)
}

async fn run_as_child(child_arguments: &str) {
    let (which, directory) =
        child_arguments.split_once(':').expect("a configuration and a directory");
    let mut project = project(Path::new(directory));
    project.world.pace = Pace::Takes(Duration::from_millis(4));
    project.observer = Arc::new(ReportsWhenRunning);
    let result =
        project.run(&configuration(which.parse().expect("a number")), PlanMode::Normal).await;
    if let Err(failure) = result {
        panic!("{}", show::failure(&failure));
    }
}

struct ReportsWhenRunning;

impl EventObserver for ReportsWhenRunning {
    fn observe(&self, event: Event) {
        if matches!(event, Event::ApplyStarted { .. } | Event::Recovering { .. }) {
            // The parent may have closed its end.
            let _ = writeln!(std::io::stdout().lock(), "at work");
        }
    }
}
