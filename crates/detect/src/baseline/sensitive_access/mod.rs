//! Atypical access to sensitive functions (OWASP API6:2023, API5:2023, ATT&CK T1078).
//!
//! The access is allowed, and yet it is not this caller's, or not so: an old caller in a circle
//! that nobody joins, of another role than all in it, at an hour or from a place where it never
//! was, or far more often than anybody. One of these is everyday life; two are told.
//!
//! A function that only few callers use is guarded as well, whatever it is called, where these few
//! are told from all others by what else they use: peers have the same role, also where no role is
//! ever said.

mod circle;
mod guarded;
mod habit;
mod kinds;
#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::stats::to_f64;
use crate::tale::{Tale, counted};
use crate::tell::{self, signal};
use circle::Circle;
use core::time::Duration;
use guarded::{Bursts, Few};
use habit::Habit;
use kinds::{Loners, Roles};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use stilt_inventory::{Function, functions, is_own};
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Signal, Timestamp};

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
                and three times as often as any other caller, or at functions that are new to it \
                three times as often as any other came to new ones. The same, in three ways, at \
                any function that few callers use: the third is that nearly all its callers use \
                other functions of few, and this one none.",
    needs: "Ten callers of the service; three callers and thirty turns of the function. Hours \
            are judged after three days.",
    look_alikes: "The first use of a function that newcomers find all the time, a new colleague \
                  of the same role, a phone on another network, work late at night: one way \
                  alone is silent. Where three come to a function within ten minutes it is one \
                  notice: a release, or a right that was given to many.",
    tuning: &[
        Tuning { key: "actors_min", meaning: "callers of the service" },
        Tuning { key: "circle_min", meaning: "other callers of the function" },
        Tuning { key: "turns_min", meaning: "turns of the function before it is judged" },
        Tuning { key: "requests_min", meaning: "requests that make a caller an established one" },
        Tuning { key: "rate_min", meaning: "accesses in an hour that are looked at" },
        Tuning { key: "wait_secs", meaning: "seconds waited for others who come there first" },
    ],
    build: |settings| Ok(Box::new(SensitiveAccess::new(settings)?)),
};

/// Callers whose habits are remembered, functions, and services.
const HABITS_MAX: usize = 100_000;
const CIRCLES_MAX: usize = 5000;
const SERVICES_MAX: usize = 1000;
/// Requests after which a caller's role is known.
const ROLES_AT: u64 = 5;
/// Turns that are enough where all speaks for it, and where it is done far too often as well.
const TURNS_FEW: u64 = 10;
const TURNS_LEAST: u64 = 4;
/// Turns that are enough where so many others had them.
const TURNS_SOME: u64 = 15;
const OTHERS_SOME: usize = 10;
/// Findings that wait at most.
const WAITING_MAX: usize = 1000;
/// Who comes to a function together makes it a new usage; so many are remembered.
const SEVERAL: usize = 3;
const COMERS_MAX: usize = 16;
/// A notice about an endpoint is repeated after so long.
const QUIET: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    actors_min: u64,
    circle_min: usize,
    turns_min: u64,
    requests_min: u64,
    rate_min: u64,
    wait_secs: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            actors_min: 10,
            circle_min: 3,
            turns_min: 30,
            requests_min: 20,
            rate_min: 10,
            wait_secs: 600,
        }
    }
}

/// How sensitive an endpoint is, and at how many requests that was last asked.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Sensitive {
    function: Option<Function>,
    asked: u64,
    requests: u64,
}

/// A finding that is told unless others come to the same function.
#[derive(Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
    endpoint: EndpointId,
    finding: Finding,
}

#[derive(Serialize, Deserialize)]
struct SensitiveAccess {
    #[serde(skip)]
    limits: Limits,
    sensitive: Keep<EndpointId, Sensitive>,
    circles: Keep<EndpointId, Circle>,
    habits: Keep<(u64, ActorId), Habit>,
    /// Callers by service, and established ones.
    callers: BTreeMap<u64, u64>,
    #[serde(default)]
    settled: BTreeMap<u64, u64>,
    tales: Keep<(EndpointId, ActorId), Tale>,
    learning: BTreeMap<EndpointId, u64>,
    #[serde(default)]
    few: Few,
    /// Callers by service and role.
    #[serde(default)]
    roles: BTreeMap<u64, Roles>,
    #[serde(default)]
    loners: Loners,
    #[serde(default)]
    bursts: Bursts,
    /// Who came to a function first lately, and was no part of its circle.
    #[serde(default)]
    comers: BTreeMap<EndpointId, Vec<(Timestamp, ActorId)>>,
    #[serde(default)]
    waiting: VecDeque<Waiting>,
    #[serde(default)]
    notices: BTreeMap<EndpointId, Timestamp>,
}

