//! MPLS (RFC 3032): what a label stack carries is told by its first byte.

use super::Layer;

const LABELS_MAX: usize = 16;

pub(super) fn decode(bytes: &[u8]) -> (Layer, usize) {
    let mut at = 0_usize;
    for _ in 0..LABELS_MAX {
        let Some(label) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else {
            return (Layer::Malformed, 0);
        };
        at = at.saturating_add(4);
        let [_, _, third, _] = *label;
        if third & 1 == 0 {
            continue;
        }
        return match bytes.get(at).map(|first| first >> 4) {
            Some(4 | 6) => (Layer::Ip, at),
            // A pseudo-wire control word (RFC 4385), then an Ethernet frame.
            Some(0) => (Layer::Ethernet, at.saturating_add(4)),
            Some(_) => (Layer::Ethernet, at),
            None => (Layer::Malformed, 0),
        };
    }
    (Layer::Malformed, 0)
}
