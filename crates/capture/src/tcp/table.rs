//! A table in order of use: the longest idle goes first.

use core::hash::{BuildHasher, Hash};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    before: u32,
    after: u32,
}

/// Values by key, chained from the longest idle to the latest used.
///
/// There may be a million of them: a key is kept once, in its slot, and the index holds numbers of
/// slots only.
#[derive(Debug)]
pub struct Table<K, V> {
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl<K: Hash + Eq + Clone, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: Vec::new(),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }
}

impl<K: Hash + Eq + Clone, V> Table<K, V> {
    /// Values held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Nothing is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    fn find(&self, key: &K) -> Option<u32> {
        let same = |at: &u32| {
            let slot = self.slots.get(*at as usize).and_then(Option::as_ref);
            slot.is_some_and(|slot| slot.key == *key)
        };
        self.index.find(self.hasher.hash_one(key), same).copied()
    }

    fn slot(&mut self, at: u32) -> Option<&mut Slot<K, V>> {
        self.slots.get_mut(at as usize)?.as_mut()
    }

    fn unlink(&mut self, at: u32) {
        let Some((before, after)) = self.slot(at).map(|slot| (slot.before, slot.after)) else {
            return;
        };
        match self.slot(before) {
            Some(slot) => slot.after = after,
            None => self.oldest = after,
        }
        match self.slot(after) {
            Some(slot) => slot.before = before,
            None => self.newest = before,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let newest = self.newest;
        if let Some(slot) = self.slot(at) {
            (slot.before, slot.after) = (newest, NONE);
        }
        match self.slot(newest) {
            Some(slot) => slot.after = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// A value, which becomes the latest used.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slot(at).map(|slot| &mut slot.value)
    }

    /// A value, whose place in the order of use stays.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key)?;
        self.slot(at).map(|slot| &mut slot.value)
    }

    /// Adds a value as the latest used; one of the same key is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        let hash = self.hasher.hash_one(&key);
        let slot = Slot { key, value, before: NONE, after: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                if let Some(place) = self.slots.get_mut(at as usize) {
                    *place = Some(slot);
                }
                at
            }
            None => {
                let at = u32::try_from(self.slots.len()).unwrap_or(NONE);
                self.slots.push(Some(slot));
                at
            }
        };
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hash, at, |at| {
            let slot = slots.get(*at as usize).and_then(Option::as_ref);
            slot.map_or(0, |slot| hasher.hash_one(&slot.key))
        });
        self.link_newest(at);
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key)?;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(key), |own| *own == at) {
            entry.remove();
        }
        self.unlink(at);
        self.free.push(at);
        self.slots.get_mut(at as usize)?.take().map(|slot| slot.value)
    }

    /// The longest idle.
    #[must_use]
    pub fn oldest(&self) -> Option<(&K, &V)> {
        let slot = self.slots.get(self.oldest as usize)?.as_ref()?;
        Some((&slot.key, &slot.value))
    }

    /// Takes the longest idle out.
    pub fn pop_oldest(&mut self) -> Option<(K, V)> {
        let key = self.oldest()?.0.clone();
        let value = self.remove(&key)?;
        Some((key, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_first() {
        let mut table = Table::default();
        for key in 0..4 {
            table.insert(key, key * 10);
        }
        table.touch(&0);
        table.remove(&2);
        table.insert(7, 70);
        let order: Vec<_> = core::iter::from_fn(|| table.pop_oldest()).collect();
        assert_eq!(order, [(1, 10), (3, 30), (0, 0), (7, 70)]);
        assert!(table.is_empty());
    }
}
