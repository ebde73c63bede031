//! A whole set: built, used, broken, fixed, changed member by member, and taken down.

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::lab::{Lab, PASSWORD, code, holding, is_mongod_below};
use ha_provider::{ReadingValue, RecordedValue};
use ha_value::{Object, Value};
use mongodb::bson::{Document, doc};
use serde_json::json;

async fn hosts(lab: &Lab) -> Vec<RecordedValue> {
    let made = (0..3).map(|index| async move {
        let token = ["a", "b", "c"][index];
        lab.create("mongodb_host", &lab.host(index, &json!({})), &mut lab.attempt(token, false))
            .await
            .unwrap()
    });
    futures::future::join_all(made).await
}

async fn set(lab: &Lab) -> RecordedValue {
    lab.create("mongodb_replica_set", &lab.replica_set(&json!({})), &mut lab.attempt("5e7", false))
        .await
        .unwrap()
}

async fn status(lab: &Lab, index: usize) -> Document {
    let insider = lab.outsider(index, Some(&lab.signed("MongoDB", &["test"])), None).await;
    insider.database("admin").run_command(doc! { "replSetGetStatus": 1 }).await.unwrap()
}

/// What each member says of itself; what it says of the others may be some seconds old.
async fn states(lab: &Lab) -> Vec<String> {
    let mut states = Vec::new();
    for index in 0..3 {
        states.push(own_state(&status(lab, index).await));
    }
    states.sort();
    states
}

fn primary(status: &Document) -> String {
    let members = status.get_array("members").unwrap().iter().map(|it| it.as_document().unwrap());
    members
        .filter(|it| it.get_str("stateStr").unwrap() == "PRIMARY")
        .map(|it| it.get_str("name").unwrap().to_owned())
        .next()
        .unwrap()
}

