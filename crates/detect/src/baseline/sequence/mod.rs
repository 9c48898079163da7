//! Steps in an order that nobody takes (OWASP API6:2023, CWE-841).
//!
//! One step that was never seen is everyday life. Told is a session whose steps come in no order,
//! as no other actor's do, once one of them changes something.

#[cfg(test)]
mod tests;

use crate::baseline::budget::{Budget, is_rare};
use crate::baseline::several::Several;
use crate::context::{Context, Observation};
use crate::keep::Keep;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted};
use crate::tell::{self, none_of, signal, usual};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stilt_baseline::Step;
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "baseline.sequence",
        title: "Actions in an order that nobody takes",
        owasp: &["API6:2023"],
        attack: &["T1190"],
        references: &["CWE-841"],
    },
    severity: Severity::Medium,
    looks_for: "A session whose steps, one of which changes something, are as likely at any time \
                as where they come: the odds against the order that others keep are e^40, and \
                half as high again as any other actor's. Where enough is known, one step whose \
                p-value is within the alert budget.",
    needs: "Ten other actors of the service, three of them with the same make of client, and a \
            credential: an address may be many people.",
    look_alikes: "One unusual step: a link, a resumed cart, the back button. What three actors do \
                  is a new way through the application. A job that goes round in a circle of its \
                  own, and what it asks with a program that nobody else uses.",
    tuning: &[
        Tuning { key: "actors_min", meaning: "other actors of the service" },
        Tuning {
            key: "odds_min",
            meaning: "natural logarithm of the odds that a session keeps no order",
        },
        Tuning { key: "distinct_min", meaning: "different steps that make these odds" },
        Tuning {
            key: "alerts_per_day",
            meaning: "alerts a day that chance may raise, of all steps that are judged by p-value \
                      alone",
        },
    ],
    build: |settings| Ok(Box::new(Sequence::new(settings)?)),
};

/// Actors watched at most.
const WALKERS_MAX: usize = 10_000;
/// Twice as unlikely (nats).
const MARGIN: f64 = 0.7;
/// How much higher the odds are than any other actor's.
const FACTOR: f64 = 1.5;
/// Steps known of a service before any is judged.
const STEPS_MIN: u64 = 200;
/// A story is over after so long.
const SPAN: Duration = Duration::from_secs(3600);

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    actors_min: u64,
    odds_min: f64,
    distinct_min: usize,
    alerts_per_day: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { actors_min: 10, odds_min: 40.0, distinct_min: 4, alerts_per_day: 1.0 }
    }
}

/// One actor's unlikely steps.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Walker {
    place: Option<String>,
    last: Timestamp,
    tale: Tale,
}

#[derive(Serialize, Deserialize)]
struct Sequence {
    #[serde(skip)]
    limits: Limits,
    walkers: Keep<(u64, ActorId), Walker>,
    shared: Several<(u64, u64)>,
    learning: BTreeSet<u64>,
    budget: Budget,
}

impl Sequence {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            walkers: Keep::new(WALKERS_MAX),
            shared: Several::default(),
            learning: BTreeSet::new(),
            budget: Budget::default(),
        })
    }

    fn see(&mut self, context: &Context<'_>, step: &Step, findings: &mut Vec<Finding>) {
        let now = context.at();
        let actor = context.seen.actor.id;
        let service = tell::key(&context.sighting.service, "");
        if step.actors <= self.limits.actors_min || step.calibrated < STEPS_MIN {
            self.learning.insert(service);
            return;
        }
        self.learning.remove(&service);
        let way = (step.after, context.sighting.endpoint.0);
        if step.elsewhere && self.shared.join(now, way, actor) {
            return;
        }
        let walker = self.walkers.touch(now, (service, actor), Walker::default);
        if now.since(walker.last) > SPAN {
            *walker = Walker::default();
        }
        walker.last = now;
        walker.place.get_or_insert_with(|| context.sighting.name.to_string());
        walker.tale.add(context, format!("likelihood {:.2e}", step.likelihood), false);
        if let Some(user) = &context.seen.actor.user {
            walker.tale.user(user);
        }
        let changes = context.sighting.changes_state && step.elsewhere;
        let told = changes
            && step.odds >= self.limits.odds_min
            && step.odds >= FACTOR * step.odds_others
            && step.ways >= self.limits.distinct_min;
        let beyond = step.surprise >= step.others + MARGIN;
        let alpha = self.budget.test(now, self.limits.alerts_per_day);
        let rare = is_rare(step.p, step.calibrated, alpha) && beyond && changes;
        let Some(walker) = self.walkers.get_mut(&(service, actor)) else { return };
        let begins = !walker.tale.was_told();
        if (told || rare || !begins) && walker.tale.due(now, Outcome::Success) {
            if begins {
                self.budget.found(now);
            }
            findings.push(tell(context, step, walker));
        }
    }
}

impl Detector for Sequence {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation
            && let Some(step) = &context.score.step
        {
            self.see(context, step, findings);
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let count = self.learning.len() as u64;
        let reason = format!(
            "services with unlikely steps that are still learned, needs {} other actors and \
             {STEPS_MIN} steps",
            self.limits.actors_min
        );
        (count > 0)
            .then_some(NotEvaluated { rule: SPEC.rule.id, count, reason })
            .into_iter()
            .collect()
    }
}

fn tell(context: &Context<'_>, step: &Step, walker: &Walker) -> Finding {
    let name = |endpoint: u64| {
        let known = context.inventory.endpoint(EndpointId(endpoint));
        known.map_or_else(|| "another action".to_owned(), |known| known.name.to_string())
    };
    let expected: Vec<String> = step
        .expected
        .iter()
        .map(|(endpoint, share)| format!("{} ({:.0} %)", name(*endpoint), 100.0 * share))
        .collect();
    let expected =
        if expected.is_empty() { "anything else".to_owned() } else { expected.join(", ") };
    let mut finding = context.finding(SPEC.rule.id, SPEC.severity, (*context.seen.actor).clone());
    walker.tale.fill(&mut finding);
    if let Some(place) = &walker.place {
        finding.endpoint.clone_from(place);
    }
    finding.outcome = Outcome::Success;
    finding.confidence = 0.7;
    finding.message = format!(
        "{} in an order that nobody takes: {} right after {}; expected was {expected}",
        counted(finding.count, "step"),
        context.sighting.name,
        name(step.after),
    );
    let actors = counted(step.actors, "other actor");
    finding.why = vec![
        signal(
            "likelihood_of_the_step",
            format!("{:.2e}", step.likelihood),
            usual(
                format!("{expected}; at least {:.2e} with every other actor", (-step.others).exp()),
                step.p.unwrap_or(step.likelihood),
                format!("{} turns of others", step.support),
            ),
        ),
        signal(
            "odds_that_there_is_no_order",
            format!("e^{:.1}", step.odds),
            // A fair game brings such odds with no greater chance (Ville, 1939).
            usual(
                format!("at most e^{:.1}, as any other actor", step.odds_others),
                (-step.odds).exp(),
                &actors,
            ),
        ),
        signal(
            "different_steps_out_of_order",
            step.ways.to_string(),
            usual("steps that others take in their order", none_of(step.actors), &actors),
        ),
    ];
    finding.remediation =
        format!("let {} check that the steps it rests on were taken", context.sighting.name);
    finding
}
