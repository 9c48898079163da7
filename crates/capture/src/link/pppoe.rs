//! PPP over Ethernet, sessions (RFC 2516).

use super::{EtherSpec, Layer, LinkSpec, Path, ppp, word};

pub(super) const PPPOE: EtherSpec = EtherSpec { name: "pppoe", kinds: &[0x8864], decode };

/// The same with no Ethernet header before it.
pub(super) const PPP_ETHER: LinkSpec = LinkSpec { name: "ppp-ether", types: &[51], decode };

fn decode(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    match (bytes.first_chunk::<2>(), word(bytes, 2)) {
        // Version and type, code, session, length, then PPP.
        (Some([0x11, 0]), Some(session)) => {
            path.along("pppoe", u32::from(session));
            ppp::protocol(bytes, 6)
        }
        _ => (Layer::NotIp, 0),
    }
}
