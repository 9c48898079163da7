//! Ethernet in IP (RFC 3378).

use super::{Layer, Names, TunnelSpec};

pub(super) const ETHERIP: TunnelSpec = TunnelSpec {
    name: "etherip",
    ports: &[],
    protocol: Some(97),
    decode: |bytes| match bytes.first() {
        Some(version) if version >> 4 == 3 => (Layer::Ethernet, 2),
        _ => (Layer::Malformed, 0),
    },
    names: Some(|_| Names::of("etherip", None)),
};
