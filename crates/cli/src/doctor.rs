//! `stilt doctor`: what would keep traffic from being seen.

use crate::args::{Doctor, Shape};
use crate::commands::{Done, config_of, not_as_root};
use crate::say;
use crate::talk::{FAILED, Failure, Stop};
use std::time::Duration;
use stilt_engine::doctor::{Check, Patient, State, examine};
use stilt_engine::guard::Sandbox;

/// Exit 1 where there is a problem.
pub(crate) fn doctor(asked: &Doctor) -> Done {
    let config = config_of(asked.config.as_deref())?;
    let mut live = config.capture.live();
    if !asked.interfaces.is_empty() {
        live.interfaces.clone_from(&asked.interfaces);
    }
    let configured = live.filter.clone();
    let wanted = asked.captures.is_empty() && !live.interfaces.is_empty();
    let sandbox = config.sandbox.enabled.then(Sandbox::default);
    let sandbox = if wanted { sandbox.map(not_as_root).transpose()? } else { sandbox };
    let patient = Patient {
        captures: asked.captures.clone(),
        live: wanted.then_some(live),
        listen: Duration::from_secs(asked.seconds.into()),
        filter: asked.filter.clone().or(configured),
        sandbox,
    };
    let (stop, mut opening) = Stop::on_signals();
    opening.end();
    let checks = examine(&config, &patient, &stop.asked).map_err(Failure::Run)?;
    for check in &checks {
        let line = match asked.format {
            Shape::Table => shown(check),
            Shape::Json => serde_json::to_string(check).unwrap_or_default(),
        };
        say::out(&format!("{line}\n"))?;
    }
    Ok(if checks.iter().any(|check| check.state == State::Problem) { FAILED } else { 0 })
}

fn shown(check: &Check) -> String {
    let state = match check.state {
        State::Good => "ok     ",
        State::Note => "note   ",
        State::Problem => "problem",
    };
    let mend = check.mend.as_ref().map_or_else(String::new, |mend| format!("; to do: {mend}"));
    format!("{state}  {:10}  {}{mend}", check.check, check.text)
}
