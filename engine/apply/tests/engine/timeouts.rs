//! How long operations may take, as `timeouts` says.

use snapbox::{assert_data_eq, str};

use crate::mock::Fault;
use crate::project::Project;

/// A thing of this size, with these timeouts.
fn thing(size: u32, timeouts: &str) -> String {
    format!("resource \"thing\" \"a\" {{\n name = \"a\"\n size = {size}\n {timeouts}\n}}")
}

#[tokio::test]
async fn a_timed_out_operation_resumes_in_the_next_run() {
    for timeouts in
        ["timeouts {{ OPERATION = \"1ms\" }}", "timeouts = {{ OPERATION = \"1ms\", read = null }}"]
    {
        let thing = |size, operation| {
            thing(
                size,
                &timeouts.replace("{{", "{").replace("}}", "}").replace("OPERATION", operation),
            )
        };
        let project = Project::new();
        project.world.fail("create thing.a", Fault::Hangs);
        assert_data_eq!(
            project.try_apply(&thing(1, "create")).await,
            str![[r#"
Create thing.a failed: could not create it: it takes longer than the 1ms that `timeouts` gives `create`; the last that was seen: it hangs

"#]]
        );
        assert_eq!(project.state().unfinished.len(), 1);
        project.world.take_log();
        project.apply(&thing(1, "update")).await;
        assert_eq!(project.world.take_calls(), ["resume thing.a"]);

        project.world.fail("update thing.a", Fault::Hangs);
        assert_data_eq!(
            project.try_apply(&thing(2, "update")).await,
            str![[r#"
Update thing.a failed: could not update it: it takes longer than the 1ms that `timeouts` gives `update`; the last that was seen: it hangs

"#]]
        );
        project.apply(&thing(2, "delete")).await;

        // The block was removed, and its limits are recorded.
        project.world.fail("delete thing.a", Fault::Hangs);
        assert_data_eq!(
            project.try_apply("").await,
            str![[r#"
Delete thing.a failed: could not delete it: it takes longer than the 1ms that `timeouts` gives `delete`; the last that was seen: it hangs

"#]]
        );
        project.apply("").await;
        assert_eq!(project.world.count(), 0);
    }
}

#[tokio::test]
async fn an_operation_within_its_limit_succeeds() {
    let project = Project::new();
    project.world.fail("create thing.a", Fault::Hangs);
    let cancel = project.cancel.clone();
    let stopping = async {
        tokio::task::yield_now().await;
        cancel.ask();
    };
    let text = thing(1, "timeouts { create = \"1h\" }");
    let (told, ()) = tokio::join!(project.run_once(&text), stopping);
    assert!(told.contains("it was stopped") && !told.contains("timeouts"), "{told}");
}

#[tokio::test]
async fn changed_timeouts_are_recorded_without_a_step() {
    let project = Project::new();
    project.apply(&thing(1, "timeouts { create = \"60m\" }")).await;
    let recorded = |project: &Project| {
        let timeouts = project.state().records[&"thing.a".parse().unwrap()].timeouts.clone();
        timeouts
            .iter()
            .map(|(name, it)| format!("{name}={}", it.as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(recorded(&project), ["create=60m"]);
    for (timeouts, expected) in [
        (
            "timeouts {\n delete = \"1.5h\"\n update = \"1h30m\"\n }",
            &["delete=1.5h", "update=1h30m"][..],
        ),
        ("timeouts = { read = \"5m\" }\n lifecycle { ignore_changes = [timeouts] }", &["read=5m"]),
        ("", &[]),
    ] {
        assert_eq!(project.apply(&thing(1, timeouts)).await, "nothing\n", "{timeouts}");
        assert_eq!(recorded(&project), expected, "{timeouts}");
    }
}

#[tokio::test]
async fn a_read_times_out() {
    let project = Project::new();
    project.world.fact("city", "Bern");
    let text = |limit: &str| {
        format!(
            "data \"fact\" \"city\" {{\n key = \"city\"\n timeouts {{ read = \"{limit}\" }}\n}}\noutput \"o\" {{ value = data.fact.city.value }}"
        )
    };
    project.apply(&text("1m")).await;
    project.world.look().silent = true;
    assert_data_eq!(
        project.plan(&text("1ms")).await,
        str![[r#"
could not look at what is there (`data.fact.city`): it takes longer than the 1ms that `timeouts` gives `read`

"#]]
    );
}

#[test]
fn invalid_timeouts_are_reported_with_their_location() {
    let project = Project::new();
    assert_data_eq!(
        project.validate(&thing(
            1,
            "timeouts {\n create = \"60 minutes\"\n update = 5\n destroy = \"1h\"\n}"
        )),
        str![[r#"
there is no argument `destroy` here [thing.a]

"#]]
    );
    assert_data_eq!(
        project.validate(&thing(
            1,
            "timeouts {\n create = \"60 minutes\"\n update = 5\n delete = \"-1h\"\n}"
        )),
        str![[r#"
`60 minutes` is not a duration; one looks like `10m`, `1h30m` or `90s` [thing.a]
`5` is not a duration; one looks like `10m`, `1h30m` or `90s` [thing.a]
`-1h` is not a duration; one looks like `10m`, `1h30m` or `90s` [thing.a]

"#]]
    );
    assert_data_eq!(
        project.validate(&thing(1, "timeouts = {\n create = \"1d\"\n never = \"1h\"\n}")),
        str![[r#"
there is no argument `never` [thing.a]

"#]]
    );
    assert_data_eq!(
        project.validate(&thing(1, "timeouts = \"1h\"")),
        str![[r#"
an object is required [thing.a]

"#]]
    );
    assert_data_eq!(
        project.validate(&thing(1, "timeouts { create = \"1h\" }\n timeouts { delete = \"1h\" }")),
        str![[r#"
there may be one block `timeouts` only [thing.a]

"#]]
    );
    assert_data_eq!(
        project.validate(&thing(1, "timeout { create = \"1h\" }")),
        str![[r#"
there is no block `timeout` here [thing.a]

"#]]
    );
    assert_eq!(project.validate(&thing(1, "timeouts = null")), "");
}
