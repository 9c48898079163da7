//! Requests unlike all that others send to an endpoint (OWASP API8:2023, CWE-20).
//!
//! One odd value is everyday life. Told is who deviates on two accounts at once that have nothing
//! to do with each other, each beyond every other caller, or who tries one odd thing after the
//! other. What several callers begin to do is a release, and told as one notice.

mod scripts;
mod suspect;
#[cfg(test)]
mod tests;

use crate::baseline::budget::{Budget, is_rare};
use crate::baseline::busiest::Busiest;
use crate::baseline::several::Several;
use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tell;
use core::time::Duration;
use scripts::{Attempt, Scripts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use stilt_baseline::{Deviation, Group, Oddity};
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Timestamp};
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
                text unlike all other; what came of it; an answer about something else), or an \
                actor that sends one deviating value after another. Where enough is known, one \
                way whose p-value is within the alert budget.",
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
/// Services of which it is remembered that they are used otherwise, and in which ways.
const SERVICES_MAX: usize = 1000;
const SHIFTING_MAX: usize = 10_000;

fn shifting() -> Keep<u64, ()> {
    Keep::new(SHIFTING_MAX)
}

/// Of one service there is no other notice for so long.
const QUIET: Duration = Duration::from_secs(3600);
/// Findings that wait at most, and deviations that may become the new usage.
const WAITING_MAX: usize = 1000;
const SETTLING_MAX: usize = 10_000;
/// Parameters that nobody sends, asked for one by one.
const PROBES_MIN: u64 = 3;

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
    /// Deviations it rests on.
    keys: Vec<Vec<u64>>,
    finding: Finding,
    /// It rests on a syntax.
    #[serde(default)]
    syntax: bool,
    /// It is a notice, and these are the parameters it rests on.
    #[serde(default)]
    shift: Option<Vec<(u64, u64)>>,
}

/// How many deviations an actor has come to, some of them new.
#[derive(Serialize, Deserialize)]
struct Settling {
    until: Timestamp,
    service: u64,
    actor: ActorId,
    keys: Vec<Vec<u64>>,
}

#[derive(Serialize, Deserialize)]
struct QueryPattern {
    #[serde(skip)]
    limits: Limits,
    suspects: Keep<(u64, ActorId), Suspect>,
    busiest: BTreeMap<u64, Busiest>,
    /// The same of names that nobody sends, tried one by one.
    #[serde(default)]
    probers: BTreeMap<u64, Busiest>,
    shared: Several<u64>,
    waiting: VecDeque<Waiting>,
    /// Deviations that count for their actor unless others come to do the same.
    #[serde(default)]
    settling: VecDeque<Settling>,
    /// When it was last told of a service that it is used otherwise than before, and what of.
    #[serde(default)]
    shifts: BTreeMap<u64, Timestamp>,
    #[serde(default = "shifting")]
    shifting: Keep<u64, ()>,
    learning: BTreeSet<EndpointId>,
    budget: Budget,
    #[serde(default)]
    scripts: Scripts,
}

