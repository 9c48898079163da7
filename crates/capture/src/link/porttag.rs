//! Tags that switches put before a frame to tell its port: VN-Tag, and E-Tag (802.1BR). A port is
//! no network: they are only passed.

use super::{EtherSpec, Layer, word};

pub(super) const VNTAG: EtherSpec =
    EtherSpec { name: "vn-tag", kinds: &[0x8926], decode: |bytes, _| behind(bytes, 4) };

pub(super) const ETAG: EtherSpec =
    EtherSpec { name: "e-tag", kinds: &[0x893f], decode: |bytes, _| behind(bytes, 6) };

fn behind(bytes: &[u8], tag: usize) -> (Layer, usize) {
    match word(bytes, tag) {
        Some(kind) => (Layer::Ether(kind), tag.saturating_add(2)),
        None => (Layer::Malformed, 0),
    }
}
