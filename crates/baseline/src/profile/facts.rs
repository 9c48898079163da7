//! Small counts that many actors add to: how often something was seen by how many in turn, and
//! the highest value of one actor and of all others.

use serde::{Deserialize, Serialize};
use stilt_model::ActorId;

/// Who did something, short: an equal one stands for the same actor, near enough for counts.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub(crate) struct By(u32);

impl By {
    /// The short form of an actor's id.
    #[expect(clippy::cast_possible_truncation, reason = "the id is a hash: half of it will do")]
    pub(crate) fn of(actor: ActorId) -> Self {
        Self((actor.0 ^ (actor.0 >> 32)) as u32)
    }

    /// Shorter still.
    #[expect(clippy::cast_possible_truncation, reason = "half of a hash")]
    pub(crate) fn short(self) -> u16 {
        (self.0 ^ (self.0 >> 16)) as u16
    }

    /// Its bit among 64.
    pub(crate) fn bit(self) -> u64 {
        1_u64.rotate_left(self.0 % 64)
    }
}

/// How often something was seen, where one who does it again and again counts once: a turn ends
/// when somebody else does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Fact {
    /// Turns.
    pub(crate) turns: u32,
    last: By,
    /// More than one actor did it.
    pub(crate) shared: bool,
    /// A bit for each actor, among 24; none of what was counted before there were any.
    #[serde(default)]
    actors: [u8; 3],
}

/// Actors of whom one must do a thing before it is how all do it, and at most so many of them.
const ACTORS_EACH: u64 = 8;
const SUPPORT_MAX: u64 = 5;
/// One turn in so many is the usage, whoever does it.
const OFTEN: u32 = 20;

/// Other actors that make a thing the usage, where there are about so many.
pub(crate) fn support(actors: u64) -> u64 {
    (actors / ACTORS_EACH).clamp(1, SUPPORT_MAX)
}

impl Fact {
    fn bit(by: By) -> (usize, u8) {
        let at = by.0 % 24;
        ((at / 8) as usize, 1 << (at % 8))
    }

    /// About how many actors did it, `by` left out.
    fn others(&self, by: By) -> u64 {
        let (place, own) = Self::bit(by);
        let count = |(at, bits): (usize, &u8)| {
            let bits = if at == place { bits & !own } else { *bits };
            bits.count_ones()
        };
        let set: u32 = self.actors.iter().enumerate().map(count).sum();
        let others = estimate(set, 24);
        others.max(u64::from(self.shared || self.last != by)).min(u64::from(self.turns))
    }

    /// About how many actors did it.
    pub(crate) fn about(&self) -> u64 {
        let set: u32 = self.actors.iter().map(|bits| bits.count_ones()).sum();
        estimate(set, 24)
    }

    /// Fewer others than `by` did it than are needed, and seldom among `all` turns.
    fn is_rare(&self, by: By, needed: u64, all: u32) -> bool {
        let often = self.by_others(by).saturating_mul(OFTEN) >= all;
        self.actors != [0; 3] && self.others(by) < needed && !often
    }

    /// Turns, where enough others than `by` did it as well, or often; of few actors each counts
    /// once.
    pub(crate) fn supported(&self, by: By, needed: u64, all: u32) -> u32 {
        let turns = self.by_others(by);
        if !self.is_rare(by, needed, all) {
            return turns;
        }
        turns.min(u32::try_from(self.others(by)).unwrap_or(turns))
    }

    /// Whether enough others than `by` did it for it to be the usage of an endpoint with so many
    /// turns.
    pub(crate) fn is_usage(&self, by: By, needed: u64, all: u32) -> bool {
        self.by_others(by) > 0 && !self.is_rare(by, needed, all)
    }

    /// Counts `by`; says whether it was a new turn.
    pub(crate) fn see(&mut self, by: By) -> bool {
        let (place, own) = Self::bit(by);
        if let Some(bits) = self.actors.get_mut(place) {
            *bits |= own;
        }
        let new = self.turns == 0 || self.last != by;
        if new {
            self.shared |= self.turns > 0;
            self.turns = self.turns.saturating_add(1);
            self.last = by;
        }
        new
    }

