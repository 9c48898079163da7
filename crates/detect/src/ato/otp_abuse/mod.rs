//! One-time codes guessed, or sent without end (OWASP API2:2023, API6:2023; ATT&CK T1110, T1621).
//!
//! A code of six digits falls to a million guesses, so few wrong ones are telling: five different
//! ones for one person within minutes, or a wrong one for each of many. Codes that are sent again
//! and again wear a person out; codes sent to many who never give one are sent for the fee.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::distinct::Distinct;
use crate::keep::Keep;
use crate::place::Place;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::{self, signal};
use crate::usual::Usual;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use stilt_inventory::{Step, StepKind};
use stilt_model::{Actor, CredentialKind, Finding, Outcome, Rule, SecretKind, Severity, Value};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "ato.otp_abuse",
        title: "One-time codes guessed or sent without end",
        owasp: &["API2:2023", "API6:2023"],
        attack: &["T1110.001", "T1621"],
        references: &["OAT-002", "CWE-307"],
    },
    severity: Severity::Critical,
    looks_for: "Many different one-time codes given for one person, or wrong ones for many people \
                by one client; codes sent to one person again and again, or to many who never give \
                one.",
    needs: "Requests that give or ask for codes, with their answers.",
    look_alikes: "A mistyped code (up to four); the button that sends it again (up to four times); \
                  a back end that asks for all of its users (their codes are given and right).",
    tuning: &[
        Tuning { key: "codes_min", meaning: "different wrong codes for one person in 10 minutes" },
        Tuning { key: "codes_day_min", meaning: "different wrong codes for one in 24 hours" },
        Tuning { key: "people_min", meaning: "people with a wrong code by one client in an hour" },
        Tuning { key: "sends_min", meaning: "codes sent to one person in 15 minutes" },
        Tuning { key: "targets_min", meaning: "people one client has codes sent to in an hour" },
        Tuning { key: "people_max", meaning: "people and clients remembered, each" },
    ],
    build: |settings| Ok(Box::new(OtpAbuse::new(settings)?)),
};

const FAST: Duration = Duration::from_secs(600);
const QUARTER: Duration = Duration::from_secs(900);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);
const EVENTS_MAX: usize = 512;
const KEPT_MAX: u64 = 30;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    codes_min: u64,
    codes_day_min: u64,
    people_min: u64,
    sends_min: u64,
    targets_min: u64,
    people_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            codes_min: 5,
            codes_day_min: 15,
            people_min: 20,
            sends_min: 5,
            targets_min: 20,
            people_max: 100_000,
        }
    }
}

/// One story in the making.
#[derive(Serialize, Deserialize)]
struct Story {
    actor: Option<Actor>,
    tale: Tale,
    outcome: Outcome,
}

/// One person whose codes are asked for and given.
#[derive(Serialize, Deserialize)]
struct Person {
    fast: Distinct,
    day: Distinct,
    sends: Distinct,
    guessing: Story,
    sending: Story,
}

/// One client.
#[derive(Serialize, Deserialize)]
struct Client {
    wrong: Distinct,
    targets: Distinct,
    usual: Usual,
    guessing: Story,
    sending: Story,
}

#[derive(Serialize, Deserialize)]
struct OtpAbuse {
    #[serde(skip)]
    limits: Limits,
    people: Keep<u64, Person>,
    clients: Keep<u64, Client>,
    unanswered: u64,
    answered: u64,
}

