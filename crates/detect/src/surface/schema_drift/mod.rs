//! Messages that depart from their schema (OWASP API8:2023, API9:2023, API3:2023): the documented
//! one, or, where no document is about the service, the one that a day of traffic taught
//! ([`learned`]).
//!
//! A field the document does not have, one that is missing, another type, null where there should
//! be none, or a value outside its list: told once per endpoint and field, where at least one in a
//! hundred messages shows it and at least five callers sent or got it. What one client makes up is
//! no drift.

mod learned;
#[cfg(test)]
mod tests;

use super::{Parameters, Support, weakness};
use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tell::signal;
use learned::Learned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_inventory::openapi::{Departure, Operation, Shape};
use stilt_model::{CredentialKind, Finding, Outcome, Place, Rule, Severity};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "surface.schema_drift",
        title: "Messages depart from their schema",
        owasp: &["API8:2023", "API9:2023", "API3:2023"],
        attack: &[],
        references: &["CWE-1059"],
    },
    severity: Severity::Low,
    looks_for: "Fields in requests or answers that the OpenAPI document does not have, required \
                ones that are missing, values of another type, null, or outside a documented \
                list; in at least 1 % of an operation's messages, and with at least five callers. \
                Without a document: fields of JSON that are new, gone, null or of another type \
                after a day in which messages were never so.",
    needs: "Documents (--openapi FILE…) that are about the service, or a day of traffic (over \
            several runs with --state); answers that tell success.",
    look_alikes: "One client's made-up fields; attacks that are refused; alternatives (oneOf, \
                  anyOf) and objects that a document leaves open; bodies that were seen in part; \
                  rare fields, filled lists and objects that were empty before, answers whose \
                  fields the request chooses.",
    tuning: &[
        Tuning { key: "share_min", meaning: "share of an operation's messages" },
        Tuning { key: "actors_min", meaning: "callers whose messages show it" },
        Tuning { key: "learn_hours", meaning: "hours that teach a schema; 0: documents only" },
    ],
    build: |settings| Ok(Box::new(SchemaDrift::new(settings)?)),
};

const MEND: &str = "bring the document and the application together again";
/// Operations watched at most, departures of one, and how many of them are told.
const OPERATIONS_MAX: usize = 4096;
const DEPARTURES_MAX: usize = 64;
const TOLD_MAX: usize = 16;
/// Fields shown in one finding.
const FIELDS_SHOWN: usize = 8;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    share_min: f64,
    actors_min: usize,
    learn_hours: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { share_min: 0.01, actors_min: 5, learn_hours: 24 }
    }
}

/// Which part of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Part {
    Query,
    Request,
    Response(u16),
}

impl Part {
    fn name(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Request => "request",
            Self::Response(_) => "response",
        }
    }
}

#[derive(Default, Serialize, Deserialize)]
struct Messages {
    count: u64,
    departures: BTreeMap<Departure, (Support, bool)>,
    told: usize,
}

#[derive(Serialize, Deserialize)]
struct SchemaDrift {
    #[serde(skip)]
    limits: Limits,
    seen: BTreeMap<(usize, usize, Part), Messages>,
    #[serde(default)]
    learned: Learned,
    #[serde(default)]
    parameters: Parameters,
}

impl SchemaDrift {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            seen: BTreeMap::new(),
            learned: Learned::default(),
            parameters: Parameters::default(),
        })
    }

    fn judge(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let Some(found) = context.sighting.documented else {
            return self.learned.judge(context, &self.limits, findings);
        };
        // Functions of one address share a schema that is true of none of them.
        if context.sighting.outcome != Outcome::Success || context.sighting.name.contains('#') {
            return;
        }
        let document = context.inventory.documents().get(found.document);
        let operation =
            document.zip(found.operation).and_then(|(document, at)| document.operations().get(at));
        let (Some(operation), Some(at)) = (operation, found.operation) else { return };
        // What is a function of its own is no message of the operation: it is undocumented.
        let key = (found.document, at);
        if self.parameters.beside(key, &context.sighting.name, &operation.path) {
            return;
        }
        for (part, departures) in parts(context, operation) {
            let key = (found.document, at, part);
            if self.seen.len() >= OPERATIONS_MAX && !self.seen.contains_key(&key) {
                continue;
            }
            let messages = self.seen.entry(key).or_default();
            messages.count = messages.count.saturating_add(1);
            let mut told = Vec::new();
            for departure in departures {
                let guards = (self.limits.actors_min, self.limits.share_min, 1);
                if let Some(support) = messages.borne_out(context, &departure, guards) {
                    let (observed, expected) = departure.told();
                    let field = departure.field().to_owned();
                    told.push(Told { field, observed, expected, support });
                }
            }
            findings.extend(drift(context, part, &told, messages.count, MEND));
        }
    }
}

