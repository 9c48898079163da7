//! PPP (RFC 1661), with or without HDLC framing (RFC 1662).

use super::{Layer, LinkSpec, Path, chdlc, mpls, word};

pub(super) const PPP: LinkSpec = LinkSpec { name: "ppp", types: &[9, 50], decode };

/// The same behind a byte that tells the direction.
pub(super) const PPP_DIRECTED: LinkSpec = LinkSpec {
    name: "ppp-with-direction",
    types: &[166, 204],
    decode: |bytes, path| {
        let (layer, skip) = decode(bytes.get(1..).unwrap_or_default(), path);
        (layer, skip.saturating_add(1))
    },
};

pub(super) fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    // Serial lines may speak Cisco's dialect instead.
    if matches!(bytes, [0x0f | 0x8f, 0, ..]) {
        return chdlc::decode(bytes, path);
    }
    protocol(bytes, if bytes.starts_with(&[0xff, 0x03]) { 2 } else { 0 })
}

/// The protocol number at `at`, which may be compressed to one odd byte (RFC 1661 §6.5).
pub(super) fn protocol(bytes: &[u8], at: usize) -> (Layer, usize) {
    match (bytes.get(at).copied(), word(bytes, at)) {
        (Some(first), _) if first & 1 == 1 => (Layer::Ppp(u16::from(first)), at.saturating_add(1)),
        (_, Some(protocol)) => (Layer::Ppp(protocol), at.saturating_add(2)),
        _ => (Layer::Malformed, 0),
    }
}

/// What stands behind a PPP protocol number.
pub(super) fn payload(protocol: u16, bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    match protocol {
        0x0021 | 0x0057 => (Layer::Ip, 0),
        0x0281 | 0x0283 => mpls::decode(bytes, path),
        0x0053 => (Layer::Encrypted, 0),
        _ => (Layer::NotIp, 0),
    }
}
