//! L2TP version 2 (RFC 2661), data. Tunnel and session are numbered by who receives.

use super::{Layer, Names, TunnelSpec, ppp, word};

pub(super) const L2TP: TunnelSpec =
    TunnelSpec { name: "l2tp", ports: &[1701], protocol: None, decode: l2tp, names: Some(names) };

const CONTROL: u16 = 0x8000;
const LENGTH: u16 = 0x4000;
const SEQUENCE: u16 = 0x0800;
const OFFSET: u16 = 0x0200;
const VERSION: u16 = 0x000f;

/// Where the number of the tunnel stands.
fn numbers(flags: u16) -> usize {
    if flags & LENGTH == 0 { 2 } else { 4 }
}

fn names(bytes: &[u8]) -> Names {
    let at = numbers(word(bytes, 0).unwrap_or(0));
    let session = bytes.get(at..).and_then(|rest| rest.first_chunk::<4>());
    Names::one_way("l2tp", session.map(|session| u32::from_be_bytes(*session)))
}

fn l2tp(bytes: &[u8]) -> (Layer, usize) {
    let Some(flags) = word(bytes, 0) else { return (Layer::NotIp, 0) };
    if flags & (CONTROL | VERSION) != 2 {
        return (Layer::NotIp, 0);
    }
    let mut at = numbers(flags).saturating_add(4);
    if flags & SEQUENCE != 0 {
        at = at.saturating_add(4);
    }
    if flags & OFFSET != 0 {
        let padding = usize::from(word(bytes, at).unwrap_or(0));
        at = at.saturating_add(2).saturating_add(padding);
    }
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(&[0xff, 0x03])) {
        at = at.saturating_add(2);
    }
    ppp::protocol(bytes, at)
}