impl SensitiveAccess {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            sensitive: Keep::new(CIRCLES_MAX),
            circles: Keep::new(CIRCLES_MAX),
            habits: Keep::new(settings.room(HABITS_MAX)),
            callers: BTreeMap::new(),
            settled: BTreeMap::new(),
            tales: Keep::new(settings.room(HABITS_MAX)),
            learning: BTreeMap::new(),
            few: Few::default(),
            roles: BTreeMap::new(),
            loners: Loners::default(),
            bursts: Bursts::default(),
            comers: BTreeMap::new(),
            waiting: VecDeque::new(),
            notices: BTreeMap::new(),
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
        self.count(context, caller);
        if self.loners.watch(service)
            && let Some(all) = self.roles.get(&service)
        {
            self.loners.pass(service, caller.1, &all.kinds(context.seen.best_roles()));
        }
        if context.sighting.outcome != Outcome::Success {
            self.habits.touch(now, caller, Habit::default).see(context);
            return;
        }
        let ways = self.ways(context, caller, function);
        let habit = self.habits.touch(now, caller, Habit::default);
        let established = habit.requests() >= self.limits.requests_min;
        let actors = self.callers.get(&service).copied().unwrap_or(0);
        let key = (context.sighting.endpoint, caller.1);
        if established && self.circles.get(&key.0).is_some_and(|circle| !circle.knows(key.1)) {
            self.come(now, key);
        }
        let begun = self.tales.get(&key).is_some_and(Tale::was_told);
        let odd = ways.odd;
        if odd && actors > self.limits.actors_min || begun {
            self.tell(context, function, key, ways, findings);
            // Nothing told of teaches: it is no part of the circle.
            if !begun {
                self.bursts.forget(caller);
                for function in self.few.of(service) {
                    if let Some(circle) = self.circles.get_mut(&function)
                        && circle.is_joined_by(key.1, now)
                    {
                        circle.forget(key.1);
                    }
                }
            }
        } else {
            if odd {
                let count = self.learning.entry(context.sighting.endpoint).or_default();
                *count = count.saturating_add(1);
                while self.learning.len() > CIRCLES_MAX {
                    self.learning.pop_first();
                }
            }
            let circle = self.circles.touch(now, context.sighting.endpoint, Circle::default);
            circle.see(context, caller.1, established);
            if established {
                self.bursts.settle(caller);
            }
            self.few.add(service, context.sighting.endpoint);
        }
        if let Some(habit) = self.habits.get_mut(&caller) {
            habit.see(context);
        }
    }

    /// Counts a caller once it is established, and by its roles once they may be known.
    fn count(&mut self, context: &Context<'_>, caller: (u64, ActorId)) {
        let requests = self.habits.get(&caller).map_or(0, Habit::requests);
        let room = self.settled.len() < SERVICES_MAX || self.settled.contains_key(&caller.0);
        if requests == self.limits.requests_min && room {
            let count = self.settled.entry(caller.0).or_default();
            *count = count.saturating_add(1);
        }
        let room = self.roles.len() < SERVICES_MAX || self.roles.contains_key(&caller.0);
        if requests != ROLES_AT || !room {
            return;
        }
        self.roles.entry(caller.0).or_default().add(context.seen.best_roles());
    }

    /// In which ways an access is atypical, with reasons.
    fn ways(
        &mut self,
        context: &Context<'_>,
        caller: (u64, ActorId),
        function: Option<Function>,
    ) -> Ways {
        let mut found = Ways::default();
        let (now, endpoint) = (context.at(), context.sighting.endpoint);
        let callers = self.settled.get(&caller.0).copied().unwrap_or(0);
        let Some(circle) = self.circles.get(&endpoint) else { return found };
        let few = guarded::is_of_few(circle, callers);
        if function.is_none() && !few {
            return found;
        }
        let habit = self.habits.get(&caller);
        let known = habit.is_some_and(|habit| habit.requests() >= self.limits.requests_min);
        let fresh = self.bursts.see(caller, now, known && circle.is_joined_by(caller.1, now));
        let turns = circle.turns();
        if circle.others(caller.1) < self.limits.circle_min || turns < TURNS_LEAST {
            return found;
        }
        let roles = context.seen.best_roles();
        let all = self.roles.get(&caller.0);
        let belongs = all.is_some_and(|all| circle.has_role(caller.1, roles, all));
        found.signals = signals(&self.limits, context, habit, circle, fresh, callers);
        let foreign = all.and_then(|all| circle.foreign_role(caller.1, roles, all));
        let is_foreign = foreign.is_some() && known;
        if let (Some(usual), Some(all), true) = (foreign, all, known) {
            let kinds = all.kinds(roles);
            let alone = self.loners.visit(caller.0, (endpoint, caller.1), &kinds, now);
            found.signals.extend(of_role(context, circle, &usual, alone));
        }
        // A new colleague, or one who was promoted, unless for taking far more than all others.
        let hurried = found.signals.iter().any(|way| way.signal.starts_with("accesses"));
        found.signals.retain(|way| way.signal != FIRST || !belongs || hurried);
        if found.signals.len() < 2 {
            return found;
        }
        let peers = match belongs {
            true => None,
            false => self.few.peers(caller, endpoint, now, callers, &self.circles),
        };
        let is_other = peers.is_some();
        found.signals.extend(peers);
        let known = turns >= self.limits.turns_min
            || (turns >= TURNS_SOME && circle.others(caller.1) >= OTHERS_SOME);
        // Where roles are said, theirs tells whose kind a function is of.
        let drawn = is_foreign && fresh.0 >= self.limits.rate_min && found.signals.len() >= 2;
        let is_other = is_other || drawn;
        let enough = turns >= TURNS_FEW || (hurried && found.signals.len() >= 3);
        found.odd = (is_other && enough) || (function.is_some() && known);
        found
    }

    /// An established caller comes to a function for the first time, whether that is odd or not.
    fn come(&mut self, now: Timestamp, (endpoint, actor): (EndpointId, ActorId)) {
        let comers = self.comers.entry(endpoint).or_default();
        comers.retain(|(at, _)| now.since(*at) <= QUIET);
        if comers.len() < COMERS_MAX && comers.iter().all(|(_, known)| *known != actor) {
            comers.push((now, actor));
        }
        while self.comers.len() > CIRCLES_MAX {
            self.comers.pop_first();
        }
    }

    /// Tells of it at once, or once nobody else has come there within ten minutes.
    fn tell(
        &mut self,
        context: &Context<'_>,
        function: Option<Function>,
        key: (EndpointId, ActorId),
        ways: Ways,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let wait = Duration::from_secs(self.limits.wait_secs);
        let joins = ways.signals.iter().any(|way| way.signal == FIRST);
        let tale = self.tales.touch(now, key, Tale::default);
        tale.add(context, String::new(), false);
        if let Some(user) = &context.seen.actor.user {
            tale.user(user);
        }
        let early = joins && now.since(tale.start) < wait;
        if !tale.due(now, Outcome::Success) {
            return;
        }
        let finding = tell(context, function, tale, ways.signals);
        if !early {
            findings.push(finding);
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        let until = tale.start.plus(wait);
        self.waiting.push_back(Waiting { until, endpoint: key.0, finding });
    }

    /// What waited is told, or is the one notice that several have come.
    fn tick(&mut self, now: Timestamp, findings: &mut Vec<Finding>) {
        self.notices.retain(|_, last| now.since(*last) <= QUIET);
        while self.waiting.front().is_some_and(|waiting| waiting.until <= now) {
            let Some(Waiting { endpoint, mut finding, .. }) = self.waiting.pop_front() else {
                break;
            };
            let wait = Duration::from_secs(self.limits.wait_secs);
            let begins = finding.start;
            let near = |(at, _): &&(Timestamp, ActorId)| {
                at.since(begins) <= wait && begins.since(*at) <= wait
            };
            let comers = self.comers.get(&endpoint).into_iter().flatten();
            let together = comers.filter(near).count() >= SEVERAL;
            if !together {
                findings.push(finding);
            } else if self.notices.insert(endpoint, now).is_none() {
                let place = finding.endpoint.clone();
                let service = finding.service.to_string();
                finding.actor = tell::cluster(SPEC.rule.id, &service, endpoint.0, "newcomers");
                (finding.posture, finding.severity, finding.session) = (true, Severity::Low, None);
                finding.message =
                    format!("population shift: several callers of other functions come to {place}");
                finding.remediation =
                    "a release or a right that was given to many explains it".to_owned();
                findings.push(finding);
            }
        }
    }
}

