use std::time::Duration;

use ha_provider::ReadingValue;
use ha_value::Value;

use crate::project::{Project, Step};

const KIND: &str = "postgresql_database";

#[tokio::test]
async fn a_database_belongs_to_a_role_that_the_master_is_no_member_of() {
    let project = Project::new().await;
    let owner = [
        ("name", Value::from("owner one")),
        ("login", Value::from(true)),
        ("password", Value::from("hush")),
    ];
    let owner = project.create("postgresql_role", &owner).await.unwrap();
    let given = [
        ("name", Value::from("data one")),
        ("owner", Value::from("owner one")),
        ("encoding", Value::from("utf-8")),
        ("lc_collate", Value::from("C")),
        ("lc_ctype", Value::from("C")),
        ("connection_limit", Value::from(20)),
    ];
    let made = project.create(KIND, &given).await.unwrap();
    assert_eq!(made.id, "data one");
    project.assert_settled(KIND, &made).await;
    let about = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit \
                 FROM pg_database WHERE datname = 'data one'";
    assert_eq!(project.cluster.sql("postgres", about), "owner one|UTF8|C|C|20");
    let made_by_owner = project.cluster.sql_as(
        "'owner one'",
        "hush",
        "'data one'",
        "CREATE TABLE it (id int); SELECT count(*) FROM it",
    );
    assert_eq!(made_by_owner, Ok("0".into()));

    let other =
        project.create("postgresql_role", &[("name", Value::from("owner two"))]).await.unwrap();
    let given = [("name", Value::from("data one")), ("owner", Value::from("owner two"))];
    let changed = project.update(KIND, &made, &given).await.unwrap();
    assert_eq!(project.cluster.sql("postgres", about), "owner two|UTF8|C|C|-1");
    project.assert_settled(KIND, &changed).await;

    project.delete(KIND, &changed).await.unwrap();
    project.delete(KIND, &changed).await.unwrap();
    assert_eq!(project.read(KIND, &[&changed]).await, [ReadingValue::Gone]);
    project.delete("postgresql_role", &owner).await.unwrap();
    project.delete("postgresql_role", &other).await.unwrap();
}

#[tokio::test]
async fn unset_arguments_are_chosen_by_the_server() {
    let project = Project::new().await;
    let made = project.create(KIND, &[("name", Value::from("plain"))]).await.unwrap();
    project.assert_settled(KIND, &made).await;
    let seen = project.seen(KIND, &made).await;
    assert_eq!((seen.get("owner"), &seen["encoding"]), (None, &Value::from("UTF8")));
    project.delete(KIND, &made).await.unwrap();
}

#[tokio::test]
async fn a_database_of_somebody_else_is_never_taken_over() {
    let project = Project::new().await;
    project.cluster.sql("postgres", "CREATE DATABASE theirs OWNER master");
    let given = [("name", Value::from("theirs"))];
    for resumed in [false, true] {
        let error = project.create_in(&Step::new("a"), resumed, KIND, &given).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "could not create the database `theirs`: there is such a database already, and this configuration did not make it"
        );
    }
    project.cluster.sql("postgres", "DROP DATABASE theirs");
}

#[tokio::test]
async fn kills_at_any_moment_end_in_one_database() {
    let project = Project::new().await;
    let given = [("name", Value::from("killed")), ("owner", Value::from("killer"))];
    let role = project.create("postgresql_role", &[("name", Value::from("killer"))]).await.unwrap();
    let mut cut_short = 0;
    for milliseconds in [0, 2, 5, 10, 15, 20, 30, 45, 60, 80, 120, 200] {
        let step = Step::new(&format!("step {milliseconds}"));
        let killed = tokio::time::timeout(
            Duration::from_millis(milliseconds),
            project.create_in(&step, false, KIND, &given),
        )
        .await;
        cut_short += u32::from(killed.is_err());
        let made = project.create_in(&step, true, KIND, &given).await.unwrap();
        project.assert_settled(KIND, &made).await;
        let count = project
            .cluster
            .sql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'killed'");
        assert_eq!(count, "1", "after {milliseconds} ms");
        project.delete(KIND, &made).await.unwrap();
    }
    assert!(cut_short > 0, "every try was faster than the kill");
    project.delete("postgresql_role", &role).await.unwrap();
}

#[tokio::test]
async fn a_database_in_use_names_who_uses_it() {
    let project = Project::new().await;
    let made = project.create(KIND, &[("name", Value::from("busy"))]).await.unwrap();
    let stay = std::thread::spawn({
        let cluster = project.cluster.clone();
        move || {
            cluster.sql_as("master", crate::cluster::MASTER_PASSWORD, "busy", "SELECT pg_sleep(60)")
        }
    });
    let connected =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = 'busy' AND usename = 'master'";
    while project.cluster.sql("postgres", connected) != "1" {
        tokio::task::yield_now().await;
    }
    let error = project.delete(KIND, &made).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("55006"));
    assert!(
        error.help.iter().any(|it| it == "connected are: master from 127.0.0.1 (psql)"),
        "{error:?}"
    );
    project.cluster.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'busy'",
    );
    assert!(stay.join().unwrap().is_err());
    project.delete(KIND, &made).await.unwrap();
}

#[tokio::test]
async fn a_missing_owner_is_named() {
    let project = Project::new().await;
    let given = [("name", Value::from("orphan")), ("owner", Value::from("no one at all"))];
    let error = project.create(KIND, &given).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not make `master` a member of the role `no one at all`: there is no role `no one at all`"
    );
    assert!(error.help[0].contains("postgresql_role"));
}
