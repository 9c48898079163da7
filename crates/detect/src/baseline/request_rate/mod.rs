//! Request rate far from what was learned (OWASP API4:2023, API6:2023).
//!
//! One actor asks one endpoint far more often than it ever did, and far more often than anybody
//! else does. A client that polls at even intervals, one that fetches each of its own items once,
//! and a release or campaign that moves many at once are none of it; the last is told as one
//! notice about the population.

#[cfg(test)]
mod tests;

mod beat;
mod retries;

use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::stats::to_f64;
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use beat::Beat;
use core::time::Duration;
use foldhash::fast::RandomState;
use retries::Retries;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stilt_baseline::RateStatus;
use stilt_model::{
    Actor, ActorId, ActorKind, EndpointId, Finding, IdBuilder, Outcome, PathMemo, Rule, Severity,
    SmolStr, Timestamp, Value, saved::Keyed,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "baseline.request_rate",
        title: "Request rate far above normal",
        owasp: &["API4:2023", "API6:2023"],
        attack: &["T1119"],
        references: &["CWE-770"],
    },
    severity: Severity::Medium,
    looks_for: "One actor asks one endpoint, within ten minutes, more than three times as often as \
                it ever did in two weeks and beyond the 99.9th percentile of all; until two weeks \
                are known, at least 30 times and more than three times as often as its busiest peer.",
    needs: "At least three other actors on the endpoint, or two weeks of the actor's own past.",
    look_alikes: "A client that polls at even intervals; one that tries again while the server \
                  is down; a client that opens each item of its own \
                  list once; a batch job with its own endpoint; a release or campaign that moves \
                  many actors at once (told as one notice).",
    tuning: &[
        Tuning { key: "requests_min", meaning: "requests in 10 minutes that are looked at" },
        Tuning {
            key: "factor",
            meaning: "how many times above one's own and one's peers' maximum",
        },
        Tuning {
            key: "sweep_factor",
            meaning: "the same for requests that each ask for something new",
        },
        Tuning { key: "peers_min", meaning: "other actors on the endpoint" },
        Tuning {
            key: "shift_share",
            meaning: "share of an endpoint's actors that makes a shift of the population",
        },
    ],
    build: |settings| Ok(Box::new(RequestRate::new(settings)?)),
};

/// A story ends when the actor has been within bounds for so long.
const QUIET: Duration = Duration::from_secs(3600);
/// Actor and endpoint pairs watched closely at most.
const WATCHED_MAX: usize = 10_000;
/// Targets told apart per watched pair.
const TARGETS_MAX: usize = 2048;
const DAYS_FULL: f64 = 14.0;
/// So many peers have shown what is usual, though they have just come.
const PEERS_FULL: u64 = 10;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    requests_min: u64,
    factor: u64,
    sweep_factor: u64,
    peers_min: u64,
    shift_share: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { requests_min: 30, factor: 3, sweep_factor: 10, peers_min: 3, shift_share: 0.2 }
    }
}

/// One actor on one endpoint, once its count is worth a look.
#[derive(Debug, Serialize, Deserialize)]
struct Watched {
    targets: BTreeSet<u64>,
    /// What of its own it asked for.
    #[serde(default)]
    own_things: BTreeSet<u64>,
    requests: u64,
    own: u64,
    granted: u64,
    refused: u64,
    beat: Beat,
    tale: Tale,
    last: Timestamp,
}

#[derive(Serialize, Deserialize)]
struct RequestRate {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    /// Which parameters only stamp a request.
    #[serde(skip)]
    stamps: PathMemo<bool>,
    watched: HashMap<(EndpointId, ActorId), Watched, RandomState>,
    idle: BTreeSet<(Timestamp, EndpointId, ActorId)>,
    retries: Retries,
    shifts: BTreeMap<EndpointId, Timestamp>,
    lonely: BTreeSet<EndpointId>,
}

/// What a rate amounts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Judgement {
    Usual,
    NoPeers,
    Shift,
    Beyond,
}

