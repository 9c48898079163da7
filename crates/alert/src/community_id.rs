//! Community ID, version 1: one name for a flow across sensors.
//!
//! `"1:" + base64(sha1(seed ‖ address ‖ address ‖ protocol ‖ 0 ‖ port ‖ port))`, network byte
//! order, the lower endpoint first, so that both directions give the same id.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use core::net::{IpAddr, SocketAddr};
use sha1::{Digest, Sha1};

/// IANA protocol number of TCP.
pub const TCP: u8 = 6;

/// The id of the flow between `a` and `b` under `seed` (0 unless a site agreed on another).
#[must_use]
pub fn v1(seed: u16, a: SocketAddr, b: SocketAddr, protocol: u8) -> String {
    let (mut low, mut high) = ((octets(a.ip()), a.port()), (octets(b.ip()), b.port()));
    if high < low {
        core::mem::swap(&mut low, &mut high);
    }
    let digest = Sha1::new()
        .chain_update(seed.to_be_bytes())
        .chain_update(&low.0)
        .chain_update(&high.0)
        .chain_update([protocol, 0])
        .chain_update(low.1.to_be_bytes())
        .chain_update(high.1.to_be_bytes())
        .finalize();
    format!("1:{}", STANDARD.encode(digest))
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seed: u16, a: &str, b: &str, expected: &str) {
        let (a, b) = (a.parse().unwrap(), b.parse().unwrap());
        assert_eq!(v1(seed, a, b, TCP), expected);
        assert_eq!(v1(seed, b, a, TCP), expected, "both directions give one id");
    }

    #[test]
    fn gives_the_ids_of_the_reference_baseline() {
        let (a, b) = ("128.232.110.120:34855", "66.35.250.204:80");
        check(0, a, b, "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
        check(1, a, b, "1:3V71V58M3Ksw/yuFALMcW0LAHvc=");
    }

    #[test]
    fn equal_addresses_are_ordered_by_port_and_ipv6_has_its_own_id() {
        let near = "[::1]:2".parse().unwrap();
        let far = "[::1]:1".parse().unwrap();
        assert_eq!(v1(0, near, far, TCP), v1(0, far, near, TCP));
        let v4 = v1(0, "127.0.0.1:2".parse().unwrap(), "127.0.0.1:1".parse().unwrap(), TCP);
        assert_ne!(v1(0, near, far, TCP), v4);
    }
}
