//! Linux cooked capture (SLL, SLL2) and NFLOG.

use super::ethernet::llc;
use super::{Layer, LinkSpec, Path, word};

pub(super) const SLL: LinkSpec = LinkSpec { name: "linux-sll", types: &[113], decode: sll };
pub(super) const SLL2: LinkSpec = LinkSpec { name: "linux-sll2", types: &[276], decode: sll2 };
pub(super) const NFLOG: LinkSpec = LinkSpec { name: "nflog", types: &[239], decode: nflog };

fn cooked(kind: Option<u16>, bytes: &[u8], at: usize, path: &mut Path) -> (Layer, usize) {
    match kind {
        Some(0x0004) => llc(bytes, at),
        Some(tag @ (0x8100 | 0x88a8)) => {
            let rest = bytes.get(at..).unwrap_or_default();
            let (layer, skip) = super::ethernet::payload(tag, rest, path);
            (layer, at.saturating_add(skip))
        }
        Some(kind) => (Layer::Ether(kind), at),
        None => (Layer::Malformed, 0),
    }
}

fn sll(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    cooked(word(bytes, 14), bytes, 16, path)
}

fn sll2(bytes: &[u8], path: &mut Path) -> (Layer, usize) {
    cooked(word(bytes, 0), bytes, 20, path)
}

/// Attributes of netfilter's log in host byte order; number 9 holds the packet.
fn nflog(bytes: &[u8], _: &mut Path) -> (Layer, usize) {
    const ATTRIBUTES_MAX: usize = 32;
    let mut at = 4_usize;
    for _ in 0..ATTRIBUTES_MAX {
        let Some(head) = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>()) else { break };
        let [l0, l1, k0, k1] = *head;
        let length = usize::from(u16::from_le_bytes([l0, l1]));
        let kind = u16::from_le_bytes([k0, k1]) & 0x7fff;
        if kind == 9 {
            return (Layer::Ip, at.saturating_add(4));
        }
        if length < 4 {
            break;
        }
        at = at.saturating_add(length.saturating_add(3) & !3);
    }
    (Layer::NotIp, 0)
}
