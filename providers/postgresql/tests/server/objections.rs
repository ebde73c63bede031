//! What the server would refuse is told of a plan, and nothing else: whatever is objected to is
//! refused, and what is not objected to is done.

use ha_provider::IntendedChange;
use ha_value::{Action, Value};

use crate::cluster::versions;
use crate::project::Project;
use crate::{list, object};

const DATABASE: &str = "postgresql_database";
const EXTENSION: &str = "postgresql_extension";
const ROLE: &str = "postgresql_role";

type Given = Vec<(&'static str, Value)>;

fn given(name: &'static str, more: &[(&'static str, Value)]) -> Given {
    std::iter::once(("name", Value::from(name))).chain(more.iter().cloned()).collect()
}

fn text(name: &'static str, value: &str) -> (&'static str, Value) {
    (name, Value::from(value))
}

fn settings(name: &str, value: &str) -> (&'static str, Value) {
    ("settings", Value::object([(name.into(), Value::from(value))]))
}

/// What is made, and the argument that is objected to; none where the server takes it.
fn table() -> Vec<(&'static str, Given, Option<&'static str>)> {
    vec![
        (DATABASE, given("plain", &[]), None),
        (DATABASE, given("postgres", &[]), Some("name")),
        (DATABASE, given("template0", &[]), Some("name")),
        (DATABASE, given("there", &[]), Some("name")),
        (DATABASE, given("x", &[text("owner", "no one at all")]), Some("owner")),
        (DATABASE, given("owned", &[text("owner", "group")]), None),
        (DATABASE, given("x", &[text("tablespace_name", "nowhere")]), Some("tablespace_name")),
        (DATABASE, given("x", &[text("tablespace_name", "pg_global")]), Some("tablespace_name")),
        (DATABASE, given("x", &[text("tablespace_name", "pg_default")]), Some("tablespace_name")),
        (DATABASE, given("x", &[text("template", "nothing")]), Some("template")),
        (DATABASE, given("x", &[text("template", "not mine")]), Some("template")),
        (DATABASE, given("copied", &[text("template", "template1")]), None),
        (
            DATABASE,
            given("x", &[text("template", "template1"), text("encoding", "LATIN1")]),
            Some("encoding"),
        ),
        (
            DATABASE,
            given("x", &[text("template", "template1"), text("lc_collate", "C.UTF-8")]),
            Some("lc_collate"),
        ),
        (DATABASE, given("x", &[text("encoding", "NO_SUCH")]), Some("encoding")),
        (DATABASE, given("x", &[text("encoding", "GBK")]), Some("encoding")),
        (
            DATABASE,
            given(
                "latin",
                &[text("encoding", "iso-8859-1"), text("lc_collate", "C"), text("lc_ctype", "C")],
            ),
            None,
        ),
        (
            DATABASE,
            given("x", &[text("encoding", "LATIN1"), text("lc_ctype", "C.UTF-8")]),
            Some("lc_ctype"),
        ),
        (DATABASE, given("x", &[text("lc_collate", "xx_YY.UTF-8")]), Some("lc_collate")),
        (
            DATABASE,
            given("sorted", &[text("lc_collate", "C.UTF-8"), text("lc_ctype", "C.UTF-8")]),
            None,
        ),
        (
            DATABASE,
            given("x", &[settings("no_such_setting", "1")]),
            Some("settings.no_such_setting"),
        ),
        (
            DATABASE,
            given("x", &[settings("shared_buffers", "16MB")]),
            Some("settings.shared_buffers"),
        ),
        (DATABASE, given("set", &[settings("Work_Mem", "8MB")]), None),
        (DATABASE, given("zoned", &[settings("timezone", "UTC")]), None),
        (ROLE, given("group", &[]), Some("name")),
        (ROLE, given("x", &[("superuser", Value::from(true))]), Some("superuser")),
        (ROLE, given("x", &[("roles", list(&["no one at all"]))]), Some("roles")),
        (ROLE, given("x", &[settings("no_such_setting", "1")]), Some("settings.no_such_setting")),
        (ROLE, given("x", &[settings("port", "1")]), Some("settings.port")),
        (ROLE, given("member", &[("roles", list(&["group"])), settings("work_mem", "4MB")]), None),
        (EXTENSION, given("no_such", &[text("database", "there")]), Some("name")),
        (
            EXTENSION,
            given("plpgsql", &[text("database", "there"), text("version", "77")]),
            Some("version"),
        ),
        (EXTENSION, given("plpgsql", &[text("database", "not there")]), Some("database")),
    ]
}

