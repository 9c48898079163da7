//! MPLS (RFC 3032), also in IP and in UDP (RFC 4023, 7510): what a label stack carries is told by
//! its first byte.

use super::{EtherSpec, Layer, Names, Path, TunnelSpec, word};

pub(super) const MPLS: EtherSpec = EtherSpec { name: "mpls", kinds: &[0x8847, 0x8848], decode };

pub(super) const MPLS_IN_IP: TunnelSpec = TunnelSpec {
    name: "mpls-in-ip",
    ports: &[6635],
    protocol: Some(137),
    decode: |_| (Layer::Ether(0x8847), 0),
    names: Some(|_| Names::of("mpls", None)),
};

const LABELS_MAX: usize = 16;
/// Labels up to here are not of a path.
const RESERVED: u32 = 15;
/// The label behind this one spreads load, and names nothing (RFC 6790).
const ENTROPY: u32 = 7;

pub(super) fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let mut at = 0_usize;
    let mut before = 0;
    for _ in 0..LABELS_MAX {
        let Some(entry) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return (Layer::Malformed, 0);
        };
        at = at.saturating_add(4);
        let label = u32::from_be_bytes(*entry) >> 12;
        if label > RESERVED && before != ENTROPY {
            path.along("mpls", label);
        }
        before = label;
        let [_, _, third, _] = *entry;
        if third & 1 == 0 {
            continue;
        }
        return carried(bytes, at);
    }
    (Layer::Malformed, 0)
}

fn carried(bytes: &[u8], at: usize) -> (Layer, usize) {
    match bytes.get(at).map(|first| first >> 4) {
        // A version, unless these are addresses of a frame that happen to begin so.
        Some(4 | 6) if is_packet(bytes, at) || !is_frame(bytes, at) => (Layer::Ip, at),
        // A pseudo-wire control word (RFC 4385), then an Ethernet frame; or a frame at once, whose
        // receiver begins with a zero.
        Some(0) => {
            let behind = at.saturating_add(4);
            let word_first = is_frame(bytes, behind) || !is_frame(bytes, at);
            (Layer::Ethernet, if word_first { behind } else { at })
        }
        Some(_) => (Layer::Ethernet, at),
        None => (Layer::Malformed, 0),
    }
}

/// Whether what stands here has the length that an IP header there would tell.
fn is_packet(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    let told = match rest.first() {
        Some(0x45..=0x4f) => word(rest, 2).map(usize::from),
        Some(0x60..=0x6f) => word(rest, 4).map(|length| usize::from(length).saturating_add(40)),
        _ => None,
    };
    // Short packets are padded to the least that Ethernet carries.
    told.is_some_and(|told| told <= rest.len() && rest.len() <= told.max(60))
}

/// Whether an Ethernet frame of a type that leads to IP stands here.
fn is_frame(bytes: &[u8], at: usize) -> bool {
    let kind = word(bytes, at.saturating_add(12));
    let version = bytes.get(at.saturating_add(14)).map(|first| first >> 4);
    match kind {
        Some(0x0800) => version == Some(4),
        Some(0x86dd) => version == Some(6),
        Some(0x8100 | 0x88a8 | 0x8847 | 0x8864) => true,
        _ => false,
    }
}