impl Limits {
    fn judge(&self, rate: &RateStatus, factor: u64) -> Judgement {
        if rate.count < self.requests_min || rate.steady {
            return Judgement::Usual;
        }
        let beyond_own = rate.count > rate.own_max.saturating_mul(factor);
        let beyond_all = rate.p999.is_none_or(|p999| rate.count > p999);
        if rate.own_days >= DAYS_FULL {
            return if beyond_own && beyond_all { Judgement::Beyond } else { Judgement::Usual };
        }
        // Few who have just come have not shown yet what is usual.
        let settled = rate.settled >= self.peers_min || rate.peers >= PEERS_FULL;
        if rate.peers < self.peers_min || !settled {
            return Judgement::NoPeers;
        }
        if !beyond_own {
            return Judgement::Usual;
        }
        if beyond_all && rate.count > rate.peer_max.saturating_mul(factor) {
            return Judgement::Beyond;
        }
        // Who was never seen before has nothing to compare with.
        #[expect(clippy::cast_precision_loss, reason = "counts of actors")]
        let share = rate.surging as f64 / (rate.peers + 1) as f64;
        let many = rate.surging > self.peers_min && share >= self.shift_share;
        if many && rate.own_max > 0 { Judgement::Shift } else { Judgement::Usual }
    }
}

impl Watched {
    fn new(now: Timestamp) -> Self {
        Self {
            targets: BTreeSet::new(),
            own_things: BTreeSet::new(),
            requests: 0,
            own: 0,
            granted: 0,
            refused: 0,
            beat: Beat::default(),
            tale: Tale::default(),
            last: now,
        }
    }

    fn add(&mut self, context: &Context<'_>, target: u64, own: Option<u64>) {
        self.last = context.at();
        self.requests = self.requests.saturating_add(1);
        self.beat.add(context.tx.start);
        self.own = self.own.saturating_add(u64::from(own.is_some()));
        if self.own_things.len() < TARGETS_MAX {
            self.own_things.extend(own);
        }
        if self.targets.len() < TARGETS_MAX {
            self.targets.insert(target);
        }
        match context.sighting.outcome {
            Outcome::Success => self.granted = self.granted.saturating_add(1),
            Outcome::Failure => self.refused = self.refused.saturating_add(1),
            // Told to slow down.
            Outcome::Unknown if context.tx.status() == Some(429) => {
                self.refused = self.refused.saturating_add(1);
            }
            Outcome::Unknown => {}
        }
    }

    /// Each item once is a sweep.
    fn sweeps(&self) -> bool {
        self.requests >= 8
            && (self.targets.len() as u64).saturating_mul(10) >= self.requests.saturating_mul(8)
    }

    /// A sweep of one's own items is one's own business, where it is they that differ from request
    /// to request, and not what is asked of one of them.
    fn syncs(&self) -> bool {
        self.sweeps()
            && self.own.saturating_mul(10) >= self.requests.saturating_mul(8)
            && self.own_things.len().saturating_mul(10) >= self.targets.len().saturating_mul(8)
    }
}

impl RequestRate {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            stamps: PathMemo::default(),
            watched: HashMap::default(),
            idle: BTreeSet::new(),
            retries: Retries::default(),
            shifts: BTreeMap::new(),
            lonely: BTreeSet::new(),
        })
    }

    fn see(
        &mut self,
        context: &Context<'_>,
        rate: &RateStatus,
        target: u64,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let key = (context.sighting.endpoint, context.seen.actor.id);
        let retried = self.retries.of(key, now, rate.window);
        let requests_min = self.limits.requests_min;
        if rate.count < requests_min {
            return;
        }
        let own = own_thing(&self.hasher, context);
        let entry = self.watched.entry(key).or_insert_with(|| Watched::new(now));
        self.idle.remove(&(entry.last, key.0, key.1));
        self.idle.insert((now, key.0, key.1));
        entry.add(context, target, own);
        let factor = if entry.sweeps() { self.limits.sweep_factor } else { self.limits.factor };
        // What a poll or the wait for a broken server explains is no matter of rate.
        let explained = entry.beat.polls(rate.window).saturating_add(retried);
        let rest = RateStatus { count: rate.count.saturating_sub(explained), ..rate.clone() };
        let judgement = self.limits.judge(&rest, factor);
        let leisurely = rate.count.saturating_mul(2) <= rate.window.as_secs();
        if entry.requests < if leisurely { 24 } else { 8 } && !entry.tale.was_told() {
            // Too little to tell a sweep or a poll from hammering.
            entry.tale.add(context, String::new(), false);
            return;
        }
        match judgement {
            Judgement::NoPeers => {
                self.lonely.insert(key.0);
            }
            Judgement::Shift => {
                let last = self.shifts.insert(key.0, now);
                if last.is_none_or(|last| now.since(last) > QUIET) {
                    findings.push(shift(context, rate));
                }
            }
            Judgement::Beyond if !entry.syncs() => {
                entry.tale.add(context, String::new(), false);
                if let Some(user) = &context.seen.actor.user {
                    entry.tale.user(user);
                }
                let outcome = outcome_of(entry);
                if entry.tale.due(now, outcome) {
                    findings.push(tell(context, rate, entry, outcome, factor));
                }
            }
            // What goes on after the alarm belongs to it, though the window may have become
            // "usual".
            _ if entry.tale.was_told() => entry.tale.add(context, String::new(), false),
            _ => {}
        }
    }

    fn tick(&mut self, now: Timestamp) {
        while let Some((last, endpoint, actor)) = self.idle.first().copied() {
            if now.since(last) <= QUIET && self.watched.len() <= WATCHED_MAX {
                break;
            }
            self.idle.remove(&(last, endpoint, actor));
            self.watched.remove(&(endpoint, actor));
        }
        self.retries.tick(now);
        self.shifts.retain(|_, last| now.since(*last) <= QUIET);
    }
}

