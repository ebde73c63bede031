//! A state in a bucket does what every store must, also when answers are lost and when a holder
//! dies.

use ha_aws::{S3Settings, S3Store};
use ha_state_store::conformance::{StoreUnderTest, check};
use ha_state_store::{LockInfo, StateErrorReason, Store, StoreContents};
use serde_json::json;

use crate::emulator::{Emulator, emulator};
use crate::kill::Cut;
use crate::scripted::{Becomes, Scripted};
use crate::world::{World, name};

/// States in one bucket.
struct Bucket {
    name: String,
    endpoint: String,
    world: World,
    // Stops with its last user.
    _emulator: std::sync::Arc<Emulator>,
}

impl Bucket {
    async fn new() -> Self {
        let (bucket, emulator) = (name("states"), emulator());
        let world = World::new().await;
        world.create("aws_s3_bucket", json!({"bucket": bucket})).await;
        Self { name: bucket, endpoint: emulator.endpoint.clone(), world, _emulator: emulator }
    }

    async fn put(&self, key: &str, content: &str) {
        self.world
            .create("aws_s3_object", json!({"bucket": self.name, "key": key, "content": content}))
            .await;
    }

    fn settings(&self, key: &str, more: &serde_json::Value) -> S3Settings {
        let mut all = json!({
            "bucket": self.name, "key": key, "region": "eu-west-1", "access_key": "test", "secret_key": "test",
            "endpoint": self.endpoint,
        });
        all.as_object_mut()
            .expect("it is one")
            .extend(more.as_object().expect("it is one").clone());
        serde_json::from_value(all).expect("the settings are right")
    }

    fn state(&self, key: &str, more: &serde_json::Value) -> S3Store {
        S3Store::new(self.settings(key, more), None).expect("the settings make sense")
    }
}

impl StoreUnderTest for Bucket {
    fn store(&self, name: &str) -> Box<dyn Store> {
        Box::new(self.state(name, &json!({})))
    }

    fn has_leases(&self) -> bool {
        true
    }
}

