//! A bounded map that forgets its older half at a time.

use core::hash::BuildHasherDefault;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// Keys are already well-mixed hashes: taken as they are.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Identity(u64);

impl core::hash::Hasher for Identity {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

type Half<T> = HashMap<u64, T, BuildHasherDefault<Identity>>;

/// Holds up to `max` values; when it is full the half that was written longest ago goes.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Generations<T> {
    young: Half<T>,
    old: Half<T>,
    max: usize,
}

impl<T: Copy> Generations<T> {
    pub(super) fn new(max: usize) -> Self {
        Self { young: Half::default(), old: Half::default(), max: max.max(2) }
    }

    /// Holds up to so many from now on.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = max.max(2);
    }

    pub(super) fn len(&self) -> usize {
        self.young.len().saturating_add(self.old.len())
    }

    pub(super) fn get(&self, key: u64) -> Option<T> {
        self.young.get(&key).or_else(|| self.old.get(&key)).copied()
    }

    /// Writes what `new` makes of the value that is there; gives whether something was forgotten
    /// for it.
    pub(super) fn merge(&mut self, key: u64, new: impl FnOnce(Option<T>) -> T) -> bool {
        if let Some(slot) = self.young.get_mut(&key) {
            *slot = new(Some(*slot));
            return false;
        }
        let value = new(self.old.remove(&key));
        let full = self.young.len() >= self.max / 2;
        let mut forgot = false;
        if full {
            forgot = !self.old.is_empty();
            self.old = core::mem::take(&mut self.young);
        }
        self.young.insert(key, value);
        forgot
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_half_goes_first_and_the_cap_holds() {
        let mut map = Generations::new(10);
        let forgot: Vec<bool> = (0..12).map(|key| map.merge(key, |_| key)).collect();
        assert!(map.len() <= 10);
        assert!(forgot.iter().any(|forgot| *forgot));
        assert_eq!((map.get(0), map.get(11)), (None, Some(11)));
    }

    #[test]
    fn what_is_written_again_is_young_again() {
        let mut map = Generations::new(4);
        for key in [1, 2, 3, 1, 4, 5] {
            map.merge(key, |_| key);
        }
        assert_eq!(map.get(1), Some(1));
        assert_eq!(map.get(2), None);
    }
}
