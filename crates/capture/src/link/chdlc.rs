//! Cisco HDLC: an address, a zero, an `EtherType`.

use super::{Layer, LinkSpec, Path, word};

pub(super) const CHDLC: LinkSpec = LinkSpec { name: "cisco-hdlc", types: &[104], decode };

/// The same behind a byte that tells the direction.
pub(super) const CHDLC_DIRECTED: LinkSpec = LinkSpec {
    name: "cisco-hdlc-with-direction",
    types: &[205],
    decode: |bytes, path| {
        let (layer, skip) = decode(bytes.get(1..).unwrap_or_default(), path);
        (layer, skip.saturating_add(1))
    },
};

pub(super) fn decode(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    match word(bytes, 2) {
        Some(kind) => (Layer::Ether(kind), 4),
        None => (Layer::Malformed, 0),
    }
}
