//! Signals of `stilt watch`. No thread waits for them: each sets a flag that the run looks at.

use crate::say;
use crate::talk::INTERRUPTED;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::flag;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What was asked for by signal.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    /// SIGINT or SIGTERM: end the run cleanly.
    pub(crate) stop: Arc<AtomicBool>,
    /// It was SIGINT.
    pub(crate) interrupted: Arc<AtomicBool>,
    /// SIGHUP: read the configuration again, open outputs again.
    pub(crate) reload: Arc<AtomicBool>,
    /// SIGUSR1: say how things are.
    pub(crate) status: Arc<AtomicBool>,
}

/// The first SIGINT or SIGTERM asks for a clean stop, the second ends the program at once.
pub(crate) fn watch() -> Signals {
    let signals = Signals::default();
    if let Err(error) = register(&signals) {
        say::line(&format!("stilt: warning: signals are not handled: {error}"));
    }
    signals
}

fn register(signals: &Signals) -> io::Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first time the flag is not set yet.
        flag::register_conditional_shutdown(
            signal,
            i32::from(INTERRUPTED),
            Arc::clone(&signals.stop),
        )?;
        flag::register(signal, Arc::clone(&signals.stop))?;
    }
    flag::register(SIGINT, Arc::clone(&signals.interrupted))?;
    flag::register(SIGHUP, Arc::clone(&signals.reload))?;
    flag::register(SIGUSR1, Arc::clone(&signals.status))?;
    Ok(())
}
