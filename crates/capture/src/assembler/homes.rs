//! In which network a connection is followed that was found in several.

use super::key::Key;
use crate::tcp::Table;
use core::time::Duration;
use stilt_model::Timestamp;

/// Connections by the networks they were seen in. Empty, and free, where no network has a name.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// Connections that are followed in another network, and when that was last needed.
    joined: Table<Key, (u64, Timestamp)>,
    /// The named network in which a pair of ends was last seen to begin.
    latest: Table<Key, u64>,
}

impl Homes {
    /// The key under which a connection is followed; one that `opens` must show anew where it is.
    pub(super) fn of(&mut self, key: Key, opens: bool, now: Timestamp) -> Key {
        if self.joined.is_empty() {
            return key;
        }
        if opens {
            self.joined.remove(&key);
        }
        match self.joined.touch(&key) {
            Some((network, last)) => {
                *last = now.max(*last);
                key.within(*network)
            }
            None => key,
        }
    }

    /// A connection begins.
    pub(super) fn begin(&mut self, key: &Key, at_most: usize) {
        if key.network != 0 {
            while self.latest.len() >= at_most && self.latest.pop_oldest().is_some() {}
            self.latest.insert(key.within(0), key.network);
        }
    }

    /// Other networks in which the same ends may be talking.
    pub(super) fn elsewhere(&mut self, key: &Key) -> impl Iterator<Item = u64> + use<> {
        let plain = (key.network != 0).then_some(0);
        let named = if self.latest.is_empty() {
            None
        } else {
            self.latest.get_mut(&key.within(0)).copied()
        };
        plain.into_iter().chain(named.filter(|network| *network != key.network))
    }

    /// From now on what is seen under `key` is of the connection in `network`.
    pub(super) fn join(&mut self, key: Key, network: u64, now: Timestamp, at_most: usize) {
        while self.joined.len() >= at_most && self.joined.pop_oldest().is_some() {}
        self.joined.insert(key, (network, now));
    }

    /// Forgets what was not needed for so long.
    pub(super) fn tick(&mut self, now: Timestamp, idle: Duration) {
        while self.joined.oldest().is_some_and(|(_, (_, last))| now.since(*last) > idle) {
            self.joined.pop_oldest();
        }
    }
}