#[tokio::test]
async fn what_is_objected_to_is_refused_and_all_else_is_taken() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        for statement in ["CREATE DATABASE there OWNER master", "CREATE DATABASE \"not mine\""] {
            cluster.sql("postgres", statement);
        }
        let group = project.create(ROLE, &given("group", &[])).await.unwrap();
        for (kind, given, argument) in table() {
            let told = project.objections(&[project.intended(kind, &[], &given)]).await;
            let arguments: Vec<&str> =
                told.iter().map(|(_, argument, _)| argument.as_str()).collect();
            let context = format!("version {}, {given:?}: {told:?}", cluster.major);
            assert_eq!(arguments.first().copied(), argument, "{context}");
            match project.create(kind, &given).await {
                Err(error) => {
                    assert!(argument.is_some(), "{context}: {error}");
                    // Of settings the server hears once the database is there.
                    cluster.sql("postgres", "DROP DATABASE IF EXISTS x");
                }
                Ok(made) => {
                    assert!(argument.is_none(), "{context}");
                    project.delete(kind, &made).await.unwrap();
                }
            }
        }
        project.delete(ROLE, &group).await.unwrap();
        cluster.sql("postgres", "DROP DATABASE there");
        cluster.sql("postgres", "DROP DATABASE \"not mine\"");
    }
}

#[tokio::test]
async fn what_the_same_plan_makes_or_takes_away_counts() {
    let project = Project::new().await;
    project.cluster.sql(
        "postgres",
        "CREATE ROLE outer_role; CREATE ROLE inner_role; GRANT outer_role TO inner_role",
    );
    let role = |name: &'static str, roles: &[&str]| given(name, &[("roles", list(roles))]);
    let check = async |planned: Vec<IntendedChange>, expected: &[(usize, &str)]| {
        let told = project.objections(&planned).await;
        let places: Vec<(usize, &str)> =
            told.iter().map(|(place, argument, _)| (*place, argument.as_str())).collect();
        assert_eq!(places, expected, "{told:?}");
    };
    let intended =
        |kind: &str, before: &Given, after: &Given| project.intended(kind, before, after);
    let none = Given::new();
    // The owner, the database and what is in it come in one plan.
    check(
        vec![
            intended(ROLE, &none, &given("comes", &[])),
            intended(DATABASE, &none, &given("new one", &[text("owner", "comes")])),
            intended(EXTENSION, &none, &given("hstore", &[text("database", "new one")])),
        ],
        &[],
    )
    .await;
    // A name is free once its holder goes or has another; and taken by whoever stays.
    check(
        vec![
            intended(ROLE, &role("outer_role", &[]), &none),
            intended(ROLE, &none, &given("outer_role", &[])),
        ],
        &[],
    )
    .await;
    let elsewhere = role("moved on", &["outer_role"]);
    check(
        vec![
            intended(ROLE, &role("inner_role", &["outer_role"]), &elsewhere),
            intended(ROLE, &none, &given("inner_role", &[])),
        ],
        &[],
    )
    .await;
    check(
        vec![intended(ROLE, &role("inner_role", &["outer_role"]), &role("outer_role", &[]))],
        &[(0, "name")],
    )
    .await;
    check(vec![intended(DATABASE, &given("mine", &[]), &given("template1", &[]))], &[(0, "name")])
        .await;
    let there = role("outer_role", &[]);
    for (action, expected) in
        [(Action::CreateThenDelete, &[(0, "name")][..]), (Action::DeleteThenCreate, &[])]
    {
        check(vec![project.intended_as(action, ROLE, &there, &there)], expected).await;
    }
    // A circle, through what is there and through what is planned.
    check(
        vec![intended(ROLE, &role("outer_role", &[]), &role("outer_role", &["inner_role"]))],
        &[(0, "roles")],
    )
    .await;
    check(
        vec![
            intended(ROLE, &none, &role("one", &["two"])),
            intended(ROLE, &none, &role("two", &["one"])),
        ],
        &[(0, "roles"), (1, "roles")],
    )
    .await;
    let apart = vec![
        intended(ROLE, &role("outer_role", &[]), &role("outer_role", &["inner_role"])),
        intended(ROLE, &role("inner_role", &["outer_role"]), &role("inner_role", &[])),
    ];
    check(apart, &[]).await;
    project.cluster.sql("postgres", "DROP ROLE outer_role; DROP ROLE inner_role");
}

#[tokio::test]
async fn a_server_that_is_away_objects_to_nothing() {
    let project = Project::with(&[("port", Value::from(1))]).await.unwrap();
    let planned = [project.intended(DATABASE, &[], &given("postgres", &[]))];
    assert!(project.objections(&planned).await.is_empty());
}

#[tokio::test]
async fn names_that_mean_no_role_are_refused_without_a_server() {
    let project = Project::with(&[("port", Value::from(1))]).await.unwrap();
    let wrong: [(&str, Given); 7] = [
        (ROLE, given("pg_mine", &[])),
        (ROLE, given("public", &[])),
        (ROLE, given("none", &[])),
        (ROLE, given("x", &[("roles", list(&["x"]))])),
        (
            ROLE,
            given(
                "x",
                &[(
                    "membership",
                    Value::tuple([Value::Object(std::sync::Arc::new(object(&[text(
                        "role", "x",
                    )])))]),
                )],
            ),
        ),
        (ROLE, given("x", &[("roles", list(&["public"]))])),
        (DATABASE, given("x", &[text("owner", "public")])),
    ];
    for (kind, given) in wrong {
        assert_eq!(project.problems(kind, &given).len(), 1, "{given:?}");
    }
    assert!(project.problems(ROLE, &given("x", &[("roles", list(&["pg_monitor"]))])).is_empty());
}
