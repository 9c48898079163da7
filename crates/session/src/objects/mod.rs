//! Which objects each actor was shown, and whose they are.
//!
//! A response *shows* the ids it names to whoever got it. It shows them as the actor's own unless
//! the record names another owner, or stands under somebody else's object. Owner fields are not
//! known by name: they are learned by equality with what principals are called (`owners.rs`).
//! Text ids are matched by value; whole numbers by resource class and value (`strict`), and, where
//! an application names one resource in two ways, by value alone (`loose`).

mod common;
mod crossing;
mod generations;
mod grants;
mod holders;
mod keys;
mod listings;
mod owners;
mod shows;
mod staff;
mod tenancy;

use crate::seen::Seen;
use common::Common;
use crossing::Crossing;
use generations::Generations;
use grants::{Given, Grants};
use holders::Holders;
use keys::Keys;
use listings::Gave;
use owners::Owners;
pub use owners::Person;
use serde::{Deserialize, Serialize};
use shows::{About, Shown, Shows};
use staff::Staff;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_inventory::{ObjectRef, Sighting};
use stilt_model::{
    ActorId, Leaf, Outcome, Timestamp, Transaction,
    saved::{Remember, Unfit},
};
use tenancy::Tenancy;

/// Digits of a number that is hardly shown by chance as a text.
const DIGITS_MIN: usize = 5;

/// Leaves of a request among which the owner is looked for whose things it asks for.
const LEAVES_ASKED: usize = 64;

/// Limits of the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Objects whose holders and owners are remembered at most.
    pub objects_max: usize,
    /// Ids remembered as shown to one actor at most; the oldest half goes first.
    pub shown_per_actor_max: usize,
    /// Ids remembered as shown to all actors at most; the actor longest idle is forgotten first.
    pub shown_max: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self { objects_max: 400_000, shown_per_actor_max: 16_384, shown_max: 3_000_000 }
    }
}

/// Whose an object is, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ownership {
    /// Nothing is known.
    Unknown,
    /// It names the actor as its owner, or was shown as own to the actor alone.
    Own,
    /// It names somebody else as its owner, or was shown as own to somebody else alone.
    Other,
    /// It was shown to many as if it were theirs: public, or common to a group.
    Shared,
}

/// What is known of one object that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// It was shown to the actor before, as its own or by right.
    pub shown: bool,
    /// A whole number of that value was shown to the actor before, whatever it named.
    pub shown_loosely: bool,
    /// An answer to the actor has named it before, whosever it was said to be.
    pub listed: bool,
    /// Where it was shown, an answer gave it as the actor's own, or as nobody's.
    pub shown_plainly: bool,
    /// Whose it is.
    pub owner: Ownership,
    /// The owner was named by the object itself, not concluded from who was shown it.
    pub named: bool,
    /// Something that was shown to the actor has been forgotten, or could not be read: what was
    /// not seen to be shown may have been.
    pub uncertain: bool,
    /// The one principal whose it is, where that is not the actor.
    pub owner_id: Option<ActorId>,
    /// The owner, be it the actor, was seen to make it.
    pub made: bool,
    /// The object is itself a principal other than the actor.
    pub person: Option<ActorId>,
    /// The actor was let in by a request of somebody who could (sharing, delegation, transfer).
    pub granted: bool,
    /// The actor works with what is others', and is shown most of it.
    pub staff: bool,
}

impl Verdict {
    /// It is known to be another's, and nothing is known that gives the actor a right to it.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let others = self.owner == Ownership::Other && (self.named || self.owner_id.is_some());
        others && !self.shown && !self.granted
    }
}

/// What one actor was shown.
#[derive(Debug, Serialize, Deserialize)]
struct Memory {
    shown: Generations<Shown>,
    last: Timestamp,
    order: u64,
    uncertain: bool,
}

/// Objects, their owners, and who was shown them.
#[derive(Serialize, Deserialize)]
pub struct Objects {
    #[serde(skip)]
    config: Config,
    keys: Keys,
    #[serde(skip)]
    shows: Shows,
    owners: Owners,
    holders: Generations<Holders>,
    staff: Staff,
    tenancy: Tenancy,
    crossing: Crossing,
    common: Common,
    grants: Grants,
    memories: HashMap<ActorId, Memory, foldhash::fast::RandomState>,
    idle: BTreeMap<(Timestamp, u64), ActorId>,
    entries: usize,
    clock: u64,
    #[serde(skip)]
    forgotten: u64,
    /// When something passed last that was not seen.
    blind: Option<Timestamp>,
}

