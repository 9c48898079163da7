//! A transport flow, seen from its client.

use crate::id::{FlowId, IdBuilder};
use crate::saved::{self, Word};
use core::net::{IpAddr, SocketAddr};
use serde::{Deserialize, Serialize};

/// VLAN tags from the outermost inward; empty where there are none.
pub type VlanTag = Vec<u16>;

/// A tunnel around a flow: its addresses are those of a network of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Tunnel {
    /// What it is called (`vxlan`, `gre`, …).
    #[serde(deserialize_with = "saved::word")]
    pub kind: Word,
    /// The network identifier in it: a VNI, or the key of GRE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u32>,
    /// Its ends, the lower address first.
    pub outer: [IpAddr; 2],
}

/// A TCP connection as the analyzer names it: who asked whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Flow {
    /// The side that sends requests.
    pub client: SocketAddr,
    /// The side that answers.
    pub server: SocketAddr,
    /// VLAN tags around the flow, outermost first.
    pub vlan: VlanTag,
    /// The innermost tunnel around it.
    pub tunnel: Option<Tunnel>,
}

impl Flow {
    /// A stable id; `opened` (nanoseconds) tells apart two uses of one port pair.
    #[must_use]
    pub fn id(&self, opened: i64) -> FlowId {
        let mut id = IdBuilder::new("flow");
        for side in [self.client, self.server] {
            id = match side.ip() {
                IpAddr::V4(ip) => id.bytes(&ip.octets()),
                IpAddr::V6(ip) => id.bytes(&ip.octets()),
            };
            id = id.number(u64::from(side.port()));
        }
        for tag in &self.vlan {
            id = id.number(u64::from(*tag));
        }
        if let Some(tunnel) = &self.tunnel {
            id = id.bytes(tunnel.kind.as_bytes()).number(tunnel.id.map_or(0, u64::from));
            for end in tunnel.outer {
                id = match end {
                    IpAddr::V4(ip) => id.bytes(&ip.octets()),
                    IpAddr::V6(ip) => id.bytes(&ip.octets()),
                };
            }
        }
        FlowId(id.bytes(&opened.to_le_bytes()).finish())
    }
}
