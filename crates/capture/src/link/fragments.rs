//! IP fragments put together: the first copy of a byte wins, and what waits is bounded.

use super::Counters;
use super::ip::Fragment;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::Timestamp;

/// Longest datagram.
const DATAGRAM_MAX: usize = 65_535;
/// Pieces of one datagram at most.
const PIECES_MAX: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    addresses: (IpAddr, IpAddr),
    id: u32,
    protocol: u8,
}

#[derive(Debug)]
struct Partial {
    first: Timestamp,
    order: u64,
    pieces: BTreeMap<usize, Vec<u8>>,
    length: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Fragments {
    waiting: BTreeMap<Key, Partial>,
    oldest: BTreeSet<(u64, Key)>,
    bytes: usize,
    bytes_max: usize,
    wait: Duration,
    clock: u64,
}

impl Fragments {
    pub(super) fn new(bytes_max: usize, wait_secs: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            oldest: BTreeSet::new(),
            bytes: 0,
            bytes_max,
            wait: Duration::from_secs(wait_secs),
            clock: 0,
        }
    }

    /// Adds a fragment; where its datagram is whole, writes it to `out` and gives its protocol.
    pub(super) fn add(
        &mut self,
        fragment: Fragment,
        packet: &[u8],
        now: Timestamp,
        out: &mut Vec<u8>,
        counters: &mut Counters,
    ) -> Option<u8> {
        let data = packet.get(fragment.start..fragment.end.min(packet.len()))?;
        let end = fragment.offset.saturating_add(data.len());
        if end > DATAGRAM_MAX || data.is_empty() {
            counters.malformed = counters.malformed.saturating_add(1);
            return None;
        }
        self.expire(now, data.len(), counters);
        let key =
            Key { addresses: fragment.addresses, id: fragment.id, protocol: fragment.protocol };
        self.clock = self.clock.saturating_add(1);
        let order = self.clock;
        let partial = self.waiting.entry(key).or_insert_with(|| Partial {
            first: now,
            order,
            pieces: BTreeMap::new(),
            length: None,
        });
        self.oldest.insert((partial.order, key));
        if !fragment.more {
            partial.length.get_or_insert(end);
        }
        if partial.pieces.len() < PIECES_MAX && !partial.pieces.contains_key(&fragment.offset) {
            self.bytes = self.bytes.saturating_add(data.len());
            partial.pieces.insert(fragment.offset, data.to_vec());
        }
        if !partial.write(out) {
            return None;
        }
        self.drop(key);
        counters.reassembled = counters.reassembled.saturating_add(1);
        Some(fragment.protocol)
    }

    fn drop(&mut self, key: Key) {
        if let Some(partial) = self.waiting.remove(&key) {
            let bytes: usize = partial.pieces.values().map(Vec::len).sum();
            self.bytes = self.bytes.saturating_sub(bytes);
            self.oldest.remove(&(partial.order, key));
        }
    }

    fn expire(&mut self, now: Timestamp, room: usize, counters: &mut Counters) {
        while let Some((_, key)) = self.oldest.first().copied() {
            let late =
                self.waiting.get(&key).is_none_or(|partial| now.since(partial.first) > self.wait);
            if !late && self.bytes.saturating_add(room) <= self.bytes_max {
                break;
            }
            self.oldest.pop_first();
            self.drop(key);
            counters.fragments_lost = counters.fragments_lost.saturating_add(1);
        }
    }
}

impl Partial {
    /// Writes the datagram where no byte is missing.
    fn write(&self, out: &mut Vec<u8>) -> bool {
        let Some(length) = self.length else { return false };
        let mut reached = 0_usize;
        for (offset, piece) in &self.pieces {
            if *offset > reached {
                return false;
            }
            reached = reached.max(offset.saturating_add(piece.len()));
        }
        if reached < length {
            return false;
        }
        out.clear();
        for (offset, piece) in &self.pieces {
            // What is there already came first in the datagram and stays.
            let known = out.len().saturating_sub(*offset);
            out.extend_from_slice(piece.get(known..).unwrap_or_default());
        }
        out.truncate(length);
        true
    }
}
