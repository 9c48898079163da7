//! Requests unlike all that others send to an endpoint (OWASP API8:2023, CWE-20).
//!
//! One odd value is everyday life. Told is who deviates on two accounts at once that have nothing
//! to do with each other, each beyond every other caller, or who tries one odd thing after the
//! other. What several callers begin to do is a release, and told as one notice.

mod suspect;
#[cfg(test)]
mod tests;

use crate::baseline::busiest::Busiest;
use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tell;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_baseline::{Deviation, Group, Oddity};
use stilt_model::{ActorId, EndpointId, Finding, Rule, Severity, Timestamp};
use suspect::Suspect;

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "baseline.query_pattern",
        title: "Requests unlike all others",
        owasp: &["API8:2023", "API4:2023"],
        attack: &["T1190"],
        references: &["CWE-20", "CWE-235"],
    },
    severity: Severity::Medium,
    looks_for: "A request that deviates from what everybody else sends to the endpoint in two \
                ways that are independent of each other (parameters there are; a value that \
                breaks its parameter's form or list; marks of a syntax where none belong; free \
                text unlike all other; what came of it), or an actor that sends one deviating \
                value after another. Where enough is known, one way whose p-value is within the \
                alert budget.",
    needs: "Ten other actors on the endpoint; until then it learns.",
    look_alikes: "One odd value, a typing error, a longer text than ever, a name with an \
                  apostrophe: one way alone is silent. A new release or client (ten minutes are \
                  waited for others who do the same; then it is one notice).",
    tuning: &[
        Tuning { key: "actors_min", meaning: "other actors on the endpoint" },
        Tuning { key: "distinct_min", meaning: "different deviations of one actor in an hour" },
        Tuning { key: "wait_secs", meaning: "seconds waited for others who do the same" },
        Tuning {
            key: "alerts_per_day",
            meaning: "alerts a day that chance may raise, of all deviations that are judged by \
                      p-value alone",
        },
    ],
    build: |settings| Ok(Box::new(QueryPattern::new(settings)?)),
};

/// Actors watched at most.
const SUSPECTS_MAX: usize = 10_000;
/// Deviations watched for others who do the same.
const SHARED_MAX: usize = 10_000;
/// Actors that make a deviation the new usage.
const SHARED_MIN: usize = 3;
/// Requests a day that the alert budget is spread over, at least.
const DAY_MIN: u64 = 20_000;
/// A notice about an endpoint is repeated after so long.
const QUIET: Duration = Duration::from_secs(3600);
/// Findings that wait at most.
const WAITING_MAX: usize = 1000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    actors_min: u64,
    distinct_min: u64,
    wait_secs: u64,
    alerts_per_day: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { actors_min: 10, distinct_min: 6, wait_secs: 600, alerts_per_day: 1.0 }
    }
}

/// A finding that is told unless others do the same.
#[derive(Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
    actor: ActorId,
    /// Deviations it rests on.
    keys: Vec<u64>,
    finding: Finding,
}

#[derive(Serialize, Deserialize)]
struct QueryPattern {
    #[serde(skip)]
    limits: Limits,
    suspects: Keep<(u64, ActorId), Suspect>,
    busiest: BTreeMap<u64, Busiest>,
    shared: Keep<u64, Vec<ActorId>>,
    waiting: VecDeque<Waiting>,
    notices: BTreeMap<EndpointId, Timestamp>,
    learning: BTreeSet<EndpointId>,
    /// Requests by day of packet time: this one and the one before.
    day: (i64, u64, u64),
}

