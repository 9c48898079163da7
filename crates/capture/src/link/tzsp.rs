//! TaZmen Sniffer Protocol: what routers and access points mirror with. It names no network: its
//! ends are those of the mirror.

use super::{Layer, TunnelSpec, word};

pub(super) const TZSP: TunnelSpec =
    TunnelSpec { name: "tzsp", ports: &[37_008], protocol: None, decode: tzsp, names: None };

/// Tags before the packet.
const TAGS_MAX: usize = 64;

fn tzsp(bytes: &[u8]) -> (Layer, usize) {
    let Some([1, 0 | 1]) = bytes.first_chunk::<2>() else { return (Layer::NotIp, 0) };
    let Some(1) = word(bytes, 2) else { return (Layer::NotIp, 0) };
    let mut at = 4_usize;
    for _ in 0..TAGS_MAX {
        match bytes.get(at..).unwrap_or_default() {
            // Padding has no length.
            [0, ..] => at = at.saturating_add(1),
            [1, ..] => return (Layer::Ethernet, at.saturating_add(1)),
            [_, length, ..] => at = at.saturating_add(2).saturating_add(usize::from(*length)),
            _ => break,
        }
    }
    (Layer::Malformed, 0)
}
