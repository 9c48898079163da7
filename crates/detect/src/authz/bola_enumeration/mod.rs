//! Broken object level authorization, seen as enumeration (OWASP API1:2023, CWE-639).
//!
//! A caller opens many objects of one resource that no earlier response gave it as its own, while
//! its peers open what they were shown. Ids that a list handed out are the caller's own business,
//! unless the list named another owner; what everybody opens is public. Both the number of foreign
//! objects and how rarely peers do the like decide, so that ten in five minutes tell as well as
//! one every few minutes for a day.

mod peers;
mod staff;
#[cfg(test)]
mod tests;
mod walk;

use super::rights;
use crate::context::{Context, Observation};
use crate::group::Group;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::{Tale, counted, lasting};
use crate::tell::signal;
use core::hash::{BuildHasher, Hasher};
use foldhash::fast::RandomState;
use peers::{Comparison, Peers};
use serde::{Deserialize, Serialize};
use staff::Staff;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_inventory::ObjectRef;
use stilt_model::{
    ActorId, EndpointId, Finding, Outcome, Rule, Severity, Timestamp, Transaction, saved::Keyed,
};
use stilt_session::objects::{Ownership, Verdict};
use walk::{SLOW, Tally, Touch, Walk};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "authz.bola_enumeration",
        title: "One caller walks through objects it was never shown",
        owasp: &["API1:2023"],
        attack: &["T1119", "T1213"],
        references: &["CWE-639", "OAT-011"],
    },
    severity: Severity::High,
    looks_for: "One caller opens many objects of a resource that no response showed it as its own: \
                in even steps, refused on half of them, or known to be other people's; quickly, or \
                a few at a time over a day.",
    needs: "Requests that name objects, with their answers, and at least three peers who open \
            objects of their own.",
    look_alikes: "Paging through one's own list and opening each item; public objects; a shared \
                  link; an administrator or a job that was listed what it opens, or whose role has \
                  no peers; stale ids that all clients still ask for.",
    tuning: &[
        Tuning { key: "objects_min", meaning: "foreign objects that are looked at" },
        Tuning {
            key: "objects_slow_min",
            meaning: "foreign objects in 24 hours that need no tight bound",
        },
        Tuning { key: "peers_min", meaning: "other callers of the resource" },
        Tuning { key: "peer_objects_min", meaning: "objects that these have opened" },
        Tuning { key: "chance_max", meaning: "probability that a peer would do as much" },
        Tuning { key: "walks_max", meaning: "callers remembered per resource" },
    ],
    build: |settings| Ok(Box::new(BolaEnumeration::new(settings)?)),
};

/// Endpoint slots remembered at most.
const PLACES_MAX: usize = 20_000;
/// Callers remembered over all of them.
const WALKERS_MAX: usize = 200_000;
/// A probability for which plain numbers speak already.
const CHANCE_SLOW: f64 = 1e-3;
/// Objects of one request that are looked at: in the path, and in query and body.
const SLOTS_MAX: usize = 4;

/// Where an endpoint takes an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Slot {
    /// The nth one of the path.
    Path(usize),
    /// One of that class, in query or body.
    Leaf(Arc<str>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    objects_min: u64,
    objects_slow_min: u64,
    peers_min: u64,
    peer_objects_min: u64,
    chance_max: f64,
    walks_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            objects_min: 10,
            objects_slow_min: 50,
            peers_min: 3,
            peer_objects_min: 20,
            chance_max: 1e-6,
            walks_max: 20_000,
        }
    }
}

/// One actor at one slot of one endpoint.
#[derive(Serialize, Deserialize)]
struct Walker {
    walk: Walk,
    group: Group,
    flagged: bool,
    /// Objects it was not shown, asked for without an answer that tells anything.
    unanswered: u64,
    /// Something shown to it was forgotten or not read.
    uncertain: bool,
    named: u64,
    tale: Tale,
    last: Timestamp,
}

#[derive(Default, Serialize, Deserialize)]
struct Place {
    walkers: HashMap<ActorId, Box<Walker>, RandomState>,
    idle: BTreeSet<(Timestamp, ActorId)>,
    groups: BTreeMap<Group, Peers>,
    /// How those of roles above users go about here.
    #[serde(default)]
    staff: Staff,
}

