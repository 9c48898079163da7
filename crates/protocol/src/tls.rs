//! The first message of a TLS client (RFC 8446 §4.1.2): which server it asks for, and how it wants
//! to speak. All else of TLS is left alone.
//!
//! Names may be hidden (ECH, RFC 9849): then the one in clear is that of whoever stands in front,
//! and many clients send the extension with random content to servers that know nothing of it.

use stilt_model::ClientHello;

/// What the first bytes of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// No client's first message.
    None,
    /// There may be one: so many bytes, at least, are needed to tell more.
    Maybe(usize),
    /// One.
    Hello(ClientHello),
}

/// Bytes of a message that is read; real ones take two thousand, mostly keys.
pub const HELLO_MAX: usize = 16 << 10;
/// Records that one is cut into.
const RECORDS_MAX: usize = 64;
const RECORD_HEADER: usize = 5;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// Letters of a host name (RFC 1035 §2.3.4), and protocols kept.
const NAME_MAX: usize = 255;
const PROTOCOLS_MAX: usize = 8;

const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPTED: u16 = 0xfe0d;

/// Whether a connection may begin so: looked at before anything is held.
#[must_use]
pub fn may_open(bytes: &[u8]) -> bool {
    match *bytes {
        [HANDSHAKE, 3, minor, ..] => minor <= 4,
        [HANDSHAKE, 3] | [HANDSHAKE] => true,
        _ => false,
    }
}

/// Reads the message at the start of `bytes`.
#[must_use]
pub fn read(bytes: &[u8]) -> Opening {
    if !may_open(bytes) {
        return Opening::None;
    }
    let mut message = Vec::new();
    let mut rest = bytes;
    for _ in 0..RECORDS_MAX {
        let taken = bytes.len().saturating_sub(rest.len());
        let Some((header, behind)) = rest.split_first_chunk::<RECORD_HEADER>() else {
            let fits = rest.is_empty() || may_open(rest);
            let need = taken.saturating_add(RECORD_HEADER);
            return if fits { Opening::Maybe(need) } else { Opening::None };
        };
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if !may_open(header) || length == 0 || length > HELLO_MAX {
            return Opening::None;
        }
        let part = behind.get(..length.min(behind.len())).unwrap_or_default();
        message.extend_from_slice(part);
        match whole(&message) {
            Whole::No => return Opening::None,
            Whole::Yes(body) => return hello(body).map_or(Opening::None, Opening::Hello),
            Whole::Open => {}
        }
        let Some(next) = behind.get(length..) else {
            return Opening::Maybe(taken.saturating_add(RECORD_HEADER).saturating_add(length));
        };
        rest = next;
    }
    Opening::None
}

enum Whole<'a> {
    No,
    Open,
    Yes(&'a [u8]),
}

/// The body of a handshake message, where it is all there.
fn whole(message: &[u8]) -> Whole<'_> {
    match message.first() {
        None => return Whole::Open,
        Some(&CLIENT_HELLO) => {}
        Some(_) => return Whole::No,
    }
    let Some(([_, high, middle, low], body)) = message.split_first_chunk::<4>() else {
        return Whole::Open;
    };
    let length = usize::try_from(u32::from_be_bytes([0, *high, *middle, *low])).unwrap_or(0);
    if length > HELLO_MAX {
        return Whole::No;
    }
    body.get(..length).map_or(Whole::Open, Whole::Yes)
}

/// What is left of a message.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    fn number(&mut self) -> Option<u16> {
        self.take(2)?.first_chunk().map(|bytes| u16::from_be_bytes(*bytes))
    }

    /// Bytes behind a length of one byte, and of two.
    fn short(&mut self) -> Option<&'a [u8]> {
        let length = self.byte()?;
        self.take(usize::from(length))
    }

    fn long(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}

fn hello(body: &[u8]) -> Option<ClientHello> {
    let mut rest = Rest(body);
    let [3, _] = rest.take(2)? else { return None };
    rest.take(32)?;
    rest.short()?;
    rest.long()?;
    rest.short()?;
    let mut hello = ClientHello::default();
    let mut extensions = Rest(rest.long().unwrap_or_default());
    while let (Some(kind), Some(data)) = (extensions.number(), extensions.long()) {
        match kind {
            SERVER_NAME if hello.server_name.is_none() => hello.server_name = server_name(data),
            ALPN if hello.protocols.is_empty() => hello.protocols = protocols(data),
            ENCRYPTED => hello.encrypted = true,
            _ => {}
        }
    }
    Some(hello)
}

