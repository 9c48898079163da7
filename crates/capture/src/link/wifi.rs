//! IEEE 802.11 data frames in clear, one payload or several in one frame (A-MSDU), bare or behind
//! what drivers put before them (radiotap, PPI, Prism, AVS).

use super::ethernet::llc;
use super::{LINKS, Layer, LinkSpec, Path, word};

pub(super) const RADIOTAP: LinkSpec =
    LinkSpec { name: "radiotap", types: &[127], decode: radiotap };
pub(super) const IEEE802_11: LinkSpec =
    LinkSpec { name: "ieee802_11", types: &[105], decode: |bytes, _| frame(bytes, 0, false) };
pub(super) const PPI: LinkSpec = LinkSpec { name: "ppi", types: &[PPI_TYPE], decode: ppi };
pub(super) const PRISM: LinkSpec =
    LinkSpec { name: "prism", types: &[119, 163], decode: |bytes, _| prism(bytes) };

const PPI_TYPE: u16 = 192;
/// First word of an AVS header, but for its version.
const AVS: [u8; 3] = [0x80, 0x21, 0x10];

fn radiotap(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let Some([version, _, low, high]) = bytes.first_chunk::<4>().copied() else {
        return (Layer::Malformed, 0);
    };
    let skip = usize::from(u16::from_le_bytes([low, high]));
    if version != 0 || skip < 8 {
        return (Layer::Malformed, 0);
    }
    // Some hardware fills the header up to whole words.
    let padded = radiotap_flags(bytes).is_some_and(|flags| flags & 0x20 != 0);
    frame(bytes, skip, padded)
}

/// The second field, behind as many words of presence bits as there are and the first.
fn radiotap_flags(bytes: &[u8]) -> Option<u8> {
    const WORDS_MAX: usize = 8;
    let mut at = 4_usize;
    let present = |at: usize| -> Option<u32> {
        let word: [u8; 4] = bytes.get(at..at.checked_add(4)?)?.try_into().ok()?;
        Some(u32::from_le_bytes(word))
    };
    let first = present(at)?;
    for _ in 0..WORDS_MAX {
        let more = present(at)? & 0x8000_0000 != 0;
        at = at.saturating_add(4);
        if !more {
            break;
        }
    }
    if first & 1 != 0 {
        at = at.next_multiple_of(8).saturating_add(8);
    }
    if first & 2 != 0 { bytes.get(at).copied() } else { None }
}

/// Per-packet information: fields that are skipped, then a frame of the link type that it names.
fn ppi(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let Some([_, _, l0, l1, t0, t1, 0, 0]) = bytes.first_chunk::<8>().copied() else {
        return (Layer::Malformed, 0);
    };
    let (skip, kind) = (usize::from(u16::from_le_bytes([l0, l1])), u16::from_le_bytes([t0, t1]));
    let spec = LINKS.iter().find(|spec| kind != PPI_TYPE && spec.types.contains(&kind));
    match spec {
        Some(spec) if skip >= 8 => {
            let (layer, at) = (spec.decode)(bytes.get(skip..).unwrap_or_default(), path);
            (layer, at.saturating_add(skip))
        }
        Some(_) => (Layer::Malformed, 0),
        None => (Layer::NotIp, 0),
    }
}

/// Both begin with a number and their length; Prism's in the order of the host.
fn prism(bytes: &[u8]) -> (Layer, usize) {
    let Some([_, _, _, _, length @ ..]) = bytes.first_chunk::<8>() else {
        return (Layer::Malformed, 0);
    };
    let length = if bytes.starts_with(&AVS) {
        u32::from_be_bytes(*length)
    } else {
        u32::from_le_bytes(*length).min(u32::from_be_bytes(*length))
    };
    match usize::try_from(length) {
        Ok(skip) if (8..=1024).contains(&skip) => frame(bytes, skip, false),
        _ => (Layer::Malformed, 0),
    }
}

/// A frame at `start`; where it is `padded`, its header is filled up to whole words.
fn frame(bytes: &[u8], start: usize, padded: bool) -> (Layer, usize) {
    let bytes = bytes.get(start..).unwrap_or_default();
    let Some([control, flags]) = bytes.first_chunk::<2>().copied() else {
        return (Layer::Malformed, 0);
    };
    let (kind, subtype) = ((control >> 2) & 3, control >> 4);
    // Data that is not empty.
    if control & 3 != 0 || kind != 2 || subtype & 4 != 0 {
        return (Layer::NotIp, 0);
    }
    if flags & 0x40 != 0 {
        return (Layer::Encrypted, 0);
    }
    let four_addresses = flags & 3 == 3;
    let mut at = if four_addresses { 30_usize } else { 24 };
    let mut several = false;
    if subtype & 8 != 0 {
        several = bytes.get(at).is_some_and(|quality| quality & 0x80 != 0);
        at = at.saturating_add(2);
        if flags & 0x80 != 0 {
            at = at.saturating_add(4);
        }
    }
    if padded {
        at = at.next_multiple_of(4);
    }
    if several {
        return (Layer::Subframe, at.saturating_add(start));
    }
    let (layer, at) = llc(bytes, at);
    (layer, at.saturating_add(start))
}

/// One payload of several (IEEE 802.11-2020 §9.3.2.2): what it leads to, where, and where the next
/// begins.
pub(super) fn subframe(bytes: &[u8]) -> (Layer, usize, usize) {
    let Some(length) = word(bytes, 12) else { return (Layer::NotIp, 0, 0) };
    let end = usize::from(length).saturating_add(14);
    let (layer, at) = llc(bytes, 14);
    (layer, at, end.next_multiple_of(4))
}
