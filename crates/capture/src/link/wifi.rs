//! IEEE 802.11 data frames in clear, with or without a radiotap header.

use super::ethernet::llc;
use super::{Layer, LinkSpec, Path};

pub(super) const RADIOTAP: LinkSpec =
    LinkSpec { name: "radiotap", types: &[127], decode: radiotap };
pub(super) const IEEE802_11: LinkSpec =
    LinkSpec { name: "ieee802_11", types: &[105], decode: frame };

fn radiotap(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let Some([version, _, low, high]) = bytes.first_chunk::<4>().copied() else {
        return (Layer::Malformed, 0);
    };
    let skip = usize::from(u16::from_le_bytes([low, high]));
    if version != 0 || skip < 8 {
        return (Layer::Malformed, 0);
    }
    let (layer, at) = frame(bytes.get(skip..).unwrap_or_default(), path);
    (layer, at.saturating_add(skip))
}

fn frame(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let Some([control, flags]) = bytes.first_chunk::<2>().copied() else {
        return (Layer::Malformed, 0);
    };
    let (kind, subtype) = ((control >> 2) & 3, control >> 4);
    let protected = flags & 0x40 != 0;
    // Data that is not empty and not encrypted.
    if control & 3 != 0 || kind != 2 || subtype & 4 != 0 || protected {
        return (Layer::NotIp, 0);
    }
    let four_addresses = flags & 3 == 3;
    let qos = subtype & 8 != 0;
    let mut at = if four_addresses { 30_usize } else { 24 };
    if qos {
        at = at.saturating_add(2);
        if flags & 0x80 != 0 {
            at = at.saturating_add(4);
        }
    }
    llc(bytes, at)
}
