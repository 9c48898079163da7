//! Network service header (RFC 8300). Its path is one direction's.

use super::{EtherSpec, Layer, Path};

pub(super) const NSH: EtherSpec = EtherSpec { name: "nsh", kinds: &[0x894f], decode };

fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    let Some([first, second, _, next, p0, p1, p2, _]) = bytes.first_chunk::<8>().copied() else {
        return (Layer::Malformed, 0);
    };
    // Its length counts words of four bytes, the two of the fixed part among them.
    let length = usize::from(second & 0x3f).saturating_mul(4);
    if first >> 6 != 0 || length < 8 {
        return (Layer::Malformed, 0);
    }
    path.along("nsh", u32::from_be_bytes([0, p0, p1, p2]));
    match next {
        1 | 2 => (Layer::Ip, length),
        3 => (Layer::Ethernet, length),
        4 => (Layer::Ether(0x894f), length),
        5 => (Layer::Ether(0x8847), length),
        _ => (Layer::NotIp, 0),
    }
}