impl Detector for RequestRate {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        match observation {
            Observation::Transaction(context) => {
                let target = target_of(&self.hasher, &mut self.stamps, context);
                let key = (context.sighting.endpoint, context.seen.actor.id);
                self.retries.see(key, context.tx, target);
                if let Some(rate) = context.rate {
                    self.see(context, rate, target, findings);
                }
            }
            Observation::Running(_) | Observation::Tls(_) | Observation::End(_) => {}
            Observation::Tick(now) => self.tick(*now),
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let count = self.lonely.len() as u64;
        let reason = format!(
            "busy endpoints with fewer than {} other actors, needs peers or {DAYS_FULL} days",
            self.limits.peers_min
        );
        (count > 0)
            .then_some(NotEvaluated { rule: SPEC.rule.id, count, reason })
            .into_iter()
            .collect()
    }
}

/// Names of what is new in every request, whatever it asks for.
const STAMPS: [&str; 16] = [
    "_",
    "ts",
    "t",
    "timestamp",
    "time",
    "nonce",
    "rand",
    "random",
    "cb",
    "requestid",
    "request_id",
    "reqid",
    "traceid",
    "sign",
    "signature",
    "seq",
];

/// What a request asks for, beyond its endpoint.
fn target_of(hasher: &Keyed, stamps: &mut PathMemo<bool>, context: &Context<'_>) -> u64 {
    use core::hash::{BuildHasher, Hash, Hasher};
    let mut state = hasher.build_hasher();
    if let Some(request) = &context.tx.request {
        state.write(request.path.as_bytes());
        let numbered = request.leaves.iter().any(|leaf| leaf.path == "jsonrpc");
        for leaf in &request.leaves {
            let stamps = stamps.of(&leaf.path, |path| {
                STAMPS.iter().any(|stamp| path.name().eq_ignore_ascii_case(stamp))
            });
            if stamps || (numbered && leaf.path == "id") {
                continue;
            }
            state.write_u64(leaf.path.key());
            match &leaf.value {
                Value::Integer(number) => state.write_i64(*number),
                Value::Text(text) => state.write(text.as_bytes()),
                Value::Masked { mark, .. } => mark.digest.hash(&mut state),
                _ => {}
            }
        }
    }
    state.finish()
}

/// Tells apart what the request asks for, where that was shown to the actor as its own, or by
/// right.
fn own_thing(hasher: &Keyed, context: &Context<'_>) -> Option<u64> {
    use core::hash::{BuildHasher, Hasher};
    let all = &context.sighting.objects;
    // What stands in query or body beside an object of the path refers to something else: it
    // makes a request no less one's own, but tells it from others.
    let in_path = all.iter().any(|object| object.in_path);
    let mut state = hasher.build_hasher();
    for object in all {
        let shown =
            context.objects.judge(context.tx, context.sighting, context.seen, object).shown_loosely;
        if shown {
            state.write(object.class.as_bytes());
            state.write(object.id.as_bytes());
        } else if object.in_path == in_path {
            return None;
        }
    }
    (!all.is_empty()).then(|| state.finish())
}

