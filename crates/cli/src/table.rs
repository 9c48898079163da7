//! Sessions and detections as text for people.

use core::fmt::Write;
use stilt_alert::Names;
use stilt_detect::Spec;
use stilt_model::SessionRecord;

/// Steps of a session that are shown.
const STEPS_SHOWN: usize = 40;

/// Sessions, one after the other, each with its sequence of actions.
pub(crate) fn sessions(sessions: &[SessionRecord], names: &Names) -> String {
    let mut out = String::new();
    for session in sessions {
        let addresses: Vec<String> =
            session.addresses.iter().take(4).map(ToString::to_string).collect();
        let _ = writeln!(
            out,
            "{}  {} to {}  {} requests, {} refused  from {}{}",
            names.actor(&session.actor),
            session.start,
            session.end,
            session.requests,
            session.failures,
            addresses.join(", "),
            if session.addresses.len() > 4 { ", …" } else { "" },
        );
        if !session.alerts.is_empty() {
            let _ = writeln!(out, "    alerts: {}", session.alerts.join(", "));
        }
        for step in session.sequence.iter().take(STEPS_SHOWN) {
            let status = step.status.map_or_else(|| "---".to_owned(), |status| status.to_string());
            let times = if step.times > 1 { format!(" ×{}", step.times) } else { String::new() };
            let _ = writeln!(out, "    {}  {status}  {}{times}", step.time, step.endpoint);
        }
        if session.sequence.len() > STEPS_SHOWN || session.sequence_cut {
            let _ = writeln!(out, "    … more steps: --format json shows up to 256");
        }
    }
    out
}

/// The catalogue, a line each.
pub(crate) fn detections(specs: &[&Spec]) -> String {
    let widest = specs.iter().map(|spec| spec.rule.id.len()).max().unwrap_or(0);
    specs.iter().fold(String::new(), |mut out, spec| {
        let _ = writeln!(
            out,
            "{:widest$}  {:8}  {}",
            spec.rule.id,
            spec.severity.name(),
            spec.rule.title
        );
        out
    })
}

/// One detection in full.
pub(crate) fn detection(spec: &Spec) -> String {
    let rule = &spec.rule;
    let mut references: Vec<&str> = Vec::new();
    references.extend(rule.owasp);
    references.extend(rule.attack);
    references.extend(rule.references);
    let mut out = String::new();
    let _ = writeln!(out, "{}: {}", rule.id, rule.title);
    for (name, text) in [
        ("looks for", spec.looks_for),
        ("needs", spec.needs),
        ("looks alike, and is silent", spec.look_alikes),
    ] {
        let _ = writeln!(out, "\n{name}:\n{}", wrapped(text));
    }
    let _ =
        writeln!(out, "\nseverity: {} where the application let it happen", spec.severity.name());
    let _ = writeln!(out, "references: {}", references.join(", "));
    let _ = writeln!(out, "\nsettings, under [detections.\"{}\"]:", rule.id);
    let shared = [
        ("enabled", "true or false"),
        ("severity", "low, medium, high or critical, instead of its own"),
        ("exceptions", "list of {actor, service, endpoint, source} left out"),
    ];
    let own = spec.tuning.iter().map(|tuning| (tuning.key, tuning.meaning));
    for (key, meaning) in shared.into_iter().chain(own) {
        let _ = writeln!(out, "  {key:20} {meaning}");
    }
    out
}

fn wrapped(text: &str) -> String {
    let mut out = String::from(" ");
    let mut column = 1;
    for word in text.split_whitespace() {
        if column + word.len() > 96 {
            out.push_str("\n ");
            column = 1;
        }
        out.push(' ');
        out.push_str(word);
        column += word.len() + 1;
    }
    out
}
