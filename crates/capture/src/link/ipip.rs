//! IP in IP (RFC 2003, 2473, 4213): 4in4, 6in4, 4in6, 6in6; and the authentication header
//! (RFC 4302), which is no tunnel but stands where one would.

use super::{Layer, Names, TunnelSpec};

/// IPv4 inside.
pub(super) const IPIP: TunnelSpec =
    TunnelSpec { name: "ipip", ports: &[], protocol: Some(4), decode: ip, names: Some(ipip) };
/// IPv6 inside.
pub(super) const IP6IN4: TunnelSpec =
    TunnelSpec { name: "ip6ip", ports: &[], protocol: Some(41), decode: ip, names: Some(ip6ip) };
/// The header that says who sent the packet.
pub(super) const AH: TunnelSpec =
    TunnelSpec { name: "ah", ports: &[], protocol: Some(51), decode: ah, names: None };

fn ipip(_: &[u8]) -> Names {
    Names::of("ipip", None)
}

fn ip6ip(_: &[u8]) -> Names {
    Names::of("ip6ip", None)
}

fn ip(_: &[u8]) -> (Layer, usize) {
    (Layer::Ip, 0)
}

fn ah(bytes: &[u8]) -> (Layer, usize) {
    match bytes.first_chunk::<2>() {
        // Its length counts words of four bytes, less two.
        Some([next, length]) => {
            let skip = usize::from(*length).saturating_add(2).saturating_mul(4);
            (Layer::Transport(*next), skip)
        }
        None => (Layer::Malformed, 0),
    }
}
