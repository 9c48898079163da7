//! Numbers that somebody counts through: pages, offsets, numbers of requests. However high they
//! get, the next one is no odd size.

use super::facts::By;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, VecDeque};

/// Callers with parameters that are counted through, remembered at most.
const WALKS_MAX: usize = 4096;
/// Numbers remembered of one: several people may share a caller's address.
const LATEST: usize = 32;
/// Above this, neighbours can't be told apart any more.
const EXACT: f32 = 16_777_216.0;

/// A parameter of an endpoint, and who sends it.
type Key = (u64, u64, By);

/// The latest numbers of callers beyond what everybody else sends.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Walks {
    latest: HashMap<Key, (i64, VecDeque<f32>), RandomState>,
    order: BTreeSet<(i64, Key)>,
}

impl Walks {
    /// Takes a number in; whether it is the next of a count: one more or less than one before, or
    /// the third at even distances.
    pub(super) fn step(&mut self, key: Key, now: i64, number: f32) -> bool {
        if !self.latest.contains_key(&key) {
            while self.latest.len() >= WALKS_MAX {
                let Some((_, oldest)) = self.order.pop_first() else { break };
                self.latest.remove(&oldest);
            }
            self.order.insert((now, key));
        }
        let (last, latest) =
            self.latest.entry(key).or_insert_with(|| (now, VecDeque::with_capacity(4)));
        if *last != now {
            self.order.remove(&(*last, key));
            self.order.insert((now, key));
            *last = now;
        }
        let next = number < EXACT && latest.iter().any(|before| follows(latest, *before, number));
        if latest.len() >= LATEST {
            latest.pop_front();
        }
        latest.push_back(number);
        next
    }
}

#[expect(clippy::float_cmp, reason = "whole numbers below 2^24 are exact")]
fn follows(latest: &VecDeque<f32>, before: f32, number: f32) -> bool {
    let stride = number - before;
    stride.abs() == 1.0 || (stride != 0.0 && latest.contains(&(before - stride)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::ActorId;

    fn steps(numbers: &[f32]) -> Vec<bool> {
        let mut walks = Walks::default();
        let key = (1, 2, By::of(ActorId(3)));
        numbers.iter().zip(0..).map(|(number, now)| walks.step(key, now, *number)).collect()
    }

    #[test]
    fn pages_and_offsets_are_counted_through_by_several_at_once() {
        assert_eq!(steps(&[5.0, 6.0, 40.0, 7.0, 41.0]), [false, true, false, true, true]);
        assert_eq!(steps(&[20.0, 40.0, 60.0, 80.0]), [false, false, true, true]);
        assert_eq!(steps(&[9.0, 8.0]), [false, true]);
    }

    #[test]
    fn leaps_are_no_steps() {
        assert_eq!(steps(&[10.0, 100.0, 1000.0, 5000.0, 5000.0]), [false; 5]);
        let far = EXACT * 64.0;
        assert_eq!(steps(&[far, far + 64.0]), [false; 2]);
    }

    #[test]
    fn walks_are_bounded() {
        let mut walks = Walks::default();
        for actor in 0..2 * WALKS_MAX as u64 {
            walks.step((1, 2, By::of(ActorId(actor))), 5, 1.0);
        }
        assert_eq!((walks.latest.len(), walks.order.len()), (WALKS_MAX, WALKS_MAX));
    }
}
