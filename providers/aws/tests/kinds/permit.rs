//! A call that changes something begins only where that is permitted, and so does each further try
//! at it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use ha_provider::{CallOutcome, Error};
use ha_value::Value;
use serde_json::json;

use crate::emulator::emulator;
use crate::kill::Cut;
use crate::world::{World, attempt, name};

const BUCKET: &str = "aws_s3_bucket";

/// Permits so many calls that change something, and counts those that were asked for.
fn permitting(world: &World, calls: usize) -> Arc<AtomicUsize> {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let permit = world
        .drivers
        .connector("aws")
        .expect("there is one")
        .permit(&world.client)
        .expect("it asks");
    permit.decided_by(move || match counted.fetch_add(1, Ordering::SeqCst) < calls {
        true => Ok(()),
        false => Err(Error::new("go on", "the lock is short")
            .help("wait")
            .outcome(CallOutcome::Interrupted)),
    });
    asked
}

/// The tags of a bucket, read by another client; `None` where there is no bucket.
async fn tags(bucket: &str) -> Option<usize> {
    let world = World::new().await;
    let driver = world.drivers.resource(BUCKET).expect("it is a kind");
    let found = driver
        .import(&world.client, bucket, &ha_value::Object::new())
        .await
        .expect("the emulator answers")?;
    Some(found.recorded.arguments.get("tags").map_or(0, |it| it.children().count()))
}

#[tokio::test]
async fn a_step_of_several_calls_ends_before_the_one_that_is_not_permitted() {
    for (calls, left) in [(0, None), (1, Some(0)), (2, Some(1))] {
        let (world, bucket) = (World::new().await, name("permitted"));
        let asked = permitting(&world, calls);
        let arguments = json!({"bucket": bucket, "tags": {"a": "b"}});
        let made = world.try_create(BUCKET, &arguments, &mut attempt(BUCKET)).await;
        assert_eq!(tags(&bucket).await, left, "after {calls} calls");
        assert_eq!(
            asked.load(Ordering::SeqCst),
            2.min(calls + 1),
            "looks are made without being asked for"
        );
        match made {
            Ok(made) => {
                assert_eq!((calls, made.arguments.get("bucket")), (2, Some(&Value::from(bucket))))
            }
            Err(error) => {
                let attempted = ["create the bucket", "tag the bucket"][calls];
                assert!(error.attempted.starts_with(attempted), "{error}");
                assert!(
                    error.to_string().contains("could not go on: the lock is short"),
                    "{error}"
                );
                // It stays on record: what came before may have had an effect.
                assert_eq!(
                    (error.outcome, error.help),
                    (CallOutcome::Interrupted, vec!["wait".to_owned()])
                );
            }
        }
    }
}

#[tokio::test]
async fn a_call_with_a_lost_response_is_repeated_only_with_a_permit() {
    let (emulator, bucket) = (emulator(), name("permitted"));
    let cut = Cut::before(&emulator.endpoint).await;
    let world = World::at(emulator, &cut.endpoint).await.expect("the emulator answers");
    let asked = permitting(&world, 1);
    // The look, and the call that makes it.
    cut.after(2);
    let error = world
        .try_create(BUCKET, &json!({"bucket": bucket}), &mut attempt(BUCKET))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("the lock is short"), "{error}");
    assert_eq!((error.outcome, asked.load(Ordering::SeqCst)), (CallOutcome::Interrupted, 2));
    assert_eq!(tags(&bucket).await, Some(0), "it is there, and whoever comes next looks for it");
}
