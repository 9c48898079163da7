//! Bank account numbers (ISO 13616): country length and mod-97 check.

use super::{Spans, What};
use crate::bytes::{before, byte, uuid_around};
use stilt_model::Sensitive;

const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24),
    (b"AE", 23),
    (b"AL", 28),
    (b"AT", 20),
    (b"AZ", 28),
    (b"BA", 20),
    (b"BE", 16),
    (b"BG", 22),
    (b"BH", 22),
    (b"BR", 29),
    (b"BY", 28),
    (b"CH", 21),
    (b"CR", 22),
    (b"CY", 28),
    (b"CZ", 24),
    (b"DE", 22),
    (b"DK", 18),
    (b"DO", 28),
    (b"EE", 20),
    (b"EG", 29),
    (b"ES", 24),
    (b"FI", 18),
    (b"FO", 18),
    (b"FR", 27),
    (b"GB", 22),
    (b"GE", 22),
    (b"GI", 23),
    (b"GL", 18),
    (b"GR", 27),
    (b"GT", 28),
    (b"HR", 21),
    (b"HU", 28),
    (b"IE", 22),
    (b"IL", 23),
    (b"IQ", 23),
    (b"IS", 26),
    (b"IT", 27),
    (b"JO", 30),
    (b"KW", 30),
    (b"KZ", 20),
    (b"LB", 28),
    (b"LC", 32),
    (b"LI", 21),
    (b"LT", 20),
    (b"LU", 20),
    (b"LV", 21),
    (b"LY", 25),
    (b"MC", 27),
    (b"MD", 24),
    (b"ME", 22),
    (b"MK", 19),
    (b"MR", 27),
    (b"MT", 31),
    (b"MU", 30),
    (b"NL", 18),
    (b"NO", 15),
    (b"PK", 24),
    (b"PL", 28),
    (b"PS", 29),
    (b"PT", 25),
    (b"QA", 29),
    (b"RO", 24),
    (b"RS", 22),
    (b"SA", 24),
    (b"SC", 31),
    (b"SE", 24),
    (b"SI", 19),
    (b"SK", 24),
    (b"SM", 27),
    (b"ST", 25),
    (b"SV", 28),
    (b"TL", 23),
    (b"TN", 24),
    (b"TR", 26),
    (b"UA", 29),
    (b"VA", 22),
    (b"VG", 24),
    (b"XK", 20),
];

/// Countries whose numbers have no letter after the first two (SWIFT, IBAN Registry).
const DIGITS: &[&[u8; 2]] = &[
    b"AE", b"AT", b"BA", b"BE", b"CR", b"CZ", b"DE", b"DK", b"EE", b"EG", b"ES", b"FI", b"FO",
    b"GL", b"HR", b"HU", b"IL", b"IS", b"LT", b"LY", b"ME", b"MR", b"NO", b"PL", b"PT", b"RS",
    b"SE", b"SI", b"SK", b"TL", b"TN", b"VA", b"XK",
];

/// Finds account numbers in `text`, in one piece or in groups parted by a space, dash or dot.
pub(super) fn find(text: &str, spans: &mut Spans) {
    let bytes = text.as_bytes();
    let mut at = 0_usize;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= 15) {
        let letters = byte(rest, 0).is_ascii_alphabetic() && byte(rest, 1).is_ascii_alphabetic();
        let check = byte(rest, 2).is_ascii_digit() && byte(rest, 3).is_ascii_digit();
        if letters && check && !before(bytes, at).is_ascii_alphanumeric() {
            let country = [byte(rest, 0).to_ascii_uppercase(), byte(rest, 1).to_ascii_uppercase()];
            let wanted = LENGTHS.iter().find(|(code, _)| **code == country).map(|(_, n)| *n);
            if let Some(end) = wanted.and_then(|wanted| matches(rest, wanted))
                && uuid_around(bytes, at).is_none()
            {
                let end = at.saturating_add(end);
                spans.add(at, end, What::of(Sensitive::Iban));
                at = end;
                continue;
            }
        }
        at = at.saturating_add(1);
    }
}

/// End of a valid number of `wanted` characters at the start of `rest`.
fn matches(rest: &[u8], wanted: usize) -> Option<usize> {
    let mut number = Vec::with_capacity(wanted);
    let mut end = 0_usize;
    while number.len() < wanted {
        let here = byte(rest, end);
        if here.is_ascii_alphanumeric() {
            number.push(here.to_ascii_uppercase());
        } else if !(matches!(here, b' ' | b'-' | b'.')
            && before(rest, end).is_ascii_alphanumeric()
            && number.len() >= 4)
        {
            return None;
        }
        end = end.saturating_add(1);
    }
    let ends = !byte(rest, end).is_ascii_alphanumeric();
    let digits = DIGITS.iter().any(|country| number.starts_with(*country));
    let plain = number.iter().skip(2).all(u8::is_ascii_digit);
    (ends && (plain || !digits) && checks(&number)).then_some(end)
}

/// Whether a field of such a name holds one.
pub(super) fn is_iban(text: &str) -> bool {
    let text = text.trim();
    let country = LENGTHS.iter().find(|(code, _)| {
        text.as_bytes().get(..2).is_some_and(|lead| lead.eq_ignore_ascii_case(*code))
    });
    country.is_some_and(|(_, wanted)| matches(text.as_bytes(), *wanted) == Some(text.len()))
}

/// Mod-97 over the number with its first four characters moved to the end.
pub(super) fn checks(number: &[u8]) -> bool {
    let (head, tail) = number.split_at(number.len().min(4));
    let mut rest = 0_u32;
    for byte in tail.iter().chain(head) {
        let Some(value) = char::from(*byte).to_digit(36) else {
            return false;
        };
        let shift = if value > 9 { 100 } else { 10_u32 };
        rest = rest.saturating_mul(shift).saturating_add(value) % 97;
    }
    rest == 1
}
