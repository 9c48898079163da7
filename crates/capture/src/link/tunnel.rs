//! Tunnels: each turns the bytes behind an IP or UDP header into the next layer.

use super::{Layer, TunnelSpec, word};

/// GRE (RFC 2784, 2890; in UDP: RFC 8086), with ERSPAN and transparent bridging inside.
pub(super) const GRE: TunnelSpec =
    TunnelSpec { name: "gre", ports: &[4754], protocol: Some(47), decode: gre };
/// IPv4 in IP (RFC 2003).
pub(super) const IPIP: TunnelSpec =
    TunnelSpec { name: "ipip", ports: &[], protocol: Some(4), decode: ip };
/// IPv6 in IP (RFC 4213).
pub(super) const IP6IN4: TunnelSpec =
    TunnelSpec { name: "6in4", ports: &[], protocol: Some(41), decode: ip };
/// VXLAN (RFC 7348), and the port that Linux used before.
pub(super) const VXLAN: TunnelSpec =
    TunnelSpec { name: "vxlan", ports: &[4789, 8472], protocol: None, decode: vxlan };
/// GENEVE (RFC 8926).
pub(super) const GENEVE: TunnelSpec =
    TunnelSpec { name: "geneve", ports: &[6081], protocol: None, decode: geneve };
/// GTP version 1, user plane (3GPP TS 29.281).
pub(super) const GTPU: TunnelSpec =
    TunnelSpec { name: "gtp-u", ports: &[2152], protocol: None, decode: gtpu };
/// Teredo (RFC 4380).
pub(super) const TEREDO: TunnelSpec =
    TunnelSpec { name: "teredo", ports: &[3544], protocol: None, decode: teredo };

fn ip(_: &[u8]) -> (Layer, usize) {
    (Layer::Ip, 0)
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
        0x88be if flags & 0x1000 == 0 => (Layer::Ethernet, skip),
        0x88be => (Layer::Ethernet, skip.saturating_add(8)),
        0x22eb => {
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

fn vxlan(bytes: &[u8]) -> (Layer, usize) {
    match bytes.first_chunk::<8>() {
        // The flag that says a network identifier is there; without it these are other bytes.
        Some([flags, ..]) if flags & 0x08 != 0 => (Layer::Ethernet, 8),
        _ => (Layer::NotIp, 0),
    }
}

fn geneve(bytes: &[u8]) -> (Layer, usize) {
    match (bytes.first(), word(bytes, 2)) {
        (Some(first), Some(kind)) if first >> 6 == 0 => {
            let options = usize::from(first & 0x3f).saturating_mul(4);
            (Layer::Ether(kind), options.saturating_add(8))
        }
        _ => (Layer::NotIp, 0),
    }
}

fn gtpu(bytes: &[u8]) -> (Layer, usize) {
    const EXTENSIONS_MAX: usize = 8;
    let (Some(flags), Some(255)) = (bytes.first().copied(), bytes.get(1)) else {
        return (Layer::NotIp, 0);
    };
    if flags >> 4 != 3 {
        return (Layer::NotIp, 0);
    }
    if flags & 7 == 0 {
        return (Layer::Ip, 8);
    }
    let mut at = 12_usize;
    let mut next = if flags & 4 != 0 { bytes.get(11).copied().unwrap_or(0) } else { 0 };
    for _ in 0..EXTENSIONS_MAX {
        if next == 0 {
            return (Layer::Ip, at);
        }
        let length = usize::from(bytes.get(at).copied().unwrap_or(0)).saturating_mul(4);
        if length == 0 {
            break;
        }
        at = at.saturating_add(length);
        next = bytes.get(at.saturating_sub(1)).copied().unwrap_or(0);
    }
    (Layer::Malformed, 0)
}

fn teredo(bytes: &[u8]) -> (Layer, usize) {
    let mut at = 0_usize;
    // Authentication, then origin indication; either may be missing.
    if bytes.starts_with(&[0, 1]) {
        let client = usize::from(bytes.get(2).copied().unwrap_or(0));
        let secret = usize::from(bytes.get(3).copied().unwrap_or(0));
        at = client.saturating_add(secret).saturating_add(13);
    }
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(&[0, 0])) {
        at = at.saturating_add(8);
    }
    match bytes.get(at).map(|first| first >> 4) {
        Some(6) => (Layer::Ip, at),
        _ => (Layer::NotIp, 0),
    }
}
