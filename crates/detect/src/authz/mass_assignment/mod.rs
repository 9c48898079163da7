//! Mass assignment (OWASP API3:2023, CWE-915).
//!
//! A request carries a field that grants rights or value, and that nobody else sends to the
//! endpoint: a role, an owner, a balance. Taken, it is told; where a later answer shows the value
//! again, it is certain that it was stored.

#[cfg(test)]
mod tests;

use super::assigned::{Assigned, Assignments, value_of};
use super::rights;
use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Signal, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "authz.mass_assignment",
        title: "A request set a field that its callers never set",
        owasp: &["API3:2023"],
        attack: &["T1098"],
        references: &["CWE-915"],
    },
    severity: Severity::High,
    looks_for: "A request that changes something and was answered carries a field that grants \
                rights or value (role, is_admin, owner, balance, verified) which no other caller \
                sends to the endpoint. Critical where a later answer shows the value as stored.",
    needs: "Bodies of requests, and at least ten of five callers at the endpoint.",
    look_alikes: "A field that several callers send, as a new version of a client does; callers of \
                  roles above users; a record that is sent back as it was read; values that grant \
                  nothing.",
    tuning: &[
        Tuning { key: "senders_min", meaning: "other callers of the endpoint" },
        Tuning { key: "requests_min", meaning: "requests to the endpoint" },
    ],
    build: |settings| Ok(Box::new(MassAssignment::new(settings)?)),
};

/// A value that was set is looked for in answers for so long.
const PENDING: Duration = Duration::from_secs(86_400);
const PENDING_MAX: usize = 256;
const TALES_MAX: usize = 10_000;
/// Leaves of an answer that are looked at.
const LEAVES_MAX: usize = 256;
/// Values of a request that may be what the new account is called.
const NAMES_MAX: usize = 16;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    senders_min: u64,
    requests_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { senders_min: 5, requests_min: 10 }
    }
}

/// A value that was set and not seen again yet.
#[derive(Serialize, Deserialize)]
struct Pending {
    at: Timestamp,
    key: (ActorId, EndpointId),
    /// What the request called things: whoever is called so is whom it was set for.
    names: Vec<String>,
    field: Assigned,
    finding: Finding,
}

#[derive(Serialize, Deserialize)]
struct MassAssignment {
    #[serde(skip)]
    limits: Limits,
    assignments: Assignments,
    tales: BTreeMap<(ActorId, EndpointId), Tale>,
    pending: VecDeque<Pending>,
}

impl MassAssignment {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            assignments: Assignments::default(),
            tales: BTreeMap::new(),
            pending: VecDeque::new(),
        })
    }

    fn see(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        self.confirm(context, out);
        let Limits { senders_min, requests_min } = self.limits;
        let fields = self.assignments.observe(context, senders_min, requests_min);
        if fields.is_empty() || rights::has_privilege(context.seen) {
            return;
        }
        let key = (context.seen.actor.id, context.sighting.endpoint);
        if self.tales.len() >= TALES_MAX && !self.tales.contains_key(&key) {
            self.tales.clear();
        }
        let tale = self.tales.entry(key).or_default();
        let names: Vec<&str> = fields.iter().map(|field| field.path.as_str()).collect();
        tale.add(context, format!("sets {}", names.join(", ")), false);
        let tells = fields.iter().any(|field| !field.only_answered);
        let told = tells && tale.due(context.at(), Outcome::Success);
        for field in fields {
            let finding = finding(context, &field, tale);
            let proof = field.only_answered;
            if self.pending.len() >= PENDING_MAX {
                self.pending.pop_front();
            }
            self.pending.push_back(Pending {
                at: context.at(),
                key,
                names: names_in(context),
                field,
                finding: finding.clone(),
            });
            if told && !proof {
                out.push(finding);
            }
        }
        // The answer itself may show what was stored.
        self.confirm(context, out);
    }

    /// Looks for values that were set in what an answer shows of the one they were set for.
    fn confirm(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        let now = context.at();
        while self.pending.front().is_some_and(|pending| now.since(pending.at) > PENDING) {
            self.pending.pop_front();
        }
        let Some(response) = context.tx.response.as_ref() else { return };
        if self.pending.is_empty() || context.sighting.outcome != Outcome::Success {
            return;
        }
        let actor = context.seen.principal.unwrap_or(context.seen.client);
        let mut at = 0;
        while let Some(pending) = self.pending.get(at) {
            let same = actor == pending.key.0
                || context.seen.actor.id == pending.key.0
                || context.seen.aliases.iter().any(|alias| pending.names.contains(alias));
            let shown = same
                && response.leaves.iter().take(LEAVES_MAX).any(|leaf| {
                    leaf.path.plain() == pending.field.name
                        && value_of(leaf).as_ref() == Some(&pending.field.value)
                });
            if !shown {
                at += 1;
                continue;
            }
            let Some(pending) = self.pending.remove(at) else { break };
            let mut finding = pending.finding;
            let Some(tale) = self.tales.get_mut(&pending.key) else { continue };
            tale.add(context, format!("shows {} as it was set", pending.field.path), true);
            tale.fill(&mut finding);
            (finding.severity, finding.confidence) = match pending.field.only_answered {
                true => (SPEC.severity, 0.85),
                false => (Severity::Critical, 0.95),
            };
            finding.at = now;
            finding.message.push_str("; a later answer shows it as stored");
            out.push(finding);
        }
    }
}

/// What a request calls things.
fn names_in(context: &Context<'_>) -> Vec<String> {
    let leaves = context.tx.request.iter().flat_map(|request| &request.leaves);
    leaves.filter_map(|leaf| leaf.value.as_key()).take(NAMES_MAX).collect()
}

fn finding(context: &Context<'_>, field: &Assigned, tale: &Tale) -> Finding {
    let mut finding = context.finding(SPEC.rule.id, SPEC.severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Success;
    finding.confidence = 0.8;
    finding.message = format!(
        "{} was sent to {}, which none of {} by {} did",
        field.path,
        context.sighting.name,
        counted(field.requests, "other request"),
        counted(field.senders, "caller"),
    );
    finding.why = vec![
        Signal {
            signal: "field".to_owned(),
            observed: field.path.clone(),
            expected: "the fields that others send".to_owned(),
        },
        Signal {
            signal: "requests_with_it".to_owned(),
            observed: format!("0 of {} of others", field.requests),
            expected: format!("at most {:.1} % by bound", 100.0 * field.bound),
        },
    ];
    finding.remediation = format!(
        "let {} take only the fields it is meant to; undo what was set",
        context.sighting.name
    );
    finding
}

impl Detector for MassAssignment {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        self.see(context, findings);
    }
}
