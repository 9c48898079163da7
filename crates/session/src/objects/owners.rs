//! Who is called what, and which fields of an answer name an owner.
//!
//! A field names owners when its values are, time and again, what principals are called
//! (`detections.md`, D14): its name alone proves nothing, though a telling name needs less proof.

use super::keys::Keys;
use super::listings::Listings;
use super::shows;
use crate::seen::Seen;
use crate::told;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use stilt_inventory::ObjectRef;
use stilt_model::{Actor, ActorId, EndpointId, Leaf, Question, Transaction, Value};

const NAMES_MAX: usize = 500_000;
const LEAVES_MAX: usize = 100_000;
/// Tenants that must be known, before one says anything.
const TENANTS_MIN: usize = 2;
/// Leaves of a list among which tenants of its records are looked for.
const LEAVES_READ: usize = 1024;
/// Leaves of an answer among which its tenant is looked for.
const LEAVES_LOOKED: usize = 128;
/// Shorter words name many things beside a tenant.
const WORD_MIN: usize = 6;

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Called {
    actor: ActorId,
    /// Several principals are called so.
    many: bool,
}

/// A principal, as others are told of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Person {
    /// As records show it.
    pub actor: Arc<Actor>,
    /// Its tenant, where known.
    pub tenant: Option<Arc<str>>,
    aliases: Arc<Vec<String>>,
}

/// What was seen of one field.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Field {
    hits: u32,
    own: u32,
    misses: u32,
    named: [u64; 3],
    named_count: u8,
    /// Some are named in several records: what each of them has one of may be the record of a
    /// person.
    several: bool,
    /// Who was named where.
    places: Vec<(ActorId, u64)>,
}

impl Field {
    fn note(&mut self, actor: ActorId) {
        let known = self.named.iter().take(usize::from(self.named_count)).any(|a| *a == actor.0);
        if let (false, Some(slot)) = (known, self.named.get_mut(usize::from(self.named_count))) {
            *slot = actor.0;
            self.named_count += 1;
        }
    }

    /// Somebody was named in a record.
    fn note_place(&mut self, actor: ActorId, record: u64) {
        if self.several {
            return;
        }
        match self.places.iter().find(|(known, _)| *known == actor) {
            Some((_, before)) if *before != record => {
                (self.several, self.places) = (true, Vec::new());
            }
            None if self.places.len() < PLACES_OF_FIELD_MAX => self.places.push((actor, record)),
            _ => {}
        }
    }

    /// The field names owners, and `leaf` is one of it.
    fn names_owner(&self, leaf: &Leaf) -> bool {
        self.hits > 0 && self.names_owners(tells_owner(leaf), is_number(leaf))
    }

    /// The field names owners.
    fn names_owners(&self, telling: bool, number: bool) -> bool {
        match (telling, number) {
            (true, false) => self.hits >= 1,
            (true, true) => self.hits >= 2 && self.named_count >= 2,
            (false, false) => {
                self.hits >= 3
                    && self.named_count >= 2
                    && self.hits.saturating_mul(4) >= self.misses
            }
            (false, true) => self.own >= 6 && self.named_count >= 3 && self.misses <= self.own / 8,
        }
    }
}

/// Records of one field that are remembered until it is known that some have several.
const PLACES_OF_FIELD_MAX: usize = 16;

#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Owners {
    names: HashMap<u64, Called, RandomState>,
    /// The names as last registered; held, so that another list can't take their place unseen.
    registered: HashMap<ActorId, Person, RandomState>,
    fields: HashMap<u64, Field, RandomState>,
    /// What lists give to whom.
    #[serde(rename = "places", default)]
    pub(super) listings: Listings,
    owning: HashMap<ActorId, (), RandomState>,
    /// Tenants that somebody belongs to.
    tenants: HashMap<u64, Arc<str>, RandomState>,
}

/// The owners that one answer names, per record.
#[derive(Debug, Default)]
pub(super) struct Records {
    /// By record (`None`: outside arrays): the first name, or the first that is the asker's.
    named: BTreeMap<Option<u32>, (u64, bool)>,
    /// Names of the asker, as far as they were named: a few.
    own: Vec<u64>,
}

