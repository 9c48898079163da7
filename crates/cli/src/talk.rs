//! How a run is shown to a person, and how it ends.

use crate::say;
use core::fmt;
use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use stilt_engine::{Error, Progress, Watcher};

/// Exit codes, part of the contract.
pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const FAIL_ON: u8 = 3;
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The run.
    Run(Error),
    /// What was asked for makes no sense.
    Usage(String),
    /// Standard output.
    Output(io::Error),
}

impl Failure {
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Run(error) if error.is_usage() => USAGE,
            Self::Run(_) | Self::Output(_) => FAILED,
            Self::Usage(_) => USAGE,
        }
    }

    /// The reader of our output went away: nobody is left to tell.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        match self {
            Self::Run(Error::Sink(error)) => error.is_closed_pipe(),
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::Usage(text) => f.write_str(text),
            Self::Output(error) => {
                write!(f, "standard output: {}", stilt_engine::plain(error))
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Shows progress on a terminal, and warnings always.
pub(crate) struct Talk {
    bar: Option<ProgressBar>,
    /// Captures are still being opened.
    opening: Option<Opening>,
    /// What is said once everything is open.
    hello: Option<String>,
}

impl Talk {
    pub(crate) fn new(quiet: bool, opening: Opening) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let bar = shown.then(|| ProgressBar::new(0).with_style(style()));
        Self { bar, opening: Some(opening), hello: None }
    }

    /// For live ports, which have no end to come nearer to.
    pub(crate) fn live(quiet: bool, ports: &str) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let bar = shown.then(|| ProgressBar::new_spinner().with_style(live_style()));
        let hello = (!quiet).then(|| format!("stilt: watching {ports}"));
        Self { bar, opening: None, hello }
    }

    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} {eta} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
}

fn live_style() -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {elapsed_precise} {bytes} {bytes_per_sec} {msg}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
}

impl Watcher for Talk {
    fn opened(&mut self) {
        if let Some(text) = self.hello.take() {
            say::line(&text);
        }
        if let Some(mut opening) = self.opening.take() {
            opening.end();
        }
    }

    fn progress(&mut self, progress: Progress) {
        if let Some(bar) = &self.bar {
            if let Some(size) = progress.size {
                bar.set_length(size);
            }
            bar.set_position(progress.read);
            bar.set_message(format!(
                "{} transactions, {} alerts",
                progress.transactions, progress.alerts
            ));
        }
    }

    fn warn(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| say::line(&format!("stilt: warning: {text}"))),
            None => say::line(&format!("stilt: warning: {text}")),
        }
    }
}

/// Signals that end a run: the first asks for a clean stop, the second ends the program at once.
pub(crate) struct Stop {
    /// It was asked for.
    pub(crate) asked: Arc<AtomicBool>,
}

#[cfg(unix)]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM, signal_hook::consts::SIGHUP];
#[cfg(not(unix))]
const SIGNALS: &[i32] = &[SIGINT, SIGTERM];

impl Stop {
    /// No thread waits for signals while captures are analysed: it would stay outside of the
    /// sandbox, which is entered by each thread for itself.
    pub(crate) fn on_signals() -> (Self, Opening) {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in SIGNALS {
            let handled = flag::register_conditional_shutdown(
                *signal,
                i32::from(INTERRUPTED),
                Arc::clone(&asked),
            )
            .and_then(|_| flag::register(*signal, Arc::clone(&asked)));
            if handled.is_err() {
                say::line("stilt: warning: Ctrl-C will end the run without a summary");
            }
        }
        let opening = Opening::watch(Arc::clone(&asked));
        (Self { asked }, opening)
    }
}

/// How long a stop waits at most while captures are being opened.
const OPENING_LOOK: Duration = Duration::from_millis(50);

/// While captures are being opened, which a pipe that says nothing may hold up, a stop ends the
/// program at once: nothing was read that could be saved.
pub(crate) struct Opening {
    over: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Opening {
    fn watch(asked: Arc<AtomicBool>) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let done = Arc::clone(&over);
        let look = move || {
            while !done.load(Ordering::Relaxed) {
                if asked.load(Ordering::Relaxed) {
                    say::line("stilt: stopped before anything was read");
                    std::process::exit(i32::from(INTERRUPTED));
                }
                thread::park_timeout(OPENING_LOOK);
            }
        };
        Self { over, thread: thread::Builder::new().name("opening".to_owned()).spawn(look).ok() }
    }

    pub(crate) fn end(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _ = thread.join();
        }
    }
}
