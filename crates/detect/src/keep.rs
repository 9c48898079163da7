//! A bounded table: what was not touched for longest makes room.

use core::hash::Hash;
use core::time::Duration;
use foldhash::fast::RandomState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::{BTreeSet, HashMap};
use stilt_model::Timestamp;

/// Touches closer together than this leave the order as it is.
const GRAIN: Duration = Duration::from_secs(30);

/// Values by key, at most `max` of them. Which one makes room depends on packet time and keys
/// alone, so that two runs forget the same.
#[derive(Debug, Deserialize)]
#[serde(
    from = "Saved<K, V>",
    bound = "K: Copy + Ord + Hash + DeserializeOwned, V: DeserializeOwned"
)]
pub(crate) struct Keep<K, V> {
    /// In boxes: a table that grows moves all it holds and has room to spare, and values of
    /// kilobytes would hold a live run up for tens of milliseconds.
    values: HashMap<K, (Timestamp, Box<V>), RandomState>,
    order: BTreeSet<(Timestamp, K)>,
    max: usize,
}

/// A table as it is saved: what was touched for longest comes first.
#[derive(Serialize, Deserialize)]
struct Saved<K, V> {
    max: usize,
    values: Vec<(K, Timestamp, V)>,
}

impl<K: Copy + Ord + Hash + Serialize, V: Serialize> Serialize for Keep<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.order.iter().filter_map(|(at, key)| Some((*key, *at, self.get(key)?)));
        Saved { max: self.max, values: values.collect() }.serialize(serializer)
    }
}

impl<K: Copy + Ord + Hash, V> From<Saved<K, V>> for Keep<K, V> {
    fn from(saved: Saved<K, V>) -> Self {
        let mut keep = Self::new(saved.max);
        for (key, at, value) in saved.values {
            keep.touch(at, key, || value);
        }
        keep
    }
}

impl<K: Copy + Ord + Hash, V> Keep<K, V> {
    /// A table of at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { values: HashMap::default(), order: BTreeSet::new(), max: max.max(1) }
    }

    /// The value of a key, made where it is new.
    pub(crate) fn touch(&mut self, now: Timestamp, key: K, make: impl FnOnce() -> V) -> &mut V {
        match self.values.get_mut(&key) {
            Some((last, _)) => {
                if now.since(*last) >= GRAIN {
                    self.order.remove(&(*last, key));
                    self.order.insert((now, key));
                    *last = now;
                }
            }
            None => {
                while self.values.len() >= self.max {
                    let Some((_, oldest)) = self.order.pop_first() else { break };
                    self.values.remove(&oldest);
                }
                self.order.insert((now, key));
            }
        }
        &mut self.values.entry(key).or_insert_with(|| (now, Box::new(make()))).1
    }

    /// Holds at most so many from now on.
    pub(crate) fn resize(&mut self, max: usize) {
        self.max = max.max(1);
        while self.values.len() > self.max {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.values.remove(&oldest);
        }
    }

    /// The value of a key, where it is there.
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.values.get(key).map(|(_, value)| value.as_ref())
    }

    /// The same, to be changed; the order stays.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.values.get_mut(key).map(|(_, value)| value.as_mut())
    }

    /// Takes a value out.
    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (last, value) = self.values.remove(key)?;
        self.order.remove(&(last, *key));
        Some(*value)
    }

    /// Values there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stilt_model::saved::{read, write};

    #[test]
    fn what_was_not_touched_for_longest_makes_room() {
        let mut keep = Keep::new(2);
        let at = Timestamp::from_secs;
        *keep.touch(at(0), 1, || 0) += 1;
        *keep.touch(at(1), 2, || 0) += 1;
        *keep.touch(at(60), 1, || 0) += 1;
        keep.touch(at(61), 3, || 0);
        assert_eq!((keep.get(&1), keep.get(&2), keep.get(&3)), (Some(&2), None, Some(&0)));
        assert_eq!((keep.remove(&1), keep.len()), (Some(2), 1));
        keep.touch(at(62), 4, || 0);
        keep.touch(at(63), 5, || 0);
        assert_eq!((keep.len(), keep.order.len()), (2, 2));
    }

    #[test]
    fn a_table_is_remembered_with_its_order() {
        let mut keep = Keep::new(3);
        for (at, key) in [(0, 7), (40, 5), (80, 6)] {
            keep.touch(Timestamp::from_secs(at), key, || key * 2);
        }
        let mut again: Keep<u64, u64> = read(&write(&keep).unwrap()).unwrap();
        assert_eq!((again.max, &again.order, again.get(&6)), (3, &keep.order, Some(&12)));
        again.resize(2);
        assert_eq!((again.get(&7), again.get(&5), again.len()), (None, Some(&10), 2));
    }
}
