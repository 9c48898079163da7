//! IPv4 (RFC 791) and IPv6 (RFC 8200).

use super::{Layer, Path, word};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Extension headers in a row that are followed.
const EXTENSIONS_MAX: usize = 10;

/// What an IP header leads to.
pub(super) enum Ip {
    Next(Layer, usize),
    Fragment(Fragment),
    /// Nothing that is followed; it was counted.
    Nothing,
}

/// One fragment; its data lies at `start..end` of the IP packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fragment {
    pub(super) addresses: (IpAddr, IpAddr),
    pub(super) id: u32,
    pub(super) protocol: u8,
    /// Digests of the tunnels and VLANs around it: tenants number alike.
    pub(super) network: (u32, u32, u32),
    /// Where its data belongs in the datagram.
    pub(super) offset: usize,
    pub(super) more: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Reads the header of an IP packet that stands at `at` of the frame.
pub(super) fn decode(bytes: &[u8], at: usize, path: &mut Path) -> Ip {
    match bytes.first().map(|first| first >> 4) {
        Some(4) => v4(bytes, at, path),
        Some(6) => v6(bytes, at, path),
        _ => Ip::Next(Layer::Malformed, 0),
    }
}

/// Takes what the header says of the length: less is padding, more was not captured.
fn bound(path: &mut Path, at: usize, header: usize, total: usize, have: usize) {
    // A length of zero is what offloading leaves: the frame tells.
    let on_wire = if total <= header { have.saturating_add(path.cut) } else { total };
    path.missing = on_wire.saturating_sub(have);
    path.end = at.saturating_add(on_wire.min(have));
}

fn v4(bytes: &[u8], at: usize, path: &mut Path) -> Ip {
    let Some(fixed) = bytes.first_chunk::<20>() else { return Ip::Next(Layer::Malformed, 0) };
    let [first, _, l0, l1, i0, i1, f0, f1, _, protocol, _, _, s0, s1, s2, s3, d0, d1, d2, d3] =
        *fixed;
    let header = usize::from(first & 15).saturating_mul(4);
    let total = usize::from(u16::from_be_bytes([l0, l1]));
    if header < 20 || header > bytes.len() {
        return Ip::Next(Layer::Malformed, 0);
    }
    bound(path, at, header, total, bytes.len());
    let addresses =
        (IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)), IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)));
    path.addresses = Some(addresses);
    path.ip_id = u16::from_be_bytes([i0, i1]);
    let fragment = u16::from_be_bytes([f0, f1]);
    let (more, offset) = (fragment & 0x2000 != 0, usize::from(fragment & 0x1fff).saturating_mul(8));
    if more || offset > 0 {
        return Ip::Fragment(Fragment {
            addresses,
            id: u32::from(u16::from_be_bytes([i0, i1])),
            protocol,
            network: path.network(),
            offset,
            more,
            start: header,
            end: path.end.saturating_sub(at),
        });
    }
    Ip::Next(Layer::Transport(protocol), header)
}

fn v6(bytes: &[u8], at: usize, path: &mut Path) -> Ip {
    let address = |from: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = bytes.get(from..from.checked_add(16)?)?.try_into().ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(octets)))
    };
    let (Some(length), Some(source), Some(destination), Some(next)) =
        (word(bytes, 4), address(8), address(24), bytes.get(6).copied())
    else {
        return Ip::Next(Layer::Malformed, 0);
    };
    let total = usize::from(length);
    let total = if total == 0 { 0 } else { total.saturating_add(40) };
    bound(path, at, 40, total, bytes.len());
    path.addresses = Some((source, destination));
    path.ip_id = 0;
    extensions(next, bytes, 40, at, path)
}

/// Whether an IP protocol number is that of an extension header of IPv6.
pub(super) fn is_extension(protocol: u8) -> bool {
    matches!(protocol, 0 | 43 | 44 | 60 | 135 | 139 | 140)
}

/// Passes the extension headers (RFC 8200 §4) that begin with `next` at `skip` of the bytes, which
/// stand at `at` of the frame.
pub(super) fn extensions(
    mut next: u8,
    bytes: &[u8],
    mut skip: usize,
    at: usize,
    path: &Path,
) -> Ip {
    for _ in 0..EXTENSIONS_MAX {
        let head = bytes.get(skip..).and_then(|rest| rest.first_chunk::<8>()).copied();
        match (next, head, path.addresses) {
            // Authentication header: its length counts words of four bytes, less two.
            (51, Some([following, length, ..]), _) => {
                next = following;
                skip = skip.saturating_add(usize::from(length).saturating_add(2).saturating_mul(4));
            }
            (44, Some([following, _, o0, o1, i0, i1, i2, i3]), Some(addresses)) => {
                let field = u16::from_be_bytes([o0, o1]);
                let (offset, more) = (usize::from(field & 0xfff8), field & 1 != 0);
                skip = skip.saturating_add(8);
                next = following;
                if offset > 0 || more {
                    return Ip::Fragment(Fragment {
                        addresses,
                        id: u32::from_be_bytes([i0, i1, i2, i3]),
                        protocol: next,
                        network: path.network(),
                        offset,
                        more,
                        start: skip,
                        end: path.end.saturating_sub(at),
                    });
                }
            }
            // Hop-by-hop, routing, destination, mobility, HIP, shim6.
            (_, Some([following, length, ..]), _) if is_extension(next) => {
                next = following;
                skip = skip.saturating_add(usize::from(length).saturating_add(1).saturating_mul(8));
            }
            (_, None, _) if next == 51 || is_extension(next) => {
                return Ip::Next(Layer::Malformed, 0);
            }
            (59, ..) => return Ip::Next(Layer::NotIp, 0),
            _ => return Ip::Next(Layer::Transport(next), skip),
        }
    }
    Ip::Next(Layer::Malformed, 0)
}
