//! Exfiltration (OWASP API3:2023; MITRE ATT&CK T1530, T1030): one caller draws more sensitive
//! records out of an endpoint than anybody does.
//!
//! Counted are distinct records that hold personal, financial or secret data of others, so that
//! neither large answers without any nor the same page over and over count, and small equal answers
//! add up. Jobs draw much as well, every night: they never did anything else.

#[cfg(test)]
mod tests;

use crate::context::{Context, Observation};
use crate::group::Group;
use crate::keep::Keep;
use crate::many::Many;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, Spec, Tuning};
use crate::tale::{Tale, counted};
use crate::tell::signal;
use core::hash::Hasher;
use core::time::Duration;
use foldhash::fast::FixedState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::BuildHasher;
use stilt_model::saved::Keyed;
use stilt_model::{
    ActorId, EndpointId, Finding, Outcome, Rule, Sensitive, SensitiveClass, Severity, Timestamp,
    Value,
};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "data.exfiltration",
        title: "Sensitive records are drawn out in bulk",
        owasp: &["API3:2023"],
        attack: &["T1530", "T1030", "T1213"],
        references: &["CWE-359"],
    },
    severity: Severity::High,
    looks_for: "Within a day one caller draws at least a hundred distinct records with sensitive \
                data of others out of an endpoint, ten times as many as the busiest of its peers \
                there and as on any earlier day of its own.",
    needs: "Answers, and five others of the same roles who draw from the endpoint; a caller that \
            used the application in the ordinary way before.",
    look_alikes: "Jobs and backups, which never do anything but draw; records drawn again; records \
                  of the caller's own; callers who did the like on an earlier day; many who begin \
                  at once.",
    tuning: &[
        Tuning { key: "records_min", meaning: "distinct sensitive records in a day" },
        Tuning { key: "above", meaning: "times the busiest other and the own busiest day" },
        Tuning { key: "peers_min", meaning: "others of the same roles at the endpoint" },
    ],
    build: |settings| Ok(Box::new(Exfiltration::new(settings)?)),
};

const DAY: Duration = Duration::from_secs(86_400);
/// Callers remembered, all endpoints together: at most some kilobytes each.
const DRAWERS_MAX: usize = 50_000;
const LIVES_MAX: usize = 100_000;
/// What makes use ordinary: requests that draw nothing, to so many endpoints.
const PLAIN_MIN: u32 = 5;
const PLAIN_ENDPOINTS: usize = 3;

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    records_min: u64,
    above: u64,
    peers_min: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { records_min: 100, above: 10, peers_min: 5 }
    }
}

/// What one caller drew from one endpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Drawer {
    since: Timestamp,
    /// Different records.
    seen: Many,
    /// Answers with records not drawn before.
    draws: u64,
    /// Most on an earlier day.
    most: u64,
    /// Kinds of sensitive data in them.
    kinds: BTreeSet<String>,
    /// More than what names and reaches a person.
    grave: bool,
    tale: Tale,
}

impl Drawer {
    /// More than any day showed, where it was not told as an attack.
    fn usual(&self) -> u64 {
        if self.tale.was_told() { 0 } else { self.most.max(self.seen.count()) }
    }
}

/// What else a caller does.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Life {
    changes: u32,
    plain: u32,
    /// Short forms of the first few, not 0; what all callers have is kept small.
    endpoints: [u32; PLAIN_ENDPOINTS],
}

/// An endpoint, short: two that look alike only make a caller look less ordinary.
#[expect(clippy::cast_possible_truncation, reason = "the id is a hash: half of it will do")]
fn short(EndpointId(id): EndpointId) -> u32 {
    (id as u32).max(1)
}

impl Life {
    fn is_ordinary(&self) -> bool {
        self.changes > 0
            || (self.plain >= PLAIN_MIN && self.endpoints.iter().all(|known| *known != 0))
    }
}

