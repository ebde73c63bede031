//! The operator's wish to stop.

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
    /// No one has asked yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks to stop.
    pub fn ask(&self) {
        self.inner.asked.store(true, Ordering::SeqCst);
        self.inner.notify.notify_waiters();
    }

    /// Whether somebody has asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.inner.asked.load(Ordering::SeqCst)
    }

    /// Done when somebody asks.
    pub async fn asked(&self) {
        let notified = self.inner.notify.notified();
        if !self.is_asked() {
            notified.await;
        }
    }
}
