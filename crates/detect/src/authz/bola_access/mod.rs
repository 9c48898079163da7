//! Broken object level authorization, one access at a time (OWASP API1:2023, CWE-639).
//!
//! Where only owners open what a place gives, a single answer that hands somebody another's object
//! is the breach itself. Who owns an object is learned: from who made it, from own lists, and from
//! fields whose values are what principals are called. Who was shown it as theirs, or was let in by
//! a request that shares, delegates or transfers it, may open it.

mod places;
mod strangers;
#[cfg(test)]
mod tests;

use super::rights;
use crate::context::{Context, Observation};
use crate::group::Group;
use crate::settings::{Settings, SettingsError};
use crate::spec::{Detector, NotEvaluated, Spec, Tuning};
use crate::tale::Tale;
use crate::tell::signal;
use core::hash::BuildHasher;
use core::time::Duration;
use foldhash::fast::RandomState;
use places::{Place, Usage};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use stilt_inventory::ObjectRef;
use stilt_model::{ActorId, EndpointId, Finding, Outcome, Rule, Severity, Timestamp, saved::Keyed};
use stilt_session::objects::{Ownership, Verdict};

pub(crate) const SPEC: Spec = Spec {
    rule: Rule {
        id: "authz.bola_access",
        title: "Somebody was given an object of another owner",
        owasp: &["API1:2023"],
        attack: &["T1530", "T1213"],
        references: &["CWE-639"],
    },
    severity: Severity::High,
    looks_for: "One answered request for an object that is known to be another principal's (it names \
                its owner, or its owner made it or was the only one to be shown it), at a place \
                where callers of that role open their own only. Across tenants it is critical.",
    needs: "Callers known by name, answers, and at least five owners who opened twenty objects of \
            their own at the place. Who owns nothing there is told at the second object.",
    look_alikes: "Objects shared, delegated or handed over by a request that names who is let in or \
                  opens it to all; staff and jobs by their role or by the lists they are given; \
                  public objects; places where others' objects are opened as a rule.",
    tuning: &[
        Tuning { key: "owners_min", meaning: "other callers that opened their own" },
        Tuning { key: "objects_min", meaning: "own objects that these opened" },
        Tuning { key: "foreign_share_max", meaning: "upper bound on others' objects among them" },
        Tuning { key: "places_max", meaning: "slots of endpoints remembered" },
    ],
    build: |settings| Ok(Box::new(BolaAccess::new(settings)?)),
};

/// Stories kept; past it the oldest are forgotten.
const TALES_MAX: usize = 10_000;
/// Objects of one request that are looked at: in the path, and in query and body.
const SLOTS_MAX: usize = 4;
/// Owners who do something with what is theirs, where nobody does it with what is not.
const OWNERS_FEW: u64 = 3;
/// A finding about who may be staff waits so long for others who go about it alike.
const WAIT: Duration = Duration::from_secs(900);
const WAITING_MAX: usize = 1000;
/// Names of where a form leads that are looked at, and their length.
const WAY_PARTS: usize = 8;
const WAY_MAX: usize = 24;
/// Things that one person has, and no tenant is: each keeps to its own all the same.
const OF_ONE: [&str; 12] = [
    "account", "conta", "cuenta", "konto", "compte", "conto", "wallet", "user", "customer",
    "client", "member", "profile",
];
/// Own objects, and owners, past which it counts who alone was shown something.
const SHOWN_OBJECTS_MIN: u64 = 50;

/// Where an object is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Slot {
    /// The nth one of an endpoint's path.
    Path(EndpointId, usize),
    /// One of that class, in query or body of an endpoint.
    Leaf(EndpointId, Arc<str>),
    /// Whatever changes one of that class, at a service.
    Change(Arc<str>, Arc<str>),
    /// Whatever is about one of that class, at a service.
    Class(Arc<str>, Arc<str>),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Limits {
    owners_min: u64,
    objects_min: u64,
    foreign_share_max: f64,
    places_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { owners_min: 5, objects_min: 20, foreign_share_max: 0.15, places_max: 20_000 }
    }
}

/// Why an access was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Lacks {
    Answer,
    Caller,
    Owners,
    Role,
}

#[derive(Serialize, Deserialize)]
struct BolaAccess {
    #[serde(skip)]
    limits: Limits,
    hasher: Keyed,
    places: HashMap<Slot, Place, RandomState>,
    tales: BTreeMap<(ActorId, EndpointId), Tale>,
    lacking: BTreeMap<Lacks, BTreeSet<(EndpointId, ActorId)>>,
    #[serde(default)]
    waiting: VecDeque<Waiting>,
}

