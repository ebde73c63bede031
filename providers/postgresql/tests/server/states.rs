//! A state in a database does what every store must, also when connections break and when a holder
//! dies.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use ha_postgresql::{PostgresSettings, PostgresStore};
use ha_state_store::conformance::{StoreUnderTest, check};
use ha_state_store::{LockInfo, StateErrorReason, Store, StoreContents};
use serde_json::{Value as Json, json};

use crate::cluster::{Cluster, MASTER_PASSWORD, cluster};

static COUNT: AtomicU32 = AtomicU32::new(0);

/// States in one database, each in a schema of its own.
struct Database {
    name: String,
    cluster: Arc<Cluster>,
}

impl Database {
    fn new() -> Self {
        let (cluster, name) =
            (cluster(), format!("states{}", COUNT.fetch_add(1, Ordering::Relaxed)));
        cluster.sql("postgres", &format!("CREATE DATABASE {name} OWNER master"));
        Self { name, cluster }
    }

    fn settings(&self, schema: &str, more: &Json) -> PostgresSettings {
        let address = format!(
            "postgres://master@127.0.0.1:{}/{}?sslmode=verify-full",
            self.cluster.port, self.name
        );
        let mut all = json!({
            "conn_str": address, "password": MASTER_PASSWORD, "schema_name": schema, "ca_certificate": self.cluster.authority,
        });
        all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(all).unwrap()
    }

    fn state(&self, schema: &str, more: &Json) -> PostgresStore {
        PostgresStore::new(&self.settings(schema, more), None).unwrap()
    }

    fn sql(&self, query: &str) -> String {
        self.cluster.sql(&self.name, query)
    }
}

impl StoreUnderTest for Database {
    fn store(&self, name: &str) -> Box<dyn Store> {
        Box::new(self.state(name, &json!({})))
    }

    fn has_leases(&self) -> bool {
        true
    }
}

#[test]
fn a_state_is_stored_in_a_database() {
    check(&Database::new());
}

#[test]
fn the_last_few_checkpoints_stay() {
    let database = Database::new();
    let store = database.state("s", &json!({}));
    let mut held = store.lock(&LockInfo::here("a test")).unwrap();
    held.resume(None).unwrap();
    for number in 1..=8 {
        held.append(number, b"x").unwrap();
        held.checkpoint(number, format!("all {number}").as_bytes()).unwrap();
    }
    assert_eq!(
        database.sql("SELECT string_agg(number::text, ' ' ORDER BY written) FROM s.ha_checkpoints"),
        "4 5 6 7 8"
    );
    assert_eq!(database.sql("SELECT count(*) FROM s.ha_journal"), "0");
}

#[test]
fn each_environment_has_a_state_of_its_own() {
    let database = Database::new();
    for environment in [None, Some("prod"), Some("test")] {
        let store = PostgresStore::new(&database.settings("s", &json!({})), environment).unwrap();
        assert_eq!(store.load().unwrap(), StoreContents::default());
        let mut held = store.lock(&LockInfo::here("a test")).unwrap();
        held.checkpoint(1, environment.unwrap_or("none").as_bytes()).unwrap();
        assert!(
            store.place().contains(environment.unwrap_or("default"))
                && !store.place().contains("m@ster")
        );
        assert_eq!(
            store.load().unwrap().checkpoint.as_deref(),
            Some(environment.unwrap_or("none").as_bytes())
        );
    }
}

/// The lock of a holder who died just now, whose session is over.
fn dead(database: &Database, schema: &str, lease: u32) -> LockInfo {
    let store = database.state(schema, &json!({}));
    drop(store.lock(&LockInfo::here("the first")).unwrap());
    let holder = LockInfo::here("ha apply");
    database.sql(&format!(
        "UPDATE {schema}.ha_states SET taken = taken + 1, holder = '{}', holder_id = '{}', session = 1, lease = {lease}, heard = now()",
        json!(holder),
        holder.id
    ));
    holder
}

#[test]
fn the_lock_of_a_dead_holder_is_taken_over_after_its_lease() {
    let database = Database::new();
    let (holder, store) = (dead(&database, "long", 3_600), database.state("long", &json!({})));
    let error = store.lock(&LockInfo::here("another")).err().unwrap();
    assert_eq!(error.reason(), &StateErrorReason::Locked(Some(holder.clone())));
    let left = store.holding().unwrap().unwrap().left.unwrap().as_secs();
    assert!((3_500..=3_600).contains(&left), "{left} seconds are left of its lease");
    let help = error.error().help.join("; ");
    assert!(
        help.contains("3600 seconds") && help.contains(&format!("ha state unlock {}", holder.id)),
        "{help}"
    );
    store.break_lock(&holder.id).unwrap();
    store.lock(&LockInfo::here("another")).unwrap();

    let (holder, store) = (dead(&database, "short", 2), database.state("short", &json!({})));
    assert_eq!(
        store.lock(&LockInfo::here("another")).err().unwrap().reason(),
        &StateErrorReason::Locked(Some(holder))
    );
    let deadline = Instant::now() + Duration::from_mins(2);
    while let Err(error) = store.lock(&LockInfo::here("another")).map(drop) {
        assert!(
            matches!(error.reason(), StateErrorReason::Locked(_)) && Instant::now() < deadline,
            "{error}"
        );
    }
}

