//! Teredo (RFC 4380). Its addresses are its own in the whole internet: it names no network.

use super::{Layer, TunnelSpec};

pub(super) const TEREDO: TunnelSpec =
    TunnelSpec { name: "teredo", ports: &[3544], protocol: None, decode: teredo, names: None };

fn teredo(bytes: &[u8]) -> (Layer, usize) {
    let mut at = 0_usize;
    // Authentication, then origin indication; either may be missing.
    if bytes.starts_with(&[0, 1]) {
        let client = usize::from(bytes.get(2).copied().unwrap_or(0));
        let secret = usize::from(bytes.get(3).copied().unwrap_or(0));
        at = client.saturating_add(secret).saturating_add(13);
    }
    if bytes.get(at..).is_some_and(|rest| rest.starts_with(&[0, 0])) {
        at = at.saturating_add(8);
    }
    match bytes.get(at).map(|first| first >> 4) {
        Some(6) => (Layer::Ip, at),
        _ => (Layer::NotIp, 0),
    }
}
