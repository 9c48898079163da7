//! A transport flow, seen from its client.

use crate::id::{FlowId, IdBuilder};
use core::net::{IpAddr, SocketAddr};
use serde::Serialize;

/// VLAN tags from the outermost inward; empty where there are none.
pub type VlanTag = Vec<u16>;

/// A TCP connection as the analyzer names it: who asked whom.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Flow {
    /// The side that sends requests.
    pub client: SocketAddr,
    /// The side that answers.
    pub server: SocketAddr,
    /// VLAN tags around the flow, outermost first.
    pub vlan: VlanTag,
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
        FlowId(id.bytes(&opened.to_le_bytes()).finish())
    }
}
