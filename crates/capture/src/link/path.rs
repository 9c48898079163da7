//! What the decoders write down as they go through a frame.

use super::TunnelSpec;
use crate::source::Frame;
use core::hash::{BuildHasher, Hash};
use core::net::IpAddr;
use stilt_model::Tunnel;

/// What the decoders write down as they go through a frame.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// Digest of every VLAN tag on the way, 0 where there were none.
    pub lan: u32,
    /// Digest of every tunnel on the way, 0 where there was none.
    pub nest: u32,
    /// Digest of what names one direction of a way only: labels, tunnel ends, mirror sessions.
    pub way: u32,
    /// The innermost tunnel.
    pub tunnel: Option<Tunnel>,
    /// Identification of the innermost IPv4 header, 0 elsewhere.
    pub ip_id: u16,
    /// VLAN tags since the last IP header.
    pub vlan: [u16; 4],
    /// How many of them.
    pub vlan_count: u8,
    /// Addresses of the innermost IP header.
    pub addresses: Option<(IpAddr, IpAddr)>,
    /// End of the innermost IP payload in the bytes that were captured.
    pub end: usize,
    /// Bytes of that payload that were on the wire but not captured.
    pub missing: usize,
    /// Bytes of the frame that were on the wire but not captured.
    pub cut: usize,
}

/// How a tunnel is called, and what is in it that tells networks apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names {
    /// What kind of tunnel it is.
    pub kind: &'static str,
    /// A number that the network has in both directions (VNI, key).
    pub id: Option<u32>,
    /// A number of this direction only (tunnel end, mirror session).
    pub way: Option<u32>,
}

impl Names {
    /// A tunnel whose network has a number, or none.
    #[must_use]
    pub const fn of(kind: &'static str, id: Option<u32>) -> Self {
        Self { kind, id, way: None }
    }

    /// A tunnel with a number of this direction only.
    #[must_use]
    pub const fn one_way(kind: &'static str, way: Option<u32>) -> Self {
        Self { kind, id: None, way }
    }
}

impl Path {
    pub(super) fn new(frame: &Frame, len: usize) -> Self {
        Self {
            lan: 0,
            nest: 0,
            way: 0,
            tunnel: None,
            ip_id: 0,
            vlan: [0; 4],
            vlan_count: 0,
            addresses: None,
            end: len,
            missing: 0,
            cut: (frame.wire_len as usize).saturating_sub(len),
        }
    }

    /// Digests of tunnels, VLANs and ways.
    pub(super) const fn network(&self) -> (u32, u32, u32) {
        (self.nest, self.lan, self.way)
    }

    /// Notes a VLAN tag.
    pub fn tag(&mut self, tag: u16) {
        self.lan = digest(&(self.lan, tag & 0x0fff));
        if let Some(slot) = self.vlan.get_mut(usize::from(self.vlan_count)) {
            *slot = tag & 0x0fff;
            self.vlan_count = self.vlan_count.saturating_add(1);
        }
    }

    /// Notes a number that a layer below IP gives a network, of any kind but a VLAN.
    pub fn service(&mut self, kind: &'static str, number: u32) {
        self.lan = digest(&(self.lan, kind, number));
    }

    /// Notes a number that is of this direction only: the other may have another, or none.
    pub fn along(&mut self, kind: &'static str, number: u32) {
        self.way = digest(&(self.way, kind, number));
    }

    /// Notes that a tunnel begins between the present addresses.
    pub(super) fn enter(&mut self, spec: &TunnelSpec, bytes: &[u8]) {
        let (Some(names), Some((from, to))) = (spec.names, self.addresses) else { return };
        let Names { kind, id, way } = names(bytes);
        let tunnel = Tunnel { kind, id, outer: [from.min(to), from.max(to)] };
        self.nest = digest(&(self.nest, tunnel));
        self.tunnel = Some(tunnel);
        if let Some(number) = way {
            self.along(kind, number);
        }
    }
}

/// A digest that is the same in every run, and never 0.
pub(super) fn digest(what: &impl Hash) -> u32 {
    let hash = foldhash::quality::FixedState::with_seed(0x11_4c).hash_one(what);
    u32::try_from(hash >> 32).unwrap_or(0).max(1)
}
