//! One mongod at a time: claimed, started, refused, fixed and taken away.

use std::fs;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use crate::lab::{Lab, PASSWORD, holding, mode};
use ha_provider::{ReadingValue, RecordedValue};
use ha_value::Value;
use serde_json::json;

#[tokio::test]
async fn a_host_is_shut_from_the_first_moment_and_reads_as_it_was_made() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({}));
    let host = lab.create("mongodb_host", &arguments, &mut lab.attempt("a", false)).await.unwrap();
    lab.assert_shut_to_strangers(0).await;
    assert_eq!(lab.found("mongodb_host", &host).await, (arguments, vec![]));
    assert_eq!(host.outputs["endpoint"], Value::from(lab.endpoint(0)));
    let root = lab.root(0);
    assert_eq!(mode(&root.join("etc/mongodb/mongodb.pem")), 0o400);
    for file in ["etc/mongod.conf", "etc/mongodb/ca.pem", ".ha"] {
        assert_eq!(mode(&root.join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&root.join("mongo/data")), 0o700);
    assert!(
        fs::read_to_string(root.join("etc/logrotate.d/mongod")).unwrap().contains("kill -USR1")
    );
    let environment = fs::read_to_string(format!("/proc/{}/environ", lab.process(0))).unwrap();
    assert!(!environment.contains("HOME="), "{environment}");

    lab.delete("mongodb_host", &host).await.unwrap();
    assert!(!root.exists());
    assert!(matches!(lab.read("mongodb_host", &[&host]).await.remove(0), ReadingValue::Gone));
    lab.delete("mongodb_host", &host).await.unwrap();
}

#[tokio::test]
async fn a_creation_that_was_killed_goes_on_from_wherever_it_was() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({}));
    let token = "b";
    // Killed after it said whose the folder is.
    fs::create_dir_all(lab.root(0)).unwrap();
    fs::write(lab.root(0).join(".ha"), format!("{token:0>32}")).unwrap();
    fs::create_dir_all(lab.root(0).join("etc/mongodb")).unwrap();
    fs::write(lab.root(0).join("etc/mongodb/mongodb.pem.new"), "half a key").unwrap();
    let host = lab.create("mongodb_host", &arguments, &mut lab.attempt(token, true)).await.unwrap();
    let process = lab.process(0);
    // Killed after all was done: nothing is restarted.
    lab.create("mongodb_host", &arguments, &mut lab.attempt(token, true)).await.unwrap();
    assert_eq!(lab.process(0), process);
    // Killed in the middle of a start, and mongod with it.
    lab.kill(0);
    lab.create("mongodb_host", &arguments, &mut lab.attempt(token, true)).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (arguments, vec![]));
    lab.delete("mongodb_host", &host).await.unwrap();
    assert!(!lab.root(0).exists());
}

#[tokio::test]
async fn a_creation_joins_a_start_that_is_under_way() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({}));
    let mut first = lab.attempt("c", false);
    let limit = Duration::from_millis(700);
    let _ = tokio::time::timeout(limit, lab.create("mongodb_host", &arguments, &mut first)).await;
    let host = lab.create("mongodb_host", &arguments, &mut lab.attempt("c", true)).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (arguments, vec![]));
    lab.delete("mongodb_host", &host).await.unwrap();
}

#[tokio::test]
async fn data_that_is_not_ours_is_neither_taken_over_nor_deleted() {
    let lab = Lab::new().await;
    let data = lab.root(0).join("mongo/data");
    fs::create_dir_all(&data).unwrap();
    fs::write(data.join("precious"), "data").unwrap();
    let arguments = lab.host(0, &json!({}));
    for resumed in [false, true] {
        let error = lab
            .create("mongodb_host", &arguments, &mut lab.attempt("a", resumed))
            .await
            .unwrap_err();
        assert!(error.to_string().contains(data.to_str().unwrap()), "{error}");
    }
    // What an earlier destroy kept belongs to no one either.
    fs::write(lab.root(0).join(".ha"), "another").unwrap();
    let error =
        lab.create("mongodb_host", &arguments, &mut lab.attempt("a", true)).await.unwrap_err();
    assert!(error.to_string().contains("belongs to a mongodb_host"), "{error}");
    let outputs = json!({
        "endpoint": lab.endpoint(0), "member": { "host": lab.endpoint(0), "machine": "process" }, "config_path": "", "data_path": "",
        "log_path": "", "instance": "a", "id": lab.endpoint(0),
    });
    let outputs: Value = serde_json::from_value(outputs).unwrap();
    let record = RecordedValue {
        id: lab.endpoint(0),
        arguments,
        outputs: outputs.as_object().unwrap().clone(),
    };
    lab.delete("mongodb_host", &record).await.unwrap_err();
    assert_eq!(fs::read_to_string(data.join("precious")).unwrap(), "data");
}

