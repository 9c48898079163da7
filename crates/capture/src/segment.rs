//! A TCP segment as the links hand it over.

use core::net::{IpAddr, SocketAddr};
use stilt_model::{Mark, Tunnel};

/// TCP flags (RFC 9293 §3.1), low byte of the flags field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    #[must_use]
    pub const fn fin(self) -> bool {
        self.0 & 0x01 != 0
    }
    /// Synchronise sequence numbers.
    #[must_use]
    pub const fn syn(self) -> bool {
        self.0 & 0x02 != 0
    }
    /// Reset the connection.
    #[must_use]
    pub const fn rst(self) -> bool {
        self.0 & 0x04 != 0
    }
    /// The acknowledgement field counts.
    #[must_use]
    pub const fn ack(self) -> bool {
        self.0 & 0x10 != 0
    }
}

/// Everything of a segment but its bytes; small and `Copy`, so that it crosses threads cheaply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHead {
    /// Packet number and time.
    pub mark: Mark,
    /// Sender.
    pub source: SocketAddr,
    /// Receiver.
    pub destination: SocketAddr,
    /// VLAN tags, outermost first; the first `vlan_count` count.
    pub vlan: [u16; 4],
    /// Number of VLAN tags kept.
    pub vlan_count: u8,
    /// Flags.
    pub flags: TcpFlags,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window as sent, unscaled.
    pub window: u16,
    /// Payload bytes that were on the wire but not in the capture (snaplen).
    pub missing: u32,
    /// Digest of what tells one sending of the segment from another; 0 where nothing does.
    pub ident: u32,
    /// Digest of every VLAN tag around it; 0 where there is none.
    pub lan: u32,
    /// Digest of every tunnel around it; 0 where there is none.
    pub nest: u32,
    /// Digest of what names this direction's way only (labels, tunnel ends); 0 where nothing does.
    pub way: u32,
    /// The innermost tunnel.
    pub tunnel: Option<Tunnel>,
}

impl SegmentHead {
    /// An empty segment from one end to another.
    #[must_use]
    pub const fn new(mark: Mark, source: SocketAddr, destination: SocketAddr) -> Self {
        Self {
            mark,
            source,
            destination,
            vlan: [0; 4],
            vlan_count: 0,
            flags: TcpFlags(0),
            seq: 0,
            ack: 0,
            window: 0,
            missing: 0,
            ident: 0,
            lan: 0,
            nest: 0,
            way: 0,
            tunnel: None,
        }
    }

    /// The address pair in an order that is the same for both directions: what a symmetric hash
    /// reads.
    #[must_use]
    pub fn pair(&self) -> (SocketAddr, SocketAddr) {
        if self.source <= self.destination {
            (self.source, self.destination)
        } else {
            (self.destination, self.source)
        }
    }

    /// The VLAN tags.
    #[must_use]
    pub fn vlan_tags(&self) -> &[u16] {
        self.vlan.get(..usize::from(self.vlan_count)).unwrap_or_default()
    }

    /// Digest of the network that the addresses are of; 0 where nothing names one.
    #[must_use]
    pub fn network(&self) -> u64 {
        (u64::from(self.nest) << 32) | u64::from(self.lan)
    }

    /// Bytes that name the flow, the same for both directions and in every network: input of the
    /// sharding hash.
    #[must_use]
    pub fn symmetric_key(&self) -> [u8; 36] {
        let mut key = [0_u8; 36];
        let (low, high) = self.pair();
        let mut fill = |at: usize, bytes: &[u8]| {
            if let Some(slot) = key.get_mut(at..at.saturating_add(bytes.len())) {
                slot.copy_from_slice(bytes);
            }
        };
        for (at, side) in [(0, low), (18, high)] {
            match side.ip() {
                IpAddr::V4(ip) => fill(at, &ip.to_ipv6_mapped().octets()),
                IpAddr::V6(ip) => fill(at, &ip.octets()),
            }
            fill(at.saturating_add(16), &side.port().to_be_bytes());
        }
        key
    }
}

/// A segment with its bytes.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Headers.
    pub head: SegmentHead,
    /// Payload as captured.
    pub payload: &'a [u8],
}
