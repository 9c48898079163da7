//! What the links counted: each frame ends in exactly one of the outcomes.

use super::TUNNELS;
use serde::Serialize;

/// What the links counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Frames seen.
    pub frames: u64,
    /// Bytes captured.
    pub bytes: u64,
    /// TCP segments handed over.
    pub segments: u64,
    /// UDP datagrams that are no tunnel.
    pub udp: u64,
    /// IP packets of other protocols.
    pub other_ip: u64,
    /// Frames that carry no IP.
    pub not_ip: u64,
    /// Frames whose content is encrypted below TCP (ESP, MACsec, protected 802.11).
    pub encrypted: u64,
    /// Frames whose headers make no sense or are cut off.
    pub malformed: u64,
    /// Frames of a link type that is not known.
    pub unknown_link: u64,
    /// IP fragments.
    pub fragments: u64,
    /// Datagrams put together from fragments.
    pub reassembled: u64,
    /// Datagrams given up before all their fragments came: it took too long, there were too many,
    /// or the capture ended.
    pub fragments_lost: u64,
    /// Fragments that overlap with other bytes; the first copy was kept.
    pub fragments_differing: u64,
    /// Segments with a wrong checksum, dropped.
    pub bad_checksums: u64,
    /// Frames cut by the capture length.
    pub cut: u64,
    /// Frames with more layers than are followed.
    pub too_deep: u64,
    /// Tunnels undone, by their place in [`TUNNELS`].
    pub tunnels: [u64; TUNNELS.len()],
}

impl Counters {
    /// Adds the counts of another decoder.
    pub fn add(&mut self, other: &Self) {
        for (to, from) in [
            (&mut self.frames, other.frames),
            (&mut self.bytes, other.bytes),
            (&mut self.segments, other.segments),
            (&mut self.udp, other.udp),
            (&mut self.other_ip, other.other_ip),
            (&mut self.not_ip, other.not_ip),
            (&mut self.encrypted, other.encrypted),
            (&mut self.malformed, other.malformed),
            (&mut self.unknown_link, other.unknown_link),
            (&mut self.fragments, other.fragments),
            (&mut self.reassembled, other.reassembled),
            (&mut self.fragments_lost, other.fragments_lost),
            (&mut self.fragments_differing, other.fragments_differing),
            (&mut self.bad_checksums, other.bad_checksums),
            (&mut self.cut, other.cut),
            (&mut self.too_deep, other.too_deep),
        ] {
            *to = to.saturating_add(from);
        }
        for (to, from) in self.tunnels.iter_mut().zip(other.tunnels) {
            *to = to.saturating_add(from);
        }
    }
}

/// Counts one more.
pub(super) const fn one(count: &mut u64) {
    *count = count.saturating_add(1);
}