    /// Turns, where others than `by` did it as well.
    pub(crate) fn by_others(&self, by: By) -> u32 {
        if self.shared || self.last != by { self.turns } else { 0 }
    }

    /// One actor alone did it.
    pub(crate) fn is_single(&self) -> bool {
        self.turns > 0 && !self.shared
    }

    /// Adds what another sensor counted.
    pub(crate) fn absorb(&mut self, other: &Self) {
        if other.turns > 0 {
            self.shared |= other.shared || (self.turns > 0 && self.last != other.last);
            self.turns = self.turns.saturating_add(other.turns);
            self.last = other.last;
            for (own, theirs) in self.actors.iter_mut().zip(other.actors) {
                *own |= theirs;
            }
        }
    }

    /// Forgets half.
    pub(crate) fn halve(&mut self) {
        self.turns = self.turns.div_ceil(2);
    }
}

/// About how many left `set` bits of `all`: linear counting (Whang et al., 1990).
pub(crate) fn estimate(set: u32, all: u32) -> u64 {
    let free = f64::from(all.saturating_sub(set).max(1));
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few hundred")]
    let count = (-f64::from(all) * (free / f64::from(all)).ln()).round() as u64;
    count
}

/// Actors that did one of these things alone.
pub(crate) fn singles<'a>(facts: impl Iterator<Item = &'a Fact>) -> u32 {
    let mut alone = facts.filter(|fact| fact.is_single()).map(|fact| fact.last);
    // One or none is the rule, and needs no list.
    let (Some(first), second) = (alone.next(), alone.next()) else { return 0 };
    let Some(second) = second else { return 1 };
    let mut all: Vec<By> = [first, second].into_iter().chain(alone).collect();
    all.sort_unstable();
    all.dedup();
    u32::try_from(all.len()).unwrap_or(u32::MAX)
}

/// Facts by a small number, in order of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Facts(Vec<(u8, Fact)>);

impl Facts {
    pub(crate) fn get(&self, what: u8) -> Option<&Fact> {
        let at = self.0.binary_search_by_key(&what, |(known, _)| *known).ok()?;
        self.0.get(at).map(|(_, fact)| fact)
    }

    pub(crate) fn see(&mut self, what: u8, by: By) {
        match self.0.binary_search_by_key(&what, |(known, _)| *known) {
            Ok(at) => {
                if let Some((_, fact)) = self.0.get_mut(at) {
                    fact.see(by);
                }
            }
            Err(at) => {
                let mut fact = Fact::default();
                fact.see(by);
                self.0.insert(at, (what, fact));
            }
        }
    }

    /// Turns of `what` by others than `by`.
    pub(crate) fn by_others(&self, what: u8, by: By) -> u32 {
        self.get(what).map_or(0, |fact| fact.by_others(by))
    }

    /// See [`Fact::supported`] and [`Fact::is_usage`].
    pub(crate) fn supported(&self, what: u8, by: By, needed: u64, all: u32) -> u32 {
        self.get(what).map_or(0, |fact| fact.supported(by, needed, all))
    }

    /// Whether enough others than `by` did it.
    pub(crate) fn is_usage(&self, what: u8, by: By, needed: u64, all: u32) -> bool {
        self.get(what).is_some_and(|fact| fact.is_usage(by, needed, all))
    }

    /// Actors that did something of it alone: what one actor does, however much, counts once.
    pub(crate) fn singles(&self) -> u32 {
        singles(self.0.iter().map(|(_, fact)| fact))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Numbers and facts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u8, &Fact)> {
        self.0.iter().map(|(what, fact)| (*what, fact))
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for (what, fact) in &other.0 {
            match self.0.binary_search_by_key(what, |(known, _)| *known) {
                Ok(at) => {
                    if let Some((_, own)) = self.0.get_mut(at) {
                        own.absorb(fact);
                    }
                }
                Err(at) => self.0.insert(at, (*what, *fact)),
            }
        }
    }