/// Why a walk was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Lacks {
    Answers,
    Peers,
    Role,
}

#[derive(Serialize, Deserialize)]
struct BolaEnumeration {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    places: HashMap<(EndpointId, Slot), Place, RandomState>,
    lacking: BTreeMap<Lacks, BTreeSet<(EndpointId, ActorId)>>,
    #[serde(skip)]
    walkers_max: usize,
    /// Callers over all places.
    #[serde(skip)]
    walkers: usize,
}

/// What raised it.
struct Alarm {
    comparison: Comparison,
    recent: Tally,
    day: Tally,
    loosely: bool,
    peers: u64,
    strided: bool,
}

impl BolaEnumeration {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            places: HashMap::default(),
            lacking: BTreeMap::new(),
            walkers_max: settings.room(WALKERS_MAX),
            walkers: 0,
        })
    }

    /// Where there are too many callers, the half of each place that came longest ago goes.
    fn make_room(&mut self) {
        if self.walkers < self.walkers_max {
            return;
        }
        for place in self.places.values_mut() {
            let keep = place.walkers.len() / 2;
            while place.walkers.len() > keep && place.leave_oldest() {}
        }
        self.places.retain(|_, place| !place.walkers.is_empty());
        self.count();
    }

    fn count(&mut self) {
        self.walkers = self.places.values().map(|place| place.walkers.len()).sum();
    }

    /// Looks at what one request asks for.
    fn look(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let objects = || context.sighting.objects.iter();
        for (slot, object) in objects().filter(|object| object.in_path).take(SLOTS_MAX).enumerate()
        {
            self.see(context, Slot::Path(slot), object, findings);
        }
        for object in objects().filter(|object| !object.in_path).take(SLOTS_MAX) {
            self.see(context, Slot::Leaf(Arc::clone(&object.class)), object, findings);
        }
    }

    fn see(
        &mut self,
        context: &Context<'_>,
        slot: Slot,
        object: &ObjectRef,
        out: &mut Vec<Finding>,
    ) {
        let verdict = context.objects.judge(context.tx, context.sighting, context.seen, object);
        // Who works with everybody's things is no measure for others.
        if verdict.staff && !verdict.named {
            return;
        }
        let place_key = (context.sighting.endpoint, slot);
        if self.places.len() >= PLACES_MAX && !self.places.contains_key(&place_key) {
            return;
        }
        let mut hasher = self.hasher.build_hasher();
        hasher.write(object.class.as_bytes());
        hasher.write(object.id.as_bytes());
        let series = |prefix: &str| self.hasher.hash_one(prefix);
        let touch = touch(context, object, verdict, (hasher.finish(), &series));
        let group = Group::of(&self.hasher, context);
        let actor = context.seen.principal.unwrap_or(context.seen.actor.id);
        self.make_room();
        let place = self.places.entry(place_key).or_default();
        let before = place.walkers.len();
        let endpoint = context.sighting.endpoint;
        let alarm = place.touch(&self.limits, actor, group, touch, verdict);
        // Who stands above users and is given all it asks for, in no order of numbers, works with
        // what is others'; unless those of its role keep to their own here.
        let above = rights::has_privilege(context.seen) && {
            let role = self.hasher.hash_one(&**context.seen.best_roles());
            if let Some(walker) = place.walkers.get(&actor) {
                place.staff.note(role, actor, walker.walk.day);
            }
            place.staff.may_work(role, actor)
        };
        let works = |alarm: &Alarm| above && alarm.day.refused == 0 && !alarm.strided;
        let alarm = match alarm {
            Ok(Some(alarm)) if works(&alarm) => Err(Lacks::Role),
            other => other,
        };
        let alarm = match alarm {
            Ok(alarm) => alarm,
            Err(lacks) => {
                let lacking = self.lacking.entry(lacks).or_default();
                if lacking.len() < 1000 {
                    lacking.insert((endpoint, actor));
                }
                None
            }
        };
        self.walkers = self.walkers.saturating_add(place.walkers.len()).saturating_sub(before);
        let Some(walker) = place.walkers.get_mut(&actor) else { return };
        if touch.foreign {
            let note = note_of(object, verdict);
            walker.tale.add(context, note, false);
        }
        if let Some(alarm) = alarm {
            let outcome = outcome_of(alarm.day);
            if walker.tale.due(context.at(), outcome) {
                out.push(tell(context, object, walker, &alarm, outcome));
            }
        }
    }
}