fn with(arguments: &Object, name: &str, value: impl Into<Value>) -> Object {
    let mut changed = arguments.clone();
    changed.insert(name.into(), value.into());
    changed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_set_and_its_users_are_made_once_however_often_they_are_tried() {
    let lab = Lab::new().await;
    let hosts = hosts(&lab).await;
    let since = Instant::now();
    let set = set(&lab).await;
    eprint_time("initiated and ready", since);
    assert_eq!(states(&lab).await, ["PRIMARY", "SECONDARY", "SECONDARY"]);
    assert_eq!(set.outputs["seeds"], Value::from(lab.endpoints().join(",")));

    // Tried again after a kill, and tried by one who knows nothing of the first.
    for resumed in [true, false] {
        let again = lab
            .create("mongodb_replica_set", &set.arguments, &mut lab.attempt("5e7", resumed))
            .await
            .unwrap();
        assert_eq!(again.id, set.id);
    }
    assert_eq!(lab.found("mongodb_replica_set", &set).await, (set.arguments.clone(), vec![]));
    for index in 0..3 {
        lab.assert_shut_to_strangers(index).await;
    }

    let arguments = lab.user(&json!({}));
    let user = lab.create("mongodb_user", &arguments, &mut lab.attempt("f", false)).await.unwrap();
    lab.create("mongodb_user", &arguments, &mut lab.attempt("f", true)).await.unwrap();
    let error =
        lab.create("mongodb_user", &arguments, &mut lab.attempt("ab", true)).await.unwrap_err();
    assert!(error.help.iter().any(|it| it.contains("somebody else")), "{error:?}");
    assert_eq!(lab.found("mongodb_user", &user).await, (arguments.clone(), vec![]));
    assert_eq!(user.id, "admin.circle");

    // Who may do what, seen from outside.
    let at = lab.endpoints().iter().position(|it| *it == primary_of(&set)).unwrap();
    let circle = lab.outsider(at, None, Some(("circle", PASSWORD))).await;
    circle
        .database("circle_ghe")
        .run_command(doc! { "insert": "c", "documents": [{ "a": 1 }] })
        .await
        .unwrap();
    let other = circle
        .database("containers_dev_ghe")
        .run_command(doc! { "insert": "c", "documents": [{ "a": 1 }] })
        .await;
    assert_eq!(code(&other.unwrap_err()), Some(13));
    let client = lab.outsider(at, Some(&lab.signed("Clients", &["client"])), None).await;
    assert!(
        client.database("admin").run_command(doc! { "listDatabases": 1 }).await.is_err(),
        "a client's certificate is no member's"
    );
    for index in 0..3 {
        lab.assert_shut_to_strangers(index).await;
    }

    // A role taken away elsewhere is a difference, and an update fixes it.
    let insider = lab.outsider(at, Some(&lab.signed("MongoDB", &["test"])), None).await;
    let admin = insider.database("admin");
    admin
        .run_command(doc! { "updateUser": "circle", "roles": [{ "role": "root", "db": "admin" }] })
        .await
        .unwrap();
    let (found, _) = lab.found("mongodb_user", &user).await;
    assert_ne!(found["roles"], arguments["roles"]);
    let user = lab.update("mongodb_user", &arguments, &user).await.unwrap();
    assert_eq!(lab.found("mongodb_user", &user).await, (arguments.clone(), vec![]));

    let second = "an0ther-pass/word";
    let user =
        lab.update("mongodb_user", &with(&arguments, "password", second), &user).await.unwrap();
    let circle = lab.outsider(at, None, Some(("circle", second))).await;
    circle.database("circle_ghe").run_command(doc! { "find": "c" }).await.unwrap();
    let old = lab.outsider(at, None, Some(("circle", PASSWORD))).await;
    assert!(old.database("circle_ghe").run_command(doc! { "find": "c" }).await.is_err());

    // The logs have everything that mongod logs, and the passwords are not in it; nor is the minted
    // key anywhere.
    let logs: Vec<_> = (0..3).map(|it| lab.root(it).join("mongo/logs/mongod.log")).collect();
    assert!(logs.iter().any(|it| fs::read_to_string(it).unwrap().contains("createUser")));
    for password in [PASSWORD, second] {
        assert_eq!(holding(lab.folder.path(), password), Vec::<String>::new());
    }

    lab.delete("mongodb_user", &user).await.unwrap();
    lab.delete("mongodb_user", &user).await.unwrap();
    assert!(matches!(lab.read("mongodb_user", &[&user]).await.remove(0), ReadingValue::Gone));
    let error = lab.delete("mongodb_replica_set", &set).await.unwrap_err();
    assert!(error.help[0].contains("destroy its hosts"), "{error:?}");

    // Hosts go without a primary to ask; afterwards no one knows of the set, which is not the same
    // as its being gone.
    let processes: Vec<i32> = (0..3).map(|it| lab.process(it)).collect();
    let since = Instant::now();
    for host in &hosts {
        lab.delete("mongodb_host", host).await.unwrap();
    }
    eprint_time("three hosts destroyed", since);
    for (index, process) in processes.into_iter().enumerate() {
        assert!(!is_mongod_below(process, lab.folder.path()));
        assert!(!lab.root(index).exists());
    }
    assert!(matches!(
        lab.read("mongodb_replica_set", &[&set]).await.remove(0),
        ReadingValue::Unchecked(_)
    ));
    assert!(matches!(
        lab.read("mongodb_user", &[&user]).await.remove(0),
        ReadingValue::Unchecked(_)
    ));
}

fn primary_of(set: &RecordedValue) -> String {
    set.outputs["primary"].as_str().unwrap().to_owned()
}

/// Times are what these tests cost everybody; `--nocapture` shows them.
fn eprint_time(what: &str, since: Instant) {
    #[expect(clippy::print_stderr, reason = "shown on request only")]
    {
        eprintln!("{what}: {:?}", since.elapsed());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_mended_and_changed_without_costing_the_majority() {
    let lab = Lab::new().await;
    let mut hosts = hosts(&lab).await;
    let set = set(&lab).await;
    let seen = primary_of(&set);
    let at = lab.endpoints().iter().position(|it| *it == seen).unwrap();
    let (one, other) = ((at + 1) % 3, (at + 2) % 3);

    // A member that was killed reads as not running, with its name and the reason; an update starts
    // it.
    lab.kill(one);
    let (found, remarks) = lab.found("mongodb_host", &hosts[one]).await;
    assert_eq!(found["running"], Value::Bool(false));
    let expected = format!("mongod on {} is not running: it was killed", lab.endpoint(one));
    assert!(remarks.len() == 1 && remarks[0].starts_with(&expected), "{remarks:?}");

    // With that one down, no other is stopped.
    let wider = json!({ "config": lab.config(other, &json!({ "cache_size_gb": 0.3 })) });
    let mut wider = lab.host(other, &wider);
    wider.insert("certificate_pem".into(), hosts[other].arguments["certificate_pem"].clone());
    let process = lab.process(other);
    let waits = || {
        let heard = lab.heard.progress.lock().unwrap().join("\n");
        heard.contains("of 3 votes would be left")
            || heard.contains("votes are caught up without it")
    };
    let says_so = async {
        while !waits() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // It goes on waiting.
        tokio::time::sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        _ = lab.update("mongodb_host", &wider, &hosts[other]) => panic!("it waits for the others"),
        said = tokio::time::timeout(Duration::from_secs(60), says_so) => said.expect("it says what it waits for"),
    }
    assert!(is_mongod_below(process, &lab.root(other)));

    hosts[one] = lab.update("mongodb_host", &hosts[one].arguments, &hosts[one]).await.unwrap();
    assert_eq!(
        lab.found("mongodb_host", &hosts[one]).await,
        (hosts[one].arguments.clone(), vec![])
    );

    // Each in turn gets a new configuration and a new certificate; the primary hands over before it
    // goes.
    let since = Instant::now();
    for index in [one, other, at] {
        let changed = lab
            .host(index, &json!({ "config": lab.config(index, &json!({ "cache_size_gb": 0.3 })) }));
        let process = lab.process(index);
        hosts[index] = lab.update("mongodb_host", &changed, &hosts[index]).await.unwrap();
        assert_ne!(lab.process(index), process);
        assert_eq!(lab.found("mongodb_host", &hosts[index]).await, (changed, vec![]));
        assert!(["PRIMARY", "SECONDARY"].contains(&&*own_state(&status(&lab, index).await)));
    }
    eprint_time("three members restarted", since);
    assert_ne!(primary(&status(&lab, one).await), seen);
    assert_eq!(lab.found("mongodb_replica_set", &set).await, (set.arguments.clone(), vec![]));

    // Nothing to do restarts nothing.
    let process = lab.process(one);
    lab.update("mongodb_host", &with(&hosts[one].arguments, "keep_data", false), &hosts[one])
        .await
        .unwrap();
    assert_eq!(lab.process(one), process);

    // The set's own arguments change by reconfiguration, one member after the other.
    let members: Vec<_> = (0..3)
        .map(|it| json!({ "host": lab.endpoint(it), "machine": "process", "priority": if it == one { 3.0 } else { 1.0 } }))
        .collect();
    let arguments = lab.replica_set(
        &json!({ "members": members, "settings": { "election_timeout_millis": 3000, "heartbeat_interval_millis": 300 } }),
    );
    let changed = lab.update("mongodb_replica_set", &arguments, &set).await.unwrap();
    assert_eq!(lab.found("mongodb_replica_set", &changed).await.0, arguments);

    // A member leaves (with its vote, so the set is even for a moment only) and comes back.
    let fewer: Vec<_> = [one]
        .map(|it| json!({ "host": lab.endpoint(it), "machine": "process", "priority": 3.0 }))
        .into();
    let alone = lab.replica_set(
        &json!({ "members": fewer, "settings": { "election_timeout_millis": 3000, "heartbeat_interval_millis": 300 } }),
    );
    let shrunk = lab.update("mongodb_replica_set", &alone, &changed).await.unwrap();
    assert_eq!(lab.found("mongodb_replica_set", &shrunk).await.0, alone);
    let grown = lab.update("mongodb_replica_set", &arguments, &shrunk).await.unwrap();
    assert_eq!(states(&lab).await, ["PRIMARY", "SECONDARY", "SECONDARY"]);
    let (found, remarks) = lab.found("mongodb_replica_set", &grown).await;
    assert_eq!((found["members"].elements().unwrap().len(), remarks), (3, vec![]));

    // All gone at once, as after a reboot: each starts by itself.
    for index in 0..3 {
        lab.kill(index);
    }
    for (index, host) in hosts.iter().enumerate() {
        lab.update("mongodb_host", &host.arguments, host).await.unwrap();
        assert!(lab.found("mongodb_host", host).await.1.is_empty(), "{index}");
    }
}

fn own_state(status: &Document) -> String {
    let members = status.get_array("members").unwrap().iter().map(|it| it.as_document().unwrap());
    members
        .filter(|it| it.get_bool("self").unwrap_or(false))
        .map(|it| it.get_str("stateStr").unwrap().to_owned())
        .next()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_at_any_moment_end_in_the_same_set() {
    let lab = Lab::new().await;
    for index in 0..3 {
        lab.create_with_kills("mongodb_host", &lab.host(index, &json!({})), ["a", "b", "c"][index])
            .await;
    }
    let set =
        lab.create_with_kills("mongodb_replica_set", &lab.replica_set(&json!({})), "5e7").await;
    let user = lab.create_with_kills("mongodb_user", &lab.user(&json!({})), "f").await;
    assert_eq!(lab.found("mongodb_replica_set", &set).await, (set.arguments.clone(), vec![]));
    assert_eq!(lab.found("mongodb_user", &user).await, (user.arguments.clone(), vec![]));
    assert_eq!(states(&lab).await, ["PRIMARY", "SECONDARY", "SECONDARY"]);
    let at = lab.endpoints().iter().position(|it| *it == primary_of(&set)).unwrap();
    let circle = lab.outsider(at, None, Some(("circle", PASSWORD))).await;
    circle
        .database("circle_ghe")
        .run_command(doc! { "insert": "c", "documents": [{ "a": 1 }] })
        .await
        .unwrap();

    // The primary dies in the middle: whoever is it next is found, and each user is made once.
    let made = AtomicUsize::new(0);
    let making = async {
        let mut users = Vec::new();
        for index in 0..12 {
            let arguments = lab.user(&json!({ "name": format!("user-{index}") }));
            let attempt = &mut lab.attempt(&format!("{index:x}a"), false);
            users.push(lab.create("mongodb_user", &arguments, attempt).await.unwrap());
            made.fetch_add(1, Ordering::SeqCst);
        }
        users
    };
    let killing = async {
        while made.load(Ordering::SeqCst) < 3 {
            tokio::task::yield_now().await;
        }
        lab.kill(at);
    };
    let (users, ()) = tokio::join!(making, killing);
    for user in users {
        assert_eq!(lab.found("mongodb_user", &user).await.0, user.arguments);
    }
    let heard = lab.heard.progress.lock().unwrap().join("\n");
    assert!(heard.contains("waiting for a primary"), "{heard}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_cannot_be_reached_is_named_with_the_cure() {
    let lab = Lab::new().await;
    for index in 0..2 {
        lab.create("mongodb_host", &lab.host(index, &json!({})), &mut lab.attempt("a", false))
            .await
            .unwrap();
    }
    let error = lab
        .create("mongodb_replica_set", &lab.replica_set(&json!({})), &mut lab.attempt("5e7", false))
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&lab.endpoint(2)), "{error}");
    assert!(error.help.iter().any(|it| it.contains("mongod is down")), "{error:?}");

    let mut stranger = lab.authority_argument();
    stranger["organizational_unit"] = json!("Clients");
    let arguments = lab.replica_set(&json!({ "authority": stranger }));
    let error = lab
        .create("mongodb_replica_set", &arguments, &mut lab.attempt("5e7", false))
        .await
        .unwrap_err();
    assert!(error.help.iter().any(|it| it.contains("organizational_unit")), "{error:?}");
}