impl Records {
    fn add(&mut self, record: Option<u32>, name: u64, own: bool) {
        let known = self.named.entry(record).or_insert((name, own));
        if own && !known.1 {
            *known = (name, own);
        }
        if own && !self.own.contains(&name) {
            self.own.push(name);
        }
    }

    /// The owner of a record: its own, else that of the whole.
    pub(super) fn owner_of(&self, record: Option<u32>) -> Option<u64> {
        let own = record.and_then(|record| self.named.get(&Some(record)));
        own.or_else(|| self.named.get(&None)).map(|(name, _)| *name)
    }

    pub(super) fn is_own(&self, name: u64) -> bool {
        self.own.contains(&name)
    }

    /// Some record of a list names the asker.
    pub(super) fn lists_own(&self) -> bool {
        self.named.iter().any(|(record, (_, own))| record.is_some() && *own)
    }

    /// Several are named.
    pub(super) fn name_several(&self) -> bool {
        let mut names = self.named.values().map(|(name, _)| name);
        let first = names.next();
        names.any(|name| Some(name) != first)
    }

    /// An owner that is named is among those that were asked for by name.
    pub(super) fn name_one_of(&self, asked: &BTreeSet<u64>) -> bool {
        self.named.values().any(|(name, own)| !own && asked.contains(name))
    }
}

impl Owners {
    /// Notes what a principal is called.
    pub(super) fn register(&mut self, keys: &Keys, seen: &Seen) {
        let Some(actor) = seen.principal else { return };
        if let Some(known) = self.registered.get_mut(&actor)
            && known.tenant != seen.tenant
        {
            known.tenant.clone_from(&seen.tenant);
        }
        if self.tenants.len() < NAMES_MAX {
            for tenant in seen.tenants.iter() {
                self.tenants.entry(keys.name(tenant)).or_insert_with(|| Arc::from(&**tenant));
            }
        }
        if known_as(self.registered.get(&actor), &seen.aliases) {
            return;
        }
        if self.names.len() >= NAMES_MAX {
            return;
        }
        let person = Person {
            actor: Arc::clone(seen.person.as_ref().unwrap_or(&seen.actor)),
            tenant: seen.tenant.clone(),
            aliases: Arc::clone(&seen.aliases),
        };
        self.registered.insert(actor, person);
        for alias in seen.aliases.iter() {
            let called =
                self.names.entry(keys.name(alias)).or_insert(Called { actor, many: false });
            called.many |= called.actor != actor;
        }
    }

    /// What is known of a principal.
    pub(super) fn person(&self, actor: ActorId) -> Option<&Person> {
        self.registered.get(&actor)
    }

    /// The one who alone is called so.
    pub(super) fn called(&self, name: u64) -> Option<ActorId> {
        self.names.get(&name).filter(|called| !called.many).map(|called| called.actor)
    }

    /// The name in a leaf that stands for a person: one that somebody is called by, or, where the
    /// message speaks of persons (`telling`), any. Numbers are persons only where their name says
    /// so.
    pub(super) fn person_in(&self, keys: &Keys, leaf: &Leaf, telling: bool) -> Option<u64> {
        let fits = telling || tells_owner(leaf);
        if !fits && is_number(leaf) {
            return None;
        }
        name_of(keys, leaf).filter(|name| fits || self.names.contains_key(name))
    }

    /// Whether `seen` is called by this name.
    pub(super) fn is_called(&self, keys: &Keys, seen: &Seen, name: u64) -> bool {
        match self.names.get(&name) {
            Some(called) if !called.many => seen.principal == Some(called.actor),
            _ => seen.aliases.iter().any(|alias| keys.name(alias) == name),
        }
    }

    /// The principal was named as the owner of something.
    pub(super) fn owns(&self, actor: ActorId) -> bool {
        self.owning.contains_key(&actor)
    }

