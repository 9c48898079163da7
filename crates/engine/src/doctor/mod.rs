//! Why nothing would be seen: of a machine, of an interface, of a capture file. One line each.

mod host;
mod traffic;

use crate::config::Config;
use crate::error::Error;
use crate::guard::{self, Plan, Sandbox};
use serde::Serialize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use stilt_capture::source::{self, Batch, Source, live};
use traffic::Traffic;

/// How a thing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Good,
    /// Worth knowing.
    Note,
    /// It keeps something from being seen.
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at, in a word.
    pub check: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
}

impl Check {
    fn good(check: &'static str, text: impl Into<String>) -> Self {
        Self { check, state: State::Good, text: text.into(), mend: None }
    }

    fn note(check: &'static str, text: impl Into<String>) -> Self {
        Self { state: State::Note, ..Self::good(check, text) }
    }

    fn problem(check: &'static str, text: impl Into<String>, mend: &str) -> Self {
        Self { state: State::Problem, mend: Some(mend.to_owned()), ..Self::good(check, text) }
    }
}

/// What is looked at.
#[derive(Clone, Debug, Default)]
pub struct Patient {
    /// Capture files.
    pub captures: Vec<PathBuf>,
    /// Interfaces and listeners; none where they are empty.
    pub live: Option<live::Settings>,
    /// How long interfaces are listened to.
    pub listen: Duration,
    /// The filter that a run would have.
    pub filter: Option<String>,
    /// What is given up before the first packet is read.
    pub sandbox: Option<Sandbox>,
}

/// Looks at all of it.
///
/// # Errors
/// A capture that can't be read, a filter that does not compile. What keeps an interface from
/// being listened to is what was asked for, and no error.
pub fn examine(config: &Config, patient: &Patient, stop: &AtomicBool) -> Result<Vec<Check>, Error> {
    let mut checks = Vec::new();
    let filter = patient.filter.as_deref();
    let mut traffic = Traffic::new(&config.capture.link_limits(), filter)?;
    if !patient.captures.is_empty() {
        let mut source = source::open(&patient.captures, &source::Options::default())?;
        guard(patient, source.as_ref())?;
        read(source.as_mut(), &mut traffic, None, stop)?;
        checks.extend(traffic.checks());
        return Ok(checks);
    }
    checks.extend(host::privilege());
    checks.extend(host::clock());
    let Some(settings) = &patient.live else {
        checks.extend(host::interfaces());
        return Ok(checks);
    };
    for name in &settings.interfaces {
        checks.extend(host::interface(name));
    }
    traffic.mtu = settings.interfaces.iter().filter_map(|name| host::mtu(name)).max();
    if checks.iter().any(|check| check.state == State::Problem && check.check == "interface") {
        return Ok(checks);
    }
    // Without the filter, so that what it excludes is known.
    match live::Live::open(&live::Settings { filter: None, ..settings.clone() }) {
        Err(error) => checks.push(Check::problem("open", error.to_string(), "as it says")),
        Ok(mut source) => {
            guard(patient, &source)?;
            read(&mut source, &mut traffic, Some(patient.listen), stop)?;
            checks.extend(traffic.checks());
            checks.push(ring(&source.losses()));
        }
    }
    Ok(checks)
}

fn guard(patient: &Patient, source: &dyn Source) -> Result<(), Error> {
    let Some(sandbox) = &patient.sandbox else { return Ok(()) };
    let reads = source.reads().iter().map(PathBuf::from).filter(|path| path.exists()).collect();
    let (user, sockets_from) = (sandbox.user.clone(), source.sockets_from());
    guard::enter(&Plan { user, reads, sockets_from, ..Plan::default() }).map(|_| ())
}

/// To its end, or for as long as is given.
#[allow(clippy::disallowed_methods, reason = "a link that shows nothing has no packet time")]
fn read(
    source: &mut dyn Source,
    traffic: &mut Traffic,
    most: Option<Duration>,
    stop: &AtomicBool,
) -> Result<(), Error> {
    let begun = std::time::Instant::now();
    let mut batch = Batch::default();
    while !stop.load(Ordering::Relaxed) && most.is_none_or(|most| begun.elapsed() < most) {
        let more = source.fill(&mut batch)?;
        for frame in &batch.frames {
            traffic.see(frame, batch.bytes(frame))?;
        }
        traffic.damaged = traffic.damaged.saturating_add(source.take_warnings().len() as u64);
        if !more {
            break;
        }
    }
    Ok(())
}

fn ring(losses: &source::Losses) -> Check {
    match losses.kernel.saturating_add(losses.interface) {
        0 => Check::good("ring", "no packet was dropped"),
        dropped => Check::problem(
            "ring",
            format!("{dropped} packets were dropped, {} were read", losses.packets),
            "make the ring larger (--ring, [capture] ring), filter, or give it more cores",
        ),
    }
}
