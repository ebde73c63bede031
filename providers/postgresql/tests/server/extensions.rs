use std::time::Duration;

use ha_provider::ReadingValue;
use ha_value::Value;

use crate::project::{Project, Step};

const KIND: &str = "postgresql_extension";

#[tokio::test]
async fn trusted_extensions_go_into_a_database_of_another_owner() {
    let project = Project::new().await;
    let owner =
        project.create("postgresql_role", &[("name", Value::from("keeper"))]).await.unwrap();
    let database = [("name", Value::from("extended")), ("owner", Value::from("keeper"))];
    let database = project.create("postgresql_database", &database).await.unwrap();
    let mut made = Vec::new();
    for name in ["pgcrypto", "uuid-ossp"] {
        let given = [("name", Value::from(name)), ("database", Value::from("extended"))];
        made.push(project.create(KIND, &given).await.unwrap());
    }
    assert_eq!(made[0].id, "extended.pgcrypto");
    let there = "SELECT string_agg(extname, ' ' ORDER BY extname) FROM pg_extension";
    assert_eq!(project.cluster.sql("extended", there), "pgcrypto plpgsql uuid-ossp");
    let works = "SELECT length(gen_random_bytes(8)), uuid_generate_v4() IS NOT NULL";
    assert_eq!(project.cluster.sql("extended", works), "8|t");
    for it in &made {
        project.assert_settled(KIND, it).await;
    }
    let seen = project.seen(KIND, &made[0]).await;
    assert_eq!(seen["schema"], Value::from("public"));
    project.delete(KIND, &made[0]).await.unwrap();
    project.delete(KIND, &made[0]).await.unwrap();
    let read = project.read(KIND, &[&made[0], &made[1]]).await;
    assert_eq!(read[0], ReadingValue::Gone);
    assert!(matches!(read[1], ReadingValue::Found { .. }));
    // Its database goes, and it goes with it.
    project.delete("postgresql_database", &database).await.unwrap();
    assert_eq!(project.read(KIND, &[&made[1]]).await, [ReadingValue::Gone]);
    project.delete(KIND, &made[1]).await.unwrap();
    project.delete("postgresql_role", &owner).await.unwrap();
}

#[tokio::test]
async fn a_user_without_rights_of_its_own_acts_as_the_owner() {
    let project = Project::new().await;
    // A member that does not inherit has none of the owner's rights until it asks for them.
    let roles = "CREATE ROLE shy LOGIN CREATEROLE NOINHERIT PASSWORD 'shy'; CREATE ROLE host; GRANT host TO shy";
    project.cluster.sql("postgres", roles);
    project.cluster.sql("postgres", "CREATE DATABASE hosted OWNER host");
    let shy = Project::with(&[("username", Value::from("shy")), ("password", Value::from("shy"))])
        .await
        .unwrap();
    let given = [("name", Value::from("pgcrypto")), ("database", Value::from("hosted"))];
    let made = shy.create(KIND, &given).await.unwrap();
    assert_eq!(
        project.cluster.sql(
            "hosted",
            "SELECT pg_get_userbyid(extowner) FROM pg_extension WHERE extname = 'pgcrypto'"
        ),
        "host"
    );
    shy.delete(KIND, &made).await.unwrap();
    project.cluster.sql("postgres", "DROP DATABASE hosted WITH (FORCE)");
    project.cluster.sql("postgres", "DROP ROLE shy; DROP ROLE host");
}