#[test]
fn a_holder_whose_session_stays_open_is_taken_over_from_and_writes_nothing_more() {
    let database = Database::new();
    // It never renews: as a process that was stopped.
    let (holder, store) =
        (LockInfo::here("ha apply"), database.state("s", &json!({"lock_lease": 3_600})));
    let mut first = store.lock(&holder).unwrap();
    first.resume(None).unwrap();
    first.append(1, b"one").unwrap();
    assert_eq!(
        store.holding().unwrap().map(|it| (it.holder.clone(), it.is_over())),
        Some((holder.clone(), false))
    );
    database.sql("UPDATE s.ha_states SET heard = now() - interval '2 hours'");
    assert_eq!(store.holder().unwrap(), None);
    assert_eq!(
        store.holding().unwrap().map(|it| (it.holder.clone(), it.is_over())),
        Some((holder, true)),
        "it is named"
    );
    let other = database.state("s", &json!({}));
    let mut second = other.lock(&LockInfo::here("another")).unwrap();
    second.resume(Some(ha_state_store::JournalExtent { segment: 1, length: 3 })).unwrap();
    assert_eq!(first.append(2, b"late").unwrap_err().reason(), &StateErrorReason::Taken);
    second.append(2, b"two").unwrap();
    assert_eq!(first.checkpoint(2, b"late").unwrap_err().reason(), &StateErrorReason::Taken);
    drop(first);
    assert!(other.holder().unwrap().is_some(), "the lock is the other's");
    assert_eq!(other.load().unwrap().segments.len(), 2);
}

#[test]
fn a_session_that_stopped_within_a_statement_keeps_nobody_out_after_its_lease() {
    let database = Database::new();
    let (_, store) = (dead(&database, "s", 1), database.state("s", &json!({})));
    database.sql("UPDATE s.ha_states SET heard = now() - interval '2 hours'");
    let stuck = "BEGIN; SELECT FROM s.ha_states FOR SHARE; SELECT pg_advisory_lock(26721, hashtext('s.default')); SELECT pg_sleep(300)";
    let marks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 26721 AND granted \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    std::thread::scope(|scope| {
        let session = scope
            .spawn(|| database.cluster.sql_as("master", MASTER_PASSWORD, &database.name, stuck));
        while database.sql(marks) == "0" {
            std::thread::yield_now();
        }
        store.lock(&LockInfo::here("another")).unwrap();
        assert!(session.join().unwrap().unwrap_err().contains("terminat"), "it was shown out");
    });
}

