//! Outputs: new, changed, secret, dropped.

use snapbox::{assert_data_eq, str};

use crate::project::Project;

#[tokio::test]
async fn outputs_are_added_changed_and_removed() {
    let project = Project::new();
    assert_data_eq!(
        project.apply("output \"a\" { value = 1 }\noutput \"b\" { value = [\"x\"] }").await,
        str![[r#"
output a: none -> 1
output b: none -> ["x"]

"#]]
    );
    assert_data_eq!(
        project.apply("output \"a\" { value = 2 }\noutput \"c\" { value = null }").await,
        str![[r#"
output a: 1 -> 2
output b: ["x"] -> none

"#]]
    );
    let state = project.state();
    assert_eq!(
        state.outputs.keys().map(|it| &**it).collect::<Vec<_>>(),
        ["a"],
        "what is null is not there"
    );
    assert_data_eq!(
        project.apply("").await,
        str![[r#"
output a: 2 -> none

"#]]
    );
}

#[tokio::test]
async fn a_secret_output_must_be_declared_sensitive() {
    let project = Project::new();
    let text = |sensitive: &str| {
        format!(
            r#"
            variable "word" {{
              default   = "hush"
              sensitive = true
            }}
            output "said" {{
              value = "the word is ${{var.word}}!"
              {sensitive}
            }}
            "#
        )
    };
    assert_data_eq!(
        project.plan(&text("")).await,
        str![[r#"
the output `said` holds a secret

"#]]
    );
    assert_data_eq!(
        project.apply(&text("sensitive = true")).await,
        str![[r#"
output said: none -> secret+secret+secret

"#]]
    );
    // That it is secret is a change by itself.
    let clear = "output \"said\" { value = \"the word is hush!\" }";
    assert_data_eq!(
        project.apply(clear).await,
        str![[r#"
output said: secret+secret+secret -> "the word is hush!"

"#]]
    );
}

#[tokio::test]
async fn outputs_of_failed_steps_keep_their_values() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            "resource \"thing\" \"a\" {{\n name = \"a\"\n size = {size}\n}}\noutput \"revision\" {{ value = thing.a.revision }}"
        )
    };
    project.apply(&text(1)).await;
    project.world.fail("update thing.a", crate::mock::Fault::Refused);
    assert_data_eq!(
        project.try_apply(&text(2)).await,
        str![[r#"
Update thing.a failed: could not update it: it was refused

"#]]
    );
    assert_eq!(project.state().outputs["revision"].value, 1.into());
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
~ thing.a revision: 1 -> ?(thing.a.revision), size: 1 -> 2
output revision: 1 -> ?(thing.a.revision)

"#]]
    );
}

#[tokio::test]
async fn known_outputs_are_recorded_after_a_failure() {
    let project = Project::new();
    let text = |size: u32| {
        format!(
            r#"
            resource "thing" "a" {{
              name = "a"
              size = {size}
            }}
            resource "thing" "b" {{
              name = "b"
              size = {size}
            }}
            output "a" {{ value = thing.a.revision }}
            output "b" {{ value = thing.b.revision }}
            output "size" {{ value = {size} }}
            output "both" {{ value = [thing.a.size, thing.b.size] }}
            "#
        )
    };
    let outputs = |project: &Project| {
        let outputs = project.state().outputs;
        outputs
            .iter()
            .map(|(name, it)| format!("{name} {:?}", it.value))
            .collect::<Vec<_>>()
            .join(", ")
    };
    project.world.fail("create thing.b", crate::mock::Fault::Refused);
    project.run(&text(1), ha_plan::PlanMode::Normal).await.unwrap();
    assert_eq!(outputs(&project), "a 1, size 1");
    project.apply(&text(1)).await;
    assert_eq!(outputs(&project), "a 1, b 1, both [1, 1], size 1");
    // An output that depends on a step that was not done keeps its value.
    project.world.fail("update thing.b", crate::mock::Fault::Refused);
    project.run(&text(2), ha_plan::PlanMode::Normal).await.unwrap();
    assert_eq!(outputs(&project), "a 2, b 1, both [1, 1], size 2");
    project.apply(&text(2)).await;
    assert_eq!(outputs(&project), "a 2, b 2, both [2, 2], size 2");
}