#[derive(Serialize, Deserialize)]
struct Exfiltration {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    places: BTreeMap<(EndpointId, Group), BTreeMap<ActorId, Drawer>>,
    /// Callers in all places.
    drawers: usize,
    lives: Keep<ActorId, Life>,
}

/// Sensitive records of others in one answer: a key of each, and what they hold.
fn read(context: &Context<'_>) -> (BTreeSet<u64>, BTreeSet<Sensitive>) {
    let mut records: BTreeMap<u32, (u64, bool, Vec<Sensitive>)> = BTreeMap::new();
    let leaves = context.tx.response.as_ref().map_or(&[][..], |response| &response.leaves);
    if leaves.iter().all(|leaf| leaf.sensitive.is_none()) {
        return Default::default();
    }
    for leaf in leaves {
        let own = context.objects.person_named(leaf).is_some_and(|person| {
            context.seen.principal == Some(person) || context.seen.actor.id == person
        });
        if own {
            records.entry(leaf.record).or_default().1 = true;
        }
        let Some(kind) = leaf.sensitive else { continue };
        let (Value::Text(_) | Value::Integer(_) | Value::Masked { .. }) = leaf.value else {
            continue;
        };
        let record = records.entry(leaf.record).or_default();
        let mut hasher = FixedState::with_seed(record.0).build_hasher();
        match &leaf.value {
            Value::Masked { mark, .. } => {
                mark.digest.iter().for_each(|part| hasher.write_u64(*part))
            }
            Value::Text(text) => hasher.write(text.as_bytes()),
            other => hasher.write(other.as_key().unwrap_or_default().as_bytes()),
        }
        record.0 = hasher.finish();
        if !record.2.contains(&kind) {
            record.2.push(kind);
        }
    }
    let others = records.into_values().filter(|(_, own, kinds)| !own && !kinds.is_empty());
    let (mut keys, mut kinds) = (BTreeSet::new(), BTreeSet::new());
    for (key, _, held) in others {
        keys.insert(key);
        kinds.extend(held);
    }
    (keys, kinds)
}

impl Exfiltration {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            places: BTreeMap::new(),
            drawers: 0,
            lives: Keep::new(settings.room(LIVES_MAX)),
        })
    }

    /// Where there are too many callers, the half that began their day longest ago go.
    fn make_room(&mut self) {
        if self.drawers < DRAWERS_MAX {
            return;
        }
        let all = self.places.values().flat_map(BTreeMap::values);
        let mut begun: Vec<Timestamp> = all.map(|drawer| drawer.since).collect();
        begun.sort_unstable();
        let middle = begun.get(begun.len() / 2).copied().unwrap_or_default();
        self.places.retain(|_, drawers| {
            drawers.retain(|_, drawer| drawer.since > middle);
            !drawers.is_empty()
        });
        self.drawers = self.places.values().map(BTreeMap::len).sum();
    }

    fn see(&mut self, context: &Context<'_>, out: &mut Vec<Finding>) {
        let sighting = context.sighting;
        let merged = &sighting.merged;
        if !merged.is_empty() {
            self.places.retain(|(endpoint, _), _| !merged.contains(endpoint));
            self.drawers = self.places.values().map(BTreeMap::len).sum();
        }
        if sighting.outcome != Outcome::Success || sighting.login.is_some() {
            return;
        }
        let actor = context.seen.principal.unwrap_or(context.seen.actor.id);
        let (records, kinds) = read(context);
        if records.len() <= 1 && sighting.step.is_none() {
            let life = self.lives.touch(context.at(), actor, Life::default);
            life.changes = life.changes.saturating_add(u32::from(sighting.changes_state));
            if records.is_empty() {
                life.plain = life.plain.saturating_add(1);
                let here = short(sighting.endpoint);
                if !life.endpoints.contains(&here)
                    && let Some(free) = life.endpoints.iter_mut().find(|slot| **slot == 0)
                {
                    *free = here;
                }
            }
        }
        if records.is_empty() {
            return;
        }
        let key = (sighting.endpoint, Group::of(&self.hasher, context));
        if !self.places.get(&key).is_some_and(|drawers| drawers.contains_key(&actor)) {
            self.make_room();
            self.drawers = self.drawers.saturating_add(1);
        }
        let drawers = self.places.entry(key).or_default();
        let drawer = drawers.entry(actor).or_default();
        drawer.take(context, &records, &kinds, self.limits.records_min);
        if drawer.seen.count() < self.limits.records_min {
            return;
        }
        let (drawn, before) = (drawer.seen.count(), drawer.most);
        let others: Vec<u64> = drawers
            .iter()
            .filter(|(other, _)| **other != actor)
            .map(|(_, other)| other.usual())
            .collect();
        let busiest = others.iter().copied().max().unwrap_or(0);
        let measure = busiest.max(before).saturating_mul(self.limits.above);
        let ordinary = self.lives.get(&actor).is_some_and(Life::is_ordinary);
        if others.len() < self.limits.peers_min || drawn < measure || !ordinary {
            return;
        }
        if let Some(drawer) = self.places.get_mut(&key).and_then(|drawers| drawers.get_mut(&actor))
        {
            drawer.tell(context, busiest, others.len(), out);
        }
    }
}