impl QueryPattern {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            suspects: Keep::new(SUSPECTS_MAX),
            busiest: BTreeMap::new(),
            probers: BTreeMap::new(),
            shared: Several::default(),
            waiting: VecDeque::new(),
            settling: VecDeque::new(),
            shifts: BTreeMap::new(),
            shifting: shifting(),
            learning: BTreeSet::new(),
            budget: Budget::default(),
            scripts: Scripts::default(),
        })
    }

    fn see(&mut self, context: &Context<'_>, odd: &Oddity, findings: &mut Vec<Finding>) {
        let now = context.at();
        let alpha = self.budget.test(now, self.limits.alerts_per_day);
        let actor = context.seen.actor.id;
        let service = tell::key(&context.sighting.service, "");
        if odd.deviations.is_empty() {
            self.scripts.know(now, service, actor);
            return;
        }
        if odd.actors <= self.limits.actors_min {
            self.learning.insert(context.sighting.endpoint);
            return;
        }
        self.learning.remove(&context.sighting.endpoint);
        let known = odd.deviations.iter().any(|one| one.of_id) && was_shown(context);
        let own: Vec<&Deviation> =
            odd.deviations.iter().filter(|one| !(known && one.of_id)).collect();
        let refused = context.sighting.outcome == Outcome::Failure
            || context.tx.status().is_some_and(|status| status >= 500);
        let endpoint = context.sighting.endpoint.0;
        let attempt = Attempt { now, service, endpoint, actor, refused };
        let tries = self.scripts.join(attempt, &own);
        let hostile = tries > 0;
        // All parts join, also where the first is new: what is usual must become known.
        let mut is_shared = |one: &Deviation| {
            let joined: Vec<bool> =
                one.parts.iter().map(|part| self.shared.join(now, *part, actor)).collect();
            !joined.is_empty() && joined.into_iter().all(|shared| shared)
        };
        let fresh: Vec<&Deviation> =
            own.iter().copied().filter(|one| hostile || !is_shared(one)).collect();
        if fresh.len() < own.len() {
            self.notice(context, odd);
        }
        if fresh.is_empty() {
            return;
        }
        let busiest = self.busiest.entry(service).or_default();
        let suspect = self.suspects.touch(now, (service, actor), Suspect::default);
        suspect.add(context, &fresh);
        let others = busiest.of_others(actor);
        let until = now.plus(Duration::from_secs(self.limits.wait_secs));
        if suspect.grew() && self.settling.len() < SETTLING_MAX {
            let keys = fresh.iter().map(|one| one.parts.clone()).collect();
            self.settling.push_back(Settling { until, service, actor, keys });
        }
        let distinct = suspect.distinct().max(tries);
        let more = distinct > others.saturating_mul(3);
        let many = distinct >= self.limits.distinct_min && more;
        // Fewer are enough where they come one by one: what is new of a client comes together.
        let probed = self.probers.get(&service).map_or(0, |most| most.of_others(actor));
        let probes = suspect.probes() >= PROBES_MIN && suspect.probes() > 3 * probed;
        // Whoever is the first with a release sends a parameter that nobody does.
        let release = fresh.iter().all(|one| one.group == Group::Structure);
        let rare = is_rare(odd.p, odd.calibrated, alpha) && !release;
        let ways = ways(&fresh);
        if !(ways >= 2 || many || rare || probes || suspect.tale.was_told()) {
            return;
        }
        let outcome = suspect.outcome();
        let begins = !suspect.tale.was_told();
        if !suspect.tale.due(now, outcome) {
            return;
        }
        if begins {
            self.budget.found(now);
        }
        // A release may bring a syntax of its own: it is accepted, from callers that are known.
        let syntax = fresh.iter().any(|one| one.group == Group::Syntax);
        let odd_one = refused || !self.scripts.knows(service, actor);
        let certain = many || hostile || (syntax && odd_one);
        let finding = suspect.finding(context, odd, &fresh, others);
        if certain || suspect.is_certain {
            suspect.is_certain = true;
            findings.push(finding);
        } else {
            let keys = fresh.iter().map(|one| one.parts.clone()).collect();
            self.wait(Waiting { until, keys, finding, syntax, shift: None });
        }
    }

    fn wait(&mut self, waiting: Waiting) {
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        self.waiting.push_back(waiting);
    }

    /// One notice about a service that is used otherwise than before, however many endpoints a
    /// release changes: what comes within the hour is part of it, and not told again.
    fn notice(&mut self, context: &Context<'_>, odd: &Oddity) {
        let now = context.at();
        let service = &context.sighting.service;
        let mut new = false;
        for part in odd.deviations.iter().flat_map(|one| &one.parts) {
            new |= self.shifting.get(part).is_none();
            self.shifting.touch(now, *part, || ());
        }
        let id = tell::key(service, "");
        let room = self.shifts.len() < SERVICES_MAX || self.shifts.contains_key(&id);
        if !new || !room || self.shifts.get(&id).is_some_and(|last| now.since(*last) <= QUIET) {
            return;
        }
        self.shifts.insert(id, now);
        let actor = tell::cluster(SPEC.rule.id, service, 0, "all actors of the service");
        let mut finding = context.finding(SPEC.rule.id, Severity::Low, actor);
        finding.posture = true;
        finding.session = None;
        finding.message = format!(
            "population shift: several callers of {service} begin to send what nobody sent before, \
             at {} and elsewhere",
            context.sighting.name
        );
        finding.why = odd.deviations.iter().map(suspect::signal).collect();
        finding.evidence = vec![context.evidence(String::new())];
        finding.remediation = "a release explains it; it is learned as the new usage".to_owned();
        let place = context.sighting.endpoint.0;
        let shift = odd.deviations.iter().map(|one| (place, one.param)).collect();
        // What several begin to send at once may turn out to be an attack by several.
        let until = now.plus(Duration::from_secs(self.limits.wait_secs));
        self.wait(Waiting { until, keys: Vec::new(), finding, syntax: false, shift: Some(shift) });
    }

    /// Nothing more comes: what rests on a syntax is told, and notices; of the others nobody knows.
    fn end(&mut self, findings: &mut Vec<Finding>) {
        for waiting in core::mem::take(&mut self.waiting) {
            if waiting.syntax || waiting.shift.is_some() {
                self.decide(waiting, findings);
            }
        }
    }

    /// Tells what waited, unless others did the same, and a notice unless that was an attack.
    fn decide(&mut self, waiting: Waiting, findings: &mut Vec<Finding>) {
        let is_told = if let Some(places) = &waiting.shift {
            !places.iter().any(|place| self.scripts.is_hostile(*place))
        } else {
            let few = |parts: &&Vec<u64>| parts.iter().any(|part| self.shared.are_few(*part));
            let own = waiting.keys.iter().filter(few);
            own.count() >= 2.min(waiting.keys.len())
        };
        if is_told {
            findings.push(waiting.finding);
        }
    }

    fn tick(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        while self.settling.front().is_some_and(|one| one.until <= now) {
            let Some(one) = self.settling.pop_front() else { break };
            let few = |parts: &Vec<u64>| parts.iter().any(|part| self.shared.are_few(*part));
            if one.keys.iter().any(few)
                && let Some(suspect) = self.suspects.get_mut(&(one.service, one.actor))
                && !suspect.tale.was_told()
            {
                let count = suspect.settle();
                self.busiest.entry(one.service).or_default().see(one.actor, count);
                let probes = suspect.probes();
                self.probers.entry(one.service).or_default().see(one.actor, probes);
            }
        }
        while self.waiting.front().is_some_and(|waiting| waiting.until <= now) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            self.decide(waiting, findings);
        }
        self.shifts.retain(|_, last| now.since(*last) <= QUIET);
    }
}

/// In how many ways that do not follow from each other.
fn ways(fresh: &[&Deviation]) -> usize {
    // A parameter that comes with a new value counts where that value is nothing new any more.
    let value = |one: &&Deviation| matches!(one.group, Group::Form | Group::Free);
    let valued = fresh.iter().any(value);
    let free: Vec<Group> =
        fresh.iter().filter(|one| !(valued && one.comes_with)).map(|one| one.group).collect();
    // Who asks for more, or otherwise, gets more or an error: that is one way, not two.
    let caused = |group: &Group| matches!(group, Group::Form | Group::Structure);
    let follows = free.len() == 2 && free.contains(&Group::Answer) && free.iter().any(caused);
    if follows { 1 } else { free.len() }
}

/// The id in the path was shown to the caller, or by it: however it looks, it is a name here.
fn was_shown(context: &Context<'_>) -> bool {
    let mut slots = context.sighting.objects.iter().filter(|object| object.in_path).peekable();
    slots.peek().is_some()
        && slots.all(|object| {
            let known = context.objects.judge(context.tx, context.sighting, context.seen, object);
            known.shown || known.shown_loosely
        })
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
            Observation::Running(_) | Observation::Tls(_) => {}
            Observation::End(_) => self.end(findings),
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
