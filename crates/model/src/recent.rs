//! A table in order of use: the longest idle goes first.

use core::hash::{BuildHasher, Hash};
use foldhash::fast::RandomState;
use hashbrown::HashTable;

const NONE: u32 = u32::MAX;

/// Places in a chunk.
const CHUNK: usize = 128;
/// A table of so many places gives room back,
const SHRINKS_FROM: usize = 4 * CHUNK;
/// where one in so many is taken. What is filled again is made anew seldom.
const SPARSE: usize = 4;

/// Places by number. What is full is never moved, so that a table of many grows without a stop and
/// keeps no room to spare.
#[derive(Debug)]
struct Chunks<T>(Vec<Vec<T>>);

impl<T> Chunks<T> {
    /// Places there are.
    fn len(&self) -> usize {
        let full = self.0.len().saturating_sub(1).saturating_mul(CHUNK);
        self.0.last().map_or(0, |last| full.saturating_add(last.len()))
    }

    fn get(&self, at: u32) -> Option<&T> {
        self.0.get(at as usize / CHUNK)?.get(at as usize % CHUNK)
    }

    fn get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.0.get_mut(at as usize / CHUNK)?.get_mut(at as usize % CHUNK)
    }

    /// Adds one; gives its number.
    fn push(&mut self, one: T) -> u32 {
        let number = |before: usize, at: usize| {
            u32::try_from(before.saturating_mul(CHUNK).saturating_add(at)).unwrap_or(NONE)
        };
        let chunks = self.0.len();
        if let Some(last) = self.0.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            last.push(one);
            return number(chunks.saturating_sub(1), last.len().saturating_sub(1));
        }
        // The first grows by itself: most tables are small.
        let mut chunk = Vec::with_capacity(if chunks == 0 { 0 } else { CHUNK });
        chunk.push(one);
        self.0.push(chunk);
        number(chunks, 0)
    }
}

/// Values by key, chained from the longest idle to the latest used.
///
/// There may be a million of them: a key is kept once, in its slot, and the index holds numbers of
/// slots only. What order they are in depends on what was done alone, never on hashes.
#[derive(Debug)]
pub struct Recent<K, V> {
    index: HashTable<u32>,
    hasher: RandomState,
    slots: Chunks<Option<(K, V)>>,
    /// The one used before, and after.
    links: Chunks<(u32, u32)>,
    free: Vec<u32>,
    oldest: u32,
    newest: u32,
}

impl<K, V> Default for Recent<K, V> {
    fn default() -> Self {
        Self {
            index: HashTable::new(),
            hasher: RandomState::default(),
            slots: Chunks(Vec::new()),
            links: Chunks(Vec::new()),
            free: Vec::new(),
            oldest: NONE,
            newest: NONE,
        }
    }
}

