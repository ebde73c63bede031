use std::time::Duration;

use ha_provider::ReadingValue;
use ha_value::{Type, Value};

use crate::list;
use crate::project::{Project, Step};

const KIND: &str = "postgresql_role";
const PASSWORD: &str = r#"p$w%0a@/'"\ !:;&?=+~"#;

#[tokio::test]
async fn creates_changes_and_deletes_a_role() {
    let project = Project::new().await;
    let group = project.create(KIND, &[("name", Value::from("group of readers"))]).await.unwrap();
    let given = [
        ("name", Value::from("circle")),
        ("login", Value::from(true)),
        ("password", Value::from(PASSWORD)),
        ("connection_limit", Value::from(7)),
        ("roles", list(&["group of readers"])),
    ];
    let made = project.create(KIND, &given).await.unwrap();
    assert_eq!(made.id, "circle");
    project.assert_settled(KIND, &made).await;
    project.assert_settled(KIND, &group).await;
    let about = "SELECT rolcanlogin, rolcreatedb, rolcreaterole, rolinherit, rolconnlimit, rolsuper FROM pg_roles WHERE rolname = 'circle'";
    assert_eq!(project.cluster.sql("postgres", about), "t|f|f|t|7|f");
    let member = "SELECT pg_has_role('circle', 'group of readers', 'USAGE')";
    assert_eq!(project.cluster.sql("postgres", member), "t");
    assert_eq!(
        project.cluster.sql_as("circle", PASSWORD, "postgres", "SELECT current_user"),
        Ok("circle".into())
    );
    assert!(project.cluster.sql_as("circle", "other", "postgres", "SELECT 1").is_err());

    let given = [
        ("name", Value::from("circle")),
        ("login", Value::from(true)),
        ("password", Value::from("another one")),
        ("inherit", Value::from(false)),
    ];
    let changed = project.update(KIND, &made, &given).await.unwrap();
    project.assert_settled(KIND, &changed).await;
    assert_eq!(project.cluster.sql("postgres", about), "t|f|f|f|-1|f");
    assert!(project.cluster.sql_as("circle", PASSWORD, "postgres", "SELECT 1").is_err());
    assert_eq!(
        project.cluster.sql_as("circle", "another one", "postgres", "SELECT 1"),
        Ok("1".into())
    );

    // A change of something else leaves the password, salt and all, as it is.
    let stored = || {
        project
            .cluster
            .sql("postgres", "SELECT rolpassword FROM pg_authid WHERE rolname = 'circle'")
    };
    let before = stored();
    let mut given = given.to_vec();
    given.push(("connection_limit", Value::from(3)));
    let changed = project.update(KIND, &changed, &given).await.unwrap();
    assert_eq!(stored(), before);
    let without: Vec<_> = given.into_iter().filter(|(name, _)| *name != "password").collect();
    let changed = project.update(KIND, &changed, &without).await.unwrap();
    assert_eq!(stored(), "");

    project.delete(KIND, &changed).await.unwrap();
    project.delete(KIND, &changed).await.unwrap();
    assert_eq!(project.read(KIND, &[&changed, &group]).await[0], ReadingValue::Gone);
    project.delete(KIND, &group).await.unwrap();
    let log = project.cluster.log();
    assert!(log.contains("SCRAM-SHA-256$"), "the log holds the statements");
    for secret in [PASSWORD, "another one"] {
        assert!(
            !log.contains(secret) && !log.contains(&secret.replace('\'', "''")),
            "a password is in the log"
        );
    }
}

#[tokio::test]
async fn adopts_only_the_role_of_a_killed_attempt() {
    let project = Project::new().await;
    let given = [
        ("name", Value::from("resumed")),
        ("login", Value::from(true)),
        ("password", Value::from("hush")),
    ];
    let step = Step::new("0123456789abcdef0123456789abcdef");
    // Killed before anything was made.
    project.create_in(&step, true, KIND, &given).await.unwrap();
    // Killed before the result was written.
    let stored = || {
        project
            .cluster
            .sql("postgres", "SELECT oid, rolpassword FROM pg_authid WHERE rolname = 'resumed'")
    };
    let before = stored();
    let made = project.create_in(&step, true, KIND, &given).await.unwrap();
    assert_eq!(stored(), before);
    // Another step finds a role that it did not make.
    for resumed in [false, true] {
        let error =
            project.create_in(&Step::new("other"), resumed, KIND, &given).await.unwrap_err();
        assert!(error.to_string().starts_with("could not create the role `resumed`: "), "{error}");
        assert!(error.to_string().contains("already"), "{error}");
        assert!(!error.help.is_empty());
    }
    assert_eq!(stored(), before);
    project.delete(KIND, &made).await.unwrap();
}

