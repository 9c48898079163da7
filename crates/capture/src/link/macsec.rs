//! MACsec (802.1AE) where it only signs; what it encrypts is counted as such.

use super::{EtherSpec, Layer, Path, word};

pub(super) const MACSEC: EtherSpec = EtherSpec { name: "macsec", kinds: &[0x88e5], decode };

/// The channel is named, the content encrypted or changed.
const CHANNEL: u8 = 0x20;
const HIDDEN: u8 = 0x0c;

fn decode(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let Some(flags) = bytes.first() else { return (Layer::Malformed, 0) };
    if flags & HIDDEN != 0 {
        return (Layer::Encrypted, 0);
    }
    let tag = if flags & CHANNEL == 0 { 6_usize } else { 14 };
    match word(bytes, tag) {
        Some(kind) => (Layer::Ether(kind), tag.saturating_add(2)),
        None => (Layer::Malformed, 0),
    }
}