    /// The endpoint shows others' records to those who own some themselves, or to anybody.
    pub(super) fn is_public(&self, place: EndpointId) -> bool {
        self.listings.is_public(place, |actor| self.owns(actor))
    }

    /// The owner that an answer as a whole names: the asker, where it is among those named.
    /// `object`
    /// is what was asked for: its own name is no owner.
    pub(super) fn named_in(
        &self,
        keys: &Keys,
        tx: &Transaction,
        endpoint: EndpointId,
        seen: &Seen,
        object: &ObjectRef,
    ) -> Option<u64> {
        let itself = keys.name(&object.id);
        let response = tx.response.as_ref()?;
        let mut first = None;
        for leaf in response.leaves.iter().filter(|leaf| !leaf.path.in_array()) {
            let field = self.fields.get(&keys.leaf(endpoint, &leaf.path));
            if !field.is_some_and(|field| field.names_owner(leaf)) {
                continue;
            }
            let Some(name) = name_of(keys, leaf) else { continue };
            if self.is_called(keys, seen, name) {
                return Some(name);
            }
            // A basket may bear the number of its owner; in a record of a person it is its own.
            let apart = tells_owner(leaf) && !names_itself(leaf.path.plain(), &object.class);
            if name != itself || apart {
                first = first.or(Some(name));
            }
        }
        first
    }

    /// Whether an answer, or the `object` asked for, names a tenant, or is known to belong to one
    /// (`held`), and whether it is one that the asker belongs to. A word is a tenant where somebody
    /// is known to belong to it; a number only where its name says so, too.
    pub(super) fn tenant_in(
        &self,
        keys: &Keys,
        tx: &Transaction,
        seen: &Seen,
        object: &ObjectRef,
        held: Option<u64>,
    ) -> Option<bool> {
        if self.tenants.len() < TENANTS_MIN || seen.tenants.is_empty() {
            return None;
        }
        let own = |key: u64| seen.tenants.iter().any(|tenant| keys.name(tenant) == key);
        let mut found = self.tenant_asked(keys, object).map(&own);
        let leaves = tx.response.as_ref().map_or(&[][..], |response| &response.leaves);
        for leaf in leaves.iter().take(LEAVES_LOOKED).filter(|leaf| !leaf.path.in_array()) {
            let Some(name) = self.tenant_of(keys, leaf) else { continue };
            found = Some(found.unwrap_or(false) || own(name));
        }
        found.or_else(|| held.map(own))
    }

    /// Somebody belongs to a tenant of that name.
    pub(super) fn is_tenant(&self, keys: &Keys, name: &str) -> bool {
        self.tenants.contains_key(&keys.name(name))
    }

    /// The tenant that is itself asked for.
    pub(super) fn tenant_asked(&self, keys: &Keys, object: &ObjectRef) -> Option<u64> {
        let word = object.id.len() >= WORD_MIN && object.id.parse::<i64>().is_err();
        let told = object.in_path && told::names_tenant(&object.class);
        Some(keys.name(&object.id)).filter(|name| (word || told) && self.tenants.contains_key(name))
    }

    /// What the tenant is called that an answer names, or what was asked for, or that is `held` to
    /// be its.
    pub(super) fn tenant_named(
        &self,
        keys: &Keys,
        tx: &Transaction,
        object: &ObjectRef,
        held: Option<u64>,
    ) -> Option<Arc<str>> {
        let leaves = tx.response.as_ref().map_or(&[][..], |response| &response.leaves);
        let outside = leaves.iter().take(LEAVES_LOOKED).filter(|leaf| !leaf.path.in_array());
        let named = outside.filter_map(|leaf| self.tenant_of(keys, leaf)).next();
        let name = self.tenant_asked(keys, object).or(named).or(held)?;
        self.tenants.get(&name).cloned()
    }

