//! In which network a connection is followed that was found in several.

use super::key::{Key, Network};
use core::time::Duration;
use stilt_model::{Recent, Timestamp};

/// Connections by the networks they were seen in. Empty, and free, where no network has a name.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// Connections that are followed in another network, and when that was last needed.
    joined: Recent<Key, (Network, Timestamp)>,
    /// The named networks in which a pair of ends was last seen to begin, the latest first.
    latest: Recent<Key, [Option<Network>; LATEST]>,
}

/// Networks remembered of a pair of ends: as many tenants may use it at once.
const LATEST: usize = 3;

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
        let network = key.network();
        if network.is_plain() {
            return;
        }
        let ends = key.within(Network::default());
        if let Some(latest) = self.latest.touch(&ends) {
            let known = latest.iter().position(|known| *known == Some(network));
            let last = known.unwrap_or(LATEST.saturating_sub(1));
            if let Some(upto) = latest.get_mut(..=last) {
                upto.rotate_right(1);
            }
            latest[0] = Some(network);
            return;
        }
        while self.latest.len() >= at_most && self.latest.pop_oldest().is_some() {}
        self.latest.insert(ends, [Some(network), None, None]);
    }

    /// Other networks in which the same ends may be talking.
    pub(super) fn elsewhere(&mut self, key: &Key) -> impl Iterator<Item = Network> + use<> {
        let own = key.network();
        let plain = (!own.is_plain()).then_some(Network::default());
        let named = if self.latest.is_empty() {
            [None; LATEST]
        } else {
            let latest = self.latest.get_mut(&key.within(Network::default()));
            latest.map_or([None; LATEST], |latest| *latest)
        };
        let others = named.into_iter().flatten().filter(move |network| *network != own);
        others.chain(plain)
    }

    /// From now on what is seen under `key` is of the connection in `network`.
    pub(super) fn join(&mut self, key: Key, network: Network, now: Timestamp, at_most: usize) {
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