/// The host (RFC 6066 §3).
fn server_name(data: &[u8]) -> Option<String> {
    let mut names = Rest(Rest(data).long()?);
    while let (Some(kind), Some(name)) = (names.byte(), names.long()) {
        if kind == 0 {
            let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._".contains(byte);
            let name = name.strip_suffix(b".").unwrap_or(name);
            let fits = !name.is_empty() && name.len() <= NAME_MAX && name.iter().all(plain);
            return fits.then(|| String::from_utf8_lossy(name).to_ascii_lowercase());
        }
    }
    None
}

/// The protocols (RFC 7301 §3.1), without those that only keep servers from growing stiff
/// (GREASE, RFC 8701).
fn protocols(data: &[u8]) -> Vec<String> {
    let mut names = Rest(Rest(data).long().unwrap_or_default());
    let mut out = Vec::new();
    while let Some(name) = names.short() {
        let grease = matches!(*name, [a, b] if a == b && a & 0x0f == 0x0a);
        let plain = name.iter().all(u8::is_ascii_graphic) && !name.is_empty() && !grease;
        if plain && out.len() < PROTOCOLS_MAX {
            out.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn long(data: &[u8]) -> Vec<u8> {
        [&u16::try_from(data.len()).unwrap().to_be_bytes(), data].concat()
    }

    fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &long(data)].concat()
    }

    fn sni(name: &str) -> Vec<u8> {
        extension(0, &long(&[&[0], &long(name.as_bytes())[..]].concat()))
    }

    /// A message as browsers send it: GREASE in front, keys of more than a segment.
    fn message(extensions: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.extend([32]);
        body.extend([9; 32]);
        body.extend(long(&[0x0a, 0x0a, 0x13, 1, 0x13, 2]));
        body.extend([1, 0]);
        body.extend(long(&extensions.concat()));
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        [&[1, length[1], length[2], length[3]], &body[..]].concat()
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        message.chunks(size).flat_map(|part| [&[22, 3, 1][..], &long(part)].concat()).collect()
    }

    fn usual() -> Vec<u8> {
        message(&[
            extension(0x1a1a, b""),
            sni("API.Example.com"),
            extension(16, &long(b"\x02\x1a\x1a\x02h2\x08http/1.1")),
            extension(51, &[5; 1300]),
        ])
    }

    fn expected() -> Opening {
        Opening::Hello(ClientHello {
            server_name: Some("api.example.com".into()),
            protocols: vec!["h2".into(), "http/1.1".into()],
            encrypted: false,
        })
    }

    #[test]
    fn however_it_is_cut_into_records_and_segments_it_says_the_same() {
        for size in [9000, 700, 100, 36] {
            let bytes = records(&usual(), size);
            assert_eq!(read(&bytes), expected(), "{size}");
            let mut need = 1;
            for cut in 0..bytes.len() {
                match read(&bytes[..cut]) {
                    Opening::Maybe(more) => {
                        assert!(more > cut, "{cut}");
                        need = more;
                    }
                    Opening::None => assert_eq!(cut, 0),
                    early @ Opening::Hello(_) => assert_eq!((early, cut), (expected(), 0)),
                }
            }
            assert!(need <= bytes.len(), "{need}");
        }
        let behind = [records(&usual(), 9000), b"\x14\x03\x03\x00\x01\x01".to_vec()].concat();
        assert_eq!(read(&behind), expected(), "what follows is not its");
    }

    #[test]
    fn a_hidden_name_leaves_the_one_in_front() {
        let hidden = message(&[sni("front.example"), extension(0xfe0d, &[1; 180])]);
        let Opening::Hello(hello) = read(&records(&hidden, 9000)) else { panic!() };
        assert_eq!((hello.server_name.as_deref(), hello.encrypted), (Some("front.example"), true));
        let nameless = message(&[extension(0x2a2a, b"")]);
        assert_eq!(read(&records(&nameless, 9000)), Opening::Hello(ClientHello::default()));
    }

    #[test]
    fn nothing_else_is_taken_for_one() {
        let server = [&[22, 3, 3][..], &long(&[2, 0, 0, 40]), &[0; 40]].concat();
        let alert = b"\x15\x03\x01\x00\x02\x02\x28".to_vec();
        let data = b"\x17\x03\x03\x00\x20".to_vec();
        let huge = [&[22, 3, 1][..], &long(&[1, 1, 0, 0])].concat();
        let tiny = records(&usual(), 1);
        for other in [server, alert, data, huge, tiny, b"GET / HTTP/1.1".to_vec(), Vec::new()] {
            assert_eq!(
                read(&other),
                Opening::None,
                "{}",
                other[..other.len().min(9)].escape_ascii()
            );
        }
        let odd = message(&[extension(0, &long(&[&[0], &long(b"a b\x00c")[..]].concat()))]);
        assert_eq!(read(&records(&odd, 9000)), Opening::Hello(ClientHello::default()));
    }
}
