//! Linux cooked capture (SLL, SLL2) and NFLOG.

use super::{Layer, LinkSpec, Path, word};

pub(super) const SLL: LinkSpec = LinkSpec { name: "linux-sll", types: &[113], decode: sll };
pub(super) const SLL2: LinkSpec = LinkSpec { name: "linux-sll2", types: &[276], decode: sll2 };
pub(super) const NFLOG: LinkSpec = LinkSpec { name: "nflog", types: &[239], decode: nflog };

/// Hardware whose "protocol" is that of GRE.
const ARPHRD_GRE: u16 = 778;

fn cooked(kind: Option<u16>, hardware: Option<u16>, at: usize) -> (Layer, usize) {
    match (kind, hardware) {
        (Some(kind), Some(ARPHRD_GRE)) if kind < 1500 => (Layer::Transport(47), at),
        // 802.2 behind it, as behind a length.
        (Some(0x0004), _) => (Layer::Ether(0), at),
        (Some(kind), _) => (Layer::Ether(kind.max(1501)), at),
        (None, _) => (Layer::Malformed, 0),
    }
}

fn sll(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    cooked(word(bytes, 14), word(bytes, 2), 16)
}

fn sll2(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    cooked(word(bytes, 0), word(bytes, 8), 20)
}

/// Attributes of netfilter's log in the byte order of the host; number 9 holds the packet.
fn nflog(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    let little = attributes(bytes, u16::from_le_bytes);
    let found = little.or_else(|| attributes(bytes, u16::from_be_bytes));
    found.map_or((Layer::NotIp, 0), |at| (Layer::Ip, at))
}

fn attributes(bytes: &[u8], number: fn([u8; 2]) -> u16) -> Option<usize> {
    const ATTRIBUTES_MAX: usize = 32;
    let mut at = 4_usize;
    for _ in 0..ATTRIBUTES_MAX {
        let [l0, l1, k0, k1] = *bytes.get(at..)?.first_chunk::<4>()?;
        let length = usize::from(number([l0, l1]));
        if number([k0, k1]) & 0x7fff == 9 {
            return Some(at.saturating_add(4));
        }
        if length < 4 {
            return None;
        }
        at = at.saturating_add(length.saturating_add(3) & !3);
    }
    None
}
