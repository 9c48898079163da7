//! Named principals, bounded: who was not heard of for longest is forgotten.

use crate::principal::Principal;
use foldhash::fast::RandomState;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::HashMap;
use stilt_model::ActorId;

type Half = HashMap<ActorId, Principal, RandomState>;

/// Principals by id. When there are too many the half of them that was used longest ago goes: what
/// a forgotten one does later makes it known again.
#[derive(Debug)]
pub(crate) struct People {
    young: Half,
    old: Half,
    max: usize,
}

/// Principals known at most.
const PEOPLE_MAX: usize = 500_000;

impl Default for People {
    fn default() -> Self {
        Self { young: Half::default(), old: Half::default(), max: PEOPLE_MAX }
    }
}

impl Serialize for People {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.young.iter().chain(&self.old))
    }
}

impl<'de> Deserialize<'de> for People {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self { young: Half::deserialize(deserializer)?, ..Self::default() })
    }
}

impl People {
    pub(crate) fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    pub(crate) fn get(&self, id: ActorId) -> Option<&Principal> {
        self.young.get(&id).or_else(|| self.old.get(&id))
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, id: ActorId) -> Option<&mut Principal> {
        self.used(id);
        self.young.get_mut(&id)
    }

    /// It is heard of.
    pub(crate) fn used(&mut self, id: ActorId) {
        if !self.young.contains_key(&id)
            && let Some(principal) = self.old.remove(&id)
        {
            self.insert(id, principal);
        }
    }

    pub(crate) fn insert(&mut self, id: ActorId, principal: Principal) {
        if self.young.len() >= (self.max / 2).max(1) {
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(id, principal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_heard_of_last_stay() {
        let mut people = People { max: 4, ..People::default() };
        let add = |people: &mut People, n: u64| {
            people.insert(ActorId(n), Principal::new(ActorId(n), &format!("user{n}"), "login"));
        };
        for n in 1..=4 {
            add(&mut people, n);
        }
        people.used(ActorId(1));
        assert_eq!(people.len(), 3, "1, and 3 and 4 before it");
        add(&mut people, 5);
        add(&mut people, 6);
        let known = |n: u64| people.get(ActorId(n)).is_some();
        assert_eq!([1, 2, 3, 4, 5, 6].map(known), [true, false, false, false, true, true]);
        let bytes = stilt_model::saved::write(&people).unwrap();
        let again: People = stilt_model::saved::read(&bytes).unwrap();
        assert_eq!((again.len(), again.max), (3, PEOPLE_MAX));
        assert!(again.get(ActorId(5)).is_some());
    }
}