impl Place {
    /// Files a touch, and judges the walk it belongs to.
    fn touch(
        &mut self,
        limits: &Limits,
        actor: ActorId,
        group: Group,
        touch: Touch,
        verdict: Verdict,
    ) -> Result<Option<Alarm>, Lacks> {
        self.arrive(limits, actor, group, touch.at);
        let Some(walker) = self.walkers.get_mut(&actor) else { return Ok(None) };
        walker.uncertain |= verdict.uncertain;
        if touch.outcome == Outcome::Unknown {
            let shown = verdict.shown_loosely || touch.shared;
            walker.unanswered = walker.unanswered.saturating_add(u64::from(!shown));
            let many = walker.unanswered >= limits.objects_min;
            return if many { Err(Lacks::Answers) } else { Ok(None) };
        }
        let before = walker.walk.day;
        let mut left = Vec::new();
        let new = walker.walk.add(touch, &mut left);
        if new && touch.foreign && verdict.named {
            walker.named = walker.named.saturating_add(1);
        }
        if !walker.flagged
            && let Some(peers) = self.groups.get_mut(&walker.group)
        {
            let mut tally = before;
            for (touch, by) in
                left.iter().map(|touch| (touch, -1)).chain(new.then_some((&touch, 1)))
            {
                let earlier = tally;
                tally.add(touch, by);
                peers.change(earlier, tally, touch, by);
            }
        }
        if !touch.foreign || (!new && !walker.tale.was_told()) {
            return Ok(None);
        }
        let alarm = self.judge(limits, actor, touch.at)?;
        // What is refused to one may be refused to all: a few vain requests stay a measure for the
        // next who makes them.
        let apart = |alarm: &Alarm| {
            alarm.day.granted > 0 || alarm.day.foreign >= limits.objects_min.saturating_mul(3)
        };
        if alarm.as_ref().is_some_and(apart)
            && let Some(walker) = self.walkers.get_mut(&actor)
            && !walker.flagged
        {
            walker.flagged = true;
            if let Some(peers) = self.groups.get_mut(&walker.group) {
                peers.leave(walker.walk.day);
            }
        }
        Ok(alarm)
    }

    fn judge(
        &self,
        limits: &Limits,
        actor: ActorId,
        now: Timestamp,
    ) -> Result<Option<Alarm>, Lacks> {
        let Some(walker) = self.walkers.get(&actor) else { return Ok(None) };
        let day = walker.walk.day;
        if day.foreign < limits.objects_min {
            return Ok(None);
        }
        // Who shows no credential at all has no role: everybody is its peer.
        let largest = self.groups.iter().max_by_key(|(group, peers)| (peers.actors, **group));
        let compared = if walker.group == Group::ANONYMOUS {
            largest.map(|(group, _)| *group)
        } else {
            Some(walker.group)
        };
        let Some((group, peers)) =
            compared.and_then(|group| Some((group, self.groups.get(&group)?)))
        else {
            return Ok(None);
        };
        let inside = !walker.flagged && group == walker.group;
        let own = if inside { day } else { Tally::default() };
        let others = peers.actors.saturating_sub(u64::from(inside));
        let objects = peers.total.objects.saturating_sub(own.objects);
        if others < limits.peers_min || objects < limits.peer_objects_min {
            let alone = largest.is_some_and(|(largest, _)| *largest != walker.group);
            return Err(if alone { Lacks::Role } else { Lacks::Peers });
        }
        // Peers must open what is theirs: else the resource is no one's.
        if peers.total.own.saturating_sub(own.own).saturating_mul(2) < objects {
            return Ok(None);
        }
        // What is common to many is nobody's, unless the objects themselves name their owners, or
        // are refused.
        let common = peers.total.shared.saturating_sub(own.shared).saturating_mul(5) >= objects;
        let telling = walker.named.saturating_add(day.refused);
        if common && telling.saturating_mul(2) < day.foreign {
            return Ok(None);
        }
        let recent = walker.walk.recent(now);
        let strided = walker.walk.strided();
        let telling = |tally: Tally| {
            let half = |part: u64| part.saturating_mul(2) >= tally.foreign && part > 0;
            strided || half(tally.refused) || (half(tally.granted) && half(tally.others))
        };
        for loosely in [false, true] {
            let comparison = peers.compare(own, day, loosely);
            let foreign = if loosely { day.foreign_loosely } else { day.foreign };
            // Where nearly all of it was shown under other names, it is the names that differ; but
            // not of what was not given.
            let apart = day.foreign_loosely.saturating_mul(5) >= day.foreign
                || day.granted.saturating_mul(2) < day.foreign;
            let lifted = foreign >= limits.objects_min
                && apart
                && foreign > comparison.most.saturating_mul(3)
                && telling(day);
            let fast = recent.foreign >= limits.objects_min && telling(recent);
            let chance = if foreign >= limits.objects_slow_min || fast {
                CHANCE_SLOW.max(limits.chance_max)
            } else {
                limits.chance_max
            };
            if lifted && comparison.chance < chance {
                return Ok(Some(Alarm {
                    comparison,
                    recent,
                    day,
                    loosely,
                    peers: others,
                    strided,
                }));
            }
        }
        Ok(None)
    }

