//! Segments that a mirror delivers twice, and connections that it shows in two networks.
//!
//! A port that mirrors both what comes in and what goes out gives every segment twice, routed or
//! not: with another TTL, MAC, checksum, or VLAN. What tells a copy from a retransmission is that
//! the packet's number and its TCP time are the same. Copies are looked for among the segments
//! that a shard saw last: one that was overwritten is missed, and then taken for a
//! retransmission, which changes nothing but a counter.

use super::key::{Key, Network};
use crate::segment::Segment;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use foldhash::fast::RandomState;
use serde::{Deserialize, Serialize};
use stilt_model::Timestamp;

/// Segments remembered by a shard; a power of two.
const SEEN: usize = 2048;
/// A copy with the same packet number comes within this time.
const COPY_WAIT: Duration = Duration::from_secs(2);
/// Without a number only what comes before any retransmission timer can be a copy.
const UNNUMBERED_WAIT: Duration = Duration::from_millis(100);

/// Where one connection may be seen at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Across {
    /// In one network only: equal addresses in two VLANs are of two connections in any case.
    None,
    /// In several VLANs, where it shows that it is the same; in tunnels never.
    #[default]
    Vlans,
    /// In several VLANs and tunnels, where it shows that it is the same.
    Tunnels,
}

impl Across {
    /// The part of a network that must be the same.
    const fn fixed(self, network: Network) -> u64 {
        match self {
            Self::None => network.digest,
            Self::Vlans => network.digest >> 32,
            Self::Tunnels => 0,
        }
    }

    /// Whether one connection may be seen in both. Ways are of one direction each, so that those
    /// of one connection differ as a rule.
    pub(super) const fn joins(self, one: Network, other: Network) -> bool {
        self.fixed(one) == self.fixed(other)
    }
}

/// One segment as it was first seen.
#[derive(Clone, Copy, Debug, Default)]
struct Glance {
    place: u64,
    content: u64,
    network: Network,
    time: Timestamp,
}

/// Segments seen last.
#[derive(Debug, Default)]
pub(super) struct Seen {
    glances: Vec<Glance>,
    hasher: RandomState,
}

/// An earlier segment that is the same in all but its network.
pub(super) struct Earlier {
    pub(super) network: Network,
    pub(super) time: Timestamp,
}

impl Seen {
    /// Notes a segment that carries something; gives the one it may be a copy of.
    pub(super) fn look(
        &mut self,
        key: &Key,
        segment: &Segment<'_>,
        across: Across,
    ) -> Option<Earlier> {
        let head = &segment.head;
        if self.glances.is_empty() {
            self.glances.resize(SEEN, Glance::default());
        }
        let mut place = self.hasher.build_hasher();
        place.write(&head.symmetric_key());
        place.write_u64(across.fixed(key.network()));
        place.write_u8(u8::from(head.source <= head.destination));
        place.write_u32(head.seq);
        place.write_u8(head.flags.0 & 7);
        place.write_usize(segment.payload.len());
        let place = place.finish();
        let mut content = self.hasher.build_hasher();
        content.write_u32(head.ident);
        content.write_u32(head.ack);
        content.write_u32(head.missing);
        content.write(segment.payload);
        let content = content.finish();
        let at = usize::try_from(place).unwrap_or_default() & SEEN.saturating_sub(1);
        let glance = self.glances.get_mut(at)?;
        let wait = if head.ident == 0 { UNNUMBERED_WAIT } else { COPY_WAIT };
        let time = head.mark.time;
        if glance.place == place && glance.content == content && time.since(glance.time) <= wait {
            return Some(Earlier { network: glance.network, time: glance.time });
        }
        *glance = Glance { place, content, network: key.network(), time };
        None
    }
}
