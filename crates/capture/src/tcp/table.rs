//! A table in order of use: the longest idle goes first.

use core::hash::Hash;
use foldhash::fast::RandomState;
use std::collections::HashMap;

const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct Slot<K, V> {
    key: K,
    value: V,
    before: u32,
    after: u32,
}

/// Values by key, chained from the longest idle to the latest used.
#[derive(Debug)]
pub struct Table<K, V> {
    index: HashMap<K, u32, RandomState>,
    slots: Vec<Option<Slot<K, V>>>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl<K: Hash + Eq + Clone, V> Default for Table<K, V> {
    fn default() -> Self {
        Self {
            index: HashMap::default(),
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
        let at = *self.index.get(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        self.slot(at).map(|slot| &mut slot.value)
    }

    /// A value, whose place in the order of use stays.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = *self.index.get(key)?;
        self.slot(at).map(|slot| &mut slot.value)
    }

    /// Adds a value as the latest used; one of the same key is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        self.remove(&key);
        let slot = Slot { key: key.clone(), value, before: NONE, after: NONE };
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
        self.index.insert(key, at);
        self.link_newest(at);
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.index.remove(key)?;
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
