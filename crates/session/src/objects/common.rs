//! Things that bear one name and that many work in: a repository, a project, a house.
//!
//! Its owner field says who made it. Where those whom it does not name open such things as often
//! as those whom it does, and several do, what is listed below it is shown to them by right.

use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use stilt_model::ActorId;

/// Classes remembered.
const CLASSES_MAX: usize = 4096;
/// Callers named of a class.
const CALLERS_MAX: usize = 64;
/// Callers who opened others' before the class is common to them.
const OTHERS_MIN: usize = 4;

#[derive(Debug, Default, Serialize, Deserialize)]
struct Class {
    /// Who opened one that names them, and one that names somebody else.
    owners: BTreeSet<ActorId>,
    others: BTreeSet<ActorId>,
}

/// Classes of things by who opens them.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Common(HashMap<u64, Class, RandomState>);

impl Common {
    /// Notes that a caller was given one that names it, or that names somebody else.
    pub(super) fn note(&mut self, class: u64, caller: ActorId, own: bool) {
        if self.0.len() >= CLASSES_MAX && !self.0.contains_key(&class) {
            return;
        }
        let known = self.0.entry(class).or_default();
        let callers = if own { &mut known.owners } else { &mut known.others };
        if callers.len() < CALLERS_MAX {
            callers.insert(caller);
        }
    }

    /// Those whom things of the class do not name open them as those do whom they name.
    pub(super) fn is(&self, class: u64) -> bool {
        self.0.get(&class).is_some_and(|known| {
            known.others.len() >= OTHERS_MIN && known.others.len() >= known.owners.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_common_where_most_open_what_names_another() {
        let check = |owners: u64, others: u64, expected: bool| {
            let mut common = Common::default();
            (0..owners).for_each(|who| common.note(7, ActorId(who), true));
            (0..others).for_each(|who| common.note(7, ActorId(100 + who), false));
            assert_eq!(common.is(7), expected, "{owners} {others}");
        };
        check(4, 12, true);
        // One who walks through all of them is one.
        check(12, 3, false);
        check(0, 3, false);
        check(12, 5, false);
    }
}
