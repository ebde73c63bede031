//! Plans for a part of the configuration: targets and exclusions.

use ha_plan::{PlanMode, Selection};
use snapbox::{assert_data_eq, str};

use crate::project::Project;

const CHAIN: &str = r#"
    variable "size" {
      default = 1
    }
    resource "thing" "a" {
      name = "a"
      size = var.size
    }
    resource "thing" "b" {
      name = "b"
      size = var.size
      note = thing.a.revision
    }
    resource "thing" "c" {
      count = 2
      name  = "c${count.index}"
      size  = var.size
      note  = thing.b.revision
    }
    resource "thing" "apart" {
      name = "apart"
      size = var.size
    }
    output "of_b" {
      value = thing.b.revision
    }
    output "of_apart" {
      value = thing.apart.revision
    }
"#;

fn only(targets: &[&str]) -> Selection {
    Selection {
        targets: targets.iter().map(|it| it.parse().unwrap()).collect(),
        excludes: Vec::new(),
    }
}

fn without(excludes: &[&str]) -> Selection {
    Selection {
        excludes: excludes.iter().map(|it| it.parse().unwrap()).collect(),
        targets: Vec::new(),
    }
}

async fn grown() -> Project {
    let mut project = Project::new();
    project.apply(CHAIN).await;
    project.variables.insert("size".into(), ha_value::Value::from(2));
    project
}

/// Addresses of a plan's changes, and of those it leaves out.
async fn about(project: &Project, text: &str) -> String {
    let plan =
        project.try_plan(text).await.unwrap_or_else(|it| panic!("{}", crate::show::failure(&it)));
    let changes: Vec<String> = plan.changes.iter().map(|it| it.address.to_string()).collect();
    let left: Vec<String> = plan.left_out.iter().map(ToString::to_string).collect();
    assert_eq!(plan.warnings.len(), 1, "it says that it is about a part");
    format!("{}; {}", changes.join(" "), left.join(" "))
}