    /// The one who came longest ago is forgotten; `false` where there is none.
    fn leave_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.idle.pop_first() else { return false };
        if let Some(gone) = self.walkers.remove(&oldest)
            && !gone.flagged
            && let Some(peers) = self.groups.get_mut(&gone.group)
        {
            peers.leave(gone.walk.day);
        }
        true
    }

    fn arrive(&mut self, limits: &Limits, actor: ActorId, group: Group, now: Timestamp) {
        if let Some(walker) = self.walkers.get_mut(&actor) {
            self.idle.remove(&(walker.last, actor));
            walker.last = now;
            self.idle.insert((now, actor));
            return;
        }
        while let Some((last, _)) = self.idle.first().copied() {
            if self.walkers.len() < limits.walks_max.max(1) && now.since(last) <= SLOW {
                break;
            }
            self.leave_oldest();
        }
        self.groups.entry(group).or_default().join(Tally::default());
        self.idle.insert((now, actor));
        self.walkers.insert(
            actor,
            Box::new(Walker {
                walk: Walk::default(),
                group,
                flagged: false,
                unanswered: 0,
                uncertain: false,
                named: 0,
                tale: Tale::default(),
                last: now,
            }),
        );
    }
}

impl Detector for BolaEnumeration {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        self.walkers_max = settings.room(WALKERS_MAX);
        self.count();
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let Observation::Transaction(context) = observation else { return };
        let merged = &context.sighting.merged;
        if !merged.is_empty() {
            self.places.retain(|(endpoint, _), _| !merged.contains(endpoint));
            self.count();
        }
        if context.sighting.login.is_some() {
            return;
        }
        let inside = &context.sighting.inside;
        if inside.is_empty() {
            return self.look(context, findings);
        }
        for part in inside {
            self.look(&Context { sighting: &part.sighting, ..**context }, findings);
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        self.lacking
            .iter()
            .map(|(lacks, walks)| NotEvaluated {
                rule: SPEC.rule.id,
                count: walks.len() as u64,
                reason: match lacks {
                    Lacks::Answers => {
                        "walks whose answers were not seen or tell nothing".to_owned()
                    }
                    Lacks::Peers => format!(
                        "walks through a resource with fewer than {} other callers or {} objects \
                         opened by them",
                        self.limits.peers_min, self.limits.peer_objects_min
                    ),
                    Lacks::Role => format!(
                        "walks by a role that fewer than {} others have",
                        self.limits.peers_min
                    ),
                },
            })
            .collect()
    }
}