impl QueryPattern {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            suspects: Keep::new(SUSPECTS_MAX),
            busiest: BTreeMap::new(),
            shared: Keep::new(SHARED_MAX),
            waiting: VecDeque::new(),
            notices: BTreeMap::new(),
            learning: BTreeSet::new(),
            day: (0, 0, 0),
        })
    }

    /// The p-value below which chance raises no more than the budget.
    fn alpha(&mut self, now: Timestamp) -> f64 {
        let today = now.secs().div_euclid(86_400);
        if today != self.day.0 {
            let yesterday = if today - self.day.0 == 1 { self.day.1 } else { 0 };
            self.day = (today, 0, yesterday);
        }
        self.day.1 = self.day.1.saturating_add(1);
        let requests = self.day.1.max(self.day.2).max(DAY_MIN);
        self.limits.alerts_per_day / crate::stats::to_f64(requests)
    }

    fn see(&mut self, context: &Context<'_>, odd: &Oddity, findings: &mut Vec<Finding>) {
        let now = context.at();
        let alpha = self.alpha(now);
        let actor = context.seen.actor.id;
        let service = tell::key(&context.sighting.service, "");
        if odd.deviations.is_empty() {
            return;
        }
        if odd.actors <= self.limits.actors_min {
            self.learning.insert(context.sighting.endpoint);
            return;
        }
        self.learning.remove(&context.sighting.endpoint);
        let fresh: Vec<&Deviation> =
            odd.deviations.iter().filter(|one| !self.is_shared(now, one.key, actor)).collect();
        if fresh.len() < odd.deviations.len() {
            self.notice(context, odd, findings);
        }
        if fresh.is_empty() {
            return;
        }
        let busiest = self.busiest.entry(service).or_default();
        let suspect = self.suspects.touch(now, (service, actor), Suspect::default);
        suspect.add(context, &fresh);
        let others = busiest.of_others(actor);
        busiest.see(actor, suspect.distinct());
        let many = suspect.distinct() >= self.limits.distinct_min
            && suspect.distinct() > others.saturating_mul(3);
        #[expect(clippy::cast_precision_loss, reason = "a count of scores")]
        let known = odd.calibrated as f64 >= 1.0 / alpha;
        let rare = known && odd.p.is_some_and(|p| p <= alpha);
        // Who asks for more, or otherwise, gets more or an error: that is one way, not two.
        let caused = [Group::Form, Group::Structure];
        let follows = fresh.len() == 2
            && fresh.iter().any(|one| one.group == Group::Answer)
            && fresh.iter().any(|one| caused.contains(&one.group));
        let ways = if follows { 1 } else { fresh.len() };
        if !(ways >= 2 || many || rare || suspect.tale.was_told()) {
            return;
        }
        let outcome = suspect.outcome();
        if !suspect.tale.due(now, outcome) {
            return;
        }
        let certain = many || fresh.iter().any(|one| one.group == Group::Syntax);
        let finding = suspect.finding(context, odd, &fresh, others);
        if certain || suspect.is_certain {
            suspect.is_certain = true;
            findings.push(finding);
        } else {
            let until = now.plus(Duration::from_secs(self.limits.wait_secs));
            let keys = fresh.iter().map(|one| one.key).collect();
            if self.waiting.len() >= WAITING_MAX {
                self.waiting.pop_front();
            }
            self.waiting.push_back(Waiting { until, actor, keys, finding });
        }
    }

    /// Whether at least three actors deviate so, `actor` among them.
    fn is_shared(&mut self, now: Timestamp, key: u64, actor: ActorId) -> bool {
        let actors = self.shared.touch(now, key, Vec::new);
        if actors.len() < SHARED_MIN && !actors.contains(&actor) {
            actors.push(actor);
        }
        actors.len() >= SHARED_MIN
    }

    /// One notice about an endpoint that is used otherwise than before.
    fn notice(&mut self, context: &Context<'_>, odd: &Oddity, findings: &mut Vec<Finding>) {
        let now = context.at();
        let endpoint = context.sighting.endpoint;
        let last = self.notices.insert(endpoint, now);
        if last.is_some_and(|last| now.since(last) <= QUIET) {
            return;
        }
        let service = &context.sighting.service;
        let actor = tell::cluster(SPEC.rule.id, service, endpoint.0, "all actors of the endpoint");
        let mut finding = context.finding(SPEC.rule.id, Severity::Low, actor);
        finding.posture = true;
        finding.session = None;
        finding.message = format!(
            "population shift: several callers of {} begin to send what nobody sent before",
            context.sighting.name
        );
        finding.why = odd.deviations.iter().map(suspect::signal).collect();
        finding.evidence = vec![context.evidence(String::new())];
        finding.remediation = "a release explains it; it is learned as the new usage".to_owned();
        findings.push(finding);
    }

    fn tick(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        while self.waiting.front().is_some_and(|waiting| waiting.until <= now) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            let own = waiting.keys.iter().filter(|key| {
                let others = self.shared.get(key).map_or(0, |actors| {
                    actors.iter().filter(|actor| **actor != waiting.actor).count()
                });
                others + 1 < SHARED_MIN
            });
            if own.count() >= 2.min(waiting.keys.len()) {
                findings.push(waiting.finding);
            }
        }
        self.notices.retain(|_, last| now.since(*last) <= QUIET);
    }
}

impl Detector for QueryPattern {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        match observation {
            Observation::Transaction(context) => {
                if let Some(odd) = &context.score.request {
                    self.see(context, odd, findings);
                }
            }
            Observation::Tick(now) => self.tick(*now, findings),
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let count = self.learning.len() as u64;
        let reason = format!(
            "endpoints with deviating requests that are still learned, needs {} other actors",
            self.limits.actors_min
        );
        (count > 0)
            .then_some(NotEvaluated { rule: SPEC.rule.id, count, reason })
            .into_iter()
            .collect()
    }
}
