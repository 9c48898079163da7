//! VLAN tags: 802.1Q, 802.1ad, and the types that were used before it.

use super::{EtherSpec, Layer, Path, word};

/// `EtherType`s of tags.
const KINDS: &[u16] = &[0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

pub(super) const VLAN: EtherSpec = EtherSpec { name: "vlan", kinds: KINDS, decode };

/// Tags in a row that are followed.
const TAGS_MAX: usize = 8;

fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let mut at = 0_usize;
    for _ in 0..TAGS_MAX {
        let (Some(tag), Some(next)) = (word(bytes, at), word(bytes, at.saturating_add(2))) else {
            break;
        };
        path.tag(tag);
        at = at.saturating_add(4);
        if !KINDS.contains(&next) {
            return (Layer::Ether(next), at);
        }
    }
    (Layer::Malformed, 0)
}
