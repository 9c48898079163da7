//! PPP (RFC 1661), with or without HDLC framing (RFC 1662).

use super::{Layer, LinkSpec, Path, mpls, word};

pub(super) const PPP: LinkSpec = LinkSpec { name: "ppp", types: &[9, 50], decode };

fn decode(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let at = if bytes.starts_with(&[0xff, 0x03]) { 2 } else { 0 };
    match (bytes.get(at).copied(), word(bytes, at)) {
        // A protocol field compressed to one odd byte.
        (Some(first), _) if first & 1 == 1 => (Layer::Ppp(u16::from(first)), at.saturating_add(1)),
        (_, Some(protocol)) => (Layer::Ppp(protocol), at.saturating_add(2)),
        _ => (Layer::Malformed, 0),
    }
}

/// What stands behind a PPP protocol number.
pub(super) fn payload(protocol: u16, bytes: &[u8]) -> (Layer, usize) {
    match protocol {
        0x0021 | 0x0057 => (Layer::Ip, 0),
        0x0281 | 0x0283 => mpls::decode(bytes),
        _ => (Layer::NotIp, 0),
    }
}
