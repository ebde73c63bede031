//! The operator's request to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

/// Set by the first Ctrl-C or SIGTERM: steps in flight finish, none begin.
#[derive(Clone, Default)]
pub struct CancelSignal {
    inner: Arc<CancelState>,
}

#[derive(Default)]
struct CancelState {
    asked: AtomicBool,
    notify: Notify,
}

impl CancelSignal {
    /// A signal that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.inner.asked.store(true, Ordering::SeqCst);
        self.inner.notify.notify_waiters();
    }

    /// Whether a stop was requested.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// Completes when a stop is requested.
    pub async fn asked(&self) {
        // Registered before the flag is read, so that a request between the two is not missed.
        let notified = self.inner.notify.notified();
        if !self.is_asked() {
            notified.await;
        }
    }
}
