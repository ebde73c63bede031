//! Waiting for AWS: polls with growing pauses, progress messages, and a time limit.

use std::future::Future;
use std::time::{Duration, Instant};

use ha_provider::{Attempt, CallOutcome, Error};

/// The pauses between polls: short at first, because most changes are quick, then longer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PollInterval {
    first: Duration,
    longest: Duration,
}

impl Default for PollInterval {
    fn default() -> Self {
        Self { first: Duration::from_millis(200), longest: Duration::from_secs(10) }
    }
}

/// The result of one look.
pub(crate) enum WaitStatus<T> {
    /// The wait is over, with this result.
    Ready(T),
    /// Not yet; the present status, for a progress message.
    Pending(String),
}

/// A condition to wait for.
pub(crate) struct WaitCondition {
    /// The attempted action, as it follows `could not`: `wait for the database `pg``.
    what: String,
    pace: PollInterval,
    patience: Duration,
    in_a_row: u32,
}

impl WaitCondition {
    /// A condition with a time limit.
    pub(crate) fn new(what: impl Into<String>, patience: Duration) -> Self {
        Self { what: what.into(), pace: PollInterval::default(), patience, in_a_row: 1 }
    }

    /// Requires this many ready looks in a row: some services report an old status between new
    /// ones.
    pub(crate) fn in_a_row(mut self, looks: u32) -> Self {
        self.in_a_row = looks;
        self
    }

    /// Looks until the condition is met; the first look is taken at once. Fails when the time limit
    /// has passed or the run is cancelled.
    pub(crate) async fn until<T, L, F>(self, attempt: &Attempt, mut look: L) -> Result<T, Error>
    where
        L: FnMut() -> F + Send,
        F: Future<Output = Result<WaitStatus<T>, Error>> + Send,
        T: Send,
    {
        let began = Instant::now();
        let mut pause = self.pace.first;
        let mut ready = 0;
        let mut shown = None;
        loop {
            // An error of a look ends the wait. The SDK has already retried what can be retried.
            let status = match look().await? {
                WaitStatus::Ready(it) => {
                    ready += 1;
                    if ready >= self.in_a_row {
                        return Ok(it);
                    }
                    None
                }
                WaitStatus::Pending(status) => {
                    ready = 0;
                    Some(status)
                }
            };
            if let Some(status) = status {
                // The limit is checked after a look, never during a pause: a wait that ends has
                // seen the latest status, and at least one look is taken however short the limit
                // is.
                if began.elapsed() >= self.patience {
                    let cause = format!("after {} it is still {status}", minutes(self.patience));
                    return Err(Error::new(self.what, cause).help("apply again to go on waiting"));
                }
                if shown.as_ref() != Some(&status) {
                    attempt.progress(&status);
                    shown = Some(status);
                }
            }
            pause_unless_cancelled(attempt, jittered(pause), &self.what).await?;
            // The pause grows with each look, which bounds the number of calls for a wait of an
            // hour.
            pause = (pause * 3 / 2).min(self.pace.longest);
        }
    }
}

/// Looks for an object that must exist, for as long as AWS may not list a new one; `None` when it
/// does not appear.
pub(crate) async fn appearing<T, L, F>(attempt: &Attempt, look: L) -> Result<Option<T>, Error>
where
    L: Fn() -> F + Send,
    F: Future<Output = Result<Option<T>, Error>> + Send,
{
    let began = Instant::now();
    loop {
        let found = look().await?;
        if found.is_some() || began.elapsed() >= APPEARING {
            return Ok(found);
        }
        attempt.progress("not visible yet");
        pause_unless_cancelled(
            attempt,
            jittered(Duration::from_millis(500)),
            "look for the object of an earlier call",
        )
        .await?;
    }
}

/// Looks for something that prevents a deletion, until there is none or [`SETTLING`] has passed;
/// returns what the last look found.
pub(crate) async fn lasting<T, L, F>(attempt: &Attempt, look: L) -> Result<Option<T>, Error>
where
    L: Fn() -> F + Send,
    F: Future<Output = Result<Option<T>, Error>> + Send,
{
    let began = Instant::now();
    loop {
        let found = look().await?;
        if found.is_none() || began.elapsed() >= SETTLING {
            return Ok(found);
        }
        pause_unless_cancelled(
            attempt,
            jittered(Duration::from_millis(500)),
            "look for what prevents the deletion",
        )
        .await?;
    }
}

