//! What peers do with a resource: how often they open what was never shown to them.

use super::walk::{Tally, Touch};
use crate::stats::{binomial_tail, rate_upper};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Error allowed to the bound on the peers' share.
const ALPHA: f64 = 0.01;

/// Totals over the actors of one group, those flagged left out.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Peers {
    pub(super) actors: u64,
    pub(super) total: Tally,
    /// Foreign count → actors, for both ways to match.
    most: [BTreeMap<u64, u64>; 2],
}

/// How a walk compares with its peers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Comparison {
    /// Probability that a peer would do as much.
    pub(super) chance: f64,
    /// Upper bound on the share of foreign objects among what peers open.
    pub(super) share: f64,
    /// Most foreign objects that a peer opened in a day; one in ten may stand apart with the
    /// walker.
    pub(super) most: u64,
}

impl Peers {
    /// An actor's tally changes from `before`; `touch` comes or goes.
    pub(super) fn change(&mut self, before: Tally, after: Tally, touch: &Touch, by: i64) {
        self.total.add(touch, by);
        self.moved(
            [before.foreign, before.foreign_loosely],
            [after.foreign, after.foreign_loosely],
        );
    }

    /// An actor comes.
    pub(super) fn join(&mut self, tally: Tally) {
        self.actors = self.actors.saturating_add(1);
        for (most, count) in self.most.iter_mut().zip([tally.foreign, tally.foreign_loosely]) {
            *most.entry(count).or_default() += 1;
        }
        self.total = sum(self.total, tally, u64::saturating_add);
    }

    /// An actor goes, or is flagged.
    pub(super) fn leave(&mut self, tally: Tally) {
        self.actors = self.actors.saturating_sub(1);
        for (most, count) in self.most.iter_mut().zip([tally.foreign, tally.foreign_loosely]) {
            remove(most, count);
        }
        self.total = sum(self.total, tally, u64::saturating_sub);
    }

    fn moved(&mut self, from: [u64; 2], to: [u64; 2]) {
        for (most, (from, to)) in self.most.iter_mut().zip(from.into_iter().zip(to)) {
            if from != to {
                remove(most, from);
                *most.entry(to).or_default() += 1;
            }
        }
    }

    /// Compares one of the group (`own` is its part of the totals) with all the others; `loosely`
    /// takes numbers for shown whatever they named.
    pub(super) fn compare(&self, own: Tally, walk: Tally, loosely: bool) -> Comparison {
        let others = sum(self.total, own, u64::saturating_sub);
        let pick = |tally: Tally| if loosely { tally.foreign_loosely } else { tally.foreign };
        let share = rate_upper(pick(others), others.objects, ALPHA);
        let most = self.most.get(usize::from(loosely)).map_or(0, |most| {
            // A few may walk together: they are not each other's measure.
            let mut apart = (self.actors / 10).max(1);
            let mut own_left_out = own == Tally::default();
            for (count, actors) in most.iter().rev() {
                let mut actors = *actors;
                if !own_left_out && *count == pick(own) {
                    own_left_out = true;
                    actors = actors.saturating_sub(1);
                }
                let alike = count.saturating_mul(3) >= pick(walk);
                if alike && actors <= apart {
                    apart = apart.saturating_sub(actors);
                } else if actors > 0 {
                    return *count;
                }
            }
            0
        });
        Comparison { chance: binomial_tail(pick(walk), walk.objects, share), share, most }
    }
}

fn remove(most: &mut BTreeMap<u64, u64>, count: u64) {
    if let Some(actors) = most.get_mut(&count) {
        *actors = actors.saturating_sub(1);
        if *actors == 0 {
            most.remove(&count);
        }
    }
}

fn sum(one: Tally, other: Tally, with: fn(u64, u64) -> u64) -> Tally {
    Tally {
        objects: with(one.objects, other.objects),
        foreign: with(one.foreign, other.foreign),
        foreign_loosely: with(one.foreign_loosely, other.foreign_loosely),
        others: with(one.others, other.others),
        own: with(one.own, other.own),
        shared: with(one.shared, other.shared),
        granted: with(one.granted, other.granted),
        refused: with(one.refused, other.refused),
    }
}
