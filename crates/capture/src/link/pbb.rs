//! Provider backbone bridging (802.1ah): a whole frame behind the number of a service.

use super::{EtherSpec, Layer, Path};

pub(super) const PBB: EtherSpec = EtherSpec { name: "pbb", kinds: &[0x88e7], decode };

fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let Some([_, high, middle, low]) = bytes.first_chunk::<4>() else {
        return (Layer::Malformed, 0);
    };
    path.service("pbb", u32::from_be_bytes([0, *high, *middle, *low]));
    (Layer::Ethernet, 4)
}