#[test]
fn a_state_of_terraform_is_found() {
    let database = Database::new();
    let (store, own) = (database.state("s", &json!({})), database.state("own", &json!({})));
    assert_eq!(store.state_of_terraform(), None);
    let table = |schema: &str, data: &str| {
        format!(
            "CREATE SCHEMA {schema}; CREATE TABLE {schema}.states (name text, data text); INSERT INTO {schema}.states VALUES ('default', '{data}'); GRANT USAGE ON SCHEMA {schema} TO master; GRANT SELECT ON {schema}.states TO master"
        )
    };
    database.sql(&table("own", r#"{"resources": [{"instances": []}]}"#));
    assert_eq!(
        (store.state_of_terraform().is_some(), own.state_of_terraform().is_some()),
        (false, true)
    );
    database.sql(&table("terraform_remote_state", r#"{"resources": [{"instances": []}]}"#));
    assert!(store.state_of_terraform().is_some());
}

#[test]
fn a_lock_survives_its_session_and_nobody_takes_it_meanwhile() {
    let database = Database::new();
    let (store, other) =
        (database.state("s", &json!({"lock_lease": 3})), database.state("s", &json!({})));
    let holder = LockInfo::here("ha apply");
    let mut held = store.lock(&holder).unwrap();
    held.resume(None).unwrap();
    held.append(1, b"one").unwrap();
    let sessions = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'master' AND pid IN \
                    (SELECT session FROM s.ha_states)";
    assert_eq!(database.sql(sessions), "1");
    held.append(2, b"two").unwrap();
    // For longer than the lease, which is renewed on another session.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(5) {
        assert_eq!(
            other.lock(&LockInfo::here("another")).err().unwrap().reason(),
            &StateErrorReason::Locked(Some(holder.clone()))
        );
    }
    held.append(3, b"three").unwrap();
    assert!(held.lease().remaining().is_some_and(|it| !it.is_zero()));
    drop(held);
    assert_eq!(other.load().unwrap().segments.len(), 3);
    other.lock(&LockInfo::here("another")).unwrap();
}

#[test]
fn a_lease_runs_out_when_the_server_is_not_heard_of() {
    let database = Database::new();
    let line = Line::to(database.cluster.port);
    let address = format!(
        "host=127.0.0.1 port={} user=master dbname={} sslmode=require",
        line.port, database.name
    );
    let store = database.state("s", &json!({"conn_str": address, "lock_lease": 2}));
    let mut held = store.lock(&LockInfo::here("ha apply")).unwrap();
    held.resume(None).unwrap();
    line.is_cut.store(true, Ordering::SeqCst);
    let lease = held.lease();
    while lease.outlasts(Duration::from_secs(1)) {
        std::thread::yield_now();
    }
    let error = held.append(1, b"one").unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::Store);
    line.is_cut.store(false, Ordering::SeqCst);
    held.append(1, b"one").unwrap();
    assert!(!lease.remaining().unwrap().is_zero(), "no one took it over");
}

#[test]
fn a_lost_answer_is_no_lost_lock_and_no_taken_number() {
    let database = Database::new();
    let line = Line::to(database.cluster.port);
    let address = format!("host=127.0.0.1 port={} user=master dbname={}", line.port, database.name);
    let (direct, store) = (
        database.state("s", &json!({})),
        database.state("s", &json!({"conn_str": address, "sslmode": "require"})),
    );
    let mut held = store.lock(&LockInfo::here("a test")).unwrap();
    held.resume(None).unwrap();
    for (number, bytes) in [(1, "one"), (2, "two")] {
        line.loses_answer.store(true, Ordering::SeqCst);
        held.append(number, bytes.as_bytes()).unwrap();
        assert!(!line.loses_answer.load(Ordering::SeqCst), "it was lost");
    }
    assert_eq!(direct.load().unwrap().segments.len(), 2);
    line.loses_answer.store(true, Ordering::SeqCst);
    held.checkpoint(2, b"both").unwrap();
    drop(held);
    assert_eq!(direct.holder().unwrap(), None);
    assert_eq!(
        direct.load().unwrap(),
        StoreContents { checkpoint: Some(b"both".to_vec()), segments: Vec::new() }
    );
}

/// A line to the server that can be cut, and can lose an answer.
struct Line {
    port: u16,
    is_cut: Arc<AtomicBool>,
    loses_answer: Arc<AtomicBool>,
}

impl Line {
    fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (is_cut, loses_answer): (Arc<AtomicBool>, Arc<AtomicBool>) =
            (Arc::default(), Arc::default());
        let line = Self { port, is_cut: is_cut.clone(), loses_answer: loses_answer.clone() };
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_cut.load(Ordering::SeqCst) {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).unwrap();
                let (from, to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let cut = is_cut.clone();
                std::thread::spawn(move || carry(from, to, || cut.load(Ordering::SeqCst)));
                let (cut, loses) = (is_cut.clone(), loses_answer.clone());
                std::thread::spawn(move || {
                    carry(server, client, || {
                        cut.load(Ordering::SeqCst) || loses.swap(false, Ordering::SeqCst)
                    })
                });
            }
        });
        line
    }
}

/// Carries bytes until there are no more, or they are lost.
fn carry(mut from: TcpStream, mut to: TcpStream, lost: impl Fn() -> bool) {
    let mut piece = [0; 16_384];
    loop {
        match from.read(&mut piece) {
            Ok(read) if read > 0 && !lost() && to.write_all(&piece[..read]).is_ok() => {}
            _ => break,
        }
    }
    // The ends of a line break together.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

#[test]
fn settings_that_make_no_sense_are_refused_without_a_word_of_the_password() {
    let refusal = |settings: Json| {
        let opened = PostgresStore::new(&serde_json::from_value(settings).unwrap(), Some("prod"));
        opened.map(|it| it.place()).map_err(|it| format!("{it} {}", it.help.join("; ")))
    };
    let place =
        refusal(json!({"conn_str": "postgres://u:hush@h1,h2:7/d?sslmode=disable"})).unwrap();
    assert_eq!(place, "`postgres://h1:5432,h2:7/d`, state `prod` in schema `ha`");
    for (wrong, said) in [
        (json!({"conn_str": "postgres://u:hush@h:x/d"}), "`conn_str`"),
        (json!({"conn_str": "password=hush user=u"}), "no host"),
        (json!({"conn_str": "host=h password=hush user=u unheard=of"}), "`conn_str`"),
        (json!({"conn_str": "postgres://u:hush@h/d?sslmode=perhaps"}), "`sslmode` must be one of"),
        (json!({"conn_str": "postgres://h/d", "schema_name": "a\"b"}), "`schema_name`"),
        (json!({"conn_str": "postgres://h/d", "lock_lease": 0}), "`lock_lease`"),
        (
            json!({"conn_str": "postgres://h/d", "sslrootcert": "/nowhere/ca.pem"}),
            "/nowhere/ca.pem",
        ),
        (json!({"conn_str": "postgres://h/d?require_auth=none"}), "`require_auth`"),
        (json!({"conn_str": "postgres://h/d?gssencmode=require"}), "`gssencmode`"),
        (json!({"conn_str": "postgres://h/d", "sslrootcert": "x", "ca_certificate": "y"}), "both"),
    ] {
        let error = refusal(wrong).unwrap_err();
        assert!(error.contains(said) && !error.contains("hush"), "{error}");
    }
}
