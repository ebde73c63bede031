//! A plan is refused for exactly what the server would refuse: whatever is objected to is
//! refused, and what is not objected to is done.

use std::sync::Arc;

use ha_provider::{IntendedChange, RecordedValue};
use ha_value::{Action, Value};

use crate::cluster::{Cluster, cluster, versions};
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
fn table(major: u32) -> Vec<(&'static str, Given, Option<&'static str>)> {
    // From version 16 on CREATEROLE does not let a user grant the server's own roles any more.
    let only_before_16 = |argument| (major >= 16).then_some(argument);
    vec![
        (DATABASE, given("x", &[text("owner", "postgres")]), Some("owner")),
        (DATABASE, given("x", &[text("owner", "pg_database_owner")]), Some("owner")),
        (DATABASE, given("watched", &[text("owner", "pg_monitor")]), only_before_16("owner")),
        (DATABASE, given("x", &[settings("work_mem", "much")]), Some("settings.work_mem")),
        (DATABASE, given("x", &[settings("log_statement", "all")]), Some("settings.log_statement")),
        (DATABASE, given("x", &[settings("timezone", "Not/There")]), Some("settings.timezone")),
        (DATABASE, given("pathed", &[settings("search_path", "nowhere")]), None),
        (DATABASE, given("spaced", &[settings("default_tablespace", "nowhere")]), None),
        (ROLE, given("x", &[("replication", Value::from(true))]), Some("replication")),
        (
            ROLE,
            given("x", &[("bypass_row_level_security", Value::from(true))]),
            Some("bypass_row_level_security"),
        ),
        (ROLE, given("creator", &[("create_database", Value::from(true))]), None),
        (ROLE, given("role creator", &[("create_role", Value::from(true))]), None),
        (ROLE, given("x", &[("roles", list(&["postgres"]))]), Some("roles")),
        (ROLE, given("watcher", &[("roles", list(&["pg_monitor"]))]), only_before_16("roles")),
        (
            ROLE,
            given("x", &[settings("statement_timeout", "5 parsecs")]),
            Some("settings.statement_timeout"),
        ),
        (ROLE, given("x", &[settings("log_connections", "on")]), Some("settings.log_connections")),
        (ROLE, given("x", &[settings("log_statement", "all")]), Some("settings.log_statement")),
        (EXTENSION, given("plpgsql", &[text("database", "there")]), Some("name")),
        (EXTENSION, given("file_fdw", &[text("database", "there")]), Some("name")),
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
async fn objections_match_what_the_server_refuses() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        for statement in ["CREATE DATABASE there OWNER master", "CREATE DATABASE \"not mine\""] {
            cluster.sql("postgres", statement);
        }
        let group = project.create(ROLE, &given("group", &[])).await.unwrap();
        for (kind, given, argument) in table(cluster.major) {
            let reported = project.objections(&[project.intended(kind, &[], &given)]).await;
            let arguments: Vec<&str> =
                reported.iter().map(|(_, argument, _)| argument.as_str()).collect();
            let context = format!("version {}, {given:?}: {reported:?}", cluster.major);
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
async fn objections_take_the_rest_of_the_plan_into_account() {
    let project = Project::new().await;
    project.cluster.sql(
        "postgres",
        "CREATE ROLE outer_role; CREATE ROLE inner_role; GRANT outer_role TO inner_role",
    );
    let role = |name: &'static str, roles: &[&str]| given(name, &[("roles", list(roles))]);
    let check = async |planned: Vec<IntendedChange>, expected: &[(usize, &str)]| {
        let reported = project.objections(&planned).await;
        let places: Vec<(usize, &str)> =
            reported.iter().map(|(place, argument, _)| (*place, argument.as_str())).collect();
        assert_eq!(places, expected, "{reported:?}");
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
async fn an_unreachable_server_objects_to_nothing() {
    let project = Project::with(&[("port", Value::from(1))]).await.unwrap();
    let planned = [project.intended(DATABASE, &[], &given("postgres", &[]))];
    assert!(project.objections(&planned).await.is_empty());
}

#[tokio::test]
async fn invalid_role_names_are_refused_without_a_server() {
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
    let owner = [("roles", list(&["pg_database_owner"]))];
    assert_eq!(project.problems(ROLE, &given("x", &owner)).len(), 1);
}

/// A role that may log in, made by the superuser with these attributes.
async fn user(cluster: &Arc<Cluster>, name: &'static str, attributes: &str) -> Project {
    cluster.sql("postgres", &format!("CREATE ROLE {name} LOGIN {attributes} PASSWORD 'hush'"));
    Project::on(
        cluster.clone(),
        &[("username", Value::from(name)), ("password", Value::from("hush"))],
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn a_user_without_rights_is_refused_by_the_plan() {
    for cluster in versions() {
        let project = user(&cluster, "powerless", "").await;
        for (kind, given) in [(ROLE, given("x", &[])), (DATABASE, given("x", &[]))] {
            let found = project.objections(&[project.intended(kind, &[], &given)]).await;
            assert_eq!(found.len(), 1, "version {}: {found:?}", cluster.major);
            assert_eq!(found[0].1, "name");
            assert!(
                found[0].2.contains("let a superuser run `ALTER ROLE powerless CREATE"),
                "{found:?}"
            );
            assert!(project.create(kind, &given).await.is_err());
        }
        cluster.sql("postgres", "DROP ROLE powerless");
    }
}

#[tokio::test]
async fn a_user_gives_the_attributes_that_it_has_from_version_16_on() {
    for cluster in versions() {
        let project = user(&cluster, "giver", "CREATEROLE REPLICATION BYPASSRLS").await;
        let is_new = cluster.major >= 16;
        for (argument, is_allowed) in [
            ("replication", is_new),
            ("bypass_row_level_security", is_new),
            ("create_database", !is_new),
        ] {
            let given = given("given", &[(argument, Value::from(true))]);
            let found = project.objections(&[project.intended(ROLE, &[], &given)]).await;
            let context = format!("version {}, {argument}: {found:?}", cluster.major);
            assert_eq!(found.is_empty(), is_allowed, "{context}");
            match project.create(ROLE, &given).await {
                Ok(made) => {
                    assert!(is_allowed, "{context}");
                    project.delete(ROLE, &made).await.unwrap();
                }
                Err(error) => assert!(!is_allowed, "{context}: {error}"),
            }
        }
        cluster.sql("postgres", "DROP ROLE IF EXISTS given; DROP ROLE giver");
    }
}

#[tokio::test]
async fn drift_that_only_a_superuser_can_set_back_is_refused_by_the_plan() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let (plain, owned) = (given("drifting", &[]), given("drifting database", &[]));
        let role = project.create(ROLE, &plain).await.unwrap();
        let database = project.create(DATABASE, &owned).await.unwrap();
        let check = async |change: &str, kind: &str, made: &RecordedValue, argument: &str| {
            cluster.sql("postgres", change);
            let seen = project.seen(kind, made).await;
            let before: Vec<(&str, Value)> = seen
                .iter()
                .map(|(name, it)| (&**name, it.clone()))
                .filter(|(name, _)| made.arguments.contains_key(*name) || *name == "owner")
                .collect();
            let after: Vec<(&str, Value)> =
                made.arguments.iter().map(|(name, it)| (&**name, it.clone())).collect();
            let found = project.objections(&[project.intended(kind, &before, &after)]).await;
            let context = format!("version {}, {change}: {found:?}", cluster.major);
            assert_eq!(found.len(), 1, "{context}");
            assert_eq!(found[0].1, argument, "{context}");
            assert!(found[0].2.contains("superuser"), "{context}");
            let drifted = RecordedValue { arguments: seen, ..made.clone() };
            assert!(project.update(kind, &drifted, &after).await.is_err(), "{context}");
        };
        check("ALTER ROLE drifting REPLICATION", ROLE, &role, "replication").await;
        cluster.sql("postgres", "ALTER ROLE drifting NOREPLICATION");
        check("ALTER ROLE drifting BYPASSRLS", ROLE, &role, "bypass_row_level_security").await;
        cluster.sql("postgres", "ALTER ROLE drifting NOBYPASSRLS");
        check("ALTER ROLE drifting SUPERUSER", ROLE, &role, "superuser").await;
        let change = "ALTER DATABASE \"drifting database\" OWNER TO postgres";
        check(change, DATABASE, &database, "owner").await;
        cluster.sql("postgres", "DROP DATABASE \"drifting database\"");
        cluster.sql("postgres", "DROP ROLE drifting");
    }
}

#[tokio::test]
async fn roles_of_others_are_changed_with_the_admin_option_alone_from_version_16_on() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        cluster.sql("postgres", "CREATE ROLE \"not mine\"");
        let after = given("not mine", &[("login", Value::from(true))]);
        for (planned, argument) in [
            (project.intended(ROLE, &given("not mine", &[]), &after), "login"),
            (project.intended(ROLE, &given("not mine", &[]), &[]), "name"),
        ] {
            let found = project.objections(&[planned]).await;
            let arguments: Vec<&str> = found.iter().map(|it| it.1.as_str()).collect();
            let expected: &[&str] = if cluster.major >= 16 { &[argument] } else { &[] };
            assert_eq!(arguments, expected, "version {}: {found:?}", cluster.major);
        }
        cluster.sql("postgres", "DROP ROLE \"not mine\"");
    }
}

#[tokio::test]
async fn a_role_that_is_needed_is_not_planned_to_be_dropped() {
    for cluster in versions() {
        let project = Project::on(cluster.clone(), &[]).await.unwrap();
        let needed = given("needed", &[]);
        let role = project.create(ROLE, &needed).await.unwrap();
        let database = given("holding", &[text("owner", "needed")]);
        let holding = project.create(DATABASE, &database).await.unwrap();
        cluster.sql("postgres", "CREATE DATABASE using_it");
        cluster.sql("postgres", "GRANT CONNECT ON DATABASE using_it TO needed");
        cluster.sql("using_it", "CREATE TABLE t (i int); ALTER TABLE t OWNER TO needed");
        let drop = || project.intended(ROLE, &needed, &[]);
        let found = project.objections(&[drop()]).await;
        assert_eq!(found.len(), 1, "{found:?}");
        let message = &found[0].2;
        for part in [
            "the role `needed` cannot be dropped: it has ",
            "ownership of database holding",
            "rights on database using_it",
            "in the database `using_it` it has ownership of table t",
            "REASSIGN OWNED BY \"needed\" TO",
        ] {
            assert!(message.contains(part), "version {}: {part}: {message}", cluster.major);
        }
        assert!(project.delete(ROLE, &role).await.is_err());
        // A database that goes in the same plan, or to another owner, keeps no role.
        cluster.sql("using_it", "REASSIGN OWNED BY needed TO postgres; DROP OWNED BY needed");
        cluster.sql("postgres", "ALTER DATABASE holding OWNER TO needed");
        assert_eq!(project.objections(&[drop()]).await.len(), 1);
        let goes = project.intended(DATABASE, &database, &[]);
        assert_eq!(project.objections(&[drop(), goes]).await, []);
        let moves =
            project.intended(DATABASE, &database, &given("holding", &[text("owner", "master")]));
        assert_eq!(project.objections(&[drop(), moves]).await, []);
        project.delete(DATABASE, &holding).await.unwrap();
        assert_eq!(project.objections(&[drop()]).await, []);
        project.delete(ROLE, &role).await.unwrap();
        cluster.sql("postgres", "DROP DATABASE using_it");
    }
}

#[tokio::test]
async fn an_extension_that_is_needed_is_not_planned_to_be_dropped() {
    let project = Project::new().await;
    let cluster = &project.cluster;
    let database = project.create(DATABASE, &given("with hstore", &[])).await.unwrap();
    let hstore = given("hstore", &[text("database", "with hstore")]);
    let made = project.create(EXTENSION, &hstore).await.unwrap();
    let dropped = |more: &[(&'static str, Value)]| {
        let before: Given = hstore.iter().chain(more).cloned().collect();
        project.intended(EXTENSION, &before, &[])
    };
    assert_eq!(project.objections(&[dropped(&[])]).await, []);
    let nowhere = given("hstore", &[text("database", "with hstore"), text("schema", "nowhere")]);
    let moved = project.intended_as(Action::DeleteThenCreate, EXTENSION, &hstore, &nowhere);
    let found = project.objections(&[moved]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.contains("has no schema `nowhere`"), "{found:?}");
    cluster.sql("with hstore", "CREATE TABLE t (pairs hstore)");
    let found = project.objections(&[dropped(&[])]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    for part in ["these need it: column pairs of table t; ", "`drop_cascade = true`"] {
        assert!(found[0].2.contains(part), "{found:?}");
    }
    assert!(project.delete(EXTENSION, &made).await.is_err());
    let cascades = [("drop_cascade", Value::from(true))];
    assert_eq!(project.objections(&[dropped(&cascades)]).await, []);
    let goes = project.intended(DATABASE, &given("with hstore", &[]), &[]);
    assert_eq!(project.objections(&[dropped(&[]), goes]).await, []);
    // The server's own extension belongs to its superuser.
    let plpgsql = given("plpgsql", &[text("database", "with hstore")]);
    let found = project.objections(&[project.intended(EXTENSION, &plpgsql, &[])]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.contains("belongs to `postgres`"), "{found:?}");
    project.delete(DATABASE, &database).await.unwrap();
}

#[tokio::test]
async fn names_the_required_extensions() {
    let cluster = cluster();
    let project = user(&cluster, "extension_chief", "SUPERUSER").await;
    let database = project.create(DATABASE, &given("with earth", &[])).await.unwrap();
    let earth = |more: &[(&'static str, Value)]| {
        let given = given("earthdistance", &[&[text("database", "with earth")], more].concat());
        project.intended(EXTENSION, &[], &given)
    };
    let found = project.objections(&[earth(&[])]).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].2.contains("needs the extension `cube`"), "{found:?}");
    assert!(found[0].2.contains("`create_cascade = true`"), "{found:?}");
    assert_eq!(project.objections(&[earth(&[("create_cascade", Value::from(true))])]).await, []);
    let cube = project.intended(EXTENSION, &[], &given("cube", &[text("database", "with earth")]));
    assert_eq!(project.objections(&[earth(&[]), cube]).await, []);
    project.delete(DATABASE, &database).await.unwrap();
    cluster.sql("postgres", "DROP ROLE extension_chief");
}
