//! GENEVE (RFC 8926): options are skipped by their length.

use super::{Layer, Names, TunnelSpec, word};

pub(super) const GENEVE: TunnelSpec = TunnelSpec {
    name: "geneve",
    ports: &[6081],
    protocol: None,
    decode: geneve,
    names: Some(names),
};

fn names(bytes: &[u8]) -> Names {
    let network = bytes.first_chunk::<8>().map(|head| {
        let [_, _, _, _, high, middle, low, _] = *head;
        u32::from_be_bytes([0, high, middle, low])
    });
    Names::of("geneve", network)
}

fn geneve(bytes: &[u8]) -> (Layer, usize) {
    match (bytes.first(), word(bytes, 2)) {
        (Some(first), Some(kind)) if first >> 6 == 0 => {
            let options = usize::from(first & 0x3f).saturating_mul(4);
            (Layer::Ether(kind), options.saturating_add(8))
        }
        _ => (Layer::NotIp, 0),
    }
}
