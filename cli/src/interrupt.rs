//! Ctrl-C: the first asks to stop, the second abandons.

use ha_run::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use crate::trouble::INTERRUPTED;

/// A wish to stop that Ctrl-C and SIGTERM set. The second one ends the process at once, with a last word; what is on
/// record by then is on disk.
pub(crate) fn listen(last_word: impl Fn() + Send + 'static) -> anyhow::Result<Cancel> {
    let cancel = Cancel::new();
    let asked = cancel.clone();
    let (mut interrupts, mut terminations) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            let arrived = tokio::select! {
                it = interrupts.recv() => it,
                it = terminations.recv() => it,
            };
            match arrived {
                Some(()) if asked.is_asked() => {
                    last_word();
                    std::process::exit(i32::from(INTERRUPTED))
                }
                Some(()) => asked.ask(),
                None => return,
            }
        }
    });
    Ok(cancel)
}
