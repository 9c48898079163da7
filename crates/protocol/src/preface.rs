//! The preface by which a load balancer tells for whom it has opened a connection: the PROXY
//! protocol of HAProxy, versions 1 and 2 (haproxy.org, `doc/proxy-protocol.txt`).

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What stands at the beginning of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preface {
    /// No preface.
    None,
    /// There may be one: too little is there.
    Maybe,
    /// One, of so many bytes.
    Whole {
        /// Bytes up to what the client itself said.
        length: usize,
        /// The client spoken for; none where the proxy asks for itself or does not know.
        client: Option<IpAddr>,
    },
}

/// The text form begins with this…
const TEXT: &[u8] = b"PROXY ";
/// …and is not longer than this, line end included.
const TEXT_MAX: usize = 107;
/// The binary form begins with this.
const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const HEADER: usize = 16;
/// Addresses and extensions that are waited for: real ones take some hundred bytes.
const BINARY_MAX: usize = 4096;

/// Bytes that are held back at most until it is clear what they are.
pub const PREFACE_MAX: usize = HEADER + BINARY_MAX;

/// Reads the preface at the start of `bytes`, which are the first of a connection.
#[must_use]
pub fn read(bytes: &[u8]) -> Preface {
    match bytes.first() {
        Some(b'P') => text(bytes),
        Some(b'\r') => binary(bytes),
        Some(_) => Preface::None,
        None => Preface::Maybe,
    }
}

fn begins(bytes: &[u8], with: &[u8]) -> bool {
    bytes.iter().zip(with).all(|(have, want)| have == want)
}

fn text(bytes: &[u8]) -> Preface {
    if !begins(bytes, TEXT) {
        return Preface::None;
    }
    let window = bytes.get(..bytes.len().min(TEXT_MAX)).unwrap_or_default();
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if bytes.len() < TEXT_MAX { Preface::Maybe } else { Preface::None };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r"));
    let Some(line) = line.and_then(|line| core::str::from_utf8(line).ok()) else {
        return Preface::None;
    };
    let words: Vec<&str> = line.split(' ').collect();
    let client = match words.as_slice() {
        [_, "UNKNOWN", ..] => None,
        [_, "TCP4" | "TCP6", client, server, from, to] => {
            let ports = from.parse::<u16>().is_ok() && to.parse::<u16>().is_ok();
            let (Ok(client), Ok(_), true) =
                (client.parse::<IpAddr>(), server.parse::<IpAddr>(), ports)
            else {
                return Preface::None;
            };
            Some(client)
        }
        _ => return Preface::None,
    };
    Preface::Whole { length: end.saturating_add(1), client }
}

fn binary(bytes: &[u8]) -> Preface {
    if !begins(bytes, SIGNATURE) {
        return Preface::None;
    }
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Preface::Maybe;
    };
    let [.., version, family, high, low] = *header;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if version >> 4 != 2 || version & 15 > 1 || length > BINARY_MAX {
        return Preface::None;
    }
    let Some(body) = rest.get(..length) else { return Preface::Maybe };
    // With the command LOCAL the proxy asks for itself: its health checks.
    let client = match (version & 15, family >> 4) {
        (1, 1) => body.first_chunk::<4>().map(|ip| IpAddr::from(Ipv4Addr::from(*ip))),
        (1, 2) => body.first_chunk::<16>().map(|ip| IpAddr::from(Ipv6Addr::from(*ip))),
        _ => None,
    };
    Preface::Whole { length: HEADER.saturating_add(length), client }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(bytes: &[u8]) -> (usize, Option<String>) {
        match read(bytes) {
            Preface::Whole { length, client } => (length, client.map(|ip| ip.to_string())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_versions_name_the_client() {
        let text = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\nGET / HTTP/1.1\r\n";
        assert_eq!(client(text), (43, Some("203.0.113.7".into())));
        assert_eq!(client(b"PROXY TCP6 2001:db8::7 ::1 1 2\r\n").1, Some("2001:db8::7".into()));
        assert_eq!(client(b"PROXY UNKNOWN\r\n"), (15, None));
        let mut binary = SIGNATURE.to_vec();
        binary.extend([0x21, 0x11, 0, 15, 198, 51, 100, 9, 10, 0, 0, 1, 1, 2, 3, 4, 4, 0, 0]);
        binary.extend(b"GET");
        assert_eq!(client(&binary), (31, Some("198.51.100.9".into())));
        binary[12] = 0x20;
        assert_eq!(client(&binary), (31, None), "a proxy's own health check");
    }

    #[test]
    fn every_beginning_waits_and_nothing_else_is_held_back() {
        let text: &[u8] = b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 443\r\n";
        let mut binary = SIGNATURE.to_vec();
        binary.extend([0x21, 0x21, 0, 36]);
        binary.extend([7; 36]);
        for whole in [text, &binary] {
            for cut in 0..whole.len() {
                assert_eq!(read(&whole[..cut]), Preface::Maybe, "{cut}");
            }
        }
        for other in [
            &b"PROPFIND / HTTP/1.1\r\n"[..],
            b"PROXY /x HTTP/1.1\r\n",
            b"POST /",
            b"\r\nGET / HTTP/1.1",
            b"PROXY TCP4 203.0.113.7 10.0.0.1 56324 99999\r\n",
            &[b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat(),
        ] {
            assert_eq!(read(other), Preface::None, "{}", other.escape_ascii());
        }
        binary[14] = 0xff;
        assert_eq!(read(&binary), Preface::None, "longer than any");
    }
}
