//! Endpoints beside the documented API (OWASP API9:2023).
//!
//! *Shadow*: it answers, for several callers and over time, and no document has it. *Zombie*: it is
//! marked as deprecated, was dropped from the latest document, or is an old version of one that is
//! documented, and still answers. *Orphan*: it is documented, and nobody asked for it in a month of
//! watching. Only services that a document is about are judged.

#[cfg(test)]
mod tests;

use super::{Parameters, Support, schema_drift, weakness};
use crate::context::{Context, Observation};
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tell::signal;
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_inventory::knowledge::Level;
use stilt_inventory::openapi::{Document, Found, Operation};
use stilt_model::{EndpointId, Finding, Outcome, Rule, Severity, Timestamp};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "surface.undocumented_endpoint",
        title: "An endpoint answers that the documented API does not have",
        owasp: &["API9:2023"],
        attack: &[],
        references: &["CWE-1059"],
    },
    severity: Severity::Medium,
    looks_for: "Shadow: an endpoint that answers successfully, for at least two callers and at two \
                times (or 20 times at four), and is in no OpenAPI document given. Zombie: one \
                that is marked as deprecated, is only in a superseded version of a document, or \
                is an older version of a documented path, and still answers. Orphan: a documented \
                operation that nobody asked for in 30 days while its service was watched.",
    needs: "Documents (--openapi FILE…). A document is about the service of a host its servers \
            name, and about one that has answered three of its operations.",
    look_alikes: "A scanner whose guesses are refused or led to a catch-all page; pages and files \
                  where the document speaks of none; HEAD and OPTIONS beside documented methods; a \
                  single caller's few requests, or one moment.",
    tuning: &[
        Tuning { key: "actors_min", meaning: "callers an endpoint must have answered" },
        Tuning { key: "times_min", meaning: "stretches of 5 minutes in which it did" },
        Tuning { key: "orphan_days", meaning: "days without a request that make an orphan" },
    ],
    build: |settings| Ok(Box::new(UndocumentedEndpoint::new(settings)?)),
};

/// Endpoints watched at most.
const CASES_MAX: usize = 4096;
/// Answers to one caller, and stretches of time, that show an endpoint as well as two callers do.
const STEADY: u64 = 20;
const STEADY_TIMES: usize = 4;
const DAY_SECS: i64 = 86_400;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    actors_min: usize,
    times_min: usize,
    orphan_days: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { actors_min: 2, times_min: 2, orphan_days: 30 }
    }
}

/// In which way an endpoint is beside its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Kind {
    Shadow,
    Zombie,
}

#[derive(Default, Serialize, Deserialize)]
struct Case {
    support: Support,
    told: bool,
    /// What the endpoint was called then.
    name: String,
}

/// When the operations of a document were asked for.
#[derive(Serialize, Deserialize)]
struct Watch {
    since: Timestamp,
    last: Vec<Timestamp>,
    days: BTreeSet<i64>,
    told: BTreeSet<usize>,
}

#[derive(Serialize, Deserialize)]
struct UndocumentedEndpoint {
    #[serde(skip)]
    limits: Limits,
    cases: BTreeMap<(EndpointId, Kind), Case>,
    watches: BTreeMap<usize, Watch>,
    outside: u64,
    #[serde(default)]
    parameters: Parameters,
}

