//! GRE (RFC 2784, 2890; in UDP: RFC 8086), and what goes by it: NVGRE (RFC 7637), transparent
//! bridging, PPTP, ERSPAN types I, II and III.

use super::{Layer, Names, TunnelSpec, ppp, word};

pub(super) const GRE: TunnelSpec =
    TunnelSpec { name: "gre", ports: &[4754], protocol: Some(47), decode: gre, names: Some(names) };

/// Bridged Ethernet.
const BRIDGED: u16 = 0x6558;
/// ERSPAN types I and II.
const ERSPAN: u16 = 0x88be;
/// ERSPAN type III.
const ERSPAN_III: u16 = 0x22eb;

/// The key names a network. The session of a mirror, the VLAN that it tells beside the frame, and
/// the call of PPTP may differ by direction.
fn names(bytes: &[u8]) -> Names {
    let (Some(flags), Some(kind)) = (word(bytes, 0), word(bytes, 2)) else {
        return Names::of("gre", None);
    };
    let at = if flags & 0xc000 != 0 { 8_usize } else { 4 };
    let key = (flags & 0x2000 != 0 && flags & 7 == 0)
        .then(|| bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()))
        .flatten()
        .map(|key| u32::from_be_bytes(*key));
    match kind {
        ERSPAN if flags & 0x1000 == 0 => Names::of("erspan", None),
        ERSPAN | ERSPAN_III => Names::one_way("erspan", session(bytes.get(length(flags)..))),
        // The low byte is the flow's, not the network's.
        BRIDGED if key.is_some() => Names::of("nvgre", key.map(|key| key >> 8)),
        0x880b if flags & 7 == 1 => Names::one_way("gre", word(bytes, 6).map(u32::from)),
        _ => Names::of("gre", key),
    }
}

/// The VLAN and the session in the header of a mirror.
fn session(header: Option<&[u8]>) -> Option<u32> {
    let head = header?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*head) & 0x0fff_03ff)
}

/// Bytes before what is carried.
fn length(flags: u16) -> usize {
    let has = |bit: u16| usize::from(flags & bit != 0).saturating_mul(4);
    // Version 1 (PPTP, RFC 2637) has a key always and may acknowledge.
    if flags & 7 == 1 {
        return 8_usize.saturating_add(has(0x1000)).saturating_add(has(0x0080));
    }
    let checksum = usize::from(flags & 0xc000 != 0).saturating_mul(4);
    4_usize.saturating_add(checksum).saturating_add(has(0x2000)).saturating_add(has(0x1000))
}

fn gre(bytes: &[u8]) -> (Layer, usize) {
    let (Some(flags), Some(kind)) = (word(bytes, 0), word(bytes, 2)) else {
        return (Layer::Malformed, 0);
    };
    let skip = length(flags);
    match kind {
        // ERSPAN type I has no header and no sequence number; II has 8 bytes; III 12 or 20.
        ERSPAN if flags & 0x1000 == 0 => (Layer::Ethernet, skip),
        ERSPAN => (Layer::Ethernet, skip.saturating_add(8)),
        ERSPAN_III => {
            let last = word(bytes, skip.saturating_add(10)).unwrap_or(0);
            // Of the types of frame one is an IP packet.
            let layer = if (last >> 10) & 31 == 2 { Layer::Ip } else { Layer::Ethernet };
            (layer, skip.saturating_add(if last & 1 == 1 { 20 } else { 12 }))
        }
        // What is redirected to a cache (WCCP), with or without a word before it.
        0x883e => {
            let bare = bytes.get(skip).is_some_and(|first| first >> 4 == 4);
            (Layer::Ip, if bare { skip } else { skip.saturating_add(4) })
        }
        0x880b => {
            let framed = bytes.get(skip..).is_some_and(|rest| rest.starts_with(&[0xff, 0x03]));
            ppp::protocol(bytes, if framed { skip.saturating_add(2) } else { skip })
        }
        _ => (Layer::Ether(kind), skip),
    }
}
