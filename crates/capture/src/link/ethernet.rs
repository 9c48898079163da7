//! Ethernet II and 802.3 with LLC/SNAP, and how an `EtherType` leads on.

use super::{EtherSpec, Layer, LinkSpec, Path, word};

pub(super) const ETHERNET: LinkSpec = LinkSpec { name: "ethernet", types: &[1], decode };

/// IP in either version.
pub(super) const IP: EtherSpec =
    EtherSpec { name: "ip", kinds: &[0x0800, 0x86dd], decode: |_, _| (Layer::Ip, 0) };

/// Transparent Ethernet bridging.
pub(super) const BRIDGED: EtherSpec =
    EtherSpec { name: "bridged", kinds: &[0x6558], decode: |_, _| (Layer::Ethernet, 0) };

pub(super) fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    path.vlan_count = 0;
    match word(bytes, 12) {
        Some(kind) => (Layer::Ether(kind), 14),
        None => (Layer::Malformed, 0),
    }
}

/// IEEE 802.2: SNAP names an `EtherType`, or a bridged frame (RFC 2684 §5.2); SAP 6 is IP.
pub(super) fn llc(bytes: &[u8], at: usize) -> (Layer, usize) {
    let head = bytes.get(at..).unwrap_or_default();
    match head {
        [0xaa, 0xaa, 0x03, rest @ ..] => {
            let (layer, skip) = snap(rest);
            (layer, at.saturating_add(3).saturating_add(skip))
        }
        [0x06, 0x06, 0x03, ..] => (Layer::Ip, at.saturating_add(3)),
        _ => (Layer::NotIp, 0),
    }
}

/// What follows the numbers of an organisation and of a protocol of it.
pub(super) fn snap(bytes: &[u8]) -> (Layer, usize) {
    match bytes {
        [0x00, 0x80, 0xc2, 0x00, 0x01 | 0x07, ..] => (Layer::Ethernet, 5),
        [_, _, _, high, low, ..] => (Layer::Ether(u16::from_be_bytes([*high, *low])), 5),
        _ => (Layer::Malformed, 0),
    }
}

/// What stands behind an `EtherType`.
pub(super) fn payload(kind: u16, bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    if kind <= 1500 {
        return llc(bytes, 0);
    }
    match super::ETHERTYPES.iter().find(|spec| spec.kinds.contains(&kind)) {
        Some(spec) => (spec.decode)(bytes, path),
        None => (Layer::NotIp, 0),
    }
}