/// How long what was not seen may explain what comes after.
const BLIND_SECS: u64 = 3600;

impl Objects {
    /// Nothing is known yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            keys: Keys::default(),
            shows: Shows::default(),
            owners: Owners::default(),
            holders: Generations::new(config.objects_max),
            staff: Staff::default(),
            tenancy: Tenancy::default(),
            crossing: Crossing::default(),
            common: Common::default(),
            grants: Grants::default(),
            memories: HashMap::default(),
            idle: BTreeMap::new(),
            entries: 0,
            clock: 0,
            forgotten: 0,
            blind: None,
        }
    }

    /// Takes what was remembered in place of all that is known; settings stay.
    ///
    /// # Errors
    /// Bytes that are no such memory; then nothing is changed.
    pub fn restore(&mut self, memory: &[u8]) -> Result<(), Unfit> {
        let config = self.config.clone();
        self.load(memory)?;
        self.holders.resize(config.objects_max);
        for memory in self.memories.values_mut() {
            memory.shown.resize(config.shown_per_actor_max);
        }
        self.config = config;
        Ok(())
    }

    /// Packets passed about `now` that were not seen, whoever they were for: for an hour whatever
    /// is not named otherwise may have been shown to whoever asks for it.
    pub fn missed(&mut self, now: Timestamp) {
        self.blind = self.blind.max(Some(now));
    }

    /// Actors whose memory was dropped because the table was full.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// What is known of a principal by its id.
    #[must_use]
    pub fn person(&self, actor: ActorId) -> Option<&Person> {
        self.owners.person(actor)
    }

    /// The principal whom a leaf names, where only one is called so.
    #[must_use]
    pub fn person_named(&self, leaf: &Leaf) -> Option<ActorId> {
        let name = self.owners.person_in(&self.keys, leaf, false)?;
        self.owners.called(name)
    }

    /// Something was seen that names the principal as its owner.
    #[must_use]
    pub fn owns(&self, actor: ActorId) -> bool {
        self.owners.owns(actor)
    }

    /// What is known of `object` as `seen` asks for it. The answer to the request may name the
    /// owner itself; everything else rests on what came before.
    #[must_use]
    pub fn judge(
        &self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        object: &ObjectRef,
    ) -> Verdict {
        let service = self.keys.service(sighting);
        let key = self.keys.object(service, object);
        let loose = self.keys.loose(service, &object.id);
        let own_name = seen.aliases.binary_search(&object.id).is_ok();
        let held = self.holders.get(key);
        let staff = self.staff.is(actor_of(seen));
        let named = self
            .owners
            .named_in(&self.keys, tx, sighting.endpoint, seen, object)
            .or_else(|| held.and_then(|held| held.named));
        let owner = match (own_name, named, held) {
            (true, ..) => Ownership::Own,
            (_, Some(name), _) if self.owners.is_called(&self.keys, seen, name) => Ownership::Own,
            (_, Some(_), _) => Ownership::Other,
            (_, _, None) => Ownership::Unknown,
            (_, _, Some(held)) if held.is_empty() => Ownership::Unknown,
            (_, _, Some(held)) if staff || held.many(&self.staff) => Ownership::Shared,
            (_, _, Some(held)) if held.holds(actor_of(seen)) || held.holds(seen.client) => {
                Ownership::Own
            }
            _ => Ownership::Other,
        };
        // Where it names no person, a tenant says whose it is.
        let person_named = named.is_some();
        let tenant = self
            .owners
            .tenant_in(&self.keys, tx, seen, object, held.and_then(|held| held.tenant()))
            .filter(|own| *own || !self.crosses_tenants(seen))
            .or_else(|| self.at_home(sighting, seen, object))
            .filter(|_| !(own_name || person_named && owner == Ownership::Own));
        let (owner, named) = match tenant {
            Some(true) if !person_named => (Ownership::Own, named),
            Some(false) => (Ownership::Other, named.or(Some(0))),
            _ => (owner, named),
        };
        let blind = self
            .blind
            .is_some_and(|at| tx.start.since(at) < core::time::Duration::from_secs(BLIND_SECS));
        let owner = match owner {
            // Who else was shown it says nothing while it is not known who was.
            Ownership::Other if blind && named.is_none() => Ownership::Unknown,
            owner => owner,
        };
        // An id of letters and digits may be all digits by chance, under a name that tells no id.
        let as_text = object.number.is_some() && object.id.len() >= DIGITS_MIN;
        let shown = owner == Ownership::Own
            || self.was_shown(seen, key)
            || (as_text && self.was_shown(seen, self.keys.text(service, &object.id)))
            || (blind && named.is_none());
        let others = owner == Ownership::Other;
        let single = held.and_then(|held| held.single(&self.staff));
        let owner_id = named.and_then(|name| self.owners.called(name)).or(single);
        let owner_id = owner_id.filter(|id| others && *id != actor_of(seen));
        let person = self.owners.called(self.keys.name(&object.id));
        let person = person.filter(|id| object.number.is_none() && Some(*id) != seen.principal);
        let leaves = tx.response.as_ref().map_or(&[][..], |response| &response.leaves);
        let granted = (others || person.is_some())
            && (self.grants.lets(&self.keys, seen, key, owner_id.or(person))
                || grants::names_asker(&self.keys, &self.owners, leaves, seen));
        Verdict {
            owner_id,
            made: match owner {
                Ownership::Own => held.is_some_and(|held| held.made_by(actor_of(seen))),
                _ => owner_id.is_some_and(|owner| {
                    single == owner_id && held.is_some_and(|held| held.made_by(owner))
                }),
            },
            person,
            granted,
            shown,
            shown_loosely: shown || self.was_shown(seen, loose),
            shown_plainly: owner == Ownership::Own || self.was_shown_plainly(seen, key),
            listed: shown || self.was_listed(seen, key) || self.was_listed(seen, loose),
            owner,
            named: named.is_some(),
            staff,
            uncertain: blind || self.memories_of(seen).any(|memory| memory.uncertain),
        }
    }

    /// What belongs to other tenants is no stranger to the asker than to the rest of its own: they
    /// run the platform, or nothing is known of them yet.
    #[must_use]
    pub fn crosses_tenants(&self, seen: &Seen) -> bool {
        let own = seen.tenants.iter().map(|tenant| self.keys.name(tenant));
        let mut own = own.peekable();
        own.peek().is_some() && own.all(|tenant| !self.crossing.keeps_apart(tenant))
    }

    /// Somebody is known to belong to a tenant of that name.
    #[must_use]
    pub fn is_tenant(&self, name: &str) -> bool {
        self.owners.is_tenant(&self.keys, name)
    }

    /// A text was shown to the asker before.
    #[must_use]
    pub fn was_named(&self, sighting: &Sighting, seen: &Seen, text: &str) -> bool {
        let service = self.keys.service(sighting);
        let key = self.keys.loose(service, text);
        self.memories_of(seen).any(|memory| memory.shown.get(key).is_some())
    }

    /// Notes whether a member of a tenant opened what belongs to it, or to another.
    fn note_crossing(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) {
        let (Some(actor), [tenant]) = (seen.principal, seen.tenants.as_slice()) else { return };
        let service = self.keys.service(sighting);
        let opened = sighting.objects.iter().filter(|object| object.in_path).find_map(|object| {
            let held = self.holders.get(self.keys.object(service, object));
            let held = held.and_then(|held| held.tenant());
            let named = self.owners.tenant_in(&self.keys, tx, seen, object, held);
            named.or_else(|| {
                let verdict = self.judge(tx, sighting, seen, object);
                let owner = verdict.owner_id.or(verdict.person);
                let theirs = owner.and_then(|owner| self.person(owner)?.tenant.clone());
                match theirs {
                    Some(theirs) => Some(*theirs == **tenant),
                    None => (verdict.owner == Ownership::Own).then_some(true),
                }
            })
        });
        if let Some(own) = opened {
            self.crossing.note(self.keys.name(tenant), actor, own);
        }
    }

    /// Whether a part of the path that names tenants names the one that the asker keeps to; `None`
    /// where it names none.
    fn at_home(&self, sighting: &Sighting, seen: &Seen, object: &ObjectRef) -> Option<bool> {
        let service = self.keys.service(sighting);
        let actor = seen.principal.filter(|_| object.in_path && seen.tenants.is_empty())?;
        if self.tenancy.is_home(&self.keys, service, object, actor) {
            return Some(true);
        }
        self.tenancy.apart(&self.keys, service, object, actor).map(|_| false)
    }

    /// The tenant of an object that is asked for, and that of the asker, where they are known and
    /// differ: from what the answer names, from where it was seen before, or from the path.
    #[must_use]
    pub fn tenants_apart(
        &self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
        object: &ObjectRef,
    ) -> Option<(Arc<str>, Arc<str>)> {
        let service = self.keys.service(sighting);
        let key = self.keys.object(service, object);
        let held = self.holders.get(key).and_then(|held| held.tenant());
        let named = self.owners.tenant_named(&self.keys, tx, object, held);
        let own = seen.tenant.clone().or_else(|| seen.tenants.first().map(|t| Arc::from(&**t)));
        match (named, own) {
            (Some(_), Some(_)) if self.crosses_tenants(seen) => None,
            (Some(named), Some(own)) => {
                (!seen.tenants.iter().any(|t| **t == *named)).then_some((named, own))
            }
            (_, None) => self.tenancy.apart(&self.keys, service, object, seen.principal?),
            _ => None,
        }
    }

    /// The tenant of the asker below which a request stands.
    fn below(&self, sighting: &Sighting, seen: &Seen) -> Option<u64> {
        let service = self.keys.service(sighting);
        let first = sighting.objects.first().filter(|object| object.in_path)?;
        let named = self.owners.tenant_asked(&self.keys, first);
        let own = named.is_some_and(|_| seen.tenants.contains(&first.id))
            || (seen.tenants.is_empty()
                && self.tenancy.is_home(&self.keys, service, first, seen.principal?));
        own.then(|| self.keys.name(&first.id))
    }

    fn memories_of(&self, seen: &Seen) -> impl Iterator<Item = &Memory> {
        let actor = actor_of(seen);
        let client = (seen.client != actor).then_some(seen.client);
        core::iter::once(actor).chain(client).filter_map(|id| self.memories.get(&id))
    }

    fn was_shown(&self, seen: &Seen, key: u64) -> bool {
        self.memories_of(seen).filter_map(|memory| memory.shown.get(key)).any(|shown| {
            // What names another owner is shown by right to one of the few whom a list gives more
            // than their own, or to somebody who owns nothing of the kind (an administrator, a
            // job), at a place that does not show it to everybody.
            shown.foreign_at().is_none_or(|(place, taken)| {
                (!taken && self.owners.listings.chooses(place))
                    || (!self.owners.owns(actor_of(seen)) && !self.owners.is_public(place))
            })
        })
    }

    /// An answer has named it, and nobody else as its owner.
    fn was_shown_plainly(&self, seen: &Seen, key: u64) -> bool {
        let mut shown = self.memories_of(seen).filter_map(|memory| memory.shown.get(key));
        shown.any(|shown| shown.foreign_at().is_none())
    }

    /// An answer has named it, whosever it was said to be.
    fn was_listed(&self, seen: &Seen, key: u64) -> bool {
        self.memories_of(seen).any(|memory| memory.shown.get(key).is_some())
    }

    /// Learns what the transaction showed, to whom, and whose it is.
    pub fn learn(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen) {
        self.owners.register(&self.keys, seen);
        let actor = actor_of(seen);
        let Some(response) = &tx.response else {
            return;
        };
        if sighting.outcome != Outcome::Success {
            return;
        }
        self.note_crossing(tx, sighting, seen);
        let service = self.keys.service(sighting);
        let resource = &*sighting.resource;
        let things = sighting.objects.iter().any(|object| object.in_path);
        let place = (sighting.endpoint, resource, things);
        let records = self.owners.read(&self.keys, tx, place, seen);
        let (under_other, others) = self.of_others(tx, sighting, seen);
        let mut shows = Vec::with_capacity(response.leaves.len());
        let about = About { service, resource, keys: &sighting.keys };
        self.shows.in_response(&self.keys, response, about, &mut shows);
        if sighting.changes_state && sighting.login.is_none() && !under_other {
            self.shows.in_request(&self.keys, tx, about, &mut shows);
        }
        let given = Given::read(&self.keys, &self.owners, tx, sighting, seen);
        self.give(tx, sighting, seen, &given);
        let makes = sighting.changes_state && sighting.login.is_none();
        let puts = tx.request.as_ref().is_some_and(|request| request.method == "PUT");
        let names_it = puts || response.status == 201;
        let anonymous =
            seen.actor.kind == stilt_model::ActorKind::Client && seen.principal.is_none();
        let tenants = self.owners.tenants_of(&self.keys, &response.leaves);
        let below = if under_other { None } else { self.note_tenant(sighting, seen) };
        let taken = things || !others.is_empty() || self.asks_for_owner(tx, &records);
        let mut foreign = false;
        let mut shown = Vec::with_capacity(shows.len());
        let inside = || sighting.inside.iter().flat_map(|part| &part.sighting.objects);
        let asked = sighting.objects.iter().chain(inside());
        let asked: Vec<u64> = asked.map(|o| self.keys.object(service, o)).collect();
        // Of a batch, what answers one of its requests stands below what that one asks for.
        let foreign_parts = self.foreign_parts(tx, sighting, seen);
        for show in &shows {
            let tenant = tenants.get(&show.record).or_else(|| tenants.get(&None)).copied();
            if show.identifies && tenant.or(below).is_some() {
                self.holders.merge(show.key, |holders| {
                    let mut holders = holders.unwrap_or_default();
                    holders.stands_below(tenant, below);
                    holders
                });
            }
            let named = records.owner_of(show.record);
            // A record that is named by nobody but itself has no owner apart.
            let named = named.filter(|name| show.name != Some(*name));
            let under_other =
                under_other || show.record.is_some_and(|record| foreign_parts.contains(&record));
            // What it has just made is its own, whoever's the place is where it stands.
            let made = makes
                && response.status == 201
                && self.holders.get(show.key).is_none_or(|held| held.is_empty())
                && !asked.contains(&show.key);
            let other = named.map_or(under_other && !made, |name| !records.is_own(name));
            // Asking for an object is not being shown it.
            let kept =
                others.contains(&show.key) && !named.is_some_and(|name| records.is_own(name));
            if kept || (asked.contains(&show.key) && (under_other || other)) {
                self.name_owner(show, named);
                continue;
            }
            foreign |= other;
            let value = Shown::of(other.then_some(sighting.endpoint), taken);
            shown.push((show.key, value));
            shown.extend(show.loose.map(|loose| (loose, value)));
            self.name_owner(show, named);
            if show.identifies && !other && !given.is_empty() && !asked.contains(&show.key) {
                self.grants.object(&self.keys, show.key, &given);
            }
            if show.identifies && named.is_none() && !other {
                let staff = &mut self.staff;
                self.holders.merge(show.key, |holders| {
                    let mut holders = holders.unwrap_or_default();
                    if anonymous {
                        holders.is_shown_to_anybody();
                    } else {
                        // What is asked for by its id was there before, but for what a client
                        // names itself.
                        let new = !asked.contains(&show.key) || names_it;
                        holders.add(actor, makes && new, staff);
                    }
                    holders
                });
            }
        }
        self.remember(actor, tx.end, &shown);
        let own = records.lists_own() && !taken;
        let several = records.name_several();
        let gave = Gave { own, foreign, to_anybody: anonymous, several };
        self.owners.listings.note(sighting.endpoint, actor, gave);
        let unread = response.leaves_cut || tx.flags.gap || tx.flags.snaplen || tx.flags.incomplete;
        if unread && let Some(memory) = self.memories.get_mut(&actor) {
            memory.uncertain = true;
        }
    }

    /// The request names the owner whose records came: they were taken, not offered.
    fn asks_for_owner(&self, tx: &Transaction, records: &owners::Records) -> bool {
        let leaves = tx.request.iter().flat_map(|request| &request.leaves).take(LEAVES_ASKED);
        let asked = leaves.filter_map(|leaf| owners::name_of(&self.keys, leaf)).collect();
        records.name_one_of(&asked)
    }

    /// Whether what the path asks for is somebody else's, and which objects asked for otherwise
    /// are: what is somebody else's stays so, though it was asked for by query or body. Other
    /// objects of such a request may be references of something new.
    fn of_others(
        &mut self,
        tx: &Transaction,
        sighting: &Sighting,
        seen: &Seen,
    ) -> (bool, Vec<u64>) {
        let service = self.keys.service(sighting);
        let (mut under_other, mut others) = (false, Vec::new());
        for object in &sighting.objects {
            let verdict = self.judge(tx, sighting, seen, object);
            let other = verdict.owner == Ownership::Other;
            if object.in_path {
                let class = self.keys.class_of(service, &object.class);
                if let (true, Some(caller)) = (verdict.named, seen.principal) {
                    self.common.note(class, caller, verdict.owner == Ownership::Own);
                }
                let common = self.common.is(class);
                under_other |= (other && !common)
                    || (!verdict.shown && !other && verdict.owner != Ownership::Shared);
            } else if other {
                others.push(self.keys.object(service, object));
            }
        }
        (under_other, others)
    }

    /// Notes the tenant that a path may name; gives the one of the asker below which it stands.
    fn note_tenant(&mut self, sighting: &Sighting, seen: &Seen) -> Option<u64> {
        let below = self.below(sighting, seen);
        let first = sighting.objects.first().filter(|object| object.in_path)?;
        let service = self.keys.service(sighting);
        self.tenancy.note(&self.keys, service, first, seen.principal?);
        below
    }

    /// Requests of a batch that ask for what is another's, or was never shown to the asker.
    fn foreign_parts(&self, tx: &Transaction, sighting: &Sighting, seen: &Seen) -> BTreeSet<u32> {
        let foreign = |sighting: &Sighting| {
            sighting.objects.iter().any(|object| {
                let verdict = self.judge(tx, sighting, seen, object);
                verdict.owner == Ownership::Other
                    || (!verdict.shown && verdict.owner != Ownership::Shared)
            })
        };
        let parts = sighting.inside.iter().filter(|part| foreign(&part.sighting));
        parts.map(|part| part.record).collect()
    }

    /// What a request gives away holds for the objects that it asks for by right, else for all
    /// that is the asker's.
    fn give(&mut self, tx: &Transaction, sighting: &Sighting, seen: &Seen, given: &Given) {
        if given.is_empty() {
            return;
        }
        let mut of_something = false;
        for object in &sighting.objects {
            let verdict = self.judge(tx, sighting, seen, object);
            of_something |= object.in_path;
            // Who has no right to it gives none away.
            if verdict.owner != Ownership::Other || verdict.shown || verdict.granted {
                let service = self.keys.service(sighting);
                let key = self.keys.object(service, object);
                self.grants.object(&self.keys, key, given);
            }
        }
        if let (false, Some(giver)) = (of_something, seen.principal) {
            self.grants.all_of(&self.keys, giver, given);
        }
    }

    fn name_owner(&mut self, show: &shows::Show, named: Option<u64>) {
        if let (true, Some(name)) = (show.identifies, named) {
            self.holders.merge(show.key, |holders| {
                let mut holders = holders.unwrap_or_default();
                holders.named = Some(name);
                holders
            });
        }
    }

    fn remember(&mut self, actor: ActorId, now: Timestamp, shown: &[(u64, Shown)]) {
        if shown.is_empty() {
            return;
        }
        let max = self.config.shown_per_actor_max;
        self.clock = self.clock.saturating_add(1);
        let clock = self.clock;
        let memory = self.memories.entry(actor).or_insert_with(|| Memory {
            shown: Generations::new(max),
            last: now,
            order: clock,
            uncertain: false,
        });
        let before = memory.shown.len();
        for (key, value) in shown {
            // What was shown as own stays own.
            let keep = |before| if before == Some(Shown::OWN) { Shown::OWN } else { *value };
            memory.uncertain |= memory.shown.merge(*key, keep);
        }
        self.entries = self.entries.saturating_sub(before).saturating_add(memory.shown.len());
        if memory.last != now || before == 0 {
            self.idle.remove(&(memory.last, memory.order));
            (memory.last, memory.order) = (now, clock);
            self.idle.insert((now, clock), actor);
        }
        while self.entries > self.config.shown_max.max(1) {
            let Some((_, oldest)) = self.idle.pop_first() else { break };
            if let Some(gone) = self.memories.remove(&oldest) {
                self.entries = self.entries.saturating_sub(gone.shown.len());
                self.forgotten = self.forgotten.saturating_add(1);
            }
        }
    }
}

/// The name the memory of objects is kept under: the principal where it is known.
fn actor_of(seen: &Seen) -> ActorId {
    seen.principal.unwrap_or(seen.actor.id)
}