#[tokio::test]
async fn what_keeps_mongod_from_starting_is_named() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({}));
    let taken = TcpListener::bind(lab.endpoint(0)).unwrap();
    let error = lab
        .create("mongodb_host", &arguments, &mut lab.attempt("a", false))
        .await
        .unwrap_err()
        .to_string();
    assert!(
        error.contains(&format!("port {} is taken by process {}", lab.port, std::process::id())),
        "{error}"
    );
    drop(taken);

    let older = lab.host(0, &json!({ "version": "6.0.4" }));
    let error = lab
        .create("mongodb_host", &older, &mut lab.attempt("a", true))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("it is version 6.0.5, and `version` says 6.0.4"), "{error}");

    let program = json!({ "process": { "root": lab.root(0), "mongod": "/nowhere/mongod" } });
    let error = lab
        .create("mongodb_host", &lab.host(0, &program), &mut lab.attempt("a", true))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("/nowhere/mongod"), "{error}");

    let unknown =
        json!({ "config": lab.config(0, &json!({ "set_parameter": { "noSuchThing": "1" } })) });
    let error = lab
        .create("mongodb_host", &lab.host(0, &unknown), &mut lab.attempt("a", true))
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("noSuchThing"), "{error}");
    assert!(!lab.root(0).join("mongo/data/mongod.lock").exists());

    lab.create("mongodb_host", &arguments, &mut lab.attempt("a", true)).await.unwrap();
}

#[tokio::test]
async fn a_configuration_that_does_not_start_gives_way_to_the_one_before() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({}));
    let host = lab.create("mongodb_host", &arguments, &mut lab.attempt("a", false)).await.unwrap();
    let bad = lab.host(
        0,
        &json!({ "config": lab.config(0, &json!({ "set_parameter": { "noSuchThing": "1" } })) }),
    );
    let error = lab.update("mongodb_host", &bad, &host).await.unwrap_err();
    assert!(error.to_string().contains("noSuchThing"), "{error}");
    assert!(error.help.iter().any(|it| it.contains("put back")), "{error:?}");
    let (found, remarks) = lab.found("mongodb_host", &host).await;
    assert_eq!((found["running"].clone(), remarks), (Value::Bool(true), vec![]));
    assert_eq!(found["config"], host.arguments["config"]);
}

#[tokio::test]
async fn destroyed_data_stays_when_it_is_to_be_kept() {
    let lab = Lab::new().await;
    let arguments = lab.host(0, &json!({ "keep_data": true }));
    let host = lab.create("mongodb_host", &arguments, &mut lab.attempt("a", false)).await.unwrap();
    lab.delete("mongodb_host", &host).await.unwrap();
    assert_eq!(fs::read_to_string(lab.root(0).join("mongo/data/mongod.lock")).unwrap(), "");
    assert!(lab.root(0).join("mongo/data/WiredTiger").exists());
    let error =
        lab.create("mongodb_host", &arguments, &mut lab.attempt("e", false)).await.unwrap_err();
    assert!(error.to_string().contains("mongo/data"), "{error}");
}

#[tokio::test]
async fn a_host_may_be_told_to_stop_and_to_run_again() {
    let lab = Lab::new().await;
    let stopped = lab.host(0, &json!({ "running": false }));
    let host = lab.create("mongodb_host", &stopped, &mut lab.attempt("a", false)).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (stopped.clone(), vec![]));
    let mut running = stopped.clone();
    running.insert("running".into(), Value::Bool(true));
    let host = lab.update("mongodb_host", &running, &host).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (running, vec![]));
    let host = lab.update("mongodb_host", &stopped, &host).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (stopped, vec![]));
    lab.delete("mongodb_host", &host).await.unwrap();
}

#[tokio::test]
async fn a_certificate_that_has_run_out_is_mended_by_an_update() {
    let lab = Lab::new().await;
    let lives = Duration::from_secs(4);
    let since = Instant::now();
    let soon_over = lab.host(0, &json!({ "certificate_pem": lab.expiring(0, lives) }));
    let host = lab.create("mongodb_host", &soon_over, &mut lab.attempt("a", false)).await.unwrap();
    tokio::time::sleep((lives + Duration::from_secs(1)).saturating_sub(since.elapsed())).await;
    let (_, remarks) = lab.found("mongodb_host", &host).await;
    assert!(
        remarks[0].contains("runs and does not answer") && remarks[0].contains("xpired"),
        "{remarks:?}"
    );
    let renewed = lab.host(0, &json!({}));
    let host = lab.update("mongodb_host", &renewed, &host).await.unwrap();
    assert_eq!(lab.found("mongodb_host", &host).await, (renewed, vec![]));
}

#[test]
fn passwords_are_looked_for_in_the_right_place() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log"), format!("xx{PASSWORD}xx")).unwrap();
    assert_eq!(holding(folder.path(), PASSWORD).len(), 1);
}
