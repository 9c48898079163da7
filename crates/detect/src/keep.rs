//! A bounded table: what was not touched for longest makes room.

use core::hash::Hash;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use stilt_model::{Recent, Timestamp};

/// Values by key, at most `max` of them. Which one makes room depends on the order of touches
/// alone, so that two runs forget the same.
#[derive(Debug, Deserialize)]
#[serde(from = "Saved<K, V>", bound = "K: Hash + Eq + DeserializeOwned, V: DeserializeOwned")]
pub(crate) struct Keep<K, V> {
    /// With the time of the last touch. In boxes: what is kept is large, and some are taken out.
    values: Recent<K, (Timestamp, Box<V>)>,
    max: usize,
}

/// A table as it is saved: what was not touched for longest comes first.
#[derive(Serialize, Deserialize)]
struct Saved<K, V> {
    max: usize,
    values: Vec<(K, Timestamp, V)>,
}

impl<K: Hash + Eq + Serialize, V: Serialize> Serialize for Keep<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let values = self.values.iter().map(|(key, (at, value))| (key, *at, value));
        Saved { max: self.max, values: values.collect() }.serialize(serializer)
    }
}

impl<K: Hash + Eq, V> From<Saved<K, V>> for Keep<K, V> {
    fn from(saved: Saved<K, V>) -> Self {
        let mut keep = Self::new(saved.max);
        for (key, at, value) in saved.values {
            keep.touch(at, key, || value);
        }
        keep
    }
}

impl<K: Hash + Eq, V> Keep<K, V> {
    /// A table of at most `max` values.
    pub(crate) fn new(max: usize) -> Self {
        Self { values: Recent::default(), max: max.max(1) }
    }

    /// The value of a key, made where it is new.
    pub(crate) fn touch(&mut self, now: Timestamp, key: K, make: impl FnOnce() -> V) -> &mut V {
        if self.values.len() >= self.max && self.values.get(&key).is_none() {
            self.shrink(self.max.saturating_sub(1));
        }
        let (last, value) = self.values.touch_or_insert_with(key, || (now, Box::new(make())));
        *last = now;
        value
    }

    /// Holds at most so many from now on.
    pub(crate) fn resize(&mut self, max: usize) {
        self.max = max.max(1);
        self.shrink(self.max);
    }

    fn shrink(&mut self, to: usize) {
        while self.values.len() > to && self.values.pop_oldest().is_some() {}
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
        self.values.remove(key).map(|(_, value)| *value)
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
        let at = Timestamp::from_secs;
        let mut keep = Keep::new(2);
        *keep.touch(at(1), 1, || 0) += 1;
        *keep.touch(at(2), 2, || 0) += 1;
        *keep.touch(at(3), 1, || 0) += 1;
        keep.touch(at(4), 3, || 0);
        assert_eq!((keep.get(&1), keep.get(&2), keep.get(&3)), (Some(&2), None, Some(&0)));
        assert_eq!((keep.remove(&1), keep.len()), (Some(2), 1));
        keep.touch(at(5), 4, || 0);
        keep.touch(at(6), 5, || 0);
        assert_eq!((keep.len(), keep.get(&4)), (2, Some(&0)));
    }

    #[test]
    fn a_table_is_remembered_with_its_order() {
        let at = Timestamp::from_secs;
        let mut keep = Keep::new(3);
        for key in [7, 5, 6] {
            keep.touch(at(key), key, || key * 2);
        }
        let mut again: Keep<i64, i64> = read(&write(&keep).unwrap()).unwrap();
        assert_eq!((again.max, again.len(), again.get(&6)), (3, 3, Some(&12)));
        again.resize(2);
        assert_eq!((again.get(&7), again.get(&5), again.len()), (None, Some(&10), 2));
    }
}
