//! Who is shown what belongs to very many others: those who work with it, not those whose it is.
//!
//! A file that a patient, a doctor and three clerks were shown is the patient's. Where everybody
//! shares as much (a catalogue, a team), nobody stands apart.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stilt_model::ActorId;

const ACTORS_MAX: usize = 50_000;
/// Shared objects of one actor are counted so far.
const COUNT_MAX: u16 = 1024;
/// Actors that share something, from which on some may stand apart.
const ACTORS_MIN: u32 = 10;
/// Shared objects that others' work begins with, and how many times more than usual.
const SHARED_MIN: u16 = 20;
const TIMES: u16 = 5;
/// Those who work with others' things are at most one in so many.
const ONE_IN: u32 = 5;
/// Or one in so many, where a gap parts them from all others: at most one (who walks through what
/// is others', it may be) shares more than twice and less than three times what is usual.
const PARTED_ONE_IN: u32 = 3;
const GAP: (u16, u16) = (2, 3);
const BETWEEN_MAX: u32 = 1;
/// The measure is taken anew after so many changes.
const EVERY: u32 = 64;

/// How many objects each actor shares with others.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Staff {
    shared: BTreeMap<ActorId, u16>,
    /// Actors by how much they share.
    counts: BTreeMap<u16, u32>,
    /// From how many on somebody stands apart, where some do.
    from: Option<u16>,
    changes: u32,
}

impl Staff {
    /// One more object of the actor is shared with somebody.
    pub(super) fn shares(&mut self, actor: ActorId) {
        if self.shared.len() >= ACTORS_MAX && !self.shared.contains_key(&actor) {
            return;
        }
        let count = self.shared.entry(actor).or_default();
        let before = *count;
        *count = before.saturating_add(1).min(COUNT_MAX);
        let after = *count;
        if before == after {
            return;
        }
        if let Some(actors) = self.counts.get_mut(&before) {
            *actors = actors.saturating_sub(1);
            if *actors == 0 {
                self.counts.remove(&before);
            }
        }
        *self.counts.entry(after).or_default() += 1;
        self.changes = self.changes.saturating_add(1);
        if self.changes >= EVERY {
            self.changes = 0;
            self.measure();
        }
    }

    fn measure(&mut self) {
        let all = self.counts.values().fold(0_u32, |sum, actors| sum.saturating_add(*actors));
        let mut below = 0_u32;
        let middle = self.counts.iter().find(|(_, actors)| {
            below = below.saturating_add(**actors);
            below.saturating_mul(2) >= all
        });
        let usual = middle.map_or(0, |(count, _)| *count);
        let from = usual.saturating_mul(TIMES).saturating_add(1).max(SHARED_MIN);
        let apart = self.counts.range(from..).fold(0_u32, |sum, (_, n)| sum.saturating_add(*n));
        let few = all >= ACTORS_MIN && apart.saturating_mul(ONE_IN) <= all;
        let parted = || self.parted(usual, all).filter(|_| all >= ACTORS_MIN);
        self.from = if few { Some(from) } else { parted() };
    }

    /// From how many on those begin whom a gap parts from the rest.
    fn parted(&self, usual: u16, all: u32) -> Option<u16> {
        let low = usual.saturating_mul(GAP.0).saturating_add(1);
        let high = usual.saturating_mul(GAP.1).saturating_add(1).max(SHARED_MIN);
        let sum = |sum: u32, (_, n): (&u16, &u32)| sum.saturating_add(*n);
        let between = self.counts.range(low..high).fold(0, sum);
        let apart = self.counts.range(high..).fold(0, sum);
        let parted = between <= BETWEEN_MAX && apart.saturating_mul(PARTED_ONE_IN) <= all;
        parted.then_some(high)
    }

    /// The actor works with what is others'.
    pub(super) fn is(&self, actor: ActorId) -> bool {
        self.from.is_some_and(|from| self.shared.get(&actor).is_some_and(|count| *count >= from))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staff(counts: &[(u64, u16)]) -> Vec<u64> {
        let mut staff = Staff::default();
        for (actor, count) in counts {
            for _ in 0..*count {
                staff.shares(ActorId(*actor));
            }
        }
        counts.iter().map(|(actor, _)| *actor).filter(|actor| staff.is(ActorId(*actor))).collect()
    }

    #[test]
    fn who_shares_with_very_many_stands_apart_and_where_all_do_nobody_does() {
        let mut some: Vec<(u64, u16)> = (0..30).map(|actor| (actor, 3)).collect();
        some.extend([(90, 200), (91, 150)]);
        assert_eq!(staff(&some), [90, 91]);
        let all: Vec<(u64, u16)> = (0..30).map(|actor| (actor, 100 + actor as u16)).collect();
        assert_eq!(staff(&all), [0_u64; 0]);
        // More than one in five, where nobody is between them and the rest.
        let of_all = |between: u16| -> Vec<(u64, u16)> {
            let some = (0..60).map(|actor| (actor, if actor < 3 { between } else { 3 }));
            some.chain((100..122).map(|actor| (actor, 200))).collect()
        };
        assert_eq!(staff(&of_all(3)).len(), 22);
        assert_eq!(staff(&of_all(8)), [0_u64; 0]);
        // Half of all are no staff.
        let half: Vec<(u64, u16)> =
            (0..30).map(|actor| (actor, if actor % 2 == 0 { 2 } else { 90 })).collect();
        assert_eq!(staff(&half), [0_u64; 0]);
    }
}
