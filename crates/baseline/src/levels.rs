//! From p-values that are nearly even to even ones: the rank of each among the recent ones of its
//! service (conformal prediction, with ties broken by a draw: Vovk et al., 2005).
//!
//! What comes before holds a request against few scores of its endpoint, a window against a model
//! that was fitted some time ago. Whatever that gets wrong for a service as a whole shows here,
//! because a p-value of one per cent must be given to one in a hundred.

use crate::profile::{By, hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Bins of −ln p, and how many a nat has; what is beyond is in the last.
const BINS: usize = 256;
const PER_NAT: f64 = 8.0;
/// From this bin on (p of five per cent) what an actor adds is limited.
const TAIL: usize = 24;
/// An actor's share of all, where it is one in so many.
const SHARE: f32 = 512.0;
/// Actors whose rare values are counted.
const ACTORS_MAX: usize = 1024;
/// Values from which on they are ranked, and at which all weigh half: first, and later.
const MIN: f32 = 200.0;
const LIMIT: f32 = 4096.0;
const LIMIT_MAX: f32 = 65_536.0;
/// Services told apart.
const SERVICES_MAX: usize = 1000;

/// Recent p-values of one service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Levels {
    bins: Vec<f32>,
    all: f32,
    limit: f32,
    seen: u64,
    /// Rare values by actor.
    rare: BTreeMap<By, f32>,
}

/// Recent p-values by service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Evened(BTreeMap<u64, Levels>);

fn bin(p: f64) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 6000")]
    let bin = (-p.clamp(f64::MIN_POSITIVE, 1.0).ln() * PER_NAT) as usize;
    bin.min(BINS - 1)
}

impl Levels {
    fn cap(&self) -> f32 {
        1.0 + self.all / SHARE
    }

    fn add(&mut self, p: f64, by: By) {
        self.seen = self.seen.saturating_add(1);
        self.bins.resize(BINS, 0.0);
        let (at, cap) = (bin(p), self.cap());
        if at >= TAIL && (self.rare.len() < ACTORS_MAX || self.rare.contains_key(&by)) {
            let own = self.rare.entry(by).or_default();
            *own += 1.0;
            if *own > cap {
                return;
            }
        }
        if let Some(bin) = self.bins.get_mut(at) {
            *bin += 1.0;
            self.all += 1.0;
        }
        if self.all >= self.limit.max(LIMIT) {
            self.limit = (2.0 * self.limit.max(LIMIT)).min(LIMIT_MAX);
            self.all /= 2.0;
            self.bins.iter_mut().for_each(|bin| *bin /= 2.0);
            self.rare.retain(|_, count| {
                *count /= 2.0;
                *count >= 0.5
            });
        }
    }

    fn absorb(&mut self, other: Self) {
        self.bins.resize(BINS, 0.0);
        for (own, theirs) in self.bins.iter_mut().zip(other.bins) {
            *own += theirs;
        }
        self.all += other.all;
        self.limit = self.limit.max(other.limit);
        self.seen = self.seen.saturating_add(other.seen);
        for (by, count) in other.rare {
            if self.rare.len() < ACTORS_MAX || self.rare.contains_key(&by) {
                *self.rare.entry(by).or_default() += count;
            }
        }
    }

    fn p(&self, p: f64, by: By) -> f64 {
        if self.all < MIN {
            return p;
        }
        let at = bin(p);
        let above: f32 = self.bins.iter().skip(at + 1).sum();
        let here = self.bins.get(at).copied().unwrap_or(0.0);
        // Drawn from what is at hand, so that a replay draws alike.
        let drawn = hash(&[&self.seen.to_le_bytes(), &p.to_bits().to_le_bytes()]);
        #[expect(clippy::cast_precision_loss, reason = "24 bits")]
        let drawn = ((drawn >> 40) as f32 + 0.5) / 16_777_216.0;
        let mut rank = above + drawn * (here + 1.0);
        // Whoever is odd all the time is so by habit.
        if let Some(own) = self.rare.get(&by).filter(|own| at >= TAIL && **own > self.cap()) {
            rank = rank.max(*own);
        }
        f64::from(rank / (self.all + 1.0))
    }
}

impl Evened {
    /// The rank of a p-value among those of the service.
    pub(crate) fn p(&self, service: u64, p: f64, by: By) -> f64 {
        self.0.get(&service).map_or(p, |levels| levels.p(p, by))
    }

    /// Values that it is ranked among.
    pub(crate) fn seen(&self, service: u64) -> u64 {
        self.0.get(&service).map_or(0, |levels| levels.seen)
    }

    /// Takes a value in.
    pub(crate) fn add(&mut self, service: u64, p: f64, by: By) {
        if self.0.len() < SERVICES_MAX || self.0.contains_key(&service) {
            self.0.entry(service).or_default().add(p, by);
        }
    }

    /// Adds what another sensor saw.
    pub(crate) fn absorb(&mut self, other: Self) {
        for (service, theirs) in other.0 {
            if self.0.len() < SERVICES_MAX || self.0.contains_key(&service) {
                self.0.entry(service).or_default().absorb(theirs);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::ActorId;

    fn by(n: u64) -> By {
        By::of(ActorId((n + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
    }

    /// Evenly spread numbers between 0 and 1.
    fn even(n: u64) -> f64 {
        let drawn = hash(&[&n.to_le_bytes()]) >> 40;
        f64::from(u32::try_from(drawn).unwrap() + 1) / 16_777_217.0
    }

    #[test]
    fn what_is_too_careful_or_too_bold_becomes_even() {
        // Twice as bold, and so careful that most are equal.
        let shapes: [fn(f64) -> f64; 2] = [|p| p * p, |p| if p > 0.02 { 1.0 } else { p.sqrt() }];
        for shape in shapes {
            let mut evened = Evened::default();
            let mut below = [0; 3];
            for n in 0..400_000 {
                let (p, by) = (shape(even(n)), by(n % 5000));
                let evened_p = evened.p(7, p, by);
                for (count, nominal) in below.iter_mut().zip([0.01, 0.001, 0.0001]) {
                    *count += i32::from(evened_p <= nominal);
                }
                evened.add(7, p, by);
            }
            let expected = [4000, 400, 40];
            for (count, expected) in below.into_iter().zip(expected) {
                assert!((expected / 2..2 * expected).contains(&count), "{below:?}");
            }
        }
    }

    #[test]
    fn who_is_odd_all_the_time_is_so_for_itself_alone() {
        let mut evened = Evened::default();
        for n in 0..20_000 {
            evened.add(7, even(n).max(0.01), by(n % 500));
            if n % 50 == 0 {
                evened.add(7, 1e-6, by(77_777));
            }
        }
        assert!(evened.p(7, 1e-7, by(5)) < 0.004);
        assert!(evened.p(7, 1e-7, by(77_777)) > 0.01);
    }

    #[test]
    fn services_and_actors_are_bounded() {
        let mut evened = Evened::default();
        (0..3000).for_each(|n| evened.add(n, 0.5, by(n)));
        (0..3000).for_each(|n| evened.add(1, 1e-9, by(n)));
        assert_eq!(evened.0.len(), SERVICES_MAX);
        assert_eq!(evened.0.get(&1).map(|levels| levels.rare.len()), Some(ACTORS_MAX));
    }
}
