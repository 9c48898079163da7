//! Frame relay (Q.922), as RFC 2427 and as Cisco put IP into it.

use super::ethernet::snap;
use super::{Layer, LinkSpec, Path, word};

pub(super) const FRAME_RELAY: LinkSpec = LinkSpec { name: "frame-relay", types: &[107], decode };

/// The same behind a byte that tells the direction.
pub(super) const FRAME_RELAY_DIRECTED: LinkSpec = LinkSpec {
    name: "frame-relay-with-direction",
    types: &[206],
    decode: |bytes, path| {
        let (layer, skip) = decode(bytes.get(1..).unwrap_or_default(), path);
        (layer, skip.saturating_add(1))
    },
};

/// Bytes of an address at most; the last is odd.
const ADDRESS_MAX: usize = 4;

fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let last = bytes.iter().take(ADDRESS_MAX).position(|byte| byte & 1 == 1);
    let Some(at) = last.filter(|last| *last > 0).map(|last| last.saturating_add(1)) else {
        return (Layer::Malformed, 0);
    };
    // The circuit, without the bits that tell of congestion.
    let circuit =
        bytes.iter().take(at).fold(0_u32, |sum, byte| (sum << 8) | u32::from(byte & 0xf0));
    path.along("frame-relay", circuit);
    let rest = bytes.get(at..).unwrap_or_default();
    let behind = |skip: usize, (layer, more): (Layer, usize)| {
        (layer, at.saturating_add(skip).saturating_add(more))
    };
    match rest {
        // Unnumbered information, then a network protocol.
        [0x03, 0xcc | 0x8e, ..] => behind(2, (Layer::Ip, 0)),
        [0x03, 0x80, tail @ ..] => behind(2, snap(tail)),
        [0x03, 0x00, 0x80, tail @ ..] => behind(3, snap(tail)),
        [0x03, ..] => (Layer::NotIp, 0),
        _ => match word(rest, 0) {
            Some(kind) => behind(2, (Layer::Ether(kind), 0)),
            None => (Layer::Malformed, 0),
        },
    }
}
