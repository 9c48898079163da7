//! What several actors do is a new usage, and no deviation of one.

use crate::keep::Keep;
use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stilt_model::{ActorId, Timestamp};

/// Deviations watched for others who do the same.
const WATCHED_MAX: usize = 10_000;
/// Actors that make a deviation the new usage.
const SEVERAL: usize = 3;

/// Who deviates in which way.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "K: Copy + Ord + Hash + Serialize + DeserializeOwned")]
pub(crate) struct Several<K: Copy + Ord + Hash>(Keep<K, Vec<ActorId>>);

impl<K: Copy + Ord + Hash> Default for Several<K> {
    fn default() -> Self {
        Self(Keep::new(WATCHED_MAX))
    }
}

impl<K: Copy + Ord + Hash> Several<K> {
    /// Notes that `actor` deviates so; whether several do by now.
    pub(crate) fn join(&mut self, now: Timestamp, key: K, actor: ActorId) -> bool {
        let actors = self.0.touch(now, key, Vec::new);
        if actors.len() < SEVERAL && !actors.contains(&actor) {
            actors.push(actor);
        }
        actors.len() >= SEVERAL
    }

    /// Whether it is still the deviation of one or two.
    pub(crate) fn are_few(&self, key: K) -> bool {
        self.0.get(&key).is_none_or(|actors| actors.len() < SEVERAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_third_makes_it_a_usage_and_one_alone_never_does() {
        let mut several = Several::default();
        let now = Timestamp::from_secs(5);
        let mut join = |actor: u64| several.join(now, 7_u64, ActorId(actor));
        assert!(!join(1) && !join(1) && !join(1) && !join(2));
        assert!(join(3) && join(1));
        assert!(several.are_few(8) && !several.are_few(7));
    }
}
