//! Where a body ends (RFC 9112 §6.3).

use super::note;
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
    /// There is none, and what follows is no HTTP (CONNECT, Upgrade).
    Opaque,
}

/// What the headers say, before method and status come into it.
struct Declared {
    chunked: bool,
    length: Option<u64>,
    /// Some Transfer-Encoding whose end can't be found.
    unbounded: bool,
}

fn declared(message: &mut Message) -> Declared {
    let mut odd = Vec::new();
    let mut length = None;
    let (mut chunked, mut coded) = (false, false);
    for (name, value) in message.head.headers() {
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                // A list of equal values counts as one (RFC 9110 §8.6).
                for part in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    let number = number(part);
                    match (length, number) {
                        (_, None) => odd.push(Anomaly::BadContentLength),
                        (None, Some(_)) => length = number,
                        (Some(first), Some(second)) if first != second => {
                            odd.push(Anomaly::BadContentLength);
                        }
                        _ => {}
                    }
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                coded = true;
                let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
                let last = last.trim_ascii();
                chunked = last.eq_ignore_ascii_case(b"chunked");
                let lower = value.to_ascii_lowercase();
                let odd_bytes = value.iter().any(|byte| *byte < 0x20 && *byte != b'\t');
                if !chunked && memchr::memmem::find(&lower, b"chunked").is_some() {
                    // `xchunked`, `chunked;q=1`: what most servers make of it.
                    odd.push(Anomaly::BadTransferEncoding);
                    chunked = !lower.starts_with(b"xchunked");
                } else if (!chunked && lower.trim_ascii() != b"identity") || (chunked && odd_bytes)
                {
                    odd.push(Anomaly::BadTransferEncoding);
                }
            }
            _ => {}
        }
    }
    if coded && length.is_some() {
        odd.push(Anomaly::LengthAndChunked);
    }
    for anomaly in odd {
        note(message, anomaly);
    }
    Declared { chunked, length, unbounded: coded && !chunked && length.is_none() }
}

/// Digits only: `+1`, `0x1` and the like are no length.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    core::str::from_utf8(text).ok()?.parse().ok()
}

impl Framing {
    /// Framing of a request.
    #[must_use]
    pub fn of_request(message: &mut Message) -> Self {
        let declared = declared(message);
        if declared.chunked {
            return Self::Chunked;
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
        if method == b"HEAD" || status < 200 || status == 204 || status == 304 {
            return Self::None;
        }
        if declared.chunked {
            return Self::Chunked;
        }
        match declared.length {
            Some(length) if !declared.unbounded => Self::Length(length),
            _ => Self::UntilClose,
        }
    }
}
