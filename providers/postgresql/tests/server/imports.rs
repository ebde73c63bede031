use ha_value::Value;

use crate::project::Project;

#[tokio::test]
async fn imports_existing_objects_by_name() {
    let project = Project::new().await;
    let sql = |database: &str, text: &str| project.cluster.sql(database, text);
    sql(
        "postgres",
        "CREATE ROLE \"taken over\" LOGIN CONNECTION LIMIT 7; GRANT \"taken over\" TO master WITH ADMIN OPTION",
    );
    sql("postgres", "CREATE DATABASE \"taken.over\" OWNER \"taken over\"");
    sql("taken.over", "CREATE EXTENSION hstore");

    let given = [("name", Value::from("taken over"))];
    let role = project
        .import("postgresql_role", "taken over", &given)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(
        (&role.arguments["login"], &role.arguments["connection_limit"]),
        (&Value::from(true), &Value::from(7))
    );
    let given = [("name", Value::from("taken.over"))];
    let database = project
        .import("postgresql_database", "taken.over", &given)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(database.arguments["owner"], Value::from("taken over"));
    for known in [("postgresql_role", &role), ("postgresql_database", &database)] {
        project.assert_settled(known.0, known.1).await;
    }
    // What is imported is ours from now on: it is changed, and it goes.
    let given = [
        ("name", Value::from("taken over")),
        ("login", Value::from(true)),
        ("connection_limit", Value::from(9)),
    ];
    let role = project.update("postgresql_role", &role, &given).await.unwrap();
    assert_eq!(
        sql("postgres", "SELECT rolconnlimit FROM pg_roles WHERE rolname = 'taken over'"),
        "9"
    );
    project.delete("postgresql_database", &database).await.unwrap();
    project.delete("postgresql_role", &role).await.unwrap();
    assert_eq!(
        project
            .import("postgresql_role", "taken over", &[("name", Value::from("taken over"))])
            .await,
        Ok(None)
    );
}

#[tokio::test]
async fn an_extension_is_imported_by_its_database_and_name() {
    let project = Project::new().await;
    let database =
        project.create("postgresql_database", &[("name", Value::from("holds_one"))]).await.unwrap();
    project.cluster.sql("holds_one", "CREATE EXTENSION hstore");
    let given = [("name", Value::from("hstore")), ("database", Value::from("holds_one"))];
    let found = project
        .import("postgresql_extension", "holds_one.hstore", &given)
        .await
        .unwrap()
        .expect("it is there");
    assert_eq!(
        (found.id.as_str(), &found.arguments["schema"]),
        ("holds_one.hstore", &Value::from("public"))
    );
    assert_eq!(
        project.import("postgresql_extension", "holds_one.pgcrypto", &given).await,
        Ok(None)
    );
    let wrong = project.import("postgresql_extension", "hstore", &given).await.unwrap_err();
    assert_eq!(
        wrong.to_string(),
        "could not import `hstore`: the id of an extension is `DATABASE.NAME`"
    );
    project.delete("postgresql_database", &database).await.unwrap();
}