impl Messages {
    /// Counts a departure; how often and by how many it was shown, once that is enough: callers,
    /// share of messages, stretches of time.
    fn borne_out(
        &mut self,
        context: &Context<'_>,
        departure: &Departure,
        (actors_min, share_min, times_min): (usize, f64, usize),
    ) -> Option<(u64, usize)> {
        if self.departures.len() >= DEPARTURES_MAX && !self.departures.contains_key(departure) {
            return None;
        }
        let (support, told) = self.departures.entry(departure.clone()).or_default();
        support.add(context);
        #[expect(clippy::cast_precision_loss, reason = "counts of messages")]
        let share = support.count as f64 / self.count as f64;
        if *told
            || self.told >= TOLD_MAX
            || support.actors.len() < actors_min
            || support.times.len() < times_min
            || share < share_min
        {
            return None;
        }
        *told = true;
        self.told += 1;
        Some((support.count, support.actors.len()))
    }
}

/// One departure that is told.
struct Told {
    field: String,
    observed: String,
    expected: String,
    /// Messages that showed it, and callers.
    support: (u64, usize),
}

/// What is told of a part of which `of` messages were seen; all that has become plain with one
/// message is one finding: where much departs at once, it is another thing that answers.
fn drift(context: &Context<'_>, part: Part, told: &[Told], of: u64, mend: &str) -> Option<Finding> {
    let first = told.first()?;
    let (count, actors) = told.iter().map(|one| one.support).max()?;
    let name = part.name();
    let fields = told.iter().take(FIELDS_SHOWN).map(|one| {
        signal(format!("{name} {}", one.field), one.observed.clone(), one.expected.clone())
    });
    let mut signals: Vec<_> = fields.collect();
    signals.push(signal("messages", count.to_string(), format!("0 of {of}")));
    signals.push(signal("actors", actors.to_string(), "none"));
    let mut finding = weakness(context, SPEC.rule.id, SPEC.severity, signals);
    let more = match told.len() - 1 {
        0 => String::new(),
        more => format!(", and {more} more fields depart"),
    };
    finding.message = format!(
        "{}: {} in {count} of {of} {name} messages{more}",
        context.sighting.name, first.observed
    );
    finding.count = count;
    finding.evidence = vec![context.evidence(first.observed.clone())];
    finding.remediation = mend.to_owned();
    Some(finding)
}

/// The answer is not as the operation's is documented.
pub(super) fn answers_otherwise(context: &Context<'_>, operation: &Operation) -> bool {
    parts(context, operation)
        .iter()
        .any(|(part, departures)| matches!(part, Part::Response(_)) && !departures.is_empty())
}

/// Each part of an exchange that is documented, with its departures.
fn parts(
    context: &Context<'_>,
    operation: &Operation,
) -> Vec<(Part, std::collections::BTreeSet<Departure>)> {
    let mut found = Vec::new();
    let Some(request) = &context.tx.request else { return found };
    // Keys in the query may be documented as ways to sign in, not as parameters, and are there
    // also where they are shown nowhere but as credentials.
    let is_key = |name: &str| {
        let key = CredentialKind::ApiKey;
        request.credentials.iter().any(|one| one.kind == key && one.name.eq_ignore_ascii_case(name))
    };
    let leaves = || request.leaves.iter();
    let whole = !request.leaves_cut;
    let query = leaves().filter(|leaf| leaf.place == Place::Query);
    let mut query = operation.query.departures(query, whole);
    query.retain(|departure| !is_key(departure.field()));
    found.push((Part::Query, query));
    // A list of calls is no message of the one call that is documented.
    if !context.sighting.inside.is_empty() {
        return found;
    }
    let body = &operation.body;
    if request.body_bytes > 0 && !body.is_empty() && body.is_for(request.content_type.as_deref()) {
        let leaves = leaves().filter(|leaf| matches!(leaf.place, Place::Json | Place::Form));
        found.push((Part::Request, body.departures(leaves, whole)));
    }
    let Some(response) = &context.tx.response else { return found };
    let documented: Option<&Shape> = operation.answer(response.status);
    if let Some(shape) = documented
        && response.body_bytes > 0
        && !shape.is_empty()
        && shape.is_for(response.content_type.as_deref())
    {
        let leaves = response.leaves.iter().filter(|leaf| leaf.place == Place::Json);
        let departures = shape.departures(leaves, !response.leaves_cut);
        found.push((Part::Response(response.status), departures));
    }
    found
}

impl Detector for SchemaDrift {
    fn rests_on_documents(&self) -> bool {
        true
    }

    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.judge(context, findings);
        }
    }
}
