//! Protobuf messages without their schema: fields by number (`f1.f2`), as the wire format tells.

use super::paths::{PathId, ROOT};
use super::{Scalar, Sink};
use crate::bytes::byte;
use stilt_model::Place;

/// Deepest nesting of messages that is followed.
const DEPTH_MAX: usize = 16;

/// One field as it stands on the wire.
enum Field<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Bytes(&'a [u8]),
}

/// Whether a media type is one of protobuf's, and whether messages are framed as gRPC frames them.
pub(crate) fn is_media(media: &str) -> Option<bool> {
    if media.starts_with("application/grpc") && !media.contains("json") && !media.contains("text") {
        return Some(true);
    }
    let known = ["protobuf", "x-protobuf", "vnd.google.protobuf", "x-google-protobuf"];
    let kind = media.strip_prefix("application/")?;
    known.contains(&kind).then_some(false)
}

/// Reads a message, or several in frames of a flag, four bytes of length and the message.
pub(crate) fn read(body: &[u8], framed: bool, sink: &mut Sink<'_>) {
    if !framed {
        sink.cut |= !message(body, ROOT, 0, sink);
        return;
    }
    let mut rest = body;
    while let Some((head, tail)) = rest.split_first_chunk::<5>() {
        let [flag, length @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let Some(one) = tail.get(..length) else {
            sink.cut = true;
            return;
        };
        // A compressed message, and the trailers of gRPC-Web, are no fields.
        if flag == 0 && !message(one, ROOT, 0, sink) {
            sink.cut = true;
            return;
        }
        rest = tail.get(length..).unwrap_or_default();
    }
}

/// Adds the fields of one message; `false` where it ends in the middle or is none.
fn message(bytes: &[u8], path: PathId, depth: usize, sink: &mut Sink<'_>) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        let Some((number, field, tail)) = next(rest) else { return false };
        rest = tail;
        let at = sink.child(path, format!("f{number}").as_bytes());
        let more = match field {
            Field::Varint(value) | Field::Fixed64(value) => {
                sink.add(Place::Protobuf, at, 0, Scalar::Number(&value.to_string()))
            }
            Field::Fixed32(value) => {
                sink.add(Place::Protobuf, at, 0, Scalar::Number(&value.to_string()))
            }
            Field::Bytes(inner) => match text(inner) {
                Some(text) => sink.add(Place::Protobuf, at, 0, Scalar::Text(text.into())),
                None if depth < DEPTH_MAX && is_message(inner) => {
                    message(inner, at, depth.saturating_add(1), sink)
                }
                None => true,
            },
        };
        if !more {
            return false;
        }
    }
    true
}

/// Bytes that are text: valid, and not begun by a control character, as a message is.
fn text(bytes: &[u8]) -> Option<&str> {
    let text = core::str::from_utf8(bytes).ok()?;
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
    (!text.is_empty() && !byte(bytes, 0).is_ascii_control() && text.chars().all(plain))
        .then_some(text)
}

/// The bytes are fields from end to end.
fn is_message(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while !rest.is_empty() {
        match next(rest) {
            Some((.., tail)) => rest = tail,
            None => return false,
        }
    }
    !bytes.is_empty()
}

fn next(bytes: &[u8]) -> Option<(u64, Field<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = tag >> 3;
    if number == 0 || number > 0x1fff_ffff {
        return None;
    }
    let (field, rest) = match tag & 7 {
        0 => varint(rest).map(|(value, rest)| (Field::Varint(value), rest))?,
        1 => {
            let (eight, rest) = rest.split_first_chunk::<8>()?;
            (Field::Fixed64(u64::from_le_bytes(*eight)), rest)
        }
        2 => {
            let (length, rest) = varint(rest)?;
            let (inner, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Field::Bytes(inner), rest)
        }
        5 => {
            let (four, rest) = rest.split_first_chunk::<4>()?;
            (Field::Fixed32(u32::from_le_bytes(*four)), rest)
        }
        _ => return None,
    };
    Some((number, field, rest))
}

/// Seven bits a byte, the lowest first; at most ten bytes.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0_u64;
    for (at, byte) in bytes.iter().take(10).enumerate() {
        let shift = u32::try_from(at).ok()?.checked_mul(7)?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at.saturating_add(1)..)?));
        }
    }
    None
}
