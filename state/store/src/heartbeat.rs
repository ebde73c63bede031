//! Keeping a leased lock: a thread of its own renews it, and everybody can ask how long it is sure
//! to last.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use crate::{Lease, StateError};

/// A lease is renewed so many times before it would run out, and so many times more when the store
/// does not answer.
const BEATS: u32 = 6;
const HASTE: u32 = 10;

/// What the store says to a holder who wants to go on holding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseRenewal {
    /// The lease begins again.
    Renewed,
    /// The lock is somebody else's, or no one's.
    Lost,
}

/// Asks the store for another lease.
pub type RenewFunction = Box<dyn FnMut() -> Result<LeaseRenewal, StateError> + Send>;

/// A leased lock that is kept as long as this is there.
pub struct LeaseHeartbeat {
    pulse: Arc<LeaseClock>,
    thread: Option<(Sender<()>, JoinHandle<()>)>,
}

struct LeaseClock {
    whole: Duration,
    /// When the lease last began; none once it is lost.
    since: Mutex<Option<ClockReading>>,
    renew: Mutex<RenewFunction>,
}

/// A moment of which two clocks tell how long ago it was: one stands still while the machine
/// sleeps, the other can be set. The longer time counts.
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
    /// Takes a lock that lasts so long after it was last renewed, and keeps it. `take` is the first
    /// renewal.
    ///
    /// # Errors
    /// What `take` says.
    pub fn start<T>(
        whole: Duration,
        take: impl FnOnce() -> Result<(T, RenewFunction), StateError>,
    ) -> Result<(T, Self), StateError> {
        // Counted from before the store is asked: it counts from when it has heard.
        let since = ClockReading::now();
        let (taken, renew) = take()?;
        let pulse = Arc::new(LeaseClock {
            whole,
            since: Mutex::new(Some(since)),
            renew: Mutex::new(renew),
        });
        let (stop, stopped) = mpsc::channel();
        let beating = pulse.clone();
        let beat = move || {
            let mut pause = whole / BEATS;
            while stopped.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                pause = match beating.renew() {
                    Ok(LeaseRenewal::Renewed) => whole / BEATS,
                    Ok(LeaseRenewal::Lost) => return,
                    Err(_) => whole / BEATS / HASTE,
                };
            }
        };
        let thread = std::thread::Builder::new().name("lease".into()).spawn(beat);
        // Without a thread the lease is renewed when something is written, or runs out.
        let thread = thread.ok().map(|it| (stop, it));
        Ok((taken, Self { pulse, thread }))
    }

    /// How long the lock is sure to last, for any thread to ask.
    #[must_use]
    pub fn lease(&self) -> Lease {
        let pulse = self.pulse.clone();
        Lease::renewed(self.pulse.whole, move || pulse.remaining())
    }

    /// Whether the lock is held at this moment. One that has run out without anybody taking it over
    /// is renewed.
    ///
    /// # Errors
    /// When the store cannot be asked.
    pub fn beats(&self) -> Result<bool, StateError> {
        match self.pulse.remaining() {
            Duration::ZERO => Ok(self.pulse.renew()? == LeaseRenewal::Renewed),
            _ => Ok(true),
        }
    }

    /// Renews it no more. Answers whether it is held.
    pub fn stop(&mut self) -> bool {
        if let Some((stop, thread)) = self.thread.take() {
            drop(stop);
            let _ = thread.join();
        }
        self.pulse.since().is_some()
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
        self.since().map_or(Duration::ZERO, |it| self.whole.saturating_sub(it.age()))
    }

    fn renew(&self) -> Result<LeaseRenewal, StateError> {
        let mut renew = self.renew.lock().unwrap_or_else(PoisonError::into_inner);
        if self.since().is_none() {
            return Ok(LeaseRenewal::Lost);
        }
        let since = ClockReading::now();
        let beat = renew()?;
        *self.since() = (beat == LeaseRenewal::Renewed).then_some(since);
        Ok(beat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StateErrorReason;

    fn started(whole: Duration, answers: Vec<Result<LeaseRenewal, StateError>>) -> LeaseHeartbeat {
        let mut answers = answers.into_iter();
        let renew = move || answers.next().unwrap_or(Ok(LeaseRenewal::Lost));
        LeaseHeartbeat::start(whole, || Ok(((), Box::new(renew) as RenewFunction))).unwrap().1
    }

    fn unreachable() -> StateError {
        StateError::new(StateErrorReason::Store, ha_provider::Error::new("renew", "no one answers"))
    }

    #[test]
    fn a_lease_lasts_from_when_it_was_asked_for() {
        let heart = started(Duration::from_hours(1), Vec::new());
        let remaining = heart.lease().remaining().unwrap();
        assert!(remaining > Duration::ZERO && remaining <= Duration::from_hours(1));
        assert!(heart.beats().unwrap());
    }

    #[test]
    fn what_has_run_out_is_renewed_when_nobody_took_it_over() {
        let heart = started(
            Duration::ZERO,
            vec![Ok(LeaseRenewal::Renewed), Err(unreachable()), Ok(LeaseRenewal::Renewed)],
        );
        // The thread asks too: whoever comes last finds it lost.
        while heart.beats().is_ok_and(|it| it) {}
        while heart.beats() != Ok(false) {}
        assert_eq!(heart.lease().remaining(), Some(Duration::ZERO));
    }

    #[test]
    fn what_is_lost_stays_lost() {
        let mut heart = started(
            Duration::from_millis(1),
            vec![Ok(LeaseRenewal::Lost), Ok(LeaseRenewal::Renewed)],
        );
        while heart.beats() != Ok(false) {}
        assert_eq!(heart.beats(), Ok(false));
        assert!(!heart.stop());
    }
}
