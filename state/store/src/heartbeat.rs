//! Keeps a leased lock: a thread renews the lease, and any thread can ask how long it certainly
//! lasts.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::{Lease, StateError};

/// A lease is renewed so many times within its duration, and each renewal that fails is retried so
/// many times as often: several tries may fail before the lock is lost.
const RENEWALS_PER_LEASE: u32 = 6;
const RETRIES_PER_RENEWAL: u32 = 10;

/// The answer of a store to a renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// The lease has its full duration again.
    Renewed,
    /// The lock has another holder, or none.
    Lost,
}

/// Asks the store to renew the lease.
pub type RenewFunction = Box<dyn FnMut() -> Result<LeaseRenewal, StateError> + Send>;

/// Renews the lease of a lock until it is dropped.
pub struct LeaseHeartbeat {
    clock: Arc<LeaseClock>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

struct LeaseClock {
    duration: Duration,
    /// When the lease last began; none once it is lost.
    since: Mutex<Option<ClockReading>>,
    renew: Mutex<RenewFunction>,
}

/// A moment on two clocks: the monotonic one stops while the machine sleeps, the other one can be
/// set. The longer age counts, so that an error of either ends the lease early and never late.
#[derive(Clone, Copy)]
struct ClockReading(Instant, SystemTime);

impl ClockReading {
    fn now() -> Self {
        Self(Instant::now(), SystemTime::now())
    }

    fn age(self) -> Duration {
        self.0.elapsed().max(self.1.elapsed().unwrap_or_default())
    }
}

impl LeaseHeartbeat {
    /// Acquires a lock by `take`, and renews its lease of this duration from then on.
    ///
    /// # Errors
    /// The error of `take`.
    pub fn start<T>(
        duration: Duration,
        take: impl FnOnce() -> Result<(T, RenewFunction), StateError>,
    ) -> Result<(T, Self), StateError> {
        // Counted from before the request: the store counts from when it receives it, so this side
        // never believes in a lease that the store has ended.
        let since = ClockReading::now();
        let (taken, renew) = take()?;
        let clock = Arc::new(LeaseClock {
            duration,
            since: Mutex::new(Some(since)),
            renew: Mutex::new(renew),
        });
        let (stop, stopped) = mpsc::channel();
        let thread_clock = clock.clone();
        let renewal = move || {
            let mut pause = duration / RENEWALS_PER_LEASE;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = match thread_clock.renew() {
                    Ok(LeaseRenewal::Renewed) => duration / RENEWALS_PER_LEASE,
                    // A lost lock cannot be regained: another process may have written since.
                    Ok(LeaseRenewal::Lost) => return,
                    Err(_) => duration / RENEWALS_PER_LEASE / RETRIES_PER_RENEWAL,
                };
            }
        };
        let thread = std::thread::Builder::new().name("lease".into()).spawn(renewal);
        // Without a thread the lease is renewed by `beats` at the next write, or ends.
        let thread = thread.ok().map(|it| (stop, it));
        Ok((taken, Self { clock, thread }))
    }

    /// The lease, for any thread to ask.
    #[must_use]
    pub fn lease(&self) -> Lease {
        let clock = self.clock.clone();
        Lease::renewed(self.clock.duration, move || clock.remaining())
    }

    /// Whether the lock is held at this moment. A lease that has ended is renewed, which succeeds
    /// as long as no other process has taken the lock over.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn beats(&self) -> Result<bool, StateError> {
        match self.clock.remaining() {
            Duration::ZERO => Ok(self.clock.renew()? == LeaseRenewal::Renewed),
            _ => Ok(true),
        }
    }

    /// Stops renewing. Returns whether the lock is still held.
    pub fn stop(&mut self) -> bool {
        if let Some((stop, thread)) = self.thread.take() {
            drop(stop);
            let _ = thread.join();
        }
        self.clock.since().is_some()
    }
}

impl Drop for LeaseHeartbeat {
    fn drop(&mut self) {
        self.stop();
    }
}

impl LeaseClock {
    fn since(&self) -> MutexGuard<'_, Option<ClockReading>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn remaining(&self) -> Duration {
        self.since().map_or(Duration::ZERO, |it| self.duration.saturating_sub(it.age()))
    }

    fn renew(&self) -> Result<LeaseRenewal, StateError> {
        // One renewal at a time: of two, the older answer could overwrite the newer one.
        let mut renew = self.renew.lock().unwrap_or_else(PoisonError::into_inner);
        if self.since().is_none() {
            return Ok(LeaseRenewal::Lost);
        }
        let since = ClockReading::now();
        let renewal = renew()?;
        *self.since() = (renewal == LeaseRenewal::Renewed).then_some(since);
        Ok(renewal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorReason;

    fn started(
        duration: Duration,
        answers: Vec<Result<LeaseRenewal, StateError>>,
    ) -> LeaseHeartbeat {
        let mut answers = answers.into_iter();
        let renew = move || answers.next().unwrap_or(Ok(LeaseRenewal::Lost));
        LeaseHeartbeat::start(duration, || Ok(((), Box::new(renew) as RenewFunction))).unwrap().1
    }

    fn unreachable() -> StateError {
        StateError::new(StateErrorReason::Store, ha_provider::Error::new("renew", "no one answers"))
    }

    #[test]
    fn a_lease_counts_from_its_request() {
        let heartbeat = started(Duration::from_hours(1), Vec::new());
        let remaining = heartbeat.lease().remaining().unwrap();
        assert!(remaining > Duration::ZERO && remaining <= Duration::from_hours(1));
        assert!(heartbeat.beats().unwrap());
    }

    #[test]
    fn an_ended_lease_is_renewed_when_the_lock_is_free() {
        let heartbeat = started(
            Duration::ZERO,
            vec![Ok(LeaseRenewal::Renewed), Err(unreachable()), Ok(LeaseRenewal::Renewed)],
        );
        // The thread renews too, so either of both may get the last answer, which is `Lost`.
        while heartbeat.beats().is_ok_and(|it| it) {}
        while heartbeat.beats() != Ok(false) {}
        assert_eq!(heartbeat.lease().remaining(), Some(Duration::ZERO));
    }

    #[test]
    fn a_lost_lock_stays_lost() {
        let mut heartbeat = started(
            Duration::from_millis(1),
            vec![Ok(LeaseRenewal::Lost), Ok(LeaseRenewal::Renewed)],
        );
        while heartbeat.beats() != Ok(false) {}
        assert_eq!(heartbeat.beats(), Ok(false));
        assert!(!heartbeat.stop());
    }
}
