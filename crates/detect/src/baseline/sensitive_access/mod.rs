//! Atypical access to sensitive functions (OWASP API6:2023, API5:2023, ATT&CK T1078).
//!
//! The access is allowed, and yet it is not this caller's, or not so: an old caller in a circle
//! that nobody joins, of another role than all in it, at an hour or from a place where it never
//! was, or far more often than anybody. One of these is everyday life; two are told.

mod circle;
mod habit;
#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted};
use crate::tell::{self, signal};
use circle::Circle;
use habit::Habit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_inventory::{Function, functions, is_own};
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Signal};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "baseline.sensitive_access",
        title: "Atypical access to a sensitive function",
        owasp: &["API6:2023", "API5:2023"],
        attack: &["T1078"],
        references: &["CWE-285"],
    },
    severity: Severity::Medium,
    looks_for: "A granted access to a sensitive function (accounts, payments, administration, \
                bulk lists) that is atypical in two ways: the first hour of an established caller \
                at a function whose circle of callers is closed; a role that none of its callers \
                has; an hour of the day at which neither the caller nor the others come; for an \
                hour a new network together with another make of client; ten times in an hour, \
                and three times as often as any other caller.",
    needs: "Ten callers of the service; three callers and thirty turns of the function. Hours \
            are judged after three days.",
    look_alikes: "The first use of a function that newcomers find all the time, a new colleague \
                  of the same role, a phone on another network, work late at night: one way \
                  alone is silent.",
    tuning: &[
        Tuning { key: "actors_min", meaning: "callers of the service" },
        Tuning { key: "circle_min", meaning: "other callers of the function" },
        Tuning { key: "turns_min", meaning: "turns of the function before it is judged" },
        Tuning { key: "requests_min", meaning: "requests that make a caller an established one" },
        Tuning { key: "rate_min", meaning: "accesses in an hour that are looked at" },
    ],
    build: |settings| Ok(Box::new(SensitiveAccess::new(settings)?)),
};

/// Callers whose habits are remembered, functions, and services.
const HABITS_MAX: usize = 100_000;
const CIRCLES_MAX: usize = 5000;
const SERVICES_MAX: usize = 1000;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    actors_min: u64,
    circle_min: usize,
    turns_min: u64,
    requests_min: u64,
    rate_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { actors_min: 10, circle_min: 3, turns_min: 30, requests_min: 20, rate_min: 10 }
    }
}

/// How sensitive an endpoint is, and at how many requests that was last asked.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sensitive {
    function: Option<Function>,
    asked: u64,
    requests: u64,
}

#[derive(Serialize, Deserialize)]
struct SensitiveAccess {
    #[serde(skip)]
    limits: Limits,
    sensitive: Keep<EndpointId, Sensitive>,
    circles: Keep<EndpointId, Circle>,
    habits: Keep<(u64, ActorId), Habit>,
    /// Callers by service.
    callers: BTreeMap<u64, u64>,
    tales: Keep<(EndpointId, ActorId), Tale>,
    learning: BTreeMap<EndpointId, u64>,
}

impl SensitiveAccess {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            sensitive: Keep::new(CIRCLES_MAX),
            circles: Keep::new(CIRCLES_MAX),
            habits: Keep::new(settings.room(HABITS_MAX)),
            callers: BTreeMap::new(),
            tales: Keep::new(settings.room(HABITS_MAX)),
            learning: BTreeMap::new(),
        })
    }

    /// The sensitive function of an endpoint: asked for again each time twice as much is known.
    fn function(&mut self, context: &Context<'_>) -> Option<Function> {
        let endpoint = context.sighting.endpoint;
        let known = self.sensitive.touch(context.at(), endpoint, Sensitive::default);
        known.requests = known.requests.saturating_add(1);
        if known.requests >= known.asked.saturating_mul(2).max(4) {
            known.asked = known.requests;
            let there = context.inventory.known_endpoint(endpoint);
            // One's own record is everybody's to see.
            let own = there.is_some_and(is_own);
            let guarded = |function: &Function| match function {
                Function::Authentication | Function::Messaging | Function::Ai => false,
                Function::Account => !own,
                _ => true,
            };
            let all = there.map(functions).unwrap_or_default();
            known.function = all.into_iter().map(|(function, _)| function).find(guarded);
        }
        known.function
    }

    fn see(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        if context.tx.request.is_none() || context.sighting.login.is_some() {
            return;
        }
        let now = context.at();
        let service = tell::key(&context.sighting.service, "");
        let caller = (service, context.seen.actor.id);
        let function = self.function(context);
        let known = self.habits.get(&caller).is_some();
        if !known && (self.callers.len() < SERVICES_MAX || self.callers.contains_key(&service)) {
            let count = self.callers.entry(service).or_default();
            *count = count.saturating_add(1);
        }
        let habit = self.habits.touch(now, caller, Habit::default);
        if let Some(function) = function
            && context.sighting.outcome == Outcome::Success
        {
            let circle = self.circles.touch(now, context.sighting.endpoint, Circle::default);
            let ways = ways(&self.limits, context, habit, circle);
            let actors = self.callers.get(&service).copied().unwrap_or(0);
            let key = (context.sighting.endpoint, caller.1);
            let begun = self.tales.get(&key).is_some_and(Tale::was_told);
            if ways.len() >= 2 && actors > self.limits.actors_min || begun {
                let tale = self.tales.touch(now, key, Tale::default);
                tale.add(context, String::new(), false);
                if let Some(user) = &context.seen.actor.user {
                    tale.user(user);
                }
                if tale.due(now, Outcome::Success) {
                    findings.push(tell(context, function, tale, ways));
                }
                // Nothing told of teaches: it stays no part of the circle.
                habit.see(context);
                return;
            }
            if ways.len() >= 2 {
                let count = self.learning.entry(context.sighting.endpoint).or_default();
                *count = count.saturating_add(1);
                while self.learning.len() > CIRCLES_MAX {
                    self.learning.pop_first();
                }
            }
            circle.see(context, caller.1);
        }
        habit.see(context);
    }
}