#[tokio::test]
async fn versions_and_schemas_change_in_place() {
    let project = Project::new().await;
    let database =
        project.create("postgresql_database", &[("name", Value::from("versioned"))]).await.unwrap();
    project.cluster.sql("versioned", "CREATE SCHEMA tools; ALTER SCHEMA tools OWNER TO master");
    let given = |version: &str, schema: &str| {
        vec![
            ("name", Value::from("hstore")),
            ("database", Value::from("versioned")),
            ("version", Value::from(version)),
            ("schema", Value::from(schema)),
        ]
    };
    let made = project.create(KIND, &given("1.7", "public")).await.unwrap();
    project.assert_settled(KIND, &made).await;
    let changed = project.update(KIND, &made, &given("1.8", "public")).await.unwrap();
    project.assert_settled(KIND, &changed).await;
    // What is in an extension belongs to the server's superuser, even in a trusted one.
    let error = project.update(KIND, &changed, &given("1.8", "tools")).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("42501"), "{error}");
    project.cluster.sql("postgres", "CREATE ROLE chief SUPERUSER LOGIN PASSWORD 'chief'");
    let chief = [
        ("username", Value::from("chief")),
        ("password", Value::from("chief")),
        ("superuser", Value::from(true)),
    ];
    let chief = Project::with(&chief).await.unwrap();
    let changed = chief.update(KIND, &changed, &given("1.8", "tools")).await.unwrap();
    project.assert_settled(KIND, &changed).await;
    project.delete(KIND, &changed).await.unwrap();
    project.cluster.sql("postgres", "DROP ROLE chief");
    project.delete("postgresql_database", &database).await.unwrap();
}

#[tokio::test]
async fn adopts_only_the_extension_of_its_own_step() {
    let project = Project::new().await;
    let database =
        project.create("postgresql_database", &[("name", Value::from("twice"))]).await.unwrap();
    let given = [("name", Value::from("pgcrypto")), ("database", Value::from("twice"))];
    let step = Step::new("a");
    project.create_in(&step, false, KIND, &given).await.unwrap();
    project.create_in(&step, true, KIND, &given).await.unwrap();
    let error = project.create_in(&Step::new("b"), true, KIND, &given).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "could not create the extension `pgcrypto` in the database `twice`: it is there already, and this configuration did not make it"
    );
    project.delete("postgresql_database", &database).await.unwrap();
}

#[tokio::test]
async fn explains_missing_and_forbidden_extensions() {
    let project = Project::new().await;
    let database =
        project.create("postgresql_database", &[("name", Value::from("wanting"))]).await.unwrap();
    let error = project
        .create(KIND, &[("name", Value::from("postgis")), ("database", Value::from("wanting"))])
        .await
        .unwrap_err();
    assert!(error.help.iter().any(|it| it.contains("pg_available_extensions")), "{error:?}");
    // Not trusted: only a superuser may make it.
    let error = project
        .create(KIND, &[("name", Value::from("adminpack")), ("database", Value::from("wanting"))])
        .await
        .unwrap_err();
    assert_eq!(error.code.as_deref(), Some("42501"), "{error}");
    assert!(error.help.iter().any(|it| it.contains("master user")), "{error:?}");
    let error = project
        .create(KIND, &[("name", Value::from("pgcrypto")), ("database", Value::from("nowhere"))])
        .await
        .unwrap_err();
    assert_eq!(error.code.as_deref(), Some("3D000"), "{error}");
    project.delete("postgresql_database", &database).await.unwrap();
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_one_extension() {
    let project = Project::new().await;
    let database = project
        .create("postgresql_database", &[("name", Value::from("interrupted"))])
        .await
        .unwrap();
    let given = [("name", Value::from("hstore")), ("database", Value::from("interrupted"))];
    let mut cut_short = 0;
    for milliseconds in [0, 5, 10, 15, 20, 25, 30, 35, 40, 50, 70, 100] {
        let step = Step::new(&format!("step {milliseconds}"));
        let killed = tokio::time::timeout(
            Duration::from_millis(milliseconds),
            project.create_in(&step, false, KIND, &given),
        )
        .await;
        cut_short += u32::from(killed.is_err());
        let made = project.create_in(&step, true, KIND, &given).await.unwrap();
        project.assert_settled(KIND, &made).await;
        project.delete(KIND, &made).await.unwrap();
    }
    assert!(cut_short > 0, "every try was faster than the kill");
    project.delete("postgresql_database", &database).await.unwrap();
}