    /// The tenants that the records of an answer name (`None`: outside of arrays).
    pub(super) fn tenants_of(&self, keys: &Keys, leaves: &[Leaf]) -> BTreeMap<Option<u32>, u64> {
        let mut tenants = BTreeMap::new();
        if self.tenants.len() < TENANTS_MIN {
            return tenants;
        }
        for leaf in leaves.iter().take(LEAVES_READ) {
            let Some(name) = self.tenant_of(keys, leaf) else { continue };
            let record = leaf.path.in_array().then_some(leaf.record);
            tenants.entry(record).or_insert(name);
        }
        tenants
    }

    /// The tenant that a leaf names.
    fn tenant_of(&self, keys: &Keys, leaf: &Leaf) -> Option<u64> {
        let long = matches!(&leaf.value, Value::Text(text) if text.len() >= WORD_MIN);
        if !told::names_tenant(leaf.name()) && (!long || is_number(leaf)) {
            return None;
        }
        name_of(keys, leaf).filter(|name| self.tenants.contains_key(name))
    }

    /// Reads an answer: learns which fields name owners, and gives the owners named. The place is
    /// the
    /// endpoint, the resource it is about, and whether one of its objects was asked for.
    pub(super) fn read(
        &mut self,
        keys: &Keys,
        tx: &Transaction,
        (endpoint, resource, things): (EndpointId, &str, bool),
        seen: &Seen,
    ) -> Records {
        let mut records = Records::default();
        let Some(response) = &tx.response else { return records };
        if self.names.is_empty() {
            return records;
        }
        let asked = tx.request.as_ref().map_or(0, |request| keys.name(&request.path));
        let mut listed = BTreeMap::new();
        for leaf in &response.leaves {
            let Some(name) = name_of(keys, leaf) else { continue };
            let key = keys.leaf(endpoint, &leaf.path);
            let called = self.names.get(&name).copied();
            let own = called.is_some() && self.is_called(keys, seen, name);
            if called.is_some() && self.fields.len() < LEAVES_MAX {
                self.fields.entry(key).or_default();
            }
            let Some(field) = self.fields.get_mut(&key) else { continue };
            match called {
                Some(called) => {
                    field.hits = field.hits.saturating_add(1);
                    field.own = field.own.saturating_add(u32::from(own));
                    field.note(called.actor);
                    if !leaf.path.in_array() {
                        field.note_place(called.actor, asked);
                    } else if !field.several {
                        // In a list only this answer tells one record from another.
                        let before = listed.insert((key, called.actor), leaf.record);
                        field.several = before.is_some_and(|before| before != leaf.record);
                    }
                }
                None => field.misses = field.misses.saturating_add(1),
            }
            if !field.names_owner(leaf) {
                continue;
            }
            // To be named in one's own profile is not to own something.
            let itself = names_itself(leaf.path.plain(), resource) || in_list_of_people(leaf);
            // A name that may say who a record is says whose it is once some have several.
            let whose = tells_owner(leaf) && !(leaf.path.in_array() && says_who(leaf.path.plain()));
            let telling = field.several || whose;
            let owns = (things || leaf.path.in_array()) && !itself && telling;
            if let Some(called) = called.filter(|called| owns && !called.many)
                && self.owning.len() < NAMES_MAX
            {
                self.owning.insert(called.actor, ());
            }
            if !own && itself {
                continue;
            }
            let record = leaf.path.in_array().then_some(leaf.record);
            records.add(record, name, own);
        }
        records
    }
}

/// The principal is registered under just these names.
fn known_as(known: Option<&Person>, aliases: &Arc<Vec<String>>) -> bool {
    known.is_some_and(|known| Arc::ptr_eq(&known.aliases, aliases))
}

/// What records of people are called.
const PEOPLE: [&str; 16] = [
    "user",
    "customer",
    "member",
    "client",
    "patient",
    "employee",
    "person",
    "people",
    "profile",
    "contact",
    "student",
    "account",
    "author",
    "seller",
    "driver",
    "subscriber",
];

/// A name that says who somebody is.
fn says_who(plain: &str) -> bool {
    ["username", "login", "email", "name", "userid", "id", "uuid"].contains(&plain)
}

