//! IP fragments put together: the first copy of a byte wins, and what waits is bounded.

use super::counters::{Counters, one};
use super::ip::Fragment;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use stilt_model::Timestamp;

/// Longest datagram.
const DATAGRAM_MAX: usize = 65_535;
/// Pieces of one datagram at most.
const PIECES_MAX: usize = 128;
/// Bytes of memory that a piece takes besides its own, about: many may be tiny.
const PIECE_COST: usize = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    addresses: (IpAddr, IpAddr),
    id: u32,
    protocol: u8,
    network: (u32, u32, u32),
}

#[derive(Debug)]
struct Partial {
    first: Timestamp,
    order: u64,
    pieces: BTreeMap<usize, Vec<u8>>,
    /// Bytes in the pieces.
    held: usize,
    /// What it takes of memory, about.
    cost: usize,
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
        let data = packet.get(fragment.start..fragment.end.min(packet.len())).unwrap_or_default();
        let end = fragment.offset.saturating_add(data.len());
        if end > DATAGRAM_MAX || data.is_empty() {
            one(&mut counters.malformed);
            return None;
        }
        one(&mut counters.fragments);
        self.expire(now, data.len().saturating_add(PIECE_COST), counters);
        let key = Key {
            addresses: fragment.addresses,
            id: fragment.id,
            protocol: fragment.protocol,
            network: fragment.network,
        };
        self.clock = self.clock.saturating_add(1);
        let order = self.clock;
        let partial = self.waiting.entry(key).or_insert_with(|| Partial {
            first: now,
            order,
            pieces: BTreeMap::new(),
            held: 0,
            cost: 0,
            length: None,
        });
        self.oldest.insert((partial.order, key));
        if !fragment.more {
            partial.length.get_or_insert(end);
        }
        if partial.differs(fragment.offset, data) {
            counters.fragments_differing = counters.fragments_differing.saturating_add(1);
        }
        let added = partial.add(fragment.offset, data);
        self.bytes = self.bytes.saturating_add(added);
        if !partial.write(out) {
            return None;
        }
        self.drop(key);
        counters.reassembled = counters.reassembled.saturating_add(1);
        Some(fragment.protocol)
    }

    /// Datagrams that wait for their fragments.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.len() as u64
    }

    /// Memory that what waits takes, about.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.bytes
    }

    fn drop(&mut self, key: Key) {
        if let Some(partial) = self.waiting.remove(&key) {
            self.bytes = self.bytes.saturating_sub(partial.cost);
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
    /// Whether what is known already is something else where it overlaps.
    fn differs(&self, offset: usize, data: &[u8]) -> bool {
        let end = offset.saturating_add(data.len());
        self.pieces.range(..end).rev().take(PIECES_MAX).any(|(at, piece)| {
            let (from, to) = (offset.max(*at), end.min(at.saturating_add(piece.len())));
            let known = piece.get(from.saturating_sub(*at)..to.saturating_sub(*at));
            let fresh = data.get(from.saturating_sub(offset)..to.saturating_sub(offset));
            from < to && known != fresh
        })
    }

    /// Keeps what of a fragment is not known yet; gives what that costs.
    fn add(&mut self, offset: usize, data: &[u8]) -> usize {
        let end = offset.saturating_add(data.len());
        let before = self.cost;
        let mut at = offset;
        while at < end && self.pieces.len() < PIECES_MAX {
            let below = self.pieces.range(..=at).next_back();
            let known = below.map_or(at, |(from, piece)| from.saturating_add(piece.len()));
            let next = self.pieces.range(at.saturating_add(1)..).next().map_or(end, |(at, _)| *at);
            let from = at.max(known);
            let to = end.min(next);
            if from < to {
                let fresh = data.get(from.saturating_sub(offset)..to.saturating_sub(offset));
                let fresh = fresh.unwrap_or_default().to_vec();
                self.held = self.held.saturating_add(fresh.len());
                self.cost = self.cost.saturating_add(fresh.len()).saturating_add(PIECE_COST);
                self.pieces.insert(from, fresh);
            }
            at = to.max(from).max(at.saturating_add(1));
        }
        self.cost.saturating_sub(before)
    }

    /// Writes the datagram where no byte is missing.
    fn write(&self, out: &mut Vec<u8>) -> bool {
        let Some(length) = self.length else { return false };
        if self.held < length {
            return false;
        }
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
