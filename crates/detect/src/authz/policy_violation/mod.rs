//! What the policies do not permit (OWASP API5:2023, CWE-863).
//!
//! The application let it happen: told at once. It refused: counted, and told where somebody keeps
//! trying.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Signal, Timestamp};
use stilt_policy::{Decision, Verdict};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "authz.policy_violation",
        title: "Something was done that the policies do not permit",
        owasp: &["API5:2023", "API6:2023"],
        attack: &["T1078"],
        references: &["CWE-863"],
    },
    severity: Severity::High,
    looks_for: "A request for a function that a policy speaks of, which no policy permits or one \
                forbids, and which the application let happen; or several that it refused to one \
                caller within an hour.",
    needs: "Policies in Cedar (--policy).",
    look_alikes: "A single refusal, which is the authorization at work.",
    tuning: &[
        Tuning { key: "refused_min", meaning: "refused requests of one caller within an hour" },
        Tuning { key: "callers_max", meaning: "callers remembered" },
    ],
    build: |settings| Ok(Box::new(PolicyViolation::new(settings)?)),
};

/// Refusals are gathered for so long.
const WINDOW: Duration = Duration::from_secs(3600);
/// Refusals of one caller kept.
const REFUSED_MAX: usize = 64;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    refused_min: usize,
    callers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { refused_min: 5, callers_max: 20_000 }
    }
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Refused {
    times: VecDeque<Timestamp>,
    tale: Tale,
}

#[derive(Serialize, Deserialize)]
struct PolicyViolation {
    #[serde(skip)]
    limits: Limits,
    tales: BTreeMap<(ActorId, EndpointId), Tale>,
    refused: BTreeMap<ActorId, Refused>,
    unseen: u64,
    /// What could not be decided, by why not.
    #[serde(default)]
    undecided: BTreeMap<String, u64>,
}

impl PolicyViolation {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            tales: BTreeMap::new(),
            refused: BTreeMap::new(),
            unseen: 0,
            undecided: BTreeMap::new(),
        })
    }

    fn see(&mut self, context: &Context<'_>, decision: &Decision, out: &mut Vec<Finding>) {
        let actor = context.seen.actor.id;
        let max = self.limits.callers_max.max(1);
        let note = short(decision);
        match context.sighting.outcome {
            Outcome::Success => {
                let key = (actor, context.sighting.endpoint);
                if self.tales.len() >= max && !self.tales.contains_key(&key) {
                    self.tales.clear();
                }
                let tale = self.tales.entry(key).or_default();
                tale.add(context, note, false);
                if tale.due(context.at(), Outcome::Success) {
                    out.push(finding(context, decision, tale, Outcome::Success));
                }
            }
            Outcome::Failure => {
                if self.refused.len() >= max && !self.refused.contains_key(&actor) {
                    self.refused.clear();
                }
                let refused = self.refused.entry(actor).or_default();
                let now = context.at();
                while refused.times.len() >= REFUSED_MAX
                    || refused.times.front().is_some_and(|at| now.since(*at) > WINDOW)
                {
                    refused.times.pop_front();
                }
                refused.times.push_back(now);
                refused.tale.add(context, note, false);
                let many = refused.times.len() >= self.limits.refused_min;
                if many && refused.tale.due(now, Outcome::Failure) {
                    out.push(finding(context, decision, &refused.tale, Outcome::Failure));
                }
            }
            Outcome::Unknown => self.unseen = self.unseen.saturating_add(1),
        }
    }
}

/// Why, in a few words.
fn short(decision: &Decision) -> String {
    match decision.verdict {
        Verdict::Forbidden => format!("forbidden by {}", quoted(&decision.policies)),
        _ => "no policy permits it".to_owned(),
    }
}

fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn finding(context: &Context<'_>, decision: &Decision, tale: &Tale, outcome: Outcome) -> Finding {
    let severity = if outcome == Outcome::Success { SPEC.severity } else { Severity::Low };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = outcome;
    finding.confidence = 0.95;
    let needed = decision.needed.join("; or ");
    let roles = match context.seen.best_roles().as_slice() {
        [] => "no known role".to_owned(),
        roles => format!("roles {}", roles.join(", ")),
    };
    finding.message = match outcome {
        Outcome::Success => format!(
            "{}: {} for {roles}, and the application let it happen; needed: {needed}",
            context.sighting.name,
            short(decision)
        ),
        _ => format!(
            "{} against the policies, all refused; the last, {}: {}; needed: {needed}",
            counted(tale.count, "request"),
            context.sighting.name,
            short(decision)
        ),
    };
    finding.why = vec![
        Signal { signal: "policy".to_owned(), observed: short(decision), expected: needed },
        Signal {
            signal: "roles".to_owned(),
            observed: roles,
            expected: "those that the policies permit it to".to_owned(),
        },
    ];
    finding.remediation = format!(
        "enforce the policy where {} is served, or amend it where this is meant to be",
        context.sighting.name
    );
    finding
}

impl Detector for PolicyViolation {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        match context.decision {
            Some(decision) if decision.is_violation() => self.see(context, decision, findings),
            Some(decision) if decision.verdict == Verdict::Undecided => {
                *self.undecided.entry(decision.needed.join("; ")).or_default() += 1;
            }
            _ => {}
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let reason = "requests against the policies whose answers were not seen".to_owned();
        let lack = NotEvaluated { rule: SPEC.rule.id, count: self.unseen, reason };
        let unseen = (self.unseen > 0).then_some(lack);
        let undecided = self.undecided.iter().map(|(why, count)| NotEvaluated {
            rule: SPEC.rule.id,
            count: *count,
            reason: format!("requests that policies speak of, of {why}"),
        });
        unseen.into_iter().chain(undecided).collect()
    }
}