/// In which ways an access is atypical, with reasons.
fn ways(limits: &Limits, context: &Context<'_>, habit: &Habit, circle: &Circle) -> Vec<Signal> {
    let mut ways = Vec::new();
    let actor = context.seen.actor.id;
    let now = context.at();
    let turns = circle.turns();
    if circle.others(actor) < limits.circle_min || turns < limits.turns_min {
        return ways;
    }
    let joins = circle.is_joined_by(actor, now) && circle.is_closed();
    if habit.requests() >= limits.requests_min && joins {
        ways.push(signal(
            "first_access",
            format!("after {} other requests", habit.requests()),
            format!(
                "one of its {}; {} in the last {turns} turns",
                counted(circle.others(actor) as u64, "caller"),
                counted(circle.newcomers(), "newcomer"),
            ),
        ));
    }
    if let Some(roles) = circle.foreign_role(context.seen.best_roles()) {
        ways.push(signal("role", context.seen.best_roles().join(", "), &roles));
    }
    if habit.is_odd_hour(now) && circle.is_odd_hour(now) {
        let hour = now.secs().rem_euclid(86_400) / 3600;
        ways.push(signal("hour_utc", hour.to_string(), "an hour at which it or others come"));
    }
    if habit.requests() >= limits.requests_min && habit.is_elsewhere(context) {
        ways.push(signal(
            "place",
            format!("{} and another make of client", context.seen.client_ip),
            format!("one of its {}", counted(habit.places(), "place")),
        ));
    }
    let (own, most) = circle.rate(actor, now);
    if own >= limits.rate_min && own > most.saturating_mul(3) {
        ways.push(signal(
            "accesses_in_an_hour",
            own.to_string(),
            format!("at most {most}, as any other caller"),
        ));
    }
    ways
}

impl Detector for SensitiveAccess {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.habits.resize(settings.room(HABITS_MAX));
        self.tales.resize(settings.room(HABITS_MAX));
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let count = self.learning.len() as u64;
        let reason = format!(
            "sensitive functions of services with fewer than {} callers",
            self.limits.actors_min
        );
        (count > 0)
            .then_some(NotEvaluated { rule: SPEC.rule.id, count, reason })
            .into_iter()
            .collect()
    }
}

fn tell(context: &Context<'_>, function: Function, tale: &Tale, ways: Vec<Signal>) -> Finding {
    let severity = match function {
        Function::Admin | Function::Payment if ways.len() >= 3 => Severity::High,
        _ => SPEC.severity,
    };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Success;
    finding.confidence = if ways.len() >= 3 { 0.8 } else { 0.65 };
    let told: Vec<String> = ways
        .iter()
        .take(3)
        .map(|way| {
            format!("{} {}, usual is {}", way.signal.replace('_', " "), way.observed, way.expected)
        })
        .collect();
    finding.message = format!(
        "atypical access to {} ({}): {}",
        context.sighting.name,
        function.name(),
        if told.is_empty() { "it goes on".to_owned() } else { told.join("; ") }
    );
    finding.why = ways;
    finding.remediation =
        "ask the user whether it was them; see whether the role needs this function".to_owned();
    finding
}
