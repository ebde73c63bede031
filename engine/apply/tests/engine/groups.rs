//! Groups whose members are disturbed one at a time.

use snapbox::{assert_data_eq, str};

use crate::mock::{Fault, Pace};
use crate::project::Project;

fn hosts(version: &str, size: u32, comment: &str) -> String {
    format!(
        r#"
        resource "host" "h" {{
          count   = 4
          name    = "h${{count.index}}"
          set     = "rs"
          version = "{version}"
          size    = {size}
          comment = "{comment}"
        }}
        resource "host" "other" {{
          name    = "other"
          set     = "other"
          version = "{version}"
        }}
        "#
    )
}

/// How many members of the set were being worked on at once, at most.
fn at_once(log: &[String]) -> usize {
    let (mut now, mut most) = (0_usize, 0);
    for line in log.iter().filter(|it| it.contains("host.h[")) {
        match line.ends_with('.') {
            true => now -= 1,
            false => now += 1,
        }
        most = most.max(now);
    }
    most
}

#[tokio::test]
async fn creating_a_group_is_not_rolling() {
    let mut project = Project::new();
    project.world.pace = Pace::Meets(4);
    project.apply(&hosts("1", 1, "x")).await;
    assert!(at_once(&project.world.take_log()) > 1);
    project.world.look().at_once = 0;
    project.destroy(&hosts("1", 1, "x")).await;
    assert!(at_once(&project.world.take_log()) > 1);
}

#[tokio::test]
async fn disruptive_changes_come_one_at_a_time() {
    let mut project = Project::new();
    project.apply(&hosts("1", 1, "x")).await;
    project.world.take_log();
    project.world.look().at_once = 0;
    project.world.pace = Pace::Meets(2);
    project.apply(&hosts("1", 1, "y")).await;
    assert!(at_once(&project.world.take_log()) > 1, "a comment disturbs no one");
    project.world.pace = Pace::Yields;
    let (plan, _) = project.run(&hosts("2", 1, "y"), ha_plan::PlanMode::Normal).await.unwrap();
    assert_eq!(plan.rolling.len(), 1);
    assert_eq!(
        (plan.rolling[0].group.as_str(), plan.rolling[0].chains.len(), plan.rolling[0].at_most),
        ("set/rs", 4, 1)
    );
    assert_eq!(at_once(&project.world.take_log()), 1);
}

#[tokio::test]
async fn a_member_recovers_before_the_next_is_replaced() {
    let project = Project::new();
    project.apply(&hosts("1", 1, "x")).await;
    project.world.take_log();
    project.apply(&hosts("1", 2, "x")).await;
    let log: Vec<String> =
        project.world.take_calls().into_iter().filter(|it| it.contains("host.h[")).collect();
    for pair in log.chunks(2) {
        assert_eq!(pair[0].replace("delete", "create"), pair[1], "{log:?}");
    }
}

#[tokio::test]
async fn after_a_failure_the_others_of_the_group_are_left_alone() {
    let project = Project::new();
    project.apply(&hosts("1", 1, "x")).await;
    project.world.fail("update host.h[1]", Fault::Refused);
    assert_data_eq!(
        project.try_apply(&hosts("2", 1, "x")).await,
        str![[r#"
Update host.h[1] failed: could not update it: it was refused
Update host.h[2] not started: needs host.h[1]
Update host.h[3] not started: needs host.h[1]

"#]]
    );
    project.apply(&hosts("2", 1, "x")).await;
}

#[tokio::test]
async fn an_unavailable_member_blocks_the_others() {
    let project = Project::new();
    let text = |size: u32, note: &str| {
        hosts("1", size, "x").replace("comment =", "after = [thing.t.arn]\n comment =")
            + &format!("resource \"thing\" \"t\" {{\n name = \"t\"\n at = \"{note}\"\n}}")
    };
    project.apply(&text(1, "a")).await;
    project.world.fail("create thing.t", Fault::Refused);
    // The resource that each member needs to recover cannot be created.
    assert_data_eq!(
        project.try_apply(&text(2, "b")).await,
        str![[r#"
Create thing.t failed: could not create it: it was refused
Create host.h[0] not started: needs thing.t
Create host.h[1] not started: needs thing.t
Create host.h[2] not started: needs thing.t
Create host.h[3] not started: needs thing.t

"#]]
    );
    project.apply(&text(2, "b")).await;
}

#[tokio::test]
async fn shrinking_a_group_is_rolling() {
    let project = Project::new();
    project.apply(&hosts("1", 1, "x")).await;
    project.world.take_log();
    project.apply(&hosts("1", 1, "x").replace("count   = 4", "count   = 1")).await;
    assert_eq!(at_once(&project.world.take_log()), 1);
}

#[tokio::test]
async fn a_cycle_of_members_is_reported() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "host" "h" {{
              count = 2
              name  = "h${{count.index}}"
              set   = "rs"
              size  = {size}
            }}
            resource "host" "upper" {{
              count = 2
              name  = "u${{count.index}}"
              set   = "rs"
              size  = {size}
              after = host.h[*].address
            }}
            "#
        )
    };
    project.apply(&text(1)).await;
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
-+ host.h[0] [CannotUpdate] size!: 1 -> 2
-+ host.h[1] [CannotUpdate] size!: 1 -> 2
-+ host.upper[0] [CannotUpdate] after: ["host-h0-1.example", "host-h1-1.example"] -> [?(host.h[0].address), ?(host.h[1].address)], size!: 1 -> 2 because of host.h
-+ host.upper[1] [CannotUpdate] after: ["host-h0-1.example", "host-h1-1.example"] -> [?(host.h[0].address), ?(host.h[1].address)], size!: 1 -> 2 because of host.h
warning: the members of `set/rs` cannot all be changed one after another

"#]]
    );
}

#[tokio::test]
async fn a_member_may_depend_on_another() {
    let project = Project::new();
    let text = |version: &str| {
        format!(
            r#"
            resource "host" "a" {{
              name    = "a"
              set     = "rs"
              version = "{version}"
              after   = [host.b.address]
            }}
            resource "host" "b" {{
              name    = "b"
              set     = "rs"
              version = "{version}"
            }}
            "#
        )
    };
    project.apply(&text("1")).await;
    project.world.take_log();
    project.apply(&text("2")).await;
    project.world.assert_done_in_order(
        &["update host.b", "update host.a"],
        &[("update host.b", "update host.a")],
    );
}