#[tokio::test]
async fn a_target_includes_its_dependencies() {
    let mut project = grown().await;
    project.selection = only(&["thing.b"]);
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.b; thing.apart thing.c[0] thing.c[1]");
    assert_data_eq!(
        project.run_once(CHAIN).await,
        str![[r#"
complete

"#]]
    );
    let outputs = project.state().outputs;
    assert_eq!((&outputs["of_b"].value, &outputs["of_apart"].value), (&2.into(), &1.into()));
    project.selection = Selection::default();
    assert_data_eq!(
        project.apply(CHAIN).await,
        str![[r#"
~ thing.apart revision: 1 -> ?(thing.apart.revision), size: 1 -> 2
~ thing.c[0] digest: "digest of 1" -> "digest of 2", note: "1" -> "2", revision: 1 -> ?(thing.c[0].revision), size: 1 -> 2
~ thing.c[1] digest: "digest of 1" -> "digest of 2", note: "1" -> "2", revision: 1 -> ?(thing.c[1].revision), size: 1 -> 2
output of_apart: 1 -> ?(thing.apart.revision)

"#]]
    );
}

#[tokio::test]
async fn one_instance_may_be_a_target() {
    let mut project = grown().await;
    project.selection = only(&["thing.c[1]"]);
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.b thing.c[1]; thing.apart thing.c[0]");
    project.selection = only(&["*.a*"]);
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.apart; thing.b thing.c[0] thing.c[1]");
}

#[tokio::test]
async fn dependents_of_excluded_instances_are_excluded() {
    let mut project = grown().await;
    project.selection = without(&["thing.b"]);
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.apart; thing.b thing.c[0] thing.c[1]");
    project.selection = without(&["thing.c[0]"]);
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.apart thing.b thing.c[1]; thing.c[0]");
    project.selection = Selection {
        targets: only(&["thing.c"]).targets,
        excludes: without(&["thing.c[1]"]).excludes,
    };
    assert_eq!(about(&project, CHAIN).await, "thing.a thing.b thing.c[0]; thing.apart thing.c[1]");
}

#[tokio::test]
async fn mistakes_outside_of_the_targets_are_ignored() {
    let mut project = Project::new();
    let text = "resource \"thing\" \"a\" { name = \"a\" }\nresource \"thing\" \"b\" {\n name = \"b\"\n size = 2000\n}\noutput \"of_b\" { value = thing.b.id }";
    project.selection = only(&["thing.a"]);
    assert_eq!(about(&project, text).await, "thing.a; thing.b");
    assert_data_eq!(
        project.run_once(text).await,
        str![[r#"
complete

"#]]
    );
    assert_eq!(project.world.names(), ["thing a"]);
    assert!(project.state().outputs.is_empty());
}

#[tokio::test]
async fn instances_outside_of_the_targets_are_not_read() {
    let mut project = grown().await;
    project.world.change("thing", "apart", "size", 9);
    project.selection = only(&["thing.a"]);
    let plan = project.try_plan(CHAIN).await.unwrap();
    assert!(plan.drift.is_empty());
    project.selection = only(&["thing.apart"]);
    assert_eq!(project.try_plan(CHAIN).await.unwrap().drift.len(), 1);
}

#[tokio::test]
async fn a_targeted_deletion_includes_dependents() {
    let mut project = grown().await;
    project.variables.clear();
    let less = "variable \"size\" {\n default = 1\n}\nresource \"thing\" \"apart\" {\n name = \"apart\"\n size = var.size\n}";
    project.selection = only(&["thing.b"]);
    assert_eq!(about(&project, less).await, "thing.b thing.c[0] thing.c[1]; thing.a thing.apart");
    project.selection = without(&["thing.b"]);
    assert_eq!(about(&project, less).await, "thing.c[0] thing.c[1]; thing.a thing.b");
}

#[tokio::test]
async fn a_targeted_destroy_includes_dependents() {
    let mut project = grown().await;
    project.selection = only(&["thing.b"]);
    let destroy = |project: &Project| {
        let request = project.request(CHAIN, PlanMode::Destroy).unwrap();
        let (engine, state) = (project.engine(), project.state());
        async move { engine.plan(&request, &state, &crate::project::Events::default()).await.unwrap() }
    };
    let addresses = |plan: &ha_plan::Plan| {
        plan.changes.iter().map(|it| it.address.to_string()).collect::<Vec<_>>()
    };
    let plan = destroy(&project).await;
    assert_eq!(addresses(&plan), ["thing.b", "thing.c[0]", "thing.c[1]"]);
    project.selection = without(&["thing.b"]);
    let plan = destroy(&project).await;
    assert_eq!(addresses(&plan), ["thing.apart", "thing.c[0]", "thing.c[1]"]);
    assert_eq!(plan.left_out.len(), 2);
}

#[tokio::test]
async fn a_pattern_without_a_match_is_reported() {
    let mut project = grown().await;
    project.selection = only(&["thing.appart"]);
    assert_data_eq!(
        project.plan(CHAIN).await,
        str![[r#"
`thing.appart` names nothing: neither the configuration nor the state has it

"#]]
    );
    let failure = project.try_plan(CHAIN).await.unwrap_err();
    assert_eq!(failure.diagnostics[0].help, ["did you mean `thing.apart`?"]);
}

#[tokio::test]
async fn a_module_may_be_a_target() {
    let text = r#"
        module "m" {
          source   = "./inner"
          for_each = toset(["a", "b"])
          name     = "${each.key}${thing.base.size}"
        }
        resource "thing" "base" {
          name = "base"
        }
        resource "thing" "user" {
          name = "user"
          note = module.m["a"].id
        }
=== inner/main.hcl
variable "name" {}
resource "thing" "x" {
  name = var.name
}
resource "thing" "y" {
  name = "y${var.name}"
  note = thing.x.id
}
output "id" {
  value = thing.y.id
}
"#;
    let mut project = Project::new();
    project.selection = only(&["module.m[\"a\"]"]);
    let whole = "thing.base module.m[\"a\"].thing.x module.m[\"a\"].thing.y";
    assert_eq!(
        about(&project, text).await,
        format!("{whole}; thing.user module.m[\"b\"].thing.x module.m[\"b\"].thing.y")
    );
    project.run_once(text).await;
    project.selection = without(&["module.m"]);
    project.variables.clear();
    assert_eq!(
        about(&project, text).await,
        "; thing.user module.m[\"a\"].thing.x module.m[\"a\"].thing.y"
    );
    project.selection = Selection::default();
    project.apply(text).await;
}
