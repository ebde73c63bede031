use std::collections::BTreeMap;
use std::process::Command;

use ha_value::{Object, Value};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use super::{list, object, render, secret, shown, text, unknown, value};

const NASTY: &str = r#"p$w%0a@/'"\ !`x`$(id)#;&?=+~é"#;

fn mongodb(password: Value, more: &[(&str, Value)]) -> Value {
    let mut given = object(&[
        ("hosts", list(&["127.0.0.11:27117", "127.0.0.12:27117", "127.0.0.13:27117"])),
        ("replica_set", Value::from("circle")),
        ("username", Value::from("circle")),
        ("password", password),
    ]);
    given.extend(object(more));
    Value::object(given)
}

fn postgresql(password: Value, more: &[(&str, Value)]) -> Value {
    let mut given = object(&[
        ("host", Value::from("127.0.0.1")),
        ("username", Value::from("circle")),
        ("password", password),
    ]);
    given.extend(object(more));
    Value::object(given)
}

fn customizations(password: &str, more: &[(&str, Value)]) -> Object {
    let mut given = object(&[
        ("mongodb", mongodb(secret(password), &[])),
        ("postgresql", postgresql(secret(password), &[])),
    ]);
    given.extend(object(more));
    given
}

/// The variables that a shell has after sourcing the file.
fn sourced(shell: &str, content: &str) -> BTreeMap<String, String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), content).unwrap();
    let ran = Command::new(shell)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(["-euc", ". \"$1\"; env -0", "sh"])
        .arg(file.path())
        .output()
        .unwrap();
    assert!(
        ran.status.success() && ran.stderr.is_empty(),
        "{shell}: {}",
        String::from_utf8_lossy(&ran.stderr)
    );
    let variables = String::from_utf8(ran.stdout).unwrap();
    let pair =
        |it: &str| it.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    variables.split_terminator('\0').filter_map(pair).collect()
}

fn password_in(uri: &str) -> String {
    let (_, rest) = uri.split_once("://circle:").unwrap();
    percent_decode_str(rest.split_once('@').unwrap().0).decode_utf8().unwrap().into_owned()
}

#[test]
fn every_shell_reads_what_was_meant() {
    let outputs = render("circleci_customizations", &customizations(NASTY, &[])).unwrap();
    let content = text(&outputs["content"]);
    for shell in ["sh", "dash", "bash"] {
        let variables = sourced(shell, &content);
        let names: Vec<&str> =
            variables.keys().map(String::as_str).filter(|it| it.starts_with("CIRCLE_")).collect();
        assert_eq!(
            names,
            [
                "CIRCLE_SECRETS_MONGODB_ACTION_LOGS_URI",
                "CIRCLE_SECRETS_MONGODB_BUILD_STATE_URI",
                "CIRCLE_SECRETS_MONGODB_CONTAINERS_URI",
                "CIRCLE_SECRETS_MONGODB_MAIN_URI",
                "CIRCLE_SECRETS_POSTGRES_MAIN_URI",
            ]
        );
        assert!(names.iter().all(|it| password_in(&variables[*it]) == NASTY));
        assert_eq!(variables["CIRCLE_SECRETS_MONGODB_MAIN_URI"], text(&outputs["mongodb_uri"]));
        assert_eq!(
            variables["CIRCLE_SECRETS_MONGODB_ACTION_LOGS_URI"],
            text(&outputs["mongodb_uri"])
        );
        assert_eq!(variables["CIRCLE_SECRETS_POSTGRES_MAIN_URI"], text(&outputs["postgresql_uri"]));
        assert!(
            variables["CIRCLE_SECRETS_MONGODB_BUILD_STATE_URI"].contains("/build_state_dev_ghe?")
        );
        assert!(
            variables["CIRCLE_SECRETS_MONGODB_CONTAINERS_URI"].contains("/containers_dev_ghe?")
        );
    }
}

#[test]
fn a_uri_names_all_hosts_the_set_and_tls() {
    let outputs = render("circleci_customizations", &customizations("a b", &[])).unwrap();
    assert_eq!(
        text(&outputs["mongodb_uri"]),
        "mongodb://circle:a%20b@127.0.0.11:27117,127.0.0.12:27117,127.0.0.13:27117/circle_ghe?replicaSet=circle&ssl=true&authSource=admin"
    );
    assert_eq!(
        text(&outputs["postgresql_uri"]),
        "postgres://circle:a%20b@127.0.0.1:5432/circle?sslmode=require"
    );
    assert!(outputs["mongodb_uri"].is_sensitive() && outputs["postgresql_uri"].is_sensitive());
}

