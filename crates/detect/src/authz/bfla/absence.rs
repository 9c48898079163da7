//! Whether it says something that none of a role used a function.
//!
//! What was used once or twice so far most have not come to yet, whatever their rights. Were the
//! callers of both roles alike, each use would be by one of the roles above only as often as their
//! share among all of them says; so many uses in a row by them, and it is no chance.

use super::matrix::{Call, Cell, Function, Matrix, Role};
use core::time::Duration;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::{ActorId, Timestamp};

/// How likely it may be by chance that all uses so far were by roles above.
const CHANCE_MAX: f64 = 1e-3;
/// The same where more speaks for it.
const HINTED_CHANCE_MAX: f64 = 0.1;
/// What a caller does again within so long is one use: a page that refreshes, a list worked off.
pub(super) const OCCASION: Duration = Duration::from_secs(300);
/// Callers whose uses are counted, and uses of one that count.
const USERS_MAX: usize = 64;
const USES_MAX: u32 = 1000;

/// Uses of one function by the callers of one role, apart in time.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Uses(BTreeMap<ActorId, (Timestamp, u32)>);

impl Uses {
    pub(super) fn note(&mut self, now: Timestamp, actor: ActorId) {
        if self.0.len() >= USERS_MAX && !self.0.contains_key(&actor) {
            return;
        }
        let (last, count) = self.0.entry(actor).or_insert((now, 1));
        if now.since(*last) >= OCCASION {
            *last = now;
            *count = count.saturating_add(1).min(USES_MAX);
        }
    }
}

impl Cell {
    /// Uses by others than one caller: of each at least the one that it was let in for.
    fn uses_but(&self, but: ActorId) -> u64 {
        let others = self.allowed.iter().filter(|actor| **actor != but);
        let uses = |actor| self.uses.0.get(actor).map_or(1, |(_, count)| u64::from(*count));
        others.map(uses).sum()
    }
}

impl Matrix {
    /// It is no chance that a function was used by those above only; `hinted`: its name keeps it
    /// for those who run the application, or it changes others' things that peers only read.
    pub(super) fn is_absent(
        &self,
        function: &Function,
        call: &Call,
        own: &Role,
        above: impl Fn(&Role) -> bool,
        hinted: bool,
    ) -> bool {
        let (mut uses, mut actors, mut occasions) = (0_u64, 0_u64, 0_u64);
        for (key, cell) in function.cells.iter().filter(|(key, _)| **key != call.role) {
            let role = self.roles.iter().find(|((_, role), _)| role == key);
            let Some((_, role)) = role.filter(|(_, role)| above(role)) else { continue };
            uses = uses.saturating_add(cell.uses_but(call.actor));
            actors = actors.saturating_add(role.actors.len() as u64);
            occasions = occasions.saturating_add(role.occasions);
        }
        // Few who do much would be the first at most of what is new, all alike as they are.
        let share = share(actors, own.actors.len() as u64).max(share(occasions, own.occasions));
        by_chance(share, uses) <= if hinted { HINTED_CHANCE_MAX } else { CHANCE_MAX }
    }
}

/// The share of some beside others.
fn share(some: u64, others: u64) -> f64 {
    some as f64 / some.saturating_add(others).max(1) as f64
}

/// The chance that so many uses are all by those who have that share.
fn by_chance(share: f64, uses: u64) -> f64 {
    share.powf(uses as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_use_says_nothing_and_several_do() {
        assert!(by_chance(share(1, 52), 1) > CHANCE_MAX);
        assert!(by_chance(share(6, 53), 4) < CHANCE_MAX);
        assert!(by_chance(share(20, 20), 6) > CHANCE_MAX);
        assert!(by_chance(share(20, 20), 10) < CHANCE_MAX);
    }

    #[test]
    fn what_is_done_again_at_once_is_one_use() {
        let mut uses = Uses::default();
        let actor = ActorId::default();
        let start = Timestamp::default();
        for second in [0, 5, 60, 290] {
            uses.note(start.plus(Duration::from_secs(second)), actor);
        }
        assert_eq!(uses.0.get(&actor).map(|(_, count)| *count), Some(1));
        uses.note(start.plus(OCCASION), actor);
        assert_eq!(uses.0.get(&actor).map(|(_, count)| *count), Some(2));
    }
}