impl OtpAbuse {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits: Limits = settings.own()?;
        Ok(Self {
            people: Keep::new(limits.people_max),
            clients: Keep::new(limits.people_max),
            limits,
            unanswered: 0,
            answered: 0,
        })
    }

    fn given(&mut self, context: &Context<'_>, step: &Step, findings: &mut Vec<Finding>) {
        let Some(code) = step.secret else { return };
        let outcome = match context.sighting.outcome {
            Outcome::Unknown if context.tx.status() == Some(429) => Outcome::Failure,
            outcome => outcome,
        };
        if outcome == Outcome::Unknown {
            self.unanswered = self.unanswered.saturating_add(1);
            return;
        }
        self.answered = self.answered.saturating_add(1);
        let (now, limits) = (context.at(), self.limits.clone());
        let (person, client) = (person(context, step), client(context));
        let shown = shown(context, step);
        let place = self.clients.touch(now, client, Client::new);
        let one = self.people.touch(now, person, Person::new);
        if outcome == Outcome::Success {
            place.targets.forget(person);
            if one.guessing.actor.is_some() {
                one.guessing.outcome = Outcome::Success;
                one.guessing.add(context, "a code is right", true);
                tell_guesses(&mut one.guessing, context, &shown, one.day.different(), findings);
            } else {
                one.fast.forget_all();
                one.day.forget_all();
                place.wrong.forget(person);
            }
            return;
        }
        one.guessing.add(context, "a wrong code", false);
        one.fast.add(now, code);
        one.day.add(now, code);
        place.wrong.add(now, person);
        place.guessing.add(context, "a wrong code", false);
        let many = one.fast.different() >= limits.codes_min;
        if many || one.day.different() >= limits.codes_day_min || one.guessing.actor.is_some() {
            one.guessing.actor.get_or_insert_with(|| tell::client(context));
            tell_guesses(&mut one.guessing, context, &shown, one.day.different(), findings);
        } else if place.wrong.different() >= limits.people_min {
            place.guessing.actor.get_or_insert_with(|| tell::client(context));
            let people = counted(place.wrong.different(), "person").replace("persons", "people");
            let message = format!("wrong one-time codes for {people} from one client in an hour");
            let why = ("people_with_wrong_codes", people, "a few");
            place.guessing.tell(context, Severity::Medium, message, why, findings);
        }
    }

    fn sent(&mut self, context: &Context<'_>, step: &Step, findings: &mut Vec<Finding>) {
        let (now, limits) = (context.at(), self.limits.clone());
        let (person, client) = (person(context, step), client(context));
        let throttled = context.tx.status() == Some(429);
        if context.sighting.outcome != Outcome::Success && !throttled {
            return;
        }
        let outcome = if throttled { Outcome::Failure } else { Outcome::Success };
        let shown = shown(context, step);
        let one = self.people.touch(now, person, Person::new);
        let sends = one.sends.events() + 1;
        one.sends.add(now, sends);
        one.sending.add(context, "a code is sent", false);
        one.sending.outcome = outcome;
        if one.sends.events() >= limits.sends_min {
            one.sending.actor.get_or_insert_with(|| tell::client(context));
            let sends = counted(one.sends.events(), "code");
            let message = format!("{sends} sent to {shown} within a quarter of an hour");
            let why = ("codes_sent_to_one_person", sends, "up to 4 in 15 min");
            one.sending.tell(context, Severity::Medium, message, why, findings);
        }
        let place = self.clients.touch(now, client, Client::new);
        if !place.targets.holds(person) {
            place.usual.add(now, HOUR);
        }
        let targets = place.targets.add(now, person);
        place.sending.add(context, "a code is sent", false);
        place.sending.outcome = outcome;
        if targets >= limits.targets_min && targets >= place.usual.most().saturating_mul(3) {
            place.sending.actor.get_or_insert_with(|| tell::client(context));
            let people = counted(targets, "person").replace("persons", "people");
            let message = format!("codes sent to {people} in an hour, none of whom gave one");
            let why = ("people_codes_were_sent_to", people, "fewer than 20 who give no code");
            place.sending.tell(context, Severity::Medium, message, why, findings);
        }
    }
}

/// The person a step is about: named, else the one who is signed in or half signed in.
fn person(context: &Context<'_>, step: &Step) -> u64 {
    if let Some(user) = &step.user {
        return tell::key(&context.sighting.realm, user);
    }
    if let Some(principal) = context.seen.principal {
        return principal.0;
    }
    let request = context.tx.request.as_ref();
    let leaves = request.map(|request| request.leaves.as_slice()).unwrap_or_default();
    let challenge = leaves.iter().take(16).find_map(|leaf| match &leaf.value {
        Value::Masked { mark, .. } if matches!(mark.kind, SecretKind::Token | SecretKind::Jwt) => {
            Some(tell::secret(*mark))
        }
        _ => None,
    });
    let own = request.map(|request| request.credentials.as_slice()).unwrap_or_default();
    let session = own.iter().find(|own| own.kind != CredentialKind::Other && own.length >= 12);
    challenge.or_else(|| session.map(|own| tell::secret(own.mark))).unwrap_or(context.seen.client.0)
}

