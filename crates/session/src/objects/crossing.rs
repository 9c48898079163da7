//! Tenants whose members open what belongs to other tenants: those who run the platform.
//!
//! Members of an ordinary tenant open its own things, and one who opens others' stands alone. A
//! tenant that has nothing of its own, or most of whose members open others' things far more often
//! than its own, is one of staff, whatever it is called.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::ActorId;

const TENANTS_MAX: usize = 20_000;
/// Members of one tenant that are told apart.
const MEMBERS_MAX: usize = 64;
/// Staff open others' things so many times as often as those of their own tenant.
const TIMES: u32 = 4;
/// One alone who opens others' things is no habit of its tenant.
const CROSSERS_MIN: usize = 2;

/// What the members of one tenant open.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Habit {
    own: u32,
    foreign: u32,
    members: BTreeSet<ActorId>,
    crossers: BTreeSet<ActorId>,
}

/// What the members of each tenant open.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Crossing(BTreeMap<u64, Habit>);

impl Crossing {
    /// A member was let open something of a tenant: its own, or another.
    pub(super) fn note(&mut self, tenant: u64, member: ActorId, own: bool) {
        if self.0.len() >= TENANTS_MAX && !self.0.contains_key(&tenant) {
            return;
        }
        let habit = self.0.entry(tenant).or_default();
        let count = if own { &mut habit.own } else { &mut habit.foreign };
        *count = count.saturating_add(1);
        if habit.members.len() < MEMBERS_MAX {
            habit.members.insert(member);
        }
        if !own && habit.members.contains(&member) {
            habit.crossers.insert(member);
        }
    }

    /// Members of the tenant keep to what is their own.
    pub(super) fn keeps_apart(&self, tenant: u64) -> bool {
        self.0.get(&tenant).is_some_and(|habit| {
            let crossers = habit.crossers.len();
            let many = crossers >= CROSSERS_MIN
                && crossers.saturating_mul(2) >= habit.members.len()
                && habit.own.saturating_mul(TIMES) < habit.foreign;
            habit.own > 0 && !many
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members who each open so much of their own tenant, and of others.
    fn keeps_apart(members: &[(u32, u32)]) -> bool {
        let mut crossing = Crossing::default();
        for (member, (own, foreign)) in (1..).zip(members) {
            (0..*own).for_each(|_| crossing.note(7, ActorId(member), true));
            (0..*foreign).for_each(|_| crossing.note(7, ActorId(member), false));
        }
        crossing.keeps_apart(7)
    }

    #[test]
    fn a_tenant_whose_members_open_others_things_is_staff_and_one_thief_makes_none() {
        assert!(keeps_apart(&[(9, 0), (4, 0), (6, 200)]));
        assert!(keeps_apart(&[(10, 0)]));
        assert!(keeps_apart(&[(5, 300)]), "one alone is no habit");
        assert!(!keeps_apart(&[(1, 30), (0, 20), (0, 40)]));
        // It has nothing, or nothing is known of it.
        assert!(!keeps_apart(&[(0, 1)]));
        assert!(!keeps_apart(&[]));
    }
}