impl<K: Hash + Eq, V> Recent<K, V> {
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
        let same = |at: &u32| matches!(self.slots.get(*at), Some(Some((own, _))) if own == key);
        self.index.find(self.hasher.hash_one(key), same).copied()
    }

    fn unlink(&mut self, at: u32) {
        let Some((before, after)) = self.links.get(at).copied() else { return };
        match self.links.get_mut(before) {
            Some(link) => link.1 = after,
            None => self.oldest = after,
        }
        match self.links.get_mut(after) {
            Some(link) => link.0 = before,
            None => self.newest = before,
        }
    }

    fn link_newest(&mut self, at: u32) {
        let newest = self.newest;
        if let Some(link) = self.links.get_mut(at) {
            *link = (newest, NONE);
        }
        match self.links.get_mut(newest) {
            Some(link) => link.1 = at,
            None => self.oldest = at,
        }
        self.newest = at;
    }

    /// The number of a key, which becomes the latest used, where it is there.
    fn used(&mut self, key: &K) -> Option<u32> {
        let at = self.find(key)?;
        if self.newest != at {
            self.unlink(at);
            self.link_newest(at);
        }
        Some(at)
    }

    /// A place for a key that is not there, as the latest used; nothing is in it yet.
    fn begin(&mut self, key: &K) -> u32 {
        let at = self.free.pop().unwrap_or_else(|| {
            self.links.push((NONE, NONE));
            self.slots.push(None)
        });
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.index.insert_unique(hasher.hash_one(key), at, |at| match slots.get(*at) {
            Some(Some((key, _))) => hasher.hash_one(key),
            _ => 0,
        });
        self.link_newest(at);
        at
    }

    /// A value, which becomes the latest used.
    pub fn touch(&mut self, key: &K) -> Option<&mut V> {
        let at = self.used(key)?;
        self.slots.get_mut(at)?.as_mut().map(|(_, value)| value)
    }

    /// The same; it is made where it is not there.
    pub fn touch_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let at = match self.used(&key) {
            Some(at) => at,
            None => self.begin(&key),
        };
        &mut self.slots.0[at as usize / CHUNK][at as usize % CHUNK]
            .get_or_insert_with(|| (key, make()))
            .1
    }

    /// A value, whose place in the order of use stays.
    #[must_use]
    pub fn get(&self, key: &K) -> Option<&V> {
        self.slots.get(self.find(key)?)?.as_ref().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let at = self.find(key)?;
        self.slots.get_mut(at)?.as_mut().map(|(_, value)| value)
    }

    /// Adds a value as the latest used; one of the same key is replaced.
    pub fn insert(&mut self, key: K, value: V) {
        let at = match self.used(&key) {
            Some(at) => at,
            None => self.begin(&key),
        };
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some((key, value));
        }
    }

    fn take(&mut self, at: u32) -> Option<(K, V)> {
        let slot = self.slots.get_mut(at)?.take()?;
        if let Ok(entry) = self.index.find_entry(self.hasher.hash_one(&slot.0), |own| *own == at) {
            entry.remove();
        }
        self.unlink(at);
        self.free.push(at);
        self.shrink();
        Some(slot)
    }

    /// A table of which little is left gives its room back: it is made anew with what there is.
    fn shrink(&mut self) {
        let places = self.slots.len();
        if places < SHRINKS_FROM || self.index.len() > places / SPARSE {
            return;
        }
        let mut before = core::mem::take(self);
        self.hasher = before.hasher.clone();
        let mut next = before.oldest;
        while let Some((_, after)) = before.links.get(next).copied() {
            if let Some((key, value)) = before.slots.get_mut(next).and_then(Option::take) {
                self.insert(key, value);
            }
            next = after;
        }
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let at = self.find(key)?;
        self.take(at).map(|(_, value)| value)
    }

    /// The longest idle.
    #[must_use]
    pub fn oldest(&self) -> Option<(&K, &V)> {
        self.slots.get(self.oldest)?.as_ref().map(|(key, value)| (key, value))
    }

    /// Takes the longest idle out.
    pub fn pop_oldest(&mut self) -> Option<(K, V)> {
        self.take(self.oldest)
    }

    /// All of them, the longest idle first.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        let mut next = self.oldest;
        core::iter::from_fn(move || {
            let (key, value) = self.slots.get(next)?.as_ref()?;
            next = self.links.get(next)?.1;
            Some((key, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_goes_first() {
        let mut table = Recent::default();
        for key in 0..4 {
            table.insert(key, key * 10);
        }
        table.touch(&0);
        table.remove(&2);
        table.insert(7, 70);
        assert!(table.iter().map(|(key, _)| *key).eq([1, 3, 0, 7]));
        let order: Vec<_> = core::iter::from_fn(|| table.pop_oldest()).collect();
        assert_eq!(order, [(1, 10), (3, 30), (0, 0), (7, 70)]);
        assert!(table.is_empty());
    }

    #[test]
    fn many_come_and_go_and_room_is_used_again() {
        let mut table = Recent::default();
        for key in 0..10_000_u32 {
            table.insert(key, key + 1);
            if table.len() > 1_500 {
                table.pop_oldest();
            }
        }
        assert_eq!((table.len(), table.oldest()), (1_500, Some((&8_500, &8_501))));
        assert_eq!((table.get(&8_499), table.get(&9_999)), (None, Some(&10_000)));
        assert_eq!((table.slots.0.len(), table.slots.0[2].capacity()), (12, CHUNK));
    }

    #[test]
    fn what_is_left_of_many_takes_little_room_and_keeps_its_order() {
        let mut table = Recent::default();
        for key in 0..20_000_u32 {
            table.insert(key, key + 1);
        }
        table.touch(&19_000);
        for key in (0..20_000).filter(|key| key % 100 != 0) {
            assert_eq!(table.remove(&key), Some(key + 1));
        }
        assert!(table.slots.len() < SHRINKS_FROM, "{}", table.slots.len());
        let left = (0..19_000).chain(19_100..20_000).step_by(100).chain([19_000]);
        assert!(table.iter().map(|(key, _)| *key).eq(left));
        assert_eq!((table.len(), table.get(&19_900)), (200, Some(&19_901)));
        table.insert(7, 8);
        assert_eq!(table.pop_oldest(), Some((0, 1)));
    }
}
