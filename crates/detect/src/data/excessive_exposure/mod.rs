//! Excessive data exposure (OWASP API3:2023, CWE-200): secrets of several people in one answer.
//!
//! Passwords, their hashes, private keys and connection strings have no business in an answer
//! about other people. Records are told apart by whom they name: what is about the caller is the
//! caller's.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::{
    ActorId, EndpointId, Finding, Outcome, Rule, SecretKind, Severity, Signal, Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "data.excessive_exposure",
        title: "An answer holds secrets of other people",
        owasp: &["API3:2023"],
        attack: &["T1213"],
        references: &["CWE-200"],
    },
    severity: Severity::High,
    looks_for: "One answer with passwords, hashes of passwords, private keys or connection strings \
                in records that name at least three principals other than the caller.",
    needs: "Answers, and principals known by name.",
    look_alikes: "A secret in a record of the caller's own, or sent back as it was sent; an \
                  endpoint that gives the like to everybody, which is a weakness told once.",
    tuning: &[
        Tuning { key: "people_min", meaning: "other principals whose secrets one answer holds" },
        Tuning { key: "routine_min", meaning: "callers that make it routine" },
    ],
    build: |settings| Ok(Box::new(ExcessiveExposure::new(settings)?)),
};

const TALES_MAX: usize = 10_000;
const PLACES_MAX: usize = 20_000;
/// Callers of an endpoint that are told apart.
const CALLERS_MAX: usize = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    people_min: usize,
    routine_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { people_min: 3, routine_min: 2 }
    }
}

#[derive(Serialize, Deserialize)]
struct ExcessiveExposure {
    #[serde(skip)]
    limits: Limits,
    tales: BTreeMap<(ActorId, EndpointId), Tale>,
    /// Callers that got others' secrets of an endpoint.
    routine: BTreeMap<EndpointId, BTreeSet<ActorId>>,
}

/// What an answer gives away.
#[derive(Debug, Default)]
struct Exposed {
    people: BTreeSet<ActorId>,
    kinds: BTreeSet<SecretKind>,
    records: usize,
}

fn is_secret(kind: SecretKind) -> bool {
    matches!(
        kind,
        SecretKind::Password
            | SecretKind::PasswordHash
            | SecretKind::PrivateKey
            | SecretKind::ConnectionString
    )
}

/// Reads the secrets of an answer, record by record.
fn read(context: &Context<'_>) -> Exposed {
    let mut exposed = Exposed::default();
    let Some(response) = &context.tx.response else { return exposed };
    let sent = |kind: SecretKind, digest: [u64; 2]| {
        context.tx.request.iter().flat_map(|request| &request.leaves).any(|leaf| {
            matches!(leaf.value, Value::Masked { mark, .. }
                if mark.kind == kind && mark.digest == digest)
        })
    };
    let secret =
        |value: &Value| matches!(value, Value::Masked { mark, .. } if is_secret(mark.kind));
    if !response.leaves.iter().any(|leaf| secret(&leaf.value)) {
        return exposed;
    }
    let mut records: BTreeMap<u32, (BTreeSet<SecretKind>, BTreeSet<ActorId>)> = BTreeMap::new();
    for leaf in &response.leaves {
        if let Value::Masked { mark, .. } = leaf.value
            && is_secret(mark.kind)
        {
            if !sent(mark.kind, mark.digest) {
                records.entry(leaf.record).or_default().0.insert(mark.kind);
            }
            continue;
        }
        if let Some(person) = context.objects.person_named(leaf) {
            records.entry(leaf.record).or_default().1.insert(person);
        }
    }
    for (kinds, people) in records.into_values() {
        let own = context.seen.principal.is_some_and(|actor| people.contains(&actor));
        if kinds.is_empty() || people.is_empty() || own {
            continue;
        }
        exposed.records = exposed.records.saturating_add(1);
        exposed.kinds.extend(kinds);
        exposed.people.extend(people);
    }
    exposed
}

impl ExcessiveExposure {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let limits = settings.own()?;
        Ok(Self { limits, tales: BTreeMap::new(), routine: BTreeMap::new() })
    }

    fn see(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        if context.sighting.outcome != Outcome::Success {
            return;
        }
        let exposed = read(context);
        if exposed.people.len() < self.limits.people_min {
            return;
        }
        let actor = context.seen.principal.unwrap_or(context.seen.client);
        let endpoint = context.sighting.endpoint;
        if self.routine.len() >= PLACES_MAX && !self.routine.contains_key(&endpoint) {
            self.routine.clear();
        }
        let callers = self.routine.entry(endpoint).or_default();
        let others = callers.iter().filter(|caller| **caller != actor).count();
        if callers.len() < CALLERS_MAX {
            callers.insert(actor);
        }
        let routine = others >= self.limits.routine_min;
        let key = (context.seen.actor.id, endpoint);
        if self.tales.len() >= TALES_MAX && !self.tales.contains_key(&key) {
            self.tales.clear();
        }
        let tale = self.tales.entry(key).or_default();
        let people = exposed.people.len() as u64;
        tale.add(context, format!("secrets of {}", counted(people, "other user")), false);
        if tale.due(context.at(), Outcome::Success) {
            let mut finding = finding(context, &exposed, tale);
            finding.posture = routine;
            out.push(finding);
        }
    }
}

fn finding(context: &Context<'_>, exposed: &Exposed, tale: &Tale) -> Finding {
    let mut finding = context.finding(SPEC.rule.id, SPEC.severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Success;
    finding.confidence = 0.9;
    let kinds: Vec<&str> = exposed.kinds.iter().map(|kind| kind.name()).collect();
    finding.message = format!(
        "{} answered with {} of {} in {}",
        context.sighting.name,
        kinds.join(", "),
        counted(exposed.people.len() as u64, "other user"),
        counted(exposed.records as u64, "record"),
    );
    finding.why = vec![
        Signal {
            signal: "secrets_of_others".to_owned(),
            observed: kinds.join(", "),
            expected: "none".to_owned(),
        },
        Signal {
            signal: "people".to_owned(),
            observed: exposed.people.len().to_string(),
            expected: "the caller alone".to_owned(),
        },
    ];
    finding.remediation = format!(
        "take the secrets out of what {} answers; have those changed that it showed",
        context.sighting.name
    );
    finding
}

impl Detector for ExcessiveExposure {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        self.see(context, findings);
    }
}
