//! A variable-order Markov model: what follows after the last few actions, with what follows after
//! fewer of them where those were rarely seen (interpolated after Witten and Bell, 1991).

use crate::profile::{By, Fact};
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use stilt_model::ActorId;

/// Different actions remembered after one context.
const FOLLOWERS_MAX: usize = 64;
/// Turns after one context from which on its counts are halved.
const TURNS_MAX: u32 = 20_000;
/// Chance of an action that was never seen anywhere, shared among so many.
const UNSEEN: f64 = 1.0 / 256.0;

/// What followed after one context.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Node {
    followers: Vec<(u64, Fact)>,
}

/// How likely an action is after a context.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Likelihood {
    /// From 0 to 1.
    pub p: f64,
    /// The same at any time, after whatever.
    pub anytime: f64,
    /// Turns of other actors after the same action, or more of them.
    pub support: u64,
    /// Turns of other actors that did this action, after whatever.
    pub known: u64,
    /// What is likelier there, the likeliest first, with its share.
    pub expected: Vec<(u64, f64)>,
}

/// Contexts with what followed.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Markov {
    nodes: HashMap<u64, Node, RandomState>,
    max: usize,
}

impl Markov {
    /// Nothing learned yet; at most `max` contexts are.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { nodes: HashMap::default(), max }
    }

    /// How likely `action` is for `actor`, of what others did; `contexts` are hashes of what came
    /// before, the shortest first.
    #[must_use]
    pub fn likelihood(&self, contexts: &[u64], action: u64, actor: ActorId) -> Likelihood {
        let by = By::of(actor);
        let mut found = Likelihood { p: UNSEEN, anytime: UNSEEN, ..Likelihood::default() };
        for (at, context) in contexts.iter().enumerate() {
            let Some(node) = self.nodes.get(context) else { continue };
            let all: u32 = node
                .followers
                .iter()
                .fold(0, |sum, (_, fact)| sum.saturating_add(fact.by_others(by)));
            if all == 0 {
                continue;
            }
            let sorts = node.followers.iter().filter(|(_, fact)| fact.by_others(by) > 0).count();
            let sorts = f64::from(u32::try_from(sorts).unwrap_or(u32::MAX));
            let own = node.followers.iter().find(|(known, _)| *known == action);
            let own = own.map_or(0, |(_, fact)| fact.by_others(by));
            if at == 0 {
                found.known = u64::from(own);
            }
            found.p = (f64::from(own) + sorts * found.p) / (f64::from(all) + sorts);
            if at == 0 {
                found.anytime = found.p;
            }
            if at > 0 || contexts.len() == 1 {
                found.support = found.support.max(u64::from(all));
            }
            let share = |turns: u32| f64::from(turns) / f64::from(all);
            found.expected = node
                .followers
                .iter()
                .filter(|(known, fact)| *known != action && fact.by_others(by) > own)
                .map(|(known, fact)| (*known, share(fact.by_others(by))))
                .collect();
        }
        found.expected.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        found.expected.truncate(3);
        found
    }

    /// Learns that `actor` did `action` after each of the contexts.
    pub fn learn(&mut self, contexts: &[u64], action: u64, actor: ActorId) {
        let by = By::of(actor);
        for context in contexts {
            if self.nodes.len() >= self.max && !self.nodes.contains_key(context) {
                continue;
            }
            let node = self.nodes.entry(*context).or_default();
            let followers = &mut node.followers;
            if let Some((_, fact)) = followers.iter_mut().find(|(known, _)| *known == action) {
                fact.see(by);
                if fact.turns >= TURNS_MAX {
                    followers.iter_mut().for_each(|(_, fact)| fact.halve());
                }
            } else if followers.len() < FOLLOWERS_MAX {
                let mut fact = Fact::default();
                fact.see(by);
                followers.push((action, fact));
            }
        }
    }

    /// Adds what another sensor learned.
    pub fn absorb(&mut self, other: Self) {
        for (context, node) in other.nodes {
            if self.nodes.len() >= self.max && !self.nodes.contains_key(&context) {
                continue;
            }
            let own = self.nodes.entry(context).or_default();
            for (action, fact) in node.followers {
                let room = own.followers.len() < FOLLOWERS_MAX;
                match own.followers.iter_mut().find(|(known, _)| *known == action) {
                    Some((_, known)) => known.absorb(&fact),
                    None if room => own.followers.push((action, fact)),
                    None => {}
                }
            }
        }
    }

    /// Contexts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

/// [`Markov`] as a file holds it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct SavedMarkov(BTreeMap<u64, Node>);

impl Markov {
    /// What can be saved, in order.
    #[must_use]
    pub fn save(&self) -> SavedMarkov {
        SavedMarkov(self.nodes.iter().map(|(context, node)| (*context, node.clone())).collect())
    }

    /// From what was saved.
    #[must_use]
    pub fn load(max: usize, saved: SavedMarkov) -> Self {
        Self { nodes: saved.0.into_iter().collect(), max }
    }
}

/// Contexts of the actions before: none, the last, the last two, …, each under `model`.
#[must_use]
pub fn contexts(model: u64, before: &[u64], longest: usize) -> Vec<u64> {
    let mut hash = model ^ 0x9e37_79b9_7f4a_7c15;
    let mut found = vec![hash];
    for action in before.iter().rev().take(longest) {
        hash = (hash.rotate_left(23) ^ action).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        found.push(hash);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(model: &mut Markov, actor: u64, steps: &[u64]) {
        for (at, step) in steps.iter().enumerate() {
            model.learn(&contexts(1, &steps[..at], 2), *step, ActorId(actor));
        }
    }

    #[test]
    fn what_never_follows_is_unlikely_and_what_was_expected_is_named() {
        let mut model = Markov::new(1000);
        for actor in 0..50 {
            walk(&mut model, (actor * 7919) << 20, &[1, 2, 3, 4]);
            walk(&mut model, (actor * 7919 + 13) << 20, &[1, 3, 4]);
        }
        let p = |before: &[u64], step| model.likelihood(&contexts(1, before, 2), step, ActorId(5));
        assert!(p(&[1, 2], 3).p > 0.9);
        let skipped = p(&[1, 2], 4);
        assert!(skipped.p < 0.05 && skipped.expected[0].0 == 3, "{skipped:?}");
        assert!(p(&[9, 9], 3).p > 0.1, "an unknown past says nothing");
    }

    #[test]
    fn what_one_does_alone_is_no_rule_for_itself() {
        let mut model = Markov::new(1000);
        for _ in 0..100 {
            walk(&mut model, 3, &[1, 9]);
        }
        for actor in 10..40 {
            walk(&mut model, actor << 33, &[1, 2]);
        }
        let own = model.likelihood(&contexts(1, &[1], 2), 9, ActorId(3));
        assert!(own.p < 0.1, "{own:?}");
    }

    #[test]
    fn contexts_are_bounded() {
        let mut model = Markov::new(10);
        for step in 0..100 {
            walk(&mut model, step, &[step, step + 1]);
        }
        assert_eq!(model.len(), 10);
    }
}
