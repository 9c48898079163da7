//! Secrets that text gives away by a name before them: `password=…`, `"token": "…"`.

use super::names::NameClass;
use super::{Span, Spans, named};
use crate::bytes::{before, byte, is_random, part, run_end, run_start};

/// Finds `name=value`, `"name":"value"` and `password: value` in `text`; `class` tells what a name
/// says of its value.
pub(super) fn find(text: &str, class: impl Fn(&str) -> Option<NameClass>, spans: &mut Spans) {
    let bytes = text.as_bytes();
    let mut done = 0_usize;
    for at in memchr::memchr3_iter(b'=', b':', b'%', bytes) {
        let (sign, after) = match byte(bytes, at) {
            b'%' => match bytes.get(at..at.saturating_add(3)) {
                Some(b"%3D" | b"%3d") => (b'=', at.saturating_add(3)),
                _ => continue,
            },
            sign => (sign, at.saturating_add(1)),
        };
        // What lies inside a value that was found belongs to it.
        if at < done {
            continue;
        }
        if let Some((start, end, what)) = value(text, &class, (at, after, sign)) {
            spans.add(start, end, what);
            done = end;
        }
    }
}

fn value(
    text: &str,
    class: &impl Fn(&str) -> Option<NameClass>,
    (at, after, sign): (usize, usize, u8),
) -> Option<Span> {
    let bytes = text.as_bytes();
    let mut name_end = at;
    while matches!(before(bytes, name_end), b' ' | b'"' | b'\'' | b'\\') && name_end > 0 {
        name_end = name_end.saturating_sub(1);
    }
    let quoted = before(bytes, at) == b'"' || before(bytes, at) == b'\'';
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'[' | b']');
    let name_start = run_start(bytes, name_end, 64, named);
    let name = part(text, name_start, name_end);
    // After an encoded separator (`%26token=`) its digits stick to the name.
    let name = if before(bytes, name_start) == b'%' { name.get(2..)? } else { name };
    // No secret's name has fewer letters (`pin`, `otp`, `pwd`); times and ports do.
    if name.bytes().filter(u8::is_ascii_alphabetic).count() < 3 {
        return None;
    }
    let class = class(name)?;
    if sign == b':' && !quoted && class != NameClass::Password {
        return None;
    }
    let mut start = after;
    while matches!(byte(bytes, start), b' ' | b'\\') {
        start = start.saturating_add(1);
    }
    let quote = byte(bytes, start);
    let end = if matches!(quote, b'"' | b'\'') {
        start = start.saturating_add(1);
        run_end(bytes, start, |b| b != quote && b != b'\\')
    } else {
        let stop = |b: u8| {
            b <= 0x20 || matches!(b, b'&' | b';' | b',' | b'"' | b'\'' | b'<' | b'>' | b'}' | b')')
        };
        let end = run_end(bytes, start, |b| !stop(b));
        part(text, start, end).find("%26").map_or(end, |cut| start.saturating_add(cut))
    };
    let value = part(text, start, end);
    let value = value.strip_prefix("Bearer ").unwrap_or(value);
    let start = end.saturating_sub(value.len());
    // A variable of a GraphQL document, and its type (`password: $password`, `$password: String!`).
    let variable = |text: &str| {
        let name = text.strip_prefix('$').unwrap_or_default();
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    let declared = before(bytes, name_start) == b'$' && sign == b':';
    if declared || sign == b':' && variable(value) {
        return None;
    }
    if value.is_empty() || value.starts_with('<') || matches!(value, "true" | "false" | "null") {
        return None;
    }
    let there = match class {
        NameClass::Session => is_random(value, 16),
        NameClass::Random | NameClass::BareCode => is_random(value, 20),
        // Addresses hold spaces: they are told by the words before them.
        NameClass::Phone | NameClass::Address | NameClass::NumberOfPerson => false,
        _ => true,
    };
    let what = named::what(class, value, false).filter(|_| there)?;
    Some((start, end, what))
}