fn touch(
    context: &Context<'_>,
    object: &ObjectRef,
    verdict: Verdict,
    (key, key_of): (u64, &dyn Fn(&str) -> u64),
) -> Touch {
    let tail = walk::numbered(&object.id).filter(|_| object.number.is_none());
    // What everybody was shown is nobody's.
    let shared = verdict.owner == Ownership::Shared;
    let elsewhere = is_sent_elsewhere(context.tx, &object.id);
    let outcome = if elsewhere { Outcome::Failure } else { context.sighting.outcome };
    // An error under a status of success is as much a refusal as can be told in any language.
    let in_body = outcome == Outcome::Failure
        && context.tx.status().is_some_and(|status| (200..300).contains(&status));
    Touch {
        at: context.at(),
        key,
        number: object.number.or(tail.map(|(_, number)| number)),
        series: tail.map_or(0, |(prefix, _)| key_of(prefix)),
        foreign: !verdict.shown && !shared,
        foreign_loosely: !verdict.shown_loosely && !shared,
        others: verdict.owner == Ownership::Other,
        shared,
        own: verdict.owner == Ownership::Own || verdict.shown_loosely,
        outcome,
        refused: context.sighting.refused || elsewhere || in_body,
    }
}

/// Who asks for a thing and is led to some other page of the same host is not given it.
fn is_sent_elsewhere(tx: &Transaction, id: &str) -> bool {
    let (Some(request), Some(response)) = (&tx.request, &tx.response) else { return false };
    matches!(response.status, 301..=303 | 307 | 308)
        && matches!(request.method.as_str(), "GET" | "HEAD")
        && response.location.as_deref().is_some_and(|location| {
            let host = request.host.as_deref().unwrap_or_default();
            let here = location.split_once("://").is_none_or(|(_, rest)| rest.starts_with(host));
            here && !location.contains(id)
        })
}

fn note_of(object: &ObjectRef, verdict: Verdict) -> String {
    let whose = match verdict.owner {
        Ownership::Other if verdict.named => "it names another owner",
        Ownership::Other => "shown to another caller only",
        _ => "never shown to this caller",
    };
    format!("{} {}: {whose}", object.class, object.id)
}

fn outcome_of(tally: Tally) -> Outcome {
    match (tally.granted, tally.refused) {
        (0, 0) => Outcome::Unknown,
        (0, _) => Outcome::Failure,
        _ => Outcome::Success,
    }
}

fn tell(
    context: &Context<'_>,
    object: &ObjectRef,
    walker: &Walker,
    alarm: &Alarm,
    outcome: Outcome,
) -> Finding {
    let certain = !walker.uncertain || walker.named.saturating_mul(2) >= alarm.day.foreign;
    let severity = match outcome {
        Outcome::Success if certain => SPEC.severity,
        Outcome::Failure => Severity::Low,
        _ => Severity::Medium,
    };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    walker.tale.fill(&mut finding);
    finding.outcome = outcome;
    let foreign = if alarm.loosely { alarm.day.foreign_loosely } else { alarm.day.foreign };
    let class = if object.class.is_empty() { "object" } else { &object.class };
    finding.message = format!(
        "{} that were never shown to this caller opened in {}: {} answered, {} refused, {} known \
         to be others'",
        counted(foreign, class),
        lasting(finding.end.since(finding.start)),
        alarm.day.granted,
        alarm.day.refused,
        alarm.day.others,
    );
    finding.confidence = match (certain, alarm.day.others > 0) {
        (true, true) => 0.95,
        (true, false) => 0.8,
        (false, _) => 0.5,
    };
    finding.why = vec![
        signal(
            "foreign_objects_in_24_h",
            format!("{foreign} of {} opened", alarm.day.objects),
            format!(
                "at most {:.0} % of what {} peers open, at most {} by one of them",
                100.0 * alarm.comparison.share,
                alarm.peers,
                alarm.comparison.most
            ),
        ),
        signal(
            "foreign_objects_in_5_min",
            alarm.recent.foreign.to_string(),
            "fewer than 10".to_owned(),
        ),
        signal("others_objects", alarm.day.others.to_string(), "none".to_owned()),
        signal(
            "probability_for_a_peer",
            format!("{:.1e}", alarm.comparison.chance.max(1e-300)),
            "above one in a million".to_owned(),
        ),
    ];
    if alarm.strided {
        finding.why.push(signal(
            "ids_in_sequence",
            "yes".to_owned(),
            "the order of one's own list".to_owned(),
        ));
    }
    if !certain {
        finding.why.push(signal(
            "confidence_reason",
            "not all that was shown to this caller was seen".to_owned(),
            "a whole picture".to_owned(),
        ));
    }
    finding.remediation = format!(
        "check on {} that the object belongs to the caller; review what was read from {class} ids \
         in the evidence",
        context.sighting.name
    );
    finding
}
