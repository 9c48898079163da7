//! Small helpers over untrusted bytes: no indexing, no overflow.

use std::borrow::Cow;

/// The byte at `at`, 0 where there is none.
pub(crate) fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The byte before `at`, 0 where there is none.
pub(crate) fn before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |at| byte(bytes, at))
}

/// A part of a text; empty where the bounds are no character boundaries.
pub(crate) fn part(text: &str, start: usize, end: usize) -> &str {
    text.get(start..end).unwrap_or_default()
}

/// Bytes as text; what is no UTF-8 is replaced. Nearly all bytes are: that is checked first, which
/// is much faster.
pub(crate) fn lossy(bytes: &[u8]) -> Cow<'_, str> {
    core::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// At most `max` bytes of `text`, cut on a character boundary.
pub(crate) fn prefix(text: &str, max: usize) -> &str {
    if text.len() <= max {
        return text;
    }
    let end = (0..=max).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    part(text, 0, end)
}

/// Length of the run from `start` whose bytes all satisfy `wanted`, as its end.
pub(crate) fn run_end(bytes: &[u8], start: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let tail = bytes.get(start..).unwrap_or_default();
    start.saturating_add(tail.iter().position(|byte| !wanted(*byte)).unwrap_or(tail.len()))
}

/// As [`run_end`], for a run of which no more than `max` bytes matter.
pub(crate) fn run_end_within(
    bytes: &[u8],
    start: usize,
    max: usize,
    wanted: impl Fn(u8) -> bool,
) -> usize {
    let limit = start.saturating_add(max).min(bytes.len());
    run_end(bytes.get(..limit).unwrap_or_default(), start, wanted)
}

/// Start of the run that ends before `end` and whose bytes all satisfy `wanted`, at most `max`
/// long.
pub(crate) fn run_start(
    bytes: &[u8],
    end: usize,
    max: usize,
    wanted: impl Fn(u8) -> bool,
) -> usize {
    let head = bytes.get(end.saturating_sub(max)..end).unwrap_or_default();
    end.saturating_sub(head.iter().rev().take_while(|byte| wanted(**byte)).count())
}

/// The length as records carry it.
pub(crate) fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// Undoes percent-encoding, and `+` for a space where `plus` is set. What is malformed stays.
pub(crate) fn percent_decode(raw: &str, plus: bool) -> Cow<'_, str> {
    let bytes = raw.as_bytes();
    let encoded = memchr::memchr(b'%', bytes).is_some();
    let spaces = plus && memchr::memchr(b'+', bytes).is_some();
    if !encoded && !spaces {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0_usize;
    while let Some(&byte) = bytes.get(at) {
        let pair = (byte == b'%')
            .then(|| hex_pair(bytes.get(at.saturating_add(1)..at.saturating_add(3))?))
            .flatten();
        match (pair, byte) {
            (Some(value), _) => {
                out.push(value);
                at = at.saturating_add(3);
                continue;
            }
            (None, b'+') if plus => out.push(b' '),
            (None, other) => out.push(other),
        }
        at = at.saturating_add(1);
    }
    Cow::Owned(match String::from_utf8(out) {
        Ok(text) => text,
        Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
    })
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let mut digits = pair.iter().map(|byte| char::from(*byte).to_digit(16));
    let (high, low) = (digits.next()??, digits.next()??);
    u8::try_from(high.checked_shl(4)? | low).ok()
}

