//! What names a connection in a shard's tables: small, because there may be a million of them.

use crate::segment::SegmentHead;
use core::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Both ends, the lower first, and where they were seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Key {
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
    way: u32,
    network: u64,
}

/// Where a connection is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    /// Digest of VLAN tags and tunnels; 0 where there are none.
    pub(super) digest: u64,
    /// Digest of what names one direction only (labels, tunnel ends); 0 where nothing does.
    pub(super) way: u32,
}

impl Network {
    /// Nothing names it.
    pub(super) fn is_plain(self) -> bool {
        self == Self::default()
    }
}

impl Key {
    pub(super) fn of(head: &SegmentHead) -> Self {
        let (low, high) = head.pair();
        let octets = |ip: IpAddr| match ip {
            IpAddr::V4(ip) => ip.to_ipv6_mapped().octets(),
            IpAddr::V6(ip) => ip.octets(),
        };
        Self {
            addresses: [octets(low.ip()), octets(high.ip())],
            ports: [low.port(), high.port()],
            way: head.way,
            network: head.network(),
        }
    }

    /// The same ends in another network.
    pub(super) fn within(self, network: Network) -> Self {
        Self { network: network.digest, way: network.way, ..self }
    }

    /// Where it is seen.
    pub(super) fn network(&self) -> Network {
        Network { digest: self.network, way: self.way }
    }

    /// Both ends, the lower first.
    pub(super) fn ends(&self) -> [SocketAddr; 2] {
        let [low, high] = self.addresses.map(|octets| Ipv6Addr::from(octets).to_canonical());
        let [first, second] = self.ports;
        [SocketAddr::new(low, first), SocketAddr::new(high, second)]
    }
}