/// Runs what blocks where it may.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.expect("the work does not panic")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_in_a_bucket_is_stored() {
    let bucket = Bucket::new().await;
    aside(move || check(&bucket)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_is_no_lost_lock_and_no_taken_number() {
    let bucket = Bucket::new().await;
    let cut = Cut::before(&bucket.endpoint).await;
    let (direct, store) = (
        bucket.state("lost", &json!({})),
        bucket.state("lost", &json!({"endpoint": cut.endpoint})),
    );
    let cut = std::sync::Arc::new(cut);
    // Each call in turn is done without its answer being heard, and the client asks again by
    // itself.
    let losing = cut.clone();
    let lose = move || {
        losing.after(1);
        let cut = losing.clone();
        tokio::runtime::Handle::current().spawn(async move {
            cut.killed().await;
            cut.after(usize::MAX);
        })
    };
    let expected = aside(move || {
        let handle = tokio::runtime::Handle::current();
        let heard = |it: tokio::task::JoinHandle<()>| handle.block_on(it).expect("it was cut");
        let it = lose();
        let mut held = store.lock(&LockInfo::here("a test")).unwrap();
        heard(it);
        held.resume(None).unwrap();
        for (number, bytes) in [(1, "one"), (2, "two")] {
            let it = lose();
            held.append(number, bytes.as_bytes()).unwrap();
            heard(it);
        }
        assert_eq!(direct.load().unwrap().segments.len(), 2);
        let it = lose();
        held.checkpoint(2, b"both").unwrap();
        heard(it);
        drop(held);
        assert_eq!(direct.holder().unwrap(), None);
        direct.load().unwrap()
    });
    assert_eq!(
        expected.await,
        StoreContents { checkpoint: Some(b"both".to_vec()), segments: Vec::new() }
    );
}

/// Whether a request writes an object under a condition.
fn is_conditional(head: &str) -> bool {
    head.starts_with("put ")
        && (head.contains("\r\nif-none-match:") || head.contains("\r\nif-match:"))
}

/// The names of all that is in a bucket.
async fn names(bucket: &Bucket) -> String {
    crate::emulator::call(&format!("GET /{}?list-type=2", bucket.name), "s3", "").await
}

/// Writes a state as a run does.
fn write_all(store: &S3Store) -> Result<(), ha_state_store::StateError> {
    let mut held = store.lock(&LockInfo::here("a test"))?;
    held.resume(None)?;
    held.append(1, b"one")?;
    held.append(2, b"two")?;
    held.checkpoint(2, b"both")?;
    held.append(3, b"three")
}

fn all_of_it() -> StoreContents {
    StoreContents {
        checkpoint: Some(b"both".to_vec()),
        segments: vec![ha_state_store::JournalSegment { number: 3, bytes: b"three".to_vec() }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_tried_again_whether_or_not_the_write_took_effect() {
    let bucket = Bucket::new().await;
    for carried_out in [false, true] {
        let mut writes = 0;
        // Every other one, so that each is written at last.
        let conflicts = move |head: &str| {
            writes += usize::from(is_conditional(head));
            match (is_conditional(head) && writes % 2 == 1, carried_out) {
                (false, _) => Becomes::Answered,
                (true, false) => Becomes::Refused(409, "ConditionalRequestConflict"),
                (true, true) => Becomes::Misreported(409, "ConditionalRequestConflict"),
            }
        };
        let busy = Scripted::before(&bucket.endpoint, conflicts).await;
        let key = format!("conflict-{carried_out}");
        let (store, direct) = (
            bucket.state(&key, &json!({"endpoint": busy.endpoint})),
            bucket.state(&key, &json!({})),
        );
        aside(move || {
            write_all(&store).unwrap();
            assert_eq!(direct.load().unwrap(), all_of_it());
            assert_eq!(direct.holder().unwrap(), None, "the lock was given back");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_that_does_not_end_is_an_error_and_nothing_is_written() {
    let bucket = Bucket::new().await;
    let conflicts = |head: &str| match is_conditional(head) {
        true => Becomes::Refused(409, "ConditionalRequestConflict"),
        false => Becomes::Answered,
    };
    let busy = Scripted::before(&bucket.endpoint, conflicts).await;
    let store = bucket.state("busy", &json!({"endpoint": busy.endpoint}));
    let error = aside(move || write_all(&store)).await.unwrap_err();
    assert_eq!(error.reason(), &StateErrorReason::Store);
    assert!(
        error.to_string().contains("busy.lock")
            && error.to_string().contains("ConditionalRequestConflict"),
        "{error}"
    );
    assert!(!names(&bucket).await.contains("busy"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_keep_to_conditions_is_refused_at_the_first_use() {
    let bucket = Bucket::new().await;
    for condition in ["if-none-match", "if-match"] {
        for refuses in [true, false] {
            let unaware =
                move |head: &str| match (head.contains(&format!("\r\n{condition}:")), refuses) {
                    (false, _) => Becomes::Answered,
                    (true, true) => Becomes::Refused(501, "NotImplemented"),
                    (true, false) => Becomes::Without(condition),
                };
            let service = Scripted::before(&bucket.endpoint, unaware).await;
            let store = bucket.state("unaware", &json!({"endpoint": service.endpoint}));
            let error = aside(move || write_all(&store)).await.unwrap_err();
            let (said, help) = (error.to_string(), error.error().help.join("; "));
            assert!(
                said.contains(&bucket.name) && said.contains("ignores the conditions"),
                "{condition}: {said}"
            );
            assert!(
                help.contains("no state was written") && help.contains("MinIO"),
                "{condition}: {help}"
            );
            let left = names(&bucket).await;
            assert!(!left.contains("unaware"), "{condition}, {refuses}: {left}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_took_effect_without_being_answered_is_known_again() {
    let bucket = Bucket::new().await;
    for (key, misses) in [("dropped", None), ("failed", Some(500)), ("busy", Some(503))] {
        let mut writes = 0;
        // The client tries again by itself, and finds that something is there.
        let unanswered = move |head: &str| {
            writes += usize::from(is_conditional(head));
            match (is_conditional(head) && writes % 2 == 1, misses) {
                (false, _) => Becomes::Answered,
                (true, None) => Becomes::Unanswered,
                (true, Some(status)) => Becomes::Misreported(status, "InternalError"),
            }
        };
        let service = Scripted::before(&bucket.endpoint, unanswered).await;
        let (store, direct) = (
            bucket.state(key, &json!({"endpoint": service.endpoint})),
            bucket.state(key, &json!({})),
        );
        aside(move || {
            write_all(&store).unwrap();
            assert_eq!(direct.load().unwrap(), all_of_it(), "each of them once");
        })
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_was_given_up_for_lost_and_came_through_does_not_shut_its_writer_out() {
    let bucket = Bucket::new().await;
    let away = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let is_away = away.clone();
    let unanswered = move |head: &str| match is_conditional(head)
        && is_away.load(std::sync::atomic::Ordering::SeqCst)
    {
        true => Becomes::Unanswered,
        false => Becomes::Answered,
    };
    let service = Scripted::before(&bucket.endpoint, unanswered).await;
    let store = bucket.state("given-up", &json!({"endpoint": service.endpoint, "max_retries": 1}));
    let direct = bucket.state("given-up", &json!({}));
    let at_work = |it: bool| away.store(!it, std::sync::atomic::Ordering::SeqCst);
    tokio::task::block_in_place(move || {
        let mut held = store.lock(&LockInfo::here("a test")).unwrap();
        held.resume(None).unwrap();
        held.append(1, b"one").unwrap();
        at_work(false);
        assert_eq!(held.checkpoint(1, b"first").unwrap_err().reason(), &StateErrorReason::Store);
        at_work(true);
        held.append(2, b"two").unwrap();
        held.append(3, b"three").unwrap();
        let segment =
            |number, bytes: &str| ha_state_store::JournalSegment { number, bytes: bytes.into() };
        let there = StoreContents {
            checkpoint: Some(b"first".to_vec()),
            segments: vec![segment(2, "two"), segment(3, "three")],
        };
        assert_eq!(direct.load().unwrap(), there);
    });
}

/// The lock of a holder that has just died.
async fn dead(bucket: &Bucket, key: &str, lease: u64) -> LockInfo {
    let holder = LockInfo::here("ha apply");
    let note = json!({"holder": holder, "lease": lease, "beat": 3}).to_string();
    bucket.put(&format!("{key}.lock"), &note).await;
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lock_of_a_dead_holder_is_taken_over_after_its_lease() {
    let bucket = Bucket::new().await;
    let holder = dead(&bucket, "long", 3_600).await;
    let store = bucket.state("long", &json!({}));
    let expected = holder.clone();
    aside(move || {
        let left = store.holding().unwrap().unwrap().left.unwrap().as_secs();
        assert!((3_500..=3_600).contains(&left), "{left} seconds are left of its lease");
        let error = store.lock(&LockInfo::here("another")).err().unwrap();
        assert_eq!(error.reason(), &StateErrorReason::Locked(Some(expected.clone())));
        let help = error.error().help.join("; ");
        assert!(
            help.contains("3600 seconds")
                && help.contains(&format!("ha state unlock {}", expected.id)),
            "{help}"
        );
        store.break_lock(&expected.id).unwrap();
        store.lock(&LockInfo::here("another")).unwrap();
    })
    .await;
    let holder = dead(&bucket, "short", 1).await;
    let store = bucket.state("short", &json!({}));
    aside(move || {
        assert_eq!(
            store.lock(&LockInfo::here("another")).err().unwrap().reason(),
            &StateErrorReason::Locked(Some(holder))
        );
        let mut tries = 0;
        while let Err(error) = store.lock(&LockInfo::here("another")).map(drop) {
            assert!(
                matches!(error.reason(), StateErrorReason::Locked(_)) && tries < 10_000,
                "{error}"
            );
            tries += 1;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_outlasts_its_lease_while_its_holder_runs() {
    let bucket = Bucket::new().await;
    let (short, other) =
        (bucket.state("kept", &json!({"lock_lease": 4})), bucket.state("kept", &json!({})));
    aside(move || {
        let holder = LockInfo::here("ha apply");
        let mut held = short.lock(&holder).unwrap();
        held.resume(None).unwrap();
        let began = std::time::Instant::now();
        // Longer than the lease and all that is added to it.
        while began.elapsed() < std::time::Duration::from_secs(8) {
            assert_eq!(
                other.lock(&LockInfo::here("another")).err().unwrap().reason(),
                &StateErrorReason::Locked(Some(holder.clone()))
            );
            // The emulator, which does one thing after another, is to have time for the holder.
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        held.append(1, b"one").unwrap();
        assert!(held.lease().remaining().is_some_and(|it| !it.is_zero()));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_without_versions_is_advised_against() {
    let bucket = Bucket::new().await;
    let store = bucket.state("advice", &json!({}));
    let advice = aside(move || store.advice()).await.expect("there is some");
    assert!(advice.contains(&bucket.name) && advice.contains("versioning"), "{advice}");
    let versioning =
        json!({"bucket": bucket.name, "versioning_configuration": {"status": "Enabled"}});
    bucket.world.create("aws_s3_bucket_versioning", versioning).await;
    let store = bucket.state("advice", &json!({}));
    assert_eq!(aside(move || store.advice()).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_state_and_a_bucket_that_is_not_there_are_refused() {
    let bucket = Bucket::new().await;
    bucket.put("foreign/00000000000000000001", "something else").await;
    let foreign = bucket.state("foreign", &json!({}));
    let missing = bucket.state("x", &json!({"bucket": "there-is-no-such-bucket"}));
    aside(move || {
        let error = foreign.load().unwrap_err();
        assert_eq!(error.reason(), &StateErrorReason::NotAState);
        assert!(error.to_string().contains("foreign/00000000000000000001"), "{error}");
        for error in [missing.load().map(drop), missing.lock(&LockInfo::here("a test")).map(drop)]
            .map(Result::unwrap_err)
        {
            assert_eq!(error.reason(), &StateErrorReason::Store);
            assert!(error.to_string().contains("there-is-no-such-bucket"), "{error}");
        }
    })
    .await;
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let refusal = |more: serde_json::Value| {
        let mut all = json!({"bucket": "b", "key": "k"});
        all.as_object_mut()
            .expect("it is one")
            .extend(more.as_object().expect("it is one").clone());
        let opened =
            S3Store::new(serde_json::from_value(all).expect("they can be read"), Some("prod"));
        opened.map(|it| it.place()).map_err(|it| it.to_string())
    };
    assert_eq!(refusal(json!({})).unwrap(), "`s3://b/env:/prod/k`");
    let elsewhere = json!({"endpoints": {"s3": "https://s3.example.com"}});
    assert_eq!(refusal(elsewhere).unwrap(), "`s3://b/env:/prod/k` at https://s3.example.com");
    for (wrong, said) in [
        (json!({"bucket": ""}), "`bucket`"),
        (json!({"key": "/k"}), "`key`"),
        (json!({"use_lockfile": false}), "`use_lockfile`"),
        (json!({"kms_key_id": "k"}), "`encrypt`"),
        (json!({"lock_lease": 0}), "`lock_lease`"),
    ] {
        let error = refusal(wrong).unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}
