//! Things that live inside other things and go with them.

use std::collections::BTreeSet;

use ha_plan::{Plan, StepKind};
use snapbox::{assert_data_eq, str};

use crate::project::Project;
use crate::providers::SERVER;

#[tokio::test]
async fn contents_are_removed_without_a_call() {
    let project = Project::new();
    project.apply(SERVER).await;
    project.world.take_log();
    assert_data_eq!(
        project.destroy(SERVER).await,
        str![[r#"
- database.main [Destroy] gone with server.s
- server.s [Destroy]
- table.t [Destroy] gone with database.main

"#]]
    );
    project.world.assert_done_in_order(&["delete server.s"], &[]);
    assert_eq!(project.world.count(), 0);
}

#[tokio::test]
async fn contents_of_an_unreachable_container_are_removed() {
    let project = Project::new();
    project.apply(SERVER).await;
    // The database server does not answer, but it can be deleted.
    let id = project.world.id("server", "s");
    let server = project.world.look().things.get(&id).cloned().unwrap();
    project
        .world
        .look()
        .things
        .insert(id.clone(), crate::mock::Thing { kind: "broken".into(), ..server });
    project.destroy(SERVER).await;
    assert!(!project.world.look().things.contains_key(&id));
}

#[tokio::test]
async fn a_container_that_keeps_its_contents_is_emptied_first() {
    let project = Project::new();
    let text = SERVER.replace("size = 1", "size = 1\n keep = true");
    project.apply(&text).await;
    project.world.take_log();
    assert_data_eq!(
        project.destroy(&text).await,
        str![[r#"
- database.main [Destroy]
- server.s [Destroy]
- table.t [Destroy] gone with database.main

"#]]
    );
    let calls = ["delete database.main", "delete server.s"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1])]);
}

#[tokio::test]
async fn contents_are_replaced_with_their_container() {
    let project = Project::new();
    project.apply(SERVER).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&SERVER.replace("size = 1", "size = 2")).await,
        str![[r#"
-+ database.main [within server.s] gone with server.s because of provider.db from server.s
-+ server.s [CannotUpdate] size!: 1 -> 2
-+ table.t [within database.main] gone with database.main in!: "database-main-1" -> ?(database.main.id) because of database.main, provider.db from server.s

"#]]
    );
    let calls = ["delete server.s", "create server.s", "create database.main", "create table.t"];
    project.world.assert_done_in_order(
        &calls,
        &[(calls[0], calls[1]), (calls[1], calls[2]), (calls[2], calls[3])],
    );
}

#[tokio::test]
async fn contents_are_replaced_when_the_container_is_created_first() {
    let project = Project::new();
    let text = |size: u32| {
        SERVER.replace(
            "size = 1",
            &format!("size = {size}\n lifecycle {{ create_before_destroy = true }}"),
        )
    };
    project.apply(&text(1)).await;
    assert_data_eq!(
        project.apply(&text(2)).await,
        str![[r#"
-+ database.main [within server.s] gone with server.s because of provider.db from server.s
+- server.s [CannotUpdate] size!: 1 -> 2
-+ table.t [within database.main] gone with database.main in!: "database-main-1" -> ?(database.main.id) because of database.main, provider.db from server.s

"#]]
    );
    assert_eq!(project.world.count(), 3);
}

#[tokio::test]
async fn contents_can_be_deleted_alone() {
    let project = Project::new();
    project.apply(SERVER).await;
    project.world.take_log();
    let end = SERVER.find("resource \"table\"").unwrap();
    assert_data_eq!(
        project.apply(&SERVER[..end]).await,
        str![[r#"
- table.t [NoConfiguration]

"#]]
    );
    project.world.assert_done_in_order(&["delete table.t"], &[]);
    // Two levels at once: the table goes with the database.
    project.apply(SERVER).await;
    project.world.take_log();
    let end = SERVER.find("resource \"database\"").unwrap();
    assert_data_eq!(
        project.apply(&SERVER[..end]).await,
        str![[r#"
- database.main [NoConfiguration]
- table.t [NoConfiguration] gone with database.main

"#]]
    );
    project.world.assert_done_in_order(&["delete database.main"], &[]);
}

#[tokio::test]
async fn each_container_takes_its_own_contents() {
    let project = Project::new();
    let text = |count: u32| {
        format!(
            r#"
            resource "server" "s" {{
              count = {count}
              name  = "s${{count.index}}"
            }}
            resource "item" "i" {{
              count = {count}
              name  = "i${{count.index}}"
              in    = server.s[count.index].id
            }}
            resource "thing" "used" {{ name = "used" }}
            "#
        )
    };
    project.apply(&text(2)).await;
    project.world.take_log();
    // One server goes and one stays: the item says which it is in.
    assert_data_eq!(
        project.apply(&text(1)).await,
        str![[r#"
- item.i[1] [CountIndex] gone with server.s[1]
- server.s[1] [CountIndex]

"#]]
    );
    project.world.assert_done_in_order(&["delete server.s[1]"], &[]);
    project.apply(&text(2)).await;
    project.world.take_log();
    assert_data_eq!(
        project.destroy(&text(2)).await,
        str![[r#"
- item.i[0] [Destroy] gone with server.s[0]
- item.i[1] [Destroy] gone with server.s[1]
- server.s[0] [Destroy]
- server.s[1] [Destroy]
- thing.used [Destroy]

"#]]
    );
    project.world.assert_done_in_order(
        &["delete server.s[0]", "delete server.s[1]", "delete thing.used"],
        &[],
    );
}

#[tokio::test]
async fn a_failed_deletion_keeps_the_contents() {
    let project = Project::new();
    project.apply(SERVER).await;
    project.world.fail("delete server.s", crate::mock::Fault::Refused);
    let (_, applied) = project.run(SERVER, ha_plan::PlanMode::Destroy).await.unwrap();
    assert_data_eq!(
        crate::show::applied(&applied),
        str![[r#"
Delete server.s failed: could not delete it: it was refused
Delete database.main not started: needs server.s
Delete table.t not started: needs server.s

"#]]
    );
    assert_eq!(project.state().records.len(), 3);
    project.destroy(SERVER).await;
}

#[tokio::test]
async fn contents_move_to_another_container() {
    let project = Project::new();
    project.apply(SERVER).await;
    let other = SERVER
        .replace("\"server\" \"s\"", "\"server\" \"other\"")
        .replace("server.s.", "server.other.");
    assert_data_eq!(
        project.apply(&other).await,
        str![[r#"
-+ database.main [within server.s] gone with server.s because of provider.db from server.other
+ server.other name="s", size=1
- server.s [NoConfiguration]
-+ table.t [within database.main] gone with database.main in!: "database-main-1" -> ?(database.main.id) because of database.main, provider.db from server.other

"#]]
    );
    assert_eq!(project.world.count(), 3);
}

#[tokio::test]
async fn a_reference_alone_makes_no_container() {
    let project = Project::new();
    let text = |servers: &str| {
        format!(
            r#"
            {servers}
            resource "item" "i" {{
              name = "i"
              in   = server.home.id
            }}
            "#
        )
    };
    let home = "resource \"server\" \"home\" { name = \"home\" }\n";
    let other = "resource \"server\" \"other\" { name = \"other\" }\n";
    let both =
        text(&format!("{home}{other}")).replace("in   =", "depends_on = [server.other]\n in =");
    project.apply(&both).await;
    project.world.take_log();
    // The item goes with the other server, and must be deleted, for it does not live there.
    assert_data_eq!(
        project.apply(home).await,
        str![[r#"
- item.i [NoConfiguration]
- server.other [NoConfiguration]

"#]]
    );
    project.world.assert_done_in_order(
        &["delete item.i", "delete server.other"],
        &[("delete item.i", "delete server.other")],
    );
}

#[tokio::test]
async fn contents_are_written_off_before_the_new_container_is_created() {
    let project = Project::new();
    project.apply(SERVER).await;
    let plan = project.try_plan(&SERVER.replace("size = 1", "size = 2")).await.unwrap();
    let at = |wanted: &dyn Fn(&StepKind) -> Option<usize>, address: &str| {
        let found = plan.steps.iter().position(|it| {
            wanted(&it.what).is_some_and(|it| plan.changes[it].address.to_string() == address)
        });
        found.unwrap_or_else(|| panic!("there is no such step on {address}"))
    };
    let forget =
        |it: &StepKind| if let StepKind::Forget(change) = it { Some(*change) } else { None };
    let create =
        |it: &StepKind| if let StepKind::Create(change) = it { Some(*change) } else { None };
    let made = at(&create, "server.s");
    let before = everything_before(&plan, made);
    assert!(
        before.contains(&at(&forget, "database.main")) && before.contains(&at(&forget, "table.t"))
    );
}

/// Databases, and in each an extension that names it.
fn databases(lifecycle: &str, names: &[(&str, &str)]) -> String {
    let all: Vec<String> = names.iter().map(|(key, name)| format!("{key} = \"{name}\"")).collect();
    let end = SERVER.find("resource \"database\"").unwrap();
    format!(
        r#"
        {}
        locals {{ names = {{ {} }} }}
        resource "database" "main" {{
          for_each = local.names
          name     = each.value
          {lifecycle}
        }}
        resource "extension" "x" {{
          for_each = local.names
          name     = "x"
          database = database.main[each.key].name
        }}
        "#,
        &SERVER[..end],
        all.join(", ")
    )
}

#[tokio::test]
async fn the_named_container_takes_its_contents_and_they_are_created_again() {
    let project = Project::new();
    let text = databases("", &[("a", "one"), ("b", "two")]);
    project.apply(&text).await;
    project.world.take_log();
    // Under the same name, so that nothing that the extension says is another.
    let again = Project {
        replace: vec!["database.main[\"a\"]".parse().unwrap()],
        ..Project::over(project.world.clone(), project.store.clone())
    };
    assert_data_eq!(
        again.apply(&text).await,
        str![[r#"
-+ database.main["a"] [Requested]
-+ extension.x["a"] [within database.main["a"]] gone with database.main["a"] because of database.main

"#]]
    );
    let calls =
        ["delete database.main[\"a\"]", "create database.main[\"a\"]", "create extension.x[\"a\"]"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[1], calls[2])]);
}

#[tokio::test]
async fn the_inner_of_nested_containers_suffices() {
    let project = Project::new();
    project.apply(&databases("", &[("a", "one"), ("b", "two")])).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&databases("", &[("b", "two")])).await,
        str![[r#"
- database.main["a"] [EachKey]
- extension.x["a"] [EachKey] gone with database.main["a"]

"#]]
    );
    project.world.assert_done_in_order(&["delete database.main[\"a\"]"], &[]);
    // The outer one takes them all.
    assert_data_eq!(
        project.apply(&databases("", &[("b", "two")]).replace("size = 1", "size = 2")).await,
        str![[r#"
-+ database.main["b"] [within server.s] gone with server.s because of provider.db from server.s
-+ extension.x["b"] [within database.main["b"]] gone with database.main["b"] because of database.main, provider.db from server.s
-+ server.s [CannotUpdate] size!: 1 -> 2

"#]]
    );
}

#[tokio::test]
async fn contents_need_no_call_when_the_container_is_created_first() {
    let project = Project::new();
    let first = "lifecycle { create_before_destroy = true }";
    project.apply(&databases(first, &[("a", "one")])).await;
    project.world.take_log();
    assert_data_eq!(
        project.apply(&databases(first, &[("a", "other")])).await,
        str![[r#"
+- database.main["a"] [CannotUpdate] name!: "one" -> "other"
-+ extension.x["a"] [within database.main["a"]] gone with database.main["a"] database!: "one" -> "other" because of database.main

"#]]
    );
    let calls =
        ["create database.main[\"a\"]", "create extension.x[\"a\"]", "delete database.main[\"a\"]"];
    project.world.assert_done_in_order(&calls, &[(calls[0], calls[1]), (calls[1], calls[2])]);
}

#[tokio::test]
async fn contents_of_a_missing_container_are_gone() {
    let project = Project::new();
    let text = databases("", &[("a", "one"), ("b", "two")]);
    project.apply(&text).await;
    project.world.take_away("database", "one");
    assert_data_eq!(
        project.apply(&text).await,
        str![[r#"
+ database.main["a"] [Gone] name="one"
+ extension.x["a"] [Gone] database="one", name="x" because of database.main
! database.main["a"] gone
! extension.x["a"] gone

"#]]
    );
}

#[tokio::test]
async fn deleted_contents_outside_of_the_targets_are_reported() {
    let mut project = Project::new();
    let text = databases("", &[("a", "one")]);
    project.apply(&text).await;
    project.selection.targets = vec!["database.main".parse().unwrap()];
    project.replace = vec!["database.main[\"a\"]".parse().unwrap()];
    assert_data_eq!(
        project.plan(&text).await,
        str![[r#"
-+ database.main["a"] [Requested]
left out: extension.x["a"]
warning: this plan is about a part of the configuration only
warning: `extension.x["a"]` is left out, but is deleted with its container

"#]]
    );
}

#[tokio::test]
async fn two_blocks_for_one_object_are_refused() {
    let project = Project::new();
    let text = databases("", &[("a", "one")]);
    project.apply(&text).await;
    let twin = |database: &str| {
        format!(
            "{text}\nresource \"extension\" \"y\" {{\n name = \"x\"\n database = \"{database}\"\n}}"
        )
    };
    assert_data_eq!(
        project.plan(&twin("one")).await,
        str![[r#"
`extension.x["a"]` and `extension.y` are the same object: Both have the same `database` and `name`, and there can be only one such object. [extension.y]

"#]]
    );
    let other = project.plan(&twin("other")).await;
    assert_eq!(other, "+ extension.y database=\"other\", name=\"x\"\n");
}

/// All steps that a step waits for, at however many removes.
fn everything_before(plan: &Plan, step: usize) -> BTreeSet<usize> {
    let (mut found, mut open) = (BTreeSet::new(), vec![step]);
    while let Some(step) = open.pop() {
        open.extend(plan.steps[step].after.iter().filter(|it| found.insert(**it)));
    }
    found
}

#[tokio::test]
async fn two_blocks_for_one_unknown_object_are_refused() {
    let project = Project::new();
    let thing = "provider \"db\" {\n address = \"a\"\n}\nresource \"thing\" \"t\" {\n name = \"t\"\n}\nresource \"thing\" \"u\" {\n name = \"u\"\n}";
    let block = |label: &str, database: &str| {
        format!("resource \"extension\" \"{label}\" {{\n name = \"x\"\n database = {database}\n}}")
    };
    let local = "locals {\n arn = thing.t.arn\n}";
    let pair =
        |one: &str, other: &str| [thing, local, &block("a", one), &block("b", other)].join("\n");
    for other in [
        "thing.t.arn",
        "\"${thing.t.arn}\"",
        "local.arn",
        "nonsensitive(sensitive(thing.t.arn)) == \"\" ? null : thing.t.arn",
    ] {
        let said = project.plan(&pair("thing.t.arn", other)).await;
        let is_refused = said.contains("`extension.a` and `extension.b` are the same object");
        assert_eq!(is_refused, !other.contains('?'), "{other}: {said}");
    }
    let text = "\"${thing.t.arn}/a\"";
    let said = project.plan(&pair(text, text)).await;
    assert!(said.contains("`extension.a` and `extension.b` are the same object"), "{said}");
    // An expression of one attribute may have any value.
    for other in [
        "thing.u.arn",
        "upper(thing.t.arn)",
        "trimspace(thing.t.arn)",
        "coalesce(thing.t.arn, \"x\")",
        "\"${thing.t.arn}/b\"",
    ] {
        for one in ["thing.t.arn", "lower(thing.t.arn)", "\"${thing.t.arn}/a\""] {
            let said = project.plan(&pair(one, other)).await;
            assert!(!said.contains("one and the same"), "{one} and {other}: {said}");
        }
    }
}