#[test]
fn unknown_and_secret_parts_stay_separate() {
    let address = unknown("aws_db_instance.pg.address");
    let port = Value::unknown(ha_value::Type::Number, Some("aws_db_instance.pg.port".into()));
    let postgresql = postgresql(secret("hush"), &[("host", address), ("port", port)]);
    let outputs =
        render("circleci_customizations", &customizations("hush", &[("postgresql", postgresql)]))
            .unwrap();
    assert_eq!(
        shown(&outputs["postgresql_uri"]),
        "postgres://circle:(secret)@(after aws_db_instance.pg.address):(after aws_db_instance.pg.port)/circle?sslmode=require"
    );
    assert!(outputs["mongodb_uri"].is_known() && !outputs["content"].is_known());
}

#[test]
fn more_is_exported_on_request() {
    let more = [
        (
            "mongodb",
            mongodb(
                secret("x"),
                &[("remote_containers_database", Value::from("remote_containers_dev_ghe"))],
            ),
        ),
        ("extra", value(&[("CIRCLE_SECRETS_SESSION_COOKIE_KEY", secret("it's\ntwo lines"))])),
    ];
    let outputs = render("circleci_customizations", &customizations("x", &more)).unwrap();
    let variables = sourced("sh", &text(&outputs["content"]));
    assert!(
        variables["CIRCLE_SECRETS_MONGODB_REMOTE_CONTAINERS_URI"]
            .contains("/remote_containers_dev_ghe?")
    );
    assert_eq!(variables["CIRCLE_SECRETS_SESSION_COOKIE_KEY"], "it's\ntwo lines");
}

#[test]
fn mistakes_are_found() {
    let wrong = |more: &[(&str, Value)]| {
        render("circleci_customizations", &customizations("x", more)).unwrap_err()
    };
    let one = mongodb(secret("x"), &[("hosts", list(&["127.0.0.11:27117"]))]);
    assert!(wrong(&[("mongodb", one)])[0].contains("has 1 of the three members"));
    let twice = mongodb(secret("x"), &[("hosts", list(&["a:1", "b:1", "a:1"]))]);
    assert_eq!(wrong(&[("mongodb", twice)]), ["mongodb.hosts[2]: the same member is there twice"]);
    let mode = postgresql(secret("x"), &[("sslmode", Value::from("disable"))]);
    assert!(
        wrong(&[("postgresql", mode)])[0]
            .contains("`disable` is not one of require, verify-ca, verify-full")
    );
    let extra =
        value(&[("A-B", Value::from("x")), ("CIRCLE_SECRETS_MONGODB_MAIN_URI", Value::from("x"))]);
    assert_eq!(
        wrong(&[("extra", extra)]),
        [
            "extra.A-B: `A-B` is no name of a shell variable",
            "extra.CIRCLE_SECRETS_MONGODB_MAIN_URI: `CIRCLE_SECRETS_MONGODB_MAIN_URI` is exported already",
        ]
    );
    let empty = mongodb(secret(""), &[]);
    assert_eq!(wrong(&[("mongodb", empty)]), ["mongodb.password: `mongodb.password` is empty"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_text_goes_through_a_shell_unchanged(texts in prop::collection::vec("[^\0]{0,20}", 1..12)) {
        let named: Vec<(String, String)> = texts.into_iter().enumerate().map(|(index, it)| (format!("V{index}"), it)).collect();
        let given: Vec<(&str, Value)> = named.iter().map(|(name, it)| (name.as_str(), secret(it))).collect();
        let outputs = render("circleci_customizations", &customizations("x", &[("extra", value(&given))])).unwrap();
        let variables = sourced("sh", &text(&outputs["content"]));
        for (name, text) in &named {
            prop_assert_eq!(&variables[name], text);
        }
    }

    #[test]
    fn any_password_comes_back_out_of_a_uri(password in "[^\0]{1,30}") {
        let outputs = render("circleci_customizations", &customizations(&password, &[])).unwrap();
        prop_assert_eq!(password_in(&text(&outputs["mongodb_uri"])), password.clone());
        prop_assert_eq!(password_in(&text(&outputs["postgresql_uri"])), password);
    }
}