impl UndocumentedEndpoint {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            cases: BTreeMap::new(),
            watches: BTreeMap::new(),
            outside: 0,
            parameters: Parameters::default(),
        })
    }

    fn judge(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        if context.inventory.documents().is_empty() {
            return;
        }
        let Some(found) = context.sighting.documented else {
            self.outside = self.outside.saturating_add(1);
            return;
        };
        let Some(document) = context.inventory.documents().get(found.document) else { return };
        self.orphans(context, found, document, findings);
        self.join(context);
        if context.sighting.outcome != Outcome::Success
            || !context.inventory.exists(context.sighting.endpoint)
        {
            return;
        }
        let operation = found.operation.and_then(|at| document.operations().get(at));
        let own = operation.zip(found.operation).is_some_and(|(operation, at)| {
            let name = &context.sighting.name;
            self.parameters.beside((found.document, at), name, &operation.path)
                && schema_drift::answers_otherwise(context, operation)
        });
        let aside = match operation.filter(|_| own) {
            Some(operation) => {
                let path = &operation.path;
                Some((Kind::Shadow, format!("not documented, though {path} takes its name")))
            }
            None => beside(context, found, document, operation),
        };
        let Some((kind, why)) = aside else { return };
        let key = (context.sighting.endpoint, kind);
        if self.cases.len() >= CASES_MAX && !self.cases.contains_key(&key) {
            return;
        }
        let case = self.cases.entry(key).or_default();
        case.support.add(context);
        let (support, limits) = (&case.support, &self.limits);
        let several = support.actors.len() >= limits.actors_min;
        // One caller that goes on asking is a client of it: a machine, or all behind a gateway.
        let steady =
            support.count >= STEADY && support.times.len() >= limits.times_min.max(STEADY_TIMES);
        let enough = several && support.times.len() >= limits.times_min || steady;
        if !enough || case.told || context.inventory.shows_any_page(key.0) {
            return;
        }
        case.told = true;
        case.name = context.sighting.name.to_string();
        let told = tell(context, document, kind, &why, &case.support);
        let name = &context.sighting.name;
        let same = |(at, other): (&(EndpointId, Kind), &Case)| {
            *at != key && at.1 == kind && other.told && is_one_route(document, name, &other.name)
        };
        if !self.cases.iter().any(same) {
            findings.push(told);
        }
    }

    /// What was told of endpoints that turned out to be this one was told of it.
    fn join(&mut self, context: &Context<'_>) {
        for old in &context.sighting.merged {
            for kind in [Kind::Shadow, Kind::Zombie] {
                if let Some(case) = self.cases.remove(&(*old, kind)) {
                    let own = self.cases.entry((context.sighting.endpoint, kind)).or_default();
                    own.support.join(case.support);
                    own.told |= case.told;
                    if own.name.is_empty() {
                        own.name = case.name;
                    }
                }
            }
        }
    }

    /// Operations that nobody has asked for; looked at once a day.
    fn orphans(
        &mut self,
        context: &Context<'_>,
        found: Found,
        document: &Document,
        findings: &mut Vec<Finding>,
    ) {
        let now = context.at();
        let all = document.operations().len();
        let watch = self.watches.entry(found.document).or_insert_with(|| Watch {
            since: now,
            last: vec![Timestamp::ZERO; all],
            days: BTreeSet::new(),
            told: BTreeSet::new(),
        });
        let missing = matches!(context.tx.status(), Some(404 | 405 | 501));
        if let Some(last) = found.operation.and_then(|at| watch.last.get_mut(at))
            && !missing
        {
            *last = (*last).max(now);
        }
        let day = now.secs().div_euclid(DAY_SECS);
        if !watch.days.insert(day) {
            return;
        }
        let days = i64::from(self.limits.orphan_days);
        while watch.days.first().is_some_and(|first| *first < day.saturating_sub(days)) {
            watch.days.pop_first();
        }
        // Days on which nothing at all was seen say nothing.
        let watched = i64::try_from(watch.days.len()).unwrap_or(i64::MAX);
        let span = Duration::from_secs(u64::from(self.limits.orphan_days).saturating_mul(86_400));
        if watched.saturating_mul(6) < days.saturating_mul(5) || now.since(watch.since) < span {
            return;
        }
        for (at, operation) in document.operations().iter().enumerate() {
            let last = watch.last.get(at).copied().unwrap_or_default();
            if now.since(last.max(watch.since)) >= span && watch.told.insert(at) {
                findings.push(orphan(context, document, operation, self.limits.orphan_days));
            }
        }
    }
}

/// Two endpoints are one but for a word on the way that the document knows as no name: it will turn
/// out to be a value (`/orgs/acme/projects`, `/orgs/globex/projects`).
fn is_one_route(document: &Document, one: &str, other: &str) -> bool {
    let (one, other): (Vec<&str>, Vec<&str>) =
        (one.split('/').collect(), other.split('/').collect());
    let mut apart = one.iter().zip(&other).enumerate().filter(|(_, (one, other))| one != other);
    let (Some((at, (first, second))), None) = (apart.next(), apart.next()) else { return false };
    let word = |word: &str| !word.starts_with('{') && !document.has_name(word);
    one.len() == other.len() && at > 0 && at + 1 < one.len() && word(first) && word(second)
}

