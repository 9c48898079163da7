//! GTP version 1, user plane (3GPP TS 29.281).

use super::{Layer, Names, TunnelSpec};

pub(super) const GTPU: TunnelSpec =
    TunnelSpec { name: "gtp-u", ports: &[2152], protocol: None, decode: gtpu, names: Some(names) };

/// The end of a tunnel is numbered by who receives: each direction has its own.
fn names(bytes: &[u8]) -> Names {
    let end = bytes.get(4..).and_then(|rest| rest.first_chunk::<4>());
    Names::one_way("gtp-u", end.map(|end| u32::from_be_bytes(*end)))
}

fn gtpu(bytes: &[u8]) -> (Layer, usize) {
    const EXTENSIONS_MAX: usize = 8;
    let (Some(flags), Some(255)) = (bytes.first().copied(), bytes.get(1)) else {
        return (Layer::NotIp, 0);
    };
    if flags >> 4 != 3 {
        return (Layer::NotIp, 0);
    }
    if flags & 7 == 0 {
        return (Layer::Ip, 8);
    }
    let mut at = 12_usize;
    let mut next = if flags & 4 != 0 { bytes.get(11).copied().unwrap_or(0) } else { 0 };
    for _ in 0..EXTENSIONS_MAX {
        if next == 0 {
            return (Layer::Ip, at);
        }
        let length = usize::from(bytes.get(at).copied().unwrap_or(0)).saturating_mul(4);
        if length == 0 {
            break;
        }
        at = at.saturating_add(length);
        next = bytes.get(at.saturating_sub(1)).copied().unwrap_or(0);
    }
    (Layer::Malformed, 0)
}