/// A finding that is told unless others turn out to go about it alike.
#[derive(Serialize, Deserialize)]
struct Waiting {
    until: Timestamp,
    key: (ActorId, EndpointId),
    slot: Slot,
    who: (Group, ActorId),
    finding: Finding,
}

/// An access that is a breach.
struct Breach<'a> {
    object: &'a ObjectRef,
    verdict: Verdict,
    usage: Usage,
    /// The caller opened something of its own here.
    placed: bool,
    slot: Slot,
    /// It may be staff that nothing names: it owns nothing here, and was listed the thing.
    strange: bool,
}

impl BolaAccess {
    fn new(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            limits: settings.own()?,
            hasher: Keyed::default(),
            places: HashMap::default(),
            tales: BTreeMap::new(),
            lacking: BTreeMap::new(),
            waiting: VecDeque::new(),
        })
    }

    /// Looks at what one request asks for.
    fn look(&mut self, context: &Context<'_>, findings: &mut Vec<Finding>) {
        let sighting = context.sighting;
        let in_path: Vec<&ObjectRef> =
            sighting.objects.iter().filter(|object| object.in_path).take(SLOTS_MAX).collect();
        for (at, object) in in_path.iter().enumerate() {
            let mut slots = vec![Slot::Path(sighting.endpoint, at)];
            let of_class = || (Arc::clone(&sighting.service), Arc::clone(&object.class));
            if sighting.changes_state {
                let (service, class) = of_class();
                slots.push(Slot::Change(service, class));
            }
            let (service, class) = of_class();
            slots.push(Slot::Class(service, class));
            self.see(context, &slots, object, findings);
        }
        let in_leaves: Vec<&ObjectRef> =
            sighting.objects.iter().filter(|object| !object.in_path).collect();
        // What changes one thing refers to others by right.
        if sighting.changes_state && (in_leaves.len() > 1 || !in_path.is_empty()) {
            return;
        }
        for object in in_leaves.into_iter().take(SLOTS_MAX) {
            let class = || Arc::clone(&object.class);
            let slots = [
                Slot::Leaf(sighting.endpoint, class()),
                Slot::Class(Arc::clone(&sighting.service), class()),
            ];
            self.see(context, &slots, object, findings);
        }
    }

    fn see(
        &mut self,
        context: &Context<'_>,
        slots: &[Slot],
        object: &ObjectRef,
        out: &mut Vec<Finding>,
    ) {
        let verdict = context.objects.judge(context.tx, context.sighting, context.seen, object);
        let Some(foreign) = is_foreign(context, verdict) else { return };
        let endpoint = context.sighting.endpoint;
        let actor = context.seen.principal.unwrap_or(context.seen.actor.id);
        // To be led elsewhere is to be given nothing.
        let given = context.tx.status().is_none_or(|status| (200..300).contains(&status))
            || self.leads_on(context, slots);
        // Those who run the platform are no peers of those who use it.
        if foreign && context.objects.crosses_tenants(context.seen) {
            return self.lacks(Lacks::Role, endpoint, actor);
        }
        self.note_stranger(context, slots, object, verdict, (foreign, given));
        let lacks = match (context.sighting.outcome, context.seen.principal) {
            (Outcome::Success, _) if !given && (foreign || self.way(context).is_none()) => return,
            (Outcome::Failure, _) => return,
            (Outcome::Unknown, _) => Some(Lacks::Answer),
            (_, None) => Some(Lacks::Caller),
            _ => None,
        };
        if let Some(lacks) = lacks {
            if foreign {
                self.lacks(lacks, endpoint, actor);
            }
            return;
        }
        let breach = foreign.then(|| self.judge(context, slots, object, verdict));
        match breach {
            Some(Ok(Some(breach))) => return self.tell(context, &breach, out),
            Some(Err(lacks)) => self.lacks(lacks, endpoint, actor),
            _ => {}
        }
        if works_there(verdict) {
            return;
        }
        let key = self.hasher.hash_one((&object.class, &object.id));
        let crowd = (Group::of(&self.hasher, context), &context.seen.roles);
        let surely = verdict.owner == Ownership::Own && (verdict.named || verdict.made);
        for slot in slots {
            let room = self.places.len() < self.limits.places_max;
            if !room && !self.places.contains_key(slot) {
                continue;
            }
            let way = self.way(context).filter(|_| !foreign);
            let place = self.places.entry(slot.clone()).or_default();
            place.note(crowd, actor, key, (!foreign, surely));
            if let Some(way) = way {
                place.leads(way);
            }
        }
    }

    /// Notes how one goes about here who may own nothing of the kind.
    fn note_stranger(
        &mut self,
        context: &Context<'_>,
        slots: &[Slot],
        object: &ObjectRef,
        verdict: Verdict,
        (foreign, given): (bool, bool),
    ) {
        let Some(actor) = context.seen.principal.filter(|_| context.seen.roles.is_empty()) else {
            return;
        };
        let who = (Group::of(&self.hasher, context), actor);
        let thing = self.hasher.hash_one((&object.class, &object.id));
        for slot in slots {
            let Some(place) = self.places.get_mut(slot) else { continue };
            let strangers = &mut place.strangers;
            match context.sighting.outcome {
                Outcome::Success if !foreign && !works_there(verdict) => strangers.settles(who),
                Outcome::Success if given => {
                    strangers.opened(who, thing, verdict.listed, context.at());
                }
                Outcome::Failure if !verdict.shown => strangers.missed(who, context.at()),
                _ => {}
            }
        }
    }

    /// Who changes something by a form is led on: where those are led who change their own.
    fn leads_on(&self, context: &Context<'_>, slots: &[Slot]) -> bool {
        let Some(way) = self.way(context) else { return false };
        slots.iter().any(|slot| self.places.get(slot).is_some_and(|place| place.led(way)))
    }

    /// Where a form leads, whatever it is about.
    fn way(&self, context: &Context<'_>) -> Option<u64> {
        let response = context.tx.response.as_ref().filter(|_| context.sighting.changes_state)?;
        let location = response.location.as_deref()?;
        let path = location.split(['?', '#']).next().unwrap_or_default();
        let named =
            |part: &&str| part.bytes().any(|b| b.is_ascii_alphabetic()) && part.len() < WAY_MAX;
        let way: Vec<&str> = path.split('/').filter(named).take(WAY_PARTS).collect();
        Some(self.hasher.hash_one((response.status, way, location.contains('?'))))
    }

    /// Judges an access to what is another's.
    fn judge<'a>(
        &self,
        context: &Context<'_>,
        slots: &[Slot],
        object: &'a ObjectRef,
        verdict: Verdict,
    ) -> Result<Option<Breach<'a>>, Lacks> {
        let seen = context.seen;
        let Some(actor) = seen.principal else { return Err(Lacks::Caller) };
        if seen.roles.is_empty() && rights::has_privilege(seen) {
            return Err(Lacks::Role);
        }
        // Who makes things for others by its role does not own them.
        let maker = verdict.owner_id.filter(|_| verdict.made && !verdict.named);
        let maker = maker.and_then(|maker| context.objects.person(maker));
        if maker.is_some_and(|maker| rights::any_above(seen, &maker.actor.roles)) {
            return Ok(None);
        }
        let crowd = (Group::of(&self.hasher, context), &seen.roles);
        let mut lacks = Lacks::Owners;
        let mut by_owners = false;
        for slot in slots {
            let found = self.places.get(slot);
            let owners_min = match slot {
                Slot::Class(..) => self.limits.owners_min,
                _ => self.limits.owners_min.min(OWNERS_FEW),
            };
            let Some((usage, standing)) =
                found.and_then(|place| place.usage(crowd, actor, owners_min))
            else {
                let used = found.is_some_and(|place| !place.is_empty());
                lacks = if used && !seen.roles.is_empty() { Lacks::Role } else { lacks };
                continue;
            };
            // What is known of a kind of thing holds for what is done with it, once owners alone
            // were seen to do it.
            if matches!(slot, Slot::Class(..)) {
                if !by_owners {
                    continue;
                }
            } else {
                by_owners |= usage.owners >= OWNERS_FEW && usage.foreign == 0;
            }
            if usage.own < self.limits.objects_min || usage.owners < self.limits.owners_min {
                continue;
            }
            // Where nobody opens what it made itself, making is not owning.
            if verdict.made && !verdict.named && usage.makers < OWNERS_FEW {
                continue;
            }
            let common = usage.bound > self.limits.foreign_share_max
                || usage.foreign.saturating_mul(50) > usage.own;
            if common {
                return Ok(None);
            }
            let placed = standing.owns;
            // Who owns nothing here may follow a link that was passed on; who owns nothing at all
            // and has no role may be staff.
            let changes_person = context.sighting.changes_state && verdict.person.is_some();
            if !placed && !changes_person && across(context, object, verdict).is_none() {
                if seen.roles.is_empty() && !context.objects.owns(actor) {
                    return Err(Lacks::Role);
                }
                if standing.foreign.saturating_add(1) < places::SEVERAL {
                    continue;
                }
            }
            let concluded = !verdict.named && !verdict.made && verdict.person.is_none();
            if concluded && (usage.own < SHOWN_OBJECTS_MIN || verdict.uncertain || !placed) {
                return Err(Lacks::Owners);
            }
            let strange = !placed && seen.roles.is_empty() && verdict.listed && !changes_person;
            let strange = strange && across(context, object, verdict).is_none();
            if strange && self.work_alike(slot, (crowd.0, actor), context.at()) {
                return Err(Lacks::Role);
            }
            let slot = slot.clone();
            return Ok(Some(Breach { object, verdict, usage, placed, slot, strange }));
        }
        Err(lacks)
    }

    /// Others who own nothing at a place go about it as the caller does.
    fn work_alike(&self, slot: &Slot, who: (Group, ActorId), now: Timestamp) -> bool {
        let place = self.places.get(slot);
        place.is_some_and(|place| place.strangers.work_alike(who, now))
    }

    /// Keeps a finding until it is known whether others go about it alike.
    fn wait(&mut self, context: &Context<'_>, slot: Slot, finding: Finding) {
        let actor = context.seen.principal.unwrap_or(context.seen.actor.id);
        let who = (Group::of(&self.hasher, context), actor);
        let key = (context.seen.actor.id, context.sighting.endpoint);
        if let Some(known) = self.waiting.iter_mut().find(|waiting| waiting.key == key) {
            known.finding = finding;
            return;
        }
        if self.waiting.len() >= WAITING_MAX {
            self.waiting.pop_front();
        }
        let until = context.at().plus(WAIT);
        self.waiting.push_back(Waiting { until, key, slot, who, finding });
    }

    /// What waited is told, unless others turned out to go about it alike.
    fn tick(&mut self, now: Timestamp, all: bool, out: &mut Vec<Finding>) {
        while self.waiting.front().is_some_and(|waiting| all || waiting.until <= now) {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if self.work_alike(&waiting.slot, waiting.who, now) {
                self.tales.remove(&waiting.key);
                self.lacks(Lacks::Role, waiting.key.1, waiting.key.0);
                continue;
            }
            if let Some(tale) = self.tales.get_mut(&waiting.key)
                && !tale.due(now, Outcome::Success)
            {
                continue;
            }
            out.push(waiting.finding);
        }
    }

    /// A header names another tenant than the one that its user keeps to, and it was answered.
    fn strays(
        &mut self,
        context: &Context<'_>,
        (own, theirs): &(Arc<str>, Arc<str>),
        out: &mut Vec<Finding>,
    ) {
        let Context { sighting, seen, objects, .. } = context;
        let known = objects.is_tenant(theirs) && !objects.was_named(sighting, seen, theirs);
        if sighting.outcome != Outcome::Success || !known || objects.crosses_tenants(seen) {
            return;
        }
        let whose = format!(
            "{} asked as of tenant {theirs}, and keeps to tenant {own}",
            seen.person.as_ref().unwrap_or(&seen.actor).name
        );
        let tale = self.tale((seen.actor.id, EndpointId(0)));
        tale.add(context, whose.clone(), false);
        if !tale.due(context.at(), Outcome::Success) {
            return;
        }
        let mut finding = context.finding(SPEC.rule.id, SPEC.severity, (*seen.actor).clone());
        tale.fill(&mut finding);
        finding.outcome = Outcome::Success;
        finding.confidence = 0.8;
        finding.why = vec![signal("tenant_named", theirs.to_string(), own.to_string())];
        finding.remediation =
            "let the gateway set the tenant from the credential alone; review what was read"
                .to_owned();
        finding.message = format!("{whose}; it was answered all the same");
        out.push(finding);
    }

    fn tale(&mut self, key: (ActorId, EndpointId)) -> &mut Tale {
        if self.tales.len() >= TALES_MAX && !self.tales.contains_key(&key) {
            self.tales.clear();
        }
        self.tales.entry(key).or_default()
    }

    fn lacks(&mut self, lacks: Lacks, endpoint: EndpointId, actor: ActorId) {
        let lacking = self.lacking.entry(lacks).or_default();
        if lacking.len() < 1000 {
            lacking.insert((endpoint, actor));
        }
    }

    fn tell(&mut self, context: &Context<'_>, breach: &Breach<'_>, out: &mut Vec<Finding>) {
        let tale = self.tale((context.seen.actor.id, context.sighting.endpoint));
        let whose = whose(context, breach);
        tale.add(context, whose.clone(), false);
        let people = [breach.verdict.owner_id.or(breach.verdict.person), context.seen.principal];
        for person in people.into_iter().flatten() {
            if let Some(user) = context.objects.person(person).and_then(|p| p.actor.user.as_deref())
            {
                tale.user(user);
            }
        }
        if breach.strange && !tale.was_told() {
            let finding = finding(context, breach, tale, &whose);
            return self.wait(context, breach.slot.clone(), finding);
        }
        if tale.due(context.at(), Outcome::Success) {
            out.push(finding(context, breach, tale, &whose));
        }
    }
}