    pub(crate) fn halve(&mut self) {
        self.0.iter_mut().for_each(|(_, fact)| fact.halve());
    }
}

/// The three highest values of different actors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peak([(f32, By); 3]);

impl Peak {
    /// Takes a value in; values are not negative.
    pub(crate) fn see(&mut self, value: f32, by: By) {
        let Self(top) = self;
        let own = top.iter().position(|(_, known)| *known == by).unwrap_or(top.len() - 1);
        let Some(slot) = top.get_mut(own) else { return };
        if value > slot.0 {
            *slot = (value, by);
            top.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        }
    }

    /// The highest of others than `by`.
    pub(crate) fn of_others(&self, by: By) -> f32 {
        self.others(by).next().unwrap_or(0.0)
    }

    /// The same when the highest of them is left out: one who is odd must not hide the next.
    pub(crate) fn of_most_others(&self, by: By) -> f32 {
        self.others(by).nth(1).unwrap_or(0.0)
    }

    fn others(&self, by: By) -> impl Iterator<Item = f32> {
        self.0.iter().filter(move |(_, known)| *known != by).map(|(value, _)| *value)
    }

    pub(crate) fn absorb(&mut self, other: &Self) {
        for (value, by) in other.0 {
            self.see(value, by);
        }
    }
}

/// −ln of how likely something is that only `odd` of `turns` were.
#[expect(clippy::cast_precision_loss, reason = "counts")]
pub(crate) fn surprise(odd: u32, turns: u32) -> f32 {
    -((odd as f32 + 1.0) / (turns.max(odd) as f32 + 2.0)).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_few_of_many_do_is_no_usage_and_counts_them_once() {
        let mut fact = Fact::default();
        for n in 0..30 {
            fact.see(By(n % 3));
        }
        assert!(!fact.is_usage(By(9), support(40), 1000));
        assert_eq!(fact.supported(By(9), support(40), 1000), 3);
        // One of a handful, or what is done all the time, is.
        assert!(fact.is_usage(By(9), support(20), 1000));
        assert!(fact.is_usage(By(9), support(40), 500));
        for n in 3..6 {
            fact.see(By(n));
        }
        assert!(fact.is_usage(By(9), support(40), 1000));
        let old: Fact = serde_json::from_str(r#"{"turns":2,"last":7,"shared":true}"#).unwrap();
        assert!(old.is_usage(By(9), support(40), 1000));
    }

    #[test]
    fn one_who_goes_on_and_on_counts_once() {
        let mut fact = Fact::default();
        for _ in 0..100 {
            fact.see(By(1));
        }
        assert_eq!((fact.turns, fact.is_single(), fact.by_others(By(1))), (1, true, 0));
        fact.see(By(2));
        fact.see(By(1));
        assert_eq!((fact.turns, fact.shared, fact.by_others(By(1))), (3, true, 3));
    }

    #[test]
    fn the_highest_of_others_is_not_ones_own() {
        let mut peak = Peak::default();
        for (value, by) in [(3.0, 1), (9.0, 2), (4.0, 1), (20.0, 2)] {
            peak.see(value, By(by));
        }
        assert_eq!((peak.of_others(By(2)), peak.of_others(By(7))), (4.0, 20.0));
        assert_eq!((peak.of_most_others(By(2)), peak.of_most_others(By(7))), (0.0, 4.0));
        let mut other = Peak::default();
        other.see(30.0, By(5));
        peak.absorb(&other);
        assert_eq!((peak.of_others(By(5)), peak.of_others(By(2))), (20.0, 30.0));
    }

    #[test]
    fn what_is_rare_surprises_by_how_much_was_seen() {
        assert!(surprise(0, 10) < surprise(0, 1000));
        assert!(surprise(500, 1000) < 1.0);
    }
}
