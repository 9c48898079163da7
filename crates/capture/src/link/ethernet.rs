//! Ethernet II, 802.3 with LLC/SNAP, 802.1Q and 802.1ad tags, and what an `EtherType` leads to.

use super::{Layer, LinkSpec, Path, mpls, word};

pub(super) const ETHERNET: LinkSpec = LinkSpec { name: "ethernet", types: &[1], decode };

/// Tags in a row that are followed.
const TAGS_MAX: usize = 8;

pub(super) fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let Some(kind) = word(bytes, 12) else { return (Layer::Malformed, 0) };
    path.vlan_count = 0;
    tagged(kind, bytes, 14, path)
}

/// Follows tags from `at`, where the payload of type `kind` starts.
fn tagged(mut kind: u16, bytes: &[u8], mut at: usize, path: &mut Path) -> (Layer, usize) {
    for _ in 0..TAGS_MAX {
        match kind {
            // 802.1Q, 802.1ad, and the types that were used before it.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 => {
                let (Some(tag), Some(next)) = (word(bytes, at), word(bytes, at.saturating_add(2)))
                else {
                    return (Layer::Malformed, 0);
                };
                path.tag(tag);
                kind = next;
                at = at.saturating_add(4);
            }
            // VN-Tag and 802.1BR: no VLAN, only skipped.
            0x8926 | 0x893f => {
                let skip = if kind == 0x8926 { 4 } else { 6 };
                let Some(next) = word(bytes, at.saturating_add(skip)) else {
                    return (Layer::Malformed, 0);
                };
                kind = next;
                at = at.saturating_add(skip).saturating_add(2);
            }
            0..=1500 => return llc(bytes, at),
            _ => return (Layer::Ether(kind), at),
        }
    }
    (Layer::Malformed, 0)
}

/// IEEE 802.2: SNAP names an `EtherType`; SAP 6 is IP.
pub(super) fn llc(bytes: &[u8], at: usize) -> (Layer, usize) {
    let head = bytes.get(at..).unwrap_or_default();
    match head {
        [0xaa, 0xaa, 0x03, _, _, _, high, low, ..] => {
            (Layer::Ether(u16::from_be_bytes([*high, *low])), at.saturating_add(8))
        }
        [0x06, 0x06, 0x03, ..] => (Layer::Ip, at.saturating_add(3)),
        _ => (Layer::NotIp, 0),
    }
}

/// What stands behind an `EtherType`.
pub(super) fn payload(kind: u16, bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    match kind {
        0x0800 | 0x86dd => (Layer::Ip, 0),
        0x8847 | 0x8848 => mpls::decode(bytes),
        // PPPoE session (RFC 2516): version and type, code, session, length, then PPP.
        0x8864 => match (bytes.first(), word(bytes, 6)) {
            (Some(0x11), Some(protocol)) => (Layer::Ppp(protocol), 8),
            _ => (Layer::Malformed, 0),
        },
        // Transparent Ethernet bridging.
        0x6558 => (Layer::Ethernet, 0),
        0x8100 | 0x88a8 | 0x9100 | 0x9200 => tagged(kind, bytes, 0, path),
        _ => (Layer::NotIp, 0),
    }
}