fn outcome_of(watched: &Watched) -> Outcome {
    let unknown = watched.requests.saturating_sub(watched.granted).saturating_sub(watched.refused);
    if watched.granted >= watched.refused && watched.granted >= unknown {
        Outcome::Success
    } else if watched.refused >= unknown {
        Outcome::Failure
    } else {
        Outcome::Unknown
    }
}

fn tell(
    context: &Context<'_>,
    rate: &RateStatus,
    watched: &Watched,
    outcome: Outcome,
    factor: u64,
) -> Finding {
    let severity = if outcome == Outcome::Success { SPEC.severity } else { Severity::Low };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    watched.tale.fill(&mut finding);
    finding.outcome = outcome;
    finding.count = finding.count.max(rate.count);
    finding.message = format!(
        "{} requests to {} within {}, the busiest of {} peers made {}",
        rate.count,
        context.sighting.name,
        lasting(rate.window),
        rate.peers,
        rate.peer_max,
    );
    finding.confidence = if rate.p999.is_some() { 0.85 } else { 0.7 };
    let peers = counted(rate.peers, "other caller");
    let busiest = format!("at most {factor} times the {} of its busiest peer", rate.peer_max);
    let own = format!("no more than {factor} times above it");
    let own_windows = (rate.own_days.max(0.0) * WINDOWS_A_DAY).floor();
    let mut why = vec![
        signal(
            "requests_in_10_min",
            rate.count.to_string(),
            tell::usual(busiest, tell::none_of(rate.peers), &peers),
        ),
        signal(
            "own_maximum_before",
            rate.own_max.to_string(),
            tell::usual(
                own,
                1.0 / (own_windows + 1.0),
                format!("{:.1} days of its own", rate.own_days),
            ),
        ),
    ];
    let (as_high, all) = (to_f64(rate.windows_as_high), to_f64(rate.windows));
    let (p, windows) = ((as_high + 1.0) / (all + 1.0), counted(rate.windows, "window"));
    let support = format!("{windows} of {peers}");
    why.push(match rate.p999 {
        Some(p999) => {
            let known = tell::usual(format!("at most {p999}"), p, support);
            signal("p99_9_of_all_actors", rate.count.to_string(), known)
        }
        None => {
            let needed = tell::usual("200 requests of 10 actors on the endpoint", p, support);
            signal("baseline", "insufficient", needed)
        }
    });
    let usual = "each item once, or even intervals";
    why.push(signal(
        "distinct_requests",
        format!("{} of {}", watched.targets.len(), watched.requests),
        format!("{usual} ({} of its own)", counted(watched.requests, "request")),
    ));
    finding.why = why;
    finding.remediation = format!(
        "limit how often one caller may ask {}; find out what this caller is for",
        context.sighting.name
    );
    finding
}

/// Windows of ten minutes in a day.
const WINDOWS_A_DAY: f64 = 144.0;

/// Many actors ask more than ever at once: one notice about the endpoint, no alert about anybody.
fn shift(context: &Context<'_>, rate: &RateStatus) -> Finding {
    let name = format!("{} {}", context.sighting.service, context.sighting.name);
    let id = IdBuilder::new("population").text(&name).finish();
    let actor = Actor {
        id: ActorId(id),
        kind: ActorKind::Cluster,
        name: format!("cluster:{:016x}", id),
        user: None,
        roles: Vec::new(),
        identified_by: SmolStr::new_static("all actors of the endpoint"),
    };
    let mut finding = context.finding(SPEC.rule.id, Severity::Low, actor);
    finding.posture = true;
    finding.session = None;
    finding.message = format!(
        "population shift: {} of {} actors ask more than three times as much as ever before",
        rate.surging,
        rate.peers + 1
    );
    let usual = format!("one or two at a time (of {})", counted(rate.peers + 1, "caller"));
    finding.why = vec![signal("surging_actors", rate.surging.to_string(), usual)];
    finding.evidence = vec![context.evidence(String::new())];
    finding.remediation =
        "a release or campaign explains it; learn a new baseline when it lasts".to_owned();
    finding
}