/// How an access is atypical.
#[derive(Debug, Default)]
struct Ways {
    signals: Vec<Signal>,
    /// Enough of them, of enough that is known.
    odd: bool,
}

/// The signal of a caller who comes to a function for the first time.
const FIRST: &str = "first_access";

/// A role that no other has there, and that nobody with it came since.
fn of_role(
    context: &Context<'_>,
    circle: &Circle,
    usual: &str,
    alone: Option<(u32, u64)>,
) -> impl Iterator<Item = Signal> {
    let others = circle.others(context.seen.actor.id) as u64;
    let unlike = tell::usual(usual, tell::none_of(others), counted(others, "other caller"));
    let role = signal("role", context.seen.best_roles().join(", "), unlike);
    let alone = alone.map(|(visits, peers)| {
        let usual = tell::usual(
            "others of its role come as well",
            tell::none_of(peers),
            format!("{} of its role at the service since", counted(peers, "other")),
        );
        signal("alone_of_its_role", format!("came {visits} times"), usual)
    });
    [role].into_iter().chain(alone)
}

fn signals(
    limits: &Limits,
    context: &Context<'_>,
    habit: Option<&Habit>,
    circle: &Circle,
    fresh: (u64, u64),
    callers: u64,
) -> Vec<Signal> {
    let mut ways = Vec::new();
    let actor = context.seen.actor.id;
    let now = context.at();
    let requests = habit.map_or(0, Habit::requests);
    let others = circle.others(actor) as u64;
    let callers_of_it = counted(others, "other caller");
    let unlike = |expected: &str| tell::usual(expected, tell::none_of(others), &callers_of_it);
    let joins =
        circle.is_joined_by(actor, now) && circle.is_closed(actor) && circle.is_of_few(callers, 2);
    if requests >= limits.requests_min && joins {
        ways.push(signal(
            FIRST,
            format!("after {requests} other requests"),
            tell::usual(
                format!("one of its {}", counted(others, "caller")),
                (to_f64(circle.newcomers(actor)) + 1.0) / (to_f64(circle.lately()) + 1.0),
                format!(
                    "{} in the last {} turns",
                    counted(circle.newcomers(actor), "newcomer"),
                    circle.lately()
                ),
            ),
        ));
    }
    if habit.is_some_and(|habit| habit.is_odd_hour(now)) && circle.is_odd_hour(now) {
        let hour = now.secs().rem_euclid(86_400) / 3600;
        let usual = unlike("an hour at which it or others come");
        ways.push(signal("hour_utc", hour.to_string(), usual));
    }
    if let Some(habit) = habit
        && requests >= limits.requests_min
        && habit.is_elsewhere(context)
    {
        ways.push(signal(
            "place",
            format!("{} and another make of client", context.seen.client_ip),
            tell::usual(
                format!("one of its {}", counted(habit.places(), "place")),
                tell::none_of(requests),
                format!("{requests} requests of its own"),
            ),
        ));
    }
    let (own, most) = circle.rate(actor, now);
    let (new, new_others) = fresh;
    if own >= limits.rate_min && own > most.saturating_mul(3) {
        ways.push(signal(
            "accesses_in_an_hour",
            own.to_string(),
            unlike(&format!("at most {most}, as any other caller")),
        ));
    } else if new >= limits.rate_min && new > new_others.saturating_mul(3) {
        ways.push(signal(
            "accesses_to_new_functions_in_an_hour",
            new.to_string(),
            tell::usual(
                format!("at most {new_others}, as any other caller"),
                tell::none_of(callers),
                counted(callers, "caller"),
            ),
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
        match observation {
            Observation::Transaction(context) => self.see(context, findings),
            Observation::Tick(now) => self.tick(*now, findings),
            Observation::Running(_) | Observation::Tls(_) | Observation::End(_) => {}
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

fn tell(
    context: &Context<'_>,
    function: Option<Function>,
    tale: &Tale,
    ways: Vec<Signal>,
) -> Finding {
    let severity = match function {
        Some(Function::Admin | Function::Payment) if ways.len() >= 3 => Severity::High,
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
            let usual = way.expected.split(" (p ").next().unwrap_or_default();
            format!("{} {}, usual is {usual}", way.signal.replace('_', " "), way.observed)
        })
        .collect();
    finding.message = format!(
        "atypical access to {} ({}): {}",
        context.sighting.name,
        function.map_or("used by few", Function::name),
        if told.is_empty() { "it goes on".to_owned() } else { told.join("; ") }
    );
    finding.why = ways;
    finding.remediation =
        "ask the user whether it was them; see whether the role needs this function".to_owned();
    finding
}
