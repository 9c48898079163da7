//! Requests that are made again since the server was out of order.

use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, VecDeque};
use stilt_model::{ActorId, EndpointId, Timestamp, Transaction};

/// Actor and endpoint pairs remembered at most.
const PAIRS_MAX: usize = 10_000;
/// Retries of one pair remembered at most.
const RETRIES_MAX: usize = 1024;
/// Who does not wait that long asks, whatever the server says.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a retry is remembered.
const KEEP: Duration = Duration::from_secs(1200);

type Pair = (EndpointId, ActorId);

#[derive(Debug, Serialize, Deserialize)]
struct Down {
    /// What was asked for last, where the server did not manage to answer.
    vain: Option<u64>,
    last: Timestamp,
    retries: VecDeque<Timestamp>,
}

/// Who tries again, and how often.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Retries {
    pairs: HashMap<Pair, Down, RandomState>,
    idle: BTreeSet<(Timestamp, Pair)>,
}

impl Retries {
    /// Notes a request and its answer.
    pub(super) fn see(&mut self, pair: Pair, tx: &Transaction, target: u64) {
        let down = matches!(tx.status(), Some(502..=504));
        let known = self.pairs.contains_key(&pair);
        if !known && (!down || self.pairs.len() >= PAIRS_MAX) {
            return;
        }
        let entry = self.pairs.entry(pair).or_insert_with(|| Down {
            vain: None,
            last: tx.start,
            retries: VecDeque::new(),
        });
        if entry.vain == Some(target) && tx.start.since(entry.last) >= PATIENCE {
            if entry.retries.len() >= RETRIES_MAX {
                entry.retries.pop_front();
            }
            entry.retries.push_back(tx.start);
        }
        self.idle.remove(&(entry.last, pair));
        entry.vain = down.then_some(target);
        entry.last = tx.start;
        self.idle.insert((entry.last, pair));
    }

    /// Retries of a pair within `window` before `now`.
    pub(super) fn of(&self, pair: Pair, now: Timestamp, window: Duration) -> u64 {
        self.pairs.get(&pair).map_or(0, |down| {
            down.retries.iter().rev().take_while(|at| now.since(**at) <= window).count() as u64
        })
    }

    /// Forgets what is over.
    pub(super) fn tick(&mut self, now: Timestamp) {
        while let Some((last, pair)) = self.idle.first().copied() {
            if now.since(last) <= KEEP {
                break;
            }
            self.idle.remove(&(last, pair));
            self.pairs.remove(&pair);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_inventory::test_support::{World, get};

    fn check(status: u16, every: f64, target: impl Fn(u64) -> u64, expected: u64) {
        let mut world = World::new();
        let mut retries = Retries::default();
        let pair = (EndpointId(1), ActorId(2));
        for n in 0..10 {
            let tx = world.tx(get("/x").status(status).at(every * n as f64));
            retries.see(pair, &tx, target(n));
        }
        assert_eq!(retries.of(pair, world.now(), Duration::from_secs(600)), expected);
        retries.tick(world.now().plus(Duration::from_secs(3600)));
        assert_eq!(retries.of(pair, world.now(), Duration::from_secs(600)), 0);
    }

    #[test]
    fn asking_again_for_the_same_after_a_while_is_a_retry() {
        check(503, 2.0, |_| 7, 9);
    }

    #[test]
    fn asking_at_once_for_something_else_or_after_an_answer_is_none() {
        check(503, 0.2, |_| 7, 0);
        check(503, 2.0, |n| n, 0);
        check(500, 2.0, |_| 7, 0);
        check(200, 2.0, |_| 7, 0);
    }
}