/// Whether it is another's object that the asker has no right to; `None` where nothing is known.
fn is_foreign(context: &Context<'_>, verdict: Verdict) -> Option<bool> {
    if verdict.person.is_some() && verdict.owner != Ownership::Own {
        // To look at somebody who was shown is no breach; to change somebody may be.
        let shown = verdict.shown && !context.sighting.changes_state;
        return Some(!shown && !verdict.granted);
    }
    match verdict.owner {
        Ownership::Own => Some(false),
        Ownership::Shared => None,
        Ownership::Other => {
            let known = verdict.named
                || verdict.owner_id.is_some_and(|id| context.objects.person(id).is_some());
            (verdict.shown || verdict.granted || known)
                .then_some(!verdict.shown && !verdict.granted)
        }
        Ownership::Unknown => verdict.shown.then_some(false),
    }
}

/// Who is shown things as others' by right works there, and is at home nowhere.
fn works_there(verdict: Verdict) -> bool {
    verdict.owner == Ownership::Other && verdict.shown && !verdict.shown_plainly && !verdict.granted
}

/// "order 7 was made by user:ann, tenant 3; never shown to user:bob, tenant 5".
fn whose(context: &Context<'_>, breach: &Breach<'_>) -> String {
    let Breach { object, verdict, .. } = breach;
    let person = |id: ActorId| {
        let person = context.objects.person(id)?;
        let tenant = person.tenant.as_ref().map_or(String::new(), |t| format!(", tenant {t}"));
        Some(format!("{}{tenant}", person.actor.name))
    };
    let owner = verdict.owner_id.or(verdict.person).and_then(person);
    let owner = owner.unwrap_or_else(|| "somebody of another name".to_owned());
    let asker = context.seen.principal.and_then(person);
    let asker = asker.unwrap_or_else(|| context.seen.actor.name.clone());
    let class = if object.class.is_empty() { "object" } else { &object.class };
    if let (None, Some((theirs, own))) =
        (verdict.owner_id.or(verdict.person), across(context, object, *verdict))
    {
        let id = &object.id;
        let asker = &context.seen.person.as_ref().unwrap_or(&context.seen.actor).name;
        let whose = if *theirs == **id && OF_ONE.contains(&class) {
            return format!("{class} {id} is another's; {asker} keeps to {class} {own}");
        } else if *theirs == **id {
            format!("{class} {id} is another tenant")
        } else {
            format!("{class} {id} belongs to tenant {theirs}")
        };
        return format!("{whose}; never shown to {asker}, tenant {own}");
    }
    let how = match verdict {
        _ if verdict.person.is_some() && verdict.owner_id.is_none() => "is",
        Verdict { named: true, .. } => "names as its owner",
        Verdict { made: true, .. } => "was made by",
        _ => "was shown only to",
    };
    format!("{class} {} {how} {owner}; never shown to {asker}", object.id)
}