/// Whether an answered request is beside the document, and why.
fn beside(
    context: &Context<'_>,
    found: Found,
    document: &Document,
    operation: Option<&Operation>,
) -> Option<(Kind, String)> {
    if let Some(operation) = operation {
        if found.retired {
            let version = &document.version;
            return Some((Kind::Zombie, format!("only in version {version}, which is superseded")));
        }
        return operation.deprecated.then(|| (Kind::Zombie, "marked as deprecated".to_owned()));
    }
    let request = context.tx.request.as_ref()?;
    let asks = |method: &str| request.method.eq_ignore_ascii_case(method);
    if asks("OPTIONS") || (asks("HEAD") && found.path) {
        return None;
    }
    let media = context.tx.response.as_ref().and_then(|answer| answer.content_type.as_deref());
    if media.is_some_and(|media| is_page_or_file(media) && !document.speaks_of(media)) {
        return None;
    }
    if document.has_later(&request.method, &request.path) {
        return Some((Kind::Zombie, "a later version of it is documented".to_owned()));
    }
    let why = if found.path { "documented with other methods only" } else { "not documented" };
    Some((Kind::Shadow, why.to_owned()))
}

/// What browsers show or load beside an API.
fn is_page_or_file(media: &str) -> bool {
    let kind = media.split('/').next().unwrap_or_default();
    matches!(kind, "image" | "font" | "video" | "audio")
        || ["html", "javascript", "css", "manifest", "font", "wasm"]
            .iter()
            .any(|part| media.contains(part))
}

fn tell(
    context: &Context<'_>,
    document: &Document,
    kind: Kind,
    why: &str,
    support: &Support,
) -> Finding {
    let name = match kind {
        Kind::Shadow => "shadow",
        Kind::Zombie => "zombie",
    };
    let known = context.inventory.known_endpoint(context.sighting.endpoint);
    let business: Vec<&str> = known
        .map(stilt_inventory::functions)
        .unwrap_or_default()
        .iter()
        .map(|(function, _)| function.name())
        .collect();
    let open = known.is_some_and(|known| known.knowledge.auth.level() == Level::None);
    let severity = if !business.is_empty() && open { Severity::High } else { SPEC.severity };
    let mut signals = vec![
        signal(name, why.to_owned(), format!("in {}", document.name)),
        signal("actors", support.actors.len().to_string(), "none"),
        signal("answers", support.count.to_string(), "none"),
    ];
    if !business.is_empty() {
        signals.push(signal("business", business.join(", "), "documented"));
    }
    let mut finding = weakness(context, SPEC.rule.id, severity, signals);
    finding.message = format!(
        "{name} endpoint: {} answered {} times for {} callers and is {why}",
        context.sighting.name,
        support.count,
        support.actors.len()
    );
    finding.count = support.count;
    finding.evidence = vec![context.evidence(why)];
    finding.remediation = match kind {
        Kind::Shadow => "document it, or take it off the network",
        Kind::Zombie => "move its callers to what replaces it, and switch it off",
    }
    .to_owned();
    finding
}

fn orphan(context: &Context<'_>, document: &Document, operation: &Operation, days: u32) -> Finding {
    let signals = vec![signal("orphan", "0 requests".to_owned(), format!("any in {days} days"))];
    let mut finding = weakness(context, SPEC.rule.id, Severity::Low, signals);
    finding.endpoint = format!("{} {}", operation.method, operation.path);
    finding.outcome = Outcome::Unknown;
    finding.message = format!(
        "orphan endpoint: {} is in {} and nobody asked for it in {days} days",
        finding.endpoint, document.name
    );
    // The request at hand is another one: it only told the time.
    finding.subject.method.clone_from(&operation.method);
    finding.subject.path.clone_from(&operation.path);
    finding.subject.target.clone_from(&operation.path);
    finding.subject.status = None;
    finding.subject.user_agent = None;
    finding.subject.request_id = None;
    finding.subject.trace_id = None;
    finding.remediation = "take it out of the document, or find out who should use it".to_owned();
    finding
}

impl Detector for UndocumentedEndpoint {
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

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        if self.outside == 0 {
            return Vec::new();
        }
        let reason = "transactions of services that no OpenAPI document is about".to_owned();
        vec![NotEvaluated { rule: SPEC.rule.id, count: self.outside, reason }]
    }
}
