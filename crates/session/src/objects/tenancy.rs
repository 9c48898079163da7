//! Tenants that paths name (`/orgs/acme/projects/7`), learned from who uses which.
//!
//! A slot names tenants where its values part the callers: each value is several callers', and
//! each caller keeps to one. What a caller has used for long, and alone, is its home.

use super::keys::{Keys, ServiceKey};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use stilt_inventory::ObjectRef;
use stilt_model::ActorId;

const SLOTS_MAX: usize = 256;
const VALUES_MAX: usize = 4096;
const CALLERS_MAX: usize = 20_000;
/// Callers of one value, and values of one caller, that are told apart.
const MEMBERS_MAX: usize = 4;
const VALUES_EACH: usize = 4;
/// Uses from which on a caller says something of the slot.
const USES_MIN: u32 = 8;
/// Callers, and values of several callers, that must be known.
const CALLERS_MIN: usize = 12;
const VALUES_MIN: usize = 3;

/// One value of a slot.
#[derive(Debug, Serialize, Deserialize)]
struct Named {
    label: Arc<str>,
    members: BTreeSet<ActorId>,
}

/// What one caller uses of a slot.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Caller {
    uses: u32,
    values: BTreeSet<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Slot {
    values: BTreeMap<u64, Named>,
    callers: BTreeMap<ActorId, Caller>,
    /// Callers that use it much: with one value alone, with two or three, with more.
    one: usize,
    few: usize,
    many: usize,
    /// Values of several callers.
    peopled: usize,
}

/// Slots of paths, by service and class.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Tenancy {
    slots: BTreeMap<u64, Slot>,
}

impl Tenancy {
    /// A caller was let use something below a value of a slot.
    pub(super) fn note(
        &mut self,
        keys: &Keys,
        service: ServiceKey,
        object: &ObjectRef,
        actor: ActorId,
    ) {
        let key = slot_key(keys, service, object);
        if object.class.is_empty()
            || (self.slots.len() >= SLOTS_MAX && !self.slots.contains_key(&key))
        {
            return;
        }
        let slot = self.slots.entry(key).or_default();
        slot.note(keys.name(&object.id), &object.id, actor);
    }

    /// The tenant that a caller keeps to, and the one asked for, where the slot names tenants and
    /// they differ.
    pub(super) fn apart(
        &self,
        keys: &Keys,
        service: ServiceKey,
        object: &ObjectRef,
        actor: ActorId,
    ) -> Option<(Arc<str>, Arc<str>)> {
        let slot = self.slots.get(&slot_key(keys, service, object))?;
        let asked = slot.values.get(&keys.name(&object.id))?;
        let home = slot.home(actor)?;
        let differs = home.label != asked.label && asked.members.len() >= 2;
        (slot.names_tenants() && differs)
            .then(|| (Arc::clone(&asked.label), Arc::clone(&home.label)))
    }

    /// The tenant below which something stands that a caller asks for, where that is its home.
    pub(super) fn is_home(
        &self,
        keys: &Keys,
        service: ServiceKey,
        object: &ObjectRef,
        actor: ActorId,
    ) -> bool {
        self.slots.get(&slot_key(keys, service, object)).is_some_and(|slot| {
            slot.names_tenants() && slot.home(actor).is_some_and(|home| *home.label == *object.id)
        })
    }
}

impl Slot {
    fn note(&mut self, value: u64, label: &str, actor: ActorId) {
        let room = self.values.len() < VALUES_MAX && self.callers.len() < CALLERS_MAX;
        let known = self.values.contains_key(&value) && self.callers.contains_key(&actor);
        if !room && !known {
            return;
        }
        let named = self
            .values
            .entry(value)
            .or_insert_with(|| Named { label: label.into(), members: BTreeSet::new() });
        if named.members.len() < MEMBERS_MAX && named.members.insert(actor) {
            self.peopled += usize::from(named.members.len() == 2);
        }
        let caller = self.callers.entry(actor).or_default();
        let before = caller.sort();
        caller.uses = caller.uses.saturating_add(1);
        if caller.values.len() < VALUES_EACH {
            caller.values.insert(value);
        }
        let after = caller.sort();
        if before != after {
            for (sort, up) in [(before, false), (after, true)] {
                let count = match sort {
                    Some(1) => &mut self.one,
                    Some(2 | 3) => &mut self.few,
                    Some(_) => &mut self.many,
                    None => continue,
                };
                *count = if up { count.saturating_add(1) } else { count.saturating_sub(1) };
            }
        }
    }

    /// Its values part the callers, those few aside who use very many (staff).
    fn names_tenants(&self) -> bool {
        let all = self.one.saturating_add(self.few);
        self.one >= CALLERS_MIN
            && self.peopled >= VALUES_MIN
            && self.few.saturating_mul(20) <= all
            && self.many.saturating_mul(8) <= all
    }

    /// What a caller has kept to.
    fn home(&self, actor: ActorId) -> Option<&Named> {
        let caller = self.callers.get(&actor)?;
        (caller.sort() == Some(1)).then(|| caller.values.first())?.and_then(|v| self.values.get(v))
    }
}

impl Caller {
    /// How many values it uses, once it has used the slot often enough.
    fn sort(&self) -> Option<usize> {
        (self.uses >= USES_MIN).then_some(self.values.len())
    }
}

fn slot_key(keys: &Keys, service: ServiceKey, object: &ObjectRef) -> u64 {
    keys.word(service, &object.class)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(id: &str) -> ObjectRef {
        ObjectRef { class: "org".into(), id: id.to_owned(), number: None, in_path: true }
    }

    /// Twenty callers who each use the values that `uses` gives them, and whether the first is
    /// apart from `globex`.
    fn apart(uses: impl Fn(u64) -> Vec<&'static str>) -> bool {
        let (keys, mut tenancy) = (Keys::default(), Tenancy::default());
        let service = keys.realm("app", "app");
        for actor in 0..20 {
            for value in uses(actor) {
                for _ in 0..USES_MIN {
                    tenancy.note(&keys, service, &object(value), ActorId(actor));
                }
            }
        }
        tenancy.apart(&keys, service, &object("globex"), ActorId(0)).is_some()
    }

    const ORGS: [&str; 4] = ["acme", "globex", "initech", "umbrella"];

    #[test]
    fn values_that_part_the_callers_are_tenants_and_others_are_not() {
        let home = |actor: u64| ORGS[usize::try_from(actor % 4).unwrap()];
        assert!(apart(|actor| vec![home(actor)]));
        // One of staff looks at all; the others keep to theirs.
        assert!(apart(|actor| if actor == 19 { ORGS.to_vec() } else { vec![home(actor)] }));
        // Categories, stores, languages: many use more than one.
        assert!(!apart(|actor| if actor % 3 == 1 {
            vec![home(actor), "acme"]
        } else {
            vec![home(actor)]
        }));
        assert!(!apart(|_| ORGS.to_vec()));
        // Who uses two has no home.
        assert!(!apart(|actor| if actor == 0 {
            vec!["acme", "initech"]
        } else {
            vec![home(actor)]
        }));
    }

    #[test]
    fn what_one_alone_uses_is_a_person_and_no_tenant() {
        let (keys, mut tenancy) = (Keys::default(), Tenancy::default());
        let service = keys.realm("app", "app");
        for actor in 0..20 {
            for _ in 0..USES_MIN {
                tenancy.note(&keys, service, &object(&format!("user{actor}")), ActorId(actor));
            }
        }
        assert!(tenancy.apart(&keys, service, &object("user3"), ActorId(0)).is_none());
    }
}