/// The tenant of the object, or of its owner, and the asker's, where both are known and differ.
fn across(
    context: &Context<'_>,
    object: &ObjectRef,
    verdict: Verdict,
) -> Option<(Arc<str>, Arc<str>)> {
    let Context { tx, sighting, seen, objects, .. } = context;
    let owner = verdict.owner_id.or(verdict.person).and_then(|owner| objects.person(owner));
    let theirs = owner.and_then(|owner| owner.tenant.clone());
    match (theirs, &seen.tenant) {
        (Some(_), Some(_)) if objects.crosses_tenants(seen) => None,
        (Some(theirs), Some(own)) => (theirs != *own).then(|| (theirs, Arc::clone(own))),
        _ => objects.tenants_apart(tx, sighting, seen, object),
    }
}

fn finding(context: &Context<'_>, breach: &Breach<'_>, tale: &Tale, whose: &str) -> Finding {
    let Breach { verdict, usage, .. } = breach;
    let tenants = across(context, breach.object, *verdict);
    let certain =
        (breach.placed || !context.seen.roles.is_empty()) && (verdict.named || !verdict.uncertain);
    let severity = match (&tenants, certain) {
        (Some(_), _) => Severity::Critical,
        (None, true) => SPEC.severity,
        (None, false) => Severity::Medium,
    };
    let mut finding = context.finding(SPEC.rule.id, severity, (*context.seen.actor).clone());
    tale.fill(&mut finding);
    finding.outcome = Outcome::Success;
    finding.confidence = match (certain, verdict.named) {
        (true, true) => 0.95,
        (true, false) => 0.85,
        (false, _) => 0.6,
    };
    finding.message = if context.sighting.changes_state {
        format!("{whose}; it was changed all the same")
    } else {
        format!("{whose}; it was given all the same")
    };
    finding.why = vec![
        signal("owner", whose.to_owned(), "the caller, or one who let it in"),
        signal(
            "others_objects_among_peers",
            format!("{} of {}", usage.foreign, usage.own.saturating_add(usage.foreign)),
            format!("at most {:.0} % by bound", 100.0 * usage.bound),
        ),
        signal("owners_compared_with", usage.owners.to_string(), "5 or more"),
    ];
    if let Some((theirs, own)) = tenants {
        finding.why.push(signal("tenant_of_the_object", theirs.to_string(), own.to_string()));
    }
    if !certain {
        finding.why.push(signal(
            "confidence_reason",
            "the caller owns nothing here".to_owned(),
            "an owner like its peers",
        ));
    }
    finding.remediation = format!(
        "check on {} that the object belongs to the caller; review what the caller read or changed",
        context.sighting.name
    );
    finding
}

