//! Where a body ends (RFC 9112 §6.3).

use super::{Likeness, note};
use stilt_model::{Anomaly, Message};

/// How the body of a message is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// Until the connection closes.
    UntilClose,
    /// Chunked if it looks like it, else so many bytes (`None`: as if nothing were declared).
    Doubtful(Option<u64>),
    /// There is none, and what follows is no HTTP (CONNECT, Upgrade).
    Opaque,
}

/// What the headers say, before method and status come into it.
#[derive(Default)]
struct Declared {
    /// The last transfer coding is `chunked`, and nothing about it is odd.
    chunked: bool,
    /// `chunked` stands there, but so that readers differ about it.
    doubtful: bool,
    length: Option<u64>,
    /// Some Transfer-Encoding whose end can't be found.
    unbounded: bool,
}

fn declared(message: &mut Message) -> Declared {
    let mut odd = Vec::new();
    let mut found = Declared::default();
    let (mut coded, mut mentioned) = (false, false);
    let head = &message.head;
    for (name, value) in &head.headers {
        // A blank before the colon: some readers pass such a header over (RFC 9112 §5.1).
        let plain = head.raw.get(name.1 as usize) == Some(&b':');
        let (name, value) = (head.bytes(*name), head.bytes(*value));
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                match (found.length, length(value)) {
                    (_, None) => odd.push(Anomaly::BadContentLength),
                    (None, length) => found.length = length,
                    (first, second) if first != second => odd.push(Anomaly::BadContentLength),
                    _ => {}
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                coded = true;
                let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                let lower = value.to_ascii_lowercase();
                let odd_bytes = value.iter().any(|byte| *byte < 0x20 && *byte != b'\t');
                found.chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
                let strange = !plain || odd_bytes;
                if strange || (!found.chunked && lower.trim_ascii() != b"identity") {
                    odd.push(Anomaly::BadTransferEncoding);
                    found.doubtful |= strange;
                }
                mentioned |= memchr::memmem::find(&lower, b"chunked").is_some();
            }
            _ => {}
        }
    }
    if coded && found.length.is_some() {
        odd.push(Anomaly::LengthAndChunked);
    }
    found.doubtful = mentioned && (found.doubtful || !found.chunked);
    found.chunked &= !found.doubtful;
    found.unbounded = coded && !found.chunked && found.length.is_none();
    for anomaly in odd {
        note(message, anomaly);
    }
    found
}

/// A length, or a list of equal ones (RFC 9110 §8.6).
fn length(value: &[u8]) -> Option<u64> {
    let mut numbers = value.split(|byte| *byte == b',').map(|part| number(part.trim_ascii()));
    let first = numbers.next()??;
    numbers.all(|number| number == Some(first)).then_some(first)
}

/// Digits only: `+1`, `0x1` and the like are no length. What a signed 64-bit number does not hold
/// no server takes for one.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: i64 = core::str::from_utf8(text).ok()?.parse().ok()?;
    u64::try_from(number).ok()
}

/// Where a body is said to be chunked in a way that readers differ about, its first bytes tell:
/// a hexadecimal number, then a line end or an extension.
pub(super) fn looks_chunked(bytes: &[u8]) -> Likeness {
    let digits = bytes.iter().take(17).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match (digits, bytes.get(digits..).unwrap_or_default()) {
        (1..=16, [b';' | b'\n', ..] | [b'\r', b'\n', ..]) => Likeness::Yes,
        (0..=16, []) | (1..=16, [b'\r']) => Likeness::Maybe,
        _ => Likeness::No,
    }
}

impl Framing {
    /// Framing of a request.
    #[must_use]
    pub fn of_request(message: &mut Message) -> Self {
        let declared = declared(message);
        if declared.chunked {
            return Self::Chunked;
        }
        if declared.doubtful {
            return Self::Doubtful(declared.length);
        }
        declared.length.map_or(Self::None, Self::Length)
    }

    /// Framing of a response to a request of this method (empty where it was not seen).
    #[must_use]
    pub fn of_response(message: &mut Message, method: &[u8]) -> Self {
        let declared = declared(message);
        let status = message.head.status;
        if status == 101 || (method == b"CONNECT" && (200..300).contains(&status)) {
            return Self::Opaque;
        }
        if method == b"HEAD" || (100..200).contains(&status) || status == 204 || status == 304 {
            return Self::None;
        }
        if declared.chunked {
            return Self::Chunked;
        }
        if declared.doubtful {
            return Self::Doubtful(declared.length);
        }
        match declared.length {
            Some(length) if !declared.unbounded => Self::Length(length),
            _ => Self::UntilClose,
        }
    }
}
