//! Ctrl-C and its like: the first asks to stop, the second abandons.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use ha_apply::CancelSignal;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::command_error::INTERRUPTED;

/// A terminal that takes nothing any more keeps a last word waiting; no one waits longer for it
/// than this.
const PATIENCE: Duration = Duration::from_secs(2);

/// A wish to stop, set by Ctrl-C, by SIGTERM, and when the terminal goes away. The second one ends
/// the process at once, with a last word; what is on record by then is on disk. They are heard from
/// now on, whatever the command is at.
///
/// # Errors
/// When the system gives no thread.
pub(crate) fn listen(last_word: impl FnOnce() + Send + 'static) -> anyhow::Result<CancelSignal> {
    let what = "could not listen for Ctrl-C";
    let runtime = Builder::new_current_thread().enable_io().build().context(what)?;
    let mut signals = {
        let _inside = runtime.enter();
        StopSignals::new().context(what)?
    };
    let cancel = CancelSignal::new();
    let asked = cancel.clone();
    let hear = async move {
        signals.next().await;
        asked.ask();
        signals.next().await;
    };
    let heard = move || {
        runtime.block_on(hear);
        abandon(last_word)
    };
    thread::Builder::new().name("signals".into()).spawn(heard).context(what)?;
    Ok(cancel)
}

/// What asks to stop.
struct StopSignals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl StopSignals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = self.hang_up.recv() => {}
        }
    }
}

fn abandon(last_word: impl FnOnce() + Send + 'static) -> ! {
    let (said, heard) = mpsc::channel();
    // Where there are no more threads there is no last word.
    let _ = thread::Builder::new().spawn(move || {
        last_word();
        let _ = said.send(());
    });
    let _ = heard.recv_timeout(PATIENCE);
    std::process::exit(i32::from(INTERRUPTED))
}
