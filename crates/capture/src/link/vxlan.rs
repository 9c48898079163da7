//! VXLAN (RFC 7348), on its own port and the one that Linux used before; and its generic protocol
//! extension (draft-ietf-nvo3-vxlan-gpe).

use super::{Layer, Names, TunnelSpec};

pub(super) const VXLAN: TunnelSpec = TunnelSpec {
    name: "vxlan",
    ports: &[4789, 8472],
    protocol: None,
    decode: vxlan,
    names: Some(vxlan_names),
};
pub(super) const VXLAN_GPE: TunnelSpec = TunnelSpec {
    name: "vxlan-gpe",
    ports: &[4790],
    protocol: None,
    decode: gpe,
    names: Some(gpe_names),
};

fn network(bytes: &[u8]) -> Option<u32> {
    let [_, _, _, _, high, middle, low, _] = *bytes.first_chunk::<8>()?;
    Some(u32::from_be_bytes([0, high, middle, low]))
}

fn vxlan_names(bytes: &[u8]) -> Names {
    Names::of("vxlan", network(bytes))
}

fn gpe_names(bytes: &[u8]) -> Names {
    Names::of("vxlan-gpe", network(bytes))
}

fn vxlan(bytes: &[u8]) -> (Layer, usize) {
    match bytes.first_chunk::<8>() {
        // The flag that says a network identifier is there; without it these are other bytes.
        Some([flags, ..]) if flags & 0x08 != 0 => (Layer::Ethernet, 8),
        _ => (Layer::NotIp, 0),
    }
}

fn gpe(bytes: &[u8]) -> (Layer, usize) {
    let Some([flags, _, _, next, ..]) = bytes.first_chunk::<8>() else { return (Layer::NotIp, 0) };
    match (flags & 0x0c, next) {
        // Without the P flag it is plain VXLAN.
        (0x08, _) | (0x0c, 3) => (Layer::Ethernet, 8),
        (0x0c, 1 | 2) => (Layer::Ip, 8),
        (0x0c, 4) => (Layer::Ether(0x894f), 8),
        (0x0c, 5) => (Layer::Ether(0x8847), 8),
        _ => (Layer::NotIp, 0),
    }
}