/// FNV-1a over 64 bits: for hashes of public words that must not change between runs.
pub(crate) fn fnv(start: u64, bytes: impl IntoIterator<Item = u8>) -> u64 {
    bytes
        .into_iter()
        .fold(start, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// Where FNV-1a starts.
pub(crate) const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

/// A UUID in its usual form of 36 characters.
pub(crate) fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 36
        && [8, 13, 18, 23].iter().all(|at| byte(bytes, *at) == b'-')
        // Counted, not searched: that runs over many bytes at once.
        && bytes.iter().map(|byte| u8::from(!byte.is_ascii_hexdigit())).fold(0, u8::wrapping_add)
            == 4
}

/// End of the UUID that the byte at `at` belongs to, where it belongs to one.
pub(crate) fn uuid_around(bytes: &[u8], at: usize) -> Option<usize> {
    const LENGTH: usize = 36;
    let inside = |b: u8| b.is_ascii_hexdigit() || b == b'-';
    let first = run_start(bytes, at, LENGTH.saturating_sub(1), inside);
    (first..=at).find_map(|from| {
        let end = from.saturating_add(LENGTH);
        let text = bytes.get(from..end).and_then(|part| core::str::from_utf8(part).ok())?;
        let alone = !before(bytes, from).is_ascii_alphanumeric()
            && !byte(bytes, end).is_ascii_alphanumeric();
        (alone && is_uuid(text)).then_some(end)
    })
}

/// Looks drawn at random, as tokens are: letters and digits mixed, no words joined by dashes.
pub(crate) fn is_random(text: &str, min: usize) -> bool {
    if text.len() < min || text.len() > 16_384 {
        return false;
    }
    let mut seen = [0_u16; 128];
    let (mut lower, mut upper, mut digit) = (0_usize, 0_usize, 0_usize);
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' => lower = lower.saturating_add(1),
            b'A'..=b'Z' => upper = upper.saturating_add(1),
            b'0'..=b'9' => digit = digit.saturating_add(1),
            b'-' | b'_' | b'.' | b'+' | b'/' | b'=' | b'~' | b'%' | b':' | b'!' | b'*' => {}
            _ => return false,
        }
        if let Some(count) = seen.get_mut(usize::from(byte)) {
            *count = count.saturating_add(1);
        }
    }
    let distinct = seen.iter().filter(|count| **count > 0).count();
    let letters = lower.saturating_add(upper);
    if distinct < 8 || letters == 0 {
        return false;
    }
    let words = text.split(['-', '_', '.', '/', '+', ':']).all(|word| {
        let body = word.trim_end_matches(|c: char| c.is_ascii_digit());
        let plain = body.bytes().all(|byte| byte.is_ascii_alphabetic());
        let rest = body.get(1..).unwrap_or_default();
        plain && (rest.bytes().all(|b| b.is_ascii_lowercase()) || body.len() <= 3)
            || body.len() <= 12 && body.bytes().all(|b| b.is_ascii_uppercase())
    });
    !words && (digit >= 1 || (lower > 2 && upper > 2))
}

/// The end of `text`, of at most `max` bytes.
pub(crate) fn suffix(text: &str, max: usize) -> &str {
    let from = text.len().saturating_sub(max);
    let from = (from..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(from);
    text.get(from..).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_encoding_is_undone_and_malformed_parts_stay() {
        let check = |raw: &str, plus: bool, expected: &str| {
            assert_eq!(percent_decode(raw, plus), expected, "{raw}");
        };
        check("a%20b%2Fc", false, "a b/c");
        check("a+b", true, "a b");
        check("a+b", false, "a+b");
        check("100%", false, "100%");
        check("%4", false, "%4");
        check("%zz%41", false, "%zzA");
        check("%C3%A9", false, "é");
        check("%ff", false, "\u{fffd}");
    }

    #[test]
    fn random_values_are_told_from_slugs_and_words() {
        for text in [
            "8f14e45fceea167a5a36dedd4bea2543",
            "Zk3vQ9mT2xLr8YbN5cWp",
            "dGhpcy1pcy1hLXRva2Vu",
            "a1B2c3D4e5F6g7H8i9J0",
        ] {
            assert!(is_random(text, 16), "{text}");
        }
        for text in [
            "my-first-product-2024",
            "order_created_by_customer",
            "1700000000000000000",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "wireless-headphones-black",
            "ORDER-2024-000017-EUROPE",
            "two words that are not random at all",
        ] {
            assert!(!is_random(text, 16), "{text}");
        }
    }

    #[test]
    fn cutting_never_splits_a_character() {
        assert_eq!(prefix("aéb", 2), "a");
        assert_eq!(prefix("aéb", 3), "aé");
        assert_eq!(prefix("abc", 9), "abc");
    }
}
