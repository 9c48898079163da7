//! GRE (RFC 2784, 2890; in UDP: RFC 8086), and what goes by it: NVGRE (RFC 7637), transparent
//! bridging, PPTP, ERSPAN types I, II and III.

use super::{Layer, Names, TunnelSpec, word};

pub(super) const GRE: TunnelSpec =
    TunnelSpec { name: "gre", ports: &[4754], protocol: Some(47), decode: gre, names: Some(names) };

/// Bridged Ethernet.
const BRIDGED: u16 = 0x6558;
/// ERSPAN types I and II.
const ERSPAN: u16 = 0x88be;
/// ERSPAN type III.
const ERSPAN_III: u16 = 0x22eb;

/// The key names a network. The session of a mirror does not: it differs by direction.
fn names(bytes: &[u8]) -> Names {
    let (Some(flags), Some(kind)) = (word(bytes, 0), word(bytes, 2)) else { return ("gre", None) };
    let checksum = if flags & 0xc000 != 0 { 4_usize } else { 0 };
    let at = checksum.saturating_add(4);
    let key = (flags & 0x2000 != 0 && flags & 7 == 0)
        .then(|| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()))
        .flatten()
        .map(|key| u32::from_be_bytes(*key));
    match kind {
        ERSPAN | ERSPAN_III => ("erspan", None),
        // The low byte is the flow's, not the network's.
        BRIDGED if key.is_some() => ("nvgre", key.map(|key| key >> 8)),
        _ => ("gre", key),
    }
}

fn gre(bytes: &[u8]) -> (Layer, usize) {
    let (Some(flags), Some(kind)) = (word(bytes, 0), word(bytes, 2)) else {
        return (Layer::Malformed, 0);
    };
    let version = flags & 7;
    let has = |bit: u16| usize::from(flags & bit != 0).saturating_mul(4);
    // Version 1 (PPTP, RFC 2637) has a key always and may acknowledge.
    let skip = if version == 1 {
        8_usize.saturating_add(has(0x1000)).saturating_add(has(0x0080))
    } else {
        let checksum = usize::from(flags & 0xc000 != 0).saturating_mul(4);
        4_usize.saturating_add(checksum).saturating_add(has(0x2000)).saturating_add(has(0x1000))
    };
    match kind {
        // ERSPAN type I has no header and no sequence number; II has 8 bytes; III 12 or 20.
        ERSPAN if flags & 0x1000 == 0 => (Layer::Ethernet, skip),
        ERSPAN => (Layer::Ethernet, skip.saturating_add(8)),
        ERSPAN_III => {
            let extended = bytes.get(skip.saturating_add(11)).is_some_and(|last| last & 1 == 1);
            (Layer::Ethernet, skip.saturating_add(if extended { 20 } else { 12 }))
        }
        0x880b => {
            let at = if bytes.get(skip..).is_some_and(|rest| rest.starts_with(&[0xff, 0x03])) {
                skip.saturating_add(2)
            } else {
                skip
            };
            match (bytes.get(at).copied(), word(bytes, at)) {
                (Some(first), _) if first & 1 == 1 => {
                    (Layer::Ppp(u16::from(first)), at.saturating_add(1))
                }
                (_, Some(protocol)) => (Layer::Ppp(protocol), at.saturating_add(2)),
                _ => (Layer::Malformed, 0),
            }
        }
        _ => (Layer::Ether(kind), skip),
    }
}