impl Drawer {
    fn take(
        &mut self,
        context: &Context<'_>,
        records: &BTreeSet<u64>,
        kinds: &BTreeSet<Sensitive>,
        records_min: u64,
    ) {
        let now = context.at();
        if self.seen.count() == 0 || now.since(self.since) > DAY {
            let (most, told) = (self.usual().max(self.most), self.tale.was_told());
            *self =
                Self { since: now, most: if told { self.most } else { most }, ..Self::default() };
        }
        let new = self.seen.add(records.iter().copied());
        if new == 0 {
            return;
        }
        self.draws = self.draws.saturating_add(1);
        for kind in kinds {
            if !self.kinds.contains(kind.name()) {
                self.kinds.insert(kind.name().to_owned());
            }
            self.grave |= kind.class() != SensitiveClass::Personal;
        }
        // Most never draw much: evidence is gathered once it begins to look like it.
        if self.seen.count().saturating_mul(4) >= records_min {
            self.tale.add(context, format!("{} not drawn before", counted(new, "record")), false);
            self.tale.count = self.draws;
            self.tale.start = self.tale.start.min(self.since);
        }
    }

    fn tell(&mut self, context: &Context<'_>, busiest: u64, others: usize, out: &mut Vec<Finding>) {
        if !self.tale.due(context.at(), Outcome::Success) {
            return;
        }
        let mild = !self.grave && self.seen.count() < 1000;
        let severity = if mild { Severity::Medium } else { SPEC.severity };
        let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
        self.tale.fill(&mut finding);
        finding.outcome = Outcome::Success;
        finding.confidence = 0.8;
        let kinds: Vec<&str> = self.kinds.iter().map(String::as_str).collect();
        finding.message = format!(
            "{} with {} drawn out of {}; the busiest of {} took {busiest}",
            counted(self.seen.count(), "record"),
            kinds.join(", "),
            context.sighting.name,
            counted(others as u64, "other"),
        );
        let most = format!("at most {busiest} by {}", counted(others as u64, "other"));
        let own = format!("at most {} on an earlier day", self.most);
        finding.why = vec![
            signal("sensitive_records", self.seen.count().to_string(), &most),
            signal("own_days", self.seen.count().to_string(), &own),
        ];
        finding.remediation = format!(
            "end the session; cap what {} gives one caller in a day",
            context.sighting.name
        );
        out.push(finding);
    }
}

impl Detector for Exfiltration {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.lives.resize(settings.room(LIVES_MAX));
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        if let Observation::Transaction(context) = observation {
            self.see(context, findings);
        }
    }
}
