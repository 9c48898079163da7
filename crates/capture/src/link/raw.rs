//! Raw IP, and the BSD loopback header.

use super::{Layer, LinkSpec, Path};

pub(super) const RAW: LinkSpec =
    LinkSpec { name: "raw", types: &[12, 14, 101, 228, 229], decode: raw };

/// NULL in host byte order, LOOP in network byte order.
pub(super) const NULL: LinkSpec = LinkSpec { name: "null", types: &[0, 108], decode: null };

fn raw(_: &[u8], _: &mut Path) -> (Layer, usize) {
    (Layer::Ip, 0)
}

fn null(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let Some(family) = bytes.first_chunk::<4>() else { return (Layer::Malformed, 0) };
    let small = u32::from_le_bytes(*family).min(u32::from_be_bytes(*family));
    match small {
        // AF_INET; AF_INET6 of NetBSD, FreeBSD, macOS, Linux.
        2 | 10 | 24 | 28 | 30 => (Layer::Ip, 4),
        _ => (Layer::NotIp, 0),
    }
}
