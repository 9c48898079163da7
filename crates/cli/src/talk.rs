//! How a run is shown to a person, and how it ends.

use crate::say;
use core::fmt;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
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
    stop: Stop,
    /// What is said once everything is open.
    opening: Option<String>,
}

impl Talk {
    pub(crate) fn new(quiet: bool, stop: Stop) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let bar = shown.then(|| ProgressBar::new(0).with_style(style()));
        Self { bar, stop, opening: None }
    }

    /// For live ports, which have no end to come nearer to.
    pub(crate) fn live(quiet: bool, ports: &str) -> Self {
        let shown = !quiet && io::stderr().is_terminal();
        let bar = shown.then(|| ProgressBar::new_spinner().with_style(live_style()));
        let opening = (!quiet).then(|| format!("stilt: watching {ports}"));
        Self { bar, stop: Stop::default(), opening }
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
        if let Some(text) = self.opening.take() {
            say::line(&text);
        }
        self.stop.opened.store(true, Ordering::Relaxed);
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

/// What Ctrl-C has to know of the run, and the run of Ctrl-C.
#[derive(Clone, Default)]
pub(crate) struct Stop {
    /// It was asked for.
    pub(crate) asked: Arc<AtomicBool>,
    /// The captures are open, so that the run looks at `asked`.
    opened: Arc<AtomicBool>,
}

/// The first Ctrl-C asks for a stop; the second ends the program at once, and so does the first
/// while a silent pipe is being opened: nothing was read that could be saved.
pub(crate) fn stop_on_ctrl_c() -> Stop {
    let stop = Stop::default();
    let count = AtomicU8::new(0);
    let set = stop.clone();
    let handled = ctrlc::set_handler(move || {
        set.asked.store(true, Ordering::Relaxed);
        let opened = set.opened.load(Ordering::Relaxed);
        if !opened {
            say::line("stilt: stopped before anything was read");
        }
        if !opened || count.fetch_add(1, Ordering::Relaxed) > 0 {
            std::process::exit(i32::from(INTERRUPTED));
        }
    });
    if handled.is_err() {
        say::line("stilt: warning: Ctrl-C will end the run without a summary");
    }
    stop
}
