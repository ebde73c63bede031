//! Twice as much to do is twice as many steps and edges, not four times as many.

use ha_plan::{Plan, PlanMode};

use crate::project::Project;

/// So many blocks, each of which reads, through one local value, all of as many others.
fn joined_blocks(count: usize, generation: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        text.push_str(&format!(
            "resource \"thing\" \"a{number}\" {{\n name = \"a{number}-{generation}\"\n lifecycle {{ create_before_destroy = {} }}\n}}\n",
            number % 2 == 0
        ));
        text.push_str(&format!("resource \"thing\" \"b{number}\" {{\n name = \"b{number}\"\n anything = local.all\n}}\n"));
    }
    let all: Vec<String> = (0..count).map(|number| format!("thing.a{number}.id")).collect();
    text.push_str(&format!("locals {{ all = [{}] }}\n", all.join(", ")));
    text
}

/// Two blocks of so many instances, each of which reads all of the other's.
fn joined_instances(count: usize, generation: usize) -> String {
    format!(
        r#"
        resource "thing" "a" {{
          count = {count}
          name  = "a-{generation}-${{count.index}}"
        }}
        locals {{
          all = thing.a[*].id
        }}
        resource "thing" "b" {{
          count    = {count}
          name     = "b-${{count.index}}"
          anything = local.all
        }}
        "#
    )
}

/// How many steps and edges a plan has.
fn size(plan: &Plan) -> usize {
    plan.steps.len() + plan.steps.iter().map(|it| it.after.len()).sum::<usize>()
}

/// The sizes of plans that make, replace and delete so many.
async fn sizes(text: &dyn Fn(usize, usize) -> String, count: usize) -> [usize; 3] {
    let project = Project::new();
    let plan = |text: String| {
        let project = &project;
        async move { size(&project.try_plan(&text).await.expect("there is a plan")) }
    };
    let making = plan(text(count, 0)).await;
    let (_, applied) =
        project.run(&text(count, 0), PlanMode::Normal).await.expect("there is a plan");
    assert!(applied.is_complete());
    [making, plan(text(count, 1)).await, plan(String::new()).await]
}

#[tokio::test]
async fn planning_cost_is_linear() {
    for text in [&joined_blocks as &dyn Fn(usize, usize) -> String, &joined_instances] {
        let (once, twice) = (sizes(text, 20).await, sizes(text, 40).await);
        for (once, twice) in once.into_iter().zip(twice) {
            assert!(twice <= 2 * once + 10, "{once} steps and edges became {twice}");
            assert!(once <= 20 * 16, "{once} steps and edges are many for 20 and 20");
        }
    }
}

/// How many bytes of state so many blocks become.
async fn bytes(text: &dyn Fn(usize, usize) -> String, count: usize) -> usize {
    let project = Project::new();
    project.apply(&text(count, 0)).await;
    ha_state_store::to_json(&project.state()).to_string().len()
}

#[tokio::test]
async fn state_size_is_linear() {
    // Each record is small; its dependencies are not.
    let through_local = |count: usize, generation: usize| {
        joined_blocks(count, generation)
            .replace("anything = local.all", "anything = length(local.all)")
    };
    let and_by_itself = |count: usize, generation: usize| {
        let text = through_local(count, generation)
            .replace("length(local.all)", "length(local.all)\n depends_on = [thing.own]");
        text + "resource \"thing\" \"own\" {\n name = \"own\"\n}\n"
    };
    for text in [&through_local as &dyn Fn(usize, usize) -> String, &and_by_itself] {
        let (once, twice) = (bytes(text, 40).await, bytes(text, 80).await);
        assert!(twice <= 2 * once + 200, "{once} bytes became {twice}");
    }
}