fn client(context: &Context<'_>) -> u64 {
    let place = Place::of(context);
    tell::key(&context.sighting.service, &place.ip.to_string()) ^ place.make
}

fn shown(context: &Context<'_>, step: &Step) -> String {
    let actor = || context.seen.actor.user.clone();
    step.user.clone().or_else(actor).unwrap_or_else(|| "one person".to_owned())
}

fn tell_guesses(
    story: &mut Story,
    context: &Context<'_>,
    shown: &str,
    codes: u64,
    findings: &mut Vec<Finding>,
) {
    let right = story.outcome == Outcome::Success;
    let severity = if right { Severity::Critical } else { Severity::Medium };
    let message = format!(
        "{} given for {shown} in {}, {}",
        counted(codes, "different one-time code"),
        lasting(story.tale.end.since(story.tale.start)),
        if right { "one of them right" } else { "all wrong" },
    );
    let why = ("different_codes", codes.to_string(), "up to 4, then the right one");
    story.tell(context, severity, message, why, findings);
}

impl Story {
    fn new() -> Self {
        Self { actor: None, tale: Tale::default(), outcome: Outcome::Failure }
    }

    fn add(&mut self, context: &Context<'_>, note: &str, telling: bool) {
        if context.at().since(self.tale.end) > DAY && self.tale.count > 0 {
            *self = Self::new();
        }
        if self.tale.count < KEPT_MAX || self.actor.is_some() {
            self.tale.add(context, note.to_owned(), telling);
        }
    }

    fn tell(
        &mut self,
        context: &Context<'_>,
        severity: Severity,
        message: String,
        (name, observed, expected): (&str, String, &str),
        findings: &mut Vec<Finding>,
    ) {
        let Some(actor) = self.actor.clone() else { return };
        if !self.tale.due(context.at(), self.outcome) {
            return;
        }
        let mut finding = context.finding(SPEC.rule.id, severity, actor);
        self.tale.fill(&mut finding);
        finding.session = None;
        finding.outcome = self.outcome;
        finding.message = message;
        finding.why = vec![signal(name, observed, expected)];
        finding.remediation = format!(
            "limit codes per person and client on {}, and let a code die after a few wrong ones",
            finding.endpoint
        );
        findings.push(finding);
    }
}

impl Person {
    fn new() -> Self {
        Self {
            fast: Distinct::new(FAST, EVENTS_MAX),
            day: Distinct::new(DAY, EVENTS_MAX),
            sends: Distinct::new(QUARTER, EVENTS_MAX),
            guessing: Story::new(),
            sending: Story::new(),
        }
    }
}

impl Client {
    fn new() -> Self {
        Self {
            wrong: Distinct::new(HOUR, EVENTS_MAX),
            targets: Distinct::new(HOUR, EVENTS_MAX),
            usual: Usual::default(),
            guessing: Story::new(),
            sending: Story::new(),
        }
    }
}

impl Detector for OtpAbuse {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.people.resize(self.limits.people_max);
        self.clients.resize(self.limits.people_max);
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation
            && let Some(step) = &context.sighting.step
        {
            match step.kind {
                StepKind::CodeGiven => self.given(context, step, findings),
                StepKind::CodeSent => self.sent(context, step, findings),
                _ => {}
            }
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let blind = self.unanswered > 0 && self.unanswered > self.answered;
        let reason = "one-time codes whose answers were not seen".to_owned();
        let told = NotEvaluated { rule: SPEC.rule.id, count: self.unanswered, reason };
        blind.then_some(told).into_iter().collect()
    }
}
