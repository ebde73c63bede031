//! What is replaced is not lost before the server has taken what takes its place.

use ha_value::Value;

use crate::project::{Project, Step};

const KIND: &str = "postgresql_database";
/// What was made beforehand and not taken over, by the steps of one test. Others work on the same
/// server.
const LEFT: &str =
    "SELECT count(*) FROM pg_database WHERE datname IN ('ha a', 'ha b', 'ha c', 'ha d')";

#[tokio::test]
async fn a_refused_replacement_loses_no_data() {
    let project = Project::new().await;
    let sql = |database: &str, query: &str| project.cluster.sql(database, query);
    sql("postgres", "CREATE DATABASE occupied");
    let made = project.create(KIND, &[("name", Value::from("kept safe"))]).await.unwrap();
    sql("kept safe", "CREATE TABLE kept AS SELECT 7 AS seven");
    let refused: [&[(&str, Value)]; 8] = [
        &[("name", Value::from("kept safe")), ("encoding", Value::from("NO_SUCH"))],
        &[("name", Value::from("kept safe")), ("encoding", Value::from("SJIS"))],
        &[("name", Value::from("kept safe")), ("lc_collate", Value::from("xx_YY"))],
        &[("name", Value::from("kept safe")), ("template", Value::from("not there"))],
        &[("name", Value::from("kept safe")), ("template", Value::from("kept safe"))],
        &[
            ("name", Value::from("kept safe")),
            ("template", Value::from("template1")),
            ("encoding", Value::from("LATIN2")),
        ],
        &[("name", Value::from("kept safe")), ("tablespace_name", Value::from("nowhere"))],
        &[("name", Value::from("occupied")), ("template", Value::from("template1"))],
    ];
    for given in refused {
        let step = Step::new("refused");
        let error = project.replace(&step, KIND, &made, given).await.unwrap_err();
        assert!(error.help.iter().any(|it| it == "nothing was deleted"), "{given:?}: {error:?}");
        assert_eq!(sql("kept safe", "SELECT seven FROM kept"), "7", "{given:?}");
        let left = sql("postgres", "SELECT count(*) FROM pg_database WHERE datname = 'ha refused'");
        assert_eq!(left, "0", "{given:?}");
    }
    sql("postgres", "DROP DATABASE occupied");
    project.delete(KIND, &made).await.unwrap();
}

#[tokio::test]
async fn the_database_created_in_advance_becomes_the_replacement() {
    let project = Project::new().await;
    let sql = |query: &str| project.cluster.sql("postgres", query);
    let owner =
        project.create("postgresql_role", &[("name", Value::from("successor"))]).await.unwrap();
    let before = [("name", Value::from("first form")), ("is_template", Value::from(true))];
    let made = project.create(KIND, &before).await.unwrap();
    let after = [
        ("name", Value::from("second form")),
        ("encoding", Value::from("SQL_ASCII")),
        ("connection_limit", Value::from(5)),
        ("allow_connections", Value::from(false)),
        ("owner", Value::from("successor")),
    ];
    project.replace(&Step::new("a"), KIND, &made, &after).await.unwrap();
    assert_eq!(
        sql(
            "SELECT string_agg(datname, ',') FROM pg_database WHERE datname ~ '^(ha |first|second)'"
        ),
        "ha a"
    );
    let oid = sql("SELECT oid FROM pg_database WHERE datname = 'ha a'");
    let made = project.create(KIND, &after).await.unwrap();
    project.assert_settled(KIND, &made).await;
    assert_eq!(sql("SELECT oid FROM pg_database WHERE datname = 'second form'"), oid);
    assert_eq!(
        (
            sql(LEFT),
            sql(
                "SELECT shobj_description(oid, 'pg_database') IS NULL FROM pg_database WHERE datname = 'second form'"
            )
        ),
        ("0".into(), "t".into())
    );
    // What a killed step made is taken away.
    let again = [("name", Value::from("second form")), ("template", Value::from("template1"))];
    sql("CREATE DATABASE \"ha b\" OWNER master");
    project.clean_up(&Step::new("b"), KIND, &made).await;
    assert_eq!(sql(LEFT), "0");
    project.replace(&Step::new("c"), KIND, &made, &again).await.unwrap();
    project.replace(&Step::new("d"), KIND, &made, &again).await.unwrap();
    project.clean_up(&Step::new("c"), KIND, &made).await;
    project.delete("postgresql_role", &owner).await.unwrap();
    assert_eq!(sql(LEFT), "0");
}

#[tokio::test]
async fn an_extension_is_not_dropped_for_one_that_is_not_there() {
    let project = Project::new().await;
    let database = project.create(KIND, &[("name", Value::from("with columns"))]).await.unwrap();
    let given = |name: &str| {
        [
            ("name", Value::from(name)),
            ("database", Value::from("with columns")),
            ("drop_cascade", Value::from(true)),
        ]
    };
    let made = project.create("postgresql_extension", &given("hstore")).await.unwrap();
    project.cluster.sql("with columns", "CREATE TABLE kept AS SELECT 'a=>1'::hstore AS pairs");
    let error = project
        .replace(&Step::new("e"), "postgresql_extension", &made, &given("no_such"))
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("the server does not have the extension `no_such`"),
        "{error}"
    );
    assert_eq!(project.cluster.sql("with columns", "SELECT pairs->'a' FROM kept"), "1");
    project.delete(KIND, &database).await.unwrap();
}

#[tokio::test]
async fn a_role_goes_once_nothing_of_it_is_configured() {
    let project = Project::new().await;
    let owner =
        project.create("postgresql_role", &[("name", Value::from("leaving"))]).await.unwrap();
    let owned = [("name", Value::from("left behind")), ("owner", Value::from("leaving"))];
    let before = project.create(KIND, &owned).await.unwrap();
    project.cluster.sql("left behind", "SET ROLE leaving; CREATE EXTENSION hstore");
    let after = project.update(KIND, &before, &owned[..1]).await.unwrap();
    project.assert_settled(KIND, &after).await;
    let whose = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'left behind'";
    assert_eq!(project.cluster.sql("postgres", whose), "master");
    project.delete("postgresql_role", &owner).await.unwrap();
    assert_eq!(
        project.cluster.sql(
            "left behind",
            "SELECT extowner::regrole FROM pg_extension WHERE extname = 'hstore'"
        ),
        "master"
    );
    project.delete(KIND, &after).await.unwrap();
}
