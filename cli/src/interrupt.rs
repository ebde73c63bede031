//! Ctrl-C and its like: the first asks to stop, the second abandons.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::Context;
use ha_apply::CancelSignal;
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::output::command_error::INTERRUPTED;

/// How long the final message may take: a terminal that accepts no output blocks the write.
const PATIENCE: Duration = Duration::from_secs(2);

/// Listens for SIGINT, SIGTERM and SIGHUP in a thread of its own. The first signal sets the returned
/// `CancelSignal`; the second prints `abandon_message` and ends the process at once.
///
/// # Errors
/// When the thread or the signal handlers cannot be created.
pub(crate) fn listen(
    abandon_message: impl FnOnce() + Send + 'static,
) -> anyhow::Result<CancelSignal> {
    let what = "could not listen for Ctrl-C";
    // A runtime of its own: the command's runtime starts later and may be busy with blocking work,
    // and a second Ctrl-C must end the process even then.
    let runtime = Builder::new_current_thread().enable_io().build().context(what)?;
    // The handlers are installed before this function returns, so that no signal falls into a gap.
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
    let handle_signals = move || {
        runtime.block_on(hear);
        abandon(abandon_message)
    };
    thread::Builder::new().name("signals".into()).spawn(handle_signals).context(what)?;
    Ok(cancel)
}

/// The signals that ask the command to stop.
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

fn abandon(abandon_message: impl FnOnce() + Send + 'static) -> ! {
    let (said, message_written) = mpsc::channel();
    // Ending matters more than the message: if no thread can be started, the process ends without
    // it. Frames that were appended are on disk already, so nothing is lost.
    let _ = thread::Builder::new().spawn(move || {
        abandon_message();
        let _ = said.send(());
    });
    let _ = message_written.recv_timeout(PATIENCE);
    std::process::exit(i32::from(INTERRUPTED))
}