impl Detector for BolaAccess {
    fn configure(&mut self, settings: &Settings) -> Result<bool, SettingsError> {
        self.limits = settings.own()?;
        Ok(true)
    }

    fn observe(&mut self, observation: &Observation<'_>, findings: &mut Vec<Finding>) {
        let context = match observation {
            Observation::Transaction(context) => *context,
            Observation::Tick(now) => return self.tick(*now, false, findings),
            Observation::End(now) => return self.tick(*now, true, findings),
            Observation::Running(_) | Observation::Tls(_) => return,
        };
        let sighting = context.sighting;
        if !sighting.merged.is_empty() {
            self.places.retain(|slot, _| match slot {
                Slot::Path(endpoint, _) | Slot::Leaf(endpoint, _) => {
                    !sighting.merged.contains(endpoint)
                }
                Slot::Change(..) | Slot::Class(..) => true,
            });
        }
        if sighting.login.is_some() {
            return;
        }
        if let Some(strays) = &context.seen.strays {
            self.strays(context, strays, findings);
        }
        if sighting.inside.is_empty() {
            return self.look(context, findings);
        }
        for part in &sighting.inside {
            self.look(&Context { sighting: &part.sighting, ..*context }, findings);
        }
    }

    fn not_evaluated(&self) -> Vec<NotEvaluated> {
        let reason = |lacks: &Lacks| match lacks {
            Lacks::Answer => "others' objects asked for, answers not seen or telling nothing",
            Lacks::Caller => "others' objects opened by callers without a name",
            Lacks::Owners => {
                "others' objects opened where too few owners are known, needs 5 who opened 20"
            }
            Lacks::Role => {
                "others' objects opened by callers of a role without peers, or who own nothing and \
                 have no known role"
            }
        };
        self.lacking
            .iter()
            .map(|(lacks, who)| NotEvaluated {
                rule: SPEC.rule.id,
                count: who.len() as u64,
                reason: reason(lacks).to_owned(),
            })
            .collect()
    }
}