#[tokio::test]
async fn a_statement_that_fails_is_logged_without_the_password() {
    let project = Project::new().await;
    let roles = ("roles", crate::list(&["no one at all"]));
    let given =
        [("name", Value::from("never made")), ("password", Value::from("never in a log")), roles];
    let error = project.create(KIND, &given).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("42704"), "{error}");
    let log = project.cluster.log();
    assert!(log.contains("CREATE ROLE \"never made\"") && !log.contains("never in a log"));
}

#[tokio::test]
async fn detects_drift() {
    let project = Project::new().await;
    let made = project
        .create(KIND, &[("name", Value::from("drifter")), ("password", Value::from("hush"))])
        .await
        .unwrap();
    project
        .cluster
        .sql("postgres", "CREATE ROLE elders; ALTER ROLE drifter LOGIN CREATEDB CONNECTION LIMIT 2; GRANT elders TO drifter");
    let seen = project.seen(KIND, &made).await;
    assert_eq!(
        (&seen["login"], &seen["create_database"]),
        (&Value::from(true), &Value::from(true))
    );
    assert_eq!(seen["connection_limit"], Value::from(2));
    assert_eq!(seen["roles"].elements().unwrap(), [&Value::from("elders")]);
    // It cannot be read, so it stays as recorded.
    assert_eq!(seen["password"], Value::from("hush"));
    project.cluster.sql("postgres", "DROP ROLE drifter; DROP ROLE elders");
    assert_eq!(project.read(KIND, &[&made]).await, [ReadingValue::Gone]);
}

#[tokio::test]
async fn a_role_that_owns_something_is_not_deleted() {
    let project = Project::new().await;
    let made = project.create(KIND, &[("name", Value::from("landlord"))]).await.unwrap();
    project.cluster.sql("postgres", "CREATE DATABASE estate OWNER landlord");
    let error = project.delete(KIND, &made).await.unwrap_err();
    assert_eq!(error.code.as_deref(), Some("2BP01"));
    assert!(error.to_string().contains("owner of database estate"), "{error}");
    assert!(error.help[0].contains("REASSIGN OWNED"), "{error:?}");
    project.cluster.sql("postgres", "DROP DATABASE estate");
    project.delete(KIND, &made).await.unwrap();
}

#[tokio::test]
async fn names_are_quoted() {
    let project = Project::new().await;
    let name = r#"it's "quoted"; DROP ROLE master; -- \ ü"#;
    let made =
        project.create(KIND, &[("name", Value::from(name)), ("roles", list(&[]))]).await.unwrap();
    project.assert_settled(KIND, &made).await;
    project.delete(KIND, &made).await.unwrap();
    assert_eq!(project.read(KIND, &[&made]).await, [ReadingValue::Gone]);
}

#[tokio::test]
async fn finds_invalid_arguments_before_a_change() {
    let project = Project::new().await;
    let wrong = |given: &[(&str, Value)]| project.problems(KIND, given);
    assert_eq!(wrong(&[("name", Value::from(""))]), ["`name` is empty"]);
    assert_eq!(
        wrong(&[("name", Value::from("a".repeat(64)))]),
        ["`name` has 64 bytes, but PostgreSQL keeps 63"]
    );
    let with_password =
        |password: Value| wrong(&[("name", Value::from("it")), ("password", password)]);
    assert!(with_password(Value::from("pässword"))[0].contains("beyond ASCII"));
    assert!(with_password(Value::from(""))[0].contains("is empty"));
    assert!(with_password(Value::unknown(Type::String, None)).is_empty());
    assert_eq!(
        wrong(&[("name", Value::from("it")), ("connection_limit", Value::from(-2))]).len(),
        1
    );
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_one_role() {
    let project = Project::new().await;
    let given = [
        ("name", Value::from("unlucky")),
        ("login", Value::from(true)),
        ("password", Value::from("hush hush")),
    ];
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
        assert_eq!(
            project.cluster.sql_as("unlucky", "hush hush", "postgres", "SELECT 1"),
            Ok("1".into())
        );
        project.delete(KIND, &made).await.unwrap();
    }
    assert!(cut_short > 0, "every try was faster than the kill");
}