/// In a list of people a name says who the record is, not whose it is.
fn names_itself(plain: &str, resource: &str) -> bool {
    // Calls name people behind what they do (`getUsers`).
    let people = || PEOPLE.iter().any(|people| resource.ends_with(people));
    !resource.is_empty() && (plain.starts_with(resource) || (says_who(plain) && people()))
}

/// The leaf stands in a list that is called after people, whatever the endpoint is about.
fn in_list_of_people(leaf: &Leaf) -> bool {
    let mut above = leaf.path.rsplit('.').skip(1).map(|key| key.trim_end_matches("[]"));
    let held = above.find(|key| !shows::is_wrapper(&key.to_ascii_lowercase()));
    // Accounts are things that people have as well.
    let people = |name: &str| name != "account" && PEOPLE.contains(&name);
    leaf.path.in_array()
        && says_who(leaf.path.plain())
        && held.is_some_and(|key| people(&shows::singular(key)))
}

fn is_number(leaf: &Leaf) -> bool {
    match &leaf.value {
        Value::Integer(_) => true,
        Value::Text(text) => linked(text).parse::<i64>().is_ok(),
        _ => false,
    }
}

/// Whom a link leads to (`/people/12`), or the text itself.
fn linked(text: &str) -> &str {
    if !text.starts_with('/') && !text.starts_with("http") {
        return text;
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    path.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

/// The value of a leaf as a name somebody could be called by.
pub(super) fn name_of(keys: &Keys, leaf: &Leaf) -> Option<u64> {
    match &leaf.value {
        Value::Text(text) if (2..=128).contains(&text.len()) => Some(keys.name(linked(text))),
        Value::Integer(number) => {
            let mut buffer = itoa(*number);
            Some(keys.name(buffer.text()))
        }
        Value::Masked { mark, .. } => Some(keys.name(&mark.shown())),
        _ => None,
    }
}

/// A number as text, without allocation.
fn itoa(number: i64) -> Decimal {
    let mut decimal = Decimal { bytes: [0; 20], start: 20 };
    let mut rest = number.unsigned_abs();
    loop {
        decimal.push(b'0' + u8::try_from(rest % 10).unwrap_or(0));
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        decimal.push(b'-');
    }
    decimal
}

struct Decimal {
    bytes: [u8; 20],
    start: usize,
}

impl Decimal {
    fn push(&mut self, byte: u8) {
        self.start = self.start.saturating_sub(1);
        if let Some(slot) = self.bytes.get_mut(self.start) {
            *slot = byte;
        }
    }

    fn text(&mut self) -> &str {
        core::str::from_utf8(self.bytes.get(self.start..).unwrap_or_default()).unwrap_or_default()
    }
}

/// The leaf's name commonly says whose a record is.
fn tells_owner(leaf: &Leaf) -> bool {
    leaf.path.says(Question::TellsOwner, |path| is_telling(path.plain()))
}

/// Names that commonly say whose a record is.
fn is_telling(plain: &str) -> bool {
    const STEMS: [&str; 26] = [
        "owner",
        "user",
        "username",
        "customer",
        "client",
        "author",
        "creator",
        "createdby",
        "holder",
        "member",
        "patient",
        "employee",
        "seller",
        "buyer",
        "assignee",
        "subject",
        "login",
        "email",
        "principal",
        "person",
        "student",
        "account",
        "profile",
        "tenant",
        "belongsto",
        "by",
    ];
    let stem = ["uuid", "id", "name", "email", "ref"]
        .iter()
        .find_map(|suffix| plain.strip_suffix(suffix).filter(|stem| !stem.is_empty()))
        .unwrap_or(plain);
    STEMS.iter().any(|telling| stem == *telling || plain == *telling || stem.ends_with("owner"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_names_what_it_leads_to() {
        for (text, expected) in [
            ("/people/12", "12"),
            ("https://api.test/people/ann/?x=1", "ann"),
            ("ann", "ann"),
            ("a/b", "a/b"),
            ("/", ""),
        ] {
            assert_eq!(linked(text), expected, "{text}");
        }
    }
}