/// A pause of random length around this one, so that steps in parallel do not all poll at the same
/// moment.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(rand::random_range(0.75..1.25))
}

async fn pause_unless_cancelled(
    attempt: &Attempt,
    pause: Duration,
    what: &str,
) -> Result<(), Error> {
    let end = Instant::now() + pause;
    loop {
        if attempt.is_cancelled() {
            return Err(Error::new(what, "stopped on request").outcome(CallOutcome::Interrupted));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        // A pause is cut into short sleeps, so that a cancelled run ends within a quarter of a
        // second.
        tokio::time::sleep(left.min(Duration::from_millis(250))).await;
    }
}

fn minutes(patience: Duration) -> String {
    match patience.as_secs() {
        seconds if seconds >= 120 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}

const APPEARING: Duration = Duration::from_secs(5);

/// How long AWS may still list what an earlier step of the same run deleted.
pub(crate) const SETTLING: Duration = Duration::from_secs(5);

/// How long AWS may take until a new object is visible, also to its other services.
pub(crate) const PROPAGATION: Duration = Duration::from_mins(2);

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use futures::future::BoxFuture;
    use ha_provider::StepObserver;

    use super::*;

    #[derive(Default)]
    struct Operator(AtomicBool);

    impl StepObserver for Operator {
        fn note<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), Error>> {
            Box::pin(async { Ok(()) })
        }
        fn progress(&self, _: &str) {}
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn attempt(operator: Arc<Operator>) -> Attempt {
        Attempt::new(
            "aws_s3_bucket.a".parse().unwrap(),
            "t".into(),
            false,
            BTreeMap::new(),
            operator,
        )
    }

    fn wait(patience: Duration) -> WaitCondition {
        let pace =
            PollInterval { first: Duration::from_millis(1), longest: Duration::from_millis(2) };
        WaitCondition { pace, ..WaitCondition::new("wait for it", patience) }
    }

    #[tokio::test]
    async fn a_status_that_changes_back_is_not_ready() {
        let mut looks = [true, true, false, true, true, true].into_iter();
        let look = || {
            let ready = looks.next().expect("three in a row end it");
            async move {
                Ok(if ready {
                    WaitStatus::Ready(())
                } else {
                    WaitStatus::Pending("modifying".into())
                })
            }
        };
        wait(Duration::from_mins(1))
            .in_a_row(3)
            .until(&attempt(Arc::default()), look)
            .await
            .unwrap();
        assert_eq!(looks.next(), None);
    }

    #[tokio::test]
    async fn a_timeout_reports_the_last_status() {
        let look = || async { Ok::<WaitStatus<()>, _>(WaitStatus::Pending("creating".into())) };
        let error = wait(Duration::ZERO).until(&attempt(Arc::default()), look).await.unwrap_err();
        assert!(error.to_string().contains("still creating"), "{error}");
        assert_eq!(error.outcome, CallOutcome::Unknown);
    }

    #[tokio::test]
    async fn a_configured_timeout_replaces_the_default() {
        let look = || async { Ok::<WaitStatus<()>, _>(WaitStatus::Pending("creating".into())) };
        for (given, usual) in [
            (Duration::from_millis(5), Duration::from_hours(1)),
            (Duration::from_millis(5), Duration::ZERO),
        ] {
            let attempt = attempt(Arc::default()).within(Some(given));
            assert!(attempt.patience(usual) <= given);
            let error = wait(attempt.patience(usual)).until(&attempt, look).await.unwrap_err();
            assert!(
                attempt.is_late() && attempt.last_shown().as_deref() == Some("creating"),
                "{error}"
            );
        }
        let (given, usual) = (Duration::from_hours(1), Duration::ZERO);
        let attempt = attempt(Arc::default()).within(Some(given));
        assert!(
            attempt.patience(usual) > Duration::from_mins(59)
                && !attempt.is_late()
                && !attempt.is_cancelled()
        );
    }

    #[tokio::test]
    async fn a_cancelled_run_ends_the_wait() {
        let operator = Arc::new(Operator(AtomicBool::new(true)));
        let look = || async { Ok::<WaitStatus<()>, _>(WaitStatus::Pending("creating".into())) };
        let error = wait(Duration::from_mins(1)).until(&attempt(operator), look).await.unwrap_err();
        assert_eq!(error.outcome, CallOutcome::Interrupted);
    }
}
