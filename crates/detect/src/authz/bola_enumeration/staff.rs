//! Whether those of a role work with what is others': a role by its name alone excuses nobody.

use super::walk::Tally;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::ActorId;

/// Roles of one place, and callers of each, that are told apart.
const ROLES_MAX: usize = 16;
const MEMBERS_MAX: usize = 64;
/// Objects from which on a member's way is known, and how many of them are others' at work.
const OBJECTS_MIN: u64 = 10;
const FOREIGN_MIN: u64 = 3;
const FOREIGN_ONE_IN: u64 = 5;
/// Members who keep to their own: so many, and nobody who works, and it is the way of the role.
const KEEPING_MIN: usize = 2;

/// How callers of roles above users go about at one place.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Staff(BTreeMap<u64, Role>);

#[derive(Debug, Default, Serialize, Deserialize)]
struct Role {
    working: BTreeSet<ActorId>,
    keeping: BTreeSet<ActorId>,
}

impl Staff {
    /// Notes what a member of a role opened within a day.
    pub(super) fn note(&mut self, role: u64, member: ActorId, day: Tally) {
        if self.0.len() >= ROLES_MAX && !self.0.contains_key(&role) {
            return;
        }
        let role = self.0.entry(role).or_default();
        let works =
            day.foreign >= FOREIGN_MIN && day.foreign.saturating_mul(FOREIGN_ONE_IN) >= day.objects;
        if works && role.working.len() < MEMBERS_MAX {
            role.working.insert(member);
            role.keeping.remove(&member);
        }
        let keeps = !works && day.objects >= OBJECTS_MIN && !role.working.contains(&member);
        if keeps && role.keeping.len() < MEMBERS_MAX {
            role.keeping.insert(member);
        }
    }

    /// Somebody else of the role works with what is others', or too few of it are known.
    pub(super) fn may_work(&self, role: u64, member: ActorId) -> bool {
        let Some(role) = self.0.get(&role) else { return true };
        let others = |set: &BTreeSet<ActorId>| set.iter().filter(|one| **one != member).count();
        others(&role.working) > 0 || others(&role.keeping) < KEEPING_MIN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(objects: u64, foreign: u64) -> Tally {
        Tally { objects, foreign, ..Tally::default() }
    }

    #[test]
    fn a_role_whose_members_keep_to_their_own_excuses_nobody() {
        let mut staff = Staff::default();
        for (member, objects) in [(1, 30), (2, 12), (3, 4)] {
            staff.note(7, ActorId(member), opened(objects, 1));
        }
        staff.note(7, ActorId(9), opened(40, 40));
        assert!(!staff.may_work(7, ActorId(9)), "two keep to their own, and nobody works");
        // A third whose work it is as well.
        staff.note(7, ActorId(4), opened(20, 8));
        assert!(staff.may_work(7, ActorId(9)));
    }

    #[test]
    fn of_a_role_alone_nothing_is_known() {
        let mut staff = Staff::default();
        staff.note(7, ActorId(1), opened(40, 40));
        staff.note(7, ActorId(2), opened(12, 0));
        assert!(staff.may_work(7, ActorId(1)) && staff.may_work(8, ActorId(1)));
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut staff = Staff::default();
        for n in 0..1000 {
            staff.note(n % 50, ActorId(n), opened(20, 0));
            staff.note(3, ActorId(n), opened(20, 0));
        }
        assert!(staff.0.len() <= ROLES_MAX);
        assert!(staff.0.values().all(|role| role.keeping.len() <= MEMBERS_MAX));
    }
}
